"""Tasks at the FHIR door: read and search of what became of each attempt to put an order on a pump (D-22, D-07). Made when they are read, never stored."""

from collections.abc import Sequence
from typing import Final

from interop.domain.task import Task
from interop.doors.fhir.searching import Shown, Source, capability
from interop.wire.fhir.pieces import PUMP
from interop.wire.fhir.search import TASK as GRAMMAR
from interop.wire.fhir.search import By
from interop.wire.fhir.task import PROGRAMME, business_codes, resource_of

TaskSource = Source[Task]
"""What the door asks of the conduct (``conduct.tasks``)."""

CAPABILITY: Final = capability(
    GRAMMAR,
    "One attempt to put an order on a pump's channel, as it stands now: status, businessStatus, and in note what is wrong, what to do and whose move it "
    "is. Tasks are made by requests at the bedside; a client cannot create, change or cancel one here yet.",
    "By GET or by POST to _search; one of _id, identifier, focus and patient is required. Patients and orders that came by HL7 v2 are asked by "
    "patient:identifier and focus:identifier, pumps by owner:identifier.",
)


def _values(one: Task, by: By) -> Sequence[tuple[str, str]]:
    match by:
        case By.ID:
            return [(one.id, "")]
        case By.IDENTIFIER:
            return [(one.id, PROGRAMME)]
        case By.PATIENT:
            return [(number.value, number.authority) for number in one.patient_numbers]
        case By.SUBJECT:
            return [(one.subject_reference, "")]
        case By.ORDER:
            return [(one.placer_order_number, one.named.placer_authority)]
        case By.REQUEST:
            return [(f"MedicationRequest/{one.named.request_id}", "")] if one.named.request_id else []
        case By.STATUS:
            return [(one.status.value, "")]
        case By.BUSINESS_STATUS:
            return business_codes(one)
        case By.DEVICE:
            return [(one.pump_id, PUMP)]


SHOWN: Final[Shown[Task]] = Shown(
    GRAMMAR,
    "there is no such task",
    version=lambda one: (one.version, one.modified_at),
    period=lambda one: (one.authored_at, one.modified_at),
    values=_values,
    resource=resource_of,
)
