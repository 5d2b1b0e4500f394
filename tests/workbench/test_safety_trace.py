"""``interop safety-trace``: what it takes as proof, what it refuses to take, and what it says of the rest."""

import io
import json
import re
from pathlib import Path

import pytest

from interop.workbench.safety_trace import collect, requirements, run, unknown_ids

HEADER = "import pytest\n\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the tests of another, made-up project."""
    (tmp_path / "tests").mkdir()
    return tmp_path / "tests"


def ids_shown_by(folder: Path, source: str) -> set[str]:
    (folder / "test_planted.py").write_text(HEADER + source, encoding="utf-8")
    collected = collect(folder)
    assert not collected.faults
    return set(collected.shown)


def faults_of(folder: Path, source: str) -> list[str]:
    (folder / "test_planted.py").write_text(HEADER + source, encoding="utf-8")
    return [fault.partition("test_planted.py:")[2] for fault in collect(folder).faults]


def said(folder: Path, **options: bool | str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(folder, out=out, err=err, **options)  # type: ignore[arg-type]
    return code, out.getvalue(), err.getvalue()


@pytest.mark.requirement("SR-57", "SEC-54")
@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ("def test_sr_23_a_slipped_point_is_refused():\n    pass\n", {"SR-23"}),
        ("def test_sr_23_sr_25_d_15_rounding_never_crosses_a_limit():\n    pass\n", {"SR-23", "SR-25", "D-15"}),
        ("def test_sec_24():\n    pass\n", {"SEC-24"}),
        ("async def test_d_04_two_at_once():\n    pass\n", {"D-04"}),
        ("class TestLimits:\n    def test_sr_23_dose(self):\n        pass\n", {"SR-23"}),
        ("@pytest.mark.requirement('SR-53', 'D-08')\ndef test_a_cut_message():\n    pass\n", {"SR-53", "D-08"}),
        ("@pytest.mark.requirement('SR-53')\nclass TestCut:\n    def test_a(self):\n        pass\n", {"SR-53"}),
        ("pytestmark = pytest.mark.requirement('SR-01')\ndef test_a():\n    pass\n", {"SR-01"}),
        ("pytestmark = [pytest.mark.slow, pytest.mark.requirement('SR-01')]\ndef test_a():\n    pass\n", {"SR-01"}),
        ("class TestA:\n    pytestmark = (pytest.mark.requirement('SR-01'),)\n    def test_a(self):\n        pass\n", {"SR-01"}),
        ("@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.requirement('SR-19'))])\ndef test_a(x):\n    pass\n", {"SR-19"}),
        ("pytestmark = pytest.mark.requirement('SR-61')\nTestChannel = ChannelMachine.TestCase\n", {"SR-61"}),
        ("def test_vitamin_d_10_is_not_a_decision():\n    pass\n", set()),
        ("def a_dopamine_order_for_sr_23():\n    pass\n", set()),
        ("def test_outer():\n    def test_sr_23_inner():\n        pass\n", set()),
    ],
)
def test_an_id_counts_where_pytest_would_run_the_test(folder: Path, source: str, ids: set[str]):
    assert ids_shown_by(folder, source) == ids


@pytest.mark.parametrize("mark", ["skip", "skip(reason='later')", "xfail(strict=True)"])
@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.{mark}\ndef test_sr_23_a():\n    pass\n",
        "@pytest.mark.{mark}\nclass TestA:\n    def test_sr_23_a(self):\n        pass\n",
        "pytestmark = pytest.mark.{mark}\ndef test_sr_23_a():\n    pass\n",
        "pytestmark = (pytest.mark.{mark},)\ndef test_sr_23_a():\n    pass\n",
        "pytestmark = [pytest.mark.{mark}]\ndef test_sr_23_a():\n    pass\n",
    ],
)
def test_sr_57_a_test_that_never_passes_shows_nothing(folder: Path, source: str, mark: str):
    assert ids_shown_by(folder, source.format(mark=mark)) == set()
    assert ids_shown_by(folder, source.format(mark="slow")) == {"SR-23"}


