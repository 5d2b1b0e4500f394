"""The pump link's door: a listener that lets enrolled pumps in, each as itself and within its limits (SEC-02, SEC-03, SEC-09, SEC-10, SEC-42).

    door = PumpLinkDoor(hears, enrolled, host="10.2.0.1", port=8445, tls=server_context(...))
    await door.start()
    ...
    await door.stop(within_s=10)

It speaks TLS with client certificates; clear text only on a loopback address, and there in demo mode only. What a pump does wrong ends its own
connection and no other.
"""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from interop.conduct.world import PumpsHear
from interop.doors.mllp_limits import Rate
from interop.doors.mllp_tls import InsecureDoor, check_context
from interop.doors.pump_link.connection import PATH, PumpConnection, Serving
from interop.doors.pump_link.enrolled import Enrolled, peer_of
from interop.doors.pump_link.limits import Code, Incident, LinkFigures, LinkLimits
from interop.doors.pump_link.session import Knock, Session, Shared
from interop.ports import Clock, RecordError

__all__ = ["PATH", "Incident", "InsecureDoor", "LinkLimits", "PumpLinkDoor"]

log = logging.getLogger(__name__)

DEFAULT_LIMITS: Final = LinkLimits()
EVERYBODY: Final = "all"
BACKLOG: Final = 256
LOOK_S: Final = 0.5
"""How often it is looked who has been silent for too long."""
ENROLLED_S: Final = 20
"""How often the enrolment of those who are connected is looked up: a revocation acts within this and the time to look (SEC-10: 60 s)."""
BREATH_S: Final = 0.5  # before accepting again when the system cannot (too many open files)
SHUTDOWN_S: Final = 5
TOLD_PER_S: Final = 10
TOLD_AT_ONCE: Final = 50

_GAVE_UP: Final = frozenset({errno.ECONNABORTED, errno.EPROTO, errno.EPERM})  # that one connection, before it was accepted

Tell = Callable[[Incident, str, str], None]


def log_incident(incident: Incident, peer: str, detail: str) -> None:
    """The default for what the door tells of: one line of the log. ``peer`` is ``EVERYBODY`` where the door itself is the reason."""
    reason = re.sub(r"[^A-Za-z0-9._]+", "-", detail)[:64].strip("-._")
    log.warning(
        "the pump link's door tells of an incident",
        extra={"listener": "pumps", "peer": None if peer == EVERYBODY else peer, "incident": incident, "reason": reason or None},
    )


