"""The parts of the bedside page, drawn for one person from what the ward looks like now."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from starlette.requests import Request

from interop.conduct.alerts import Alert, open_alerts
from interop.conduct.my_patients import MyPatients
from interop.conduct.ward_view import Attempt, ChannelNow, OrderNow, PatientNow, WardView, newest_first
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


@dataclass(frozen=True, slots=True)
class Card:
    """An order as its card shows it."""

    order: OrderNow
    readiness: Readiness | None
    told: words.Told | None
    where: str
    differs: tuple[str, ...]


class Board:
    """See the module. One a server."""

    def __init__(
        self, frame: Frame, record: Record, clock: Clock, view: WardView, mine: MyPatients, readies: Readies, stale_s: int
    ) -> None:
        self._frame, self._record, self._clock = frame, record, clock
        self._view, self._mine, self._readies, self._stale_s = view, mine, readies, stale_s
        self._asked: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def asked(self, user: str, programme_id: str) -> None:
        """This person has just asked for that programme."""
        self._asked[user] = programme_id, self._clock.now()
        self._asked.move_to_end(user)
        if len(self._asked) > ASKED:
            self._asked.popitem(last=False)

    async def parts(self, request: Request, actor: Actor) -> list[Part]:
        """All of the page but the scan box. Raises: StoreUnavailable."""
        now = self._clock.now()
        patients = [await self._view.patient(each) for each in await self._mine.of(actor.id)]
        alerts = await open_alerts(self._record, MOST_ALERTS + 1)
        mine, others = _sorted(alerts, patients)
        nobodys = [each for each in await self._view.nobodys() if _may_be_of(each, patients)]
        drawn = [
            self._part(request, actor, "banner", health=self._record.health(), failing=StoreState.FAILING),
            await self._now(request, actor, patients, now),
            self._part(request, actor, "alerts", mine=mine, others=others[:MOST_ALERTS], more=len(alerts) > MOST_ALERTS),
            self._part(request, actor, "nobodys", channels=nobodys),
        ]
        for patient in patients:
            drawn.append(await self._patient(request, actor, patient, now))
            await asyncio.sleep(0)  # others have their turn: a page may show many
        return drawn

    async def _now(self, request: Request, actor: Actor, patients: list[PatientNow], now: datetime) -> Part:
        id, asked_at = self._asked.get(actor.id, ("", now))
        attempt = await self._view.attempt(id) if id else None
        if attempt is None and not id:
            attempt = _newest_by(actor.id, patients)
        if attempt is None and not id:
            return self._part(request, actor, "now", told=None, attempt=None, channel=None)
        if attempt is None:
            return self._part(request, actor, "now", told=words.told_unplanned(asked_at, now), attempt=None, channel=None)
        if not _is_open(attempt) and now - attempt.planned.at >= RECENT:
            return self._part(request, actor, "now", told=None, attempt=None, channel=None)
        channel = await self._view.channel(attempt.planned.pump_id, attempt.planned.channel_id)
        return self._part(request, actor, "now", told=words.told_of(attempt, channel), attempt=attempt, channel=channel)

    async def _patient(self, request: Request, actor: Actor, patient: PatientNow, now: datetime) -> Part:
        id = f"p-{sha256(patient.head.key.encode()).hexdigest()[:16]}"
        cards = [await self._card(order, now) for order in newest_first(patient.orders) if _is_shown(order, now)]
        shown = [card for card in cards if card.readiness is None or _is_theirs(card.readiness, patient.head.id)]
        return Part(id, self._html(request, actor, "patient", patient=patient.head, cards=shown, channels=patient.channels, part=id), True)

    async def _card(self, order: OrderNow, now: datetime) -> Card:
        attempt = order.attempt
        told, where = None, ""
        if attempt is not None and (_is_open(attempt) or now - attempt.planned.at < OLD):
            channel = await self._view.channel(attempt.planned.pump_id, attempt.planned.channel_id)
            told, where = words.told_of(attempt, channel), words.place(attempt.planned.pump_id, attempt.planned.channel_id)
        return Card(order, self._readies.of(order), told, where, words.differences(order))

    def _part(self, request: Request, actor: Actor, name: str, **values: object) -> Part:
        return Part(name, self._html(request, actor, name, **values))

    def _html(self, request: Request, actor: Actor, name: str, **values: object) -> str:
        may_ = {right.name.lower(): may(actor, right) for right in (Right.ASK_FOR_OFFER, Right.RECALL_OFFER, Right.ATTEST_OUTCOME)}
        html = self._frame.fragment(request, f"bedside/{name}.html", may=may_, words=words, stale_s=self._stale_s, **values)
        return "\n".join(line for line in (line.strip() for line in html.splitlines()) if line)


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
