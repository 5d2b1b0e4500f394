"""What the three witnesses are asked: the messages that the EHR got for an order, what a pump logged, what the chart holds.

Amounts are compared as text and as decimals, never as floats. Codes are those of IHE DEV TF-2 (MDC).
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from interop.demo.ehr.hl7 import Message
from interop.demo.hospital import Hospital
from interop.demo.pump_desk import Place

EVENT: Final = "68487"
START: Final = "197288"
STOP: Final = "197290"
COMPLETE: Final = "197292"
CLEARED: Final = "197298"  # auto-program cleared: an offer that AA was said of came to nothing (D-07)

STATUS: Final = "158005"
DELIVERING: Final = "pump-delivery-status-delivering"
STANDING: Final = "pump-delivery-status-not-delivering"
CHANGING: Final = "pump-delivery-status-transitioning"
KVO: Final = "pump-delivery-status-kvo"

RATE: Final = "157784"
DOSE_RATE: Final = "157924"
VTBI: Final = "157884"
SEGMENT: Final = "157992"
TOTAL: Final = "157993"

Frame = dict[str, Any]
Resource = dict[str, Any]


def pcd_10(hospital: Hospital, order: str) -> list[Message]:
    """The events of an order's infusion, as they came. Raises: Missing."""
    return hospital.ehr.received("ORU^R42", lambda message: message.text("OBR", 2) == order)


def pcd_01(hospital: Hospital, order: str) -> list[Message]:
    """Its statuses, periodic and on change. Raises: Missing."""
    return hospital.ehr.received("ORU^R01", lambda message: message.text("OBR", 2) == order)


def kind_of(message: Message) -> tuple[str, str]:
    """The event and the delivery status of a document."""
    return message.observation(EVENT), status_of(message)


def status_of(message: Message) -> str:
    """OBX-5.2 of the delivery status; empty: it has none."""
    found = next((value for _, code, value in message.observations() if code == STATUS), "")
    return found.split("^")[1] if "^" in found else ""


def told(hospital: Hospital, order: str, event: str, status: str, **values: str) -> Message | None:
    """The last PCD-10 of that kind whose values are these: ``rate="36"``; by the names of this module's codes."""
    codes = {"rate": RATE, "dose_rate": DOSE_RATE, "vtbi": VTBI, "segment": SEGMENT, "total": TOTAL}
    found = [
        message
        for message in pcd_10(hospital, order)
        if kind_of(message) == (event, status) and all(message.observation(codes[name]) == value for name, value in values.items())
    ]
    return found[-1] if found else None


def logged(hospital: Hospital, place: Place, kind: str = "") -> list[Frame]:
    """What the pump logged of one channel; ``kind``: of a frame, or of an event. Raises: Missing."""
    frames = [frame for frame in hospital.pumps.log(place.pump) if frame.get("channel_id") == place.channel]
    return [frame for frame in frames if not kind or kind in (frame["frame"], frame.get("kind"))]


def starts_of(hospital: Hospital, place: Place, order: str) -> list[Frame]:
    """Each time an infusion of this order began there. Raises: Missing."""
    return [frame for frame in logged(hospital, place, "started") if frame["run"].get("order") == order]


def amount(told: dict[str, str] | None) -> str:
    """``9.6 mL/h`` of an amount of the link."""
    return f"{told['value']} {told['unit']}" if told else "nothing"


def parent(hospital: Hospital, order: str) -> Resource | None:
    """The one MedicationAdministration of the whole infusion; None: there is none, or more than one. Raises: Missing."""
    found = [each for each in hospital.chart.administrations(order) if "partOf" not in each]
    return found[0] if len(found) == 1 else None


def children(hospital: Hospital, order: str) -> list[Resource]:
    """Its intervals, in their order in time. Raises: Missing."""
    found = [each for each in hospital.chart.administrations(order) if "partOf" in each]
    return sorted(found, key=lambda each: str(each["effectivePeriod"]["start"]))


def dose_of(resource: Resource) -> Decimal | None:
    """What was given, in mL; None: not told."""
    told = resource.get("dosage", {}).get("dose")
    return told["value"] if told is not None and told["code"] == "mL" else None


def rate_of(resource: Resource) -> str:
    """``10 ug/kg/min``."""
    told = resource.get("dosage", {}).get("rateQuantity")
    return f"{told['value']} {told['code']}" if told is not None else ""


def interval(resource: Resource) -> str:
    """One child in a few words."""
    given = dose_of(resource)
    return f"{rate_of(resource)} {resource['status']}{f', {given} mL' if given is not None else ''}"


def all_of(resources: list[Resource]) -> Iterator[str]:
    """Each of them in a few words."""
    return (interval(each) for each in resources)
