"""Intake of MedicationRequests: commit, then answer. A version of an order is an event of its stream, its bytes are kept as sent, and it offers nothing:
it has no bedside moment (D-06)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from interop.conduct import naming
from interop.conduct.about import BY_ORDER
from interop.conduct.decision import Decision, Step, Told
from interop.conduct.feeds import heard, watch_feed
from interop.conduct.order_events import Version, decide
from interop.conduct.planning import understood
from interop.conduct.recalling import RECALL, cause_of
from interop.conduct.streams import OrderNow, order_at
from interop.conduct.ward_index import rows_of_order
from interop.conduct.world import Ids, ReleaseBook
from interop.domain.errors import SenderError
from interop.domain.events.order import EndReason, OrderEvent
from interop.domain.request import OrderRequest
from interop.domain.sender import Format, SenderProfile
from interop.ports import AuditRow, Clock, Direction, EffectKey, Intent, JournalEntry, KeyTaken, Projected, Record, StreamMoved

RESOURCES: Final = "medication-request"
"""Resource id → its newest version."""

VERSIONS: Final = "medication-request-version"
"""Resource id and version → that version."""

"""Order → the id of its resource."""

KIND: Final = "MedicationRequest"
MOST_TRIES: Final = 16


@dataclass(frozen=True, slots=True)
class Sending:
    """How a client's orders are read: by its profile, and with the unit codes outside UCUM that the site approved."""

    profile: SenderProfile
    spellings: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Incoming:
    """An order as it came: as sent, byte for byte, by whom (an id, SR-06), and under which id it can be traced (SEC-34)."""

    request: OrderRequest
    body: bytes
    actor: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an order's resource, durable. ``body`` is what was sent; ``sender`` the name of the profile it was read by."""

    id: str
    version: int
    at: datetime
    sender: str
    body: bytes
    deleted: bool = False


class NotThere(SenderError):
    """No order of this sender has the id."""


class Deleted(SenderError):
    """The order was entered in error and takes no further version (D-30)."""


class Moved(SenderError):
    """The order stands at another version than the one the update is based on."""


class Taken(SenderError):
    """Another order of this sender has the placer order number already; ``id`` is its resource's (D-04: the order number is the key)."""

    def __init__(self, id: str) -> None:
        super().__init__(id)
        self.id = id


@dataclass(frozen=True, slots=True)
class _Row:
    """A stored version as the record holds it: beside the resource, its order."""

    stored: Stored
    order_id: str
    actor: str


