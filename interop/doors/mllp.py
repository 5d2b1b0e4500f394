"""The MLLP door: a listener that lets EHRs in, each within its limits, and hands their messages to the intake (SEC-03, SEC-05, SEC-42).

    door = MllpDoor(intake, host="10.1.2.3", port=2575, tls=server_context(...), clock=clock, new_id=ids)
    await door.start()
    ...
    await door.stop(within_s=10)

It speaks TLS with client certificates; clear text only on a loopback address, and there in demo mode only. A bad message is answered and the
connection goes on; what no answer can mend (a handshake that fails, a frame that does not end) ends that connection and no other.
"""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from interop.doors.mllp_connection import Connection
from interop.doors.mllp_limits import Figures, Limits, Rate
from interop.doors.mllp_messages import Coming, Incident, Receiver, Shared
from interop.doors.mllp_tls import InsecureDoor, check_context
from interop.ports import Clock
from interop.wire.hl7v2.ack import NOBODY, AckCode, ReceivedHeader, Us, write_ack

__all__ = ["Coming", "Incident", "InsecureDoor", "Limits", "MllpDoor", "Receiver"]

log = logging.getLogger(__name__)

DEFAULT_LIMITS: Final = Limits()
EVERYBODY: Final = "all"
BACKLOG: Final = 128
SHUTDOWN_S: Final = 5  # for the end of TLS to be said by both sides
BREATH_S: Final = 0.5  # before accepting again when the system cannot (too many open files)
TOLD_PER_S: Final = 10
TOLD_AT_ONCE: Final = 50

_GAVE_UP: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM})  # that one connection, before it was accepted

Tell = Callable[[Incident, str, str], None]


def log_incident(incident: Incident, peer: str, detail: str) -> None:
    """The default for what the door tells of: one line of the log. ``peer`` is ``EVERYBODY`` where the door itself is the reason."""
    log.warning(
        "the MLLP door tells of an incident",
        extra={
            "listener": "mllp",
            "peer": None if peer == EVERYBODY else peer,
            "incident": incident,
            "reason": detail.replace(" ", "-"),
        },
    )


