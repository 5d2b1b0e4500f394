"""The hash chains that show an edit behind the record's back: one over all events, one over each node's audit rows (SEC-27, SEC-35).

A digest is SHA-256 over the digest before and the row's canonical bytes. The lengths of the texts stand before them, so no two rows share their bytes.
A chain proves order and content up to its head; only a head that was exported off the host shows a chain that was cut short or written anew.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from interop.ports import AuditRow, Record, RecordedAudit, RecordedEvent

BEFORE_THE_FIRST = (0, b"")


def instant_text(at: datetime) -> str:
    """An instant as stored and as hashed: UTC, microseconds, always of one length, so that text order is time order."""
    return _utc_text(at) if at.tzinfo is UTC else _utc_text(at.astimezone(UTC))


@lru_cache(maxsize=1024)  # the rows of one commit share their instant; in UTC only, where equal times are the same instant (no fold)
def _utc_text(at: datetime) -> str:
    return at.isoformat("T", "microseconds")


def event_digest(previous: bytes, position: int, stream: str, version: int, type: str, type_version: int, at: datetime, body: str) -> bytes:
    """The digest of one event after ``previous`` (b"" before the first)."""
    head = f"event/1 {position} {version} {type_version} {instant_text(at)} {len(stream)} {len(type)} "
    return sha256(previous + (head + stream + type + body).encode()).digest()


def audit_digest(previous: bytes, node: str, seq: int, row: AuditRow) -> bytes:
    """The digest of one audit row of ``node`` after ``previous`` (b"" before the first)."""
    actor, action, outcome, patient, pump, subject, body = row.actor, row.action, row.outcome, row.patient, row.pump, row.subject, row.body
    lengths = f"{len(node)} {len(actor)} {len(action)} {len(outcome)} {len(patient)} {len(pump)} {len(subject)} {len(body)}"
    text = f"audit/1 {seq} {instant_text(row.at)} {lengths} {node}{actor}{action}{outcome}{patient}{pump}{subject}{body}"
    return sha256(previous + text.encode()).digest()


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """``rows`` were read; ``broken_at`` is the number of the first row that does not follow from the one before, ``why`` says how."""

    rows: int
    broken_at: int | None = None
    why: str = ""

    @property
    def sound(self) -> bool:
        """Whether every row follows from the one before, up to the head."""
        return self.broken_at is None


async def verify_events(record: Record, exported: tuple[int, bytes] = BEFORE_THE_FIRST) -> ChainVerdict:
    """Read all events and follow their chain to the head that is kept apart; ``exported`` (position, digest) must lie on the way."""

    async def links(after: int, limit: int) -> list[Link]:
        return [_event_link(event) for event in await record.feed(after, limit)]

    return await _follow(links, record.chain_head, exported)


async def verify_audit(record: Record, node: str, exported: tuple[int, bytes] = BEFORE_THE_FIRST) -> ChainVerdict:
    """Read one node's audit rows and follow their chain to its head; ``exported`` (seq, digest) must lie on the way."""

    async def links(after: int, limit: int) -> list[Link]:
        return [_audit_link(row) for row in await record.audit_rows(node, after, limit)]

    return await _follow(links, lambda: record.audit_head(node), exported)


@dataclass(frozen=True, slots=True)
class Link:
    """One row of a chain: its number, the digest stored with it, and how that follows from the one before."""

    number: int
    stored: bytes
    after: Callable[[bytes], bytes]


def _event_link(event: RecordedEvent) -> Link:
    def after(previous: bytes) -> bytes:
        return event_digest(previous, event.position, event.stream, event.version, event.type, event.type_version, event.at, event.body)

    return Link(event.position, event.digest, after)


def _audit_link(row: RecordedAudit) -> Link:
    written = AuditRow(row.at, row.actor, row.action, row.outcome, row.patient, row.pump, row.subject, row.body)
    return Link(row.seq, row.digest, lambda previous: audit_digest(previous, row.node, row.seq, written))


async def _follow(
    links: Callable[[int, int], Awaitable[list[Link]]], head: Callable[[], Awaitable[tuple[int, bytes]]], exported: tuple[int, bytes]
) -> ChainVerdict:
    until, head_digest = await head()
    at, digest = BEFORE_THE_FIRST
    while at < until:
        page = await links(at, min(1000, until - at))
        if not page:
            return ChainVerdict(at, at + 1, "missing")
        for link in page:
            if link.number != at + 1:
                return ChainVerdict(at, at + 1, "missing")
            digest = link.after(digest)
            if digest != link.stored:
                return ChainVerdict(at, link.number, "changed")
            at = link.number
            if at == exported[0] and digest != exported[1]:
                return ChainVerdict(at, at, "not what was exported")
    if at < exported[0]:
        return ChainVerdict(at, at + 1, "cut short: more was exported")
    if digest != head_digest:
        return ChainVerdict(at, at, "not the head")
    beyond = await links(at, 1)  # rows committed since are below today's head; a row slipped in is not
    if beyond and beyond[0].number > (await head())[0]:
        return ChainVerdict(at, beyond[0].number, "beyond the head")
    return ChainVerdict(at)
