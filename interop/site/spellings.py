"""``units.csv``: this site's spellings of units → UCUM, exact and case-sensitive, each approved by a person (SR-19)."""

from dataclasses import dataclass

from interop.domain.ucum import UCUM
from interop.site.cells import Cells
from interop.site.fault import Faults
from interop.site.table import Columns, Row, Table

COLUMNS = Columns(("spelling", "ucum", "drug", "note", "approved_by"))

UNIT_WORDS = frozenset(
    {"U", "u", "UN", "UNT", "Unit", "unit", "Units", "units", "UNITS", "IU", "iu", "I.U.", "mU", "milliunit", "milliunits"}
)
"""Spellings that say "units" of no named kind: which kind is meant differs from drug to drug (ISMP error-prone forms; drug_library.md section 2)."""

HOMONYMS = {
    "U": "enzyme unit",
    "u": "atomic mass unit",
    "ML": "megalitre",
    "MG": "megagauss",
    "G": "gauss",
    "H": "henry",
    "Meq": "megaequivalent",
    "Mmol": "megamole",
    "Mg": "megagram",
}
"""Words that UCUM itself knows as something else than a ward means by them; a site may have them only by an explicit row, and is told."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """One row: ``drug`` empty means that the spelling means this for every drug."""

    row: Row
    spelling: str
    ucum: str
    drug: str


def read_spellings(table: Table, faults: Faults) -> list[Spelling]:
    """Every row that can be read; a spelling with two meanings, or with another than its parts give, or that hides a UCUM code, is a fault."""
    read = [spelling for row in table.rows if (spelling := _spelling(row, faults)) is not None]
    _one_meaning_each(read, faults)
    _as_their_parts(read, faults)
    return read


def _spelling(row: Row, faults: Faults) -> Spelling | None:
    cells = Cells(row, faults)
    spelling, drug = cells.text("spelling"), row["drug"]
    ucum = cells.unit("ucum") if cells.text("ucum") else ""
    for column in ("note", "approved_by"):
        cells.text(column)
    if spelling in UCUM and ucum and spelling != ucum:
        what = f"{spelling} is itself a UCUM code and may not stand for {ucum}"
        cells.error("spelling", what, "delete the row; the sender's values must be corrected at the sender")
    elif spelling and spelling == ucum:
        cells.warning("spelling", f"{spelling} is the UCUM code itself", "delete the row: it changes nothing")
    words = spelling.split("/")
    if not drug and any(word in UNIT_WORDS for word in words):
        what = f"{spelling!r} says no kind of unit, and the row is for every drug"
        cells.warning("drug", what, "write one row for each drug that is ordered so")
    for word in words:
        if word in HOMONYMS:
            cells.warning(
                "spelling", f"{word} is {HOMONYMS[word]} in UCUM", "have the sender corrected; keep the row only as long as needed"
            )
    return Spelling(row, spelling, ucum, drug) if cells.sound else None


def _one_meaning_each(read: list[Spelling], faults: Faults) -> None:
    seen: dict[tuple[str, str], Spelling] = {}
    for each in read:
        first = seen.setdefault((each.drug, each.spelling), each)
        if first is not each:
            what = f"{each.spelling!r}{f' of {each.drug}' if each.drug else ''} stands in line {first.row.line} already, as {first.ucum}"
            faults.error(each.row.place("spelling"), what, "keep one row: a spelling has one meaning")
    for each in read:
        general = seen.get(("", each.spelling))
        if each.drug and general is not None and general.ucum != each.ucum:
            what = f"{each.spelling!r} is {each.ucum} for {each.drug}, but {general.ucum} for every drug (line {general.row.line})"
            faults.error(each.row.place("ucum"), what, "delete the general row, and name each drug")


def _as_their_parts(read: list[Spelling], faults: Faults) -> None:
    """D-02: no per-minute spelled as per-hour. A spelling with "/" whose every part is known must mean what the parts mean together."""
    meant: dict[tuple[str, str], str] = {}
    for each in read:
        meant.setdefault((each.drug, each.spelling), each.ucum)
    for each in read:
        words = each.spelling.split("/")
        if len(words) == 1:
            continue
        parts = [_part(word, each.drug, meant) for word in [words[0] or "1", *words[1:]]]  # "/hr" is "1/hr"
        if not all(parts):
            continue
        composed = _composed(parts)
        if not composed or not _same(composed, each.ucum):
            what = f"{each.spelling} is made of {', '.join(parts[:-1])} and {parts[-1]}, and stands for {each.ucum}"
            action = f"write {composed}, or spell it otherwise" if composed else "spell it otherwise: its parts make no unit of the table"
            faults.error(each.row.place("ucum"), what, action)


def _part(word: str, drug: str, meant: dict[tuple[str, str], str]) -> str:
    """The UCUM code of one part of a spelling, for this drug or for every drug; "" if the part is not known."""
    return word if word in UCUM else meant.get((drug, word)) or meant.get(("", word), "")


def _composed(parts: list[str]) -> str:
    """The code that the parts make, "" if none. UCUM's table writes /kg before /h; division may stand in either order."""
    first, *divisors = ["" if parts[0] == "1" else parts[0], *parts[1:]]
    for order in (divisors, divisors[::-1]):  # no code has more than two
        code = "/".join((first, *order))
        if code in UCUM:
            return code
    return ""


def _same(one: str, other: str) -> bool:
    a, b = UCUM[one], UCUM[other]
    return (a.dimension, a.factor, a.per_time_code) == (b.dimension, b.factor, b.per_time_code)
