"""An offer as the pump gets it to show (docs/pump-link.md, offer), and what is kept of a confirmed one to compare the next with (D-18)."""

import json
from datetime import datetime, timedelta
from typing import Final

from interop.conduct.keeping import settings_of
from interop.conduct.kept import shape_of
from interop.conduct.streams import ProgrammeNow
from interop.domain import pump as said
from interop.domain.case import EarlierProgram
from interop.domain.events.nouns import Setting
from interop.domain.events.programme import Attempt, Confirmed, Planned
from interop.domain.finding import Finding
from interop.domain.plan import Offer
from interop.domain.program import Changes
from interop.domain.quantity import Quantity
from interop.ports import Projected, Record

LAST_PROGRAMS: Final = "last-program"
"""Order → rate, dose rate and dose of its last confirmed programme."""

APART: Final = frozenset({"concentration", "container volume"})
"""Settings that have a place of their own in the frame."""

_EARLIER = shape_of(EarlierProgram)


def to_show(programme: ProgrammeNow, offer: Offer, patient_name: str, answer_within_s: int, now: datetime) -> said.OfferToShow:
    """The frame for a programme whose offer leaves ``now``; its id is the programme's, so that it can never be another's (SR-12, SEC-22)."""
    planned = next(event for event in programme.events if isinstance(event, Planned))
    program, entry = offer.program, offer.program.entry
    return said.OfferToShow(
        offer_id=planned.programme_id,
        pump_id=offer.pump_id,
        channel_id=offer.channel_id,
        attempt=said.OfferAttempt.TITRATION if planned.attempt is Attempt.TITRATION else said.OfferAttempt.START,
        expires_at=now + timedelta(seconds=offer.total_s),
        untouched_s=offer.untouched_s,
        idle_s=offer.idle_s,
        total_s=offer.total_s,
        answer_within_s=answer_within_s,
        patient=offer.patient,
        patient_name=patient_name,
        placer_order_number=offer.placer_order_number,
        requested_by=offer.requested_by,
        library=program.library,
        entry_key=entry.key,
        drug=entry.drug,
        tallman=entry.tallman,
        therapy=entry.therapy,
        care_area=entry.care_area,
        concentration=program.concentration,
        container_amount=entry.amount if program.changes is None else None,  # what hangs there stays
        container_volume=program.container_volume,
        settings=tuple(each for each in settings_of(program) if each.name not in APART),
        second_check=program.second_check,
        weight_source=program.weight_source if program.weight is not None and program.changes is None else "",  # else the running weight
        cautions=tuple(_caution(each) for each in offer.cautions),
        changes=None if program.changes is None else _changes(program.changes),
    )


def _changes(changes: Changes) -> said.Changes:
    """The old values, to be shown beside the new (SR-37)."""
    values = (("rate", changes.rate), ("dose rate", changes.dose_rate))
    return said.Changes(changes.infusion_id, tuple(Setting(name, value) for name, value in values if value is not None))


def _caution(finding: Finding) -> said.ShownCaution:
    return said.ShownCaution(finding.sentence, finding.action)


def last_program_row(order_id: str, confirmed: Confirmed, programme: ProgrammeNow) -> tuple[Projected, ...]:
    """What the order ran at last, as confirmed at the pump, or where the pump did not say, as offered."""
    planned = next(event for event in programme.events if isinstance(event, Planned))
    settings = {each.name: each for each in (*planned.settings, *confirmed.settings)}
    if not settings:
        return ()
    earlier = EarlierProgram(_set(settings, "dose rate"), _set(settings, "rate"), _set(settings, "dose"))
    return (Projected(LAST_PROGRAMS, order_id, json.dumps(_EARLIER.write(earlier))),)


def _set(settings: dict[str, Setting], name: str) -> Quantity | None:
    return settings[name].set if name in settings else None


async def last_program(record: Record, order_id: str) -> EarlierProgram | None:
    """Raises: StoreUnavailable."""
    document = await record.projection(LAST_PROGRAMS, order_id)
    if document is None:
        return None
    earlier: EarlierProgram = _EARLIER.read(json.loads(document))
    return earlier
