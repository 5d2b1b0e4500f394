"""The two hashes of a release name what its files say: layout never changes them, a value always does (SR-22, SEC-26, D-25)."""

import csv
import io
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.site.fault import Faults
from interop.site.hash import library_hash, mapping_hash
from interop.site.table import Columns, read_table
from tests.site.planted import FHIR, ICU, LVP, PCD03, Site, demo

TABLES = ["drug_library/icu.csv", "drug_library/nicu.csv", "formulary.csv", "mixtures.csv", "units.csv"]
TOMLS = ["site.toml", LVP, PCD03, FHIR]


def hashes(site):
    release = site.load().release
    assert release is not None, "\n".join(map(str, site.load().errors))
    return release.library.ref.hash, release.mapping_hash


def of_demo():
    return demo().release.library.ref.hash, demo().release.mapping_hash


def test_sr_22_a_hash_is_sha_256_in_hexadecimal():
    for each in of_demo():
        assert re.fullmatch(r"[0-9a-f]{64}", each)


def test_sr_22_the_same_files_have_the_same_hashes():
    assert hashes(Site()) == of_demo()


# Layout


@pytest.mark.parametrize("file", TABLES)
@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    blanks=st.sampled_from(["", " ", "\t"]),
    bom=st.booleans(),
)
def test_sr_22_the_layout_of_a_table_does_not_change_the_hashes(file, seed, ends, quoting, blanks, bom):
    """Rows and columns in any order, other line ends, quotes, blanks around cells, blank lines, a byte order mark."""
    site, chance = Site(), random.Random(seed)
    header, *rows = csv.reader(io.StringIO(site.text_of(file)))
    order = chance.sample(range(len(header)), len(header))
    chance.shuffle(rows)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=ends, quoting=quoting)
    for row in [header, *rows]:
        writer.writerow([f"{blanks}{row[index]}{blanks}" for index in order])
    text = written.getvalue() + ends
    site.write(file, (b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8"))
    assert hashes(site) == of_demo()


@pytest.mark.parametrize("file", TOMLS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), ends=st.sampled_from(["\n", "\r\n"]))
def test_sr_22_the_layout_of_a_toml_file_does_not_change_the_hashes(file, seed, ends):
    """Comments gone or new, tables and the keys in them in any order, other line ends and spacing."""
    site, chance = Site(), random.Random(seed)
    lines = [re.sub(r"(^|\s)#[^\"']*$", "", line) for line in site.text_of(file).splitlines()]
    text = "\n".join(line for line in lines if line.strip())
    text = re.sub(r"\[\n(.*?)\n\]", lambda match: "[" + match[1].replace("\n", " ") + "]", text, flags=re.DOTALL)
    top, *tables = re.split(r"\n(?=\[)", "\n" + text if text.startswith("[") else text)
    parts = []
    for table in tables:
        head, *keys = table.split("\n")
        parts.append("\n".join([head, *chance.sample(keys, len(keys))]))
    nested = [part for part in parts if re.match(r"\[[^\[\]]*\.[^\[\]]*\]", part)]
    others = [part for part in parts if part not in nested]
    shuffled = chance.sample(others, len(others)) + chance.sample(nested, len(nested))
    text = "\n\n# a comment\n".join(["\n".join(chance.sample(top.split("\n"), len(top.split("\n")))), *shuffled])
    site.write(file, text.replace(" = ", "   =  ").replace("\n", ends) + ends)
    assert hashes(site) == of_demo()


def test_sr_22_an_optional_column_that_says_nothing_does_not_change_the_hashes():
    site = Site()
    lines = site.text_of(ICU).splitlines()
    site.write(ICU, "\n".join([lines[0] + ",unlimited_by_intent", *(line + "," for line in lines[1:])]) + "\n")
    assert hashes(site) == of_demo()


def test_order_sentences_and_the_readme_are_no_part_of_a_release():
    site = Site()
    site.cell("orders/fluids.csv", "F-01", "why", "another reason")
    assert hashes(site) == of_demo()


# Values


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_sec_26_any_value_of_the_drug_library_changes_its_hash(data):
    """One character more in any filled cell, or anything at all in a blank one."""
    site = Site()
    file = data.draw(st.sampled_from(sorted(name for name in site.files if name.startswith("drug_library/"))))
    header, *rows = csv.reader(io.StringIO(site.text_of(file)))
    columns = Columns(tuple(header))

    def library_of(changed):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *changed])
        return library_hash("L", "1", read_table(file, text.getvalue().encode(), columns, Faults()).rows)

    before = library_of(rows)
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(header) - 1))
    changed = [list(each) for each in rows]
    changed[row][column] += data.draw(st.sampled_from(["0", "x", ".", "Y"]))
    assert library_of(changed) != before


