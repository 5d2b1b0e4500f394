"""The ward behind TLS on a port of its own, in a thread of its own: for a real browser. What the story does, it does on the ward's loop."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from interop.service.certificates import make_certificates
from tests.bedside.ward import Ward

T = TypeVar("T")

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


def missing(what: str) -> None:
    """Where the build runs a browser must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        missing("chromium")
    return str(found)


class Served:
    """``do`` runs a step of the story on the ward's own loop; ``stop`` and ``start`` are a restart of the listener, the ward goes on."""

    def __init__(self, folder: Path) -> None:
        issued = make_certificates(folder, server_names=("localhost", "127.0.0.1"), client_name="nobody", now=datetime.now(UTC))
        self._options: dict[str, Any] = {"ssl_certfile": str(issued.server.certificate), "ssl_keyfile": str(issued.server.key)}
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.ward: Ward = self._run(Ward.open())
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self._server: Any = None
        self._serving: Any = None
        self.start()

    def _run(self, work: Awaitable[T]) -> T:
        return asyncio.run_coroutine_threadsafe(_awaited(work), self.loop).result(30)

    def do(self, step: Callable[[Ward], Awaitable[T]]) -> T:
        return self._run(step(self.ward))

    def start(self) -> None:
        import uvicorn

        if self._socket.fileno() < 0:
            self._socket = socket.create_server(("127.0.0.1", self.port))
        config = uvicorn.Config(
            self.ward.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
            **self._options,
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = _no_signals
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve(sockets=[self._socket]), self.loop)
        while not self._server.started:
            threading.Event().wait(0.01)

    def stop(self) -> None:
        """As when the process ends: every connection is cut."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._serving.result(20)
        self.loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for connection in list(self._server.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()

    def close(self) -> None:
        self.ward.page.close()
        self.stop()
        self._run(self.ward.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()
        self._socket.close()


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def _no_signals() -> Any:
    import contextlib

    return contextlib.nullcontext()


def violations_of(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA and its best practices. It is run past the page's policy, which lets no foreign script in."""
    try:
        from axe_playwright_python.base import AXE_SCRIPT
    except ImportError:
        missing("axe-playwright-python")
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("() => axe.run(document)")
    assert len(found["passes"]) > 10
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]
