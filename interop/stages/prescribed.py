"""Reads what the prescriber allows at most and when the order holds (FHIR Dosage.maxDosePer…, Timing.repeat.bounds, Timing.event)."""

from datetime import datetime, time

from interop.domain.finding import Finding, PivError
from interop.domain.order import Bound, Cap, Given
from interop.domain.request import AmountAsSent, GiveAsSent, ParameterAsSent
from interop.domain.ucum import Unit
from interop.stages.regimen import FHIR_DOSAGE, Reading
from interop.stages.times import NotATime, read_date, read_date_time

PER_ADMINISTRATION, PER_LIFETIME = "maxDosePerAdministration", "maxDosePerLifetime"
PERIOD_MOST, PERIOD = "maxDosePerPeriod.numerator", "maxDosePerPeriod.denominator"
START, END, LASTS, EVENT = "bounds-start", "bounds-end", "bounds-duration", "event"
EVERY = "timing.repeat.period"


def _of_dosage(give: GiveAsSent) -> dict[str, ParameterAsSent]:
    return {each.code.code: each for each in give.parameters if each.code.system == FHIR_DOSAGE}


def _is_amount(unit: Unit) -> bool:
    return unit.is_dose or unit.is_volume


def read_caps(give: GiveAsSent, reader: Reading) -> tuple[Cap, ...]:
    """The most in one administration (a lifetime's is at least that), and the most in a period."""
    sent = _of_dosage(give)
    caps = []
    for name in (PER_ADMINISTRATION, PER_LIFETIME):
        if name in sent:
            most = reader.amount("allowed at most", sent[name].value, _is_amount, "an amount of drug or a volume")
            if most is not None:
                caps.append(Cap(most, None))
    if PERIOD_MOST in sent:
        most = reader.amount("allowed at most", sent[PERIOD_MOST].value, _is_amount, "an amount of drug or a volume")
        amount: AmountAsSent = sent[PERIOD].value if PERIOD in sent else AmountAsSent()
        period = reader.amount("allowed at most, in", amount, lambda unit: unit.is_time, "time")
        if most is not None and period is not None:
            caps.append(Cap(most, period))
    return tuple(caps)


def read_bounds(give: GiveAsSent, reader: Reading) -> tuple[Bound, ...]:
    """When the order holds. A date without a time is read in the zone of whoever asks: that whole day."""
    bounds = []
    for parameter in give.parameters:
        if parameter.code.system != FHIR_DOSAGE:
            continue
        value, name = parameter.value.number, parameter.code.code
        if name == EVERY:  # one program gives one of them: it is read so that it is seen
            reader.amount("repeated every", parameter.value, lambda unit: unit.is_time, "time")
        if name == LASTS:
            lasts: Given | None = reader.amount("order holds for", parameter.value, lambda unit: unit.is_time, "time")
            if lasts is not None:
                bounds.append(Bound(lasts.field, lasts=lasts))
        elif name in (START, END, EVENT):
            moment = _moment(value.text)
            if moment is None:
                reader.findings.append(
                    Finding.against(PivError.INVALID_PARAMETER, value.field, f"{value.text!r} is no time that can be read")
                )
            elif name == EVENT:
                bounds.append(Bound(value.field, at=moment))
            else:
                bounds.append(Bound(value.field, start=moment if name == START else None, end=moment if name == END else None))
    return tuple(bounds)


def _moment(text: str) -> datetime | None:
    """An instant with its offset; a date alone becomes a naive midnight, which says that its zone is not known."""
    try:
        return read_date_time(text)
    except NotATime:
        pass
    try:
        return datetime.combine(read_date(text), time()) if "T" not in text else None
    except NotATime:
        return None
