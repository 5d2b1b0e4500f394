"""What differs between two releases, as a reviewer must see it: the difference is what is approved (drug_library.md section 3, SR-55).

A plain value; pages and commands render it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar

from interop.domain.delivery import SecondCheck
from interop.domain.library import LibraryRef
from interop.domain.quantity import Quantity, show
from interop.domain.release import LocationRule, Release

K = TypeVar("K")


class Part(Enum):
    """What kind of thing changed."""

    ENTRY = "library entry"
    CODE = "code"
    MIXTURE = "mixture"
    SPELLING = "unit spelling"
    PUMP_MODEL = "pump model"
    SENDER = "sender"
    CARE_AREA = "care area"
    AGE = "weight by age"
    LOCATION = "patient location"
    EMERGENCY = "emergency list"
    RULE = "tolerance or time-out"


class Change(Enum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Effect(Enum):
    """What a changed value does; the first five are what a reviewer looks for."""

    WIDENED = "widened"  # more passes than before
    NARROWED = "narrowed"
    UNIT = "unit changed"
    CONCENTRATION = "concentration changed"
    REMAPPED = "leads elsewhere"
    OTHER = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value before and after, as text for people; "" is "not set"."""

    field: str
    before: str
    after: str
    effect: Effect


@dataclass(frozen=True, slots=True)
class RowChange:
    """One thing that was added, removed or changed. ``high_alert``: an entry or a code of a high-alert drug; it needs a second pharmacist."""

    part: Part
    key: str
    title: str
    change: Change
    fields: tuple[FieldChange, ...] = ()
    high_alert: bool = False

    @property
    def effects(self) -> frozenset[Effect]:
        return frozenset(field.effect for field in self.fields)


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """Two releases by name, and every difference: by part, then by key."""

    before: LibraryRef
    after: LibraryRef
    mapping_before: str
    mapping_after: str
    rows: tuple[RowChange, ...]

    @property
    def is_empty(self) -> bool:
        return not self.rows

    def of(self, part: Part) -> tuple[RowChange, ...]:
        return tuple(row for row in self.rows if row.part is part)

    def with_effect(self, effect: Effect) -> tuple[RowChange, ...]:
        """The rows in which some value had this effect, such as every widened limit."""
        return tuple(row for row in self.rows if effect in row.effects)


def diff(before: Release, after: Release) -> ReleaseDiff:
    """Every difference that a plan could feel; the order of rows and the place in a file are none."""
    rows = [*_entries(before, after), *_codes(before, after), *_others(before, after)]
    return ReleaseDiff(before.library.ref, after.library.ref, before.mapping_hash, after.mapping_hash, tuple(rows))


LOW_LIMITS = frozenset({"hard_low", "soft_low", "lockout_hard_low", "min_weight", "rate_min", "vtbi_min"})
HIGH_LIMITS = frozenset(
    {
        "soft_high",
        "hard_high",
        "window_soft_high",
        "window_hard_high",
        "basal_soft_high",
        "basal_hard_high",
        "rate_hard_high",
        "loading_soft_high",
        "loading_hard_high",
        "max_weight",
        "vtbi_hard_high",
        "total_dose_hard_high",
        "rate_max",
        "vtbi_max",
        "duration_max",
    }
)
PERMISSIONS = frozenset({"allowed", "secondary_allowed", "interruptible", "next_container", "multistep_allowed", "unlimited_by_intent"})
UNITS = frozenset({"dosing_unit", "amount_unit"})
CONCENTRATIONS = frozenset({"amount", "volume", "concentration"})
TARGETS = frozenset({"drug", "therapy", "therapy_key", "infusion_type", "ucum"})
STRICTNESS = {SecondCheck.NONE: 0, SecondCheck.ASSERTED_BY_SENDER: 1, SecondCheck.AT_PUMP: 2}
NOT_COMPARED = frozenset({"place", "key"})

RULE_LOOSER_WHEN_LARGER = frozenset(
    {
        "request_max_age_s",
        "skew_reported_s",
        "skew_blocks_s",
        "report_stale_s",
        "agreement",
        "rounding",
        "weight_difference",
        "weight_history_difference",
        "overfill",
        "offer_untouched_s",
        "offer_idle_s",
        "offer_total_s",
        "association_idle_h",
        "weight_max_age_h",
    }
)


def _entries(before: Release, after: Release) -> Iterator[RowChange]:
    yield from _rows(
        Part.ENTRY,
        before.library.by_key,
        after.library.by_key,
        title=lambda entry: entry.title,
        high_alert=lambda entry: entry.high_alert,
    )


def _codes(before: Release, after: Release) -> Iterator[RowChange]:
    alert = _high_alert_drugs(before) | _high_alert_drugs(after)
    yield from _rows(
        Part.CODE,
        before.formulary,
        after.formulary,
        key=lambda key: f"{key[0]} {key[1]}",
        title=lambda row: row.drug,
        high_alert=lambda row: row.drug in alert,
    )
    yield from _rows(
        Part.MIXTURE,
        before.mixtures,
        after.mixtures,
        key=lambda key: " + ".join([key[0], *sorted(key[1])]),
        title=lambda mixture: mixture.drug,
        high_alert=lambda mixture: mixture.drug in alert,
    )


