"""One MLLP connection: frames come in, are handed on in their order, and are answered in their order; it pauses reading when it is behind.

It has at most one frame in hand that it has not handed on. While it has one, because its own share or the door's is in flight, or its peer is too
fast or does not read its answers, it does not read: what else the peer sends waits in the peer.
"""

import asyncio
import traceback
from collections import deque
from pathlib import PurePath
from typing import Final, cast

from interop.doors.mllp_limits import SECOND_NS, Cause, Rate
from interop.doors.mllp_messages import Coming, Incident, Shared
from interop.doors.mllp_peer import Peer, peer_of
from interop.wire.hl7v2.ack import AckCode, AckError, ErrorCode, ReceivedHeader, write_ack
from interop.wire.hl7v2.mllp import Broken, Deframer, Fault, frame

REFUSALS: Final = {
    Fault.TOO_LARGE: AckError(ErrorCode.APPLICATION_INTERNAL_ERROR, "The message is larger than this receiver takes; it was not read"),
    Fault.START_WITHIN: AckError(ErrorCode.DATA_TYPE_ERROR, "The byte 0x0B, which begins a frame of MLLP, stands within the message"),
    Fault.END_WITHIN: AckError(ErrorCode.DATA_TYPE_ERROR, "The byte 0x1C, which ends a frame of MLLP, stands within the message"),
}


