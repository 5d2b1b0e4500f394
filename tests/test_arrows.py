"""Draws the arrows between the packages from their imports, and fails on any that the design does not have.

Every import counts: inside functions, under TYPE_CHECKING, and by name through ``import_module``. A unit is a package or module directly under
``interop`` (``domain``, ``pathway``, ``cli``), or a distribution of its own beside it (``pump_sim``).
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

SERVED = {"domain", "stages", "pathway", "ports", "wire", "site", "conduct", "workbench", "adapters", "doors"}

ARROWS: Mapping[str, set[str]] = {  # who imports → whom; everybody may import the bare package `interop`, which holds nothing
    "domain": set(),
    "stages": {"domain"},
    "ports": {"domain"},
    "wire": {"domain"},
    "site": {"domain"},
    "pathway": {"domain", "stages"},
    "conduct": {"domain", "stages", "pathway", "ports"},
    "workbench": {"domain", "stages", "pathway", "ports", "wire", "site"},
    "adapters": {"domain", "ports", "wire"},
    "doors": {"domain", "ports", "wire", "conduct", "workbench"},
    "service": SERVED,
    "cli": {*SERVED, "service", "demo"},
    "__main__": {"cli"},
    "demo": set(),  # starts processes by command
    "pump_sim": set(),  # shares the wire with interop, and not one line
}

ALONE = {"demo", "pump_sim"}  # not even the bare package
LAZY = {"cli"}  # imports the others inside functions only, so that `--help` costs nothing
SIBLINGS = {"wire", "adapters"}  # whose parts do not import each other

PURE = {"__future__", "abc", "bisect", "collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools"}
PURE |= {"hashlib", "heapq", "itertools", "json", "keyword", "math", "operator", "re", "string", "struct", "types", "typing", "unicodedata"}
OUTSIDE: Mapping[str, set[str]] = {  # what these units may import from outside: nothing that reaches the world or tells the time
    "domain": PURE,
    "stages": PURE,
    "pathway": PURE,
    # the tables of standards are package data; msgspec reads and writes JSON straight into structs, and does nothing else
    "wire": PURE | {"base64", "csv", "importlib.resources", "fhir", "msgspec", "pydantic"},
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "breakpoint"}
TIMELESS = {*OUTSIDE, "ports", "conduct"}  # clock, ids and randomness are ports
WORLD = {"time", "random", "secrets", "uuid"}

HEAVY: Mapping[str, tuple[str, ...]] = {  # slow to import, and so are these that do it at the top; all others import them inside functions
    "alembic": ("interop.adapters.store.migrate", "interop.adapters.store.migrations"),
    "fastapi": ("interop.doors", "interop.service"),
    "fhir": (),
    "hl7apy": (),
    "sqlmodel": ("interop.adapters.store", "interop.service"),
}


@dataclass(frozen=True)
class Import:
    """One import: of the dotted name ``target``, by the module ``source``; ``at_top`` when importing ``source`` runs it."""

    path: Path
    line: int
    source: str
    target: str
    at_top: bool

    def wrong(self, sentence: str) -> str:
        return f"{self.path}:{self.line}: {sentence}"


def unit_of(module: str) -> str:
    """``stages`` of ``interop.stages.checks.limits``, ``pump_sim`` of ``pump_sim.panel``; empty for the bare ``interop`` and for others."""
    top, _, rest = module.partition(".")
    return top if top == "pump_sim" else rest.partition(".")[0] if top == "interop" else ""


def modules(root: Path) -> Iterator[tuple[Path, str, ast.Module]]:
    """Every module of the two distributions under ``root``: its path, its dotted name, its tree."""
    for path in sorted(path for top in ("interop", "pump_sim") for path in (root / top).rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        yield path.relative_to(root), name, ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(root: Path, path: Path, name: str, tree: ast.Module) -> Iterator[Import]:
    """All imports of one module. ``from a import b`` imports ``a.b``, unless ``a`` is ours and ``b`` something in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node, at_top in statements(tree):
        for target in targets_of(node, package):
            is_ours = target.startswith(("interop.", "pump_sim."))
            there = (root / target.replace(".", "/")).is_dir() or (root / f"{target.replace('.', '/')}.py").is_file()
            yield Import(path, node.lineno, name, target if there or not is_ours else target.rpartition(".")[0], at_top)


