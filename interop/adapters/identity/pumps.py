"""The pumps that may connect (SEC-10): each enrolled by somebody, as one model, with one certificate; revocable at once.

A pump that is not here is unknown, whoever signed its certificate. Enrolling anew takes another certificate; one that was revoked never holds again.
"""

import logging
import re
from dataclasses import replace
from typing import Final

from interop.adapters.identity import audit
from interop.adapters.identity.audit import NOBODY, Outcome
from interop.adapters.identity.documents import PUMPS, EnrolledPump
from interop.adapters.identity.events import PumpEnrolled, PumpRevoked, as_row
from interop.adapters.identity.throttle import Meter
from interop.adapters.identity.users import NotAllowed
from interop.domain.actor import ACTOR_ID, Actor, Asking, Right, may
from interop.domain.errors import SenderError
from interop.ports import AuditRow, Busy, Clock, Commit, Expect, NewEvent, Record, StoreUnavailable, StreamMoved

log = logging.getLogger("interop.identity")

MODEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
REFUSALS_PER_MINUTE: Final = 2
"""Of one pump: what was revoked and comes again every half minute does not fill the audit; the next row says how many were not written."""


class PumpThere(SenderError):
    """The pump is enrolled already, or another change to it came first."""


class UnknownPump(SenderError):
    """No pump of this id may connect."""


class BadPump(SenderError):
    """Id, model or certificate cannot be a pump's; says why."""


class Pumps:
    """The enrolled pumps in the record. Every method may raise StoreUnavailable, Busy and DamagedDocument, but ``refused``."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record, self._clock = record, clock
        self._meter = Meter(clock, REFUSALS_PER_MINUTE)

    async def all(self) -> list[EnrolledPump]:
        """Every pump, by id, the revoked too."""
        return await PUMPS.all(self._record)

    async def get(self, pump: str) -> EnrolledPump | None:
        """One pump, revoked or not."""
        return await PUMPS.get(self._record, pump)

    async def enroll(self, by: Actor, pump: str, model: str, fingerprint: str, asking: Asking | None = None) -> EnrolledPump:
        """From this commit on the pump may connect, with this certificate. Raises: NotAllowed, BadPump, PumpThere."""
        await self._check_right(by, pump, audit.PUMP_ENROLLED, asking)
        if not ACTOR_ID.fullmatch(pump) or not MODEL.fullmatch(model):
            raise BadPump("a pump's id and its model have 1 to 64 letters, digits, dots, dashes and underscores")
        if not FINGERPRINT.fullmatch(fingerprint):
            raise BadPump("a fingerprint is a SHA-256 in hexadecimal")
        there = await self.get(pump)
        if there is not None and there.revoked_at is None:
            raise PumpThere(f"{pump} is enrolled already; revoke it first")
        if there is not None and there.fingerprint == fingerprint:
            raise BadPump(f"{pump} was revoked with this certificate: it needs another")
        now = self._clock.now()
        version = 0 if there is None else there.version
        enrolled = EnrolledPump(id=pump, model=model, fingerprint=fingerprint, enrolled_at=now, version=version + 1)
        event = PumpEnrolled(at=now, by=by.key, pump=pump, model=model, fingerprint=fingerprint)
        told = self._row(audit.PUMP_ENROLLED, by, pump, asking, {"model": model, "fingerprint": fingerprint})
        await self._commit(pump, version, as_row(_stream(pump), event), enrolled, told)
        return enrolled

    async def revoke(self, by: Actor, pump: str, asking: Asking | None = None) -> EnrolledPump:
        """The pump may not connect from this commit on; a link that it has ends within a minute. Raises: NotAllowed, UnknownPump, PumpThere."""
        await self._check_right(by, pump, audit.PUMP_REVOKED, asking)
        there = await self.get(pump) if ACTOR_ID.fullmatch(pump) else None
        if there is None or there.revoked_at is not None:
            raise UnknownPump("there is no pump of this id that may connect")
        now = self._clock.now()
        revoked = replace(there, revoked_at=now, version=there.version + 1)
        told = self._row(audit.PUMP_REVOKED, by, pump, asking, {"model": there.model, "fingerprint": there.fingerprint})
        await self._commit(pump, there.version, as_row(_stream(pump), PumpRevoked(at=now, by=by.key)), revoked, told)
        return revoked

    async def refused(self, pump: str, why: str, peer: str) -> None:
        """Write down that this pump was turned away, metered. ``why``: a word of ours. Raises nothing for the store: it is turned away all the same."""
        held_back = self._meter.take(pump)
        if held_back is None:
            return
        named = pump if ACTOR_ID.fullmatch(pump) else ""  # what anybody may call itself stands in no column
        asking = Asking(peer=peer, route="pump-link")
        told = audit.row(
            audit.PUMP_REFUSED,
            Outcome.FAILURE,
            at=self._clock.now(),
            actor=NOBODY,
            asking=asking,
            right=Right.SPEAK_AS_PUMP,
            pump=named,
            why=why,
        )
        if held_back:
            told = replace(told, body=audit.with_held_back(told.body, held_back))
        try:
            await self._record.commit(Commit(audit=(told,)))
        except (StoreUnavailable, Busy):
            log.error("a pump that was turned away could not be written to the audit", extra={"pump": named or None})

    async def _commit(self, pump: str, version: int, event: NewEvent, document: EnrolledPump, told: AuditRow) -> None:
        stream = Expect(_stream(pump), version)
        try:
            await self._record.commit(Commit((stream,), (event,), projections=(PUMPS.put(pump, document),), audit=(told,)))
        except StreamMoved:
            raise PumpThere(f"{pump} was changed by somebody else meanwhile") from None

    def _row(self, act: audit.Act, by: Actor, pump: str, asking: Asking | None, details: dict[str, str]) -> AuditRow:
        return audit.row(
            act,
            Outcome.SUCCESS,
            at=self._clock.now(),
            actor=by,
            asking=asking or Asking(),
            right=Right.ENROL_PUMP,
            subject=_stream(pump),
            pump=pump,
            details=details,
        )

    async def _check_right(self, by: Actor, pump: str, act: audit.Act, asking: Asking | None) -> None:
        if may(by, Right.ENROL_PUMP):
            return
        named = pump if ACTOR_ID.fullmatch(pump) else ""
        told = audit.row(
            act,
            Outcome.FAILURE,
            at=self._clock.now(),
            actor=by,
            asking=asking or Asking(),
            right=Right.ENROL_PUMP,
            subject=_stream(named) if named else "",
            pump=named,
            why="no right",
        )
        await self._record.commit(Commit(audit=(told,)))
        raise NotAllowed("this needs the right to enrol or revoke a pump")


def _stream(pump: str) -> str:
    return f"enrolment/{pump}"
