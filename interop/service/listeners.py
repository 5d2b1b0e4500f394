"""The four listeners, each in its own zone (SEC-38): opened one after the other, closed together; all on one event loop."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Protocol

import uvicorn
from fastapi import FastAPI

from interop.conduct.hospital import Conduct
from interop.conduct.world import Ids, PumpsHear
from interop.doors.access import Identity
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.rest import FhirSettings, fhir_app
from interop.doors.fhir.serving import server_context as https_context
from interop.doors.fhir.serving import uvicorn_options
from interop.doors.mllp import MllpDoor
from interop.doors.mllp_tls import server_context as mutual_context
from interop.doors.pages import pages_app
from interop.doors.pages.bedside import BedsidePage
from interop.doors.pages.frame import Frame
from interop.ports import Clock, Record
from interop.service import wiring
from interop.service.pumps import Roll
from interop.service.settings import Listener, Mllp, Pumps, Settings
from interop.wire.fhir.reader import MedicationRequestReader

if TYPE_CHECKING:
    from interop.doors.pump_link.door import PumpLinkDoor

log = logging.getLogger(__name__)

BACKLOG = 256


class CannotListen(Exception):
    """A listener cannot be opened; the text says which, where and why, on one line."""


class Door(Protocol):
    """A listener that is open."""

    @property
    def address(self) -> str:
        """What is printed: its kind and where it listens."""

    async def stop(self, within_s: float) -> None:
        """Let nobody in, finish what is under way, cut the rest after ``within_s``."""


class MllpListener:
    """HL7 v2 over MLLP."""

    def __init__(self, door: MllpDoor) -> None:
        self._door = door
        self._at = at(*door.address)

    @property
    def address(self) -> str:
        return f"mllp {self._at}"

    async def stop(self, within_s: float) -> None:
        cut = await self._door.stop(within_s)
        if cut:
            log.warning("connections and messages were cut", extra={"listener": "mllp", "count": cut})


class PumpsListener:
    """The pump link."""

    def __init__(self, door: "PumpLinkDoor") -> None:
        self._door = door
        self.address = f"pumps {'wss' if door.is_secured else 'ws'}://{at(*door.address)}/pump-link/1"

    async def stop(self, within_s: float) -> None:
        cut = await self._door.stop(within_s)
        if cut:
            log.warning("connections and messages were cut", extra={"listener": "pumps", "count": cut})


class Server(uvicorn.Server):
    """uvicorn on our loop: who stops it is our own shell, so it leaves the signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpListener:
    """An application over HTTPS."""

    def __init__(self, name: str, path: str, listener: socket.socket, scheme: str, server: Server, closing: Callable[[], None]) -> None:
        host, port = listener.getsockname()[:2]
        self._name, self._server, self._closing = name, server, closing
        self.address = f"{name} {scheme}://{at(host, port)}{path}"
        self._serving = asyncio.create_task(server.serve(sockets=[listener]), name=f"listener {name}")

    async def started(self) -> None:
        """Until it takes connections. Raises: whatever keeps it from doing so."""
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise CannotListen(f"[{self._name}] ended before it listened")
            await asyncio.sleep(0.001)

    async def stop(self, within_s: float) -> None:
        self._closing()
        self._server.should_exit = True
        _, late = await asyncio.wait([self._serving], timeout=within_s)
        if late:
            log.warning("requests were cut", extra={"listener": self._name})
            self._server.force_exit = True
            self._serving.cancel()
            await asyncio.wait([self._serving])


async def open_mllp(settings: Settings, conduct: Conduct, clock: Clock, ids: Ids) -> Door:
    """Raises: CannotListen; InsecureDoor."""
    mllp = settings.mllp
    with _explained("mllp", mllp):
        door = MllpDoor(
            conduct.intake,
            host=mllp.host,
            port=mllp.port,
            tls=_mutual_tls("mllp", mllp),
            clock=clock,
            new_id=ids.new,
            demo=settings.demo.enabled,
            limits=wiring.mllp_limits(mllp),
        )
        await door.start()
    return MllpListener(door)


