"""Figures of part 1: planning an order, reading its message, loading a site. ``python benchmarks/planning.py [--json] [--rounds N]``

Targets: ``plan()`` under 200 us from a parsed request; tokenizing an RGV with ten fields read under 25 us; the demo site under 150 ms; a site of
1,200 entries under 300 ms. It reports and never fails: what is missed is said. Numbers of the repeated order are read from a warm cache.
"""

import argparse
import csv
import sys
import tempfile
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from timing import Row, measure, report  # noqa: E402

from interop.domain.release import Release  # noqa: E402
from interop.pathway import plan  # noqa: E402
from interop.site.load import load_site  # noqa: E402
from interop.site.places import demo_site  # noqa: E402
from interop.wire.hl7v2.er7 import Message  # noqa: E402
from interop.workbench.reading import ReadOrder, read_order  # noqa: E402
from interop.workbench.supposed import Wishes, suppose  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "rgv"


def the_order() -> bytes:
    """The golden dopamine order: weight-based, in its own units, with everything that PCD-03 lets it say."""
    return next(path for path in sorted(GOLDEN.glob("lvp-dose-rate.hl7"))).read_bytes()


NUMBERS = (Fraction("10"), Fraction("85.0"), Fraction("400"), Fraction("250"))
LIMITS = (Fraction(1, 2), Fraction(1), Fraction(20), Fraction(30))


def bare_arithmetic() -> Fraction:
    """The derivation alone, from numbers already read: a flow, its rounding, what it gives, and eight comparisons with limits."""
    rate, weight, amount, volume = NUMBERS
    concentration = amount / volume
    flow = rate * weight * 60 / 1000 / concentration
    steps = flow / Fraction(1, 10)
    runs = Fraction(round(steps), 10)
    gives = runs * concentration * 1000 / (weight * 60)
    for value in (rate, gives):
        for limit in LIMITS:
            if value > limit:
                pass
    return gives


def bare_split(data: bytes) -> str:
    """Segments and fields split, ten fields taken, nothing checked and no escape decoded."""
    segments = [line.split("|") for line in data.decode("ascii").split("\r") if line]
    by_name = {segment[0]: segment for segment in segments}
    rxg, orc = by_name["RXG"], by_name["ORC"]
    return "".join((rxg[4], rxg[5], rxg[7], rxg[15], rxg[16], rxg[17], rxg[18], rxg[23], orc[2], orc[9]))


def ten_fields(data: bytes) -> None:
    message = Message.parse(data)
    rxg, orc = message.first("RXG"), message.first("ORC")
    rxg.text(4, 1), rxg.text(5), rxg.text(7, 1), rxg.text(15), rxg.text(16, 1)
    rxg.text(17), rxg.text(18, 1), rxg.text(23), orc.text(2, 1), orc.text(9)


def bare_read(folder: Path) -> int:
    """The same files through the csv module, nothing kept."""
    rows = 0
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows += sum(1 for _ in csv.reader(file))
    return rows


def a_large_site(folder: Path, entries: int) -> Path:
    """The demo site with its care areas' rows repeated under further drugs until it has ``entries``; formulary rows go with them."""
    import shutil

    site = folder / "large"
    shutil.copytree(demo_site(), site)
    tables = sorted((site / "drug_library").glob("*.csv"))
    rows = {path: list(csv.reader(path.open(newline="", encoding="utf-8"))) for path in tables}
    formulary_path = site / "formulary.csv"
    formulary = list(csv.reader(formulary_path.open(newline="", encoding="utf-8")))
    head = {name: index for index, name in enumerate(next(iter(rows.values()))[0])}
    local = [row for row in formulary[1:] if any(cell.startswith("LOC-") for cell in row)]
    count, copy = sum(len(table) - 1 for table in rows.values()), 0
    originals = {path: table[1:] for path, table in rows.items()}
    while count < entries:
        copy += 1
        for path, table in originals.items():
            for row in table:
                if count >= entries:
                    break
                changed = list(row)
                changed[head["row_id"]] = f"{row[head['row_id']]}-{copy}"
                changed[head["drug"]] = f"{row[head['drug']]} {copy}"
                changed[head["tallman"]] = f"{row[head['tallman']]} {copy}"
                for column in ("rxcui_ingredient", "rxcui_clinical_drug", "rxcui_clinical_name"):
                    changed[head[column]] = ""
                for column in ("rxcui_ingredient_status", "rxcui_clinical_status"):
                    changed[head[column]] = "UNVERIFIED"
                changed[head["local_code"]] = f"{row[head['local_code']]}{copy:02d}"
                rows[path].append(changed)
                for other in local:
                    if row[head["local_code"]] in other:
                        formulary.append(
                            [
                                f"{cell}{copy:02d}"
                                if cell == row[head["local_code"]]
                                else f"{cell} {copy}"
                                if cell == row[head["drug"]]
                                else cell
                                for cell in other
                            ]
                        )
                count += 1
    for path, table in rows.items():
        csv.writer(path.open("w", newline="", encoding="utf-8")).writerows(table)
    csv.writer(formulary_path.open("w", newline="", encoding="utf-8")).writerows(formulary)
    return site


def loaded(folder: Path) -> Release:
    result = load_site(folder)
    if result.release is None:
        raise SystemExit("the generated site is unsound:\n" + "\n".join(str(fault) for fault in result.errors[:10]))
    return result.release


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    release, data = loaded(demo_site()), the_order()
    read = read_order(data, release)
    if not isinstance(read, ReadOrder):
        raise SystemExit("the golden order is not read as an order")
    case, now = suppose(read.request, release, Wishes())
    if plan(read.request, case, now).offer is None:
        raise SystemExit("the golden order is not offered: what would be measured is a refusal")
    late = now + timedelta(hours=1)
    with tempfile.TemporaryDirectory() as folder:
        large = a_large_site(Path(folder), 1200)
        entries = len(loaded(large).library.entries)
        rows = [
            Row(
                "plan() of an offered order", "us", 200, lambda: plan(read.request, case, now), "the arithmetic alone", bare_arithmetic, 400
            ),
            Row(
                "plan() of a refused order (stale)",
                "us",
                200,
                lambda: plan(read.request, case, late),
                "the arithmetic alone",
                bare_arithmetic,
                400,
            ),
            Row(
                "an RGV tokenized, ten fields read",
                "us",
                25,
                lambda: ten_fields(data),
                "str.split, unchecked",
                lambda: bare_split(data),
                2000,
            ),
            Row(
                "an RGV read into a request",
                "us",
                None,
                lambda: read_order(data, release),
                "str.split, unchecked",
                lambda: bare_split(data),
                300,
            ),
            Row(
                f"the demo site loaded ({len(release.library.entries)} entries)",
                "ms",
                150,
                lambda: loaded(demo_site()),
                "csv.reader",
                lambda: bare_read(demo_site()),
                2,
            ),
            Row(f"a site of {entries} entries loaded", "ms", 300, lambda: loaded(large), "csv.reader", lambda: bare_read(large), 1),
        ]
        report(measure(rows, arguments.rounds), arguments.json)


if __name__ == "__main__":
    main()