def test_a_parametrised_test_counts_once(folder: Path):
    source = (
        "@pytest.mark.parametrize('drug', ['dopamine', 'heparin'])\n@pytest.mark.requirement('SR-23')\ndef test_sr_23_a(drug):\n    pass\n"
    )
    assert ids_shown_by(folder, source) == {"SR-23"}
    assert len(collect(folder).shown["SR-23"]) == 1


def test_tests_of_all_folders_are_told_with_file_line_and_class(folder: Path):
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "test_b.py").write_text("class TestB:\n\n    def test_sr_01_b(self):\n        pass\n", encoding="utf-8")
    (folder / "a_test.py").write_text("def test_sr_01_a():\n    pass\n", encoding="utf-8")
    (folder / "orders.py").write_text("def test_sr_01_not_collected_by_pytest():\n    pass\n", encoding="utf-8")
    assert [f"{test.path.removeprefix(folder.as_posix())}:{test.line} {test.name}" for test in collect(folder).shown["SR-01"]] == [
        "/a_test.py:1 test_sr_01_a",
        "/deep/er/test_b.py:3 TestB::test_sr_01_b",
    ]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("@pytest.mark.requirement(THE_LIMITS)\ndef test_a():\n    pass\n", "4: the ids of a requirement stand in its marker as text"),
        (
            "@pytest.mark.requirement('SR-23', THE_LIMITS)\ndef test_a():\n    pass\n",
            "4: the ids of a requirement stand in its marker as text",
        ),
        (
            "@pytest.mark.requirement('SR-23', also='SR-24')\ndef test_a():\n    pass\n",
            "4: the ids of a requirement stand in its marker as text",
        ),
        ("@pytest.mark.requirement()\ndef test_a():\n    pass\n", "4: the ids of a requirement stand in its marker as text"),
        ("@pytest.mark.requirement(id='SR-23')\ndef test_a():\n    pass\n", "4: the ids of a requirement stand in its marker as text"),
        ("limits = pytest.mark.requirement('SR-23')\n\n\n@limits\ndef test_a():\n    pass\n", "4: this marker is on no test"),
        ("@pytest.mark.requirement('SR-23')\ndef a_helper():\n    pass\n", "4: this marker is on no test"),
        ("def test_a(:\n    pass\n", "4: this is no Python"),
    ],
)
def test_what_cannot_be_traced_is_a_fault_and_not_a_gap(folder: Path, source: str, fault: str):
    (told,) = faults_of(folder, source)
    assert told.startswith(fault)


def test_a_marker_of_a_whole_module_is_faulted_once(folder: Path):
    source = "pytestmark = pytest.mark.requirement(LIMITS)\n\n\ndef test_a():\n    pass\n\n\ndef test_b():\n    pass\n"
    assert len(faults_of(folder, source)) == 1


@pytest.mark.parametrize(
    "name", ["test_sr_99_a", "test_sr_9_a", "test_sr_233_a", "test_sr_59_a", "test_d_5_percent_dextrose", "test_sr_01_sr_99"]
)
def test_sr_57_an_id_that_no_document_has_is_an_error(folder: Path, name: str):
    (folder / "test_planted.py").write_text(f"def {name}():\n    pass\n", encoding="utf-8")
    (fault,) = unknown_ids(requirements(), collect(folder))
    assert "test_planted.py:1: " in fault
    assert fault.endswith("is not a requirement")
    code, out, err = said(folder)
    assert code == 1
    assert err == fault + "\n"
    assert "SR-23" in out, "the trace is printed all the same"


def test_an_unknown_id_is_an_error_even_when_its_kind_was_not_asked_for(folder: Path):
    (folder / "test_planted.py").write_text("def test_sr_99_a():\n    pass\n", encoding="utf-8")
    assert said(folder, only="D")[0] == 1


