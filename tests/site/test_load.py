"""A site's files are read whole: every fault of form with its place, nothing passed over, and nothing that stops the reading of the rest."""

import pickle
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.domain.sender import FhirPath, NotAPath
from interop.site.fault import Faults, Severity
from interop.site.folder import MAX_FILE_BYTES
from interop.site.load import load_files, load_site
from interop.site.places import demo_site
from interop.site.table import Columns, read_table
from interop.site.toml_file import read_toml
from interop.site.toml_places import find_places
from tests.site.planted import FHIR, ICU, LVP, PCD03, Site, demo, where

AB = Columns(("a", "b"), ("c",))


def read(text, columns=AB):
    faults = Faults()
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return read_table("t.csv", data, columns, faults), faults.in_order()


@pytest.fixture
def site():
    return Site()


# Tables


def test_cells_are_read_with_their_line_and_column():
    table, faults = read('a,b\n1,2\n"x, y","say ""no"""\n')
    assert faults == ()
    assert [(row["a"], row["b"], row.line) for row in table.rows] == [("1", "2", 2), ("x, y", 'say "no"', 3)]
    assert table.rows[0].place("b") == ("t.csv", 2, 3)
    assert table.rows[1].place("b") == ("t.csv", 3, 8)


def test_line_numbers_stay_right_across_quoted_newlines():
    table, faults = read('a,b\n"one\ntwo\nthree","x\ny"\n1,2\n')
    assert faults == ()
    first, second = table.rows
    assert (first.line, first.place("a"), first.place("b")) == (2, ("t.csv", 2, 1), ("t.csv", 4, 8))
    assert (second.line, second.place("b")) == (6, ("t.csv", 6, 3))


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_line_ends_of_any_kind_and_a_byte_order_mark_change_nothing(ends):
    table, faults = read(b"\xef\xbb\xbf" + f"a,b{ends}1,2{ends}{ends}3,4{ends}".encode())
    assert faults == ()
    assert [(row["a"], row["b"], row.line) for row in table.rows] == [("1", "2", 2), ("3", "4", 4)]


def test_columns_may_stand_in_any_order_and_optional_ones_may_be_left_out():
    table, faults = read("b,a\n2,1\n")
    assert faults == ()
    assert (table.rows[0]["a"], table.rows[0]["b"], table.rows[0]["c"]) == ("1", "2", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["t.csv:1:1: the file is empty: it has no header"]),
        ("a\n1\n", ["t.csv:1:1: column 'b' is missing"]),
        ("a,b,bb\n1,2,3\n", ["t.csv:1:5: unknown column 'bb'"]),
        ("a,b,a\n1,2,3\n", ["t.csv:1:5: column 'a' stands in the header twice"]),
        ("A,b\n1,2\n", ["t.csv:1:1: unknown column 'A'", "t.csv:1:1: column 'a' is missing"]),
        ("a;b\n1;2\n", ["t.csv:1:1: the header is not separated by commas"]),
        ("a,b\n1,2,3\n", ["t.csv:2:5: 3 cells under 2 columns"]),
        ("a,b\n1\n", ["t.csv:2:1: 1 cells under 2 columns; the first missing one is 'b'"]),
        ("a,b\n,\n", ["t.csv:2:1: warning: a record of blank cells only"]),
        ('a,b\n1,"2\n3,4\n', ["t.csv:2:3: a quote is opened here and never closed"]),
        ('a,b\n1,"2"3\n4,5\n', ["t.csv:2:1: the record is not CSV (',' expected after '\"')"]),
        ("a,b\n1,2\u00a0\n", ["t.csv:2:4: the character U+00A0 cannot be seen"]),
        ("a,b\n1\u200b,2\n", ["t.csv:2:2: the character U+200B cannot be seen"]),
        ("a,b\n1,\x002\n", ["t.csv:2:3: the character U+0000 cannot be seen"]),
    ],
)
def test_each_fault_of_form_is_told_with_its_place(text, said):
    _, faults = read(text)
    assert [str(fault).partition(" — do: ")[0] for fault in faults] == said
    assert all(fault.action for fault in faults)


def test_a_byte_that_is_not_utf_8_is_told_with_its_place_and_offset():
    _, faults = read("a,b\nµ,x".encode() + b"\xb5g\n")
    assert [str(fault).partition(" — do: ")[0] for fault in faults] == ["t.csv:2:4: byte 0xB5 at offset 8 is not UTF-8"]


def test_a_utf_16_file_is_told_as_one():
    _, faults = read("a,b\n1,2\n".encode("utf-16"))
    assert [fault.what for fault in faults] == ["the file is UTF-16, not UTF-8"]


