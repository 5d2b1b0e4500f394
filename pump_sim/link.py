"""The pump's end of the link: a WebSocket with the pump's own certificate, opened again and again, with rising pauses (docs/pump-link.md, section 1)."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pump_sim.wire import MAX_BYTES, Frame, text_of

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

SUBPROTOCOL: Final = "interop.pump-link.1"
FIRST_PAUSE_S: Final = 1
LONGEST_PAUSE_S: Final = 30
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class NoLink(Exception):
    """There can be no link with what was given; the text says why."""


def tls_of(server: str, certificates: Path | None, pump_id: str) -> ssl.SSLContext | None:
    """What the pump shows and whom it trusts; None: clear text, to this machine only.

    Raises: NoLink.
    """
    parts = urlsplit(server)
    if parts.scheme == "ws":
        if parts.hostname not in LOOPBACK:
            raise NoLink(f"{server}: clear text only to this machine")
        return None
    if parts.scheme != "wss" or certificates is None:
        raise NoLink(f"{server}: wss:// with --certificates, or ws:// to this machine")
    try:
        context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificates / f"{pump_id}.pem", certificates / f"{pump_id}.key")
    except (OSError, ssl.SSLError) as error:
        raise NoLink(f"certificates of {pump_id} in {certificates}: {error}") from None
    return context


class Link:
    """One pump's connection. ``outbox`` takes frames that are durable; ``cut`` ends the connection as a broken cable does."""

    def __init__(
        self,
        server: str,
        tls: ssl.SSLContext | None,
        *,
        opened: Callable[[], None],
        heard: Callable[[str], None],
        lost: Callable[[], None],
        random: Random,
    ) -> None:
        self._server, self._tls, self._random = server, tls, random
        self._opened, self._heard, self._lost = opened, heard, lost
        self._connection: ClientConnection | None = None
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._again = FIRST_PAUSE_S
        self._is_on = asyncio.Event()
        self._is_on.set()

    def switch(self, *, on: bool) -> None:
        """A pump that is off, or whose cable is out, does not try."""
        if on:
            self._is_on.set()
        else:
            self._is_on.clear()
            self.cut()

    def say(self, frame: Frame) -> None:
        if self._connection is not None:
            self._outbox.put_nowait(text_of(frame))

    def settled(self) -> None:
        """The server answered hello: the next pause is a short one again."""
        self._again = FIRST_PAUSE_S

    def cut(self) -> None:
        if self._connection is not None:
            self._connection.transport.abort()

    async def close(self, code: int) -> None:
        if self._connection is not None:
            await self._connection.close(code)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._is_on.wait()
            await self._once()
            pause = min(self._again, LONGEST_PAUSE_S)
            self._again = min(self._again * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause * (1 - self._random.random() / 2))

    async def _once(self) -> None:
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException
        from websockets.typing import Subprotocol

        try:
            connection = await connect(
                self._server,
                ssl=self._tls,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                compression=None,
                max_size=MAX_BYTES,
                proxy=None,
                open_timeout=10,
                close_timeout=2,
            )
        except (OSError, WebSocketException, TimeoutError):
            return
        if connection.subprotocol != SUBPROTOCOL:
            await connection.close(1002)
            return
        self._connection, self._outbox = connection, asyncio.Queue()
        sending = asyncio.create_task(self._send(connection, self._outbox))
        try:
            self._opened()
            async for text in connection:
                if not isinstance(text, str):
                    await connection.close(1008)
                    break
                self._heard(text)
        except WebSocketException:
            pass
        finally:
            self._connection = None
            sending.cancel()
            self._lost()

    async def _send(self, connection: "ClientConnection", outbox: "asyncio.Queue[str]") -> None:
        from websockets.exceptions import WebSocketException

        try:
            while True:
                await connection.send(await outbox.get())
        except WebSocketException:
            return
