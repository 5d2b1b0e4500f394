"""One MLLP connection to a partner: one message in flight, and only its own answer is taken for its answer (MSA-2)."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from interop.adapters.ehr.outcome import Accepted, NoAnswer, Outcome, Rejected, TryAgain, WrongAnswer
from interop.wire.hl7v2.ack import AckCode, Answer, NotAnAnswer, read_answer
from interop.wire.hl7v2.mllp import Broken, Deframer

REMEMBERED: Final = 64


class Earlier:
    """The control ids of the last messages to a destination, over all its connections: what answers one of them is late, not wrong."""

    def __init__(self) -> None:
        self._ids: deque[str] = deque(maxlen=REMEMBERED)

    def remember(self, control_id: str) -> None:
        if control_id not in self._ids:
            self._ids.append(control_id)

    def __contains__(self, control_id: str) -> bool:
        return control_id in self._ids


@dataclass(slots=True)
class LineTally:
    """What came in on all connections to a destination: answers to earlier messages, answers to nothing, and bytes between frames."""

    late: int = 0
    unasked: int = 0
    garbage_bytes: int = 0


class Line(asyncio.Protocol):
    """A connection, from its making to its end.

    Attributes:
        unanswered: the frame that was sent and has had no answer; None when there is none.
        in_step: what is sent next is answered next; False after an answer to another message, or to none.
    """

    def __init__(self, earlier: Earlier, tally: LineTally, max_answer_bytes: int, lost: Callable[["Line"], None]) -> None:
        self._deframer = Deframer(max_bytes=max_answer_bytes)
        self._earlier = earlier
        self._tally = tally
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._outcome: asyncio.Future[Outcome] | None = None
        self._control_id = ""
        self.unanswered: bytes | None = None
        self.in_step = True

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, framed: bytes, control_id: str, within_s: float) -> Outcome:
        """Send, and wait for the answer: Accepted, Rejected, TryAgain, NoAnswer or WrongAnswer. The line is open and nothing else is in flight."""
        transport = cast(asyncio.Transport, self._transport)
        outcome = asyncio.get_running_loop().create_future()
        self._outcome, self._control_id, self.unanswered = outcome, control_id, framed
        self._earlier.remember(control_id)
        try:
            transport.write(framed)
            await asyncio.wait([outcome], timeout=within_s)
        finally:
            self._outcome = None
        return outcome.result() if outcome.done() else NoAnswer(f"no answer within {within_s:g} s")

    def close(self) -> None:
        """End the connection; an answer that is waited for will not come."""
        if self._transport is not None and self.unanswered is None and self.in_step:
            self._transport.close()
        elif self._transport is not None:
            self._transport.abort()

    # ── what the transport says ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        before = self._deframer.garbage_bytes
        self._deframer.feed(data)
        while (got := self._deframer.next_frame()) is not None:
            self._take(got)
        self._tally.garbage_bytes += self._deframer.garbage_bytes - before

    def connection_lost(self, exc: Exception | None) -> None:
        why = "within an answer" if self._deframer.in_frame else "before the answer"
        reason = "" if exc is None else f": {getattr(exc, 'reason', None) or type(exc).__name__}"
        self._settle(NoAnswer(f"the connection ended {why}{reason}"))
        self._transport = None
        self._lost(self)

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _take(self, got: bytes | Broken) -> None:
        """An answer, or what was sent instead of one."""
        received = got.head if isinstance(got, Broken) else got
        answer = _read(got)
        waiting = self._outcome is not None and not self._outcome.done()
        if isinstance(answer, WrongAnswer):
            self._refuse(answer)
        elif answer.control_id == self._control_id and waiting:
            self._settle(_meaning(answer, received))
        elif answer.control_id in self._earlier:
            self._tally.late += 1
            if answer.control_id == self._control_id:
                self.unanswered = None  # too late to tell, but the line is in step again
        else:
            why = "it answers another message" if answer.control_id else "it does not say which message it answers"
            self._refuse(WrongAnswer(why, received))

    def _refuse(self, wrong: WrongAnswer) -> None:
        """Whatever it answers, nobody knows any more what comes next on this line."""
        self.in_step = False
        if not self._settle(wrong):
            self._tally.unasked += 1
            self.close()

    def _settle(self, outcome: Outcome) -> bool:
        """Give ``outcome`` to whoever waits; False when nobody does."""
        if self._outcome is None or self._outcome.done():
            return False
        self._outcome.set_result(outcome)
        self.unanswered = None
        return True


def _read(got: bytes | Broken) -> Answer | WrongAnswer:
    if isinstance(got, Broken):
        return WrongAnswer(f"the frame of the answer is refused: {got.fault}, {got.size} bytes", got.head)
    try:
        return read_answer(got)
    except NotAnAnswer as fault:
        return WrongAnswer(f"no acknowledgement: {fault}", got)


def _meaning(answer: Answer, received: bytes) -> Outcome:
    match answer.code:
        case AckCode.CA | AckCode.AA:
            return Accepted(answer.code, received)
        case AckCode.CE:
            return TryAgain(answer.text, received)
        case AckCode.CR | AckCode.AR | AckCode.AE:
            return Rejected(answer.code, answer.text, received)