def test_reading_goes_on_behind_a_faulty_record():
    table, faults = read('a,b\n1,2,3\n4,"5"6\n7,8\n')
    assert len(faults) == 2
    assert [row["a"] for row in table.rows] == ["7"]
    assert not table.whole


def test_sec_24_a_file_that_is_no_text_at_all_has_a_bounded_number_of_faults():
    _, faults = read("a,b\n" + "\u00a0" * 5000 + "\n")
    assert len(faults) < 30


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]) | st.sampled_from(',"\n '), max_size=8),
            min_size=2,
            max_size=2,
        ),
        max_size=6,
    )
)
def test_what_the_csv_module_writes_is_read_back_at_the_place_where_it_stands(records):
    import csv
    import io

    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *records])
    table, _ = read(written.getvalue())
    lines = written.getvalue().split("\n")
    said = [[cell.strip() for cell in record] for record in records if any(cell.strip() for cell in record)]
    assert [[row["a"], row["b"]] for row in table.rows] == said
    for row in table.rows:
        for column in ("a", "b"):
            _, line, start = row.place(column)
            assert lines[line - 1][start - 1] == '"'


# TOML


def toml(text):
    faults = Faults()
    node = read_toml("t.toml", text if isinstance(text, bytes) else text.encode("utf-8"), faults)
    return node, faults


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = \n", (2, 5)),
        ("a = 1\na = 2\n", (2, 6)),
        ("[t\n", (1, 3)),
        ('a = "x\n', (1, 7)),
        ("a = 01\n", (1, 6)),
        ("a = .5\n", (1, 5)),
    ],
)
def test_what_is_not_toml_is_told_with_its_place(text, place):
    node, faults = toml(text)
    assert node is None
    (fault,) = faults.in_order()
    assert (fault.line, fault.column) == place
    assert "at line" not in fault.what


def test_a_broken_toml_file_at_its_very_end_is_told_there():
    _, faults = toml("a = [1,\n2,\n")
    (fault,) = faults.in_order()
    assert (fault.line, fault.column) == (2, 3)


def test_sec_24_toml_nested_too_deeply_is_told():
    node, faults = toml("a = " + "[" * 20_000 + "]" * 20_000)
    assert node is None
    assert [fault.what for fault in faults.in_order()] == ["tables or arrays are nested too deeply"]


def test_toml_with_byte_order_mark_and_windows_line_ends_is_read():
    node, faults = toml(b"\xef\xbb\xbfa = 1\r\n\r\n[t]\r\nb = 0.5\r\n")
    assert faults.in_order() == ()
    assert node.place("t", "b") == ("t.toml", 4, 1)
    assert node.table("t").number("b") == tomllib.loads("x = 1")["x"] / 2


EVERYTHING = """# a comment with [brackets] = "signs"
top = 1 # and one behind
"quoted key" = 'x = [1]'
dotted.key = true
dotted."other key" = 2.50

[table]
multi = \"\"\"
[not.a.table]
key = "no" \\\"\"\"
more\"\"\"\"
literal = '''
[[nor]] # this'''
list = [
    1, # one
    [2.0, "],"],
    { a = 1, b.c = "}" },
]
when = 1979-05-27 07:32:00
last = []

[[rows]]
name = "first"
[[rows]]
name = "second"
[rows.inner]
x = 0.10
[[rows.inner.deep]]
y = -1
"""


