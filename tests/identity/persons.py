"""Who works in the hospital of these tests."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from interop.adapters.identity.local import LocalIdentity
from interop.domain.actor import Actor, Asking, Kind, LoggedIn, NotLoggedIn, Proof, Role
from interop.ports import Record, RecordedAudit

EARLY = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
SECRET = "a secret of these tests, and long enough to be one"
PASSWORD = "four words in a row"
BADGE = "0047110815"
AT_TERMINAL_3 = Asking("10.20.0.3", "req-1", "POST", "/login")

CONSOLE = Actor("console-ops", Kind.SYSTEM, frozenset({Role.ADMINISTRATOR}), Proof.CONSOLE)


class WardClock:
    """Says what it was set to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def goes_on(self, **by: int) -> None:
        """By a timedelta."""
        self.at += timedelta(**by)


@dataclass
class Hospital:
    """The record, its clock, and identity over them."""

    record: Record
    clock: WardClock
    identity: LocalIdentity

    async def employs(self, user: str = "anna", *roles: Role, password: str = PASSWORD, badge: str = "", name: str = "Maria Berg") -> None:
        await self.identity.users.add(CONSOLE, user, name, roles or {Role.NURSE}, password=password, badge=badge)

    async def logs_in(self, user: str = "anna", password: str = PASSWORD, asking: Asking = AT_TERMINAL_3) -> LoggedIn:
        answer = await self.identity.log_in_with_password(user, password, asking)
        assert isinstance(answer, LoggedIn)
        return answer

    async def fails_to_log_in(self, user: str = "anna", password: str = "a wrong password", asking: Asking = AT_TERMINAL_3) -> NotLoggedIn:
        answer = await self.identity.log_in_with_password(user, password, asking)
        assert isinstance(answer, NotLoggedIn)
        return answer

    async def audit(self) -> tuple[RecordedAudit, ...]:
        return await self.record.audit_rows("node-a", 0, 5000)

    async def last_row(self) -> RecordedAudit:
        return (await self.audit())[-1]


def detail_of(row: RecordedAudit) -> dict[str, str]:
    """What the AuditEvent's entities say, by name."""
    body: dict[str, Any] = json.loads(row.body)
    return {part["type"]: part["valueString"] for entity in body.get("entity", []) for part in entity.get("detail", [])}


def request_id_of(row: RecordedAudit) -> str:
    body: dict[str, Any] = json.loads(row.body)
    ids = [entity["what"]["identifier"]["value"] for entity in body.get("entity", []) if "what" in entity]
    return ids[0] if ids else ""
