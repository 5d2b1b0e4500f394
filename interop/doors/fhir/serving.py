"""How the FHIR door is served: uvicorn's HTTP/1.1 behind TLS 1.2 or later, with handshakes, heads and connections bounded (SEC-03, SEC-04, SEC-42).

A client shows who it is by its token, so that no client certificate is asked for here.
"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from interop.doors.fhir.limits import DoorLimits
from interop.doors.mllp_tls import SUITES


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """PEM files of the server's certificate with its chain, and of its key. Raises: OSError: a file cannot be read, or is no such file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.load_cert_chain(certificate, key)
    return context


def uvicorn_options(limits: DoorLimits, context: ssl.SSLContext | None) -> dict[str, Any]:
    """For ``uvicorn.Config(fhir_app(...), **options)``. ``context`` None: clear text, for a marked demo on loopback only (SEC-03).

    TLS is done by the protocol and not by uvicorn's own options, which set no bound to handshakes. No word on what serves, no log of addresses (they
    carry ids of orders: SEC-30), no trust in a proxy's headers.
    """

    def protocol(
        config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> asyncio.Protocol:
        return Doorstep(limits, context, BoundedHttp(limits, config, server_state, app_state, _loop))

    return {
        "http": protocol,
        "ws": "none",
        "lifespan": "off",
        "server_header": False,
        "access_log": False,
        "proxy_headers": False,
        "log_config": None,
        "timeout_keep_alive": limits.idle_s,
        "timeout_graceful_shutdown": limits.body_s,
    }


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which itself waits for ever for a head without end."""

    def __init__(
        self,
        limits: DoorLimits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._limits = limits
        self._head_bytes = 0
        self._too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head may begin."""
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """No head will end any more."""
        self._end_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._begin_head()

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._end_head()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes of a head count, until it ends."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._too_slow is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self.transport.abort()

    def _begin_head(self) -> None:
        self._end_head()
        self._too_slow = self.loop.call_later(self._limits.head_s, self.transport.abort)

    def _end_head(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
        self._too_slow, self._head_bytes = None, 0


class Doorstep(asyncio.Protocol):
    """A connection before its first byte: whether there is room for it, then the handshake, then ``inner`` takes over."""

    def __init__(self, limits: DoorLimits, context: ssl.SSLContext | None, inner: BoundedHttp) -> None:
        self._limits, self._context, self._inner = limits, context, inner
        self._connections: set[Any] = inner.connections
        self._handshake: asyncio.Task[None] | None = None
        self.client: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it among all, and among those of its address; one too many is cut off."""
        self.client = get_remote_addr(transport)
        address = _address(self)
        is_full = len(self._connections) >= self._limits.connections
        if is_full or sum(_address(each) == address for each in self._connections) >= self._limits.connections_per_address:
            transport.abort()
        elif self._context is None:
            transport.set_protocol(self._inner)
            self._inner.connection_made(transport)
        else:
            held = transport.get_extra_info("socket")
            connected = socket.fromfd(held.fileno(), held.family, held.type)
            transport.abort()  # not a byte was read; the connection lives on in the other descriptor
            self._connections.add(self)
            self._handshake = self._inner.loop.create_task(self._shake_hands(connected, self._context))

    def shutdown(self) -> None:
        """The server ends: a handshake is not waited for."""
        if self._handshake is not None:
            self._handshake.cancel()

    async def _shake_hands(self, connected: socket.socket, context: ssl.SSLContext) -> None:
        """Anew on the socket, as this alone sets a time for the handshake on every kind of event loop."""
        connected.setblocking(False)
        try:
            await self._inner.loop.connect_accepted_socket(
                lambda: self._inner, connected, ssl=context, ssl_handshake_timeout=self._limits.head_s
            )
        except OSError:
            pass  # it failed (ssl.SSLError), was too slow, or the client went away
        finally:
            self._connections.discard(self)


def _address(connection: Any) -> str:
    return connection.client[0] if connection.client is not None else ""