def _others(before: Release, after: Release) -> Iterator[RowChange]:
    yield from _rows(Part.SPELLING, _spellings(before), _spellings(after), key=_spelling_key, title=lambda spelling: str(spelling["ucum"]))
    yield from _rows(Part.PUMP_MODEL, before.pump_models, after.pump_models, title=lambda model: model.title)
    yield from _rows(Part.SENDER, before.senders, after.senders, title=lambda sender: sender.title)
    yield from _rows(Part.CARE_AREA, before.care_areas, after.care_areas, title=lambda area: area.title)
    yield from _rows(
        Part.AGE,
        {band.under_days: band for band in before.weight_by_age},
        {band.under_days: band for band in after.weight_by_age},
        key=lambda days: f"under {days} days" if days else "everyone older",
        title=lambda band: f"{band.min_weight} to {band.max_weight}",
    )
    yield from _rows(
        Part.LOCATION,
        {pair: {"rule": rule.value} for pair, rule in before.locations.items()},
        {pair: {"rule": rule.value} for pair, rule in after.locations.items()},
        key=lambda pair: f"{pair[0]} on {pair[1]}",
        title=lambda rule: rule["rule"],
    )
    yield from _rows(
        Part.EMERGENCY,
        {(rule.drug, rule.care_area): rule for rule in before.emergency},
        {(rule.drug, rule.care_area): rule for rule in after.emergency},
        key=lambda pair: f"{pair[0]} in {pair[1]}",
        title=lambda rule: rule.signed_by,
    )
    yield from _rows(Part.RULE, {"site.toml": before.rules}, {"site.toml": after.rules}, title=lambda rules: "tolerances and time-outs")


def _spellings(release: Release) -> dict[tuple[str, str], dict[str, str]]:
    general = {("", spelling): {"ucum": ucum} for spelling, ucum in release.spellings.items()}
    return general | {key: {"ucum": ucum} for key, ucum in release.drug_spellings.items()}


def _spelling_key(key: tuple[str, str]) -> str:
    return f"{key[1]} of {key[0]}" if key[0] else key[1]


def _high_alert_drugs(release: Release) -> set[str]:
    return {entry.drug for entry in release.library.entries if entry.high_alert}


def _rows(
    part: Part,
    before: Mapping[K, Any],
    after: Mapping[K, Any],
    *,
    title: Callable[[Any], str],
    key: Callable[[Any], str] = str,
    high_alert: Callable[[Any], bool] = lambda value: False,
) -> Iterator[RowChange]:
    """Added, removed and changed things of one part, by key."""
    for each in sorted(before.keys() | after.keys(), key=key):
        if each not in before:
            yield RowChange(part, key(each), title(after[each]), Change.ADDED, (), high_alert(after[each]))
        elif each not in after:
            yield RowChange(part, key(each), title(before[each]), Change.REMOVED, (), high_alert(before[each]))
        elif changes := tuple(_changes("", before[each], after[each])):
            alert = high_alert(before[each]) or high_alert(after[each])
            yield RowChange(part, key(each), title(after[each]), Change.CHANGED, changes, alert)


def _changes(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    """Field by field, into records and tables; anything else is one value."""
    if type(before) is type(after) and is_dataclass(before) and not isinstance(before, Quantity):
        for field in fields(before):
            if field.name not in NOT_COMPARED:
                yield from _changes(_joined(path, field.name), getattr(before, field.name), getattr(after, field.name))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys(), key=_said):
            yield from _changes(_joined(path, _said(key)), before.get(key), after.get(key))
    elif not _same(before, after):
        yield FieldChange(path, _said(before), _said(after), _effect(path, before, after))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _same(before: Any, after: Any) -> bool:
    """Equal as amounts and equal as written: 1 g for 1000 mg is told, since the pump shows the unit. The order of a list says nothing."""
    if isinstance(before, tuple) and isinstance(after, tuple):
        return sorted(map(_said, before)) == sorted(map(_said, after))
    return bool(before == after) and getattr(before, "unit", None) == getattr(after, "unit", None)


def _effect(path: str, before: Any, after: Any) -> Effect:
    name = path.rpartition(".")[2]
    if name in UNITS or (isinstance(before, Quantity) and isinstance(after, Quantity) and before.unit != after.unit):
        return Effect.UNIT
    if name in CONCENTRATIONS and "concentration_limits" not in path:
        return Effect.CONCENTRATION
    if name in TARGETS:
        return Effect.REMAPPED
    if name in HIGH_LIMITS or name in RULE_LOOSER_WHEN_LARGER:
        return Effect.WIDENED if after is None or (before is not None and after > before) else Effect.NARROWED
    if name in LOW_LIMITS:
        return Effect.WIDENED if after is None or (before is not None and after < before) else Effect.NARROWED
    if name in PERMISSIONS:
        return Effect.WIDENED if after else Effect.NARROWED
    if name == "second_check":
        return Effect.WIDENED if STRICTNESS[after] < STRICTNESS[before] else Effect.NARROWED
    if name == "rule":
        return Effect.WIDENED if after == LocationRule.ALLOWED.value else Effect.NARROWED
    return Effect.OTHER


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Fraction():
            return show(value)
        case Enum():
            return str(value.value)
        case frozenset():
            return ", ".join(sorted(map(_said, value)))
        case tuple():
            return "; ".join(map(_said, value))
        case _ if is_dataclass(value) and not isinstance(value, Quantity):
            return ", ".join(
                f"{field.name} {_said(getattr(value, field.name))}" for field in fields(value) if getattr(value, field.name) is not None
            )
        case _:
            return str(value)
