"""Which orders a patient has, and which attempt on an order is the newest: rows for the pages, written in the commit of what they tell of.

They lead the way and decide nothing: whoever follows them reads the streams, and drops what those do not bear out.
"""

import json
from dataclasses import dataclass
from typing import Final

from interop.conduct import naming
from interop.conduct.kept import shape_of
from interop.domain.events.programme import Planned
from interop.domain.order import Order
from interop.domain.patient import PatientId
from interop.domain.request import OrderRequest
from interop.ports import Projected, Record

PATIENTS: Final = "patient-with-orders"
"""Patient → name and birth date as they were last sent."""

ORDERS_OF_PATIENT: Final = "order-of-patient"
"""Patient and order → nothing more: the order is, or once was, this patient's."""

NEWEST: Final = "newest-programme"
"""Order → the programme that was planned last."""

PAGE: Final = 200
LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class PatientHead:
    """Who it is, as the orders last said it; ``name`` and ``birth_date`` as sent, empty: not said."""

    id: PatientId
    name: str = ""
    birth_date: str = ""

    @property
    def key(self) -> str:
        return naming.patient_key(self.id.value, self.id.authority)


_SHAPE = shape_of(PatientHead)


def rows_of_order(request: OrderRequest, order: Order | None, order_id: str) -> tuple[Projected, ...]:
    """The order is these ids' of the patient's; the first is the one by which the patient is listed."""
    ids = order.patient_ids if order is not None else ()
    if not ids or not order_id:
        return ()
    head = PatientHead(ids[0], request.patient.name.text, request.patient.birth_date.text)
    keys = dict.fromkeys(naming.patient_key(each.value, each.authority) for each in ids)
    listed = Projected(PATIENTS, head.key, json.dumps(_SHAPE.write(head)))
    return (listed, *(Projected(ORDERS_OF_PATIENT, f"{key}/{order_id}", "{}") for key in keys))


def rows_of_programme(request: OrderRequest, order: Order | None, planned: Planned) -> tuple[Projected, ...]:
    """The attempt is its order's newest."""
    if not planned.placer_order_number:
        return ()
    newest = Projected(NEWEST, planned.order_id, json.dumps(planned.programme_id))
    return (newest, *rows_of_order(request, order, planned.order_id))


async def head_of(record: Record, patient: PatientId) -> PatientHead | None:
    """``None``: no order of this patient was ever seen under that number. Raises: StoreUnavailable."""
    document = await record.projection(PATIENTS, naming.patient_key(patient.value, patient.authority))
    return None if document is None else _read(document)


async def heads(record: Record, after: str = "", limit: int = PAGE) -> tuple[PatientHead, ...]:
    """Patients with a key beyond ``after``, in its order. Raises: StoreUnavailable."""
    return tuple(_read(document) for _, document in await record.projections(PATIENTS, after, limit))


async def authorities(record: Record) -> tuple[str, ...]:
    """Whose patient numbers are on file; two at most are told, as nobody needs to know more than "one, or several". Raises: StoreUnavailable."""
    found: list[str] = []
    after = ""
    while len(found) < 2 and (page := await record.projections(PATIENTS, after, 1)):
        authority = _read(page[0][1]).id.authority
        found.append(authority)
        after = naming.patient_key(LAST, authority)
    return tuple(found)


async def orders_of(record: Record, patient: PatientId, limit: int) -> tuple[str, ...]:
    """The orders that are or were this patient's, at most ``limit``. Raises: StoreUnavailable."""
    prefix = f"{naming.patient_key(patient.value, patient.authority)}/"
    found: list[str] = []
    after = prefix
    while page := await record.projections(ORDERS_OF_PATIENT, after, min(PAGE, limit)):
        for key, _ in page:
            if not key.startswith(prefix) or len(found) >= limit:
                return tuple(found)
            found.append(key.removeprefix(prefix))
        after = page[-1][0]
    return tuple(found)


async def newest_of(record: Record, order_id: str) -> str:
    """The programme that was planned last; empty: none was. Raises: StoreUnavailable."""
    document = await record.projection(NEWEST, order_id)
    return "" if document is None else str(json.loads(document))


def _read(document: str) -> PatientHead:
    head: PatientHead = _SHAPE.read(json.loads(document))
    return head
