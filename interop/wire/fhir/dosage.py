"""One dosageInstruction as sent (R4 Dosage, 2.25.1.4): every number by the element it stood in; what it measures is told later, by its unit.

The ten shapes in which a rate arrives are in fhir-infusion.md 2.2.
"""

from dataclasses import dataclass

from interop.domain.finding import Finding, PivError, Sub
from interop.domain.request import AmountAsSent, AsSent, CodeAsSent, GiveAsSent, ParameterAsSent, RatioAsSent
from interop.wire.fhir.amounts import QuantityReader, codes
from interop.wire.fhir.elements import DOSE_RATE_TYPE
from interop.wire.fhir.issue import is_code_like, quoted
from interop.wire.fhir.json import JSON_NUMBER, walk
from interop.wire.fhir.medication import MedicationAsSent
from interop.wire.fhir.node import Node, text_of

DOSAGE = "http://hl7.org/fhir/StructureDefinition/Dosage"
"""System of the parameters that R4 has elements for and HL7 v2 has OBX codes for: the parameter's code is the element's path in Dosage."""

METHODS = frozenset({"http://terminology.hl7.org/CodeSystem/v2-0165", "http://hl7.org/fhir/v2/0165"})
INFUSIONS = frozenset({"IV", "IVPB"})
"""HL7 table 0165, and of it what PCD-03 has for a pump. No reference lists SNOMED's codes of a method, so none of them is judged."""

MAX_GIVES = 32
"""More steps than any pump takes."""

MAX_EVENTS = 32
"""More moments of giving than one order of a pump has."""

_MAX_EXTENSION_NOTES = 20
_SCHEDULE = (
    "boundsPeriod",
    "boundsDuration",
    "boundsRange",
    "count",
    "frequencyMax",
    "periodMax",
    "dayOfWeek",
    "timeOfDay",
    "when",
)
_COMPARE = "Compare it with what the pump would give before confirming."


