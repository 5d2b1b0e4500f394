"""Whatever can happen to one infusion, as the record takes it: words in and out of order, said twice, by a clock that is set, and whose it is changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from interop.domain.events.association import AssociationBackfilled, AssociationBasis, AssociationEndCause, AssociationMade, SuspensionCause
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    AlarmRaised,
    BolusStarted,
    BolusStopped,
    ContainerChanged,
    CountersReset,
    EndCause,
    InfusionEvent,
    SegmentClosed,
    Source,
)
from interop.domain.lifecycle.infusion import Stream, apply
from interop.domain.lifecycle.table import NoRow
from tests.wards.infusions import (
    EIGHT,
    ORDER,
    OTHER_PATIENT,
    PATIENT,
    about,
    associated,
    changed,
    dissociated,
    ended,
    found,
    in_doubt,
    kvo,
    lost,
    ml,
    no_doubt,
    paused,
    rate,
    regained,
    resumed,
    started,
    voided,
    volume_done,
)

OTHER_ORDER = "ORD-2"
ABOUTS = (about(), about(placer_order_number=OTHER_ORDER, patient_numbers=(OTHER_PATIENT,)))
OPENINGS: Sequence[str] = ("an offer's", "an offer's, of nobody", "by hand", "found")


@dataclass(frozen=True)
class Act:
    """``what`` of ``WORDS`` or ``MOVES``; ``minutes`` that passed on the pump's clock; ``tells`` its counter; ``number`` counts on, or back, in its ``log``."""

    what: str
    minutes: int = 1
    tells: bool = True
    number: int = 1
    gave: int = 1
    log: str = "LOG-7"
    joins: bool = False
    """It is committed together with what comes next."""


@dataclass
class History:
    """``commits``: the events of each, in order; an act that has no row happens to nobody here."""

    opening: str
    pump_minute: int = 0
    server_minute: int = 0
    number: int = 1
    counter: int = 0
    associations: int = 0
    today: Stream | None = None
    commits: list[list[InfusionEvent]] = field(default_factory=list)
    joins: bool = False

    def __post_init__(self) -> None:
        match self.opening:
            case "an offer's":
                self._takes(started(), joins=True)
                self._takes(self._made(AssociationBasis.OFFER_CONFIRMED))
            case "an offer's, of nobody":
                self._takes(started())
            case "by hand":
                self._takes(started(programme=""))
            case _:
                self._takes(found(0, "0"))

    def happens(self, act: Act) -> None:
        """Raises nothing: what has no row is not taken."""
        self.pump_minute += act.minutes
        self.server_minute += 1
        self.number += act.number
        self.counter += act.gave
        if self.today is None:
            return
        event = WORDS[act.what](str(self.counter)) if act.what in WORDS else MOVES[act.what](self, self.today)
        if event is not None:
            self._takes(self._dated(event, act) if act.what in WORDS else event, joins=act.joins)

    def _dated(self, event: Any, act: Act) -> InfusionEvent:
        at = EIGHT + timedelta(minutes=self.server_minute)
        if getattr(event, "pump", None) is None:
            return replace(event, at=at)  # type: ignore[no-any-return]
        pump = PumpSaid(EIGHT + timedelta(minutes=self.pump_minute), timedelta(0), act.log, self.number)
        delivered = {"delivered": event.delivered if act.tells else None} if hasattr(event, "delivered") else {}
        return replace(event, at=at, pump=pump, **delivered)  # type: ignore[no-any-return]

    def _takes(self, event: InfusionEvent, joins: bool = False) -> None:
        try:
            self.today = apply(self.today, event)
        except NoRow:
            return
        if self.joins:
            self.commits[-1].append(event)
        else:
            self.commits.append([event])
        self.joins = joins

    def _made(self, basis: AssociationBasis = AssociationBasis.BEDSIDE_SCAN) -> AssociationMade:
        self.associations += 1
        other = self.associations % 3 == 0
        return associated(
            self.server_minute,
            basis=basis,
            id=f"A-{self.associations}",
            patient=OTHER_PATIENT if other else PATIENT,
            order=OTHER_ORDER if other else ORDER,
        )

    def back_filled(self, minutes: int, until: int | None) -> AssociationBackfilled:
        made = self._made()
        now = EIGHT + timedelta(minutes=self.server_minute)
        return AssociationBackfilled(
            **{name: getattr(made, name) for name in ("association_id", "patient", "placer_order_number", "by")},
            at=now,
            basis=AssociationBasis.REVIEW,
            since=now - timedelta(minutes=minutes),
            until=None if until is None else now - timedelta(minutes=until),
        )


