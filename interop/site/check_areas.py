"""Care areas, places, senders and order sentences of a site, held against what they name (D-03, D-14, D-28)."""

from collections.abc import Mapping

from interop.domain.library import LibraryEntry
from interop.domain.release import FormularyRow
from interop.site.draft import Draft
from interop.site.fault import Faults, Place
from interop.site.table import Row


def areas_are_known(draft: Draft, faults: Faults) -> None:
    """Every care area that the library or the table of places names is described in site.toml; one that nothing leads to is told."""
    if draft.site is None:
        return
    known = draft.site.care_area_places
    used = {library_row.row["care_area"] for library_row in draft.library}
    for library_row in draft.library:
        area, entry = library_row.row["care_area"], library_row.entry
        if area and area not in known:
            faults.error(
                library_row.row.place("care_area"), f"care area {area} is not in site.toml", f"describe it there: [care_areas.{area}]"
            )
        elif entry is not None and area in draft.site.care_areas:
            _weights_lie_within(library_row.row, entry, draft, faults)
    reached = {location.care_area for location in draft.site.locations}
    for area, place in known.items():
        if area not in used and draft.library_whole:
            faults.warning(place, f"care area {area} has no entry in the library", "write its drug_library file, or delete the care area")
        if area not in reached:
            what = f"no patient location is allowed on a pump set to {area}"
            faults.warning(place, what, "add [[locations]]: every located patient is refused there (D-03)")


def _weights_lie_within(row: Row, entry: LibraryEntry, draft: Draft, faults: Faults) -> None:
    area = draft.site.care_areas[entry.care_area] if draft.site is not None else None
    if area is None or entry.min_weight is None or entry.max_weight is None:
        return
    if entry.min_weight < area.min_weight or entry.max_weight > area.max_weight:
        what = f"{entry.key} takes weights of {entry.min_weight} to {entry.max_weight}, {area.name} {area.min_weight} to {area.max_weight}"
        faults.warning(row.place("min_weight_kg"), what, "a weight outside either is refused: make them agree")


def locations_are_one_rule_each(draft: Draft, faults: Faults) -> None:
    if draft.site is None:
        return
    seen: dict[tuple[str, str], Place] = {}
    for location in draft.site.locations:
        if location.care_area not in draft.site.care_area_places:
            what = f"care area {location.care_area} is not in site.toml"
            faults.error(location.place, what, f"describe it: [care_areas.{location.care_area}]")
        first = seen.setdefault((location.location, location.care_area), location.place)
        if first is not location.place:
            what = f"{location.location} on {location.care_area} has a rule in line {first.line} already"
            faults.error(location.place, what, "keep one of the two")


def emergency_list_fits(draft: Draft, faults: Faults) -> None:
    """D-14: a drug and a care area that the library has together."""
    if draft.site is None:
        return
    pairs = {(library_row.row["drug"], library_row.row["care_area"]) for library_row in draft.library}
    seen: dict[tuple[str, str], Place] = {}
    for each in draft.site.emergency:
        pair = each.rule.drug, each.rule.care_area
        if pair not in pairs and draft.library_whole:
            what = f"the library has no {pair[0]} in {pair[1]}"
            faults.error(each.place, what, "name a drug and a care area that it has together")
        first = seen.setdefault(pair, each.place)
        if first is not each.place:
            faults.error(each.place, f"{pair[0]} in {pair[1]} stands in line {first.line} already", "keep one of the two")


def senders_are_told_apart(draft: Draft, faults: Faults) -> None:
    """A name belongs to one sender; a code system leads to one that the formulary has."""
    systems = {system for system, _ in draft.formulary_codes}
    seen: dict[tuple[str, tuple[str, str]], str] = {}
    for name, (profile, node) in sorted(draft.senders.items()):
        for index, pair in enumerate(profile.names):
            first = seen.setdefault((profile.format.value, pair), name)
            if first != name:
                key = "names" if pair[1] or "names" in node else "clients"
                said = "/".join(part for part in pair if part)
                faults.error(node.place(key, index), f"{said} is a name of senders/{first}.toml already", "a name belongs to one sender")
        table = node.values.get("code_systems")
        for sent, system in profile.code_systems.items():
            if system and system not in systems and draft.formulary_whole and isinstance(table, dict):
                what = f"code system {sent!r} leads to {system!r}, of which formulary.csv has no code"
                faults.error(node.place("code_systems", sent), what, "write the system as formulary.csv does")


def sentences_name_what_is_there(draft: Draft, faults: Faults) -> None:
    """An order sentence meets a care area and a pump model of the site; one that is to be offered, a code and an entry of the same drug."""
    drugs = {library_row.row["row_id"]: library_row.row["drug"] for library_row in draft.library}
    codes: dict[tuple[str, str], FormularyRow] = {}
    for _, value in draft.formulary:
        codes.setdefault((value.system, value.code), value)  # a second row with this code is told where it stands
    for row, sentence in draft.sentences:
        if draft.site is not None and sentence.care_area not in draft.site.care_area_places:
            faults.error(row.place("care_area"), f"care area {sentence.care_area} is not in site.toml", "name one that is")
        model = draft.pump_models.get(sentence.pump_model)
        if sentence.pump_model not in draft.pump_model_names:
            faults.error(row.place("pump_model"), f"there is no pump_models/{sentence.pump_model}.toml", "name a model of the site")
        elif model is not None and sentence.mode not in model.channels:
            faults.error(row.place("mode"), f"{sentence.pump_model} has no {sentence.mode.value} channel", "name a mode that it has")
        if sentence.offered:
            _offered_sentence_fits(row, sentence.entry, codes, (sentence.system, sentence.code), drugs, draft, faults)


def _offered_sentence_fits(
    row: Row,
    entry: str,
    codes: Mapping[tuple[str, str], FormularyRow],
    key: tuple[str, str],
    drugs: Mapping[str, str],
    draft: Draft,
    faults: Faults,
) -> None:
    code = codes.get(key)
    if entry not in drugs:
        if draft.library_whole:
            faults.error(row.place("expected_entry"), f"{entry} is no row of the library", "name the row_id that is to be offered")
    elif code is None:
        if draft.formulary_whole and key not in draft.formulary_codes:
            faults.error(
                row.place("code"), f"{key[0]} {key[1]} is not in formulary.csv, so nothing is offered", "correct the code or the outcome"
            )
    elif code.drug != drugs[entry]:
        what = f"{entry} is {drugs[entry]}, but {key[0]} {key[1]} leads to {code.drug}"
        faults.error(row.place("expected_entry"), what, "correct the code or the entry")


AREA_CHECKS = (
    areas_are_known,
    locations_are_one_rule_each,
    emergency_list_fits,
    senders_are_told_apart,
    sentences_name_what_is_there,
)
