"""``orders/*.csv``: order sentences with their expected outcome, the site's own regression test (columns: mappings/demo/README.md)."""

from dataclasses import dataclass
from fractions import Fraction

from interop.domain.delivery import Mode, Route
from interop.domain.finding import Code, PivError, Sub
from interop.domain.quantity import Quantity
from interop.site.cells import Cells
from interop.site.fault import Faults
from interop.site.table import Columns, Row, Table

COLUMNS = Columns(
    (
        "id",
        "code_system",
        "code",
        "therapy",
        "care_area",
        "pump_model",
        "mode",
        "route",
        "rate",
        "rate_unit",
        "strength",
        "strength_unit",
        "volume",
        "volume_unit",
        "vtbi",
        "vtbi_unit",
        "duration",
        "duration_unit",
        "weight",
        "weight_unit",
        "height",
        "height_unit",
        "surface",
        "surface_unit",
        "expected",
        "expected_entry",
        "expected_codes",
        "expected_mL_h",
        "must_confirm",
        "why",
    ),
    optional=("control", "runs", "runs_unit", "runs_weight", "runs_weight_unit"),
)
"""``rate`` to ``surface_unit`` are as a sender would send them, mistakes included; only the expectations are checked for form."""

CODES: dict[str, Code] = {str(code.number): code for code in PivError} | {f"{sub.parent.number}.{sub.key}": sub for sub in Sub}
"""``9010`` and ``9010.therapy``, as findings write them."""


@dataclass(frozen=True, slots=True)
class OrderSentence:
    """One order as a sender would send it, the channel it meets, and what must come of it.

    ``offered``: the entry and the rate that the pump would run, in mL/h, and whether a caution must be answered there (None: not looked at).
    Refused: each of ``codes`` is among the plan's refusals.
    """

    id: str
    place: str
    system: str
    code: str
    therapy: str
    care_area: str
    pump_model: str
    mode: Mode
    route: Route
    rate: str
    rate_unit: str
    strength: str
    strength_unit: str
    volume: str
    volume_unit: str
    vtbi: str
    vtbi_unit: str
    duration: str
    duration_unit: str
    weight: str
    weight_unit: str
    height: str
    height_unit: str
    surface: str
    surface_unit: str
    offered: bool
    entry: str
    codes: tuple[Code, ...]
    rate_ml_per_h: Fraction | None
    must_confirm: bool | None
    why: str
    changes: bool = False  # sent as XO, a change of what runs
    runs: Quantity | None = None  # the channel infuses this order at this rate or dose rate; None: it is idle
    runs_weight: Quantity | None = None  # by which the infusion is dosed; None: by the order's


def read_sentences(tables: list[Table], faults: Faults) -> list[tuple[Row, OrderSentence]]:
    """Every sentence that can be read, with its row; ids are unique over all files."""
    read: list[tuple[Row, OrderSentence]] = []
    seen: dict[str, Row] = {}
    for table in tables:
        for row in table.rows:
            sentence = _sentence(row, faults)
            first = seen.setdefault(row["id"], row)
            if first is not row and row["id"]:
                faults.error(row.place("id"), f"id {row['id']} stands in {first.name} already", "give each sentence its own id")
            if sentence is not None:
                read.append((row, sentence))
    return read


def _sentence(row: Row, faults: Faults) -> OrderSentence | None:
    cells = Cells(row, faults)
    mode, route = cells.member("mode", Mode), cells.member("route", Route)
    for column in ("id", "care_area", "pump_model", "why"):
        cells.text(column)
    expected = cells.text("expected")
    if expected and expected not in ("offered", "refused"):
        cells.error("expected", f"expected {expected!r} is none of offered, refused", "write one of these")
    offered = expected == "offered"
    codes = _codes(cells)
    rate = cells.number("expected_mL_h")
    if expected == "offered":
        _blank(cells, ("expected_codes",), "the order is offered")
        for column in ("expected_entry", "expected_mL_h"):
            cells.text(column)
    elif expected == "refused":
        _blank(cells, ("expected_entry", "expected_mL_h", "must_confirm"), "the order is refused")
        cells.text("expected_codes")
    must_confirm = cells.yes("must_confirm") if "must_confirm" in row else None
    if row["control"] not in ("", "RE", "XO"):
        cells.error("control", f"control {row['control']!r} is none of RE, XO", "write one of these; blank is RE")
    runs, runs_weight = _runs(cells)
    if mode is None or route is None or not cells.sound:
        return None
    return OrderSentence(
        id=row["id"],
        place=row.name,
        system=row["code_system"],
        code=row["code"],
        therapy=row["therapy"],
        care_area=row["care_area"],
        pump_model=row["pump_model"],
        mode=mode,
        route=route,
        rate=row["rate"],
        rate_unit=row["rate_unit"],
        strength=row["strength"],
        strength_unit=row["strength_unit"],
        volume=row["volume"],
        volume_unit=row["volume_unit"],
        vtbi=row["vtbi"],
        vtbi_unit=row["vtbi_unit"],
        duration=row["duration"],
        duration_unit=row["duration_unit"],
        weight=row["weight"],
        weight_unit=row["weight_unit"],
        height=row["height"],
        height_unit=row["height_unit"],
        surface=row["surface"],
        surface_unit=row["surface_unit"],
        offered=offered,
        entry=row["expected_entry"],
        codes=codes,
        rate_ml_per_h=rate,
        must_confirm=must_confirm,
        why=row["why"],
        changes=row["control"] == "XO",
        runs=runs,
        runs_weight=runs_weight,
    )


def _runs(cells: Cells) -> tuple[Quantity | None, Quantity | None]:
    """What the channel runs before, and by which weight; each with its unit."""
    row = cells.row
    for column in ("runs", "runs_weight"):
        if (column in row) != (f"{column}_unit" in row):
            cells.error(column, f"{column} and {column}_unit go together", "write both, or neither")
    if "runs_weight" in row and "runs" not in row:
        cells.error("runs_weight", "runs_weight is filled, but nothing runs", "write runs and its unit, or leave it blank")
    runs = cells.quantity("runs", cells.unit("runs_unit"))
    weight = cells.quantity("runs_weight", cells.unit("runs_weight_unit"))
    if runs is not None and not (runs.measure.is_flow or runs.measure.is_dose_rate):
        cells.error(
            "runs_unit", f"{runs.unit} is not a unit of a rate or dose rate", "write what the pump shows, such as ug/kg/min or mL/h"
        )
    if weight is not None and weight.unit not in ("kg", "g"):
        cells.error("runs_weight_unit", f"{weight.unit} is not a unit of body weight", "write kg or g")
    return runs, weight


def _codes(cells: Cells) -> tuple[Code, ...]:
    found: list[Code] = []
    for text in cells.row["expected_codes"].split():
        if text in CODES:
            found.append(CODES[text])
        else:
            cells.error("expected_codes", f"{text!r} is no code of a refusal", "write 9010, or a sub-code such as 9010.therapy")
    return tuple(found)


def _blank(cells: Cells, columns: tuple[str, ...], because: str) -> None:
    for column in columns:
        if column in cells.row:
            cells.error(column, f"{column} is filled, but {because}", "leave it blank, or correct the outcome")
