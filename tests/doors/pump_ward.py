"""An open pump link with a stand-in for conduct behind it, and pumps that talk to it over real sockets."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from interop.conduct.world import HelloRefused, Link
from interop.domain import pump as said
from interop.doors.pump_link.connection import PATH, SUBPROTOCOL
from interop.doors.pump_link.door import Incident, LinkLimits, PumpLinkDoor
from interop.doors.pump_link.enrolled import Enrolment, Refusal
from interop.ports import Clock, StoreUnavailable
from interop.service.world import SystemClock
from tests.clients.door import ByHand
from tests.clients.loops import until

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
AT = "2026-03-02T10:15:00+01:00"
PUMP = "PUMP-0007"


def hello(pump_id: str = PUMP, **more: Any) -> dict[str, Any]:
    return {
        "frame": "hello",
        "protocol": 1,
        "pump_id": pump_id,
        "model": "demo-lvp",
        "clock": AT,
        "library": None,
        "log": {"log_id": "L-1", "first": 1, "next": 1},
        "can": ["withdraw"],
        "channels": [{"channel_id": "A", "mode": "LVP", "state": "idle", "alarms": []}],
        **more,
    }


def heartbeat() -> dict[str, Any]:
    return {"frame": "heartbeat", "clock": AT}


def shown(number: int, offer: str = "OFFER-1") -> dict[str, Any]:
    return {"frame": "offer_shown", "log_id": "L-1", "number": number, "at": AT, "offer_id": offer, "channel_id": "A"}


class Conduct:
    """What the real one does, without its record: takes hellos, acknowledges log words, and can be slow, refuse or fail.

    ``hold``: pumps whose words wait until ``let_go``. ``heard`` is all words with their pump, in the order in which they were begun.
    """

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.hellos: list[said.Hello] = []
        self.heard_words: list[tuple[str, said.Word]] = []
        self.arrivals: list[datetime] = []
        self.done: list[tuple[str, said.Word]] = []
        self.gone_links: list[tuple[str, Link]] = []
        self.in_work: dict[str, int] = {}
        self.most_in_work = 0
        self.hold: dict[str, asyncio.Event] = {}
        self.refuses: dict[str, str] = {}
        self.fails: Exception | None = None

    async def hello(self, hello: said.Hello, link: Link, arrived_at: datetime) -> None:
        assert link.pump_id == hello.pump_id
        self.arrivals.append(arrived_at)
        if hello.pump_id in self.refuses:
            raise HelloRefused(self.refuses[hello.pump_id])
        await self._work(hello.pump_id)
        self.hellos.append(hello)
        self.links[hello.pump_id] = link
        await link.send(said.Ack(hello.log.log_id, hello.log.next - 1, NOW))

    async def heard(self, pump_id: str, word: said.Word, arrived_at: datetime) -> None:
        self.arrivals.append(arrived_at)
        self.heard_words.append((pump_id, word))
        await self._work(pump_id)
        self.done.append((pump_id, word))
        if isinstance(word, said.LogWord):
            await self.links[pump_id].send(said.Ack(word.log_id, word.number, NOW))

    def gone(self, pump_id: str, link: Link) -> None:
        self.gone_links.append((pump_id, link))
        if self.links.get(pump_id) is link:
            del self.links[pump_id]

    async def _work(self, pump_id: str) -> None:
        self.in_work[pump_id] = self.in_work.get(pump_id, 0) + 1
        self.most_in_work = max(self.most_in_work, self.in_work[pump_id])
        try:
            if pump_id in self.hold:
                await self.hold[pump_id].wait()
            if self.fails is not None:
                raise self.fails
        finally:
            self.in_work[pump_id] -= 1

    def let_go(self, pump_id: str = PUMP) -> None:
        self.hold.pop(pump_id).set()


class WallClock:
    """Stands at ``NOW`` until it is moved."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> datetime:
        return self._now

    def goes_on(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Roll:
    """The pumps that were enrolled."""

    def __init__(self) -> None:
        self.of: dict[str, Enrolment] = {}
        self.turned_away: list[tuple[str, Refusal, str]] = []
        self.fails = False

    def enrol(self, pump_id: str = PUMP, *, model: str = "demo-lvp", fingerprint: str = "", is_revoked: bool = False) -> None:
        self.of[pump_id] = Enrolment(pump_id, model, fingerprint, is_revoked)

    async def find(self, pump_id: str) -> Enrolment | None:
        if self.fails:
            raise StoreUnavailable("the disk is gone")
        return self.of.get(pump_id)

    async def refused(self, pump_id: str, why: Refusal, peer: str) -> None:
        self.turned_away.append((pump_id, why, peer))


class Pump:
    """One connection of a pump."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *frames: dict[str, Any] | str | bytes) -> None:
        for frame in frames:
            await self.socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def hear(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(await self.socket.recv())
        return told

    async def greet(self, **more: Any) -> dict[str, Any]:
        await self.say(hello(**more))
        return await self.hear()

    async def closed(self) -> tuple[int, str]:
        """Code and reason with which the server ends it, once all that it said before has been read."""
        try:
            while True:
                await self.socket.recv()
        except ConnectionClosed as over:
            return (over.rcvd.code, over.rcvd.reason) if over.rcvd is not None else (1006, "")

    def vanish(self) -> None:
        """As when the network goes."""
        self.socket.transport.abort()


class Ward:
    """A door, what is behind it, and what it told."""

    def __init__(self, door: PumpLinkDoor, conduct: Conduct, roll: Roll, told: list[tuple[Incident, str, str]]) -> None:
        self.door, self.conduct, self.roll, self.told = door, conduct, roll, told
        self._pumps: list[Pump] = []

    @property
    def tally(self) -> Any:
        return self.door.figures().tally

    async def connect(
        self, tls: ssl.SSLContext | None = None, *, path: str = PATH, subprotocol: str | None = SUBPROTOCOL, **more: Any
    ) -> Pump:
        host, port = self.door.address
        scheme = "ws" if tls is None else "wss"
        subprotocols: Any = [subprotocol] if subprotocol else None
        if tls is not None:
            more |= {"ssl": tls, "server_hostname": "localhost"}
        pump = Pump(
            await connect(
                f"{scheme}://{host}:{port}{path}", subprotocols=subprotocols, compression=None, ping_interval=None, close_timeout=1, **more
            )
        )
        self._pumps.append(pump)
        return pump

    async def connected(self, pump_id: str = PUMP, tls: ssl.SSLContext | None = None) -> Pump:
        """A pump that was let in."""
        pump = await self.connect(tls)
        await pump.greet(pump_id=pump_id)
        return pump

    async def quiet(self) -> None:
        """Nobody is connected, or tries to be."""
        await until(lambda: (self.door.figures().links, self.door.figures().before_hello) == (0, 0))

    def leave(self) -> None:
        for pump in self._pumps:
            pump.vanish()


@asynccontextmanager
async def a_link(
    *,
    tls: ssl.SSLContext | None = None,
    demo: bool | None = None,
    limits: LinkLimits | None = None,
    clock: ByHand | None = None,
    roll: Roll | None = None,
    wall: Clock | None = None,
) -> AsyncIterator[Ward]:
    """An open pump link on loopback, clear text in demo mode unless ``tls`` is given; ``PUMP`` is enrolled unless ``roll`` is."""
    told: list[tuple[Incident, str, str]] = []
    if roll is None:
        roll = Roll()
        roll.enrol()
    conduct = Conduct()
    by_hand: dict[str, Callable[[], int]] = {"monotonic_ns": clock} if clock else {}
    door = PumpLinkDoor(
        conduct,
        roll,
        host="127.0.0.1",
        port=0,
        tls=tls,
        clock=wall or SystemClock(),
        demo=tls is None if demo is None else demo,
        limits=limits or LinkLimits(),
        tell=lambda *incident: told.append(incident),
        **by_hand,
    )
    await door.start()
    ward = Ward(door, conduct, roll, told)
    try:
        yield ward
    finally:
        ward.leave()
        for pump_id in list(conduct.hold):
            conduct.let_go(pump_id)
        await door.stop(within_s=5)
