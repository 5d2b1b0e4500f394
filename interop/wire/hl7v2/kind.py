"""What a message is, by MSH-9: an infusion order, or one of the other messages that reach the same port (IHE DEV TF-2, B.1; HL7 v2 table 0076)."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from interop.wire.hl7v2.er7 import Message


class MessageKind(Enum):
    """The kinds that a door tells apart; the value says it to people, as in "this is a PCD-10 infusion event, not an order"."""

    INFUSION_ORDER = "a PCD-03 infusion order"
    PHARMACY_ORDER = "a pharmacy order"
    DEVICE_DATA = "a PCD-01 report of device data"
    INFUSION_EVENT = "a PCD-10 infusion event"
    ALERT = "a PCD-04 alert"
    ADMISSION = "a message about a patient's stay"
    ACKNOWLEDGMENT = "an acknowledgement"
    OTHER = "another message"


_BY_EVENT: Final[Mapping[tuple[str, str], MessageKind]] = MappingProxyType(
    {
        ("RGV", "O15"): MessageKind.INFUSION_ORDER,
        ("ORU", "R01"): MessageKind.DEVICE_DATA,
        ("ORU", "R42"): MessageKind.INFUSION_EVENT,
        ("ORU", "R40"): MessageKind.ALERT,
    }
)
# v2.3 sends them all under O01, later versions each under its own event: the code alone says what they are
_BY_CODE: Final[Mapping[str, MessageKind]] = MappingProxyType(
    {
        "RDE": MessageKind.PHARMACY_ORDER,
        "OMP": MessageKind.PHARMACY_ORDER,
        "ORM": MessageKind.PHARMACY_ORDER,
        "ADT": MessageKind.ADMISSION,
        **dict.fromkeys(("ACK", "RRG", "ORA", "RRE", "ORP", "ORR"), MessageKind.ACKNOWLEDGMENT),
    }
)


def kind_of(message: Message) -> MessageKind:
    """The kind of ``message`` by MSH-9.1 and MSH-9.2; blanks around them are passed over, since examples of the framework print them."""
    code, event = event_of(message)
    return _BY_EVENT.get((code, event)) or _BY_CODE.get(code, MessageKind.OTHER)


def event_of(message: Message) -> tuple[str, str]:
    """Message code and trigger event, MSH-9.1 and MSH-9.2; MSH-9.3 is left out by generic senders and decides nothing."""
    header = message.first("MSH")
    return (header.text(9, 1) or "").strip(" "), (header.text(9, 2) or "").strip(" ")
