"""The arithmetic from an order and one library entry to what the pump would run, exact to the end, with each line for people.

``25,000 [iU] / 250 mL = 100 [iU]/mL``; ``12 [iU]/kg/h × 80 kg = 960 [iU]/h``; ``960 [iU]/h ÷ 100 [iU]/mL = 9.6 mL/h``.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from interop.domain.case import Case
from interop.domain.channel import Running
from interop.domain.delivery import InfusionType
from interop.domain.finding import Finding, PivError
from interop.domain.library import LibraryEntry
from interop.domain.order import ByDoseRate, ByRate, DoseOverTime, Order
from interop.domain.plan import Line
from interop.domain.program import Changes, Program, Rounded, WeightSource
from interop.domain.quantity import Quantity, ratio, show
from interop.domain.release import ChannelKind
from interop.domain.ucum import UCUM, Unit
from interop.stages.rounding import rounded_rate, rounded_volume
from interop.stages.titration import run_to_change

MINUTES_PER_HOUR = Fraction(60)
NO_WEIGHT = "no weight that may be used: nothing per kg can be worked out"


@dataclass(slots=True)
class Working:
    """One derivation in progress: the lines said so far and what stands against it."""

    order: Order
    entry: LibraryEntry
    case: Case
    channel: ChannelKind
    concentration: Quantity | None
    container_volume: Quantity | None
    lines: list[Line] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    weight: Quantity | None = None
    weight_source: str = ""
    surface: Quantity | None = None
    running: Running | None = None  # what a titration changes

    def say(self, template: str, *values: object) -> None:
        self.lines.append(Line(template, values))

    def body(self, unit: Unit) -> Fraction | None:
        """The kg or m2 that a unit counts per; 1 for a unit that counts per neither; None with its finding when it is not known (SR-33)."""
        per = unit.dimension.per_body
        if not per:
            return Fraction(1)
        if per == "kg":
            if self.weight is None:
                self._find_weight()
            return self.weight.to("kg").value if self.weight is not None else None
        if self.surface is None:
            self._find_surface()
        return self.surface.to("m2").value if self.surface is not None else None

    def _find_weight(self) -> None:
        """The order's weight, else the pump's if the order is per kg; a running infusion's own for a titration (D-17). Never a default or a charted one."""
        if self.order.is_titration:
            self.weight = self.running.dosing_weight if self.running is not None else None
            self.weight_source = WeightSource.RUNNING
            self.say(*("weight that the infusion is dosed by: {}", self.weight) if self.weight is not None else (NO_WEIGHT,))
        elif self.order.weight is not None:
            self.weight, self.weight_source = self.order.weight.quantity, WeightSource.ORDER
        elif self.case.channel is not None and self.case.channel.weight is not None and ordered_per_kg(self.order):
            self.weight, self.weight_source = self.case.channel.weight, WeightSource.PUMP
            self.say("weight from the pump: {}", self.weight)
        else:
            self.say(NO_WEIGHT)

    def _find_surface(self) -> None:
        if self.order.is_titration:
            self.say("the surface that the infusion is dosed by is not known: nothing per m2 can be worked out")
        elif self.order.body_surface_area is not None:
            self.surface = self.order.body_surface_area.quantity
        else:
            self.say("no body surface in the order: nothing per m2 can be worked out")


def derive(
    order: Order, entry: LibraryEntry, case: Case, channel: ChannelKind, concentration: Quantity | None, container_volume: Quantity | None
) -> tuple[Program | None, tuple[Line, ...], tuple[Finding, ...]]:
    """The program, the lines, and the reasons why there is none. ``concentration`` is the container's, equal to the entry's unless it is a wildcard.

    Values are not judged here: limits, ranges and agreement are the checks' questions.
    """
    work = Working(order, entry, case, channel, concentration, container_volume)
    if order.is_titration:
        work.running = run_to_change(order, case)
    if concentration is not None:
        _say_concentration(work)
    program: Program | None = None
    match order.gives:
        case ByDoseRate(dose_rate=given):
            program = _by_dose_rate(work, given.quantity)
        case ByRate(rate=given) if entry.infusion_type is InfusionType.INTERMITTENT and not order.is_titration:
            program = _intermittent_by_rate(work, given.quantity.to("mL/h"))
        case ByRate(rate=given) if entry.infusion_type is not InfusionType.INTERMITTENT:
            program = _by_rate(work, given.quantity.to("mL/h"))
        case DoseOverTime(dose=dose, duration=duration):
            program = _dose_over_time(work, dose.quantity, duration.quantity.to("min"))
        case _:
            pass
    return program, tuple(work.lines), tuple(work.findings)


