"""HL7 v2 messages over one MLLP connection, in their order; for each its acknowledgement (HL7 v2.9, 2.9.2 and 2.9.3)."""

import socket
import ssl
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from interop.service.sending import NoAnswer, Outcome, in_words
from interop.wire.hl7v2.ack import NotAnAnswer, read_answer
from interop.wire.hl7v2.er7 import Message, Unreadable
from interop.wire.hl7v2.mllp import Broken, Deframer, Unframeable, frame

CONNECT_S: Final = 10
READ_BYTES: Final = 65_536


class MllpLink:
    """A connection to an MLLP listener; ``context`` None is clear text."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, answer_s: int) -> None:
        self._host, self._port, self._context, self._answer_s = host, port, context, answer_s
        self._where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._open = ExitStack()
        self._deframer = Deframer()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            try:
                self._socket = opening.enter_context(socket.create_connection((self._host, self._port), CONNECT_S))
                if self._context is not None:
                    self._socket = opening.enter_context(self._context.wrap_socket(self._socket, server_hostname=self._host))
            except OSError as fault:
                raise NoAnswer(f"{self._where} cannot be reached: {in_words(fault)}") from None
            self._open = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._open.close()

    def ask(self, content: bytes) -> Outcome:
        """Send one message and read the acknowledgement that names it; one that asks for none (MSH-15 NE) is not waited for.

        Raises: NoAnswer.
        """
        control_id, wants_answer = _header(content)
        try:
            self._socket.settimeout(self._answer_s)
            self._socket.sendall(frame(content))
        except Unframeable:
            return Outcome(False, "not sent: it holds a byte that MLLP frames with", ())
        except OSError as fault:
            raise NoAnswer(f"{self._where}: no answer: {in_words(fault)}") from None
        if not wants_answer:
            return Outcome(False, "sent; MSH-15 asks for no answer, so nothing is known of it", ())
        return _outcome(self._read(), control_id)

    def _read(self) -> bytes | Broken:
        until = time.monotonic() + self._answer_s
        while (got := self._deframer.next_frame()) is None:
            try:
                self._socket.settimeout(max(until - time.monotonic(), 0.001))
                data = self._socket.recv(READ_BYTES)
            except OSError as fault:  # with TLS 1.3, also how a client learns that its certificate was refused
                raise NoAnswer(f"{self._where}: no answer: {in_words(fault)}") from None
            if not data:
                raise NoAnswer(f"{self._where} closed the connection without an answer")
            self._deframer.feed(data)
        return got


def _header(content: bytes) -> tuple[str, bool]:
    """MSH-10, and whether an answer is wanted; of what cannot be read, nothing is known, and it is sent all the same: doors are tried with it."""
    try:
        header = Message.parse(content).first("MSH")
    except Unreadable:
        return "", True
    return header.text(10) or "", header.text(15) != "NE"


def _outcome(got: bytes | Broken, control_id: str) -> Outcome:
    if isinstance(got, Broken):
        return Outcome(False, f"the answer's frame is broken: {got.fault}", ())
    lines = tuple(line for line in _text(got).replace("\n", "\r").split("\r") if line)
    try:
        answer = read_answer(got)
    except NotAnAnswer as fault:
        return Outcome(False, f"the answer is none: {fault}", lines)
    if control_id and answer.control_id != control_id:
        return Outcome(False, f"{answer.code}, but for another message (MSA-2)", lines)
    return Outcome(answer.code.is_positive, f"{'accepted' if answer.code.is_positive else 'refused'} ({answer.code})", lines)


def _text(data: bytes) -> str:
    """In its own character set where that can be read."""
    try:
        return "\r".join(segment.sent or "" for segment in Message.parse(data))
    except Unreadable:
        return data.decode("ascii", "backslashreplace")
