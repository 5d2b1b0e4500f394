"""Which tests show which requirement (SR-57, SEC-54): read from the sources of the tests, so that no test has to run.

A test names what it shows at the start of its name, ``test_sr_23_sr_25_a_slipped_decimal_point_is_refused``, or in a marker on itself, its class
or its module, ``@pytest.mark.requirement("SR-23")``. A test that is always skipped or expected to fail shows nothing.
"""

import ast
import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

OK, FAULTS, WRONG_USE, WITHOUT_A_TEST = 0, 1, 2, 3

IDS_OF_A_NAME = re.compile(r"test((?:_(?:sr|sec|d)_[0-9]+(?=_|$))+)")
ONE_ID = re.compile(r"_(sr|sec|d)_([0-9]+)")
SHOWS_NOTHING = frozenset({"skip", "xfail"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of ``requirements.csv``: its id, in short what it asks, and the document and section that say it in full."""

    id: str
    title: str
    source: str

    @property
    def kind(self) -> str:
        """``SR`` (safety), ``SEC`` (security) or ``D`` (a decision)."""
        return self.id.partition("-")[0]


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One test function, however many parameters it runs with, and where it stands."""

    path: str
    line: int
    name: str


@dataclass(frozen=True, slots=True)
class Collected:
    """The tests of a folder by the id they show, and what is wrong with how they say it: ``path:line: sentence``."""

    shown: Mapping[str, tuple[Evidence, ...]]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """Requirement → tests, in the order of the requirements."""

    rows: tuple[tuple[Requirement, tuple[Evidence, ...]], ...]

    @property
    def without(self) -> tuple[Requirement, ...]:
        """The requirements that no test shows."""
        return tuple(requirement for requirement, tests in self.rows if not tests)

    def as_text(self) -> str:
        """For people: each requirement with its tests, then those without one, then a count for each kind."""
        return "\n".join(self._lines()) + "\n"

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "requirements": [
                {
                    "id": requirement.id,
                    "title": requirement.title,
                    "source": requirement.source,
                    "tests": [{"path": test.path, "line": test.line, "name": test.name} for test in tests],
                }
                for requirement, tests in self.rows
            ],
            "without_a_test": [requirement.id for requirement in self.without],
        }

    def _lines(self) -> Iterator[str]:
        for requirement, tests in self.rows:
            if tests:
                yield _title(requirement)
                yield from (f"        {test.path}:{test.line} {test.name}" for test in tests)
        if self.without:
            yield "\nWithout a test"
            yield from (_title(requirement) for requirement in self.without)
        every = Counter(requirement.kind for requirement, _ in self.rows)
        shown = Counter(requirement.kind for requirement, tests in self.rows if tests)
        yield "\nShown by a test: " + ", ".join(f"{shown[kind]} of {every[kind]} {kind}" for kind in every)


def _title(requirement: Requirement) -> str:
    return f"{requirement.id:<7} {requirement.title} ({requirement.source})"


def requirements() -> tuple[Requirement, ...]:
    """Every SR, SEC and D, in the order of their documents."""
    with files(__package__).joinpath("requirements.csv").open(encoding="utf-8") as rows:
        return tuple(Requirement(**row) for row in csv.DictReader(rows))


def collect(folder: Path) -> Collected:
    """The tests in all ``test_*.py`` and ``*_test.py`` of ``folder``, read and not run.

    Faults: a file that is no Python, a marker whose ids cannot be read from the source, a marker that is on no test. Whether an id exists is
    judged by ``trace``.
    """
    found: dict[str, set[Evidence]] = {}
    faults: list[str] = []
    for path in sorted({*folder.rglob("test_*.py"), *folder.rglob("*_test.py")}):
        module = _Module(path.as_posix())
        try:
            module.read(ast.parse(path.read_bytes()))
        except (SyntaxError, ValueError) as fault:
            faults.append(f"{path.as_posix()}:{getattr(fault, 'lineno', None) or 1}: this is no Python: {fault}")
        faults += module.faults
        for id, test in module.shown:
            found.setdefault(id, set()).add(test)
    return Collected({id: tuple(sorted(tests)) for id, tests in found.items()}, tuple(faults))


def trace(asked: Iterable[Requirement], collected: Collected) -> Trace:
    """Each requirement that was asked for, with the tests that show it."""
    return Trace(tuple((requirement, collected.shown.get(requirement.id, ())) for requirement in asked))


def unknown_ids(known: Iterable[Requirement], collected: Collected) -> tuple[str, ...]:
    """Ids that tests name and that no document has, as ``path:line: sentence``: a slip of a digit would claim the wrong control."""
    ids = {requirement.id for requirement in known}
    return tuple(
        f"{test.path}:{test.line}: {test.name}: {id} is not a requirement"
        for id, tests in sorted(collected.shown.items())
        if id not in ids
        for test in tests
    )


def run(folder: Path, *, only: str = "", strict: bool = False, as_json: bool = False, out: TextIO, err: TextIO) -> int:
    """Writes the trace of the tests in ``folder`` to ``out`` and what is wrong with them to ``err``.

    ``only``: kinds of requirement with commas between them, such as ``SR,D``; empty is all of them.
    Gives 0; 1 when a test names an unknown id or cannot be read; 2 when ``folder`` or ``only`` makes no sense; and, with ``strict``, 3 when a
    requirement has no test.
    """
    known = requirements()
    kinds = list(dict.fromkeys(requirement.kind for requirement in known))
    wanted = {kind.strip().upper() for kind in only.split(",")} if only else set(kinds)
    if not wanted <= set(kinds):
        err.write(f"interop: --only {only}: the kinds of requirement are {', '.join(kinds)}\n")
        return WRONG_USE
    if not folder.is_dir():
        err.write(f"interop: {folder} is not a folder\n")
        return WRONG_USE
    collected = collect(folder)
    traced = trace([requirement for requirement in known if requirement.kind in wanted], collected)
    faults = [*collected.faults, *unknown_ids(known, collected)]
    out.write(json.dumps(traced.as_json(), indent=2, ensure_ascii=False) + "\n" if as_json else traced.as_text())
    err.writelines(f"{fault}\n" for fault in faults)
    if faults:
        return FAULTS
    return WITHOUT_A_TEST if strict and traced.without else OK


@dataclass(slots=True)
class _Module:
    """What one file of tests shows: pairs of id and test, and its faults."""

    path: str
    shown: list[tuple[str, Evidence]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read(self, tree: ast.Module) -> None:
        used = self._body(tree.body, prefix="", inherited=())
        for marker in _requirement_markers(tree):
            if marker not in used:
                self._fault(marker, "this marker is on no test: put it on a test, on its class, or into pytestmark")

    def _body(self, body: Sequence[ast.stmt], prefix: str, inherited: tuple[ast.expr, ...]) -> set[ast.Call]:
        """Reads the tests of a module or class, which carry the marks ``inherited``; gives the requirement markers that reached a test."""
        marks = (*inherited, *chain.from_iterable(map(_pytestmark, body)))
        used: set[ast.Call] = set()
        for statement in body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test"):
                    used |= self._test(statement, prefix + name, (*marks, *statement.decorator_list))
                case ast.ClassDef(name=name) if name.startswith("Test"):
                    used |= self._body(statement.body, f"{prefix}{name}::", (*marks, *statement.decorator_list))
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Attribute(attr="TestCase")) if name.startswith("Test"):
                    used |= self._test(statement, prefix + name, marks)  # a state machine of Hypothesis
                case _:
                    pass
        return used

    def _test(self, statement: ast.stmt, name: str, marks: tuple[ast.expr, ...]) -> set[ast.Call]:
        markers = list(chain.from_iterable(map(_requirement_markers, marks)))
        if any(_mark(mark) in SHOWS_NOTHING for mark in marks):
            return set(markers)
        named = IDS_OF_A_NAME.match(name.rpartition("::")[2])
        ids = {f"{kind.upper()}-{number}" for kind, number in ONE_ID.findall(named[1])} if named else set()
        for marker in markers:
            texts = [argument.value for argument in marker.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            if not texts or len(texts) < len(marker.args) or marker.keywords:
                self._fault(marker, 'the ids of a requirement stand in its marker as text: requirement("SR-23")')
            ids.update(texts)
        test = Evidence(self.path, statement.lineno, name)
        self.shown += [(id, test) for id in sorted(ids)]
        return set(markers)

    def _fault(self, node: ast.expr, sentence: str) -> None:
        fault = f"{self.path}:{node.lineno}: {sentence}"
        if fault not in self.faults:  # a marker of a module is met once a test
            self.faults.append(fault)


def _pytestmark(statement: ast.stmt) -> list[ast.expr]:
    """The marks of ``pytestmark = …`` or ``pytestmark = […]``; none for any other statement."""
    match statement:
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=ast.List(elts=marks) | ast.Tuple(elts=marks)):
            return marks
        case ast.Assign(targets=[ast.Name(id="pytestmark")], value=mark):
            return [mark]
        case _:
            return []


def _requirement_markers(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls of ``pytest.mark.requirement`` in ``tree``, those inside a ``pytest.param`` too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _mark(node) == "requirement")


def _mark(node: ast.expr) -> str:
    """``skip`` of ``pytest.mark.skip`` or ``mark.skip(reason="…")``; empty when ``node`` is no mark."""
    match node.func if isinstance(node, ast.Call) else node:
        case ast.Attribute(attr=name, value=ast.Attribute(attr="mark") | ast.Name(id="mark")):
            return name
        case _:
            return ""
