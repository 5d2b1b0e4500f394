"""The files of a site → a release, with every fault of every file: START HERE for site data (design: A site)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from interop.domain.library import Library, LibraryEntry, LibraryRef
from interop.domain.release import PumpModel, Release
from interop.domain.sender import SenderProfile
from interop.site import drug_library, folder, formulary, sentences, spellings
from interop.site.check import check
from interop.site.draft import Draft
from interop.site.fault import Fault, Faults
from interop.site.hash import library_hash, mapping_hash
from interop.site.pump_models import read_pump_model
from interop.site.senders import read_sender
from interop.site.sentences import OrderSentence
from interop.site.site_toml import SiteToml, read_site_toml
from interop.site.table import Columns, Row, Table, read_table
from interop.site.toml_file import Node, read_toml

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a site's files: the release, or None where there is an error; every fault in the order of the files; the order sentences."""

    release: Release | None
    faults: tuple[Fault, ...]
    sentences: tuple[OrderSentence, ...] = ()

    @property
    def errors(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if fault.is_error)

    @property
    def warnings(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.faults if not fault.is_error)


def load_site(folder_path: Path | str, *, library: Library | None = None) -> Loaded:
    """Reads a site's folder. Never raises for what is in it, and never stops at the first fault.

    ``library``: the release is built on this library instead of the folder's own: the newest mapping on the version that a pump still reports (D-25).
    """
    faults = Faults()
    files = folder.read_folder(Path(folder_path), faults)
    return _load(files, library, faults)


def load_files(files: Mapping[str, bytes], *, library: Library | None = None) -> Loaded:
    """As ``load_site``, from the files' bytes by name (``drug_library/icu.csv``), such as a store keeps them."""
    faults = Faults()
    return _load(folder.those_of_a_site(files, faults), library, faults)


def _load(files: dict[str, bytes], library: Library | None, faults: Faults) -> Loaded:
    folder.missing(files, faults)
    reader = _Reader(files, faults)
    draft, tables, tomls = reader.read()
    check(draft, faults)
    if library is not None:
        _names_are_in(library, draft, faults)
    said = tuple(sentence for _, sentence in draft.sentences)
    if faults.has_errors or draft.site is None:
        return Loaded(None, faults.in_order(), said)
    return Loaded(_release(draft, draft.site, library, tables, tomls), faults.in_order(), said)


class _Reader:
    """Reads each kind of file once; what it cannot read is told, and the rest goes on."""

    def __init__(self, files: dict[str, bytes], faults: Faults) -> None:
        self.files, self.faults = files, faults
        self.tables: dict[str, Table] = {}
        self.tomls: dict[str, Node] = {}

    def read(self) -> tuple[Draft, dict[str, Table], dict[str, Node]]:
        site_node = self.toml(folder.SITE)
        library = [self.table(name, drug_library.COLUMNS) for name in self.names(folder.DRUG_LIBRARY)]
        codes = self.table(folder.FORMULARY, formulary.FORMULARY)
        mixtures = self.table(folder.MIXTURES, formulary.MIXTURES)
        units = self.table(folder.UNITS, spellings.COLUMNS)
        orders = [self.table(name, sentences.COLUMNS) for name in self.names(folder.ORDERS)]
        draft = Draft(
            site=read_site_toml(site_node) if site_node is not None else None,
            library=drug_library.read_library(library, self.faults),
            library_whole=bool(library) and all(table.whole for table in library),
            formulary=formulary.read_formulary(codes, self.faults),
            formulary_codes=frozenset((row["system"], row["code"]) for row in codes.rows),
            formulary_whole=codes.whole,
            mixtures=formulary.read_mixtures(mixtures, self.faults),
            spellings=spellings.read_spellings(units, self.faults),
            pump_models=self.pump_models(),
            pump_model_names=frozenset(map(_stem, self.names(folder.PUMP_MODELS))),
            senders=self.senders(),
            sentences=sentences.read_sentences(orders, self.faults),
        )
        return draft, self.tables, self.tomls

    def names(self, kind: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(f"{kind}/"))

    def table(self, name: str, columns: Columns) -> Table:
        if name not in self.files:
            return Table(name, whole=False)
        table = read_table(name, self.files[name], columns, self.faults)
        self.tables[name] = table
        return table

    def toml(self, name: str) -> Node | None:
        node = read_toml(name, self.files[name], self.faults) if name in self.files else None
        if node is not None:
            self.tomls[name] = node
        return node

    def pump_models(self) -> dict[str, PumpModel]:
        return {key: model for key, model, _ in self.read_each(folder.PUMP_MODELS, read_pump_model)}

    def senders(self) -> dict[str, tuple[SenderProfile, Node]]:
        return {key: (profile, node) for key, profile, node in self.read_each(folder.SENDERS, read_sender)}

    def read_each(self, kind: str, read: Callable[[str, Node], T | None]) -> list[tuple[str, T, Node]]:
        found: list[tuple[str, T, Node]] = []
        for name in self.names(kind):
            node = self.toml(name)
            value = read(_stem(name), node) if node is not None else None
            if node is not None and value is not None:
                found.append((_stem(name), value, node))
        return found


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]


