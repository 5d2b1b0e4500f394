"""The envelope of a message that came in: who sent it, under which id, which answers it wants, and why it may not be accepted (HL7 v2, 2.9.3; D-08)."""

from dataclasses import dataclass
from enum import Enum

from interop.domain.errors import SenderError
from interop.domain.sender import SenderProfile


class CannotBe(Enum):
    """Why a message is not accepted (D-08): CR, and sending it again will not help."""

    UNREADABLE = "unreadable"
    NO_CONTROL_ID = "no control id"
    WRONG_TYPE = "wrong type"
    UNKNOWN_SENDER = "unknown sender"
    NOT_ITS_NAME = "not this peer's name"
    UNSTORABLE = "cannot be stored"


class NotAccepted(SenderError):
    """The message is answered CR. ``why`` is for counting, ``sentence`` for people and quotes nothing of the message, ``place`` is the field."""

    def __init__(self, why: CannotBe, sentence: str, place: str = "") -> None:
        super().__init__(sentence)
        self.why, self.sentence, self.place = why, sentence, place


class Wanted(Enum):
    """MSH-15 and MSH-16 (HL7 table 0155): when the sender wants an answer of that kind. An empty field is AL, as PCD-03 prescribes it."""

    ALWAYS = "AL"
    NEVER = "NE"
    ON_ERROR = "ER"
    ON_SUCCESS = "SU"

    def wants(self, *, positive: bool) -> bool:
        """Whether an answer of that sign goes out."""
        return self is Wanted.ALWAYS or self is (Wanted.ON_SUCCESS if positive else Wanted.ON_ERROR)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the envelope of an infusion order says, and no more of it.

    Attributes:
        profile: the sender's profile, by MSH-3 and MSH-4.
        message_type: ``RGV^O15``.
        sent_as: the sending application and facility, MSH-3.1 and MSH-4.1, empty where there is none: whether the peer may speak so is asked of it (SEC-05).
        control_id: MSH-10.
        content_hash: SHA-256 of the message without MSH-7 (D-04: a resend of a message).
        effect_hash: SHA-256 of all that stands after MSH (D-04: a repeat of a request, under whatever control id).
        accept, application: MSH-15 and MSH-16.
        about: the order and the pump that it names, as they stand; requests that share one take effect in the order in which they came (SR-14).
    """

    profile: SenderProfile
    message_type: str
    sent_as: tuple[str, str]
    control_id: str
    content_hash: bytes
    effect_hash: bytes
    accept: Wanted
    application: Wanted
    about: frozenset[str]


def about_order(placer_order_number: str) -> str:
    """The order as ``Opened.about`` names it."""
    return f"placer_order_number {placer_order_number}"


def about_pump(pump_id: str) -> str:
    """The pump as ``Opened.about`` names it: a message and a scan that ask for something on it are planned in turn."""
    return f"pump_id {pump_id}"


class Accept(Enum):
    """MSA-1 of the accept answer (D-08)."""

    COMMITTED = "CA"
    NOT_STORED = "CE"
    REJECTED = "CR"
