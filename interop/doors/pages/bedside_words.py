"""What the bedside page says of an attempt and of a channel: a mark, a sentence, the next step, and whose move it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final

from interop.conduct.alerts import Alert
from interop.conduct.ward_view import Attempt, ChannelNow, OrderNow, Running
from interop.domain.channel import ChannelState
from interop.domain.events.nouns import Reason, Setting
from interop.domain.events.programme import Attempt as Kind
from interop.domain.events.programme import RejectCause, Seen
from interop.domain.finding import Owner
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle.programme import State
from interop.domain.quantity import Quantity

PLANNED_WITHIN: Final = timedelta(seconds=30)
"""A scan that is not planned by then has met a fault of ours, or a server that ended: the nurse goes on by hand."""


class Tone(Enum):
    """How a card looks; every tone has its own mark and words too, as colour is never the only signal."""

    WAIT = "wait"
    ACT = "act"
    GOOD = "good"
    REFUSED = "refused"
    DOUBT = "doubt"
    QUIET = "quiet"


MARKS: Final[Mapping[Tone, str]] = MappingProxyType(
    {Tone.WAIT: "…", Tone.ACT: "→", Tone.GOOD: "✓", Tone.REFUSED: "✕", Tone.DOUBT: "?", Tone.QUIET: "–"}
)

STEPS: Final = ("Checked", "On the pump", "Confirmed", "Running")

SAW: Final[Mapping[str, tuple[Seen, str]]] = MappingProxyType(
    {
        "as-offered": (Seen.RUNS_AS_OFFERED, "It runs as it was offered"),
        "otherwise": (Seen.RUNS_OTHERWISE, "It runs something else"),
        "nothing": (Seen.NOTHING, "Nothing of it is on the pump"),
    }
)

CHANNELS: Final[Mapping[ChannelState, tuple[str, str]]] = MappingProxyType(
    {
        ChannelState.IDLE: ("○", "Idle"),
        ChannelState.PROGRAMMING: ("✎", "Being programmed by hand"),
        ChannelState.PENDING: ("→", "A program waits on its screen"),
        ChannelState.INFUSING: ("▶", "Infusing"),
        ChannelState.PAUSED: ("‖", "Paused"),
        ChannelState.KVO: ("◦", "Keeping the vein open"),
        ChannelState.ENDED: ("■", "Infusion ended"),
        ChannelState.DELAYED_START: ("◷", "Delayed start"),
        ChannelState.FAULT: ("✕", "Fault"),
    }
)

_PRIORITIES: Final[Mapping[str, str]] = MappingProxyType({"PH": "High", "PM": "Medium", "PL": "Low", "PN": "Note"})


@dataclass(frozen=True, slots=True)
class Told:
    """``step``: how many of ``STEPS`` are done, None where the attempt left that way. ``next``: the one next step; empty: nothing is to be done."""

    tone: Tone
    title: str
    next: str = ""
    whose: str = ""
    step: int | None = None
    reasons: tuple[Reason, ...] = ()
    can_recall: bool = False
    can_attest: bool = False

    @property
    def mark(self) -> str:
        return MARKS[self.tone]


def place(pump_id: str, channel_id: str) -> str:
    """``LVP-0001 channel A``."""
    return f"{pump_id} channel {channel_id}" if channel_id else pump_id


def told_unplanned(asked_at: datetime, now: datetime) -> Told:
    """A scan that is committed and has no programme yet."""
    if now - asked_at < PLANNED_WITHIN:
        return Told(Tone.WAIT, "Checking the order", step=0)
    return Told(
        Tone.DOUBT,
        f"Not checked after {int(PLANNED_WITHIN.total_seconds())} s",
        "Program by hand; call the engineer on call.",
        Owner.IT.value,
    )


def told_of(attempt: Attempt, channel: ChannelNow | None) -> Told:
    """An attempt as it stands; ``channel`` is where it was asked for."""
    today, planned = attempt.today, attempt.planned
    where = place(planned.pump_id, planned.channel_id)
    match today.state:
        case State.PLANNED:
            return Told(Tone.WAIT, f"Checked. On its way to {where}", step=1)
        case State.OFFERED:
            return _offered(attempt, where)
        case State.CONFIRMED:
            return _confirmed(attempt, channel, where)
        case State.REFUSED:
            by_pump = attempt.sent is not None and len(attempt.reasons) > 0 and attempt.reasons[0].field == "pump"
            title = f"{where} refused it" if by_pump else "Refused: nothing is on the pump"
            return Told(Tone.REFUSED, title, reasons=attempt.reasons)
        case State.REJECTED:
            return Told(Tone.QUIET, _rejected(attempt, where), "Scan again if it is still wanted.", Owner.NURSE.value)
        case State.EXPIRED:
            return Told(Tone.QUIET, f"Nobody confirmed it on {where} in time", "Scan again if it is still wanted.", Owner.NURSE.value)
        case State.WITHDRAWN:
            why = f": {today.recalled.value}" if today.recalled is not None else ""
            return Told(Tone.QUIET, f"Taken back before it ran{why}", "Scan again if it is still wanted.", Owner.NURSE.value)
        case State.UNCERTAIN:
            title = f"Nobody knows whether {where} has it"
            return Told(Tone.DOUBT, title, f"Look at {where} now, and say what you see.", Owner.NURSE.value, can_attest=True)
        case State.ATTESTED:
            saw = today.attested.value if today.attested is not None else "not told"
            return Told(Tone.QUIET, f"Closed as unknown: {today.attested_by} saw {saw}")


def _offered(attempt: Attempt, where: str) -> Told:
    today = attempt.today
    if today.recalled is not None:
        return Told(Tone.WAIT, f"Being taken back from {where}", "Do not start it.", Owner.NURSE.value, step=1)
    if not today.shown:
        return Told(Tone.WAIT, f"Sending to {where}", step=1, can_recall=True)
    title = f"Open on {where}" if today.opened else f"Waiting on {where}"
    return Told(Tone.ACT, title, "At the pump: confirm, then press start.", Owner.NURSE.value, step=2, can_recall=True)


def _confirmed(attempt: Attempt, channel: ChannelNow | None, where: str) -> Told:
    today = attempt.today
    by = f"Confirmed by {today.confirmed_by}" if today.confirmed_by else "Confirmed at the pump"
    if attempt.running is not None:
        return _running(attempt.running, where)
    if attempt.planned.attempt is not Kind.START:
        return Told(Tone.GOOD, f"{by}: the change is made on {where}", step=4)
    if channel is not None and not channel.is_stale and channel.report.offer_id == today.programme_id:
        return Told(Tone.ACT, by, f"Press start on {where}.", Owner.NURSE.value, step=3)
    return Told(Tone.QUIET, by, f"Look at {where} for what it does now.", Owner.NURSE.value, step=3)


def _running(running: Running, where: str) -> Told:
    today = running.today
    if today.stale_since is not None:
        return Told(Tone.DOUBT, f"No contact with {where}", "Look at the pump: what it does is not known here.", Owner.NURSE.value, step=4)
    match today.state:
        case infusions.State.RUNNING:
            return Told(Tone.GOOD, f"Running at {amount(today.running_rate)}", step=4)
        case infusions.State.KVO:
            return Told(
                Tone.ACT, "Keeping the vein open, no longer the dose", "Hang the next container, or end it.", Owner.NURSE.value, step=4
            )
        case infusions.State.PAUSED:
            return Told(Tone.ACT, f"Paused on {where}", "Go on, or end it, at the pump.", Owner.NURSE.value, step=4)
        case _:
            return Told(Tone.QUIET, f"Ended on {where}", step=4)


def _rejected(attempt: Attempt, where: str) -> str:
    told = attempt.rejected
    if told is None:
        return f"Rejected on {where}"
    by = f" by {told.by}" if told.by else ""
    if told.cause is RejectCause.BY_CLINICIAN:
        return f"Rejected on {where}{by}{f': {told.words}' if told.words else ''}"
    return f"Ended on {where}{by}: {told.cause.value}"


def amount(quantity: Quantity | None) -> str:
    """With its unit; what was not told is said so."""
    return "a rate not told" if quantity is None else str(quantity)


def setting(settings: tuple[Setting, ...], name: str) -> Setting | None:
    """The value of that name."""
    return next((each for each in settings if each.name == name), None)


def differences(order: OrderNow) -> tuple[str, ...]:
    """What runs and is not as ordered, for a person to see (SR-38, SR-39); nothing is done about it."""
    found: list[str] = []
    if order.runs and order.state is orders.State.ENDED:
        because = f" ({order.ended_because.value})" if order.ended_because is not None else ""
        found.append(f"The order has ended{because}, and the pump still runs it.")
    if order.runs and order.state is orders.State.HELD:
        found.append("The order is on hold, and the pump still runs it.")
    for running in order.runs:
        found += _rate_differs(order, running)
    return tuple(found)


def _rate_differs(order: OrderNow, running: Running) -> list[str]:
    attempt, rate = order.attempt, running.today.running_rate
    if attempt is None or attempt.today.state is not State.CONFIRMED or rate is None:
        return []
    here = (running.at.pump_id, running.at.channel_id) == (attempt.planned.pump_id, attempt.planned.channel_id)
    ordered = setting(attempt.planned.settings, "rate")
    if not here or ordered is None or running.today.state is not infusions.State.RUNNING or ordered.set == rate:
        return []
    return [f"The pump runs {rate}; the order was offered at {ordered.set}."]


def born(as_sent: str) -> str:
    """``1966-01-01``, from FHIR or the digits of HL7 v2; anything else as it was sent."""
    digits = as_sent[:8]
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 and digits.isascii() and digits.isdecimal() else as_sent


def said_when(alert: Alert, today: date) -> str:
    """``08:40:12``, or ``3 times since 08:12, last 08:40`` where it was said again; a day that is not today is named."""
    if alert.times == 1 or alert.first_at is None:
        return f"{_day(alert.at, today)}{alert.at:%H:%M:%S}"
    since, last = (f"{_day(at, today)}{at:%H:%M}" for at in (alert.first_at, alert.at))
    return f"{alert.times} times since {since}, last {last}"


def _day(at: datetime, today: date) -> str:
    return "" if at.date() == today else f"{at:%Y-%m-%d} "


def alarms(channel: ChannelNow) -> tuple[str, ...]:
    """Active alarms as the pump told them, the highest priority first (SR-49)."""
    ranks = list(_PRIORITIES)
    found = sorted(channel.report.alarms, key=lambda each: ranks.index(each.priority) if each.priority in ranks else -1)
    return tuple(f"{_PRIORITIES.get(each.priority, each.priority)} alarm: {each.text or each.code}" for each in found)


def troubles(channel: ChannelNow) -> tuple[str, ...]:
    """What would keep this channel from taking a program, as far as the pump says it."""
    report, pump = channel.report, channel.pump
    found = []
    if report.door_open is True:
        found.append("door open")
    if report.air is True:
        found.append("air in line")
    if report.set_installed is False:
        found.append("no set installed")
    if not report.care_area:
        found.append("no care area selected")
    if pump.library is None:
        found.append("no drug library")
    return tuple(found)


def doubts(channel: ChannelNow) -> tuple[str, ...]:
    """What put it in doubt whose this channel is (D-12)."""
    association = channel.running.today.association if channel.running is not None else None
    return () if association is None else tuple(dict.fromkeys(doubt.cause.value for doubt in association.suspensions))


def is_nobodys(channel: ChannelNow) -> bool:
    """It runs, and no order is known for it (SR-50)."""
    return channel.running is not None and channel.running.today.association is None