class PumpLinkDoor:
    """One listener. Its methods are called on the event loop that ``start`` was called on."""

    def __init__(
        self,
        hears: PumpsHear,
        enrolled: Enrolled,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        clock: Clock,
        demo: bool = False,
        limits: LinkLimits = DEFAULT_LIMITS,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        tell: Tell = log_incident,
    ) -> None:
        """``host`` is the IP address to listen on, ``port`` 0 any free one; ``tls`` None is clear text. ``clock`` says when frames arrive.

        ``tell`` is called with an incident, the peer and a detail, at most ``TOLD_PER_S`` a second; it must not block.

        Raises:
            InsecureDoor: clear text without ``demo`` or on other than a loopback address, or a TLS context that is too weak.
            ValueError: ``host`` is no IP address.
        """
        address = ipaddress.ip_address(host)
        if tls is not None:
            check_context(tls)
        elif not demo:
            raise InsecureDoor("the pump link without TLS is for demo mode only")
        elif not address.is_loopback:
            raise InsecureDoor(f"the pump link without TLS is for loopback only, and {host} is not")
        self._host, self._port, self._tls = host, port, tls
        self._family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        self._limits, self._monotonic_ns, self._clock, self._tell = limits, monotonic_ns, clock, tell
        self._telling = Rate(TOLD_PER_S, TOLD_AT_ONCE)
        self._shared = Shared(hears, enrolled, limits, demo, monotonic_ns, self._told)
        self._opening: set[PumpConnection] = set()
        self._sessions: set[Session] = set()
        self._handling: set[asyncio.Task[None]] = set()
        self._shaking: dict[asyncio.Task[None], Knock] = {}
        self._watching: list[asyncio.Task[None]] = []
        self._listener: socket.socket | None = None
        self._serving: Serving | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on. Raises: RuntimeError: it is not open."""
        if self._listener is None:
            raise RuntimeError("the door is not open")
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def is_secured(self) -> bool:
        """It speaks TLS."""
        return self._tls is not None

    def figures(self) -> LinkFigures:
        """What it has done and how it stands."""
        shared = self._shared
        return LinkFigures(shared.tally.copy(), len(shared.links), shared.knocking.total())

    async def start(self) -> None:
        """Listen. Raises: OSError: the address cannot be had. RuntimeError: it is open."""
        if self._listener is not None:
            raise RuntimeError("the door is open")
        self._listener = socket.create_server((self._host, self._port), family=self._family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # and so every connection it accepts
        self._serving = Serving()
        for runs in (self._accept(self._listener, self._serving), self._look_again(), self._check_again()):
            self._watching.append(asyncio.create_task(runs))

    async def stop(self, within_s: float) -> int:
        """Let nobody in, bring to its end what conduct has in hands, close (1012); after ``within_s`` cut the rest. Returns how many were cut."""
        if self._listener is None or self._serving is None:
            return 0
        for task in self._watching:
            task.cancel()
        await asyncio.wait(self._watching)
        self._watching.clear()
        self._serving.is_open = False
        self._listener.close()
        self._listener = self._serving = None
        for shaking in list(self._shaking):
            shaking.cancel()
        for connection in list(self._opening):
            connection.cut()
        for session in list(self._sessions):
            session.close(Code.RESTART, "the server restarts")
        cut = 0
        if self._handling:
            _, late = await asyncio.wait(self._handling, timeout=within_s)
            cut = len(late)
            for session in list(self._sessions):
                session.cut()
            for task in late:
                task.cancel()
        if self._handling or self._shaking:
            await asyncio.wait([*self._handling, *self._shaking], timeout=SHUTDOWN_S)
        return cut

    def look(self) -> None:
        """Let go of those who have been silent for too long; done by itself every ``LOOK_S``."""
        for session in list(self._sessions):
            session.look()

    async def check_enrolments(self) -> None:
        """Let go of those whose enrolment holds no longer; done by itself every ``ENROLLED_S``. What cannot be looked up now stays."""
        for session in list(self._shared.links.values()):
            try:
                await session.check_enrolment()
            except RecordError as fault:
                self._told(Incident.NOT_KEPT, EVERYBODY, type(fault).__name__)
                return

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    async def _check_again(self) -> None:
        while True:
            await asyncio.sleep(ENROLLED_S)
            try:
                await self.check_enrolments()
            except Exception as fault:  # the next look may find what this one could not
                self._told(Incident.FAULT, EVERYBODY, type(fault).__name__)

    # ── letting in ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _accept(self, listener: socket.socket, serving: Serving) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, address = await loop.sock_accept(listener)
            except OSError as fault:
                if fault.errno not in _GAVE_UP:
                    self._told(Incident.TURNED_AWAY, EVERYBODY, errno.errorcode.get(fault.errno or 0, type(fault).__name__))
                    await asyncio.sleep(BREATH_S)
                continue
            self._let_in(connected, address[0], serving)

    def _let_in(self, connected: socket.socket, address: str, serving: Serving) -> None:
        """Begin the handshake, if the limits allow one more."""
        knocking = self._shared.knocking
        if knocking.total() >= self._limits.before_hello:
            reason = "as many connections before their hello as there may be"
        elif knocking[address] >= self._limits.before_hello_per_address:
            reason = "too many connections from there before their hello"
        else:
            knock = Knock(self._shared, address)
            shaking = asyncio.create_task(self._shake_hands(connected, knock, serving))
            self._shaking[shaking] = knock
            shaking.add_done_callback(self._shaken)
            return
        connected.close()
        self._shared.tally.turned_away += 1
        self._told(Incident.TURNED_AWAY, address, reason)

    async def _shake_hands(self, connected: socket.socket, knock: Knock, serving: Serving) -> None:
        secured = self._tls is not None

        def made() -> PumpConnection:
            return PumpConnection(serving, self._limits, self._monotonic_ns, self._clock, lambda connection: self._begin(connection, knock))

        await asyncio.get_running_loop().connect_accepted_socket(
            made,
            connected,
            ssl=self._tls,
            ssl_handshake_timeout=self._limits.handshake_s if secured else None,
            ssl_shutdown_timeout=self._limits.close_s if secured else None,
        )

    def _shaken(self, shaking: asyncio.Task[None]) -> None:
        """Whatever went wrong is of this connection only: no certificate, a wrong one, an old version, too slow, or given up."""
        knock = self._shaking.pop(shaking)
        fault = None if shaking.cancelled() else shaking.exception()
        if fault is not None:
            self._shared.tally.handshakes_failed += 1
            self._told(Incident.HANDSHAKE_FAILED, knock.address, str(getattr(fault, "reason", None) or type(fault).__name__))
        if fault is not None or shaking.cancelled():
            knock.over()

    def _begin(self, connection: PumpConnection, knock: Knock) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._handle(connection, knock))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
        return task

    async def _handle(self, connection: PumpConnection, knock: Knock) -> None:
        """One connection, from the end of TLS to its own end."""
        try:
            if not await self._opened(connection, knock.address):
                return
            peer = peer_of(connection.transport, knock.address)
            session = Session(self._shared, connection, peer, knock)
            self._sessions.add(session)
            try:
                await session.run()
            finally:
                self._sessions.discard(session)
        except ValueError as fault:
            self._told(Incident.HANDSHAKE_FAILED, knock.address, str(fault))
        except Exception as fault:
            self._told(Incident.FAULT, knock.address, type(fault).__name__)
        finally:
            knock.over()
            connection.cut()

    async def _opened(self, connection: PumpConnection, address: str) -> bool:
        self._opening.add(connection)
        try:
            async with asyncio.timeout(self._limits.handshake_s):
                if await connection.opened():
                    return True
                reason = "not our WebSocket"
        except TimeoutError:
            reason = "too slow"
        except Exception as fault:  # what the library says of a request that is none
            reason = type(fault).__name__
        finally:
            self._opening.discard(connection)
        self._shared.tally.handshakes_failed += 1
        self._told(Incident.HANDSHAKE_FAILED, address, reason)
        return False

    def _told(self, incident: Incident, peer: str, detail: str) -> None:
        now = self._monotonic_ns()
        if self._telling.wait_ns(now):
            self._shared.tally.untold += 1
            return
        self._telling.take(now)
        with contextlib.suppress(Exception):  # a log that fails is no reason to let nobody in
            self._tell(incident, peer, detail)
