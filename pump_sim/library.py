"""The pump's own copy of the drug library: the document of docs/pump-link.md section 5, read exactly and refused when it is damaged (SR-94)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pump_sim.amounts import Amount, NotAnAmount, OtherMeasure, measure

FORM: Final = "interop pump library 1"
MODES: Final = ("LVP", "SYRINGE", "PCA")
INFUSION_TYPES: Final = ("continuous", "intermittent", "pca", "fluid")
SECOND_CHECKS: Final = ("none", "at_pump", "asserted_by_sender")
HASH: Final = re.compile(r"[0-9a-f]{64}")


class NoLibrary(Exception):
    """The document is no drug library that this pump may use; the text says where and why."""


@dataclass(frozen=True, slots=True)
class LibraryRef:
    """Which library: all three must be equal to be the same one (SR-22)."""

    id: str
    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Hard low ≤ soft low ≤ soft high ≤ hard high; a limit itself is allowed, one that is not there is none."""

    hard_low: Amount | None = None
    soft_low: Amount | None = None
    soft_high: Amount | None = None
    hard_high: Amount | None = None

    def judge(self, value: Amount) -> tuple[str, Amount] | None:
        """The limit that ``value`` passes (``hard_high``) and its amount; None: within all.

        Raises: OtherMeasure.
        """
        for name, limit in (
            ("hard_high", self.hard_high),
            ("hard_low", self.hard_low),
            ("soft_high", self.soft_high),
            ("soft_low", self.soft_low),
        ):
            if limit is None:
                continue
            amount = value.to(limit.unit).value
            if amount > limit.value if name.endswith("high") else amount < limit.value:
                return name, limit
        return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a drug for a care area, therapy, concentration and mode, with one dosing unit and its limits."""

    key: str
    drug: str
    tallman: str
    care_area: str
    therapy: str
    mode: str
    infusion_type: str
    route: str
    dosing_unit: str
    second_check: str
    high_alert: bool
    weight_based: bool
    amount: Amount | None = None
    volume: Amount | None = None
    concentration: Amount | None = None
    limits: Limits = Limits()
    duration_limits: Limits = Limits()
    concentration_limits: Limits = Limits()
    vtbi_hard_high: Amount | None = None
    total_dose_hard_high: Amount | None = None
    min_weight: Amount | None = None
    max_weight: Amount | None = None
    advisory: str = ""

    @property
    def is_fluid(self) -> bool:
        return self.infusion_type == "fluid"

    @property
    def per_body(self) -> str:
        """``kg``, ``m2`` or empty: what the dose counts per."""
        return measure(self.dosing_unit).body


@dataclass(frozen=True, slots=True)
class Library:
    """All entries of one version, by key."""

    ref: LibraryRef
    care_areas: Mapping[str, str]  # name → title
    entries: Mapping[str, Entry]

    def choices(self, care_area: str, mode: str) -> tuple[Entry, ...]:
        """What may be chosen by hand on a channel of ``mode``: the entries of the care area that is selected, by name."""
        fitting = (entry for entry in self.entries.values() if entry.care_area == care_area and entry.mode == mode)
        return tuple(sorted(fitting, key=lambda entry: (entry.drug, entry.therapy, entry.key)))


def read_library(document: bytes) -> Library:
    """The library of a document, once its own hash and every entry of it are sound.

    Raises: NoLibrary.
    """
    try:
        top = json.loads(document.decode("utf-8"), object_pairs_hook=_once)
    except ValueError as error:
        raise NoLibrary(f"no JSON: {error}") from None
    if not isinstance(top, dict) or top.get("form") != FORM:
        raise NoLibrary(f"not a document of the form {FORM!r}")
    told = top.pop("sha256", None)
    if told != digest(top):
        raise NoLibrary("damaged: its sha256 does not match")
    areas: dict[str, str] = {}
    for area in _list(top, "care_areas"):
        areas[_text(area, "name")] = _text(area, "title")
    entries: dict[str, Entry] = {}
    for row in _list(top, "entries"):
        entry = _entry(row)
        if entry.key in entries:
            raise NoLibrary(f"entry {entry.key} stands there twice")
        if entry.care_area not in areas:
            raise NoLibrary(f"entry {entry.key}: care area {entry.care_area} is not in the library")
        entries[entry.key] = entry
    ref = LibraryRef(_text(top, "id"), _text(top, "version"), _text(top, "hash"))
    return Library(ref, areas, entries)


def digest(document: Mapping[str, Any]) -> str:
    """The SHA-256 of a document without its field ``sha256``: sorted keys, no spaces, UTF-8."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a field stands there twice")
    return row