def _live(history: History, today: Stream) -> str:
    return today.association.id if today.association is not None else ""


def _doubts(today: Stream, id: str) -> tuple[str, ...]:
    return tuple(doubt.message_id for one in today.associations if one.id == id for doubt in one.suspensions)


def _restored(history: History, today: Stream) -> InfusionEvent | None:
    """The oldest doubt of the first association that has one."""
    doubted = next((one for one in today.associations if one.suspensions), None)
    if doubted is None:
        return None
    return replace(no_doubt(history.server_minute), association_id=doubted.id, lifts=_doubts(today, doubted.id)[:1])


def _voided(history: History, today: Stream) -> InfusionEvent | None:
    one = next((one for one in reversed(today.associations) if not one.is_void), None)
    return None if one is None else replace(voided(history.server_minute), association_id=one.id)


def _in_doubt(cause: SuspensionCause, message: str = "") -> Callable[[History, Stream], InfusionEvent]:
    def suspended(history: History, today: Stream) -> InfusionEvent:
        one = in_doubt(history.server_minute, cause)
        id = today.associations[-1].id if today.associations else "A-1"
        return replace(one, association_id=id, message_id=message or one.message_id)

    return suspended


def _bolus(delivered: str) -> InfusionEvent:
    words = _said(delivered)
    return BolusStarted(**words, source=Source.CLINICIAN, rate=rate("300"), dose=None, vtbi=None, programme_id="", by="RN-17")


def _said(delivered: str) -> dict[str, Any]:
    event = volume_done(0, delivered)
    return {"at": event.at, "pump": event.pump, "delivered": event.delivered}


WORDS: Mapping[str, Callable[[str], InfusionEvent]] = {
    "rate": lambda delivered: changed(0, delivered, "20"),
    "titrated": lambda delivered: changed(0, delivered, "18.5", "6", programme="PRG-6"),
    "hour": lambda delivered: SegmentClosed(**_said(delivered)),
    "pause": lambda delivered: paused(0, delivered),
    "resume": lambda delivered: resumed(0, delivered),
    "kvo": lambda delivered: kvo(0, delivered),
    "volume done": lambda delivered: volume_done(0, delivered),
    "bolus": _bolus,
    "bolus over": lambda delivered: BolusStopped(
        **_said(delivered), volume=ml("3"), dose=None, in_cumulative=False, whole=True, rate_after=None
    ),
    "reset": lambda delivered: CountersReset(**_said(delivered), before=ml(delivered)),
    "container": lambda delivered: ContainerChanged(**_said(delivered), container_id="", vtbi=None, programme_id="", by=""),
    "end": lambda delivered: ended(0, delivered),
    "complete": lambda delivered: ended(0, delivered, EndCause.COMPLETED),
    "end by the server": lambda delivered: ended(0, None, EndCause.IDLE),
    "alarm": lambda delivered: AlarmRaised(
        at=EIGHT, pump=volume_done(0, "0").pump, alarm_id="AL-1", code="occlusion", priority="high", text=""
    ),
    "lost": lambda delivered: lost(0, 0),
    "regained": lambda delivered: regained(0),
}
MOVES: Mapping[str, Callable[[History, Stream], InfusionEvent | None]] = {
    "associate": lambda history, today: history._made(),
    "back-fill": lambda history, today: history.back_filled(10, None),
    "back-fill a part": lambda history, today: history.back_filled(12, 3),
    "dissociate": lambda history, today: dissociated(history.server_minute, id=_live(history, today)),
    "another patient": lambda history, today: dissociated(history.server_minute, AssociationEndCause.NEW_PATIENT, id=_live(history, today)),
    "merge": _in_doubt(SuspensionCause.MERGE),
    "the same merge": _in_doubt(SuspensionCause.MERGE, "ADT-again"),
    "transfer": _in_doubt(SuspensionCause.TRANSFER),
    "confirm": _restored,
    "void": _voided,
}


def history_of(opening: str, acts: Sequence[Act]) -> History:
    """All of it; ``commits`` is never empty."""
    history = History(opening)
    for act in acts:
        history.happens(act)
    return history


def before_and_new(history: History) -> Iterator[tuple[list[InfusionEvent], list[InfusionEvent]]]:
    """For each commit: all events before it, and its own."""
    before: list[InfusionEvent] = []
    for new in history.commits:
        yield list(before), new
        before += new
