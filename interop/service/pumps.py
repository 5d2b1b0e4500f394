"""The pumps that may connect: the commands ``interop pumps …``, and the roll of them as the pump link's door asks for it.

Each command takes an open record and writes what it did to ``out``. They return 0: done, 2: wrong use, 3: refused, with the reason as a line of ``out``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from interop.adapters.identity import pumps as adapter
from interop.adapters.identity.documents import EnrolledPump
from interop.domain.actor import ACTOR_ID, Role
from interop.domain.errors import SenderError
from interop.doors.pump_link.enrolled import Enrolment, Refusal
from interop.ports import Clock, Record
from interop.service.certificates import TRUSTED, issue_pump, pump_authority_in, pump_fingerprint
from interop.service.people import console_actor
from interop.service.settings import Pumps

DONE: Final = 0
WRONG_USE: Final = 2
REFUSED: Final = 3
SHOWN_DIGITS: Final = 16


class Roll:
    """The enrolled pumps, as they stand in the record now."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._pumps = adapter.Pumps(record, clock)

    async def find(self, pump_id: str) -> Enrolment | None:
        """``None``: nobody enrolled it. Raises: StoreUnavailable, DamagedDocument."""
        found = await self._pumps.get(pump_id)
        return None if found is None else Enrolment(found.id, found.model, found.fingerprint, found.revoked_at is not None)

    async def refused(self, pump_id: str, why: Refusal, peer: str) -> None:
        """An audit row, metered."""
        await self._pumps.refused(pump_id, why.value, peer)


@dataclass(frozen=True, slots=True)
class NewPumps:
    """The options of ``pumps enroll``. ``models``: of each pump by its id, in their order; ``folder``: the certificates beside the interop.toml.

    ``certificate``: the one pump's, signed elsewhere.
    """

    models: Mapping[str, str]
    folder: Path
    certificate: Path | None = None


async def enroll(record: Record, clock: Clock, settings: Pumps, new: NewPumps, *, out: TextIO) -> int:
    """``interop pumps enroll PUMP_ID[=MODEL]…``: of several, each for itself. Raises: CannotIssue, OSError."""
    if new.certificate is not None and len(new.models) != 1:
        print("not done: one certificate is for one pump", file=out)
        return WRONG_USE
    is_ours = settings.client_ca_file is None or _same(settings.client_ca_file, pump_authority_in(new.folder).certificate)
    if new.certificate is None and not is_ours:
        print(f"not done: the pumps' certificates are signed elsewhere ({settings.client_ca_file}): name each by --certificate", file=out)
        return WRONG_USE
    pumps, worst = adapter.Pumps(record, clock), DONE
    for pump in new.models:
        try:
            print(await _enroll(pumps, clock, pump, new, out), file=out)
        except SenderError as refused:
            print(f"refused: {refused}", file=out)
            worst = REFUSED
    return worst


async def _enroll(pumps: adapter.Pumps, clock: Clock, pump: str, new: NewPumps, out: TextIO) -> str:
    """Raises: BadPump, PumpThere, NotAllowed; CannotIssue, OSError."""
    if not ACTOR_ID.fullmatch(pump) or pump == TRUSTED:  # before it becomes the name of a file
        raise adapter.BadPump(f"a pump's id has 1 to 64 letters, digits, dots, dashes and underscores, and is not {TRUSTED}")
    there = await pumps.get(pump)
    if there is not None and there.revoked_at is None:
        raise adapter.PumpThere(f"{pump} is enrolled already; revoke it first")
    certificate = new.certificate
    if certificate is None:
        pair, made = issue_pump(new.folder, pump, clock.now())
        for path in (pair.key, pair.certificate, *(each for each in made if each not in (pair.key, pair.certificate))):
            print(f"{'made' if path in made else 'exists':8} {path.relative_to(new.folder.parent)}", file=out)
        certificate = pair.certificate
    fingerprint = pump_fingerprint(certificate, pump)
    if there is not None and there.fingerprint == fingerprint:
        raise adapter.BadPump(f"{pump} was revoked with this certificate: move {certificate} and its key away, and it gets another")
    enrolled = await pumps.enroll(console_actor(Role.BIOMED), pump, new.models[pump], fingerprint)
    return f"enrolled {_line_of(enrolled)}"


async def revoke(record: Record, clock: Clock, pump: str, *, out: TextIO) -> int:
    """``interop pumps revoke PUMP_ID``."""
    try:
        revoked = await adapter.Pumps(record, clock).revoke(console_actor(Role.BIOMED), pump)
    except SenderError as refused:
        print(f"refused: {refused}", file=out)
        return REFUSED
    print(f"revoked {_line_of(revoked)}", file=out)
    return DONE


async def show(record: Record, clock: Clock, *, out: TextIO) -> int:
    """``interop pumps list``: one a line: id, state, model, since when, the first digits of its certificate's fingerprint."""
    pumps = await adapter.Pumps(record, clock).all()
    for pump in pumps:
        print(_line_of(pump), file=out)
    if not pumps:
        print("no pumps yet: interop pumps enroll", file=out)
    return DONE


def _line_of(pump: EnrolledPump) -> str:
    since = pump.enrolled_at if pump.revoked_at is None else pump.revoked_at
    state = "may connect" if pump.revoked_at is None else "revoked"
    return f"{pump.id}  {state}  model {pump.model}  since {since.isoformat(timespec='minutes')}  certificate {pump.fingerprint[:SHOWN_DIGITS]}"


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
