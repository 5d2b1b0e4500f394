"""``formulary.csv`` and ``mixtures.csv``: which library drug a code, or a base fluid with its additives, names (D-01; drug_library.md section 2)."""

from interop.domain.delivery import InfusionType
from interop.domain.quantity import Quantity
from interop.domain.release import CodeKind, FormularyRow, Mixture
from interop.domain.ucum import UCUM
from interop.site.cells import Cells
from interop.site.fault import Faults
from interop.site.table import Columns, Row, Table

FORMULARY = Columns(
    ("system", "code", "kind", "drug", "therapy", "infusion_type", "conc_amount", "conc_unit", "volume_mL", "note"),
)
"""``therapy`` is the key of ``infusion_therapy_code``, not the therapy's title; amount without volume is a vial; volume alone is a fluid's container."""

MIXTURES = Columns(("base", "additives", "drug", "note", "source"))
ADDITIVES = " + "
"""Between the additives of one cell: drugs' names hold commas and slashes."""


def read_formulary(table: Table, faults: Faults) -> list[tuple[Row, FormularyRow]]:
    """Every row that can be read, with its place."""
    read = ((row, _formulary_row(row, faults)) for row in table.rows)
    return [(row, value) for row, value in read if value is not None]


def _formulary_row(row: Row, faults: Faults) -> FormularyRow | None:
    cells = Cells(row, faults)
    kind = cells.member("kind", CodeKind)
    infusion_type = cells.member("infusion_type", InfusionType) if "infusion_type" in row else None
    system, code, drug = cells.text("system"), cells.text("code"), cells.text("drug")
    unit = cells.unit("conc_unit")
    amount = cells.quantity("conc_amount", unit)
    if ("conc_amount" in row) != ("conc_unit" in row):
        missing = "conc_unit" if "conc_amount" in row else "conc_amount"
        cells.error(missing, f"{missing} is blank beside its partner", "write both or neither")
    if unit and (not UCUM[unit].is_dose or UCUM[unit].dimension.per_body):
        cells.error("conc_unit", f"{unit} is not an amount of drug", "write a unit such as mg, [iU] or meq")
    if kind is CodeKind.INGREDIENT:
        for column in ("therapy", "infusion_type", "conc_amount", "volume_mL"):
            if column in row:
                what = f"an ingredient code says {column}: an ingredient names the drug only"
                cells.error(column, what, "leave it blank, or correct the kind")
    volume: Quantity | None = cells.quantity("volume_mL", "mL")
    if kind is None or not cells.sound:
        return None
    return FormularyRow(system, code, kind, drug, row["therapy"], infusion_type, amount, volume, row.name)


def read_mixtures(table: Table, faults: Faults) -> list[tuple[Row, Mixture]]:
    """Every row that can be read, with its place."""
    read = ((row, _mixture(row, faults)) for row in table.rows)
    return [(row, value) for row, value in read if value is not None]


def _mixture(row: Row, faults: Faults) -> Mixture | None:
    cells = Cells(row, faults)
    base, drug = cells.text("base"), cells.text("drug")
    additives = [name.strip() for name in cells.text("additives").split(ADDITIVES)] if "additives" in row else []
    if not additives:
        cells.text("additives")
    elif not all(additives):
        cells.error("additives", "an additive is blank", f"write the drugs with {ADDITIVES!r} between them")
    elif len(set(additives)) != len(additives):
        cells.error("additives", "an additive stands twice", "name it once")
    if base and base in additives:
        cells.error("additives", f"{base} is the base and an additive", "name it once")
    return Mixture(base, frozenset(additives), drug, row.name) if cells.sound else None
