"""A pump that does what the story says: it keeps its log as a pump does, and speaks the nouns of the link without a wire.

pump = APump(hospital, "LVP-0001")
await pump.connect()
await pump.shows(offer_id)
await pump.confirms(offer_id, by="NURSE7"); await pump.starts(offer_id)
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from interop.conduct.world import NotConnected, OutcomeUnknown
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from tests.conduct.ward import Hospital
from tests.wards.ward import demo_release


def ml(text: str) -> Quantity:
    return Quantity.of(text, "mL")


def ml_per_h(text: str) -> Quantity:
    return Quantity.of(text, "mL/h")


@dataclass(eq=False)
class Line:
    """One connection to the pump; ``loses`` says which frames never arrive, and whether the server knows (NotConnected) or not (OutcomeUnknown)."""

    pump: "APump"
    pump_id: str
    open: bool = True
    closed: tuple[int, str] | None = None

    async def send(self, frame: said.ToPump) -> None:
        if not self.open:
            raise NotConnected("closed")
        what = self.pump.loses(frame)
        if what == "unknown":
            raise OutcomeUnknown("cut")
        if what == "not connected":
            raise NotConnected("cut")
        if what != "silently":
            self.pump.take(frame)

    def close(self, code: int, why: str) -> None:
        self.closed = (code, why)


@dataclass
class APump:
    hospital: Hospital
    pump_id: str = "LVP-0001"
    channels: tuple[str, ...] = ("A", "B")
    care_area: str = "ICU"
    model: str = "demo-lvp"
    patient: PatientId | None = None
    loses: Callable[[said.ToPump], str] = lambda frame: ""
    skew: timedelta = timedelta(0)
    answers_by_itself: bool = True
    frames: list[said.ToPump] = field(default_factory=list)
    log: list[said.Logged] = field(default_factory=list)
    acked: int = 0
    log_id: str = "L1"
    tombstones: set[str] = field(default_factory=set)
    states: dict[str, said.ChannelReport] = field(default_factory=dict)
    runs: Any = field(default_factory=lambda: itertools.count(1))
    line: Line | None = None
    knows: dict[str, str] = field(default_factory=dict)
    pending: list["asyncio.Task[None]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        for channel in self.channels:
            self.states[channel] = said.ChannelReport(
                channel, Mode.LVP, ChannelState.IDLE, self.care_area, self.patient, set_installed=True, door_open=False, air=False
            )

    # ── the link ──

    async def connect(self, **changes: Any) -> None:
        await self.says_hello(**changes)
        await self.tells_again()

    async def says_hello(self, **changes: Any) -> None:
        self.line = Line(self, self.pump_id)
        hello = said.Hello(
            self.pump_id,
            self.model,
            self.clock,
            demo_release().library.ref,
            said.LogRange(self.log_id, self.acked + 1, len(self.log) + 1),
            frozenset(said.Ability),
            tuple(self.states.values()),
            simulated=True,
            power=said.Power.MAINS,
        )
        await self.hospital.bedside.hello(replace(hello, **changes), self.line, self.hospital.clock.now())

    async def tells_again(self) -> None:
        """What of its log was not acknowledged."""
        for word in self.log[self.acked :]:
            await self.hospital.bedside.heard(self.pump_id, word, self.hospital.clock.now())

    def drop(self) -> None:
        """The network is gone."""
        assert self.line is not None
        self.line.open = False
        self.hospital.bedside.gone(self.pump_id, self.line)
        self.line = None

    @property
    def clock(self) -> Any:
        return self.hospital.clock.now() + self.skew

    def take(self, frame: said.ToPump) -> None:
        self.frames.append(frame)
        match frame:
            case said.Ack():
                self.acked = max(self.acked, frame.up_to)
            case said.OfferToShow() if self.answers_by_itself:
                self.later(self.shows(frame.offer_id))
            case said.Withdraw() if self.answers_by_itself:
                self.later(self.gives_back(frame.offer_id, frame.channel_id))
            case said.ReadBack():
                self.later(self.tell(said.Status(self.clock, tuple(self.states.values()), said.Power.MAINS, request_id=frame.request_id)))

    def later(self, work: Any) -> None:
        self.pending.append(asyncio.create_task(work, name=f"ehr pump {self.pump_id}"))

    async def tell(self, word: said.Word) -> None:
        if self.line is not None:
            await self.hospital.bedside.heard(self.pump_id, word, self.hospital.clock.now())

    async def note(self, word_class: type[Any], /, **fields: Any) -> said.Logged:
        """Into the log, and told at once if there is a line."""
        word = word_class(self.log_id, len(self.log) + 1, self.clock, **fields)
        self.log.append(word)
        await self.tell(word)
        return word

    # ── the bedside ──

    @property
    def offers(self) -> list[said.OfferToShow]:
        return [frame for frame in self.frames if isinstance(frame, said.OfferToShow)]

    def offer(self, offer_id: str) -> said.OfferToShow:
        return next(frame for frame in self.offers if frame.offer_id == offer_id)

    async def shows(self, offer_id: str) -> None:
        offer = self.offer(offer_id)
        if offer_id in self.tombstones:
            await self.refuses(offer_id, "9016.replayed", "this offer was answered before")
            return
        self.tombstones.add(offer_id)
        self.knows[offer_id] = "shown"
        report = self.states[offer.channel_id]
        state = ChannelState.PENDING if report.state is ChannelState.IDLE else report.state
        self.states[offer.channel_id] = replace(report, state=state, offer_id=offer_id)
        await self.note(said.OfferShown, offer_id=offer_id, channel_id=offer.channel_id)

    async def refuses(self, offer_id: str, code: str, text: str) -> None:
        self.tombstones.add(offer_id)
        self.knows.setdefault(offer_id, "refused")
        channel = self.offer(offer_id).channel_id
        await self.note(said.OfferRefused, offer_id=offer_id, channel_id=channel, reasons=(said.PumpReason(code, text),))

    async def gives_back(self, offer_id: str, channel_id: str) -> None:
        self.tombstones.add(offer_id)
        match self.knows.get(offer_id):
            case "shown":
                self.knows[offer_id] = "withdrawn"
                self._clear(channel_id)
                await self.tell(said.Withdrawn(offer_id, channel_id, self.clock))
            case "withdrawn":
                await self.tell(said.Withdrawn(offer_id, channel_id, self.clock))
            case "confirmed" | "runs":
                await self.tell(said.ConfirmedAfterAll(offer_id, channel_id, self.clock, runs=True, by="NURSE7"))
            case _:
                await self.tell(said.NeverSeen(offer_id, channel_id, self.clock))

    def _clear(self, channel_id: str) -> None:
        report = self.states[channel_id]
        state = ChannelState.IDLE if report.state is ChannelState.PENDING else report.state
        self.states[channel_id] = replace(report, state=state, offer_id="")

    async def opens(self, offer_id: str, by: str = "NURSE7") -> None:
        channel = self.offer(offer_id).channel_id
        await self.note(said.Event, kind=said.Kind.OFFER_OPENED, channel_id=channel, offer_id=offer_id, by=by)

    async def confirms(self, offer_id: str, by: str = "NURSE7", **more: Any) -> None:
        offer = self.offer(offer_id)
        self.knows[offer_id] = "confirmed"
        fields = {"settings": offer.settings, **more}
        await self.note(said.Decision, offer_id=offer_id, channel_id=offer.channel_id, decision=said.Answer.CONFIRMED, by=by, **fields)

    async def rejects(self, offer_id: str, by: str = "NURSE7", cause: said.Cause = said.Cause.BY_CLINICIAN) -> None:
        offer = self.offer(offer_id)
        self.knows[offer_id] = "rejected"
        self._clear(offer.channel_id)
        await self.note(said.Decision, offer_id=offer_id, channel_id=offer.channel_id, decision=said.Answer.REJECTED, by=by, cause=cause)

    async def lets_expire(self, offer_id: str) -> None:
        offer = self.offer(offer_id)
        self.knows[offer_id] = "expired"
        self._clear(offer.channel_id)
        await self.note(said.Decision, offer_id=offer_id, channel_id=offer.channel_id, decision=said.Answer.EXPIRED)

    async def starts(self, offer_id: str, by: str = "NURSE7") -> str:
        """Start was pressed; returns the pump's own id of the infusion."""
        offer = self.offer(offer_id)
        self.knows[offer_id] = "runs"
        values = {each.name: each.set for each in offer.settings}
        run = said.Run(
            f"R{next(self.runs)}",
            offer_id,
            offer.placer_order_number,
            offer.entry_key,
            offer.drug,
            offer.tallman,
            offer.concentration,
            values["rate"],
            values["rate"],
            values.get("dose rate"),
            values.get("weight"),
            values.get("vtbi"),
            values.get("vtbi"),
            ml("0"),
            started_at=self.clock,
        )
        return await self.runs_now(offer.channel_id, run, by)

    async def runs_now(self, channel_id: str, run: said.Run, by: str = "NURSE7") -> str:
        self.states[channel_id] = replace(self.states[channel_id], state=ChannelState.INFUSING, offer_id="", run=run)
        await self.note(
            said.Event, kind=said.Kind.STARTED, channel_id=channel_id, run=run, infusion_id=run.infusion_id, delivered=ml("0"), by=by
        )
        await self.tells_status()
        return run.infusion_id

    async def event(self, kind: said.Kind, channel_id: str, delivered: str, **more: Any) -> None:
        run = self.states[channel_id].run
        own = run.infusion_id if run is not None else ""
        await self.note(said.Event, kind=kind, channel_id=channel_id, infusion_id=own, delivered=ml(delivered), **more)

    async def becomes(self, channel_id: str, state: ChannelState, **changes: Any) -> None:
        self.states[channel_id] = replace(self.states[channel_id], state=state, **changes)
        await self.tells_status()

    async def tells_status(self) -> None:
        await self.tell(said.Status(self.clock, tuple(self.states.values()), said.Power.MAINS))

    async def settled(self) -> None:
        while self.pending:
            await self.pending.pop()
