"""What became of one message that was sent over MLLP; not knowing is one of the outcomes (HL7 v2 table 0008; D-08).

Outcome
├── Accepted       the partner has it (CA, AA)
├── Rejected       the partner will never take it as it is (CR, AR, AE): a person acts
├── TryAgain       the partner has not stored it (CE)
├── NoAnswer       unknown: it may have it; a resend is byte-equal
├── WrongAnswer    unknown: what came back was not the answer to it
└── Unreachable    not one byte of it was sent

``text`` is the partner's and can quote a patient's data: it belongs in the record and on a page, not in a log. ``why`` is ours and holds none.
"""

from dataclasses import dataclass
from typing import TypeAlias

from interop.wire.hl7v2.ack import AckCode


@dataclass(frozen=True, slots=True)
class Accepted:
    """``answer`` is the acknowledgement byte for byte."""

    code: AckCode
    answer: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """``text`` says why, as far as the partner did."""

    code: AckCode
    text: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class TryAgain:
    """``text`` says why, as far as the partner did."""

    text: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer in time, or the connection ended first."""

    why: str


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """An answer that names another message or none, or that cannot be read. ``answer`` is the beginning of it at least."""

    why: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection: nobody there, no such name, or TLS failed."""

    why: str


Outcome: TypeAlias = Accepted | Rejected | TryAgain | NoAnswer | WrongAnswer | Unreachable
