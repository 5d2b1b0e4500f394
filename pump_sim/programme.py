"""The pump's own arithmetic and its own judgement of a program, whatever the server says (SR-65): missing values, range, step, hard and soft limits."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from pump_sim.amounts import Amount, OtherMeasure, dose_of, dose_rate_of, flow_of, measure, ml, ml_per_h, plain
from pump_sim.library import Entry, Limits
from pump_sim.models import Model
from pump_sim.state import Programme

UNITS = {"rate": "mL/h", "vtbi": "mL", "duration": "min", "weight": "kg", "body surface area": "m2"}
"""Settings whose unit is always the same; dose and dose rate have the entry's."""

LABELS = {"rate": "Rate", "dose rate": "Dose", "dose": "Dose", "vtbi": "VTBI", "duration": "Time", "weight": "Weight"}
LABELS |= {"total dose": "Total dose", "body surface area": "Body surface", "concentration": "Concentration"}

AGREEMENT = Fraction(1, 100)  # D-15
ROUNDING = Fraction(2, 100)  # D-15
OVERFILL = Fraction(11, 10)


class CannotSet(ValueError):
    """The value cannot be set; the text says why, for the clinician."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a program is refused: a PCD-03 code as text and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Breach:
    """A soft limit that a value passes: it needs an override (SR-24)."""

    name: str
    value: Amount
    limit: Amount
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    hard: tuple[Reason, ...]
    soft: tuple[Breach, ...]


def is_dosed(entry: Entry | None) -> bool:
    """Its limits are in a dose rate or dose, and not in mL/h."""
    return entry is not None and not entry.is_fluid and measure(entry.dosing_unit).kind != "volume"


def dose_name(entry: Entry | None) -> str:
    """``dose rate`` or ``dose``; for what is set in mL/h alone ``rate``."""
    if entry is None or not is_dosed(entry):
        return "rate"
    return "dose rate" if measure(entry.dosing_unit).time else "dose"


def needed(programme: Programme, model: Model) -> tuple[str, ...]:
    """The names of the settings that it must have to run."""
    entry = programme.entry
    names = ["rate"]
    if is_dosed(entry):
        names.insert(0, dose_name(entry))
    if model.needs_vtbi or dose_name(entry) == "dose":
        names.append("vtbi")
    if entry is not None and entry.per_body == "kg":
        names.append("weight")
    if entry is not None and entry.per_body == "m2":
        names.append("body surface area")
    return tuple(names)


def missing(programme: Programme, model: Model) -> tuple[str, ...]:
    """What is needed and not there; ``concentration`` among it."""
    wanting = [name for name in needed(programme, model) if name not in programme.settings]
    if is_dosed(programme.entry) and programme.concentration is None:
        wanting.insert(0, "concentration")
    return tuple(wanting)


def unit_of(programme: Programme, name: str) -> str:
    """Raises: CannotSet: this program has no such value."""
    if name in UNITS:
        return UNITS[name]
    if programme.entry is not None and name in ("dose rate", "dose") and name == dose_name(programme.entry):
        return programme.entry.dosing_unit
    raise CannotSet(f"{name} is no value of this program")


def body_of(programme: Programme) -> Fraction | None:
    """The kg or m2 that the dose counts per; 1 where it counts per neither; None: not known."""
    per = programme.entry.per_body if programme.entry is not None else ""
    if not per:
        return Fraction(1)
    told = programme.settings.get("weight" if per == "kg" else "body surface area")
    return told.to(per).value if told is not None else None


def set_value(programme: Programme, name: str, value: Amount, model: Model) -> None:
    """Set one value and work out again what follows from it. Nothing is changed when it cannot be set.

    Raises: CannotSet.
    """
    settings = dict(programme.settings)
    try:
        _set(programme, settings, name, value, model)
    except OtherMeasure as error:
        raise CannotSet(str(error)) from None
    programme.settings = {name: settings[name] for name in (*_ORDER, *settings) if name in settings}


_ORDER = ("dose rate", "dose", "rate", "vtbi", "duration", "weight", "body surface area", "total dose")


def _set(programme: Programme, settings: dict[str, Amount], name: str, value: Amount, model: Model) -> None:
    if not value.value:
        raise CannotSet(f"{LABELS[name]} cannot be 0")
    entry, strength = programme.entry, programme.concentration
    settings[name] = value
    trial = Programme(entry=entry, settings=settings)
    body = body_of(trial)
    doses = dose_name(entry)
    match name:
        case "rate":
            _on_step(value.value, model.step_at(value.value), LABELS[name], "mL/h")
        case "vtbi":
            _on_step(value.value, model.vtbi_step, LABELS[name], "mL")
        case "dose rate" | "dose" | "duration" | "weight" | "body surface area":
            pass
        case _:
            raise CannotSet(f"{name} is no value of this program")
    if entry is None or strength is None or body is None or not is_dosed(entry):
        _time(settings, name, model)
        return
    if doses == "dose rate":
        if name == "rate":
            settings["dose rate"] = dose_rate_of(value, strength, entry.dosing_unit, body)
        elif name != "vtbi" and name != "duration" and "dose rate" in settings:
            rate = ml_per_h(_rounded(flow_of(settings["dose rate"], strength, body), model))
            settings["rate"] = rate
            settings["dose rate"] = dose_rate_of(rate, strength, entry.dosing_unit, body)
    elif name == "vtbi":
        settings["dose"] = dose_of(value, strength, entry.dosing_unit, body)
    elif name in ("dose", "weight", "body surface area") and "dose" in settings:
        unit = dose_of(ml(Fraction(1)), strength, entry.dosing_unit, body)
        volume = ml(_to_step(settings["dose"].value / unit.value, model.vtbi_step))
        settings["vtbi"] = volume
        settings["dose"] = dose_of(volume, strength, entry.dosing_unit, body)
        if "duration" in settings:
            name = "duration"
    _time(settings, name, model)
    if "vtbi" in settings:
        settings["total dose"] = Amount(settings["vtbi"].value * strength.value, strength.unit.partition("/")[0])


def _time(settings: dict[str, Amount], name: str, model: Model) -> None:
    """Of rate, volume and time the third follows."""
    rate, vtbi, duration = settings.get("rate"), settings.get("vtbi"), settings.get("duration")
    if name == "duration" and duration is not None:
        hours = duration.to("h").value
        if vtbi is not None:
            settings["rate"] = ml_per_h(_rounded(vtbi.value / hours, model))
        elif rate is not None:
            settings["vtbi"] = ml(_to_step(rate.value * hours, model.vtbi_step))
    rate, vtbi = settings.get("rate"), settings.get("vtbi")
    if rate is not None and vtbi is not None and rate.value:
        settings["duration"] = Amount(vtbi.value * 60 / rate.value, "min")


def _on_step(value: Fraction, step: Fraction, label: str, unit: str) -> None:
    if value % step:
        raise CannotSet(f"{label} is set in steps of {plain(step, 9)} {unit} here")


def _to_step(value: Fraction, step: Fraction) -> Fraction:
    """The nearest step; a tie goes down."""
    whole, rest = divmod(value / step, 1)
    return (whole + 1 if rest > Fraction(1, 2) else Fraction(whole)) * step


def _rounded(rate: Fraction, model: Model) -> Fraction:
    rounded = _to_step(rate, model.step_at(rate))
    if not rounded or abs(rounded - rate) > ROUNDING * rate:
        raise CannotSet(f"{ml_per_h(rate)} cannot be set in this pump's steps within 2 %")
    return rounded


def judge(programme: Programme, model: Model, syringe: Fraction | None = None) -> Judgement:
    """Every reason against, and every soft limit that is passed. What runs is judged: dose from rate, concentration and body, not as it was told (SR-25)."""
    zero = [name for name, value in programme.settings.items() if not value.value]
    if programme.concentration is not None and not programme.concentration.value:
        zero.append("concentration")
    if zero:  # nothing here may be 0, and nothing can be worked out from it (SR-31)
        return Judgement(tuple(Reason("9004", f"{LABELS.get(name, name)} is 0") for name in zero), ())
    hard = [*_absent(programme, model), *_ranges(programme, model, syringe)]
    soft: list[Breach] = []
    entry = programme.entry
    if entry is None:
        return Judgement(tuple(hard), ())
    try:
        hard += _disagreements(programme)
        for name, value, limits in _limited(programme):
            passed = limits.judge(value)
            if passed is None:
                continue
            words = f"{LABELS[name]} {value} is {'above' if passed[0].endswith('high') else 'below'} the {passed[0].partition('_')[0]} limit of {passed[1]}"
            if passed[0].startswith("hard"):
                hard.append(Reason("9024", words))
            else:
                soft.append(Breach(name, value, passed[1], words))
    except OtherMeasure as error:
        hard.append(Reason("9009", str(error)))
    return Judgement(tuple(hard), tuple(soft))


def _absent(programme: Programme, model: Model) -> Iterator[Reason]:
    codes = {"weight": "9019", "body surface area": "9027"}
    for name in missing(programme, model):
        yield Reason(codes.get(name, "9003"), f"{LABELS[name]} is missing")


def _ranges(programme: Programme, model: Model, syringe: Fraction | None) -> Iterator[Reason]:
    checks = (("rate", model.rate_min, model.rate_max, model.step_at), ("vtbi", model.vtbi_min, model.vtbi_max, lambda _: model.vtbi_step))
    for name, low, high, step_at in checks:
        told = programme.settings.get(name)
        if told is None:
            continue
        value = told.to(UNITS[name]).value
        if value > high:
            yield Reason("9014", f"{LABELS[name]} {told} is above what this pump can run ({plain(high, 9)} {UNITS[name]})")
        elif value < low:
            yield Reason("9005", f"{LABELS[name]} {told} is below what this pump can run ({plain(low, 9)} {UNITS[name]})")
        elif value % step_at(value):
            yield Reason("9004", f"{LABELS[name]} {told} is no step of this pump ({plain(step_at(value), 9)} {UNITS[name]})")
    vtbi, duration = programme.settings.get("vtbi"), programme.settings.get("duration")
    if syringe is not None and vtbi is not None and vtbi.value > syringe:
        yield Reason("9005", f"VTBI {vtbi} is more than the loaded syringe ({plain(syringe, 9)} mL)")
    if duration is not None and duration.to("min").value > model.duration_max:
        yield Reason("9005", f"Time {duration} is longer than this pump can be set")


def _runs(programme: Programme) -> Amount | None:
    """What it will really give, in the dosing unit."""
    entry, strength, body = programme.entry, programme.concentration, body_of(programme)
    rate, vtbi = programme.settings.get("rate"), programme.settings.get("vtbi")
    if entry is None or strength is None or not body:
        return None
    if dose_name(entry) == "dose rate" and rate is not None:
        return dose_rate_of(rate, strength, entry.dosing_unit, body)
    if dose_name(entry) == "dose" and vtbi is not None:
        return dose_of(vtbi, strength, entry.dosing_unit, body)
    return None


def _disagreements(programme: Programme) -> Iterator[Reason]:
    """Rate, dose, volume, time and concentration of one program say the same (D-15)."""
    runs, told = _runs(programme), programme.settings.get(dose_name(programme.entry))
    if runs is not None and told is not None:
        given = told.to(runs.unit).value
        if abs(given - runs.value) > AGREEMENT * runs.value:
            yield Reason("9004", f"Dose {told} does not follow from the rate, which gives {runs}")
    rate, vtbi, duration = (programme.settings.get(name) for name in ("rate", "vtbi", "duration"))
    if rate is not None and vtbi is not None and duration is not None and rate.value:
        follows = vtbi.to("mL").value * 60 / rate.to("mL/h").value
        if abs(duration.to("min").value - follows) > AGREEMENT * follows:
            yield Reason("9004", f"Time {duration} does not follow from VTBI {vtbi} at {rate}")


def _limited(programme: Programme) -> Iterator[tuple[str, Amount, Limits]]:
    """What is held against which limits of the entry."""
    entry = programme.entry
    assert entry is not None
    settings, strength = programme.settings, programme.concentration
    runs = _runs(programme) if is_dosed(entry) else settings.get("rate")
    if runs is not None:
        yield dose_name(entry), runs, entry.limits
    if strength is not None and entry.concentration is None:
        yield "concentration", strength, entry.concentration_limits
    if "duration" in settings and dose_name(entry) == "dose":
        yield "duration", settings["duration"], entry.duration_limits
    if "vtbi" in settings:
        yield "vtbi", settings["vtbi"], Limits(hard_high=entry.vtbi_hard_high)
        if strength is not None:
            total = Amount(
                settings["vtbi"].to("mL").value * strength.to(f"{strength.unit.partition('/')[0]}/mL").value,
                strength.unit.partition("/")[0],
            )
            yield "total dose", total, Limits(hard_high=entry.total_dose_hard_high)
    if "weight" in settings:
        yield "weight", settings["weight"], Limits(hard_low=entry.min_weight, hard_high=entry.max_weight)