def test_strict_fails_when_one_requirement_is_without_a_test(folder: Path):
    rows = {requirement.id: requirement for requirement in requirements() if requirement.kind == "SR"}
    tests = [f"def test_{id.lower().replace('-', '_')}_a():\n    pass\n" for id in rows]
    (folder / "test_planted.py").write_text("\n\n".join(tests), encoding="utf-8")
    assert said(folder, only="SR", strict=True)[0] == 0
    (folder / "test_planted.py").write_text("\n\n".join(tests[1:]), encoding="utf-8")
    code, out, err = said(folder, only="SR", strict=True)
    assert (code, err) == (3, "")
    assert "Without a test\nSR-01" in out
    assert out.endswith(f"Shown by a test: {len(rows) - 1} of {len(rows)} SR\n")
    assert said(folder, only="SR")[0] == 0, "without strict a gap is told and is no failure"


def test_the_text_tells_each_requirement_with_its_tests(folder: Path):
    (folder / "test_planted.py").write_text("def test_d_15_rounding():\n    pass\n", encoding="utf-8")
    _, out, _ = said(folder, only="D")
    assert out.startswith("D-15    Rounding error and agreement of given values (decisions.md Numbers and weight)\n        ")
    assert out.splitlines()[1].endswith("test_planted.py:1 test_d_15_rounding")
    assert "Shown by a test: 1 of 30 D\n" in out


def test_the_json_says_the_same(folder: Path):
    (folder / "test_planted.py").write_text("def test_d_15_rounding():\n    pass\n", encoding="utf-8")
    code, out, _ = said(folder, only="d, sec", as_json=True)
    told = json.loads(out)
    assert code == 0
    assert len(told["requirements"]) == 84
    (shown,) = [row for row in told["requirements"] if row["tests"]]
    assert shown["id"] == "D-15"
    assert shown["tests"] == [{"path": (folder / "test_planted.py").as_posix(), "line": 1, "name": "test_d_15_rounding"}]
    assert "D-15" not in told["without_a_test"]
    assert len(told["without_a_test"]) == 83


@pytest.mark.parametrize("only", ["SX", "SR,", "SR-23"])
def test_an_unknown_kind_is_wrong_use(folder: Path, only: str):
    code, out, err = said(folder, only=only)
    assert (code, out) == (2, "")
    assert err == f"interop: --only {only}: the kinds of requirement are SR, SEC, D\n"


def test_a_folder_that_is_not_there_is_wrong_use(folder: Path):
    code, out, err = said(folder / "missing")
    assert (code, out) == (2, "")
    assert err.endswith("missing is not a folder\n")


def test_the_requirements_are_numbered_without_gaps_and_each_says_where_it_comes_from():
    numbers: dict[str, list[int]] = {}
    for requirement in requirements():
        assert re.fullmatch(r"(SR|SEC|D)-[0-9]{2}", requirement.id)
        assert requirement.title
        assert re.fullmatch(r"(safety|security)\.md [0-9]\.[0-9]|decisions\.md [A-Z].+", requirement.source)
        numbers.setdefault(requirement.kind, []).append(int(requirement.id[-2:]))
    assert numbers == {"SR": [*range(1, 59), *range(61, 99)], "SEC": [*range(1, 55)], "D": [*range(1, 31)]}


def test_sr_57_the_tests_of_this_repository_name_only_requirements_that_exist():
    tests = Path(__file__).parents[1]
    collected = collect(tests)
    assert not collected.faults
    assert not unknown_ids(requirements(), collected)
    assert [test.name for test in collected.shown["SEC-54"] if test.path == Path(__file__).as_posix()] == [
        "test_an_id_counts_where_pytest_would_run_the_test"
    ]


def test_nothing_of_a_test_is_run_to_trace_it(folder: Path):
    source = "raise SystemExit('imported')\n\n\ndef test_sr_23_a():\n    pass\n"
    assert ids_shown_by(folder, source) == {"SR-23"}
