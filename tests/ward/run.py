"""A whole ward in one thread on virtual time: server, pumps, EHR, clinicians as seeded scripts, and faults on every edge.

    verdict = ward_run(seed=1, lives=500)

An order life is one order of the EHR, from its message to its end: refused, rejected, expired, or run, changed, paused and cleared. After each step it
is checked that nothing started without a key, that no offer and no program ran twice; at quiet moments and at the end, that what a pump says of
itself is what the record says; at the end, that every acknowledged message was planned once and answered once.
"""

import asyncio
import json
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

from interop.adapters.store.memory import MemoryRecord
from interop.conduct import naming
from interop.conduct.documenting import ADMINISTRATIONS
from interop.conduct.infusions import infusion_at, run_on
from interop.conduct.sending import Became
from interop.domain.events.codec import decode
from interop.domain.events.programme import Planned
from interop.domain.lifecycle import infusion as infusions
from interop.wire.link.library import library_document
from pump_sim import keys
from pump_sim.config import Config
from pump_sim.library import read_library
from pump_sim.pump import Disconnected
from pump_sim.state import Run
from tests.conduct.virtual import LoopClock
from tests.conduct.virtual import run as on_virtual_time
from tests.conduct.ward import Ehr, Hospital, Said
from tests.ward.nurse import Nurse
from tests.ward.pumps import SimPump
from tests.wards.messages import a_dopamine_rgv, a_fluid_rgv, a_heparin_rgv, a_syringe_rgv, a_titration_rgv
from tests.wards.ward import demo_release, dtm


class Broken(AssertionError):
    """The ward run has seen what must never happen."""


@dataclass
class Faults:
    """One in so many of the occasions; 0: never."""

    line: int = 250  # a frame, either way
    ehr: int = 12  # an answer that the EHR gets
    crash_s: int = 240  # the server, every so many seconds
    power_s: int = 300  # some pump
    network_s: int = 120  # some pump, for a while


@dataclass
class Verdict:
    lives: int = 0
    acknowledged: int = 0
    starts: int = 0
    titrations: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    pressed: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    line_breaks: int = 0
    power_losses: int = 0
    compared: int = 0
    charted: int = 0
    seconds: float = 0.0
    alerts: Counter[str] = field(default_factory=Counter)