class Resources:
    """The shell. Every method may raise StoreUnavailable and Busy; then nothing may be answered as stored."""

    def __init__(self, record: Record, clock: Clock, ids: Ids, book: Callable[[], ReleaseBook], recall: Callable[[Intent], None]) -> None:
        """``recall`` is told of every intent to recall, after its commit, to carry it out at once."""
        self._record, self._clock, self._ids, self._book, self._recall = record, clock, ids, book, recall

    def sending(self, client: str) -> Sending | None:
        """How orders of this client are read; ``None``: no FHIR profile of the release in force names it."""
        release = self._book().newest()
        for profile in release.senders.values():
            if profile.format is Format.FHIR_R4 and any(name == client for name, _ in profile.names):
                return Sending(profile, frozenset(release.spellings))
        return None

    async def create(self, order: Incoming) -> Stored:
        """Version 1 under a new id. The same content under the same order number again, as after a lost answer, is the first one's answer.

        Raises: Taken: the order number is in use, with other content.
        """
        order_id = self._order_id(order.request)
        for _ in range(MOST_TRIES):
            there = await self._record.projection(BY_ORDER, order_id) if order_id else None
            if there is not None:
                return await self._first(there, order)
            id = self._ids.new()
            known = await order_at(self._record, _stream(order, id))
            try:
                return await self._store(id, 1, order, order_id, known)
            except (StreamMoved, KeyTaken):
                continue  # told by somebody else at this moment: perhaps the very same order
        raise Moved("the order keeps changing")

    async def update(self, id: str, based_on: int, order: Incoming) -> Stored:
        """The next version: voids what was offered of the old one (D-06).

        Raises: NotThere, Deleted, Moved, Taken: it changed its order number, and another order's resource is the one of that number.
        """
        for _ in range(MOST_TRIES):
            row = await self._row(id)
            if row is None or row.stored.sender != order.request.sender:
                raise NotThere(id)
            order_id = self._order_id(order.request)
            if order_id != row.order_id:
                raise Taken(await self._record.projection(BY_ORDER, order_id) or id)
            known = await order_at(self._record, _stream(order, id))
            if known.today is not None and known.today.ended_because is EndReason.ENTERED_IN_ERROR:
                raise Deleted(id)
            if row.stored.version != based_on:
                raise Moved(id)
            try:
                return await self._store(id, based_on + 1, order, order_id, known)
            except (StreamMoved, KeyTaken):
                continue
        raise Moved(id)

    async def read(self, id: str) -> Stored | None:
        """The newest version, whoever sent it; ``None``: there is none."""
        row = await self._row(id)
        return None if row is None else row.stored

    async def _first(self, id: str, order: Incoming) -> Stored:
        """The answer to a create of an order that has a resource: the first one's, if that is what was sent then."""
        document = await self._record.projection(VERSIONS, _version_key(id, 1))
        if document is None:
            raise Taken(id)
        first = _read(document).stored
        if first.sender == order.request.sender and sha256(first.body).digest() == sha256(order.body).digest():
            return first
        raise Taken(id)

    async def _store(self, id: str, number: int, order: Incoming, order_id: str, known: OrderNow) -> Stored:
        """Raises: StreamMoved, KeyTaken: somebody else told something of this order, or made this version of the resource, meanwhile."""
        now = self._clock.now()
        release = self._book().newest()
        version = Version(number, order.request, understood(order.request, release), self._ids.new())
        events = decide(known, version, now)
        stored = Stored(id, number, now, order.request.sender, order.body)
        document = _written(_Row(stored, order_id, order.actor))
        profile = release.senders.get(order.request.sender)
        rows: tuple[Projected, ...] = (Projected(RESOURCES, id, document), Projected(VERSIONS, _version_key(id, number), document))
        if order_id:
            rows = (*rows, Projected(BY_ORDER, order_id, id))
        rows = (*rows, *rows_of_order(order.request, version.order, naming.order_id(order.request.system_group, _number(order, id))))
        if profile is not None:
            rows = (*rows, *heard(profile))
        entry = JournalEntry(version.message_id, Direction.IN, order.actor, KIND, order.request_id, now, order.body)
        patient = version.order.patient_ids[0].value if version.order is not None and version.order.patient_ids else ""
        decision = Decision(
            told=(Told(known.stream, known.version, events),),
            keys=_once(stored, order_id, version.message_id),
            journal=(entry,),
            kept=rows,
            timers=watch_feed(profile, now) if profile is not None else (),
            audit=(AuditRow(now, order.actor, "order.receive", _outcome(number, events), patient, subject=version.message_id),),
        )
        cause = cause_of(events) if known.today is not None else None
        if cause is not None:
            recall = Step(f"{version.message_id}r", RECALL, naming.order_id(order.request.system_group, _number(order, id)), cause.value)
            decision = decision.and_(Decision(steps=(recall,)))
        commit = decision.commit(now)
        await self._record.commit(commit)
        for intent in commit.intents:
            self._recall(intent)
        return stored

    async def _row(self, id: str) -> _Row | None:
        document = await self._record.projection(RESOURCES, id)
        return None if document is None else _read(document)

    @staticmethod
    def _order_id(request: OrderRequest) -> str:
        """Empty for an order without a number, which only its resource's id can tell from another."""
        number = request.placer_order_number.value.text
        return naming.order_id(request.system_group, number) if number else ""


def _once(stored: Stored, order_id: str, reference: str) -> tuple[EffectKey, ...]:
    """Each version of a resource is made once, and an order has one resource, however many send at the same moment."""
    digest = sha256(stored.body).digest()
    version = EffectKey(f"resource {_version_key(stored.id, stored.version)}", digest, reference, stored.at)
    if stored.version > 1 or not order_id:
        return (version,)
    return version, EffectKey(f"resource of {order_id}", digest, reference, stored.at)


def _number(order: Incoming, id: str) -> str:
    """What tells the order from another of its system: its number, or where it has none its resource."""
    return order.request.placer_order_number.value.text or f"#{id}"


def _stream(order: Incoming, id: str) -> str:
    return naming.order_stream(naming.order_id(order.request.system_group, _number(order, id)))


def _version_key(id: str, number: int) -> str:
    return f"{id}/{number:08d}"


def _outcome(number: int, events: tuple[OrderEvent, ...]) -> str:
    """What the version came to, for the audit trail; an order that has ended takes no further word, and that is said."""
    return f"version {number}: {', '.join(event.type for event in events) or 'nothing new'}"


def _written(row: _Row) -> str:
    stored = row.stored
    return json.dumps(
        {
            "id": stored.id,
            "version": stored.version,
            "at": stored.at.isoformat(),
            "sender": stored.sender,
            "body": b64encode(stored.body).decode(),
            "order": row.order_id,
            "actor": row.actor,
        }
    )


def _read(document: str) -> _Row:
    said = json.loads(document)
    stored = Stored(said["id"], said["version"], datetime.fromisoformat(said["at"]), said["sender"], b64decode(said["body"]))
    return _Row(stored, said["order"], said["actor"])
