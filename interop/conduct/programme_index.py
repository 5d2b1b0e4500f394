"""Rows that lead to a programme and on to what it became, for Tasks: each is written in the commit of what it tells of, and none decides anything."""

import json
from typing import Final

from interop.conduct import naming
from interop.conduct.chart_index import index_key
from interop.conduct.kept import shape_of
from interop.domain.events.nouns import PatientNumber
from interop.domain.events.programme import Planned
from interop.domain.order import Order
from interop.domain.request import OrderRequest
from interop.domain.task import Named
from interop.ports import Projected, Record

NAMED: Final = "programme-named"
"""Programme → what its request named beside its events (``domain.task.Named``)."""

FOUND_BY: Final = "programme-by"
"""(What it is found by, its value, programme) → nothing; see ``chart_index``."""

BECAME: Final = "infusion-of-programme"
"""Programme → the infusion that runs, or ran, by it; kept when that is over."""

_SHAPE = shape_of(Named)


def rows_of_task(request: OrderRequest, order: Order | None, planned: Planned, request_id: str) -> tuple[Projected, ...]:
    """For the commit that plans. ``request_id``: of the order's MedicationRequest on this server; empty: it has none."""
    numbers = tuple(PatientNumber(each.value, each.authority) for each in order.patient_ids) if order is not None else ()
    named = Named(request.placer_order_number.authority, numbers, request.patient.reference.text, request_id)
    group = naming.group_of(planned.order_id)
    by = [("order", planned.placer_order_number), ("request", request_id), ("subject", named.subject_reference)]
    by += [("patient", number.value) for number in numbers]
    keys = [index_key(group, what, value) + planned.programme_id for what, value in dict.fromkeys(by) if value]
    return (
        Projected(NAMED, planned.programme_id, json.dumps(_SHAPE.write(named))),
        *(Projected(FOUND_BY, key, "") for key in keys),
    )


async def named_of(record: Record, programme_id: str) -> Named:
    """Raises: StoreUnavailable."""
    document = await record.projection(NAMED, programme_id)
    if document is None:
        return Named()
    named: Named = _SHAPE.read(json.loads(document))
    return named


def became(programme_id: str, infusion_id: str) -> Projected:
    """The pump runs it, by its own word; in the commit of that word."""
    return Projected(BECAME, programme_id, json.dumps(infusion_id))


async def infusion_of(record: Record, programme_id: str) -> str:
    """Empty: the pump never said that anything runs by it. Raises: StoreUnavailable."""
    document = await record.projection(BECAME, programme_id)
    return "" if document is None else str(json.loads(document))
