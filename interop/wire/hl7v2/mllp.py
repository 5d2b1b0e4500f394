"""MLLP framing without I/O (HL7 Transport Specification: MLLP, Release 1): ``<0x0B> content <0x1C> <0x0D>``, bytes to frames and back.

What Release 1 leaves to the receiver, and how it is answered here:

- Only 0x1C followed by 0x0D ends a frame. A sender that leaves the 0x0D out is not understood: an 0x1C alone may as well stand in a text, and
  the first half of an order taken for the whole of it is another order.
- Neither 0x0B nor 0x1C may stand in the content. A frame that holds one is refused whole, at its end: it is never cut in two, since a text
  that holds 0x0B and ``MSH`` would then be an order that nobody gave.
- Bytes between frames mean nothing. They are dropped and counted.
- A frame that is too large is dropped as it comes, but for its beginning; the frame after it is read as ever.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

START: Final = b"\x0b"
END: Final = b"\x1c"
CLOSE: Final = b"\x1c\r"

MAX_BYTES: Final = 256 * 1024
HEAD_BYTES: Final = 2048
"""How much is kept of a refused frame: enough for its MSH, so that the answer can name the message."""


class Fault(StrEnum):
    """Why a whole frame holds no message."""

    TOO_LARGE = "too-large"
    START_WITHIN = "start-within"  # 0x0B in the content
    END_WITHIN = "end-within"  # 0x1C in the content


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame that came to its end and is refused.

    Attributes:
        fault: the first reason, in the order of ``Fault``.
        head: the first bytes of its content, at most ``HEAD_BYTES`` and at most the largest size allowed.
        size: of its content, in bytes.
    """

    fault: Fault
    head: bytes
    size: int

    def __repr__(self) -> str:
        return f"<Broken {self.fault}, {self.size} bytes>"  # not its head, which may name a patient


class Unframeable(ValueError):
    """The content holds a byte that MLLP frames with; no receiver would read back what was sent."""


def frame(content: bytes) -> bytes:
    """``content`` as one frame.

    Raises: Unframeable.
    """
    if START in content or END in content:
        raise Unframeable("0x0B and 0x1C cannot stand in the content of a frame")
    return b"".join((START, content, CLOSE))


class Deframer:
    """Takes bytes in any pieces and gives the frames in them, one at a time; the pieces make no difference to what is given.

        deframer.feed(data)
        while (got := deframer.next_frame()) is not None: ...

    Takes time in proportion to the bytes fed. Holds at most ``max_bytes`` of an unfinished frame and what was fed since ``next_frame`` last
    gave None.

    Attributes:
        garbage_bytes: how many bytes stood between frames so far.
    """

    __slots__ = ("_buffer", "_dropped", "_head", "_in_frame", "_max_bytes", "_pos", "_scanned", "garbage_bytes")

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        """Raises: ValueError: ``max_bytes``, the largest content that is given, is below 1."""
        if max_bytes < 1:
            raise ValueError("the largest content of a frame has at least one byte")
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._pos = 0  # the first byte of the buffer that has not been used up
        self._scanned = 0  # no frame ends before here
        self._in_frame = False
        self._dropped = 0  # bytes of the present frame that were not kept, as it is too large
        self._head = b""  # its beginning, once it is
        self.garbage_bytes = 0

    @property
    def in_frame(self) -> bool:
        """A frame has begun and not ended."""
        return self._in_frame

    @property
    def held_bytes(self) -> int:
        """How many bytes are held."""
        return len(self._buffer) - self._pos + len(self._head)

    def feed(self, data: bytes) -> None:
        """Take what came next."""
        self._buffer += data

    def next_frame(self) -> bytes | Broken | None:
        """The content of the next frame that has come to its end; None when more bytes are needed first."""
        if not self._in_frame and not self._begin():
            return None
        end = self._buffer.find(CLOSE, self._scanned)
        if end < 0:
            self._wait()
            return None
        content = bytes(self._buffer[self._pos : end])
        size, head = self._dropped + len(content), self._head
        self._pos = end + len(CLOSE)
        self._in_frame, self._dropped, self._head = False, 0, b""
        fault = self._fault_of(content, size)
        return content if fault is None else Broken(fault, head or content[: self._head_bytes], size)

    @property
    def _head_bytes(self) -> int:
        return min(HEAD_BYTES, self._max_bytes)

    def _fault_of(self, content: bytes, size: int) -> Fault | None:
        if size > self._max_bytes:
            return Fault.TOO_LARGE
        if START in content:
            return Fault.START_WITHIN
        return Fault.END_WITHIN if END in content else None

    def _begin(self) -> bool:
        """Drop what stands before the next frame; False when none has begun."""
        start = self._buffer.find(START, self._pos)
        stop = start if start >= 0 else len(self._buffer)
        self.garbage_bytes += stop - self._pos
        if start < 0:
            self._buffer.clear()
            self._pos = 0
            return False
        self._pos = self._scanned = start + 1
        self._in_frame = True
        return True

    def _wait(self) -> None:
        """The frame goes on: keep what is needed of it, and let go of what came before."""
        del self._buffer[: self._pos]
        self._pos = 0
        ended = self._buffer.endswith(END)  # perhaps the first byte of the end
        known = len(self._buffer) - ended  # bytes that are surely content
        if self._dropped or known > self._max_bytes:
            if not self._dropped:
                self._head = bytes(self._buffer[: self._head_bytes])
            self._dropped += known
            del self._buffer[:known]
            known = 0
        self._scanned = known