async def open_fhir(settings: Settings, conduct: Conduct, identity: Identity) -> Door:
    """Raises: CannotListen; Undeclared."""
    limits = wiring.fhir_limits(settings.fhir)
    app = fhir_app(conduct.resources, identity, FhirSettings(limits, version=_version()), chart=conduct.chart, tasks=conduct.tasks)
    return await _serve("fhir", "/fhir/r4", settings.fhir, app, limits)


async def open_pages(settings: Settings, conduct: Conduct, identity: Identity, record: Record, clock: Clock) -> Door:
    """Raises: CannotListen; Undeclared."""
    frame = Frame(identity, wiring.pages_settings(settings))
    bedside = BedsidePage(frame, conduct, record, clock, MedicationRequestReader())
    app = pages_app(frame, bedside.routes())
    limits = DoorLimits(body_bytes=settings.pages.max_body_bytes)
    return await _serve("pages", "/", settings.pages, app, limits, bedside.close)


async def open_pumps(settings: Settings, hears: PumpsHear, record: Record, clock: Clock) -> Door:
    """Raises: CannotListen; InsecureDoor."""
    from interop.doors.pump_link.door import PumpLinkDoor  # with websockets, which is slow to import

    pumps = settings.pumps
    with _explained("pumps", pumps):
        door = PumpLinkDoor(
            hears,
            Roll(record, clock),
            host=pumps.host,
            port=pumps.port,
            tls=_mutual_tls("pumps", pumps),
            clock=clock,
            demo=settings.demo.enabled,
            limits=wiring.pump_limits(pumps),
        )
        await door.start()
    return PumpsListener(door)


async def _serve(
    name: str, path: str, listener: Listener, app: FastAPI, limits: DoorLimits, closing: Callable[[], None] = lambda: None
) -> Door:
    """``closing`` ends what would keep a connection busy for ever, when the listener is to stop."""
    with _explained(name, listener):
        context = _https_tls(listener)
        family = socket.AF_INET6 if ipaddress.ip_address(listener.host).version == 6 else socket.AF_INET
        opened = socket.create_server((listener.host, listener.port), family=family, backlog=BACKLOG)
        opened.setblocking(False)
        options = uvicorn_options(limits, context)
        server = Server(uvicorn.Config(app, backlog=BACKLOG, **options))
        door = HttpListener(name, path, opened, "http" if context is None else "https", server, closing)
        await door.started()
    return door


def _mutual_tls(name: str, listener: Mllp | Pumps) -> ssl.SSLContext | None:
    if not listener.tls:
        return None
    if listener.certificate_file is None or listener.key_file is None or listener.client_ca_file is None:
        raise CannotListen(f"[{name}] speaks TLS, and not all of its files are named")
    return mutual_context(
        certificate=listener.certificate_file,
        key=listener.key_file,
        client_authorities=listener.client_ca_file,
        revoked=listener.client_revoked_file,
    )


def _https_tls(listener: Listener) -> ssl.SSLContext | None:
    if not listener.tls:
        return None
    if listener.certificate_file is None or listener.key_file is None:
        raise CannotListen("a listener speaks TLS, and not all of its files are named")
    return https_context(listener.certificate_file, listener.key_file)


@contextlib.contextmanager
def _explained(name: str, listener: Listener) -> Iterator[None]:
    """Raises: CannotListen: instead of what the system or TLS says."""
    try:
        yield
    except ssl.SSLError as fault:
        reason = (fault.reason or "unreadable").replace("_", " ").lower()
        raise CannotListen(f"[{name}]: its certificate, key or authorities cannot be used: {reason}") from fault
    except OSError as fault:
        raise CannotListen(
            f"[{name}] cannot listen on {at(listener.host, listener.port)}: {fault.strerror or type(fault).__name__}"
        ) from fault


def at(host: str, port: int) -> str:
    """``10.1.2.3:2575``, ``[::1]:2575``."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _version() -> str:
    try:
        return version("interop")
    except PackageNotFoundError:  # run from a checkout
        return ""
