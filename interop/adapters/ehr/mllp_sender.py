"""Sends messages to one partner's MLLP listener, each until its accept acknowledgement, and says what became of it (IHE DEV TF-2, B.1).

    sender = MllpSender(Destination("EHR1", "10.1.2.3", 2576, tls=client_context(...)))
    match await sender.send(message):
        case Accepted(): ...

PCD-03's RRG^O16 goes this way: on a connection of ours to the listener of the one who sent the RGV^O15, with its ACK^O16 awaited.
"""

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass, replace

from interop.adapters.ehr.mllp_line import Earlier, Line, LineTally
from interop.adapters.ehr.outcome import Accepted, NoAnswer, Outcome, Rejected, TryAgain, Unreachable, WrongAnswer
from interop.adapters.ehr.tls import InsecureDestination, check_context
from interop.wire.hl7v2.ack import ReceivedHeader
from interop.wire.hl7v2.mllp import frame

__all__ = ["Destination", "InsecureDestination", "MllpSender", "SenderFigures"]


@dataclass(frozen=True, slots=True)
class Destination:
    """A partner's listener.

    Attributes:
        name: for the record and for logs.
        host, port: where it listens.
        tls: our certificate and whom we trust; None is clear text, in demo mode and on loopback only.
        server_name: the name in its certificate; ``host`` when empty.
        keep_open: use a connection for more than one message. Otherwise each goes on a connection of its own.
        connect_s: how long connection and handshake may take together.
        answer_s: how long an answer may take, from the first byte sent.
        silences: after how many messages in a row without an answer a connection is given up. Until then only the same message, byte for byte,
            is sent on it again, so that a slow partner's late answer still counts for it.
        max_answer_bytes: the largest answer that is read.
    """

    name: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    server_name: str = ""
    keep_open: bool = True
    connect_s: float = 10
    answer_s: float = 30
    silences: int = 2
    max_answer_bytes: int = 64 * 1024

    def __post_init__(self) -> None:
        """Raises: ValueError: a bound is not above 0."""
        if min(self.connect_s, self.answer_s, self.silences, self.max_answer_bytes) <= 0:
            raise ValueError("the bounds of a destination are above 0")


@dataclass(slots=True)
class SenderFigures:
    """What became of the messages to one destination, and what else came back from it."""

    connections: int = 0
    accepted: int = 0
    rejected: int = 0
    try_again: int = 0
    no_answer: int = 0
    wrong_answer: int = 0
    unreachable: int = 0
    late: int = 0
    unasked: int = 0
    garbage_bytes: int = 0


class MllpSender:
    """The way to one destination. Never more than one message is in flight: who comes while one is, waits, and goes in turn."""

    def __init__(self, destination: Destination, *, demo: bool = False) -> None:
        """Raises: InsecureDestination: clear text without ``demo`` or to other than a loopback address, or a TLS context that is too weak."""
        if destination.tls is not None:
            check_context(destination.tls)
        elif not demo:
            raise InsecureDestination("MLLP without TLS is for demo mode only")
        elif not _is_loopback(destination.host):
            raise InsecureDestination(f"MLLP without TLS is for loopback addresses only, and {destination.host} is none")
        self._destination = destination
        self._turn = asyncio.Lock()
        self._line: Line | None = None
        self._silent = 0  # messages in a row without an answer on this line
        self._earlier = Earlier()
        self._tally = LineTally()
        self._figures = SenderFigures()

    def figures(self) -> SenderFigures:
        """A snapshot."""
        tally = self._tally
        return replace(self._figures, late=tally.late, unasked=tally.unasked, garbage_bytes=tally.garbage_bytes)

    async def send(self, message: bytes, *, within_s: float | None = None) -> Outcome:
        """Send one message as it is, in a frame, and wait for the answer that names its MSH-10 in MSA-2.

        ``within_s``: how long to wait for it, where that is not the destination's ``answer_s``. Nothing is sent again from here, and nothing is
        raised for what the partner or the network does.

        Raises:
            Unframeable: the message holds a byte that frames in MLLP.
            ValueError: it has no MSH-10 that an answer could name, or ``within_s`` is not above 0.
        """
        if within_s is not None and within_s <= 0:
            raise ValueError("an answer takes some time")
        framed = frame(message)
        control_id = ReceivedHeader.salvaged(message).control_id_text
        if not control_id:
            raise ValueError("a message without MSH-10 cannot be answered")
        async with self._turn:
            outcome = await self._send(framed, control_id, self._destination.answer_s if within_s is None else within_s)
        self._count(outcome)
        return outcome

    def close(self) -> None:
        """End the connection, if there is one; a message that waits for its answer then has none."""
        if self._line is not None:
            self._line.close()

    async def _send(self, framed: bytes, control_id: str, within_s: float) -> Outcome:
        line = self._usable(framed)
        if line is None:
            try:
                line = await self._connect()
            except (OSError, ValueError) as fault:  # refused, no such name, TLS, too slow; a host that is no name at all
                return Unreachable(str(getattr(fault, "reason", None) or type(fault).__name__))
        outcome = await line.ask(framed, control_id, within_s)
        self._silent = self._silent + 1 if isinstance(outcome, NoAnswer) else 0
        if not (self._destination.keep_open and line.in_step) or self._silent >= self._destination.silences:
            line.close()
        return outcome

    def _usable(self, framed: bytes) -> Line | None:
        """The open connection, if this message may go on it; otherwise it is closed."""
        line = self._line
        if line is None or not line.is_open:
            return None
        if line.unanswered in (None, framed):
            return line
        line.close()
        return None

    async def _connect(self) -> Line:
        """Raises: OSError: ``ssl.SSLError`` and TimeoutError among them."""
        destination = self._destination
        secured = destination.tls is not None
        async with asyncio.timeout(destination.connect_s):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: Line(self._earlier, self._tally, destination.max_answer_bytes, self._forget),
                destination.host,
                destination.port,
                ssl=destination.tls,
                server_hostname=(destination.server_name or destination.host) if secured else None,
            )
        self._figures.connections += 1
        self._line, self._silent = line, 0
        return line

    def _forget(self, line: Line) -> None:
        if self._line is line:
            self._line = None

    def _count(self, outcome: Outcome) -> None:
        figures = self._figures
        match outcome:
            case Accepted():
                figures.accepted += 1
            case Rejected():
                figures.rejected += 1
            case TryAgain():
                figures.try_again += 1
            case NoAnswer():
                figures.no_answer += 1
            case WrongAnswer():
                figures.wrong_answer += 1
            case Unreachable():
                figures.unreachable += 1


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name can come to mean another address
