"""What stands beside the dose of a PCD-03 order and decides whether it is given, to whom, when and how fast (IHE DEV TF-2, 3.3.4.4; HL7 v2.6).

PIV gives most of these fields no meaning. A sender that fills them means something by them, so none is passed over: what could change the dose or
the patient is refused, the rest is answered at the pump.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.request import AsSent, IdentifierAsSent
from interop.wire.hl7v2.as_sent import said
from interop.wire.hl7v2.cwe import Coding, codings, table_value
from interop.wire.hl7v2.er7 import Segment

PRODUCTION: Final = "P"
NO_PRODUCTION: Final[Mapping[str, str]] = MappingProxyType({"T": "training", "D": "debugging"})
"""MSH-11.1, HL7 table 0103."""

CURRENT: Final = "T"
"""MSH-11.2, HL7 table 0207: current processing."""

ORDER_STATUS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A": "active",
        "IP": "active",
        "SC": "active",
        "HD": "on-hold",
        "DC": "stopped",
        "RP": "stopped",
        "CA": "cancelled",
        "CM": "completed",
    }
)
"""ORC-5, HL7 table 0038 → the status of a FHIR order (fhir-infusion.md 2.6). ER is an answer ("order not found") and no status."""
UNKNOWN_STATUS: Final = "unknown"

METHODS: Final = frozenset({"IV", "IVPB"})
METHOD_TABLE: Final = "HL70165"
"""RXR-4 (3.3.4.4.8): a primary infusion, or a piggyback."""

# Old and new places of a schedule: quantity, repeat pattern, service duration, start, end, priority (which holds PRN), and "per time unit".
_REFUSED_OF_RXG: Final = (3, 14)
_ANSWERED_OF_RXG: Final = (9, 13, 20, 25)  # notes, the container's expiry, a further code
_REFUSED_OF_TQ1: Final = (2, 3, 6, 7, 8, 9)
_URGENCIES: Final = frozenset({"R", "S", "A"})  # HL7 table 0485: routine, stat, as soon as possible
_ANSWERED_OF_TQ1: Final = (4, 5, 10, 11, 12, 14)

_SHORT_CODE: Final = re.compile("[A-Z0-9]{1,4}")


def processing_faults(header: Segment) -> Iterator[Finding]:
    """MSH-11: only a production message programs a pump; empty is production, as PCD-03 has nothing else."""
    purpose, mode = ((header.text(11, part) or "").strip(" ") for part in (1, 2))
    place = header.place(11)
    if purpose in NO_PRODUCTION:
        sentence = f"the sender marks this message as one for {NO_PRODUCTION[purpose]}: it programs no pump"
        yield Finding.against(Sub.NOT_AN_ORDER, place, sentence, action="Send it from the production system if it is meant for a patient.")
    elif purpose not in ("", PRODUCTION):
        yield Finding.against(PivError.INVALID_PARAMETER, place, "the processing id is none of P, T and D")
    elif mode not in ("", CURRENT):
        sentence = "the sender marks this message as one of an archive or a restored load: it programs no pump"
        yield Finding.against(Sub.NOT_AN_ORDER, place, sentence, action="Ask for the order again at the bedside.")


def order_status(order: Segment) -> tuple[AsSent, tuple[Finding, ...]]:
    """ORC-5 as the status of an order. PIV does not use it, so that an empty one says nothing; one that nobody knows is ``unknown`` and refused."""
    sent = said(order, 5)
    status = ORDER_STATUS.get(sent.text, UNKNOWN_STATUS) if sent else ""
    findings: tuple[Finding, ...] = ()
    if status == UNKNOWN_STATUS:
        sentence = f"{_shown(sent.text)} is no order status that is known here ({', '.join(ORDER_STATUS)})"
        findings = (Finding.against(PivError.INVALID_PARAMETER, sent.field, sentence),)
    return AsSent(status, sent.field), (*findings, *_not_used(order, (7,)), *_to_be_answered(order, (15,)))


def patient_faults(pid: Segment) -> Iterator[Finding]:
    """PID-29 and PID-30: nothing is programmed for a patient who is marked as dead."""
    action = "Check the wristband and the chart; have the record corrected if it is wrong."
    died, is_dead = said(pid, 29), said(pid, 30)
    if died or is_dead.text == "Y":
        place = is_dead.field if is_dead.text == "Y" else died.field
        sentence = "the sender marks this patient as dead"
        yield Finding.against(PivError.INVALID_PARAMETER, place, sentence, action=action, owner=Owner.NURSE)
    elif is_dead.text not in ("", "N"):
        sentence = "whether the sender marks this patient as dead cannot be told: the field is neither Y nor N"
        yield Finding.against(PivError.INVALID_PARAMETER, is_dead.field, sentence, action=action, owner=Owner.NURSE)


def contradicting_ids(ids: Sequence[IdentifierAsSent]) -> Iterator[Finding]:
    """Two ids that one authority gave, of one type or of a type that was not said, and that differ: which of them is the patient is not guessed."""
    for index, one in enumerate(ids):
        for other in ids[:index]:
            same_kind = one.authority == other.authority and (one.type == other.type or not (one.type and other.type))
            if same_kind and one.value and other.value and one.value.text != other.value.text:
                place = one.value.field.partition(".")[0]
                sentence = f"{other.value.field.partition('.')[0]} and {place} are two different ids of one authority"
                yield Finding.against(PivError.PATIENT_ID_INVALID, place, sentence)
                return


def give_faults(rxg: Segment, tq1: Segment, rxr: Segment) -> Iterator[Finding]:
    """One give: review still asked for, a schedule that would not be kept, a method that is no infusion."""
    review = said(rxg, 12)
    if review.text == "Y":
        action = "Waiting for a pharmacist: review the order, then press Resend."
        yield Finding.against(Sub.NOT_VERIFIED, review.field, "the order is marked for human review", action=action)
    elif review.text not in ("", "N"):
        sentence = "whether the order needs human review cannot be told: the field is neither Y nor N"
        yield Finding.against(PivError.INVALID_PARAMETER, review.field, sentence)
    yield from _not_used(rxg, _REFUSED_OF_RXG)
    urgent = tq1.text(9, 1) in _URGENCIES  # says how soon somebody should come, not how the pump should run
    yield from _not_used(tq1, [field for field in _REFUSED_OF_TQ1 if not (field == 9 and urgent)])
    yield from _to_be_answered(tq1, _ANSWERED_OF_TQ1)
    yield from _to_be_answered(rxg, _ANSWERED_OF_RXG)
    for field in (6, 32):  # the most of RXG-5, and the Rev 11 draft's total of all steps
        if rxg.text(field) != rxg.text(5):
            yield from _to_be_answered(rxg, (field,))
    yield from _method_faults(rxr)


def method_as_sent(rxr: Segment) -> AsSent:
    """RXR-4: the code of HL7's table if there is one, else the first that was sent."""
    found = _methods(rxr)
    return AsSent(table_value(found[0]) if found else "", rxr.place(4))


