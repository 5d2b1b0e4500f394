"""The files of a site's folder: which belong there, which are missing, and their bytes; every other file is warned about."""

import os
from collections.abc import Mapping
from pathlib import Path

from interop.site.fault import Faults, Place

SITE = "site.toml"
FORMULARY = "formulary.csv"
MIXTURES = "mixtures.csv"
UNITS = "units.csv"
TOP = (SITE, FORMULARY, MIXTURES, UNITS)
DRUG_LIBRARY, PUMP_MODELS, SENDERS, ORDERS = "drug_library", "pump_models", "senders", "orders"
FOLDERS = {DRUG_LIBRARY: ".csv", PUMP_MODELS: ".toml", SENDERS: ".toml", ORDERS: ".csv"}
"""Folder → the ending of its files."""
NOT_DATA = frozenset({"README.md"})
NOT_OURS = (".", "~")
"""What editors and spreadsheets leave beside a file that is open."""

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Far above any site's file; a larger one is not read (SEC-24)."""


def belongs(name: str) -> bool:
    """Whether a site's file has this name: ``units.csv``, ``drug_library/icu.csv``."""
    kind, _, file = name.rpartition("/")
    return name in TOP if not kind else kind in FOLDERS and file.endswith(FOLDERS[kind]) and not file.startswith(NOT_OURS)


def those_of_a_site(files: Mapping[str, bytes], faults: Faults) -> dict[str, bytes]:
    """The files that belong to a site; every other one is warned about."""
    found: dict[str, bytes] = {}
    for name, data in files.items():
        if belongs(name):
            found[name] = data
        elif name not in NOT_DATA:
            _unknown(name, faults)
    return found


def read_folder(folder: Path, faults: Faults) -> dict[str, bytes]:
    """The files of a site by their names inside the folder (``drug_library/icu.csv``). What is missing or unknown is told."""
    files: dict[str, bytes] = {}
    for name, path in _entries(folder, "", faults):
        if path.is_dir():
            if name not in FOLDERS:
                faults.warning(Place(name, 1, 1), "the folder is no part of a site and is not read", "move it away")
                continue
            for inner, inner_path in _entries(path, f"{name}/", faults):
                _take(inner, inner_path, files, faults)
        else:
            _take(name, path, files, faults)
    return files


def missing(files: dict[str, bytes], faults: Faults) -> None:
    """Tells the files that a site cannot do without."""
    for name in TOP:
        if name not in files:
            faults.error(Place(name, 1, 1), "the file is missing", "write it; a table with nothing in it has its header alone")
    for name, ending in FOLDERS.items():
        if any(file.startswith(f"{name}/") for file in files):
            continue
        place, what = Place(f"{name}/", 1, 1), f"no file {name}/*{ending}"
        if name == ORDERS:
            faults.warning(place, what, "write order sentences: they are the site's regression test (SR-55)")
        else:
            faults.error(place, what, "write at least one")


def _entries(folder: Path, prefix: str, faults: Faults) -> list[tuple[str, Path]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        faults.error(Place(prefix or ".", 1, 1), f"the folder cannot be read ({error.strerror})", "name the folder of a site")
        return []
    return [(prefix + name, folder / name) for name in names]


def _take(name: str, path: Path, files: dict[str, bytes], faults: Faults) -> None:
    if path.is_dir() or not belongs(name):
        if name not in NOT_DATA:
            _unknown(name, faults)
    else:
        _read(name, path, files, faults)


def _unknown(name: str, faults: Faults) -> None:
    faults.warning(Place(name, 1, 1), "the file is no part of a site and is not read", "move it away, or correct its name")


def _read(name: str, path: Path, files: dict[str, bytes], faults: Faults) -> None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        faults.error(Place(name, 1, 1), f"the file cannot be read ({error.strerror})", "let the service read it")
        return
    if len(data) > MAX_FILE_BYTES:
        faults.error(Place(name, 1, 1), f"the file is larger than {MAX_FILE_BYTES} bytes", "split it, or delete what is not data")
        return
    files[name] = data