def _names_are_in(library: Library, draft: Draft, faults: Faults) -> None:
    """On another version of the library a drug may be absent: no fault of this mapping, but its orders are refused there (D-25)."""
    for row, value in draft.formulary:
        if value.drug not in library.by_drug:
            what = f"{value.drug} is not in library {library.ref}"
            faults.warning(row.place("drug"), what, "bring the pumps to a library that has it: until then its orders are refused")


def _release(draft: Draft, site: SiteToml, library: Library | None, tables: Mapping[str, Table], tomls: Mapping[str, Node]) -> Release:
    """Of a draft without errors."""
    return Release(
        site=site.name,
        library=library if library is not None else _library(draft, site),
        mapping_hash=_mapping_hash(tables, tomls),
        spellings={each.spelling: each.ucum for each in draft.spellings if not each.drug},
        drug_spellings={(each.drug, each.spelling): each.ucum for each in draft.spellings if each.drug},
        formulary={(value.system, value.code): value for _, value in draft.formulary},
        mixtures={(mixture.base, mixture.additives): mixture for _, mixture in draft.mixtures},
        pump_models=draft.pump_models,
        senders={name: profile for name, (profile, _) in draft.senders.items()},
        care_areas=site.care_areas,
        locations={(each.location, each.care_area): each.rule for each in site.locations},
        emergency=tuple(each.rule for each in site.emergency),
        rules=site.rules,
        weight_by_age=site.weight_by_age,
    )


def _library(draft: Draft, site: SiteToml) -> Library:
    """Entries by key, so that the order of rows changes nothing that anyone sees."""
    entries = tuple(sorted((each.entry for each in draft.library if each.entry is not None), key=lambda entry: entry.key))
    by_drug: dict[str, list[LibraryEntry]] = {}
    for entry in entries:
        by_drug.setdefault(entry.drug, []).append(entry)
    ref = LibraryRef(site.library_id, site.library_version, library_hash(site.library_id, site.library_version, _library_rows(draft)))
    return Library(
        ref=ref,
        entries=entries,
        by_drug={drug: tuple(found) for drug, found in by_drug.items()},
        by_key={entry.key: entry for entry in entries},
    )


def _library_rows(draft: Draft) -> list[Row]:
    return [each.row for each in draft.library]


def _mapping_hash(tables: Mapping[str, Table], tomls: Mapping[str, Node]) -> str:
    """All of the site but the drug library with its name and version, and but the order sentences."""
    rows = {name: table.rows for name, table in tables.items() if "/" not in name}
    files = {name: node.values for name, node in tomls.items()}
    files[folder.SITE] = {key: value for key, value in files[folder.SITE].items() if key != "library"}
    return mapping_hash(rows, files)
