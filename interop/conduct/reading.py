"""What conduct asks of the wire, behind two ports: to read a message that came in, and to write the answers to it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from interop.domain.envelope import Accept, NotAccepted, Opened
from interop.domain.finding import Finding
from interop.domain.request import OrderRequest
from interop.domain.sender import SenderProfile


class Reader(Protocol):
    """Reads HL7 v2 orders."""

    def open(self, message: bytes, profiles: Iterable[SenderProfile]) -> Opened:
        """The envelope. Raises: NotAccepted: unreadable, of another type, or of a sender that no profile names; nothing else, for any bytes."""

    def request(self, message: bytes, profile: SenderProfile) -> OrderRequest:
        """The order as sent. Raises: NotAccepted: it is not a message that ``open`` took."""


class ResourceReader(Protocol):
    """Reads stored orders that were sent as FHIR resources."""

    def order(self, body: bytes, profile: SenderProfile, spellings: Collection[str]) -> OrderRequest:
        """The order as sent. Raises: NotAccepted: these bytes are no resource that the door could have taken."""


class Renderer(Protocol):
    """Writes the answers to HL7 v2 orders, in the delimiters and character set of the message that is answered."""

    def accept(self, message: bytes, code: Accept, control_id: str, at: datetime, fault: NotAccepted | None = None) -> bytes:
        """``ACK^O15`` to any bytes at all; ``fault`` says why the code is CR. Raises nothing for what is in the message."""

    def answer(self, message: bytes, code: str, reasons: Sequence[Finding], control_id: str, at: datetime) -> bytes:
        """``RRG^O16`` to a message that was opened. Raises: ValueError: AA with a reason, or AE or AR without one."""