class Connection(asyncio.Protocol):
    """One connection, from the end of its handshake to its own end.

    Attributes:
        address: of the peer, as it was accepted: of a connection that was reset since, nobody can tell it any more.
        made: its handshake is over.
        peer: known when it is made.
    """

    peer: Peer
    _transport: asyncio.Transport
    _rate: Rate

    def __init__(self, shared: Shared, address: str) -> None:
        self._shared = shared
        self.address = address
        self.made = False
        self._deframer = Deframer(max_bytes=shared.limits.message_bytes)
        self._held: bytes | Broken | None = None  # came, and was not handed on
        self._turns: deque[Coming] = deque()
        self._gone = True  # until it is made and admitted
        self._ended = False  # the peer sends nothing more
        self._finishing = False  # we take nothing more
        self._active_ns = 0  # when the peer was last heard, or work for it ended
        self._frame_ns: int | None = None  # when the unfinished frame was first seen; none is while we do not read
        self._paused_ns: int | None = None  # since when we do not read
        self._unread_ns: int | None = None  # since when the peer leaves too many answers unread
        self._rate_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0

    # ── what the transport says ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.made = True
        try:
            self.peer = peer_of(transport, self.address)
        except ValueError as fault:
            self._turn_away(self.address, str(fault))
            return
        rate = self._shared.admit(self.peer)
        if rate is None:
            self._turn_away(str(self.peer), "it has as many connections as one peer may have")
            return
        self._rate = rate
        self._gone = False
        self._shared.tally.accepted += 1
        self._shared.open.add(self)
        self._active_ns = self._shared.monotonic_ns()
        self._settle()

    def _turn_away(self, who: str, reason: str) -> None:
        self._shared.tally.turned_away += 1
        self._shared.tell(Incident.TURNED_AWAY, who, reason)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._gone or self._finishing:
            return
        self._active_ns = self._shared.monotonic_ns()
        self._deframer.feed(data)
        self.proceed()

    def eof_received(self) -> bool:
        self._ended = True
        self._settle()
        return self._transport.get_extra_info("ssl_object") is None  # answers still go out; TLS has no half-closed connection

    def pause_writing(self) -> None:
        self._unread_ns = self._shared.monotonic_ns()
        self._settle()

    def resume_writing(self) -> None:
        self._unread_ns = None
        self.proceed()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._gone:
            return
        self._gone = True
        self._held = None
        self._shared.open.discard(self)
        self._shared.slots.forget(self.go_on)
        for timer in (self._timer, self._rate_timer):
            if timer is not None:
                timer.cancel()
        self._count_pause()
        self._shared.tally.undelivered += sum(bool(turn.framed) for turn in self._turns)
        if self._deframer.in_frame and not self._finishing:
            self._shared.tally.unterminated += 1
        self._shared.changed.set()

    # ── what the door says ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """Take no more, answer what was handed on, then close."""
        self._finishing = True
        self._held = None
        self._shared.slots.forget(self.go_on)
        self._settle()

    def abort(self) -> None:
        """Close now; what has not been answered will be sent again."""
        self._transport.abort()

    # ── in order ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def go_on(self) -> None:
        """``proceed`` as whoever makes room or brings an answer calls it: a fault is of this connection, and not of theirs."""
        try:
            self.proceed()
        except Exception as fault:
            self.tell_failed(fault)
            self.abort()

    def proceed(self) -> None:
        """Write the answers whose turn it is, hand on what there is room for, and read on if that was all."""
        self._write_answers()
        while not (self._gone or self._finishing):
            if self._held is None:
                self._held = self._next_frame()
            if self._held is None or not self._has_room():
                break
            held, self._held = self._held, None
            if isinstance(held, Broken):
                self._refuse(held)
            else:
                coming = Coming(self, held, self._shared.clock.now())
                self._turns.append(coming)
                self._shared.tally.received += 1
                self._shared.hand_on(coming)
        self._settle()

    def _next_frame(self) -> bytes | Broken | None:
        if not self._deframer.held_bytes:
            return None
        before = self._deframer.garbage_bytes
        got = self._deframer.next_frame()
        self._shared.tally.garbage_bytes += self._deframer.garbage_bytes - before
        if got is not None:
            self._frame_ns = None
        elif self._deframer.in_frame and self._frame_ns is None:
            self._frame_ns = self._shared.monotonic_ns()
        return got

    def _has_room(self) -> bool:
        """Whether there is room for the frame that is held; then it is taken. Otherwise whoever makes room calls ``proceed``."""
        if self._unread_ns is not None or len(self._turns) >= self._shared.limits.in_flight_per_connection:
            return False
        now = self._shared.monotonic_ns()
        wait_ns = self._rate.wait_ns(now)
        if wait_ns:
            if self._rate_timer is None:
                self._shared.tally.rate_limited += 1
                self._rate_timer = asyncio.get_running_loop().call_later(wait_ns / SECOND_NS, self._waited)
            return False
        if not isinstance(self._held, Broken) and not self._shared.slots.take(self.go_on):
            return False
        self._rate.take(now)
        return True

    def _waited(self) -> None:
        self._rate_timer = None
        self.proceed()

    def _refuse(self, broken: Broken) -> None:
        """CR: the frame holds no message. It is answered in its turn, and it takes no slot, as nothing is in flight for it."""
        self._shared.tally.refused[broken.fault] += 1
        self._shared.tell(Incident.FRAME_REFUSED, str(self.peer), f"{broken.fault} at {broken.size} bytes")
        refused = Coming(self, broken.head, self._shared.clock.now())
        refused.framed = self.own_answer(broken.head, AckCode.CR, REFUSALS[broken.fault])
        self._turns.append(refused)
        self._shared.has_answers(self)

    def answered(self, coming: Coming, *, is_silent: bool) -> None:
        """A message that was handed on has its answer, or will have none: ``is_silent``, as its sender wishes."""
        shared = self._shared
        if is_silent:
            shared.tally.silent += 1
        elif coming.framed and self._gone:
            shared.tally.undelivered += 1
        self._active_ns = shared.monotonic_ns()
        shared.has_answers(self)
        shared.slots.give_back()

    def tell_failed(self, fault: BaseException) -> None:
        self._shared.tally.intake_failed += 1
        self._shared.tell(Incident.INTAKE_FAILED, str(self.peer), _place_of(fault))

    def own_answer(self, received: bytes, code: AckCode, error: AckError) -> bytes:
        """What the door itself answers, framed."""
        shared = self._shared
        header = ReceivedHeader.salvaged(received)
        return frame(write_ack(header, code, new_id=shared.new_id, at=shared.clock.now(), error=error, us=shared.us))

    def _write_answers(self) -> None:
        ready: list[bytes] = []
        while self._turns and self._turns[0].framed is not None:
            framed = self._turns.popleft().framed
            if framed:
                ready.append(framed)
        if self._gone:
            return  # counted when it went
        if ready and self._transport.is_closing():
            self._shared.tally.undelivered += len(ready)
        elif ready:
            self._shared.tally.answered += len(ready)
            self._transport.write(b"".join(ready))

    # ── reading, waiting, ending ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self) -> None:
        """Read or do not, close when all is done, and set the timer."""
        if self._gone or self._transport.is_closing():
            return
        if (self._finishing or self._ended) and not self._turns and self._held is None:
            self._close()
            return
        if self._held is not None or self._finishing:
            if self._paused_ns is None:
                self._paused_ns = self._shared.monotonic_ns()
                self._transport.pause_reading()
        elif self._paused_ns is not None:
            self._count_pause()
            self._transport.resume_reading()
        self._set_timer()

    def _count_pause(self) -> None:
        if self._paused_ns is not None:
            self._shared.tally.paused_ns += self._shared.monotonic_ns() - self._paused_ns
            self._paused_ns = None

    def _due(self) -> tuple[int, Cause] | None:
        """When our patience with the peer ends, and why; None while it is our turn."""
        limits = self._shared.limits
        if self._unread_ns is not None:
            return self._unread_ns + _ns(limits.unread_s), Cause.UNREAD
        if self._paused_ns is not None:
            return None
        if self._frame_ns is not None:
            return self._frame_ns + _ns(limits.frame_s), Cause.SLOW_FRAME
        return None if self._turns else (self._active_ns + _ns(limits.idle_s), Cause.IDLE)

    def _set_timer(self) -> None:
        due = self._due()
        if due is None or (self._timer is not None and self._timer_ns <= due[0]):
            return  # a timer that rings too early sets itself again
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due[0]
        wait_ns = max(0, due[0] - self._shared.monotonic_ns())
        self._timer = asyncio.get_running_loop().call_later(wait_ns / SECOND_NS, self._ring)

    def _ring(self) -> None:
        self._timer = None
        due = self._due()
        if due is None or due[0] > self._shared.monotonic_ns():
            self._set_timer()
            return
        self._shared.tally.closed[due[1]] += 1
        self._shared.tell(Incident.CLOSED, str(self.peer), due[1])
        if due[1] is Cause.UNREAD:
            self.abort()
        else:
            self.finish()

    def _close(self) -> None:
        """Close once the peer has read what was written, for which it has a while."""
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._shared.limits.unread_s, self._transport.abort)


def _ns(seconds: float) -> int:
    return int(seconds * SECOND_NS)


def _place_of(fault: BaseException) -> str:
    """What was raised and where; not its text, which can quote the message."""
    places = traceback.extract_tb(fault.__traceback__)
    if not places:  # it was not raised
        return type(fault).__name__
    return f"{type(fault).__name__} in {PurePath(places[-1].filename).name} line {places[-1].lineno}"