def paths_of(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_of(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from paths_of(each, (*path, index))


def test_every_key_of_every_kind_of_toml_has_its_place():
    places = find_places(EVERYTHING)
    values = tomllib.loads(EVERYTHING)
    assert set(paths_of(values)) <= set(places.starts)
    lines = EVERYTHING.split("\n")

    def stands(path):
        line, column = places.of(path)
        return lines[line - 1][column - 1 :]

    assert stands(("quoted key",)).startswith('"quoted key"')
    assert stands(("dotted", "other key")).startswith('dotted."other key"')
    assert stands(("table", "literal")).startswith("literal =")
    assert stands(("table", "list", 1, 0)).startswith("2.0,")
    assert stands(("table", "list", 2, "b", "c")).startswith("b.c =")
    assert stands(("table", "when")).startswith("when =")
    assert stands(("rows", 0, "name")).startswith('name = "first"')
    assert stands(("rows", 1, "name")).startswith('name = "second"')
    assert stands(("rows", 1, "inner", "x")).startswith("x =")
    assert stands(("rows", 1, "inner", "deep", 0, "y")).startswith("y =")
    assert places.typed(("dotted", "other key")) == "2.50"
    assert places.typed(("rows", 1, "inner", "x")) == "0.10"
    assert places.typed(("table", "when")) == "1979-05-27 07:32:00"


KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True)
SCALARS = st.integers(-99, 99).map(str) | st.sampled_from(
    ["true", "0.50", "1e3", "-inf", "2026-01-01", "2026-01-01 10:00:00Z", "'a # b'", '"\\"]"', "'''x\n[y]'''", '"""a\n"b" ]"""']
)


@st.composite
def documents(draw):
    """TOML texts of key and value, arrays and inline tables, under tables with names of their own."""

    def value(depth):
        kind = draw(st.sampled_from(["scalar", "array", "inline"] if depth < 3 else ["scalar"]))
        if kind == "scalar":
            return draw(SCALARS)
        if kind == "array":
            gap = draw(st.sampled_from(["", " ", "\n", " # [c]\n"]))
            return "[" + gap + ("," + gap).join(value(depth + 1) for _ in range(draw(st.integers(0, 3)))) + gap + "]"
        keys = draw(st.lists(KEYS, max_size=3, unique=True))
        return "{ " + ", ".join(f"{key} = {value(3)}" for key in keys) + " }"

    lines = []
    for name in ["", *draw(st.lists(KEYS, max_size=3, unique=True))]:
        if name:
            lines.append(draw(st.sampled_from([f"[t-{name}]", f"[[t-{name}]]", f"[ 't-{name}' . x ]"])))
        lines += [f"{key} = {value(0)} # {key}" for key in draw(st.lists(KEYS, max_size=3, unique=True))]
    return "\n".join(lines)


@given(documents())
def test_d_16_every_number_of_a_toml_text_is_found_as_it_was_typed(text):
    values = tomllib.loads(text, parse_float=lambda typed: ("typed", typed))
    places = find_places(text)
    for path in paths_of(values):
        assert path in places.starts
        value = values
        for part in path:
            value = value[part]
        if isinstance(value, tuple):
            assert places.typed(path) == value[1]
        elif isinstance(value, int) and not isinstance(value, bool):
            assert int(places.typed(path)) == value


# The folder


def copy_to(folder, site):
    for name, data in site.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_folder_and_its_bytes_give_the_same_release(tmp_path, site):
    assert load_site(copy_to(tmp_path, site)) == load_files(site.files)
    assert load_site(str(tmp_path)).release == demo().release


@pytest.mark.parametrize(
    "name", ["notes.txt", "drug_library/icu.csv.bak", "senders/~$pcd03-demo.toml", "icu.csv", ".DS_Store", "orders/extra.toml"]
)
def test_a_file_that_does_not_belong_there_is_warned_about(tmp_path, site, name):
    copy_to(tmp_path, site)
    (tmp_path / name).write_bytes(b"x")
    (fault,) = [fault for fault in load_site(tmp_path).faults if fault not in demo().faults]
    assert (fault.severity, where(fault)) == (Severity.WARNING, f"{name}:1:1")


@pytest.mark.parametrize("name", ["notes.txt", "drug_library/icu.csv.bak", "drug_library/old/icu.csv", "orders", "/site.toml"])
def test_bytes_that_do_not_belong_there_are_warned_about_too(site, name):
    site.write(name, b"x")
    assert where(site.the_warning()) == f"{name}:1:1"


def test_a_folder_that_does_not_belong_there_is_warned_about(tmp_path, site):
    copy_to(tmp_path, site)
    (tmp_path / "drug_libary").mkdir()
    (tmp_path / "drug_libary" / "icu.csv").write_bytes(b"x")
    (fault,) = [fault for fault in load_site(tmp_path).faults if fault not in demo().faults]
    assert (fault.severity, where(fault)) == (Severity.WARNING, "drug_libary:1:1")


@pytest.mark.parametrize("name", ["site.toml", "formulary.csv", "mixtures.csv", "units.csv"])
def test_a_missing_file_is_told_and_the_rest_is_read(site, name):
    del site.files[name]
    place = site.cell(ICU, "DL-010", "soft_high", "5.0")
    loaded = site.load()
    assert loaded.release is None
    assert {where(fault) for fault in loaded.errors} == {f"{name}:1:1", place}


@pytest.mark.parametrize("kind", ["drug_library", "pump_models", "senders"])
def test_a_site_without_one_kind_of_file_is_told_once(site, kind):
    site.files = {name: data for name, data in site.files.items() if not name.startswith(f"{kind}/")}
    loaded = site.load()
    assert loaded.release is None
    told = [fault for fault in loaded.errors if fault.file == f"{kind}/"]
    assert len(told) == 1
    assert all("is no drug of the library" not in fault.what for fault in loaded.errors)


def test_sr_55_a_site_without_order_sentences_is_warned_about(site):
    site.files = {name: data for name, data in site.files.items() if not name.startswith("orders/")}
    assert where(site.the_warning()) == "orders/:1:1"


def test_no_folder_is_a_fault_and_no_exception(tmp_path):
    loaded = load_site(tmp_path / "nowhere")
    assert loaded.release is None
    assert "cannot be read" in loaded.errors[0].what or any("cannot be read" in fault.what for fault in loaded.errors)


def test_sec_24_a_file_beyond_the_bound_is_not_read(tmp_path, site):
    copy_to(tmp_path, site)
    (tmp_path / "units.csv").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    told = [fault for fault in load_site(tmp_path).errors if fault.file == "units.csv"]
    assert told[0].what == f"the file is larger than {MAX_FILE_BYTES} bytes"


@pytest.mark.parametrize("name", [ICU, "formulary.csv", "mixtures.csv", "units.csv", "site.toml", LVP, PCD03, FHIR, "orders/fluids.csv"])
@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02", b"\xff\xfe", b"a,b,c\n1,2,3\n", b"[[[[", b"\n\n\n", b'"'])
def test_sec_24_rubbish_in_any_file_is_told_and_never_raised(site, name, data):
    site.write(name, data)
    loaded = site.load()
    assert loaded.release is None
    assert any(fault.file == name and fault.is_error for fault in loaded.faults)


# What is loaded


def test_d_25_the_newest_mapping_is_built_on_a_library_that_a_pump_still_reports(site):
    old = demo().release.library
    site.edit("site.toml", 'version = "1.0.0"', 'version = "2.0.0"')
    site.cell(ICU, "DL-010", "soft_high", "15")
    site.edit("site.toml", "weight_difference_percent = 5", "weight_difference_percent = 4")
    newest = site.load().release
    on_old = load_files(site.files, library=old).release
    assert on_old.library is old
    assert newest.library.ref.version == "2.0.0"
    assert on_old.mapping_hash == newest.mapping_hash != demo().release.mapping_hash
    assert on_old.rules == newest.rules


def test_d_25_a_drug_that_the_old_library_lacks_is_warned_about_and_still_mapped(site):
    old = demo().release.library
    for column, value in (("drug", "alprostadil new"), ("tallman", "alprostadil new")):
        site.cell("drug_library/nicu.csv", "DL-075", column, value)
    for file in ("formulary.csv", "mixtures.csv", "orders/syringe.csv"):
        site.write(file, site.text_of(file).replace(",alprostadil", ",alprostadil new").replace("+ alprostadil", "+ alprostadil new"))
    loaded = load_files(site.files, library=old)
    assert loaded.release is not None, "\n".join(map(str, loaded.errors))
    assert any(fault.what.startswith("alprostadil new is not in library") for fault in loaded.warnings)


def test_a_release_can_be_handed_to_another_process():
    assert pickle.loads(pickle.dumps(demo().release)) == demo().release


def test_loading_a_site_needs_the_domain_and_the_standard_library_only():
    code = (
        "import sys; from interop.site.load import load_site; from interop.site.places import demo_site;"
        "assert load_site(demo_site()).release is not None;"
        "print(*sorted({'.'.join(name.split('.')[:2]) for name in sys.modules if name.startswith('interop')}))"
    )
    command = [sys.executable, "-S", "-E", "-c", code]  # -S: no installed package can be imported
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=demo_site().parents[1])
    assert ran.stdout.split() == ["interop", "interop.domain", "interop.site"]


@pytest.mark.parametrize(
    "text",
    [
        "subject.identifier.value",
        "extension('urn:x').valueCode",
        "identifier[0].value",
        "identifier.where(use='official').value",
        "meta.versionId",
    ],
)
def test_d_28_a_fhir_path_of_the_grammar_is_read(text):
    assert len(FhirPath.parse(text).steps) >= 2


@pytest.mark.parametrize(
    "text", ["", "Subject", "a..b", "a.", ".a", "a[b]", "a[01]", "a.where(b=c)", "a or b", "extension(urn:x)", "a.exists()", "a%b"]
)
def test_d_28_anything_else_is_no_fhir_path(text):
    with pytest.raises(NotAPath):
        FhirPath.parse(text)