@dataclass(slots=True)
class DosageReader:
    """Reads the instructions of one request; what has no place in a give is a finding, so that nothing sent is dropped unseen."""

    quantities: QuantityReader
    findings: list[Finding]

    def gives(self, request: Node, medication: MedicationAsSent) -> tuple[GiveAsSent, ...]:
        """One give an instruction, in the order of their sequence numbers (stable, so that a missing one changes nothing else)."""
        dosages = request.each("dosageInstruction")
        if len(dosages) > MAX_GIVES:
            sentence = f"{len(dosages)} dosage instructions were sent; at most {MAX_GIVES} are read"
            self.findings.append(Finding.against(PivError.MULTISTEP_UNREADABLE, f"{request.path}.dosageInstruction", sentence))
            dosages = dosages[:MAX_GIVES]
        if len(dosages) > 1:
            self._judge_sequence(dosages)
            dosages = sorted(dosages, key=_sequence)
        return tuple(self._give(dosage, medication) for dosage in dosages)

    def _judge_sequence(self, dosages: list[Node]) -> None:
        """R4: the same number means at the same time, which one channel cannot do; no number leaves the order of the steps open."""
        numbers = [dosage.text("sequence") for dosage in dosages]
        missing = next((number for number in numbers if not number), None)
        if missing is not None:
            sentence = "several dosage instructions, and not each says its place in their sequence"
            self.findings.append(Finding.against(PivError.MULTISTEP_UNREADABLE, missing.field, sentence))
        sent = [number.text for number in numbers if number]
        if len(set(sent)) < len(sent):
            twice = next(number for index, number in enumerate(numbers) if number and number.text in [n.text for n in numbers[:index]])
            sentence = "several dosage instructions with the same sequence number are meant at the same time"
            self.findings.append(Finding.against(Sub.KIND_NOT_PLANNED, twice.field, sentence))

    def _give(self, dosage: Node, medication: MedicationAsSent) -> GiveAsSent:
        entries = sorted(dosage.each("doseAndRate"), key=_is_calculated)
        amounts = [
            self.quantities.amount(entry.child(name))
            for entry in entries
            for name in ("doseQuantity", "rateQuantity")
            if entry.child(name).exists
        ]
        ratios = [self.quantities.ratio(entry.child("rateRatio"), self.findings) for entry in entries if entry.child("rateRatio").exists]
        timing = dosage.child("timing")
        repeat = timing.child("repeat")
        self._note_timing(timing, repeat)
        self._note_extensions(dosage)
        return GiveAsSent(
            sub_id=dosage.text("sequence"),
            codes=medication.codes,
            amounts=tuple(amounts),
            ratios=tuple(ratios),
            rate_range=self._window(entries),
            duration=self._duration(repeat),
            strength_volume=medication.volume,
            ingredients=medication.ingredients,
            routes=codes(dosage.child("route")),
            method=self._method(dosage.child("method")),
            as_needed=_as_needed(dosage),
            text=_text(dosage),
            parameters=(*self._maxima(dosage), *self._schedule(repeat), *self._bounds(timing, repeat)),
        )

    def _window(self, entries: list[Node]) -> tuple[AmountAsSent, AmountAsSent] | None:
        """A titration window. There is room for one, and two cannot both bound the same titration."""
        ranges = [entry.child(name) for entry in entries for name in ("rateRange", "doseRange") if entry.child(name).exists]
        if len(ranges) > 1:
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, ranges[1].path, "more than one range for one instruction"))
        return (self.quantities.amount(ranges[0].child("low")), self.quantities.amount(ranges[0].child("high"))) if ranges else None

    def _duration(self, repeat: Node) -> tuple[AmountAsSent, ...]:
        """The time to infuse over: timing.repeat.duration. A longest time beside it makes that a range, which no pump is programmed with."""
        longest = repeat.number("durationMax")
        if longest and longest.text != repeat.number("duration").text:
            sentence = "the time to infuse over is given as a range; order one time"
            self.findings.append(Finding.against(Sub.RANGE_ONLY, longest.field, sentence))
        return (self.quantities.timed(repeat, "duration", "durationUnit"),) if repeat.child("duration").exists else ()

    def _maxima(self, dosage: Node) -> list[ParameterAsSent]:
        """Upper bounds of the prescriber. No program carries them, so each is shown beside what the pump will run."""
        found: list[tuple[str, AmountAsSent]] = []
        period = dosage.child("maxDosePerPeriod")
        if period.exists:
            ratio: RatioAsSent = self.quantities.ratio(period, self.findings)
            found += [("maxDosePerPeriod.numerator", ratio.numerator), ("maxDosePerPeriod.denominator", ratio.denominator)]
            sentence = f"the order allows at most {_words(ratio.numerator)} in {_words(ratio.denominator)}"
            self.findings.append(Finding.caution(period.path, sentence, action=_COMPARE))
        for name, meaning in (("maxDosePerAdministration", "in one administration"), ("maxDosePerLifetime", "in the patient's life")):
            if dosage.child(name).exists:
                amount = self.quantities.amount(dosage.child(name))
                found.append((name, amount))
                sentence = f"the order allows at most {_words(amount)} {meaning}"
                self.findings.append(Finding.caution(dosage.child(name).path, sentence, action=_COMPARE))
        return [_parameter(name, amount, dosage) for name, amount in found]

    def _schedule(self, repeat: Node) -> list[ParameterAsSent]:
        """How often: ``frequency`` times in each ``period``."""
        found = []
        if repeat.child("frequency").exists:
            found.append(_parameter("timing.repeat.frequency", AmountAsSent(repeat.number("frequency")), repeat))
        if repeat.child("period").exists:
            found.append(_parameter("timing.repeat.period", self.quantities.timed(repeat, "period", "periodUnit"), repeat))
        return found

    def _bounds(self, timing: Node, repeat: Node) -> list[ParameterAsSent]:
        """When the order holds and when it is to be given, as sent: a reader has no clock, so a check must judge it.

        ``bounds-start``, ``bounds-end`` and each ``event`` are texts of ISO 8601; ``bounds-duration`` is an amount with its unit.
        """
        found = []
        period = repeat.child("boundsPeriod")
        for code, name in (("bounds-start", "start"), ("bounds-end", "end")):
            if period.child(name).exists:
                found.append(_parameter(code, AmountAsSent(period.text(name)), period))
        duration = repeat.child("boundsDuration")
        if duration.exists:
            found.append(_parameter("bounds-duration", self.quantities.amount(duration), duration))
        events = timing.each("event")
        if len(events) > MAX_EVENTS:
            sentence = f"{len(events)} moments of giving were sent; at most {MAX_EVENTS} are read"
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, timing.child("event").path, sentence))
        found += [_parameter("event", AmountAsSent(AsSent(text_of(event.value), event.path)), timing) for event in events[:MAX_EVENTS]]
        return found

    def _method(self, concept: Node) -> AsSent:
        """The code of HL7's table if there is one, else the first code, else the text: what was said is never taken as absent.

        HL7's codes are judged; any other method may be an infusion or a push, and is answered by whoever reads it.
        """
        codings = [coding for coding in concept.each("coding") if coding.text("code")]
        of_hl7 = [coding.text("code") for coding in codings if coding.text("system").text in METHODS]
        said = (of_hl7 or [coding.text("code") for coding in codings] or [concept.text("text")])[0]
        other = next((code for code in of_hl7 if code.text not in INFUSIONS or code.text != said.text), None)
        if other is not None and other.text in INFUSIONS:
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, other.field, "the method was sent twice and differs"))
        elif other is not None:
            sentence = f"{quoted(other.text)} is no method by which a pump is programmed; IV and IVPB are"
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, other.field, sentence))
        elif concept.exists and not of_hl7:
            sentence = "the order names a method, and not by a code that says here whether it is an infusion"
            action = "Read the method in the order; confirm only if it is an infusion by this pump."
            self.findings.append(Finding.caution(concept.path, sentence, action=action, must_confirm=True))
        return said

    def _note_timing(self, timing: Node, repeat: Node) -> None:
        """When the order begins and ends, how often it may be given: the chart's question, which no pump is programmed with."""
        places = [timing.child(name) for name in ("event", "code")]
        places += [repeat.child(name) for name in _SCHEDULE]
        for place in places:
            if place.exists:
                sentence = "the order limits when or how often this is given; that is not programmed, compare it with the order"
                self.findings.append(Finding.note(place.path, sentence))

    def _note_extensions(self, dosage: Node) -> None:
        """Extensions add and never change (R4, 2.4.0.1), so they may be passed over; that they were is said."""
        urls = [path for path, _ in walk(dosage.value, dosage.path) if path.endswith(".url")]
        for path in urls[:_MAX_EXTENSION_NOTES]:
            self.findings.append(Finding.note(path.removesuffix(".url"), "an extension of the order that is not read here"))