def _methods(rxr: Segment) -> tuple[Coding, ...]:
    """The codings of HL7's table; where none claims to be of it, all of them."""
    found = codings(rxr, 4)
    return tuple(coding for coding in found if coding.system == METHOD_TABLE) or found


def _method_faults(rxr: Segment) -> Iterator[Finding]:
    sent = {table_value(coding) for coding in _methods(rxr)}
    unknown = sorted(sent - METHODS)
    if unknown:
        sentence = f"{_shown(unknown[0])} is no method by which a pump is programmed; PCD-03 has IV and IVPB only"
        yield Finding.against(PivError.INVALID_PARAMETER, rxr.place(4), sentence)
    elif len(sent) > 1:
        yield Finding.against(PivError.INVALID_PARAMETER, rxr.place(4), "the method was sent twice and differs: IV and IVPB")


def _not_used(segment: Segment, fields: Sequence[int]) -> Iterator[Finding]:
    for field in fields:
        if said(segment, field):
            place = segment.place(field)
            sentence = (
                f"PCD-03 does not use {place}: it could change when, how often or how fast this is given, and would not be programmed"
            )
            yield Finding.against(PivError.INVALID_PARAMETER, place, sentence)


def _to_be_answered(segment: Segment, fields: Sequence[int]) -> Iterator[Finding]:
    for field in fields:
        if said(segment, field):
            place = segment.place(field)
            action = f"Look at the order for what {place} says; confirm only if the program is right without it."
            yield Finding.caution(
                place, f"PCD-03 does not use {place}: it was sent and is not programmed", action=action, must_confirm=True
            )


def _shown(text: str) -> str:
    """A short code is quoted; anything else could be somebody's name that stands in the wrong field."""
    return repr(text) if _SHORT_CODE.fullmatch(text) else "what was sent"