def ordered_per_kg(order: Order) -> bool:
    """D-17: only then may the pump's weight stand in for one that the order does not give."""
    match order.gives:
        case ByDoseRate(dose_rate=given) | DoseOverTime(dose=given):
            return given.quantity.measure.dimension.per_body == "kg"
        case _:
            return False


def _say_concentration(work: Working) -> None:
    container = work.order.container
    if container.amount is not None and container.volume is not None:
        work.say("{} / {} = {}", container.amount, container.volume, work.concentration)
    else:
        work.say("concentration {}", work.concentration)


def _amount_per_hour(work: Working, dose_rate: Quantity, body: Fraction) -> Quantity:
    """``10 ug/kg/min × 85 kg × 60 min/h = 51,000 ug/h``; in the amount's own unit per hour."""
    unit = dose_rate.measure
    hourly = Quantity(dose_rate.value * body * _per_hour(unit), f"{unit.amount_code}/h")
    template = "{}"
    values: list[object] = [dose_rate, hourly]
    if unit.dimension.per_body:
        template += f" × {{}} {unit.dimension.per_body}"
        values.insert(1, body)
    template += {"h": "", "min": " × 60 min/h", "s": " × 3,600 s/h", "d": " ÷ 24 h/d"}[unit.per_time_code]
    if template != "{}":
        work.say(template + " = {}", *values)
    return hourly


def _per_hour(unit: Unit) -> Fraction:
    return ratio("h", unit.per_time_code)


def _flow(work: Working, hourly: Quantity, concentration: Quantity) -> Quantity:
    """``51,000 ug/h ÷ 1.6 mg/mL = 31.875 mL/h``."""
    amount = hourly.measure.amount_code
    flow = Quantity(hourly.value * ratio(amount, concentration.measure.amount_code) / concentration.value, "mL/h")
    work.say("{} ÷ {} = {}", hourly, concentration, flow)
    return flow


def _dose_rate_of(work: Working, rate: Quantity, unit: Unit, concentration: Quantity, body: Fraction) -> Quantity:
    """What a rate in mL/h gives in the entry's dosing unit."""
    hourly = rate.value * concentration.value * ratio(concentration.measure.amount_code, unit.amount_code)
    return Quantity(hourly / (body * _per_hour(unit)), unit.code)


def _round_rate(work: Working, asked: Quantity) -> Rounded:
    rate = rounded_rate(asked, work.channel)
    if rate.set.value == rate.asked.value:
        work.say("the pump runs {} (step {} mL/h)", rate.set, rate.step)
    else:
        work.say("{} to the pump's step of {} mL/h: {}, off by {} %", asked, rate.step, rate.set, round(rate.error * 100, 2))
    return rate


def _needs_concentration(work: Working) -> bool:
    if work.concentration is not None:
        return False
    place = work.order.container.field or "strength"
    work.findings.append(
        Finding.against(PivError.MISSING_PARAMETER, place, "the order gives no concentration, and no code of it names a container")
    )
    return True


def _by_dose_rate(work: Working, asked: Quantity) -> Program | None:
    if _needs_concentration(work) or work.concentration is None:
        return None
    unit = asked.measure
    body = work.body(unit)
    if body is None:
        return None
    rate = _round_rate(work, _flow(work, _amount_per_hour(work, asked, body), work.concentration))
    return _continuous(work, rate, asked, work.concentration, body)


def _by_rate(work: Working, asked: Quantity) -> Program | None:
    """A rate is run as it is; for a drug, what it gives is worked out so that the limits can be held against it."""
    entry = work.entry
    if entry.is_plain_fluid:
        rate = _round_rate(work, asked)
        return _finish(work, rate, None, None, None, None)
    if _needs_concentration(work) or work.concentration is None:
        return None
    unit = UCUM[entry.dosing_unit]
    body = work.body(unit)
    if body is None:
        return None
    rate = _round_rate(work, asked)
    return _continuous(work, rate, _dose_rate_of(work, asked, unit, work.concentration, body), work.concentration, body)


