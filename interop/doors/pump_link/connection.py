"""A WebSocket connection of ``websockets`` that keeps to the limits of the pump link where the library has none of its own."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Request, Response
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from interop.doors.mllp_limits import Rate
from interop.doors.pump_link.limits import LinkLimits
from interop.ports import Clock
from interop.wire.link.values import MAX_BYTES

PATH: Final = "/pump-link/1"
SUBPROTOCOL: Final = Subprotocol("interop.pump-link.1")

QUEUED_FRAMES: Final = 16  # read ahead of what conduct has taken; beyond, we do not read
WRITE_BUFFER: Final = 32_768
CONTROLS_PER_S, CONTROLS_AT_ONCE = 2, 20  # pings and pongs, which no queue holds back

_SILENT: Final = logging.getLogger("interop.doors.pump_link.websockets")
"""What the library would log of each scanner that knocks; what matters of it the door tells by itself."""
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL)


class Serving(Server):
    """What a connection asks of its server: whether it still is one. Our door accepts, counts and ends connections by itself."""

    def __init__(self) -> None:
        self.is_open = True

    def is_serving(self) -> bool:
        return self.is_open


class PumpConnection(ServerConnection):
    """From the end of TLS to its own end. ``begin`` starts ``task``, which handles it from there on."""

    task: "asyncio.Task[None]"

    def __init__(
        self,
        serving: Serving,
        limits: LinkLimits,
        monotonic_ns: Callable[[], int],
        clock: Clock,
        begin: "Callable[[PumpConnection], asyncio.Task[None]]",
    ) -> None:
        protocol = ServerProtocol(origins=[None], extensions=None, subprotocols=[SUBPROTOCOL], max_size=MAX_BYTES, logger=_SILENT)
        super().__init__(
            protocol,
            serving,
            ping_interval=None,  # its heartbeats are frames
            close_timeout=limits.close_s,
            max_queue=QUEUED_FRAMES,
            write_limit=WRITE_BUFFER,
        )
        self._limits, self._monotonic_ns, self._clock, self._begin = limits, monotonic_ns, clock, begin
        self._arrived: deque[datetime] = deque()  # one for each whole message that waits to be taken
        self._controls = Rate(CONTROLS_PER_S, CONTROLS_AT_ONCE)
        self._patience: asyncio.TimerHandle | None = None

    async def opened(self) -> bool:
        """The opening handshake: path, subprotocol, no browser. False: it was refused, and the connection ends."""
        await self.handshake(process_request=_refuse_other_paths, server_header=None)
        return self.is_open

    async def message(self) -> tuple[str | bytes, datetime]:
        """The next one, and when it arrived. Raises: ConnectionClosed."""
        message = await self.recv()
        return message, self._arrived.popleft()

    @property
    def is_open(self) -> bool:
        """Both sides may still speak."""
        return self.protocol.state is OPEN

    def cut(self) -> None:
        """End it now, without a word."""
        self.transport.abort()

    # ── what the transport says ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Connection.connection_made(self, transport)
        self.task = self._begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.paused and self.transport.get_write_buffer_size() > self._limits.unread_bytes:
            self.cut()  # pongs wait for nobody to drain

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            if event.fin:
                self._arrived.append(self._clock.now())
        elif isinstance(event, Frame):
            now = self._monotonic_ns()
            if self._controls.wait_ns(now):
                self.cut()
                return
            self._controls.take(now)
        super().process_event(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._patience = self.loop.call_later(self._limits.unread_s, self.cut)

    def resume_writing(self) -> None:
        self._stop_waiting()
        super().resume_writing()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _refuse_other_paths(connection: ServerConnection, request: Request) -> Response | None:
    return None if request.path == PATH else connection.respond(HTTPStatus.NOT_FOUND, "The pump link is at /pump-link/1.\n")