def test_sec_26_a_value_that_moves_to_another_column_row_or_cell_changes_the_hash():
    def library_of(*records):
        text = "a,b,c\n" + "".join(f"{record}\n" for record in records)
        return library_hash("L", "1", read_table("t.csv", text.encode(), Columns(("a", "b", "c")), Faults()).rows)

    texts = [("1,2,", "3,4,"), ("1,,2", "3,4,"), ("12,,", "3,4,"), ("1,4,", "3,2,"), ("1,2,",), ("1,2,", "3,4,", "3,4,"), ("2,1,", "3,4,")]
    assert len({library_of(*records) for records in texts}) == len(texts)
    assert library_of("1,2,", "3,4,") == library_of("3,4,", "1,2,")


def test_sr_22_id_and_version_are_part_of_the_librarys_hash():
    assert len({library_hash(*names, ()) for names in (("L", "1"), ("L", "2"), ("M", "1"), ("L1", ""))}) == 4


LIBRARY, MAPPING, BOTH = (True, False), (False, True), (True, True)


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        (ICU, ",275,,,none,representative", ",274,,,none,representative", LIBRARY),
        (ICU, "Central line preferred. Vesicant.", "Central line only. Vesicant.", LIBRARY),
        ("site.toml", 'version = "1.0.0"', 'version = "1.0.1"', LIBRARY),
        ("site.toml", "rounding_percent = 2", "rounding_percent = 1.5", MAPPING),
        ("site.toml", "offer_idle_s = 180", "offer_idle_s = 120", MAPPING),
        ("site.toml", "weight_max_age_h = 24", "weight_max_age_h = 12", MAPPING),
        ("site.toml", 'title = "Demo hospital"', 'title = "Demo Hospital"', MAPPING),
        ("site.toml", 'rule = "caution"', 'rule = "allowed"', MAPPING),
        ("formulary.csv", "RxNorm ingredient", "RxNorm ingredient (IN)", MAPPING),
        ("units.csv", "A. Demo, pharmacist, 2026-01-12", "B. Demo, pharmacist, 2026-01-12", MAPPING),
        ("mixtures.csv", "representative", "package insert", MAPPING),
        (LVP, "vtbi_max_mL = 3000", "vtbi_max_mL = 2200", MAPPING),
        (LVP, "bolus = true", "bolus = false", MAPPING),
        (PCD03, 'application_ack = "on_screen"', 'application_ack = "on_decision"', MAPPING),
        (PCD03, 'path = "ZRX-2.1"', 'path = "ZRX-3.1"', MAPPING),
    ],
)
def test_sec_26_a_value_changes_the_hash_of_its_own_half(file, old, new, changed):
    site = Site()
    site.edit(file, old, new)
    library, mapping = hashes(site)
    before = of_demo()
    assert (library != before[0], mapping != before[1]) == changed


def test_sec_26_a_row_more_or_less_changes_the_hash():
    site = Site()
    site.add_record("units.csv", spelling="cc", ucum="mL", note="n", approved_by="A. Demo")
    assert hashes(site)[1] != of_demo()[1]
    assert hashes(site)[0] == of_demo()[0]


def test_sec_26_the_name_of_a_sender_or_pump_model_is_a_value():
    site = Site()
    site.files["senders/fhir-other.toml"] = site.files.pop(FHIR)
    assert hashes(site)[1] != of_demo()[1]


def test_sec_26_a_number_and_a_text_of_the_same_digits_differ():
    assert mapping_hash({}, {"t": {"a": 1}}) != mapping_hash({}, {"t": {"a": "1"}})
    assert mapping_hash({}, {"t": {"a": True}}) != mapping_hash({}, {"t": {"a": 1}})
    assert mapping_hash({}, {"t": {"a": [1, 2]}}) == mapping_hash({}, {"t": {"a": [2, 1]}})
    assert mapping_hash({}, {"t": {"a": [1, 2]}}) != mapping_hash({}, {"t": {"a": [1, 2, 2]}})