def _continuous(work: Working, rate: Rounded, asked: Quantity, concentration: Quantity, body: Fraction) -> Program | None:
    unit = UCUM[work.entry.dosing_unit]
    gives = _dose_rate_of(work, rate.set, unit, concentration, body)
    work.say(f"{{}} × {{}}{_over_body(unit, body)} = {{}}", rate.set, concentration, gives)
    return _finish(work, rate, Rounded(asked.to(unit.code), gives, Fraction(0)), None, concentration, None)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A time for people: minutes up to two hours, then hours and minutes."""

    duration: Quantity

    def __str__(self) -> str:
        minutes = self.duration.to("min").value
        if minutes < 120:
            return f"{show(minutes, 1)} min"
        hours, rest = divmod(round(minutes), 60)
        return f"about {hours} h {rest:02d} min" if rest else f"about {hours} h"


def _over_body(unit: Unit, body: Fraction) -> str:
    per = unit.dimension.per_body
    return f" ÷ {show(body)} {per}" if per else ""


def _dose_over_time(work: Working, dose: Quantity, duration: Quantity) -> Program | None:
    if _needs_concentration(work) or work.concentration is None:
        return None
    unit = dose.measure
    body = work.body(unit)
    if body is None:
        return None
    whole = Quantity(dose.value * body, unit.amount_code)
    if unit.dimension.per_body:
        work.say(f"{{}} × {{}} {unit.dimension.per_body} = {{}}", dose, body, whole)
    concentration = work.concentration
    volume = Quantity(whole.value * ratio(unit.amount_code, concentration.measure.amount_code) / concentration.value, "mL")
    work.say("{} ÷ {} = {}", whole, concentration, volume)
    flow = Quantity(volume.value * MINUTES_PER_HOUR / duration.value, "mL/h")
    work.say("{} over {} = {}", volume, duration, flow)
    rate = _round_rate(work, flow)
    vtbi = rounded_volume(volume, work.channel)
    gives = _dose_of(work.entry, vtbi.set, concentration, body)
    return _finish(work, rate, None, Rounded(dose.to(work.entry.dosing_unit), gives, Fraction(0)), concentration, vtbi)


def _intermittent_by_rate(work: Working, asked: Quantity) -> Program | None:
    """A rate of an intermittent drug: the dose is what the volume holds, its time is volume over rate."""
    if _needs_concentration(work) or work.concentration is None:
        return None
    body = work.body(UCUM[work.entry.dosing_unit])
    given = work.order.vtbi.quantity.to("mL") if work.order.vtbi is not None else _volume_of_the_dose(work, work.concentration)
    if given is None:
        text = "the dose of this rate is known only with the volume to be infused"
        work.findings.append(Finding.against(PivError.MISSING_PARAMETER, "VTBI", text))
    if body is None or given is None:
        return None
    rate, vtbi = _round_rate(work, asked), rounded_volume(given, work.channel)
    dose, gives = (_dose_of(work.entry, volume, work.concentration, body) for volume in (given, vtbi.set))
    work.say(f"{{}} × {{}}{_over_body(UCUM[work.entry.dosing_unit], body)} = {{}}", given, work.concentration, dose)
    return _finish(work, rate, None, Rounded(dose, gives, Fraction(0)), work.concentration, vtbi)


def _volume_of_the_dose(work: Working, concentration: Quantity) -> Quantity | None:
    """The volume that holds the dose given beside a rate (``1000 mg`` at ``200 mL/h``); None if no dose was given."""
    for given in work.order.also:
        unit = given.quantity.measure
        if unit.is_dose and unit.dimension.amount is concentration.measure.dimension.amount:
            body = work.body(unit)
            if body is None:
                return None
            whole = given.quantity.value * body * ratio(unit.amount_code, concentration.measure.amount_code)
            volume = Quantity(whole / concentration.value, "mL")
            work.say("{} ÷ {} = {}", given, concentration, volume)
            return volume
    return None


def _dose_of(entry: LibraryEntry, volume: Quantity, concentration: Quantity, body: Fraction) -> Quantity:
    unit = UCUM[entry.dosing_unit]
    amount = volume.value * concentration.value * ratio(concentration.measure.amount_code, unit.amount_code)
    return Quantity(amount / body, unit.code)


def _finish(
    work: Working, rate: Rounded, dose_rate: Rounded | None, dose: Rounded | None, concentration: Quantity | None, vtbi: Rounded | None
) -> Program | None:
    """VTBI and duration, then the program. Of VTBI and time one may be missing; it follows from the other and the rate."""
    order = work.order
    if not rate.set.value:
        text = f"{rate.asked} is less than the smallest step of this pump ({show(rate.step)} mL/h)"
        work.findings.append(Finding.against(PivError.OUT_OF_RANGE, "rate", text))
        return None
    if order.is_titration:
        return _change(work, rate, dose_rate, concentration)
    if vtbi is None:
        vtbi = _vtbi(work, rate)
    duration = Quantity(vtbi.set.value * MINUTES_PER_HOUR / rate.set.value, "min") if vtbi is not None else None
    if vtbi is not None and duration is not None:
        work.say("{} at {} lasts {}", vtbi.set, rate.set, Lasting(duration))
    total: Quantity | None = None
    if concentration is not None and vtbi is not None:
        total = Quantity(vtbi.set.value * concentration.value, concentration.measure.amount_code)
    return Program(
        entry=work.entry,
        library=work.case.release.library.ref,
        rate=rate,
        concentration=concentration,
        container_volume=work.container_volume,
        vtbi=vtbi,
        dose_rate=dose_rate,
        dose=dose,
        duration=duration if duration is not None else (order.duration.quantity.to("min") if order.duration is not None else None),
        weight=work.weight,
        weight_source=work.weight_source,
        body_surface_area=work.surface,
        total_dose=total,
    )


def _change(work: Working, rate: Rounded, dose_rate: Rounded | None, concentration: Quantity | None) -> Program:
    """A new rate of what runs: container, volume and weight stay as they are on the pump (IHE DEV TF-2, 3.3.4.4: XO carries no VTBI)."""
    running = work.running
    if running is not None:
        if dose_rate is not None and running.dose_rate is not None and running.dose_rate.base()[0] == dose_rate.set.base()[0]:
            work.say("dose rate: {} now → {}{}", running.dose_rate, dose_rate.set, By(running.dose_rate, dose_rate.set))
        work.say("rate: {} now → {}{}", running.rate, rate.set, By(running.rate, rate.set))
    return Program(
        entry=work.entry,
        library=work.case.release.library.ref,
        rate=rate,
        concentration=concentration,
        container_volume=None,
        vtbi=None,
        dose_rate=dose_rate,
        dose=None,
        duration=None,
        weight=work.weight,
        weight_source=work.weight_source if work.weight is not None else "",
        body_surface_area=None,
        total_dose=None,
        changes=Changes(running.infusion_id, running.rate, running.dose_rate) if running is not None else None,
    )


@dataclass(frozen=True, slots=True)
class By:
    """How far one value is from another, for people: ``, 25 % more``; nothing where they are equal or the old one is zero."""

    before: Quantity
    after: Quantity

    def __str__(self) -> str:
        old, new = self.before.base()[1], self.after.base()[1]
        if not old or old == new:
            return ""
        return f", {show(abs(new - old) * 100 / old, 1)} % {'more' if new > old else 'less'}"


def _vtbi(work: Working, rate: Rounded) -> Rounded | None:
    """The ordered volume; else what holds the ordered dose; else rate × ordered time; else, where the order may leave it to it, the container's."""
    order = work.order
    if order.vtbi is not None:
        return rounded_volume(order.vtbi.quantity.to("mL"), work.channel)
    if work.concentration is not None:
        holds = _volume_of_the_dose(work, work.concentration)
        if holds is not None:
            return rounded_volume(holds, work.channel)
    if order.duration is not None:
        asked = Quantity(rate.asked.value * order.duration.quantity.to("h").value, "mL")
        work.say("{} for {} = {} to be infused", rate.asked, order.duration, asked)
        return rounded_volume(asked, work.channel)
    if not order.bedside and work.container_volume is not None:
        # Only an order without a bedside moment: PCD-03 itself must say VTBI or time for an LVP (IHE DEV TF-2, 3.3.4.4.6).
        work.say("volume to be infused from the container: {}", work.container_volume)
        return rounded_volume(work.container_volume, work.channel)
    return None
