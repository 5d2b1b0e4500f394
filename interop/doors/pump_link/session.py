"""One connected pump: its hello, then its frames one after another to conduct, and conduct's frames to it; it is conduct's ``Link``.

At most one word of a pump is in conduct's hands. What else it sends meanwhile waits in the connection's short queue, and beyond that in the pump.
"""

import asyncio
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Final

from websockets.exceptions import ConnectionClosed

from interop.conduct.world import HelloRefused, NotConnected, OutcomeUnknown, PumpsHear
from interop.domain import pump as said
from interop.doors.mllp_limits import SECOND_NS, Rate
from interop.doors.pump_link.connection import PumpConnection
from interop.doors.pump_link.enrolled import Enrolled, PumpPeer, Refusal, refusal_by, refusal_of
from interop.doors.pump_link.limits import Code, Incident, LinkLimits, LinkTally
from interop.ports import RecordError
from interop.wire.link.reader import BadFrame, read
from interop.wire.link.writer import write

OLDER_S: Final = 20.0
"""How long an older link of the same pump may take to come to its end, before it is cut off in what it does."""

REASON_BYTES: Final = 120  # a closing reason holds 123 (RFC 6455, 5.5)


@dataclass(slots=True)
class Shared:
    """What the sessions of one door have in common."""

    hears: PumpsHear
    enrolled: Enrolled
    limits: LinkLimits
    demo: bool
    monotonic_ns: Callable[[], int]
    tell: Callable[[Incident, str, str], None]
    tally: LinkTally = field(default_factory=LinkTally)
    links: dict[str, "Session"] = field(default_factory=dict)
    knocking: Counter[str] = field(default_factory=Counter)


class Knock:
    """A connection that has not said hello, as counted for its address."""

    def __init__(self, shared: Shared, address: str) -> None:
        self._shared, self.address = shared, address
        self._is_over = False
        shared.knocking[address] += 1

    def over(self) -> None:
        """It was let in, or went."""
        if not self._is_over:
            self._is_over = True
            self._shared.knocking[self.address] -= 1
            if not self._shared.knocking[self.address]:
                del self._shared.knocking[self.address]


