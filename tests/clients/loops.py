"""Event loops: what runs on one must run on the other. Whatever waits here waits for something; the guard only ends a test that hangs."""

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

GUARD_S = 30

Run = Callable[[Coroutine[Any, Any, None]], None]


def _uvloop() -> asyncio.AbstractEventLoop:
    loop: asyncio.AbstractEventLoop = importlib.import_module("uvloop").new_event_loop()
    return loop


LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(
        _uvloop, id="uvloop", marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
    ),
]


def runner_of(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> Run:
    """Runs a story on a loop of its own; whatever the loop would only have logged fails it."""

    def run(story: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            unheard: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
            async with asyncio.timeout(GUARD_S):
                await story
            assert unheard == []

        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(guarded())

    return run


async def until(condition: Callable[[], object]) -> None:
    """Wait for ``condition``."""
    while not condition():
        await asyncio.sleep(0.001)
