"""Rows of the store as the values of the port."""

from interop.adapters.store import rows
from interop.ports import (
    Direction,
    EffectKey,
    FirstSeen,
    Intent,
    JournalHead,
    LaneMessage,
    MessageState,
    RecordedAudit,
    RecordedEvent,
    StoredRelease,
    Timer,
)


def recorded_event(row: rows.EventRow) -> RecordedEvent:
    """An event as committed."""
    return RecordedEvent(*row)


def journal_head(row: rows.JournalHeadRow) -> JournalHead:
    """A journal entry without its bytes."""
    return JournalHead(**row._asdict() | {"direction": Direction(row.direction)})


def first_seen(row: rows.MessageKeyRow) -> FirstSeen:
    """The first entry of a message key."""
    return FirstSeen(row.entry_id, row.at)


def effect_key(row: rows.EffectKeyRow) -> EffectKey:
    """The use of an effect key that holds."""
    return EffectKey(*row)


def intent(row: rows.IntentRow) -> Intent:
    """An intent with the instant until which it is held."""
    return Intent(*row)


def timer(row: rows.TimerRow) -> Timer:
    """A due time."""
    return Timer(*row)


def recorded_audit(row: rows.AuditRowStored) -> RecordedAudit:
    """An audit row as committed."""
    return RecordedAudit(*row)


def stored_release(row: rows.ReleaseRow) -> StoredRelease:
    """A release with its bytes."""
    return StoredRelease(*row)


def open_message(sent: rows.OutgoingRow, stands: rows.OpenRow) -> LaneMessage:
    """A waiting or parked message."""
    return LaneMessage(*sent, MessageState(stands.state), stands.attempts, stands.due_at, stands.note, None)


def settled_message(sent: rows.OutgoingRow, ended: rows.SettledRow) -> LaneMessage:
    """A message that was sent, expired or discarded; its due time is when it ended."""
    return LaneMessage(*sent, MessageState(ended.state), ended.attempts, ended.at, ended.note, ended.at)