class WardRun:
    def __init__(self, seed: int, lives: int, pumps: int = 20, faults: Faults | None = None) -> None:
        self.seed, self.lives, self.count = seed, lives, pumps
        self.dice = random.Random(seed)
        self.faults = faults or Faults()
        self.quiet = False  # no faults any more: the end of the run
        self.verdict = Verdict()
        self.offers: Counter[str] = Counter()
        self.offered_to: dict[str, str] = {}
        self.runs_of_offer: Counter[str] = Counter()
        self.broken: Broken | None = None  # seen inside the server's own tasks, where nothing of a test may be raised
        self.chart: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.sent: dict[str, bytes] = {}  # control id → the message
        self.taken: set[str] = set()
        self.original: dict[str, str] = {}  # control id → the one whose bytes it repeats

    # ── the story ──

    async def story(self) -> Verdict:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("ehr story")  # a crash of the server ends everything but what is outside of it
        ehr = Ehr(behave=self._ehr, takes_s=0.02)
        self.hospital = await Hospital.open(pumps="real", ehr=ehr, record=MemoryRecord("node-a", LoopClock()))
        release = demo_release()
        library = read_library(library_document(release.library, release.care_areas.values()))
        self.pumps = [
            SimPump(self.hospital, self._config(number), library, self._breaks, self._word, self._frame)
            for number in range(1, self.count + 1)
        ]
        self.nurses = [Nurse(pump, random.Random(f"{self.seed} {pump.id}")) for pump in self.pumps]
        for pump in self.pumps:
            pump.switch_on()
        tasks = [asyncio.create_task(self._nursing(nurse), name=f"ehr nurse {nurse.pump.id}") for nurse in self.nurses]
        tasks += [asyncio.create_task(work, name=f"ehr fault {name}") for name, work in self._mishaps()]
        await asyncio.sleep(5)
        try:
            await self._orders(tasks)
            self.quiet = True
            await self._all_quiet(tasks)
            await self._check_the_end()
        finally:
            for task in tasks:
                task.cancel()
            for pump in self.pumps:
                for each in pump.tasks:
                    each.cancel()
        self.verdict.seconds = asyncio.get_running_loop().time()
        for nurse in self.nurses:
            self.verdict.pressed += nurse.done
        for alert in await self.hospital.alerts():
            self.verdict.alerts[alert] += 1
        return self.verdict

    def _config(self, number: int) -> Config:
        if number % 10 == 0:
            return Config(f"SYR-{number:04d}", "demo-syringe", "PEDS", faults=True)
        return Config(f"LVP-{number:04d}", "demo-lvp", "ICU", faults=True)

    async def _nursing(self, nurse: Nurse) -> None:
        while True:
            await asyncio.sleep(nurse.dice.uniform(1.5, 4))
            nurse.look(asyncio.get_running_loop().time())

    async def _orders(self, tasks: list["asyncio.Task[None]"]) -> None:
        number = 0
        while number < self.lives:
            await asyncio.sleep(self.dice.uniform(0.2, 2.4) * 40 / max(1, 2 * self.count))
            self._failed(tasks)
            number += 1
            self.verdict.lives += 1
            tasks.append(asyncio.create_task(self._send(self._order(number)), name=f"ehr order {number}"))
            if self.dice.randrange(20) == 0 and self.sent:
                again = self.dice.choice(list(self.sent)[-20:])
                tasks.append(asyncio.create_task(self._repeat(again, number), name=f"ehr repeat {number}"))
            tasks = self._without_the_done(tasks)

    @staticmethod
    def _without_the_done(tasks: list["asyncio.Task[None]"]) -> list["asyncio.Task[None]"]:
        return [task for task in tasks if not task.done() or task.exception()]

    def _failed(self, tasks: list["asyncio.Task[None]"]) -> None:
        if self.broken is not None:
            raise self.broken
        for task in tasks:
            if task.done() and not task.cancelled() and (fault := task.exception()) is not None:
                raise fault

    def _order(self, number: int) -> tuple[str, bytes]:
        now = self.hospital.clock.now()
        pump, channel = self._somewhere()
        common = {
            "message_id": f"G{number:06d}",
            "order": f"ORD-{number}",
            "pump": pump.id,
            "channel": channel if len(pump.pump.channels) > 1 else "",
            "patient": f"47{pump.id[-4:]}",
            "requested_at": dtm(now),
            "sent_at": dtm(now),
            "weight_at": dtm(now - timedelta(hours=1)),
            "location": "",
        }
        runs = pump.pump.channels[channel].run
        kind = self.dice.randrange(100)
        if runs is not None and _runs_dopamine(runs) and kind < 60:
            rate = str(self.dice.choice((8, 9, 11, 12)))
            return common["message_id"], a_titration_rgv(**{**common, "order": runs.programme.order, "rate": rate})
        if kind < 18:
            common["patient"] = "4799999"
        tenfold = kind in (18, 19, 20, 21)
        if pump.config.model == "demo-syringe":
            return common["message_id"], a_syringe_rgv(**{**common, "rate": "10" if tenfold else "1"})
        if kind < 60:
            return common["message_id"], a_dopamine_rgv(**{**common, "rate": "100" if tenfold else str(self.dice.choice((5, 10, 15, 22)))})
        if kind < 85:
            return common["message_id"], a_heparin_rgv(**{**common, "rate": "120" if tenfold else "12"})
        return common["message_id"], a_fluid_rgv(**{**common, "rate": "9999" if tenfold else "125"})

    def _somewhere(self) -> tuple[SimPump, str]:
        """Mostly a channel that is free, now and then any, and often one that runs what could be changed."""
        if self.dice.randrange(6) == 0:
            running = [
                (pump, id)
                for pump in self.pumps
                for id, channel in pump.pump.channels.items()
                if _runs_dopamine(channel.run) and channel.state.name == "INFUSING"
            ]
            if running:
                return self.dice.choice(running)
        pump = self.dice.choice(self.pumps)
        channel = self.dice.choice(list(pump.pump.channels))
        for _ in range(0 if self.dice.randrange(4) == 0 else 8):
            if pump.pump.channels[channel].state.name == "IDLE":
                break
            pump = self.dice.choice(self.pumps)
            channel = self.dice.choice(list(pump.pump.channels))
        return pump, channel

    async def _send(self, order: tuple[str, bytes]) -> None:
        """As an EHR does: until it is acknowledged, the same bytes."""
        control_id, message = order
        self.sent[control_id] = message
        for _ in range(200):
            answer = None if self.hospital.life.dead else await self.hospital.send(message)
            if answer is not None and answer.code != "CE":
                if answer.code == "CA":
                    self.taken.add(control_id)
                return
            await asyncio.sleep(1)

    async def _repeat(self, control_id: str, number: int) -> None:
        """A nurse presses Resend, or the network says it twice."""
        message = self.sent[control_id]
        if self.dice.randrange(2):
            again = f"R{number:06d}"
            self.original[again] = control_id
            message = message.replace(control_id.encode(), again.encode(), 1)
            await self._send((again, message))
        else:
            await self.hospital.send(message) if not self.hospital.life.dead else None

    # ── mishaps ──

    def _mishaps(self) -> list[tuple[str, Any]]:
        return [
            ("crash", self._now_and_then(self.faults.crash_s, self._crash)),
            ("power", self._now_and_then(self.faults.power_s, self._power)),
            ("network", self._now_and_then(self.faults.network_s, self._network)),
        ]

    async def _now_and_then(self, every_s: int, what: Any) -> None:
        while every_s:
            await asyncio.sleep(self.dice.uniform(0.3, 1.7) * every_s)
            if not self.quiet:
                await what()

    async def _crash(self) -> None:
        self.verdict.crashes += 1
        for pump in self.pumps:
            if pump.line is not None:
                line, pump.line = pump.line, None
                line.up = False
                pump.do(Disconnected())
        await self.hospital.crash()
        await asyncio.sleep(self.dice.uniform(0.5, 6))
        await self.hospital.begin()

    async def _power(self) -> None:
        self.verdict.power_losses += 1
        self.dice.choice(self.pumps).lose_power()

    async def _network(self) -> None:
        pump = self.dice.choice(self.pumps)
        pump.reachable = False
        pump.drop()
        self.verdict.line_breaks += 1
        await asyncio.sleep(self.dice.choice((3, 10, 45, 90)))
        pump.reachable = True

    def _breaks(self, way: str, what: str) -> str:
        if self.quiet or not self.faults.line or self.dice.randrange(self.faults.line):
            return ""
        self.verdict.line_breaks += 1
        return self.dice.choice(("before", "after", "lost"))

    def _ehr(self, number: int, said: Said) -> Became:
        if self.quiet or not self.faults.ehr or self.dice.randrange(self.faults.ehr):
            return Became.ACCEPTED
        return self.dice.choice((Became.TRY_AGAIN, Became.NO_ANSWER, Became.WRONG_ANSWER, Became.UNREACHABLE))

    # ── what must never happen, at each step ──

    def _word(self, pump: SimPump, what: Any, word: dict[str, Any]) -> None:
        """A word of the pump's own log, with what led to it."""
        match word:
            case {"frame": "event", "kind": "started", "run": run}:
                if not isinstance(what, keys.Start):
                    self._never(f"{pump.id} started by {type(what).__name__}, not by its start key")
                self.verdict.starts += 1
                offer_id = run.get("offer_id", "")
                if offer_id:
                    self.runs_of_offer[offer_id] += 1
                    if self.runs_of_offer[offer_id] > 1:
                        self._never(f"offer {offer_id} was started twice")
            case {"frame": "event", "kind": "resumed"}:
                if not isinstance(what, keys.Resume):
                    self._never(f"{pump.id} resumed by {type(what).__name__}, not by its start key")
            case {"frame": "event", "kind": "rate_changed", "cause": "offer"}:
                self.verdict.titrations += 1
                if not isinstance(what, keys.Confirm):
                    self._never(f"{pump.id} changed its rate by {type(what).__name__}, not by confirmation")

    def _frame(self, pump: SimPump, frame: dict[str, Any]) -> None:
        """A frame of the server, as it leaves, whether or not it arrives."""
        if frame["frame"] not in ("ack", "offer", "withdraw", "read_back", "associate", "dissociate", "library_available"):
            self._never(f"a verb that is not of the link: {frame['frame']}")
        if frame["frame"] == "offer":
            self.offers[frame["offer_id"]] += 1
            if self.offers[frame["offer_id"]] > 1:
                self._never(f"offer {frame['offer_id']} was sent twice")

    def _never(self, words: str) -> None:
        self.broken = self.broken or Broken(words)

    # ── what must be true at the end ──

    async def _all_quiet(self, tasks: list["asyncio.Task[None]"]) -> None:
        """No more orders and no more faults: clinicians end what runs, the EHR gets what it is owed."""
        for pump in self.pumps:
            pump.reachable = True
        for nurse in self.nurses:
            nurse.habits.pauses = nurse.habits.changes = 0
            nurse.stays = defaultdict(float)
        for _ in range(120):
            await asyncio.sleep(30)
            self._failed(tasks)
            idle = all(channel.run is None for pump in self.pumps for channel in pump.pump.channels.values())
            if idle and not await self.hospital.undone() and not await self.hospital.open_messages():
                break
        await asyncio.sleep(60)

    async def _check_the_end(self) -> None:
        if self.broken is not None:
            raise self.broken
        record = self.hospital.record
        await self._read_chart()
        for pump in self.pumps:
            if pump.line is None:
                raise Broken(f"{pump.id} is not connected though nothing hinders it")
            left = len(list(pump.pump._m.log.after(0)))
            if left:
                raise Broken(f"{pump.id} has {left} words that nobody acknowledged")
            for channel in pump.pump.channels.values():
                there = await run_on(record, pump.id, channel.channel_id)
                if (there is not None) is not (channel.run is not None):
                    raise Broken(f"{pump.id} {channel.channel_id}: the pump and the record differ on whether it runs")
            await self._compare(pump)
        await self._each_planned_once()
        self._each_answered_once()

    async def _compare(self, pump: SimPump) -> None:
        """Every infusion that this pump ever told, against the record: state, volume, whose."""
        told: dict[str, dict[str, Any]] = {}
        ended: set[str] = set()
        for word in pump.truth:
            if word["frame"] == "event" and word.get("infusion_id") and word.get("delivered"):
                told[word["infusion_id"]] = word
                if word["kind"] == "ended":
                    ended.add(word["infusion_id"])
        for own, last in told.items():
            now = await infusion_at(self.hospital.record, naming.infusion_id(pump.id, own))
            if now.today is None:
                raise Broken(f"{pump.id} told {own}, and the record has nothing of it")
            self.verdict.compared += 1
            if (now.today.state is infusions.State.ENDED) is not (own in ended):
                raise Broken(f"{pump.id} {own}: ended for one of the two")
            delivered = Fraction(last["delivered"]["value"])
            if now.today.volume_is_exact and now.today.volume.value != delivered:
                raise Broken(f"{pump.id} {own}: the pump counted {delivered}, the record {now.today.volume.value}")
            if not now.today.volume_is_exact and now.today.volume.value > delivered:
                raise Broken(f"{pump.id} {own}: the record counted more than was given")
            self._compare_chart(pump, own, now.today)

    def _compare_chart(self, pump: SimPump, own: str, today: infusions.Stream) -> None:
        """What is somebody's is in their chart, with the pump's own volume; what is nobody's is in none (SR-50, SR-51)."""
        found = self.chart.get(naming.infusion_id(pump.id, own), [])
        if not today.associations:
            if found:
                raise Broken(f"{pump.id} {own} is nobody's, and is in a chart")
            return
        parents = [each for each in found if "partOf" not in each]
        if len(parents) != len(today.associations):
            raise Broken(f"{pump.id} {own} is in the chart {len(parents)} times, for {len(today.associations)} associations")
        dose = parents[-1].get("dosage", {}).get("dose", {}).get("value")
        if len(parents) == 1 and today.volume_is_exact and dose is not None and Fraction(dose) != today.volume.value:
            raise Broken(f"{pump.id} {own}: the pump counted {today.volume}, the chart says {dose} mL")
        self.verdict.charted += 1

    async def _read_chart(self) -> None:
        """Infusion → its MedicationAdministrations, all of which are some pump's."""
        told = {
            naming.infusion_id(pump.id, word["infusion_id"])
            for pump in self.pumps
            for word in pump.truth
            if word["frame"] == "event" and word.get("infusion_id")
        }
        by_digest = {sha256(infusion.encode()).hexdigest()[:32]: infusion for infusion in told}
        after = ""
        while rows := await self.hospital.record.projections(ADMINISTRATIONS, after):
            after = rows[-1][0]
            for id, document in rows:
                if id[:32] not in by_digest:
                    raise Broken(f"{id} is in the chart, and no pump ever told of it")
                self.chart[by_digest[id[:32]]].append(json.loads(json.loads(document)["body"], parse_float=str, parse_int=str))

    async def _each_planned_once(self) -> None:
        planned: Counter[str] = Counter()
        heads = {head.entry_id: head.control_id for head in await self.hospital.record.journal(limit=10_000_000)}
        position = 0
        while rows := await self.hospital.record.feed(position, 5000):
            position = rows[-1].position
            for row in rows:
                if row.type == "programme.planned":
                    event = decode(row.body)
                    assert isinstance(event, Planned)
                    planned[heads[event.message_id]] += 1
                    self.verdict.outcomes["planned"] += 1
                elif row.stream.startswith("programme/"):
                    self.verdict.outcomes[row.type] += 1
        asks = {control_id: message.partition(b"\r")[2] for control_id, message in self.sent.items()}
        planned_asks = {asks[control_id] for control_id in planned}
        for control_id in self.taken:
            # two bedside requests for the same within one second are one to D-04, whichever of them was planned
            repeats = control_id in self.original or asks[control_id] in planned_asks
            if planned[control_id] != 1 and not (repeats and planned[control_id] == 0):
                raise Broken(f"{control_id} was acknowledged and planned {planned[control_id]} times")
        self.verdict.acknowledged = len(self.taken)

    def _each_answered_once(self) -> None:
        answers = Counter(said.answers for said in self.hospital.ehr.answers)
        for control_id in self.taken:
            if answers[control_id] > 1:
                raise Broken(f"{control_id} was answered {answers[control_id]} times, differently")
        missing = [control_id for control_id in self.taken if not answers[control_id]]
        self.verdict.outcomes["answers that were no longer worth sending"] = len(missing)
        if len(missing) > max(3, len(self.taken) // 20):
            raise Broken(f"{len(missing)} of {len(self.taken)} were never answered: {missing[:5]}")


def _runs_dopamine(run: Run | None) -> bool:
    """From an offer, so that it can be changed by one."""
    return run is not None and bool(run.programme.order) and run.programme.entry is not None and run.programme.entry.drug == "dopamine"


def ward_run(seed: int, lives: int, pumps: int = 20, faults: Faults | None = None) -> Verdict:
    """Raises: Broken."""
    return on_virtual_time(WardRun(seed, lives, pumps, faults).story())
