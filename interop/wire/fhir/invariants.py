"""The invariants of R4 that bear on an order, type by type: each rule looks at one object and yields what it breaks."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType

from interop.wire.fhir.elements import DOSE_RATE_TYPE, DOSE_RATE_TYPES
from interop.wire.fhir.issue import Issue, IssueCode, quoted
from interop.wire.fhir.json import Json, Number, Resource
from interop.wire.fhir.narrative import is_safe
from interop.wire.fhir.primitives import is_a, is_plain

Rule = Callable[[Resource, str], Iterator[Issue]]


def _broken(path: str, key: str, sentence: str) -> Issue:
    return Issue(IssueCode.INVARIANT, path, f"{sentence} ({key})")


def decimal_of(value: Json) -> Decimal | None:
    """The number for a comparison; None where it is absent, or was refused for its form already."""
    return Decimal(value.text) if isinstance(value, Number) and is_plain(value) else None


def _extension(value: Resource, path: str) -> Iterator[Issue]:
    values = [name for name in value if name.lstrip("_").startswith("value")]
    if bool(values) == ("extension" in value):
        yield _broken(path, "ext-1", "an extension has either a value or extensions of its own")


def _quantity(value: Resource, path: str) -> Iterator[Issue]:
    if "code" in value and "system" not in value:
        yield _broken(f"{path}.code", "qty-3", "a coded unit needs its system")


def _simple_quantity(value: Resource, path: str) -> Iterator[Issue]:
    yield from _quantity(value, path)
    if "comparator" in value:
        yield _broken(f"{path}.comparator", "sqty-1", "this quantity must be one value, without a comparator")


def _range(value: Resource, path: str) -> Iterator[Issue]:
    low, high = value.get("low"), value.get("high")
    if isinstance(low, dict) and isinstance(high, dict) and all(low.get(key) == high.get(key) for key in ("system", "code", "unit")):
        least, most = decimal_of(low.get("value")), decimal_of(high.get("value"))
        if least is not None and most is not None and least > most:
            yield _broken(path, "rng-2", "the low end of the range is above its high end")


def _ratio(value: Resource, path: str) -> Iterator[Issue]:
    if ("numerator" in value) != ("denominator" in value):
        yield _broken(path, "rat-1", "a ratio needs numerator and denominator")


def _period(value: Resource, path: str) -> Iterator[Issue]:
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) and isinstance(end, str) and is_a("dateTime", start) and is_a("dateTime", end) and _ends_before(start, end):
        yield _broken(path, "per-1", "the period ends before it starts")


def _ends_before(start: str, end: str) -> bool:
    """Compared as far as both are given. Where one has a time and the other has none, their zones may differ by a day, which is allowed for."""
    if "T" in start and "T" in end:
        return _utc(start) > _utc(end)
    length = min(len(start.partition("T")[0]), len(end.partition("T")[0]))
    first, last = start[:length], end[:length]
    if length == 10 and ("T" in start) != ("T" in end):
        return date.fromisoformat(first).toordinal() > date.fromisoformat(last).toordinal() + 1
    return first > last


def _utc(text: str) -> tuple[timedelta, Decimal]:
    """An order of instants: minutes since day 0 in UTC, then the seconds with all their digits. (60 is a leap second, which datetime refuses.)"""
    day, _, rest = text.partition("T")
    clock, zone = (rest[:-1], "+00:00") if rest.endswith("Z") else (rest[:-6], rest[-6:])
    hours, minutes, seconds = clock.split(":")
    away = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    local = timedelta(days=date.fromisoformat(day).toordinal(), hours=int(hours), minutes=int(minutes))
    return (local + away if zone[0] == "-" else local - away), Decimal(seconds)


def _timing(value: Resource, path: str) -> Iterator[Issue]:
    for name, needed, key in (
        ("duration", "durationUnit", "tim-1"),
        ("period", "periodUnit", "tim-2"),
        ("periodMax", "period", "tim-6"),
        ("durationMax", "duration", "tim-7"),
        ("countMax", "count", "tim-8"),
        ("offset", "when", "tim-9"),
    ):
        if name in value and needed not in value:
            yield _broken(f"{path}.{name}", key, f"{name} needs {needed}")
    for name, key in (("duration", "tim-4"), ("period", "tim-5")):
        number = decimal_of(value.get(name))
        if number is not None and number < 0:
            yield _broken(f"{path}.{name}", key, f"{name} is negative")
    when = value.get("when")
    if "offset" in value and isinstance(when, list) and {"C", "CM", "CD", "CV"} & {code for code in when if isinstance(code, str)}:
        yield _broken(f"{path}.offset", "tim-9", "an offset does not go with a meal itself")
    if "timeOfDay" in value and "when" in value:
        yield _broken(path, "tim-10", "either times of day or events, not both")


def _reference(value: Resource, path: str) -> Iterator[Issue]:
    if not {"reference", "identifier", "display", "extension"} & value.keys():
        yield _broken(path, "ref-1", "a reference that refers to nothing")


def _narrative(value: Resource, path: str) -> Iterator[Issue]:
    div = value.get("div")
    if isinstance(div, str) and not is_safe(div):
        yield _broken(f"{path}.div", "txt-1", "the narrative holds more than formatted text")


def _dose_and_rate(value: Resource, path: str) -> Iterator[Issue]:
    kind = value.get("type")
    codings = kind.get("coding") if isinstance(kind, dict) else None
    for index, coding in enumerate(codings if isinstance(codings, list) else ()):
        if isinstance(coding, dict) and coding.get("system") == DOSE_RATE_TYPE:
            code = coding.get("code")
            if not isinstance(code, str) or code not in DOSE_RATE_TYPES:
                said = quoted(code) if isinstance(code, str) else "nothing"
                yield Issue(IssueCode.CODE_INVALID, f"{path}.type.coding[{index}].code", f"{said} is not one of calculated, ordered")


def _observation(value: Resource, path: str) -> Iterator[Issue]:
    if "dataAbsentReason" in value and any(name.startswith("value") for name in value):
        yield _broken(f"{path}.dataAbsentReason", "obs-6", "a reason why the value is absent, beside a value")


def _attachment(value: Resource, path: str) -> Iterator[Issue]:
    if "data" in value and "contentType" not in value:
        yield _broken(f"{path}.data", "att-1", "data needs its content type")


def _contact_point(value: Resource, path: str) -> Iterator[Issue]:
    if "value" in value and "system" not in value:
        yield _broken(f"{path}.value", "cpt-2", "a contact needs its system")


RULES: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Extension": (_extension,),
        "Quantity": (_quantity,),
        "Age": (_quantity,),
        "Count": (_quantity,),
        "Distance": (_quantity,),
        "Duration": (_quantity,),
        "SimpleQuantity": (_simple_quantity,),
        "Range": (_range,),
        "Ratio": (_ratio,),
        "Period": (_period,),
        "Timing.repeat": (_timing,),
        "Reference": (_reference,),
        "Narrative": (_narrative,),
        "Dosage.doseAndRate": (_dose_and_rate,),
        "Observation": (_observation,),
        "Attachment": (_attachment,),
        "ContactPoint": (_contact_point,),
    }
)
