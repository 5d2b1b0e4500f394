"""Commits as the product makes them, short enough to read in a test."""

from datetime import datetime
from hashlib import sha256
from typing import Any

from places import EARLY

from interop.ports import AuditRow, Commit, Direction, EffectKey, Expect, JournalEntry, MessageKey, NewEvent, Outgoing


def an_event(stream: str = "order/1", type: str = "OrderReceived", body: str = '{"dose_rate":"12"}', at: datetime = EARLY) -> NewEvent:
    return NewEvent(stream, type, 1, at, body)


def happens(stream: str, version: int | None, *types: str, **more: Any) -> Commit:
    """One event for each type on one stream decided at ``version``."""
    return Commit((Expect(stream, version),), tuple(an_event(stream, type) for type in types or ("OrderReceived",)), **more)


def a_message(number: int = 1, content: bytes = b"RGV", at: datetime = EARLY, sender: str = "EHR") -> JournalEntry:
    control_id = f"MSG{number:05d}"
    key = MessageKey(sender, control_id, sha256(content).digest())
    return JournalEntry(f"entry-{sender}-{number:05d}", Direction.IN, sender, "RGV^O15^RGV_O15", control_id, at, content, "", key)


def an_effect(key: str = "EHR|ORD1|P1|A", reference: str = "programme/1", content: bytes = b"12 mg/h") -> EffectKey:
    return EffectKey(key, sha256(content).digest(), reference, EARLY)


def accepts(number: int) -> Commit:
    """The accept commit of one order: an event, the journalled message, its key."""
    return happens(f"order/{number}", 0, journal=(a_message(number),))


def to_ehr(number: int, order_key: str = "infusion/1", lane: int = 0, destination: str = "ehr", **more: Any) -> Outgoing:
    return Outgoing(destination, lane, order_key, f"OUT{number:05d}", b"MSH|%d" % number, more.pop("at", EARLY), **more)


def an_audit(action: str = "programme sent", at: datetime = EARLY, **more: str) -> AuditRow:
    return AuditRow(at, more.pop("actor", "nurse/7"), action, "success", **more)
