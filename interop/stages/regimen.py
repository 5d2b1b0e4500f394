"""Which kind of order it is, and its regimen: told by purpose, device, parameters and the dimension of what was sent (IHE DEV TF-2, 3.3.4.4.10)."""

from dataclasses import dataclass, field

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
from interop.domain.request import GiveAsSent, OrderRequest, Purpose

MDC_PCA = frozenset({"158017", "157989", "157985", "157986", "157987", "157988", "MDC_DOSE_PCA_PATIENT"})
MDC_INTERMITTENT = frozenset({"158023", "157998", "158025"})
MDC_ORDER_TYPE, MDC_STEP_TYPE = "158038", "158037"


@dataclass(slots=True)
class Amounts:
    """What one give says, by what it measures. The first of each is the order; further ones must agree with it (SR-26)."""

    rates: list[Given] = field(default_factory=list)
    dose_rates: list[Given] = field(default_factory=list)
    doses: list[Given] = field(default_factory=list)
    volumes: list[Given] = field(default_factory=list)
    times: list[Given] = field(default_factory=list)
    has_range: bool = False

    def sort(self, given: Given) -> None:
        unit = given.quantity.measure
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


def regimen_of(
    request: OrderRequest, give: GiveAsSent, amounts: Amounts, duration: Given | None, mode: Mode | None, findings: list[Finding]
) -> tuple[Kind | None, Regimen | None, Given | None, tuple[Given, ...]]:
    """The kind, the regimen, the duration that counts, and the values that must agree with it. What is missing is a finding, and None."""
    time = duration or (amounts.times[0] if amounts.times else None)
    special = _special(request, give, amounts, time, mode)
    if special is not None:
        kind, regimen = special
        return kind, regimen, time, ()
    simple = _simple(amounts, time)
    if simple is None:
        if not (amounts.is_empty and (give.amounts or give.ratios)):  # else the reason stands already: what was sent could not be read
            findings.append(_nothing_to_run(request, give, amounts))
        return None, None, time, ()
    used = [*amounts.dose_rates, *amounts.rates, *amounts.doses, *amounts.volumes[1:], *amounts.times]
    taken: list[Given] = (
        [simple.dose_rate] if isinstance(simple, ByDoseRate) else [simple.rate] if isinstance(simple, ByRate) else [simple.dose]
    )
    also = tuple(given for given in used if given not in taken and given is not time)
    kind = {ByRate: Kind.CONTINUOUS_RATE, ByDoseRate: Kind.CONTINUOUS_DOSE_RATE, DoseOverTime: Kind.DOSE_OVER_TIME}[type(simple)]
    return kind, simple, time, also


def _simple(amounts: Amounts, time: Given | None) -> ByRate | ByDoseRate | DoseOverTime | None:
    """A dose rate says most, then a rate, then a dose with its time: what says most is the order, the rest must agree with it."""
    if amounts.dose_rates:
        return ByDoseRate(amounts.dose_rates[0])
    if amounts.rates:
        return ByRate(amounts.rates[0])
    if amounts.doses and time is not None:
        return DoseOverTime(amounts.doses[0], time)
    return None


def _special(
    request: OrderRequest, give: GiveAsSent, amounts: Amounts, time: Given | None, mode: Mode | None
) -> tuple[Kind, Regimen | None] | None:
    """The kinds that are told by something else than their amounts. Without a regimen: the kind is known, its numbers are not read yet."""
    parameters = {parameter.code.code for parameter in give.parameters} | {parameter.code.text for parameter in give.parameters}
    simple = _simple(amounts, time)
    if request.purpose is Purpose.BOLUS:
        dose = amounts.doses[0] if amounts.doses else amounts.volume
        return Kind.BOLUS, Bolus(request.parent_order.value.text, dose, amounts.rates[0] if amounts.rates else None, time)
    if len(request.gives) > 1:
        return Kind.MULTISTEP, Multistep(tuple(Step(step.sub_id.text, _step_type(step), None, None) for step in request.gives))
    if mode is Mode.PCA or parameters & MDC_PCA:
        return Kind.PCA, None
    if _step_type(give) is StepType.LOADING_DOSE or _is_order_type(give, "loading-dose"):
        dose_or_none = amounts.doses[0] if amounts.doses else None
        return Kind.LOADING_DOSE, LoadingDose(dose_or_none, time, None) if dose_or_none is not None else None
    if parameters & MDC_INTERMITTENT:
        return Kind.INTERMITTENT, None
    if request.purpose is Purpose.CHANGE:
        return Kind.TITRATION, Titration(simple) if isinstance(simple, ByRate | ByDoseRate) else None
    if give.method.text == "IVPB":
        return Kind.PIGGYBACK, Piggyback(simple) if simple is not None else None
    return None


def _step_type(give: GiveAsSent) -> StepType | None:
    for parameter in give.parameters:
        if parameter.code.code == MDC_STEP_TYPE:
            text = parameter.value.number.text.replace(" ", "-")  # the TF prints both "loading dose" and "loading-dose"
            return StepType(text) if text in StepType._value2member_map_ else None
    return None


def _is_order_type(give: GiveAsSent, wanted: str) -> bool:
    return any(p.code.code == MDC_ORDER_TYPE and p.value.number.text.replace(" ", "-") == wanted for p in give.parameters)


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
