"""The first event of a programme, from a plan: who asked for what, where, and on what it was decided (SR-52)."""

from datetime import datetime

from interop.conduct import naming
from interop.conduct.asked import Asked
from interop.conduct.keeping import Kept, settings_of
from interop.conduct.streams import OrderNow
from interop.domain.events.nouns import Library, PatientNumber, Reason
from interop.domain.events.programme import Attempt, Planned
from interop.domain.order import Kind, Order
from interop.domain.plan import Plan
from interop.domain.release import Release
from interop.domain.request import OrderRequest, Purpose

_BY_KIND = {
    Kind.TITRATION: Attempt.TITRATION,
    Kind.BOLUS: Attempt.BOLUS,
    Kind.NEXT_CONTAINER: Attempt.NEXT_CONTAINER,
    Kind.MULTISTEP: Attempt.STEPS,
}
_BY_PURPOSE = {Purpose.CHANGE: Attempt.TITRATION, Purpose.BOLUS: Attempt.BOLUS}


def planned_event(
    asked: Asked,
    request: OrderRequest,
    order: Order | None,
    order_now: OrderNow,
    made: Plan,
    release: Release,
    key: str,
    kept: Kept,
    now: datetime,
) -> Planned:
    """``order`` None: it could not be understood at all, and what is not known of it stays empty."""
    number = request.placer_order_number.value.text
    patient = order.patient_ids[0] if order is not None and order.patient_ids else None
    program, ref = made.match.program, release.library.ref
    return Planned(
        at=now,
        programme_id=asked.id,
        attempt=attempt_of(made.kind, request.purpose),
        order_id=naming.order_id(request.system_group, number),
        placer_order_number=number,
        order_version=None if order_now.today is None else order_now.today.order_version,
        pump_id=request.pump.id.text or (asked.scan.pump_id if asked.scan is not None else ""),
        channel_id=_channel(request, asked, made),
        patient=None if patient is None else PatientNumber(patient.value, patient.authority),
        requested_by=request.requested_by.text or (asked.scan.clinician if asked.scan is not None else ""),
        requested_at=asked.scan.at if asked.scan is not None else None if order is None else order.requested_at,
        message_id=asked.id,
        effect_key=key,
        plan_digest=kept.plan_digest,
        case_digest=kept.case_digest,
        library=Library(ref.id, ref.version, ref.hash),
        mapping_digest=release.mapping_hash,
        drug=made.match.drug,
        entry_key=made.match.entry.key if made.match.entry is not None and program is not None else "",
        settings=settings_of(program),
        weight_source=program.weight_source if program is not None and program.weight is not None else "",
        cautions=tuple(map(Reason.of, made.cautions)),
    )


def _channel(request: OrderRequest, asked: Asked, made: Plan) -> str:
    """Where it was offered; without an offer, where it was asked for."""
    if made.offer is not None:
        return made.offer.channel_id
    return request.pump.channel.text or (asked.scan.channel_id if asked.scan is not None else "")


def attempt_of(kind: Kind | None, purpose: Purpose | None) -> Attempt:
    """By what the order is; where that could not be told, by what was asked for (ORC-1)."""
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    return _BY_PURPOSE.get(purpose, Attempt.START) if kind is None and purpose is not None else Attempt.START
