"""``site.toml``: names, the library's version, care areas, where patients may be, tolerances and time-outs, the emergency list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from interop.domain.library import CareArea
from interop.domain.quantity import show
from interop.domain.release import AgeBand, EmergencyRule, LocationRule, SiteRules
from interop.site.fault import Place
from interop.site.toml_file import Node


@dataclass(frozen=True, slots=True)
class Location:
    """One row of the table of D-03, and where it stands."""

    location: str
    care_area: str
    rule: LocationRule
    place: Place


@dataclass(frozen=True, slots=True)
class Emergency:
    """One rule of the emergency list (D-14), and where it stands."""

    rule: EmergencyRule
    place: Place


@dataclass(frozen=True, slots=True)
class SiteToml:
    """What ``site.toml`` says. ``rxcui_system`` and ``local_system`` name, as formulary.csv does, the code systems of the library's own columns."""

    name: str
    title: str
    library_id: str
    library_version: str
    rxcui_system: str
    local_system: str
    care_areas: Mapping[str, CareArea]
    care_area_places: Mapping[str, Place]
    locations: tuple[Location, ...]
    emergency: tuple[Emergency, ...]
    weight_by_age: tuple[AgeBand, ...] = ()
    rules: SiteRules = field(default_factory=SiteRules)


PERCENTS = {
    "agreement_percent": ("agreement", "D-15"),
    "agreement_most_percent": ("agreement_most", "D-15"),
    "surface_difference_percent": ("surface_difference", "SR-33"),
    "rounding_percent": ("rounding", "D-15"),
    "weight_difference_percent": ("weight_difference", "SR-35"),
    "weight_history_difference_percent": ("weight_history_difference", "SR-34"),
    "overfill_percent": ("overfill", "SR-32"),
}
"""Key of ``[tolerances]`` → field of ``SiteRules``, and what its default follows from."""

TIMES = {
    "request_max_age_s": "SR-09",
    "skew_reported_s": "D-24",
    "skew_blocks_s": "D-24",
    "report_stale_s": "SR-45",
    "offer_untouched_s": "D-09",
    "offer_idle_s": "D-09",
    "offer_total_s": "D-09",
    "association_idle_h": "D-12",
}
"""Key of ``[time_outs]``, which is the field of ``SiteRules``, and what its default follows from."""


def read_site_toml(top: Node) -> SiteToml:
    """Reads the whole file; what could not be read is told, and blank."""
    site, library, systems = top.table("site"), top.table("library"), top.table("code_systems")
    name = title = library_id = version = rxcui = local = ""
    if site is not None:
        name, title = site.text("name"), site.text("title")
        site.text("notice", required=False)
        site.close()
    if library is not None:
        library_id, version = library.text("id"), library.text("version")
        library.close()
    if systems is not None:
        rxcui, local = systems.text("rxcui"), systems.text("local")
        systems.close()
    areas = {key: (_care_area(key, node), node.place()) for key, node in top.named_tables("care_areas")}
    found = SiteToml(
        name=name,
        title=title,
        library_id=library_id,
        library_version=version,
        rxcui_system=rxcui,
        local_system=local,
        care_areas={key: area for key, (area, _) in areas.items() if area is not None},
        care_area_places={key: place for key, (_, place) in areas.items()},
        locations=tuple(location for node in top.tables("locations", required=True) if (location := _location(node)) is not None),
        emergency=tuple(rule for node in top.tables("emergency") if (rule := _emergency(node)) is not None),
        weight_by_age=_weight_by_age(top),
        rules=_rules(top),
    )
    top.close()
    return found


def _care_area(name: str, node: Node) -> CareArea | None:
    title = node.text("title")
    low, high = node.quantity("min_weight_kg", "kg"), node.quantity("max_weight_kg", "kg")
    age = node.whole("weight_max_age_h")
    node.close()
    if low is None or high is None or age is None:
        return None
    if high <= low:
        node.error("max_weight_kg", f"the largest weight {high} is not above the smallest {low}", "correct one of them")
        return None
    return CareArea(name, title, low, high, age)


def _location(node: Node) -> Location | None:
    location, area = node.text("location"), node.text("care_area")
    rule = node.choice("rule", LocationRule)
    node.close()
    return Location(location, area, rule, node.place()) if location and area and rule is not None else None


def _emergency(node: Node) -> Emergency | None:
    drug, area, signed = node.text("drug"), node.text("care_area"), node.text("signed_by")
    node.close()
    return Emergency(EmergencyRule(drug, area, signed), node.place()) if drug and area and signed else None


def _weight_by_age(top: Node) -> tuple[AgeBand, ...]:
    """SR-34: bands by age in rising order, whatever order they stand in; exactly one is open, with ``under_days`` 0, and it is the last."""
    bands: dict[int, AgeBand] = {}
    nodes = top.tables("weight_by_age", required=True)
    for node in nodes:
        under = node.whole("under_days", zero=True)
        low, high = node.quantity("min_weight_kg", "kg"), node.quantity("max_weight_kg", "kg")
        node.close()
        if under is None or low is None or high is None:
            continue
        if high <= low:
            node.error("max_weight_kg", f"the largest weight {high} is not above the smallest {low}", "correct one of them")
        elif under in bands:
            node.error("under_days", f"there are two bands under {under} days", "delete one, or correct its age")
        else:
            bands[under] = AgeBand(under, low, high)
    if nodes and all(node.values.get("under_days", 0) != 0 for node in nodes):
        top.error("weight_by_age", "no band is open to every older age", "write one with under_days = 0")
    return tuple(bands[under] for under in (*sorted(days for days in bands if days), *(days for days in bands if not days)))


def _rules(top: Node) -> SiteRules:
    """All tolerances and time-outs, each written out; one that is looser than the default of decisions.md is told."""
    default = SiteRules()
    values: dict[str, Fraction | int | bool] = {}
    tolerances = top.table("tolerances")
    if tolerances is not None:
        for key, (name, source) in PERCENTS.items():
            percent = tolerances.number(key)
            if percent is None:
                continue
            if percent > 100:
                tolerances.error(key, f"{key} is over 100", "write a percentage")
                continue
            values[name] = percent / 100
            if values[name] > getattr(default, name):
                usual = show(getattr(default, name) * 100)
                what = f"{key} = {show(percent)} is looser than the {usual} of {source}"
                tolerances.warning(key, what, f"write {usual}, or have the reason signed")
        tolerances.close()
    times = top.table("time_outs")
    if times is not None:
        for key, source in TIMES.items():
            value = times.whole(key)
            if value is None:
                continue
            values[key] = value
            usual_value = getattr(default, key)
            if value > usual_value:
                times.warning(
                    key, f"{key} = {value} is longer than the {usual_value} of {source}", f"write {usual_value}, or have the reason signed"
                )
        values["silent_feed_blocks"] = times.flag("silent_feed_blocks")
        times.close()
        _in_order(times, values, "skew_reported_s", "skew_blocks_s")
        _in_order(times, values, "offer_idle_s", "offer_total_s")
        _in_order(times, values, "offer_untouched_s", "offer_total_s")
    return SiteRules(**values)  # type: ignore[arg-type]  # each field has its own type, by the two tables above


def _in_order(times: Node, values: Mapping[str, Fraction | int | bool], shorter: str, longer: str) -> None:
    if shorter in values and longer in values and values[shorter] > values[longer]:
        times.error(longer, f"{longer} = {values[longer]} is shorter than {shorter} = {values[shorter]}", "correct one of them")