class Ended(Exception):
    """The session is over: the closing code and why. It does not leave this module."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


class Session:
    """A connection past its opening handshake. ``pump_id`` is empty until its hello was taken for whose it is."""

    def __init__(self, shared: Shared, connection: PumpConnection, peer: PumpPeer, knock: Knock) -> None:
        self._shared, self._connection, self.peer, self._knock = shared, connection, peer, knock
        self.pump_id = ""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = connection.task
        self._ending: Ended | None = None
        self._is_listening = False  # nothing of this pump is in work
        self._since_ns = shared.monotonic_ns()
        self._rate = Rate(shared.limits.frames_per_s, shared.limits.burst)
        self._turn = asyncio.Lock()
        self._unsent = 0

    # ── conduct's link ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, frame: said.ToPump) -> None:
        """Raises: NotConnected: no byte of it left. OutcomeUnknown: it may have left. Unwritable: a fault of the caller's."""
        text = write(frame)
        limits = self._shared.limits
        if self._unsent >= limits.unsent:
            self._shared.tally.closed[0] += 1
            self._shared.tell(Incident.CLOSED, str(self.peer), "does not read")
            self._connection.cut()
        self._check_open()
        self._unsent += 1
        try:
            async with self._turn:
                self._check_open()  # it may have gone while others had their turn
                try:
                    await self._connection.send(text)
                except ConnectionClosed as lost:
                    raise OutcomeUnknown(self.pump_id) from lost
                if not self._connection.is_open:
                    raise OutcomeUnknown(self.pump_id)  # it went while the frame waited to be written
        finally:
            self._unsent -= 1
        self._shared.tally.sent += 1

    def close(self, code: int, why: str) -> None:
        """End the link; a word that is in work is brought to its end first."""
        if self._ending is None:
            self._ending = Ended(code, why)
            if self._is_listening:
                self._task.cancel()

    def _check_open(self) -> None:
        if self._ending is not None or not self._connection.is_open:
            raise NotConnected(self.pump_id)

    # ── the door's side ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Whether it has been silent for too long: before its hello, or since (SR-45). While a word of it is in work, it is our turn."""
        limits = self._shared.limits
        patience_s = limits.silence_s if self.pump_id else limits.hello_s
        if self._is_listening and self._shared.monotonic_ns() - self._since_ns > patience_s * SECOND_NS:
            self.close(Code.SILENT, "nothing heard")

    async def check_enrolment(self) -> None:
        """A pump that was revoked, or enrolled anew with another certificate, since its hello is let go (SEC-10). Raises: RecordError."""
        enrolment = await self._shared.enrolled.find(self.pump_id)
        if enrolment is None or enrolment.is_revoked:
            self.close(Code.REFUSED, Refusal.REVOKED)
        elif self.peer.is_secured and enrolment.fingerprint != self.peer.fingerprint:
            self.close(Code.REFUSED, Refusal.CERTIFICATE)

    def cut(self) -> None:
        """End it now; what is in work is cut off."""
        self._connection.cut()
        self._task.cancel()

    async def run(self) -> None:
        """From the opening handshake to the end. Raises nothing for what the pump, the record or conduct does."""
        try:
            await self._live()
        except Ended as ended:
            self._told(ended)
            self._is_done()  # the next link of this pump need not wait until this one has gone in every form
            await self._connection.close(ended.code, ended.why.encode("ascii", "replace")[:REASON_BYTES].decode())
        except ConnectionClosed:
            pass
        finally:
            self._is_done()

    async def _live(self) -> None:
        """Raises: Ended; ConnectionClosed: the pump went."""
        hello, arrived_at = await self._hear()
        if not isinstance(hello, said.Hello):
            raise self._bad("hello: missing")
        await self._check(hello)
        await self._take_over(hello.pump_id)
        try:
            await self._kept(self._shared.hears.hello(hello, self, arrived_at))
            self._shared.tally.hellos += 1
            while True:
                word, arrived_at = await self._hear()
                if isinstance(word, said.Hello):
                    raise self._bad("hello: a second one")
                await self._kept(self._shared.hears.heard(self.pump_id, word, arrived_at))
                self._shared.tally.heard += 1
        finally:
            try:
                self._shared.hears.gone(self.pump_id, self)
            except Exception as fault:
                self._shared.tell(Incident.FAULT, str(self.peer), _place_of(fault))

    async def _hear(self) -> tuple[said.Word, datetime]:
        """The next word, and when it arrived. Raises: Ended; ConnectionClosed."""
        self._end_if_told()
        self._since_ns = self._shared.monotonic_ns()
        self._is_listening = True
        try:
            message, arrived_at = await self._connection.message()
        except asyncio.CancelledError:
            if self._task.uncancel() == 0:
                self._end_if_told()  # it was ``close`` that woke us
            raise
        finally:
            self._is_listening = False
        await self._not_too_fast()
        if not isinstance(message, str):
            raise self._bad("a binary frame")
        try:
            return read(message), arrived_at
        except BadFrame as bad:
            raise self._bad(str(bad)) from None

    async def _not_too_fast(self) -> None:
        now = self._shared.monotonic_ns()
        wait_ns = self._rate.wait_ns(now)
        self._rate.take(now)
        if wait_ns:
            self._shared.tally.rate_limited += 1
            await asyncio.sleep(wait_ns / SECOND_NS)

    def _bad(self, why: str) -> Ended:
        self._shared.tally.bad_frames += 1
        self._shared.tell(Incident.FRAME_REFUSED, str(self.peer), why)
        return Ended(Code.BAD_FRAME, why)

    async def _check(self, hello: said.Hello) -> None:
        """Whether this pump may speak, as itself, now. Raises: Ended."""
        shared = self._shared
        why = refusal_of(hello, self.peer, demo=shared.demo)
        if why is None:
            try:
                why = refusal_by(await shared.enrolled.find(hello.pump_id), hello, self.peer)
            except RecordError as fault:
                raise self._not_kept(fault) from None
        if why is not None:
            await shared.enrolled.refused(hello.pump_id, why, self.peer.address)
            raise self._refused(why)
        if hello.pump_id not in shared.links and len(shared.links) >= shared.limits.links:
            shared.tally.turned_away += 1
            shared.tell(Incident.TURNED_AWAY, str(self.peer), "as many pumps as there may be")
            raise Ended(Code.AGAIN_LATER, "too many")

    def _refused(self, why: str) -> Ended:
        self._shared.tally.refused[why] += 1
        self._shared.tell(Incident.HELLO_REFUSED, str(self.peer), why)
        return Ended(Code.REFUSED, why)

    async def _take_over(self, pump_id: str) -> None:
        """From here on this is the pump's link; an older one comes to its end first, so that the pump's words stay in their order. Raises: Ended."""
        links = self._shared.links
        older = links.get(pump_id)
        self.pump_id, links[pump_id] = pump_id, self
        self._knock.over()
        if older is not None:
            older.close(Code.REPLACED, "replaced")
            _, late = await asyncio.wait([older.done], timeout=OLDER_S)
            if late:
                older.cut()
                await asyncio.wait([older.done])
        self._end_if_told()

    def _end_if_told(self) -> None:
        if self._ending is not None:
            raise self._ending

    async def _kept(self, work: Awaitable[None]) -> None:
        """Let conduct do its work with a word. Raises: Ended: what it raised."""
        try:
            await work
        except HelloRefused as refused:
            raise self._refused(str(refused)) from None
        except (NotConnected, OutcomeUnknown):
            pass  # what it had to say to the pump about it; that the link is over is seen next
        except RecordError as fault:
            raise self._not_kept(fault) from None
        except Exception as fault:
            self._shared.tell(Incident.FAULT, str(self.peer), _place_of(fault))
            raise Ended(Code.OUR_FAULT, "") from fault

    def _not_kept(self, fault: RecordError) -> Ended:
        self._shared.tally.not_kept += 1
        self._shared.tell(Incident.NOT_KEPT, str(self.peer), type(fault).__name__)
        return Ended(Code.AGAIN_LATER, "try again later")

    def _told(self, ended: Ended) -> None:
        self._shared.tally.closed[ended.code] += 1
        if ended.code in (Code.SILENT, Code.REPLACED):
            self._shared.tell(Incident.CLOSED, str(self.peer), ended.why)

    def _is_done(self) -> None:
        if self._shared.links.get(self.pump_id) is self:
            del self._shared.links[self.pump_id]
        if not self.done.done():
            self.done.set_result(None)


def _place_of(fault: Exception) -> str:
    """What was raised and where; not its text, which can quote a frame."""
    *_, last = traceback.extract_tb(fault.__traceback__)
    return f"{type(fault).__name__} in {PurePath(last.filename).name} line {last.lineno}"