def _list(top: Mapping[str, Any], name: str) -> list[Any]:
    rows = top.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NoLibrary(f"{name} is not a list of objects")
    return rows


def _text(row: Mapping[str, Any], name: str, among: tuple[str, ...] = ()) -> str:
    text = row.get(name)
    if not isinstance(text, str) or not text:
        raise NoLibrary(f"{name} is missing in {row.get('key', 'the document')}")
    if among and text not in among:
        raise NoLibrary(f"{name} {text!r} in {row.get('key')} is none of {', '.join(among)}")
    return text


def _flag(row: Mapping[str, Any], name: str) -> bool:
    flag = row.get(name)
    if not isinstance(flag, bool):
        raise NoLibrary(f"{name} is missing in {row.get('key')}")
    return flag


def _amount(row: Mapping[str, Any], name: str, key: str) -> Amount | None:
    told = row.get(name)
    if told is None:
        return None
    try:
        if not isinstance(told, dict) or not isinstance(told["value"], str) or not isinstance(told["unit"], str):
            raise NotAnAmount("not an amount")
        return Amount.read(told["value"], told["unit"])
    except (KeyError, NotAnAmount) as error:
        raise NoLibrary(f"{key}: {name}: {error}") from None


def _limits(row: Mapping[str, Any], name: str, key: str) -> Limits:
    told = row.get(name)
    if told is None:
        return Limits()
    if not isinstance(told, dict):
        raise NoLibrary(f"{key}: {name} is not an object")
    limits = Limits(*(_amount(told, each, f"{key} {name}") for each in ("hard_low", "soft_low", "soft_high", "hard_high")))
    rising = [limit for limit in (limits.hard_low, limits.soft_low, limits.soft_high, limits.hard_high) if limit is not None]
    try:
        if any(low.value > high.to(low.unit).value for low, high in pairwise(rising)):
            raise NoLibrary(f"{key}: {name} do not rise")
    except OtherMeasure as error:
        raise NoLibrary(f"{key}: {name}: {error}") from None
    return limits


def _entry(row: Mapping[str, Any]) -> Entry:
    key = _text(row, "key")
    entry = Entry(
        key=key,
        drug=_text(row, "drug"),
        tallman=_text(row, "tallman"),
        care_area=_text(row, "care_area"),
        therapy=_text(row, "therapy"),
        mode=_text(row, "mode", MODES),
        infusion_type=_text(row, "infusion_type", INFUSION_TYPES),
        route=_text(row, "route"),
        dosing_unit=_text(row, "dosing_unit"),
        second_check=_text(row, "second_check", SECOND_CHECKS),
        high_alert=_flag(row, "high_alert"),
        weight_based=_flag(row, "weight_based"),
        amount=_amount(row, "amount", key),
        volume=_amount(row, "volume", key),
        concentration=_amount(row, "concentration", key),
        limits=_limits(row, "limits", key),
        duration_limits=_limits(row, "duration_limits", key),
        concentration_limits=_limits(row, "concentration_limits", key),
        vtbi_hard_high=_amount(row, "vtbi_hard_high", key),
        total_dose_hard_high=_amount(row, "total_dose_hard_high", key),
        min_weight=_amount(row, "min_weight", key),
        max_weight=_amount(row, "max_weight", key),
        advisory=row.get("advisory") or "",
    )
    try:
        dosing = measure("mL/h" if entry.is_fluid else entry.dosing_unit)
        if entry.limits.hard_high is not None:
            entry.limits.hard_high.to("mL/h" if entry.is_fluid else entry.dosing_unit)
    except (NotAnAmount, OtherMeasure) as error:
        raise NoLibrary(f"{key}: dosing unit {entry.dosing_unit}: {error}") from None
    if entry.infusion_type == "continuous" and not dosing.time:
        raise NoLibrary(f"{key}: a continuous infusion is not dosed in {entry.dosing_unit}")
    return entry
