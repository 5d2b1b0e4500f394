"""Threads that run what they are handed, begun in order, and hand each result back to the loop with one wake-up."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

R = TypeVar("R")


class Worker:
    """One daemon thread, or a few: a disk that hangs for ever does not keep the process from ending. Its caller bounds what it is handed."""

    def __init__(self, name: str, threads: int = 1) -> None:
        self._jobs: SimpleQueue[tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self._threads = threads
        for _ in range(threads):
            Thread(target=self._run, name=name, daemon=True).start()

    def call(self, function: Callable[..., R], *arguments: Any) -> "asyncio.Future[R]":
        """Run ``function`` on a thread; its result or its exception comes through the future."""
        told: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._jobs.put((told, function, arguments))
        return told

    def stop(self) -> None:
        """End the threads after what they have been handed."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            told, function, arguments = job
            try:
                answer, failure = function(*arguments), None
            except BaseException as error:
                answer, failure = None, error
            try:
                told.get_loop().call_soon_threadsafe(_tell, told, answer, failure)
            except RuntimeError:
                return  # the loop is closed: nobody is left to tell
            del job, told, function, arguments, answer, failure


def _tell(told: "asyncio.Future[Any]", answer: Any, failure: BaseException | None) -> None:
    if told.done():
        return  # its caller was cancelled
    if failure is None:
        told.set_result(answer)
    else:
        told.set_exception(failure)
