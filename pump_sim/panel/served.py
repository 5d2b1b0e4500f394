"""An HTTP application on the loop that runs the fleet, on a socket of its own, until its context ends."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

ENDS_WITHIN_S: Final = 2
STARTS_WITHIN_S: Final = 20


class CannotListen(OSError):
    """The address cannot be listened at; the text says why."""


class _Server(uvicorn.Server):
    """Who stops it is the fleet, so it leaves the signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp, host: str, port: int, ending: Callable[[], None] = lambda: None) -> AsyncIterator[str]:
    """``HOST:PORT`` as it really is (port 0: any). ``ending`` is called first when it ends, so that streams can finish.

    Raises: CannotListen.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotListen(f"{host}:{port}: {error.strerror}") from None
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=ENDS_WITHIN_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
        name = f"[{host}]" if ":" in host else host
        yield f"{name}:{listener.getsockname()[1]}"
    finally:
        ending()
        server.should_exit = True
        await serving
        listener.close()