class MllpDoor:
    """One listener. Its methods are called on the event loop that ``start`` was called on."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        clock: Clock,
        new_id: Callable[[], str],
        us: Us = NOBODY,
        demo: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        tell: Tell = log_incident,
    ) -> None:
        """``host`` is the IP address to listen on, ``port`` 0 any free one; ``tls`` None is clear text.

        ``new_id`` gives the control ids of the door's own answers, ``us`` their sender where the message names no receiver. ``tell`` is called
        with an incident, the peer and a detail, at most ``TOLD_PER_S`` a second; it must not block.

        Raises:
            InsecureDoor: clear text without ``demo`` or on other than a loopback address, or a TLS context that is too weak.
            ValueError: ``host`` is no IP address, or ``new_id`` gives no control ids.
        """
        address = ipaddress.ip_address(host)
        if tls is not None:
            check_context(tls)
        elif not demo:
            raise InsecureDoor("MLLP without TLS is for demo mode only")
        elif not address.is_loopback:
            raise InsecureDoor(f"MLLP without TLS is for loopback only, and {host} is not")
        write_ack(
            ReceivedHeader(), AckCode.CA, new_id=new_id, at=clock.now(), us=us
        )  # a wrong id source is found here, not at the first fault
        self._host, self._port, self._tls = host, port, tls
        self._family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self._limits = limits
        self._tell = tell
        self._telling = Rate(TOLD_PER_S, TOLD_AT_ONCE)
        self._monotonic_ns = monotonic_ns
        self._shared = Shared(receiver, limits, clock, new_id, monotonic_ns, self._told, us)
        self._handshakes: dict[asyncio.Task[None], Connection] = {}
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on.

        Raises: RuntimeError: it is not open.
        """
        if self._listener is None:
            raise RuntimeError("the door is not open")
        host, port = self._listener.getsockname()[:2]
        return host, port

    def figures(self) -> Figures:
        """What it has done and how it stands; reading is cheap, and a pause is counted when it ends."""
        shared = self._shared
        return Figures(shared.tally.copy(), len(shared.open), len(self._handshakes), shared.slots.taken, shared.slots.waiting)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be had.
            RuntimeError: it is open.
        """
        if self._listener is not None:
            raise RuntimeError("the door is open")
        self._listener = socket.create_server((self._host, self._port), family=self._family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # and so every connection it accepts
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def stop(self, within_s: float) -> int:
        """Let nobody in, answer what was handed on, close; after ``within_s`` cut the rest, whose senders will send again.

        Returns how many connections and messages in work were cut. Does nothing when the door is not open.
        """
        if self._listener is None or self._accepting is None:
            return 0
        accepting, self._accepting = self._accepting, None
        accepting.cancel()
        await asyncio.wait([accepting])
        self._listener.close()
        self._listener = None
        for handshake in list(self._handshakes):
            handshake.cancel()
        shared = self._shared
        for connection in list(shared.open):
            connection.finish()
        try:
            async with asyncio.timeout(within_s):
                await self._nothing_left()
        except TimeoutError:
            cut = len(shared.open) + shared.slots.taken
            for connection in list(shared.open):
                connection.abort()
            for work in list(shared.working):
                work.cancel()
            with contextlib.suppress(TimeoutError):  # of an intake that does not end when it is told to
                async with asyncio.timeout(SHUTDOWN_S):
                    await self._nothing_left()
            return cut
        return 0

    async def _nothing_left(self) -> None:
        shared = self._shared
        while shared.open or shared.coming or shared.working or self._handshakes:
            shared.changed.clear()
            await shared.changed.wait()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, address = await loop.sock_accept(listener)
            except OSError as fault:
                if fault.errno not in _GAVE_UP:
                    self._told(Incident.TURNED_AWAY, EVERYBODY, errno.errorcode.get(fault.errno or 0, type(fault).__name__))
                    await asyncio.sleep(BREATH_S)
                continue
            self._let_in(connected, address[0])

    def _let_in(self, connected: socket.socket, address: str) -> None:
        """Begin the handshake, if the limits allow one more."""
        shared = self._shared
        before = Counter(each.address for each in self._handshakes.values() if not each.made)  # the address is all that is known of them
        if len(shared.open) + before.total() >= self._limits.connections:
            reason = "the door has as many connections as it may have"
        elif before[address] >= self._limits.connections_per_peer:
            reason = "too many connections from there before their handshake"
        else:
            connection = Connection(shared, address)
            handshake = asyncio.create_task(self._shake_hands(connected, connection))
            self._handshakes[handshake] = connection
            handshake.add_done_callback(self._shaken)
            return
        connected.close()
        shared.tally.turned_away += 1
        self._told(Incident.TURNED_AWAY, address, reason)

    async def _shake_hands(self, connected: socket.socket, connection: Connection) -> None:
        secured = self._tls is not None
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            connected,
            ssl=self._tls,
            ssl_handshake_timeout=self._limits.handshake_s if secured else None,
            ssl_shutdown_timeout=SHUTDOWN_S if secured else None,
        )

    def _shaken(self, handshake: asyncio.Task[None]) -> None:
        """Whatever went wrong is of this connection only: no certificate, a wrong one, an old version, too slow, or given up."""
        connection = self._handshakes.pop(handshake)
        self._shared.changed.set()
        fault = None if handshake.cancelled() else handshake.exception()
        if fault is not None:
            self._shared.tally.handshakes_failed += 1
            self._told(Incident.HANDSHAKE_FAILED, connection.address, str(getattr(fault, "reason", None) or type(fault).__name__))

    def _told(self, incident: Incident, peer: str, detail: str) -> None:
        now = self._monotonic_ns()
        if self._telling.wait_ns(now):
            self._shared.tally.untold += 1
            return
        self._telling.take(now)
        try:
            self._tell(incident, peer, detail)
        except Exception:  # a log that fails is no reason to let nobody in
            self._shared.tally.untold += 1
