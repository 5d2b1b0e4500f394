"""What is kept of every plan, whole, under its own digest, so that the attempt can be told and replayed from the record alone (SR-52)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from interop.conduct.kept import FindRelease, NotReplayable, canonical, digest_of, read_case, read_request, write_case, write_request
from interop.conduct.reading import Renderer
from interop.domain.case import Case
from interop.domain.envelope import Accept
from interop.domain.events.nouns import Reason, Setting
from interop.domain.events.shapes import Json, of_class
from interop.domain.plan import Plan
from interop.domain.program import Program, Rounded
from interop.domain.quantity import Quantity
from interop.domain.request import OrderRequest
from interop.pathway import plan
from interop.ports import AuditQuery, Projected, Record
from interop.stages.checks import CHECKS

CASES: Final = "kept-case"
PLANS: Final = "kept-plan"
VERSION: Final = 1
ACCEPTED: Final = ("message.accept", "committed")
SHORTEST: Final = timedelta(microseconds=1)
MOST_AT_ONCE: Final = 10_000

_REASON = of_class(Reason)
_SETTING = of_class(Setting)


@dataclass(frozen=True, slots=True)
class Kept:
    """The rows, and the digests that the event ``programme.planned`` names them by."""

    case_digest: str
    plan_digest: str
    rows: tuple[Projected, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """A kept plan made again: ``plan`` as it is today, and whether it says the same as the one that was kept."""

    plan: Plan
    same: bool


def keep(request: OrderRequest, case: Case, made: Plan, now: datetime) -> Kept:
    """Inputs, library and mapping, the checks that ran, and what came of them. Pure. Raises: Misfit: a value that no text can carry exactly."""
    case_text = canonical(write_case(case))
    case_digest = digest_of(case_text)
    plan_text = canonical(
        {**_result(made), "case": case_digest, "now": _instant(now), "request": write_request(request), "version": VERSION}
    )
    plan_digest = digest_of(plan_text)
    return Kept(case_digest, plan_digest, (Projected(CASES, case_digest, case_text), Projected(PLANS, plan_digest, plan_text)))


def _result(made: Plan) -> dict[str, Json]:
    """What a plan came to. Its arithmetic in words is not kept: a replay says it again."""
    entry = made.match.entry
    return {
        "candidates": [[each.entry.key, each.stayed, each.question] for each in made.match.candidates],
        "checks": [check.__name__ for check in CHECKS],
        "entry": "" if entry is None else entry.key,
        "findings": [_REASON.write(Reason.of(finding)) for finding in made.findings],
        "kind": "" if made.kind is None else made.kind.value,
        "offered": made.offer is not None,
        "settings": [_SETTING.write(setting) for setting in settings_of(made.match.program)],
    }


async def replay(record: Record, plan_digest: str, release: FindRelease) -> Replayed:
    """Make a kept plan again, with the very case, time and release. Raises: NotReplayable, StoreUnavailable."""
    kept = _opened(await record.projection(PLANS, plan_digest), plan_digest)
    case_digest = kept.get("case")
    if not isinstance(case_digest, str):
        raise NotReplayable("the kept plan names no case")
    case = read_case(_opened(await record.projection(CASES, case_digest), case_digest), release)
    made = plan(read_request(kept.get("request")), case, datetime.fromisoformat(str(kept.get("now"))))
    again = _result(made)
    return Replayed(made, all(again[name] == kept.get(name) for name in again if name != "checks"))


async def accept_answer(record: Record, renderer: Renderer, entry_id: str) -> bytes:
    """The CA to an accepted message, byte for byte as it left if its sender wanted one (MSH-15), to the first sending and to every resend.

    Raises: NotReplayable: no such message was accepted, or retention has taken its bytes. StoreUnavailable.
    """
    head, body = await record.journal_head(entry_id), await record.journal_body(entry_id)
    if head is None or body is None:
        raise NotReplayable("the message is not kept")
    rows = await record.audit_search(AuditQuery(since=head.at, until=head.at + SHORTEST), limit=MOST_AT_ONCE)
    if ACCEPTED not in {(row.action, row.outcome) for row in rows if row.subject == entry_id}:
        raise NotReplayable("the message was not accepted")
    return renderer.accept(body, Accept.COMMITTED, entry_id, head.at)


def _opened(text: str | None, digest: str) -> dict[str, Json]:
    if text is None or digest_of(text) != digest:
        raise NotReplayable("it is not kept, or is not what was kept")
    opened = json.loads(text)
    if not isinstance(opened, dict):
        raise NotReplayable("not what was kept by this version")
    return opened


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def settings_of(program: Program | None) -> tuple[Setting, ...]:
    """The values of a program by name, as asked and as set (SR-30); none without a program."""
    if program is None:
        return ()
    rounded: Sequence[tuple[str, Rounded | None]] = (
        ("rate", program.rate),
        ("dose rate", program.dose_rate),
        ("dose", program.dose),
        ("vtbi", program.vtbi),
    )
    plain: Sequence[tuple[str, Quantity | None]] = (
        ("duration", program.duration),
        ("concentration", program.concentration),
        ("container volume", program.container_volume),
        ("weight", program.weight),
        ("body surface area", program.body_surface_area),
        ("total dose", program.total_dose),
    )
    return (
        *(Setting(name, value.set, value.asked) for name, value in rounded if value is not None),
        *(Setting(name, value) for name, value in plain if value is not None),
    )
