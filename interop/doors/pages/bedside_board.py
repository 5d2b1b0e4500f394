"""The parts of the bedside page, drawn for one person from what the ward looks like now."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from starlette.requests import Request

from interop.conduct.alerts import Alert, open_alerts
from interop.conduct.my_patients import MyPatients
from interop.conduct.ward_index import head_of
from interop.conduct.ward_view import Attempt, ChannelNow, OrderNow, PatientNow, WardView, newest_first
from interop.conduct.world import ReleaseBook
from interop.domain.actor import Actor, Right, may
from interop.domain.lifecycle import order as orders
from interop.domain.lifecycle.programme import State
from interop.domain.patient import PatientId
from interop.doors.pages import bedside_words as words
from interop.doors.pages.bedside_live import Part
from interop.doors.pages.bedside_ready import Readies
from interop.doors.pages.frame import Frame
from interop.ports import Clock, Record, StoreState
from interop.workbench.readiness import Readiness

RECENT: Final = timedelta(minutes=15)
"""How long what a person asked for last stays at the top of their page, once nothing of it is open."""

OLD: Final = timedelta(hours=12)
"""An attempt that is over and older is not shown with its order any more; an order that has ended neither."""

MOST_ALERTS: Final = 50
ASKED: Final = 1024
DRAWN: Final = 4096
"""Parts as they were drawn last; one whose facts are the same is not drawn again."""


@dataclass(frozen=True, slots=True)
class Card:
    """An order as its card shows it."""

    order: OrderNow
    readiness: Readiness | None
    told: words.Told | None
    where: str
    differs: tuple[str, ...]
    is_above: bool  # its attempt stands at the top of the page
    is_open: bool  # its attempt waits for somebody, or runs

    @property
    def is_repeated(self) -> bool:
        """The attempt was refused for the very reasons that speak against it now."""
        if self.told is None or self.readiness is None:
            return False
        return {reason.sentence for reason in self.told.reasons} == {finding.sentence for finding in self.readiness.refusals}


class Board:
    """See the module. One a server."""

    def __init__(
        self,
        frame: Frame,
        record: Record,
        clock: Clock,
        view: WardView,
        mine: MyPatients,
        readies: Readies,
        book: Callable[[], ReleaseBook],
    ) -> None:
        self._frame, self._record, self._clock = frame, record, clock
        self._view, self._mine, self._readies, self._book = view, mine, readies, book
        self._asked: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._drawn: OrderedDict[tuple[str, str, str], tuple[dict[str, object], str]] = OrderedDict()

    def asked(self, user: str, programme_id: str) -> None:
        """This person has just asked for that programme."""
        self._asked[user] = programme_id, self._clock.now()
        self._asked.move_to_end(user)
        if len(self._asked) > ASKED:
            self._asked.popitem(last=False)

    async def parts(self, request: Request, actor: Actor) -> list[Part]:
        """All of the page but the scan box. Raises: StoreUnavailable."""
        now = self._clock.now()
        patients: list[PatientNow] = []
        for each in await self._mine.of(actor.id):
            patients.append(await self._view.patient(each))
            await asyncio.sleep(0)  # others have their turn: a page may show many
        mine, others = _sorted(await open_alerts(self._record), patients)
        nobodys = [each for each in await self._view.nobodys() if _may_be_of(each, patients)]
        programme_id, above = await self._now(request, actor, patients, now)
        await asyncio.sleep(0)
        drawn = [
            self._part(request, actor, "banner", health=self._record.health(), failing=StoreState.FAILING),
            above,
            self._part(request, actor, "alerts", mine=mine, others=others[:MOST_ALERTS], more=len(others) > MOST_ALERTS, today=now.date()),
            self._part(request, actor, "nobodys", channels=nobodys),
        ]
        for patient in patients:
            drawn.append(await self._patient(request, actor, patient, programme_id, now))
            await asyncio.sleep(0)
        return drawn

    async def _now(self, request: Request, actor: Actor, patients: list[PatientNow], now: datetime) -> tuple[str, Part]:
        """The attempt at the top of the page, and the part that shows it."""
        nothing: dict[str, object] = {"attempt": None, "channel": None, "tallman": "", "who": ""}
        id, asked_at = self._asked.get(actor.id, ("", now))
        attempt = await self._view.attempt(id) if id else None
        if attempt is None and not id:
            attempt = _newest_by(actor.id, patients)
        if attempt is None:
            told = words.told_unplanned(asked_at, now) if id else None
            return id, self._part(request, actor, "now", told=told, **nothing)
        planned = attempt.planned
        if not _is_open(attempt) and now - planned.at >= RECENT:
            return "", self._part(request, actor, "now", told=None, **nothing)
        channel = await self._view.channel(planned.pump_id, planned.channel_id)
        who = await self._who(PatientId(planned.patient.value, planned.patient.authority)) if planned.patient is not None else ""
        told = words.told_of(attempt, channel)
        values = {"attempt": attempt, "channel": channel, "tallman": self._tallman(attempt), "who": who}
        return planned.programme_id, self._part(request, actor, "now", told=told, **values)

    async def _who(self, patient: PatientId) -> str:
        head = await head_of(self._record, patient)
        return str(patient) if head is None or not head.name else f"{head.name}, {patient}"

    def _tallman(self, attempt: Attempt) -> str:
        """The drug as the library writes it (SR-08), by the library that the attempt was checked against."""
        library = attempt.planned.library
        release = self._book().for_library(library.digest) if library is not None else None
        entry = release.library.by_key.get(attempt.planned.entry_key) if release is not None else None
        return attempt.planned.drug if entry is None else entry.tallman

    async def _patient(self, request: Request, actor: Actor, patient: PatientNow, above: str, now: datetime) -> Part:
        id = f"p-{sha256(patient.head.key.encode()).hexdigest()[:16]}"
        cards = [await self._card(order, above, now) for order in newest_first(patient.orders) if _is_shown(order, now)]
        shown = [card for card in cards if card.readiness is None or _is_theirs(card.readiness, patient.head.id)]
        return Part(id, self._html(request, actor, "patient", patient=patient.head, cards=shown, channels=patient.channels, part=id), True)

    async def _card(self, order: OrderNow, above: str, now: datetime) -> Card:
        attempt = order.attempt
        told, where = None, ""
        is_above = attempt is not None and attempt.planned.programme_id == above
        is_open = attempt is not None and _is_open(attempt)
        if attempt is not None and (_is_open(attempt) or now - attempt.planned.at < OLD):
            channel = await self._view.channel(attempt.planned.pump_id, attempt.planned.channel_id)
            told, where = words.told_of(attempt, channel), words.place(attempt.planned.pump_id, attempt.planned.channel_id)
        return Card(order, self._readies.of(order), told, where, words.differences(order), is_above, is_open)

    def _part(self, request: Request, actor: Actor, name: str, **values: object) -> Part:
        return Part(name, self._html(request, actor, name, **values))

    def _html(self, request: Request, actor: Actor, name: str, **values: object) -> str:
        may_ = {right.name.lower(): may(actor, right) for right in (Right.ASK_FOR_OFFER, Right.RECALL_OFFER, Right.ATTEST_OUTCOME)}
        said = {**values, "may": may_, "stale_s": self._book().newest().rules.report_stale_s}
        key = (actor.session, name, str(values.get("part", "")))
        before = self._drawn.pop(key, None)
        if before is not None and before[0] == said:
            self._drawn[key] = before
            return before[1]
        html = self._frame.fragment(request, f"bedside/{name}.html", words=words, **said)
        html = "\n".join(line for line in (line.strip() for line in html.splitlines()) if line)
        self._drawn[key] = said, html
        if len(self._drawn) > DRAWN:
            self._drawn.popitem(last=False)
        return html


def patient_field(patient: PatientId) -> str:
    """As it stands in a form, and as its wristband says it."""
    return f"{patient.value}^{patient.authority}"


def _newest_by(user: str, patients: list[PatientNow]) -> Attempt | None:
    attempts = [order.attempt for patient in patients for order in patient.orders if order.attempt is not None]
    own = [attempt for attempt in attempts if attempt.planned.requested_by == user]
    return max(own, key=lambda attempt: attempt.planned.at, default=None)


def _is_open(attempt: Attempt) -> bool:
    """It waits for somebody, or runs."""
    return attempt.today.holds_channel or attempt.today.state is State.PLANNED or attempt.running is not None


def _is_shown(order: OrderNow, now: datetime) -> bool:
    attempt = order.attempt
    if order.runs or (attempt is not None and (_is_open(attempt) or now - attempt.planned.at < OLD)):
        return True
    return order.stored is not None and order.state is not orders.State.ENDED


def _is_theirs(readiness: Readiness, patient: PatientId) -> bool:
    """An order that changed its patient is no longer the former one's."""
    return not readiness.patients or patient in readiness.patients


def _sorted(alerts: tuple[Alert, ...], patients: list[PatientNow]) -> tuple[list[Alert], list[Alert]]:
    """Those about my patients' orders and channels, and the others; the newest first."""
    order_ids = {order.id for patient in patients for order in patient.orders}
    places = {channel.place for patient in patients for channel in patient.channels}
    pumps = {pump_id for pump_id, _ in places}
    mine: list[Alert] = []
    others: list[Alert] = []
    for alert in sorted(alerts, key=lambda each: each.at, reverse=True):
        here = (alert.pump_id, alert.channel_id) in places or (not alert.channel_id and alert.pump_id in pumps)
        (mine if here or alert.order_id in order_ids else others).append(alert)
    return mine, others


def _may_be_of(channel: ChannelNow, patients: list[PatientNow]) -> bool:
    """On a pump that says it is a patient's of mine, or nobody's."""
    there = {patient.head.id for patient in patients}
    said = next((report.patient for report in channel.pump.channels if report.patient is not None), None)
    return said is None or said in there
