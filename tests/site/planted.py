"""The demo site's files in memory, with faults planted in them; the place of each is worked out from the text, not by the code under test."""

import csv
import io
from functools import cache

from interop.site.fault import Fault, Severity
from interop.site.load import Loaded, load_files
from interop.site.places import demo_site

ICU, NICU, MEDSURG = "drug_library/icu.csv", "drug_library/nicu.csv", "drug_library/medsurg.csv"
LVP, SYRINGE, PCD03, FHIR = (
    "pump_models/demo-lvp.toml",
    "pump_models/demo-syringe.toml",
    "senders/pcd03-demo.toml",
    "senders/fhir-demo.toml",
)


@cache
def _demo_files() -> dict[str, bytes]:
    folder = demo_site()
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"}


@cache
def demo() -> Loaded:
    return load_files(_demo_files())


def record(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


class Site:
    """A copy of the demo site. Each change gives the place of what was planted, as ``file:line:column``."""

    def __init__(self) -> None:
        self.files = dict(_demo_files())

    def text_of(self, file: str) -> str:
        return self.files[file].decode("utf-8")

    def write(self, file: str, text: str | bytes) -> None:
        self.files[file] = text if isinstance(text, bytes) else text.encode("utf-8")

    def cell(self, file: str, key: str, column: str, value: str, *, by: int = 0) -> str:
        """Sets one cell of the record whose cell ``by`` is ``key`` (records of one line only)."""
        lines = self.text_of(file).splitlines()
        header = next(csv.reader([lines[0]]))
        index = header.index(column)
        number = next(n for n, line in enumerate(lines) if n and next(csv.reader([line]))[by] == key)
        cells = next(csv.reader([lines[number]]))
        cells[index] = value
        lines[number] = record(cells)
        self.write(file, "\n".join(lines) + "\n")
        return f"{file}:{number + 1}:{len(record(cells[:index])) + 2 if index else 1}"

    def add_record(self, file: str, **cells: str) -> dict[str, str]:
        """Appends a record; gives the place of each cell by its column."""
        text = self.text_of(file)
        header = next(csv.reader([text.splitlines()[0]]))
        assert set(cells) <= set(header)
        values = [cells.get(column, "") for column in header]
        self.write(file, text + record(values) + "\n")
        line = text.count("\n") + 1
        return {name: f"{file}:{line}:{len(record(values[:at])) + 2 if at else 1}" for at, name in enumerate(header)}

    def copy_of(self, file: str, key: str, **changes: str) -> dict[str, str]:
        """Appends a copy of the record that begins with ``key``, with changes."""
        row = next(row for row in csv.DictReader(io.StringIO(self.text_of(file))) if next(iter(row.values())) == key)
        return self.add_record(file, **{**row, **changes})

    def edit(self, file: str, old: str, new: str, *, at: str = "") -> str:
        """Replaces the first ``old``; the place is that of ``at`` within ``new`` (its beginning if empty)."""
        text = self.text_of(file)
        assert old in text, f"{old!r} is not in {file}"
        start = text.index(old)
        self.write(file, text[:start] + new + text[start + len(old) :])
        return self.place(file, start + (new.index(at) if at else 0))

    def place(self, file: str, offset: int) -> str:
        before = self.text_of(file)[:offset]
        return f"{file}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"

    def load(self) -> Loaded:
        return load_files(self.files)

    def new_faults(self, loaded: Loaded | None = None) -> list[Fault]:
        """What is told of this site and not of the demo site itself."""
        known = {fault.what for fault in demo().faults}
        return [fault for fault in (loaded or self.load()).faults if fault.what not in known]

    def _the_only(self, severity: Severity) -> Fault:
        loaded = self.load()
        faults = self.new_faults(loaded)
        assert len(faults) == 1, "\n".join(map(str, faults))
        assert faults[0].severity is severity, str(faults[0])
        assert (loaded.release is None) is (severity is Severity.ERROR)
        return faults[0]

    def the_error(self) -> Fault:
        """The one new fault, which keeps the release from being built."""
        return self._the_only(Severity.ERROR)

    def the_warning(self) -> Fault:
        """The one new fault, with which the release is built all the same."""
        return self._the_only(Severity.WARNING)


def where(fault: Fault) -> str:
    return f"{fault.file}:{fault.line}:{fault.column}"
