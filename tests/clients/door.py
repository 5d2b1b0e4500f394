"""An open MLLP door with a stand-in intake behind it, and one who talks to it over a real socket."""

import asyncio
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from interop.doors.mllp import Coming, Incident, Limits, MllpDoor
from interop.doors.mllp_peer import Bindings, Peer
from interop.wire.hl7v2.ack import AckCode, AckError, Answer, ErrorCode, ReceivedHeader, read_answer, write_ack
from interop.wire.hl7v2.er7 import Message, Unreadable
from interop.wire.hl7v2.mllp import frame
from tests.clients.loops import until

NOW = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


class StoppedClock:
    def now(self) -> datetime:
        return NOW


class ByHand:
    """A monotonic clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def __call__(self) -> int:
        return self.ns

    def pass_s(self, seconds: float) -> None:
        self.ns += int(seconds * 1_000_000_000)


def order(control_id: str, *, sender: str = "BEDSIDE", facility: str = "NORTH", patient: str = "Muster^Maxi", note: str = "") -> bytes:
    return (
        f"MSH|^~\\&|{sender}|{facility}|GATEWAY||20260302101500+0100||RGV^O15^RGV_O15|{control_id}|P|2.6|||AL|AL\r"
        f"PID|||4711||{patient}\rNTE|1||{note}\r"
    ).encode()


class Intake:
    """What the real intake does, without its record: reads, decides whose message it is, "commits", answers.

    ``hold``: messages whose control id is in it are answered when ``let_go`` is called with it. ``fail``: those raise.
    """

    def __init__(self, bindings: Bindings | None = None) -> None:
        self.bindings = bindings
        self.came: list[str] = []
        self.peers: list[Peer] = []
        self.done: list[str] = []
        self.committed: set[str] = set()
        self.hold: dict[str, asyncio.Event] = {}
        self.hold_all = False
        self.fail: dict[str, Exception] = {}
        self.wants_no_answer: set[str] = set()
        self.answers: dict[str, bytes] = {}
        self._ids = (f"A{number}" for number in itertools.count(1))

    def let_go(self, *control_ids: str) -> None:
        for control_id in control_ids:
            self.hold.pop(control_id, asyncio.Event()).set()

    async def receive(self, incoming: Sequence[Coming]) -> None:
        async def answered(each: Coming) -> None:
            try:
                each.answer(await self.answer_to(each.message, each.peer, each.received_at))
            except Exception as fault:
                each.fail(fault)

        await asyncio.gather(*map(answered, incoming))

    async def answer_to(self, message: bytes, peer: Peer, received_at: datetime) -> bytes | None:
        assert received_at == NOW
        header = ReceivedHeader.salvaged(message)
        self.came.append(header.control_id)
        self.peers.append(peer)
        try:
            parsed = Message.parse(message)
        except Unreadable as fault:
            return self._answer(header, AckCode.CR, AckError(ErrorCode.DATA_TYPE_ERROR, str(fault)))
        msh = parsed.first("MSH")
        if self.bindings is not None and not self.bindings.speaks_for(peer, msh.text(3, 1) or "", msh.text(4, 1) or ""):
            return self._answer(header, AckCode.CR, AckError(ErrorCode.TABLE_VALUE_NOT_FOUND, "MSH-3 and MSH-4 are not this peer's"))
        if header.control_id in self.fail:
            raise self.fail[header.control_id]
        if self.hold_all or header.control_id in self.hold:
            await self.hold.setdefault(header.control_id, asyncio.Event()).wait()
        self.committed.add(header.control_id)
        self.done.append(header.control_id)
        if header.control_id in self.wants_no_answer:
            return None
        return self.answers.get(header.control_id) or self._answer(header, AckCode.CA)

    def _answer(self, header: ReceivedHeader, code: AckCode, error: AckError | None = None) -> bytes:
        return write_ack(header, code, new_id=lambda: next(self._ids), at=NOW, error=error)


class Talker:
    """One connection to a door."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(map(frame, messages)))

    async def hear(self) -> Answer:
        """The next answer."""
        framed = await self.reader.readuntil(b"\x1c\r")
        assert framed.startswith(b"\x0b")
        return read_answer(framed[1:-2])

    async def ask(self, message: bytes) -> Answer:
        self.send(message)
        return await self.hear()

    async def heard_all(self) -> bytes:
        """What still comes until the door closes; a connection that was cut has nothing more to say."""
        try:
            return await self.reader.read()
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return b""

    def leave(self) -> None:
        """Close both halves; what the door sees first is that nothing more comes."""
        self.writer.transport.abort()

    def reset(self) -> None:
        """Go without a word, as a machine that is switched off and on again."""
        self.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Ward:
    """A door, what is behind it, and what it told."""

    def __init__(self, door: MllpDoor, intake: Intake, told: list[tuple[Incident, str, str]], clock: ByHand | None) -> None:
        self.door, self.intake, self.told, self.clock = door, intake, told, clock
        self._talkers: list[Talker] = []

    @property
    def tally(self) -> Any:
        return self.door.figures().tally

    async def connect(self, tls: ssl.SSLContext | None = None, **more: Any) -> Talker:
        host, port = self.door.address
        talker = Talker(*await asyncio.open_connection(host, port, ssl=tls, server_hostname="localhost" if tls else None, **more))
        self._talkers.append(talker)
        return talker

    def leave(self) -> None:
        """Everybody goes."""
        for talker in self._talkers:
            talker.leave()

    async def came(self, count: int) -> None:
        """Wait until the intake has been given ``count`` messages."""
        await until(lambda: len(self.intake.came) >= count)

    async def turn(self) -> None:
        """Wait until the door has had time for everything that lies before it: a message on another connection goes through it."""
        talker = await self.connect()
        answer = await talker.ask(order("turn"))
        assert answer.control_id == "turn"
        self.intake.came.remove("turn")
        talker.leave()


@asynccontextmanager
async def a_door(
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits | None = None,
    intake: Intake | None = None,
    clock: ByHand | None = None,
    new_id: Callable[[], str] | None = None,
) -> AsyncIterator[Ward]:
    """An open door on loopback, clear text in demo mode unless ``tls`` is given."""
    told: list[tuple[Incident, str, str]] = []
    ids = (f"D{number}" for number in itertools.count(1))
    behind = intake or Intake()
    by_hand: dict[str, Any] = {"monotonic_ns": clock} if clock else {}
    door = MllpDoor(
        behind,
        host="127.0.0.1",
        port=0,
        tls=tls,
        demo=tls is None,
        clock=StoppedClock(),
        new_id=new_id or (lambda: next(ids)),
        limits=limits or Limits(),
        tell=lambda *incident: told.append(incident),
        **by_hand,
    )
    await door.start()
    ward = Ward(door, behind, told, clock)
    try:
        yield ward
    finally:
        ward.leave()
        behind.hold_all = False
        behind.let_go(*list(behind.hold))
        await door.stop(within_s=5)
