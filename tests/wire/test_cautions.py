"""A caution of a reader is somebody's move: it says what to do, wherever it is raised."""

import ast
from collections.abc import Iterator
from pathlib import Path

import interop.wire

WIRE = Path(interop.wire.__file__).parent


def raised_in(source: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding.caution":
            yield node


def without_action(source: str) -> list[int]:
    return [call.lineno for call in raised_in(source) if not any(keyword.arg == "action" for keyword in call.keywords)]


def test_every_caution_of_the_readers_says_what_to_do():
    sources = {path.relative_to(WIRE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(WIRE.rglob("*.py"))}
    assert sum(len(list(raised_in(source))) for source in sources.values()) > 3
    assert {name: lines for name, source in sources.items() if (lines := without_action(source))} == {}


def test_a_caution_without_an_action_is_found():
    assert without_action("x = 1\nFinding.caution('RXG-6', 'a sentence', must_confirm=True)\n") == [2]
