"""The OBX of a PCD-03 order: the pump, the patient's weight, height and body surface, and the coded parameters (IHE DEV TF-2, 3.3.4.4.9).

A term's number is believed before its name; the name counts only where no number was sent or a placeholder stands for it.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from interop.domain.finding import Finding, PivError
from interop.domain.quantity import NotANumber, exact
from interop.domain.request import AmountAsSent, AsSent, CodeAsSent, ParameterAsSent
from interop.wire.hl7v2 import mdc_terms
from interop.wire.hl7v2.as_sent import field_faults, sent
from interop.wire.hl7v2.cwe import MDC, Coding, codings, table_value, unit_as_sent
from interop.wire.hl7v2.er7 import Segment
from interop.wire.hl7v2.mdc_terms import Term

_OF_THE_MESSAGE: Final = (mdc_terms.PUMP_ID, mdc_terms.PATIENT_WEIGHT, mdc_terms.PATIENT_HEIGHT, mdc_terms.BODY_SURFACE_AREA)
"""Terms that are said once for the whole message, whichever give they stand in."""

_PLACEHOLDERS: Final = frozenset({"", "0", "999999"})
"""What stands in OBX-3.1 for "no number": nothing, the provisional 0, and a filler of older messages."""

_CODED: Final = frozenset({"CWE", "CE", "CNE"})

_TOKENS: Final[Mapping[str, str]] = MappingProxyType(
    {"477336": "loading-dose", "477337": "continuous", "477338": "clinician-dose", "477339": "loading-dose", "477340": "continuous"}
)
"""Numbers of the values of 158037 (order step type) and 158038 (order type), in the spelling that the framework sends as text."""

_NOT_TO_BE_USED: Final[Mapping[str, str]] = MappingProxyType({"D": "deleted", "W": "wrong"})
"""OBX-11 (HL7 table 0085) where it withdraws the value; every other status is seen on good orders."""


@dataclass(frozen=True, slots=True)
class Observations:
    """All OBX of the gives, sorted. Each of the first four holds the segments of its term in the whole message, first one first."""

    pump: tuple[Segment, ...]
    weight: tuple[Segment, ...]
    height: tuple[Segment, ...]
    body_surface_area: tuple[Segment, ...]
    parameters: tuple[tuple[ParameterAsSent, ...], ...]  # one tuple for each give
    findings: tuple[Finding, ...]


def sort_observations(gives: Sequence[Sequence[Segment]], *, placed: frozenset[int], one_device: bool, most: int) -> Observations:
    """The OBX of every give by what they are, ``most`` parameters at the most (more are refused and not read).

    ``placed`` holds the numbers of segments that a profile reads for something else; one whose term is a PCD-03 parameter stays a parameter.
    ``one_device``: OBX-18 may hold one device only (not so where a profile says which of several is the pump).
    """
    of_term: dict[Term, list[Segment]] = {term: [] for term in _OF_THE_MESSAGE}
    findings: list[Finding] = []
    parameters: list[tuple[ParameterAsSent, ...]] = []
    left = most
    for segments in gives:
        of_give: list[tuple[Segment, ParameterAsSent]] = []
        for obx in segments:
            code, faults = term_of(obx)
            term = _known(code)
            if term in of_term:
                of_term[term].append(obx)
                findings += faults
            elif term is None and obx.number in placed:
                continue
            elif left:
                left -= 1
                findings += faults
                of_give.append((obx, ParameterAsSent(code, amount_of(obx))))
            else:
                sentence = f"the message holds more than {most} parameters"
                findings.append(Finding.against(PivError.INVALID_PARAMETER, obx.place(), sentence))
                break
            findings += _value_faults(obx, is_pump=term is mdc_terms.PUMP_ID, one_device=one_device)
        findings += _repeated(of_give)
        parameters.append(tuple(parameter for _, parameter in of_give))
    findings += _contradictions("the pump's id", 18, of_term[mdc_terms.PUMP_ID], _pump_id)
    for term in (mdc_terms.PATIENT_WEIGHT, mdc_terms.PATIENT_HEIGHT, mdc_terms.BODY_SURFACE_AREA):
        findings += _contradictions(term.meaning.partition(",")[0], 5, of_term[term], _value_and_time)
    return Observations(
        pump=tuple(of_term[mdc_terms.PUMP_ID]),
        weight=tuple(of_term[mdc_terms.PATIENT_WEIGHT]),
        height=tuple(of_term[mdc_terms.PATIENT_HEIGHT]),
        body_surface_area=tuple(of_term[mdc_terms.BODY_SURFACE_AREA]),
        parameters=tuple(parameters),
        findings=tuple(findings),
    )


def term_of(obx: Segment) -> tuple[CodeAsSent, tuple[Finding, ...]]:
    """OBX-3: the MDC term if one of its triplets is MDC, else the first code; and the finding if two MDC terms contradict each other.

    A placeholder for the number leaves the name as the code: ``0^MDC_DOSE_PCA_PATIENT^MDC`` is kept as ``MDC_DOSE_PCA_PATIENT`` and is not 158017,
    since no standard says so. For the terms of the whole message (pump, weight, height, body surface) the name is enough.
    """
    found = codings(obx, 3)
    of_mdc = [coding for coding in found if _is_mdc(coding)]
    if not of_mdc:
        coding = found[0] if found else Coding("", "", "", obx.place(3))
        return CodeAsSent(table_value(coding), coding.system, coding.text, obx.place(3)), ()
    coding = of_mdc[0]
    code = coding.text if coding.code in _PLACEHOLDERS else coding.code
    others = {other.code for other in of_mdc if other.code not in _PLACEHOLDERS} - {code}
    findings: tuple[Finding, ...] = ()
    if others:
        sentence = f"{obx.place(3)} names two different MDC terms"
        findings = (Finding.against(PivError.INVALID_PARAMETER, obx.place(3), sentence),)
    return CodeAsSent(code, MDC, coding.text, obx.place(3)), findings


def _is_mdc(coding: Coding) -> bool:
    return coding.system == MDC or (not coding.system and coding.text.startswith("MDC"))


def _known(code: CodeAsSent) -> Term | None:
    if code.system != MDC:
        return None
    term = mdc_terms.BY_CODE.get(code.code)
    if term is None:
        named = mdc_terms.BY_REFID.get(code.code)  # the code is a name only where no number was sent
        term = named if named in _OF_THE_MESSAGE else None
    return term


def amount_of(obx: Segment) -> AmountAsSent:
    """OBX-5 with the unit of OBX-6. A coded value (``^clinician-dose``) is given by its token."""
    if obx.text(2) in _CODED:
        found = codings(obx, 5)
        return AmountAsSent(AsSent(_token(found[0]) if found else "", obx.place(5)), unit_as_sent(obx, 6))
    return AmountAsSent(sent(obx, 5), unit_as_sent(obx, 6))


def _token(coding: Coding) -> str:
    token = _TOKENS.get(coding.code) if coding.system in (MDC, "") else None
    return token or table_value(coding)


def _value_faults(obx: Segment, *, is_pump: bool, one_device: bool) -> Iterator[Finding]:
    once = (3, 5, 6, 14, 18) if one_device else (3, 5, 6, 14)
    yield from field_faults(obx, once=once, never_null=(18,) if is_pump else (5, 6))
    status = _NOT_TO_BE_USED.get(obx.text(11) or "")
    if status:
        yield Finding.against(PivError.INVALID_PARAMETER, obx.place(11), f"the sender marks {obx.place()} as {status}")


def _pump_id(obx: Segment) -> Hashable:
    return tuple(obx.text(18, part) or "" for part in range(1, 5))


def _value_and_time(obx: Segment) -> Hashable:
    return _sense(amount_of(obx)), obx.text(14) or ""


def _contradictions(what: str, field: int, segments: Sequence[Segment], sense: Callable[[Segment], Hashable]) -> Iterator[Finding]:
    """A value that was sent more than once, in ``field``, and is not the same each time."""
    for segment in segments[1:]:
        if sense(segment) != sense(segments[0]):
            sentence = f"{what} was sent more than once and differs: {segments[0].place()} and {segment.place()}"
            yield Finding.against(PivError.INVALID_PARAMETER, segment.place(field), sentence)
            return


def _repeated(of_give: Sequence[tuple[Segment, ParameterAsSent]]) -> Iterator[Finding]:
    """A parameter that one give carries twice with different values."""
    first: dict[tuple[str, str], tuple[Segment, ParameterAsSent]] = {}
    for obx, parameter in of_give:
        key = (parameter.code.code, parameter.code.system)
        before, known = first.setdefault(key, (obx, parameter))
        if _sense(known.value) != _sense(parameter.value):
            sentence = f"a parameter was sent twice for one give and differs: {before.place()} and {obx.place()}"
            yield Finding.against(PivError.INVALID_PARAMETER, obx.place(5), sentence)


def _sense(amount: AmountAsSent) -> tuple[Fraction | str, tuple[tuple[str, str], ...]]:
    """What makes two sent amounts the same: the number by its value (85 is 85.0), the unit by its codings as sent."""
    number: Fraction | str
    try:
        number = exact(amount.number.text)
    except NotANumber:
        number = amount.number.text
    return number, tuple((claim.system, claim.spelling) for claim in amount.unit.claims)
