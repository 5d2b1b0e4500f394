"""What documents and the pump's screen must say of an order besides its program: a row for each order, as of its newest offer (SR-08, stage 7)."""

import json
from collections.abc import Mapping
from typing import Final

from interop.conduct import naming
from interop.conduct.kept import shape_of
from interop.domain.document import About, DrugCode
from interop.domain.events.nouns import PatientNumber
from interop.domain.order import Order
from interop.domain.plan import Plan
from interop.domain.release import Release
from interop.domain.request import OrderRequest
from interop.ports import Projected, Record

ABOUT: Final = "about-order"
"""Order → what its documents say of it."""

BY_ORDER: Final = "medication-request-of-order"
"""Order → id of its MedicationRequest on this server, which `conduct.resources` keeps."""

_ABOUT = shape_of(About)


def about_row(request: OrderRequest, order: Order | None, made: Plan, release: Release, request_id: str) -> tuple[Projected, ...]:
    """For the commit that plans an offer; nothing for an order that could not be understood. ``request_id``: of its MedicationRequest; empty: none."""
    entry = made.match.entry
    if order is None or entry is None:
        return ()
    profile = release.senders.get(request.sender)
    number = request.placer_order_number.value.text
    program = made.match.program
    about = About(
        placer_order_number=number,
        placer_authority=request.placer_order_number.authority,
        sender=request.sender,
        system_group=request.system_group,
        receiver=next(iter(profile.names), ("", "")) if profile is not None else ("", ""),
        patient_numbers=tuple(PatientNumber(each.value, each.authority) for each in order.patient_ids),
        patient_name=tuple(request.patient.name.text.split(", ")) if request.patient.name.text else (),
        location=(order.location,) if order.location else (),
        subject_reference=request.patient.reference.text,
        request_id=request_id,
        drug_codes=_codes(request, profile.code_systems if profile is not None else {}),
        infusion_type=entry.infusion_type,
        vtbi=program.vtbi.set if program is not None and program.vtbi is not None else None,
        mode=entry.mode,
        library_version=release.library.ref.version,
        care_area=entry.care_area,
    )
    return (row_of(naming.order_id(request.system_group, number), about),)


def row_of(order_id: str, about: About) -> Projected:
    return Projected(ABOUT, order_id, json.dumps(_ABOUT.write(about)))


def _codes(request: OrderRequest, systems: Mapping[str, str]) -> tuple[DrugCode, ...]:
    codes = request.gives[0].codes if request.gives else ()
    return tuple(DrugCode(each.code, each.text, each.system, systems.get(each.system, "")) for each in codes)


async def about_order(record: Record, order_id: str) -> About | None:
    """``None``: nothing of it was ever offered here, and nobody said that a running infusion is its. Raises: StoreUnavailable."""
    document = await record.projection(ABOUT, order_id)
    if document is None:
        return None
    about: About = _ABOUT.read(json.loads(document))
    return about
