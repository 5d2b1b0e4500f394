"""A server that is killed at random moments while several infusions' orders come in, and what must be true of its record afterwards.

Each line is an EHR workstation with one patient's order: it sends the next request when the one before was acknowledged, and sends the same again
to the next life of the server when it was not. One request in four goes over two connections at once.
"""

import asyncio
import itertools
import random
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from interop.adapters.store import open_record
from interop.adapters.store.chain import verify_audit, verify_events
from interop.service.world import SystemClock
from interop.wire.hl7v2.ack import AckCode
from tests.server import ehr, machine

GONE = (OSError, asyncio.IncompleteReadError)


@dataclass
class Verdict:
    """``lost`` were acknowledged and are not in the record; ``twice`` were planned more than once, ``never`` not at all; the rest says itself.

    ``broken``: chains of events and of audit rows in which a row does not follow from the one before (SEC-35).
    """

    rounds: int
    acknowledged: int
    lost: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    killed_with_work_left: int = 0
    resent: int = 0

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.never or self.twice or self.reordered or self.unanswered or self.broken)

    def __str__(self) -> str:
        return (
            f"{self.rounds} kills, {self.killed_with_work_left} of them with accepted requests not planned yet; {self.acknowledged} acknowledged: "
            f"{len(self.lost)} lost, {len(self.never)} never planned, {len(self.twice)} planned twice, {len(self.reordered)} reordered in a lane, "
            f"{len(self.unanswered)} without their RRG, {len(self.broken)} chains broken; {self.resent} RRG sent again, byte for byte"
        )


@dataclass
class Workstation:
    """One line's requests: ``acknowledged`` in their order, ``next`` the number of the one that is still to be."""

    name: str
    acknowledged: list[str] = field(default_factory=list)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    next: int = 1

    async def run(self, at: tuple[str, int], config: Path) -> None:
        """Until the server is gone."""
        lines: list[ehr.Line] = []
        try:
            for _ in range(2):  # one by one: the kill may fall between the two, and the first is closed all the same
                lines.append(await ehr.Line.open(at, ehr.tls_of(config)))
            while True:
                control_id = f"{self.name}-{self.next}"
                order = ehr.an_order(control_id, f"ORD-{self.name}", self.at)
                speaking = lines if self.next % 4 == 0 else lines[:1]
                answers = await asyncio.gather(*(line.ask(order) for line in speaking), return_exceptions=True)
                codes = [each.code for each in answers if not isinstance(each, BaseException)]
                assert set(codes) <= {AckCode.CA, AckCode.CE}, codes
                if AckCode.CA in codes:
                    self.acknowledged.append(control_id)
                    self.next += 1
                    self.at = datetime.now(UTC)
                for each in answers:
                    if isinstance(each, BaseException):
                        raise each
        except GONE:
            return
        finally:
            for line in lines:
                line.writer.transport.abort()


def kill_rounds(
    config: Path,
    rounds: int,
    seed: int,
    workstations: int = 6,
    most: int = 60,
    say: Callable[[str], object] = lambda line: None,
) -> Verdict:
    """Kill the server so often, then let it finish, and look at its record and at what the EHR's listener was told.

    Each life ends some time after 0 to ``most`` further acknowledgements: a life of so many seconds would be none at all on a slow machine.
    ``say`` gets a line after each kill, so that who waits for the verdict sees how far it is.
    """
    chance = random.Random(seed)
    stations = [Workstation(f"S{number}") for number in range(workstations)]
    left = 0
    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("\n[lanes]\n", "\n[lanes]\nrrg_worth_s = 86400\n", 1), encoding="utf-8")
        for number in range(1, rounds + 1):
            server = machine.start(config).ready()
            goal = sum(len(station.acknowledged) for station in stations) + chance.randint(0, most)
            then_s = chance.uniform(0, 0.05)

            async def load(at: tuple[str, int] = server.mllp) -> None:
                await asyncio.gather(*(station.run(at, config) for station in stations))

            async def until_killed(server: machine.Running = server, goal: int = goal, then_s: float = then_s) -> None:
                loading = asyncio.ensure_future(load())
                while sum(len(station.acknowledged) for station in stations) < goal and not loading.done():
                    await asyncio.sleep(0.001)
                await asyncio.sleep(then_s)
                assert server.process.poll() is None, "the server ended by itself:\n" + "\n".join(server.logged)
                await asyncio.to_thread(server.kill)
                await loading

            asyncio.run(until_killed())
            left += bool(_rows(config, "SELECT count(*) FROM intents")[0][0])
            say(f"{number} of {rounds} kills, {sum(len(station.acknowledged) for station in stations)} acknowledged")
        server = machine.start(config).ready()
        _finish(config)
        assert server.stop() == 0
        verdict = judge(config, stations, listener)
    verdict.rounds, verdict.killed_with_work_left = rounds, left
    return verdict


def judge(config: Path, stations: list[Workstation], listener: ehr.Listener) -> Verdict:
    """From the file itself and from what came in at the listener."""
    acknowledged = [control_id for station in stations for control_id in station.acknowledged]
    verdict = Verdict(0, len(acknowledged))
    journal = dict(_rows(config, "SELECT control_id, entry_id FROM journal_heads WHERE direction = 'in' AND message_type LIKE 'RGV%'"))
    counted = Counter(
        row[0] for row in _rows(config, "SELECT control_id FROM journal_heads WHERE direction = 'in' AND message_type LIKE 'RGV%'")
    )
    planned = Counter(row[0].partition("/")[2] for row in _rows(config, "SELECT stream FROM events WHERE type = 'programme.planned'"))
    answers: dict[str, set[str]] = defaultdict(set)
    for each in listener.first_seen:
        answers[each.answers].add(each.control_id)
    verdict.lost = [each for each in acknowledged if each not in journal]
    verdict.never = [each for each in journal if not planned[journal[each]]]
    verdict.twice = [each for each in journal if planned[journal[each]] > 1 or counted[each] > 1 or len(answers[each]) > 1]
    verdict.unanswered = [each for each in journal if not answers[each]]
    verdict.resent = len(listener.received) - len(listener.first_seen)
    for station in stations:
        numbers = [int(each.answers.rpartition("-")[2]) for each in listener.first_seen if each.answers.startswith(f"{station.name}-")]
        verdict.reordered += [f"{station.name}-{later}" for earlier, later in itertools.pairwise(numbers) if later < earlier]
    verdict.broken = asyncio.run(broken_chains(config))
    return verdict


async def broken_chains(config: Path) -> list[str]:
    """Of the events, and of each node's audit rows."""
    record = await open_record(f"sqlite:///{config.parent / 'interop.db'}", node="auditor", clock=SystemClock())
    try:
        verdicts = {"events": await verify_events(record)}
        verdicts |= {f"audit of {node}": await verify_audit(record, node) for node in await record.audit_nodes()}
    finally:
        await record.close()
    assert len(verdicts) >= 2
    assert all(verdict.rows for verdict in verdicts.values())
    return [f"{name}: {verdict.why}" for name, verdict in verdicts.items() if not verdict.sound]


def _finish(config: Path, within_s: float = 120) -> None:
    """Until nothing is left to be planned or sent."""
    until = time.monotonic() + within_s
    while any(_rows(config, f"SELECT count(*) FROM {what}")[0][0] for what in ("intents", "outgoing_open")):
        assert time.monotonic() < until, "the work does not come to an end"
        time.sleep(0.1)


def _rows(config: Path, sql: str) -> list[tuple]:  # type: ignore[type-arg]
    database = sqlite3.connect(f"file:{config.parent / 'interop.db'}?mode=ro", uri=True, timeout=10)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()