def _sequence(dosage: Node) -> int:
    text = dosage.text("sequence").text
    return int(text) if text.isascii() and text.removeprefix("-").isdigit() and len(text) < 12 else 0


def _is_calculated(entry: Node) -> bool:
    """The ordered value stands before the calculated one: the first of each kind is what is programmed, and the other must agree with it."""
    codings = entry.child("type").each("coding")
    return any(coding.text("system").text == DOSE_RATE_TYPE and coding.text("code").text == "calculated" for coding in codings)


def _as_needed(dosage: Node) -> AsSent:
    reason = dosage.child("asNeededCodeableConcept")
    if not reason.exists:
        return dosage.flag("asNeededBoolean")
    said = codes(reason)
    return AsSent(said[0].text or said[0].code if said else "as needed", reason.path)


def _text(dosage: Node) -> AsSent:
    """All that is written for people: shown as it stands, never read for a number."""
    additional = dosage.each("additionalInstruction")
    said = [dosage.text("text"), dosage.text("patientInstruction")]
    for concept in additional:
        words = codes(concept)
        text = concept.text("text").text or (words[0].text or words[0].code if words else "")
        said.append(AsSent(text, concept.path))
    said = [part for part in said if part]
    if not said:
        return dosage.text("text")
    return AsSent("\n".join(part.text for part in said), said[0].field)


def _parameter(name: str, amount: AmountAsSent, parent: Node) -> ParameterAsSent:
    return ParameterAsSent(CodeAsSent(name, DOSAGE, "", amount.number.field or parent.path), amount)


def _words(amount: AmountAsSent) -> str:
    """For a sentence: a number and a code only, as any other text could be somebody's name."""
    number = amount.number.text if JSON_NUMBER.fullmatch(amount.number.text) else "an unreadable number of"
    unit = amount.unit.claims[0].as_sent if amount.unit.claims else ""
    return f"{number} {unit}" if is_code_like(unit) else f"{number} (no coded unit)"
