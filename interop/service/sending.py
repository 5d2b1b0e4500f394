"""What both ways of ``interop send`` share: an outcome, why there is none, our side of TLS, and text that a terminal can be given."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

from interop.adapters.ehr import tls
from interop.service.settings import Send


class WrongUse(Exception):
    """It was asked for in a way that cannot be done; the text says what to do."""


class NoAnswer(Exception):
    """No answer came: it is not known whether the message was taken; the text says what happened."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer: whether it accepts, in a few words, and line by line."""

    is_accepted: bool
    verdict: str
    lines: tuple[str, ...]


class Link(Protocol):
    """A way to a server, open within ``with``."""

    def __enter__(self) -> Self:
        """Raises: NoAnswer: the server cannot be reached."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None: ...

    def ask(self, content: bytes) -> Outcome:
        """Send one message or resource and wait for its answer. Raises: NoAnswer."""


def client_context(send: Send | None) -> ssl.SSLContext:
    """Our side of TLS: [send]'s certificate and authority as a sender to an EHR has them, or, without them, this machine's authorities.

    The server's chain and name are checked in any case. Raises: WrongUse: a file of [send] is not what it should be.
    """
    if send is None or send.certificate_file is None or send.key_file is None or send.ca_file is None:
        return ssl.create_default_context(cafile=None if send is None else _named(send.ca_file))
    try:
        return tls.client_context(certificate=send.certificate_file, key=send.key_file, authorities=send.ca_file)
    except OSError:
        raise WrongUse(
            f"[send]: {send.certificate_file}, {send.key_file} and {send.ca_file} are no certificate, key and authority"
        ) from None


def _named(file: Path | None) -> str | None:
    """Raises: WrongUse: not a file of certificates."""
    if file is None:
        return None
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError:
        raise WrongUse(f"{file} holds no certificates") from None
    return str(file)


def in_words(fault: OSError) -> str:
    """Why a connection failed, without what the other side may have written."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the server's certificate is not to be trusted: {fault.verify_message}"
    if isinstance(fault, ssl.SSLError):
        return f"TLS failed: {(fault.reason or 'no reason given').replace('_', ' ').lower()}"
    if isinstance(fault, TimeoutError):
        return "it did not answer in time"
    return fault.strerror or type(fault).__name__


def printable(text: str, stream: TextIO) -> str:
    """``text`` as ``stream`` can carry it, with nothing in it that a terminal would obey (SEC-24)."""
    shown = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)
    encoding = stream.encoding or "utf-8"
    return shown.encode(encoding, "backslashreplace").decode(encoding)
