"""The EHR's listener: MLLP over TLS; what comes in is in the journal before it is acknowledged, and it can be down, slow or wrong as the story asks."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from interop.demo.ehr.hl7 import ANSWERED, Deframer, Message, Unreadable, acknowledgement, frame
from interop.demo.ehr.journal import ACKNOWLEDGED, RECEIVED, STRAY, Journal

IDLE_S: Final = 300
LONGEST_SLEEP_S: Final = 120


class Fault(StrEnum):
    """What the EHR's listener can suffer from. Whatever it is, what came in is in the journal."""

    NONE = "none"
    DOWN = "down"  # nobody listens
    SLOW = "slow"  # the acknowledgement comes late
    SILENT = "silent"  # the acknowledgement does not come
    CLOSES = "closes"  # the connection ends instead
    ERROR = "error"  # CE: send it again
    OTHER = "other"  # the acknowledgement names another message


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault and, for SLOW, how late in seconds."""

    fault: Fault = Fault.NONE
    seconds: float = 0


class Listener:
    """One listening socket, a thread a connection."""

    def __init__(self, journal: Journal, now: Callable[[], datetime], context: ssl.SSLContext, port: int = 0) -> None:
        """Raises: OSError: the port is taken."""
        self._journal, self._now, self._context = journal, now, context
        self._behaviour = Behaviour()
        self._changed = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._socket: socket.socket | None = None
        self.port = port
        self.port = self._listen()

    def behave(self, behaviour: Behaviour) -> None:
        """From now on. Raises: OSError: its port was taken while it was down."""
        with self._changed:
            self._behaviour = behaviour
            if behaviour.fault is Fault.DOWN:
                self._close()
            elif self._socket is None:
                self._listen()

    def close(self) -> None:
        with self._changed:
            self._close()

    def _listen(self) -> int:
        listening = socket.create_server(("127.0.0.1", self.port))
        self._socket = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        return int(listening.getsockname()[1])

    def _close(self) -> None:
        for each in (self._socket, *self._connections):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._socket = None
        self._connections.clear()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:  # it was closed
                return
            threading.Thread(target=self._converse, args=(plain,), daemon=True).start()

    def _converse(self, plain: socket.socket) -> None:
        plain.settimeout(IDLE_S)
        try:
            secured = self._context.wrap_socket(plain, server_side=True)
        except OSError:  # ssl.SSLError among them: no certificate, or none of ours
            plain.close()
            return
        with secured:
            with self._changed:
                if self._socket is None:
                    return
                self._connections.add(secured)
            try:
                self._read(secured)
            except (OSError, Unreadable, ValueError):  # gone, or closed by us
                return
            finally:
                with self._changed:
                    self._connections.discard(secured)

    def _read(self, line: socket.socket) -> None:
        deframer = Deframer()
        while data := line.recv(65_536):
            for piece in deframer.feed(data):
                if not piece.is_message:
                    self._journal.add(STRAY, piece.content)
                elif not self._take(line, piece.content):
                    return
        if rest := deframer.rest():
            self._journal.add(STRAY, rest)

    def _take(self, line: socket.socket, body: bytes) -> bool:
        """Write it down, then acknowledge it. False: the connection ends."""
        code, why, about = _judged(body)
        received = self._journal.add(RECEIVED, body, **about)
        behaviour = self._behaviour
        match behaviour.fault:
            case Fault.SLOW:
                time.sleep(min(behaviour.seconds, LONGEST_SLEEP_S))
            case Fault.SILENT:
                return True
            case Fault.CLOSES | Fault.DOWN:
                return False
            case Fault.ERROR:
                code, why = "CE", "this EHR cannot take it now: send it again"
            case _:
                pass
        answers = "ANOTHER" if behaviour.fault is Fault.OTHER else None
        answer = acknowledgement(body, code, control_id=f"EHR{received.number:08}", at=self._now(), answers=answers, why=why)
        self._journal.add(ACKNOWLEDGED, answer, of=str(received.number), code=code)
        line.sendall(frame(answer))
        return True


def _judged(body: bytes) -> tuple[str, str, dict[str, str]]:
    """The code of the acknowledgement, why it is not CA, and what the journal says of the message."""
    try:
        message = Message.read(body)
    except Unreadable as fault:
        return "CR", f"this is no message that this EHR can read: {fault}", {"kind": "unreadable"}
    about = {"kind": message.kind, "control_id": message.control_id}
    if message.kind not in ANSWERED or not message.control_id:
        return "CR", "this EHR listens for RRG^O16, ORU^R42, ORU^R01 and ORU^R40", about
    return "CA", "", about


def context_of(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """The listener's side of TLS: it wants a certificate of the authority. Raises: OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    return context
