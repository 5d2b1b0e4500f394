"""An EHR as the server meets it: connections of its own that send orders over mutual TLS, and a listener that takes what answers them."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interop.adapters.ehr.tls import client_context
from interop.wire.hl7v2.ack import AckCode, Answer, ReceivedHeader, read_answer, write_ack
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.mllp import Deframer, frame
from tests.wards.messages import a_dopamine_rgv
from tests.wards.ward import dtm


def an_order(control_id: str, order: str, at: datetime | None = None, **words: str) -> bytes:
    """A bedside request of this moment."""
    now = at or datetime.now(UTC)
    asked = {
        "requested_at": dtm(now - timedelta(seconds=2)),
        "sent_at": dtm(now - timedelta(seconds=1)),
        "weight_at": dtm(now - timedelta(hours=1)),
    }
    return a_dopamine_rgv(**{"message_id": control_id, "order": order, **asked, **words})


def tls_of(config: Path) -> ssl.SSLContext:
    """The client certificate that ``init`` made for trying the doors."""
    folder = config.parent / "certificates"
    return client_context(certificate=folder / "interop-send.pem", key=folder / "interop-send.key", authorities=folder / "ca.pem")


class Line:
    """One connection to the server's MLLP listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, at: tuple[str, int], context: ssl.SSLContext) -> "Line":
        return cls(*await asyncio.open_connection(*at, ssl=context))

    def say(self, *messages: bytes) -> None:
        self.writer.write(b"".join(map(frame, messages)))

    async def hear(self) -> Answer:
        """Raises: OSError, asyncio.IncompleteReadError: the server is gone."""
        return read_answer((await self.reader.readuntil(b"\x1c\r"))[1:-2])

    async def ask(self, message: bytes) -> Answer:
        self.say(message)
        return await self.hear()

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return


@dataclass(frozen=True)
class Rrg:
    """An application answer as it came in; ``answers`` is MSA-2."""

    code: str
    answers: str
    control_id: str
    error: str
    body: bytes
    connection: int

    @classmethod
    def read(cls, body: bytes, connection: int) -> "Rrg":
        message = Message.parse(body)
        msa = message.first("MSA")
        return cls(
            msa.text(1) or "",
            msa.text(2) or "",
            message.first("MSH").text(10) or "",
            message.first("ERR").text(5, 1) or "",
            body,
            connection,
        )


@dataclass
class Listener:
    """The EHR's listener for RRG, in a thread of its own; it answers each with its ACK. With a context it asks for the server's certificate."""

    context: ssl.SSLContext | None
    answer: Callable[[int], AckCode] = lambda number: AckCode.CA
    at_port: int = 0
    received: list[Rrg] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "Listener":
        self._socket = socket.create_server(("127.0.0.1", self.at_port))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    @property
    def first_seen(self) -> list[Rrg]:
        """What it has taken, each message once, as a resend is told by its MSH-10; and a resend is byte-equal."""
        seen: dict[str, Rrg] = {}
        for each in list(self.received):
            assert seen.setdefault(each.control_id, each).body == each.body, "a resend differs"
        return list(seen.values())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            task = asyncio.ensure_future(self._converse(reader, writer, self.connections))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(let_in, sock=self._socket, ssl=self.context)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        deframer = Deframer(max_bytes=1_000_000)
        try:
            while data := await reader.read(65_536):
                deframer.feed(data)
                while (body := deframer.next_frame()) is not None:
                    assert isinstance(body, bytes)
                    self.received.append(Rrg.read(body, connection))
                    number = len(self.received)
                    header = ReceivedHeader.of(Message.parse(body))
                    code = self.answer(number)
                    writer.write(frame(write_ack(header, code, new_id=lambda number=number: f"E{number}", at=datetime.now(UTC))))
                    await writer.drain()
        except OSError:
            return
        finally:
            writer.close()


def listener_tls(config: Path) -> ssl.SSLContext:
    """The listener shows the server's certificate of this folder, which holds for 127.0.0.1, and wants one of its authority."""
    folder = config.parent / "certificates"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    return context