def statements(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, bool]]:
    """Every statement and call, and whether importing the module runs it."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, at_top = waiting.pop()
        if isinstance(node, ast.stmt | ast.expr):
            yield node, at_top
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            waiting += [(child, False) for child in node.body] + [(child, at_top) for child in node.orelse]
        else:
            inside = at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            waiting += [(child, inside) for child in ast.iter_child_nodes(node)]


def targets_of(node: ast.stmt | ast.expr, package: str) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            yield from (".".join([*above, *([module] if module else []), alias.name]) for alias in names)
        case ast.Call(func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"), args=[called, *_]):
            yield called.value if isinstance(called, ast.Constant) and isinstance(called.value, str) else "?"


def faults_of(root: Path) -> list[str]:
    """Everything under ``root`` that the design does not allow, as ``path:line: sentence``."""
    faults: list[str] = []
    for path, name, tree in modules(root):
        for found in imports_of(root, path, name, tree):
            faults += faults_of_import(found)
        faults += faults_of_calls(path, name, tree)
    return faults


def faults_of_import(found: Import) -> Iterator[str]:
    ours, theirs = unit_of(found.source), unit_of(found.target)
    top = found.target.partition(".")[0]
    if found.target == "?":
        yield found.wrong("an import whose name is made at run time cannot be drawn")
    elif theirs and ours and ours not in ARROWS:
        yield found.wrong(f"{ours} has no row in the design's arrows")
    elif theirs and theirs != ours and theirs not in ARROWS.get(ours, set()):
        yield found.wrong(f"{ours or 'interop'} → {theirs} is not an arrow of the design")
    elif found.target == "interop" and ours in ALONE:
        yield found.wrong(f"{ours} imports none of interop")
    elif ours in SIBLINGS and theirs == ours and part_of(found.source) and part_of(found.target) not in ("", part_of(found.source)):
        yield found.wrong(f"{part_of(found.source)} and {part_of(found.target)} are siblings in {ours} and do not import each other")
    elif ours in LAZY and theirs not in ("", ours) and found.at_top:
        yield found.wrong(f"{ours} imports {theirs} inside the function that needs it")
    elif found.at_top and (slow := brings(found)):
        yield found.wrong(f"{found.target} brings {slow}, which is slow to import: import it inside the function that needs it")
    elif not theirs and found.target != "interop" and ours in OUTSIDE and not within(found.target, OUTSIDE[ours]):
        yield found.wrong(f"{ours} does no I/O and is the same at any time: {found.target} is not for it")
    elif ours in TIMELESS and top in WORLD:
        yield found.wrong(f"clock, ids and randomness are ports: {found.target} is not for {ours}")


def brings(found: Import) -> str:
    """The slow library that ``found`` loads into a module which should be quick to import; empty when there is none."""
    slow = (
        library
        for library, places in HEAVY.items()
        if (found.target.partition(".")[0] == library or found.target.startswith(places)) and not found.source.startswith(places)
    )
    return next(slow, "")


def part_of(module: str) -> str:
    """``hl7v2`` of ``interop.wire.hl7v2.er7``."""
    return module.split(".")[2] if module.count(".") > 1 else ""


def within(target: str, allowed: set[str]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in allowed)


def faults_of_calls(path: Path, name: str, tree: ast.Module) -> Iterator[str]:
    unit = unit_of(name)
    clocks = {"datetime", "date"} | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "datetime"
        for alias in node.names
        if alias.asname
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called)) if unit in OUTSIDE and called in IMPURE_CALLS:
                yield f"{path}:{node.lineno}: {unit} does no I/O: {called}() is not for it"
            case ast.Attribute(attr="now" | "utcnow" | "today", value=ast.Name(id=asked) | ast.Attribute(attr=asked)):
                if unit in TIMELESS and asked in clocks:
                    yield f"{path}:{node.lineno}: the time comes in as an argument: {ast.unparse(node)} is not for {unit}"
            case _:
                pass


def test_the_packages_import_each_other_only_along_the_arrows_of_the_design():
    assert faults_of(REPOSITORY) == []


def test_the_arrows_are_drawn_from_the_modules_of_this_repository():
    drawn = {
        (unit_of(name), unit_of(found.target))
        for path, name, tree in modules(REPOSITORY)
        for found in imports_of(REPOSITORY, path, name, tree)
    }
    assert {("pathway", "stages"), ("stages", "domain"), ("workbench", "stages"), ("wire", "domain"), ("cli", "workbench")} <= drawn


PLACES = [
    "interop/domain/quantity.py",
    "interop/stages/normalise.py",
    "interop/pathway.py",
    "interop/ports/record.py",
    "interop/wire/hl7v2/er7.py",
    "interop/wire/fhir/json.py",
    "interop/site/load.py",
    "interop/conduct/offering.py",
    "interop/workbench/explain.py",
    "interop/adapters/store/tables.py",
    "interop/adapters/store/migrate.py",
    "interop/adapters/pumps/gateway.py",
    "interop/doors/mllp.py",
    "interop/service/run.py",
    "interop/demo/story.py",
    "interop/cli.py",
    "interop/__main__.py",
    "pump_sim/panel.py",
]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """The tree of the design with one empty module a place."""
    for place in PLACES:
        folder = (tmp_path / place).parent
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
        while folder != tmp_path:
            (folder / "__init__.py").touch()
            folder = folder.parent
    return tmp_path


@pytest.mark.parametrize(
    ("place", "source"),
    [
        ("interop/stages/normalise.py", "from interop.domain.quantity import Quantity"),
        ("interop/stages/normalise.py", "from ..domain import quantity"),
        ("interop/pathway.py", "from interop.stages.normalise import normalise"),
        ("interop/wire/hl7v2/er7.py", "from interop.wire.hl7v2 import mdc"),
        ("interop/wire/hl7v2/er7.py", "from importlib.resources import files"),
        ("interop/wire/fhir/json.py", "def validate():\n    from fhir.resources.R4B import construct_fhir_element"),
        ("interop/adapters/store/tables.py", "import sqlmodel\nfrom interop.adapters.store import rows"),
        ("interop/adapters/pumps/gateway.py", "import asyncio, time\nfrom interop.ports import PumpGateway"),
        ("interop/doors/mllp.py", "import fastapi\nfrom interop.conduct.offering import decide"),
        ("interop/service/run.py", "from interop.adapters.store import tables\nfrom interop.site import load"),
        ("interop/conduct/offering.py", "import asyncio\ndef at(clock):\n    return clock.now()"),
        ("interop/cli.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from interop.domain.quantity import Quantity"),
        ("interop/cli.py", "def serve():\n    from interop.service.run import run\n    from interop.demo import story"),
        ("interop/__main__.py", "from interop.cli import main"),
        ("interop/demo/story.py", "import subprocess\nfrom interop.demo import ehr"),
        ("interop/domain/quantity.py", "from datetime import datetime, time\nfrom collections.abc import Mapping\nimport interop"),
        ("interop/stages/normalise.py", "def age(facts):\n    return facts.now - facts.asked"),
    ],
)
def test_an_arrow_of_the_design_is_allowed(planted: Path, place: str, source: str):
    (planted / place).write_text(source, encoding="utf-8")
    assert faults_of(planted) == []


@pytest.mark.parametrize(
    ("place", "source", "fault"),
    [
        (
            "interop/domain/quantity.py",
            "from interop.stages.normalise import normalise",
            "1: domain → stages is not an arrow of the design",
        ),
        ("interop/domain/quantity.py", "from interop import pathway", "1: domain → pathway is not an arrow of the design"),
        ("interop/stages/normalise.py", "import interop.wire.hl7v2.er7", "1: stages → wire is not an arrow of the design"),
        ("interop/stages/normalise.py", "from ..site import load", "1: stages → site is not an arrow of the design"),
        (
            "interop/stages/normalise.py",
            "def lazily():\n    from interop.site import load",
            "2: stages → site is not an arrow of the design",
        ),
        (
            "interop/stages/normalise.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from interop.ports import Clock",
            "3: stages → ports is not an arrow of the design",
        ),
        (
            "interop/site/load.py",
            "import importlib\nimportlib.import_module('interop.wire')",
            "2: site → wire is not an arrow of the design",
        ),
        ("interop/site/load.py", "__import__(name)", "1: an import whose name is made at run time cannot be drawn"),
        ("interop/pathway.py", "from interop.ports import Clock", "1: pathway → ports is not an arrow of the design"),
        ("interop/wire/fhir/json.py", "from interop.stages import normalise", "1: wire → stages is not an arrow of the design"),
        ("interop/conduct/offering.py", "from interop.wire.hl7v2 import er7", "1: conduct → wire is not an arrow of the design"),
        ("interop/workbench/explain.py", "from interop.conduct import offering", "1: workbench → conduct is not an arrow of the design"),
        ("interop/adapters/pumps/gateway.py", "from interop.pathway import plan", "1: adapters → pathway is not an arrow of the design"),
        ("interop/doors/mllp.py", "from interop.adapters.store import tables", "1: doors → adapters is not an arrow of the design"),
        ("interop/doors/mllp.py", "from interop.pathway import plan", "1: doors → pathway is not an arrow of the design"),
        ("interop/service/run.py", "from interop.demo import story", "1: service → demo is not an arrow of the design"),
        ("interop/service/run.py", "def run():\n    from interop import cli", "2: service → cli is not an arrow of the design"),
        ("interop/ports/record.py", "import pump_sim.panel", "1: ports → pump_sim is not an arrow of the design"),
        ("interop/__init__.py", "from interop.domain import quantity", "1: interop → domain is not an arrow of the design"),
        ("interop/demo/story.py", "from interop.wire.hl7v2 import er7", "1: demo → wire is not an arrow of the design"),
        ("interop/demo/story.py", "import interop", "1: demo imports none of interop"),
        ("interop/demo/story.py", "from pump_sim import panel", "1: demo → pump_sim is not an arrow of the design"),
        ("pump_sim/panel.py", "from interop.domain.quantity import Quantity", "1: pump_sim → domain is not an arrow of the design"),
        ("pump_sim/panel.py", "def lazily():\n    import interop", "2: pump_sim imports none of interop"),
        ("interop/helpers.py", "from interop.domain import quantity", "1: helpers has no row in the design's arrows"),
        (
            "interop/wire/fhir/json.py",
            "from interop.wire.hl7v2 import er7",
            "1: fhir and hl7v2 are siblings in wire and do not import each other",
        ),
        ("interop/wire/hl7v2/er7.py", "from .. import fhir", "1: hl7v2 and fhir are siblings in wire and do not import each other"),
        (
            "interop/adapters/pumps/gateway.py",
            "def lazily():\n    from interop.adapters.store.tables import Offer",
            "2: pumps and store are siblings in adapters and do not import each other",
        ),
        ("interop/cli.py", "from interop.service import run", "1: cli imports service inside the function that needs it"),
        (
            "interop/wire/fhir/json.py",
            "from fhir.resources import R4B",
            "1: fhir.resources.R4B brings fhir, which is slow to import: import it inside the function that needs it",
        ),
        (
            "interop/workbench/explain.py",
            "import hl7apy.parser",
            "1: hl7apy.parser brings hl7apy, which is slow to import: import it inside the function that needs it",
        ),
        (
            "interop/conduct/offering.py",
            "import fastapi",
            "1: fastapi brings fastapi, which is slow to import: import it inside the function that needs it",
        ),
        (
            "interop/adapters/pumps/gateway.py",
            "import sqlmodel",
            "1: sqlmodel brings sqlmodel, which is slow to import: import it inside the function that needs it",
        ),
        (
            "interop/adapters/store/tables.py",
            "import alembic",
            "1: alembic brings alembic, which is slow to import: import it inside the function that needs it",
        ),
        (
            "interop/adapters/store/tables.py",
            "from interop.adapters.store import migrate",
            "1: interop.adapters.store.migrate brings alembic, which is slow to import: import it inside the function that needs it",
        ),
    ],
)
def test_any_other_import_is_told_with_its_place(planted: Path, place: str, source: str, fault: str):
    (planted / place).write_text(source, encoding="utf-8")
    assert faults_of(planted) == [f"{place}:{fault}"]


@pytest.mark.parametrize(
    "place", ["interop/domain/quantity.py", "interop/stages/normalise.py", "interop/pathway.py", "interop/wire/hl7v2/er7.py"]
)
@pytest.mark.parametrize(
    "source",
    [
        *(
            f"import {module}"
            for module in ("os", "io", "socket", "asyncio", "time", "random", "uuid", "secrets", "logging", "pathlib", "sqlite3")
        ),
        *(f"import {module}" for module in ("subprocess", "threading", "importlib", "urllib.request", "httpx", "pydantic_settings")),
        "from os import environ",
        "def lazily():\n    from time import monotonic",
        "open('order.hl7')",
        "print('order')",
        "input()",
        "from datetime import datetime\nnow = datetime.now()",
        "from datetime import UTC, datetime as dt\nnow = dt.now(UTC)",
        "import datetime\nnow = datetime.datetime.utcnow()",
        "from datetime import date\ntoday = date.today()",
        "from dataclasses import field\nfrom datetime import datetime\nat = field(default_factory=datetime.now)",
    ],
)
def test_what_is_pure_does_no_io_and_knows_no_clock(planted: Path, place: str, source: str):
    (planted / place).write_text(source, encoding="utf-8")
    (fault,) = faults_of(planted)
    assert re.match(rf"{place}:[1-3]: ", fault)


@pytest.mark.parametrize(
    "source", ["import time", "import uuid", "from random import choice", "from datetime import datetime\nat = datetime.now"]
)
def test_the_writer_of_the_record_asks_ports_for_time_and_ids(planted: Path, source: str):
    (planted / "interop/conduct/offering.py").write_text(source, encoding="utf-8")
    (fault,) = faults_of(planted)
    assert fault.startswith("interop/conduct/offering.py:")
