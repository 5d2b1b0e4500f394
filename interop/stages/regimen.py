"""Which kind of order it is, and its regimen: told by purpose, device, parameters and the dimension of what was sent (IHE DEV TF-2, 3.3.4.4.10)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from interop.domain.delivery import Mode
from interop.domain.finding import Finding, PivError, Sub
from interop.domain.order import (
    Bolus,
    ByDoseRate,
    ByRate,
    DoseOverTime,
    Given,
    Kind,
    LoadingDose,
    Multistep,
    Piggyback,
    Regimen,
    Step,
    StepType,
    Titration,
)
from interop.domain.quantity import Quantity
from interop.domain.request import AmountAsSent, GiveAsSent, OrderRequest, Purpose
from interop.domain.ucum import Unit

MDC_PCA = {
    "158017": "MDC_DOSE_PCA_PATIENT",
    "157989": "MDC_TIME_PCA_LOCKOUT",
    "157985": "MDC_DOSE_PCA_LIMIT",
    "157986": "MDC_VOL_PCA_DOSE_LIMIT",
    "157987": "MDC_TIME_PD_PCA_DOSE_LIMIT",
    "157988": "MDC_RATE_PCA_MAX_DOSES_PER_HOUR",
    "158018": "MDC_DOSE_LOADING",
}
MDC_INTERMITTENT = {"158023": "MDC_DOSE_INTERMITTENT", "157998": "MDC_TIME_PD_DOSE_START_INTERVAL", "158025": "MDC_TIME_PROG_NEXT_DOSE"}
MDC_BOLUS = {"158019": "MDC_DOSE_CLINICIAN"}
MDC_STEPS, MDC_STEP_TYPE, MDC_ORDER_TYPE, MDC_FLOW = "158033", "158037", "158038", "157784"
FHIR_DOSAGE = "http://hl7.org/fhir/StructureDefinition/Dosage"
"""System of the parameters that a FHIR Dosage holds; they are judged by name elsewhere (caps, bounds) or said by the reader."""


@dataclass(slots=True)
class Amounts:
    """What one give says, by what it measures. The first of each is the order; further ones must agree with it (SR-26)."""

    rates: list[Given] = field(default_factory=list)
    dose_rates: list[Given] = field(default_factory=list)
    doses: list[Given] = field(default_factory=list)
    volumes: list[Given] = field(default_factory=list)
    times: list[Given] = field(default_factory=list)
    has_range: bool = False
    window: tuple[Given | None, Given | None] | None = None
    was_sent: bool = False
    leads: Given | None = None  # the first rate or dose rate, in the order sent: what was ordered stands before what was calculated of it

    def sort(self, given: Given) -> None:
        unit = given.quantity.measure
        if self.leads is None and (unit.is_flow or unit.is_dose_rate):
            self.leads = given
        if unit.is_flow:
            self.rates.append(given)
        elif unit.is_dose_rate:
            self.dose_rates.append(given)
        elif unit.is_volume:
            self.volumes.append(given)
        elif unit.is_time:
            self.times.append(given)
        else:
            self.doses.append(given)

    @property
    def is_empty(self) -> bool:
        return not (self.rates or self.dose_rates or self.doses or self.volumes or self.times or self.has_range)

    @property
    def volume(self) -> Given | None:
        return self.volumes[0] if self.volumes else None


class Reading(Protocol):
    """What is needed of the one who reads an order: to read one amount, with its findings."""

    findings: list[Finding]

    def amount(self, what: str, amount: AmountAsSent, fits: Callable[[Unit], bool], wanted: str, *, zero: bool = False) -> Given | None:
        """The amount, or None with the reason among the findings."""


def regimen_of(
    request: OrderRequest, give: GiveAsSent, amounts: Amounts, duration: Given | None, mode: Mode | None, reader: Reading
) -> tuple[Kind | None, Regimen | None, Given | None, tuple[Given, ...]]:
    """The kind, the regimen, the duration that counts, and the values that must agree with it. What is missing is a finding, and None."""
    time = duration or (amounts.times[0] if amounts.times else None)
    special = _special(request, give, amounts, time, mode)
    if special is not None:
        kind, regimen = special
        return kind, regimen, time, ()
    _sort_parameters(give, amounts, reader)
    if request.purpose is Purpose.CHANGE:
        change, also = _change(amounts, give, reader)
        return Kind.TITRATION, change, time, also
    if request.message_kind != "MedicationRequest" and amounts.volume is not None:
        text = f"{amounts.volume} in the place of the rate is a bolus (CH), not a start: a start names a rate, dose rate or dose"
        reader.findings.append(Finding.against(PivError.INVALID_PARAMETER, amounts.volume.field, text))
        return None, None, time, ()
    simple = _simple(amounts, time)
    if simple is None:
        if not (amounts.is_empty and amounts.was_sent):  # else the reason stands already: what was sent could not be read
            reader.findings.append(_nothing_to_run(request, give, amounts))
        return None, None, time, ()
    used = [*amounts.dose_rates, *amounts.rates, *amounts.doses, *amounts.volumes[1:], *amounts.times]
    taken = simple.dose_rate if isinstance(simple, ByDoseRate) else simple.rate if isinstance(simple, ByRate) else simple.dose
    also = tuple(given for given in used if given is not taken and given is not time)
    kind = {ByRate: Kind.CONTINUOUS_RATE, ByDoseRate: Kind.CONTINUOUS_DOSE_RATE, DoseOverTime: Kind.DOSE_OVER_TIME}[type(simple)]
    return kind, simple, time, also


def _change(amounts: Amounts, give: GiveAsSent, reader: Reading) -> tuple[Titration | None, tuple[Given, ...]]:
    """XO names a rate or dose rate, never a dose (IHE DEV TF-2, 3.3.4.4.5); further ones must agree with it. A volume in its place is a bolus."""
    wrong = next(iter([*amounts.doses, *amounts.volumes, *amounts.times]), None)
    if wrong is not None:
        text = f"{wrong} is no rate: a change of what runs (XO) names a rate or a dose rate"
        reader.findings.append(Finding.against(PivError.INVALID_PARAMETER, wrong.field, text))
        return None, ()
    if amounts.leads is None:
        if not (amounts.is_empty and amounts.was_sent):  # else the reason stands already: what was sent could not be read
            where = give.amounts[0].number.field if give.amounts else "RXG-15"
            text = "the change names no rate or dose rate"
            reader.findings.append(Finding.against(PivError.MISSING_PARAMETER, where, text))
        return None, ()
    to = ByRate(amounts.leads) if amounts.leads.quantity.measure.is_flow else ByDoseRate(amounts.leads)
    return Titration(to), tuple(given for given in [*amounts.dose_rates, *amounts.rates] if given is not amounts.leads)


def _sort_parameters(give: GiveAsSent, amounts: Amounts, reader: Reading) -> None:
    """The OBX of a give beside pump, weight, height and surface. One that no planned kind knows refuses: it was sent to be heeded."""
    for parameter in give.parameters:
        code, value = parameter.code, parameter.value
        if code.system == FHIR_DOSAGE:
            continue
        field = value.number.field or code.field
        text = value.number.text.replace(" ", "-")
        if code.code == MDC_STEPS and text == "1":
            continue
        if code.code == MDC_STEPS:
            said = f"{text} steps are announced, and one was sent"
            reader.findings.append(Finding.against(PivError.MULTISTEP_UNREADABLE, field, said))
        elif code.code in (MDC_STEP_TYPE, MDC_ORDER_TYPE) and text == "continuous":
            continue
        elif code.code == MDC_STEP_TYPE:
            reader.findings.append(Finding.against(PivError.STEP_TYPE, field, f"step type {text!r} is not one of a single infusion"))
        elif code.code == MDC_FLOW:
            given = reader.amount("rate", value, lambda unit: unit.is_flow or unit.is_dose_rate, "a rate or dose rate")
            if given is not None:
                amounts.sort(given)
        else:
            name = f"{code.code} {code.text}".strip()
            said = f"parameter {name} was sent, and no infusion of this kind uses it"
            reader.findings.append(Finding.against(PivError.INVALID_PARAMETER, field, said))


def _simple(amounts: Amounts, time: Given | None) -> ByRate | ByDoseRate | DoseOverTime | None:
    """A rate or dose rate, whichever was sent first; else a dose with its time; else a volume with its time. The rest must agree with it."""
    if amounts.leads is not None:
        return ByRate(amounts.leads) if amounts.leads.quantity.measure.is_flow else ByDoseRate(amounts.leads)
    if amounts.doses and time is not None:
        return DoseOverTime(amounts.doses[0], time)
    if amounts.volumes and not amounts.doses and time is not None:
        volume = amounts.volumes[0]
        rate = Quantity(volume.quantity.to("mL").value / time.quantity.to("h").value, "mL/h")
        return ByRate(Given(rate, volume.field, volume.digits))
    return None


def _special(
    request: OrderRequest, give: GiveAsSent, amounts: Amounts, time: Given | None, mode: Mode | None
) -> tuple[Kind, Regimen | None] | None:
    """The kinds that are told by something else than their amounts. Without a regimen: the kind is known, its numbers are not read yet."""
    if request.purpose is Purpose.BOLUS or _is_order_type(give, "clinician-dose") or _sends(give, MDC_BOLUS):
        dose = amounts.doses[0] if amounts.doses else amounts.volume
        return Kind.BOLUS, Bolus(request.parent_order.value.text, dose, amounts.rates[0] if amounts.rates else None, time)
    if len(request.gives) > 1:
        return Kind.MULTISTEP, Multistep(tuple(Step(step.sub_id.text, _step_type(step), None, None) for step in request.gives))
    if mode is Mode.PCA or _sends(give, MDC_PCA):
        return Kind.PCA, None
    if _step_type(give) is StepType.LOADING_DOSE or _is_order_type(give, "loading-dose"):
        dose_or_none = amounts.doses[0] if amounts.doses else None
        return Kind.LOADING_DOSE, LoadingDose(dose_or_none, time, None) if dose_or_none is not None else None
    if _sends(give, MDC_INTERMITTENT):
        return Kind.INTERMITTENT, None
    if give.method.text == "IVPB":
        simple = _simple(amounts, time)
        return Kind.PIGGYBACK, Piggyback(simple) if simple is not None else None
    return None


def _sends(give: GiveAsSent, terms: Mapping[str, str]) -> bool:
    """Whether one of these MDC terms was sent, by its number or, where a sender has none for it, by its name."""
    if not give.parameters:  # most orders have none
        return False
    names = set(terms.values())
    return any(each.code.code in terms or {each.code.code, each.code.text} & names for each in give.parameters)


def _step_type(give: GiveAsSent) -> StepType | None:
    for parameter in give.parameters:
        if parameter.code.code == MDC_STEP_TYPE:
            text = parameter.value.number.text.replace(" ", "-")  # the TF prints both "loading dose" and "loading-dose"
            return StepType(text) if text in StepType._value2member_map_ else None
    return None


def _is_order_type(give: GiveAsSent, wanted: str) -> bool:
    return bool(give.parameters) and any(
        p.code.code == MDC_ORDER_TYPE and p.value.number.text.replace(" ", "-") == wanted for p in give.parameters
    )


def _nothing_to_run(request: OrderRequest, give: GiveAsSent, amounts: Amounts) -> Finding:
    where = (
        give.amounts[0].number.field if give.amounts else ("RXG-15" if request.message_kind != "MedicationRequest" else "dosageInstruction")
    )
    if amounts.doses:
        return Finding.against(
            PivError.MISSING_PARAMETER, amounts.doses[0].field, f"a dose of {amounts.doses[0]} without the time to infuse it over"
        )
    if amounts.has_range:
        return Finding.against(Sub.RANGE_ONLY, where, "the order gives a range for titration and no rate to start with")
    if give.text and not give.amounts and not give.ratios:
        return Finding.against(
            Sub.FREE_TEXT_ONLY, give.text.field, "the dose stands in free text only, which is shown and never programmed"
        )
    return Finding.against(PivError.MISSING_PARAMETER, where, "the order has no rate, dose rate or dose that can be read")
