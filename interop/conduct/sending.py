"""What a lane asks of the way to a partner, as a port: send these bytes, and say what became of them; not knowing is one of the outcomes (D-08)."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Became(Enum):
    """What became of one sending."""

    ACCEPTED = "accepted"  # CA, AA: the partner has it
    REJECTED = "rejected"  # CR, AR, AE: it never will as it is; a person acts
    TRY_AGAIN = "not stored by the partner"  # CE
    NO_ANSWER = "no answer"  # unknown: it may have it, and a resend is byte-equal
    WRONG_ANSWER = "wrong answer"  # unknown: what came back names another message, or is no answer
    UNREACHABLE = "unreachable"  # not a byte of it left


@dataclass(frozen=True, slots=True)
class Delivery:
    """``why`` goes into the record and onto the page of what is stuck; it holds nothing of the message or of the partner's text."""

    became: Became
    why: str = ""


class Send(Protocol):
    """The way to one destination; one message is in flight at a time."""

    async def send(self, message: bytes) -> Delivery:
        """Send it as it is and wait for the answer whose MSA-2 is its MSH-10. Raises nothing for what the partner or the network does."""
