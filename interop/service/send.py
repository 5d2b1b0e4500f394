"""``interop send FILE… --to WHERE``: HL7 v2 over MLLP or FHIR over HTTPS, to try a server's doors; each answer is printed.

``host:port`` is MLLP, ``https://…`` is FHIR. It speaks clear text to this machine only, and only when told that it is a demonstration (SEC-03).
"""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import urlsplit

from interop.service.send_fhir import FhirLink, target_of
from interop.service.send_mllp import MllpLink
from interop.service.sending import Link, NoAnswer, Outcome, WrongUse, client_context, printable
from interop.service.settings import Settings
from interop.service.settings_checks import host_fault, is_loopback
from interop.service.settings_load import SecretUnreadable, SettingsUnsound, load_settings, read_secret
from interop.wire.hl7v2.mllp import START, Broken, Deframer

OK, FAILED, WRONG_USE, REFUSED = 0, 1, 2, 3

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
BOM: Final = b"\xef\xbb\xbf"
LOOPBACK: Final = "127.0.0.1 or [::1]"
HOST_PORT = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[1-9][0-9]{0,4})", re.ASCII)
NEXT_MESSAGE = re.compile(rb"[\r\n]+(?=MSH)")


@dataclass(frozen=True, slots=True)
class Where:
    """A destination: a FHIR server's ``base`` without a slash at its end, or, without ``base``, an MLLP listener. ``is_clear``: ``http://``."""

    host: str
    port: int = 0
    base: str = ""
    is_clear: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """One message or resource of a file; ``label`` is what it is called in the output."""

    label: str
    content: bytes
    is_fhir: bool


def send(
    files: Sequence[str],
    to: str,
    *,
    config: Path | None = None,
    token_file: Path | None = None,
    demo: bool = False,
    update: bool = False,
    answer_s: int = 60,
    out: TextIO | None = None,
    err: TextIO | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Send all that is in ``files`` (``-``: standard input) in their order, and print each answer; a refusal does not stop the next.

    Args:
        config: an interop.toml; its [send] names the authority, the client certificate and perhaps the token.
        token_file: the bearer token, over that of ``config``.
        demo: speak clear text to 127.0.0.1 or ::1; so does a ``config`` in demo mode whose listener has ``tls = false``.
        update: PUT each resource under its id, instead of creating it by POST; If-Match is its meta.versionId.
        answer_s: how long to wait for each answer.

    Returns: 0: all were accepted; 3: all were answered, not all of them accepted; 1: a file cannot be read, and nothing was sent, or an answer
        did not come, and the rest was not sent; 2: wrong use, and nothing was sent.
    """
    said, told = out if out is not None else sys.stdout, err if err is not None else sys.stderr

    def fail(text: str, code: int) -> int:
        told.writelines(f"interop: {printable(line, told)}\n" for line in text.splitlines())
        return code

    try:
        where = destination_of(to)
        settings = load_settings(config, environment) if config is not None else None
        pieces = [piece for name in files for piece in pieces_of(name, _read(name), where, update=update)]
        link = _link(where, settings, token_file, demo, answer_s, update)
    except (WrongUse, SecretUnreadable, SettingsUnsound) as fault:
        return fail(str(fault), WRONG_USE)
    except OSError as fault:
        return fail(f"{fault.filename}: {fault.strerror}", FAILED)
    answered = accepted = 0
    try:
        with link:
            for piece in pieces:
                outcome = link.ask(piece.content)
                _print(piece, outcome, said)
                answered, accepted = answered + 1, accepted + outcome.is_accepted
    except NoAnswer as fault:
        left = len(pieces) - answered - 1
        return fail(f"{pieces[answered].label}: {fault}" + (f"; {left} more not sent" if left else ""), FAILED)
    return OK if accepted == len(pieces) else REFUSED


def destination_of(to: str) -> Where:
    """Raises: WrongUse: it is neither ``host:port`` nor ``https://…``."""
    if match := HOST_PORT.fullmatch(to):
        host, port = match["v6"] or match["host"], int(match["port"])
        if port < 65_536 and not host_fault(host):
            return Where(host, port)
    elif to.startswith(("https://", "http://")):
        try:
            parts = urlsplit(to)
            port = parts.port or 0
        except ValueError:
            parts = None
        if (
            parts is not None
            and parts.hostname
            and not host_fault(parts.hostname)
            and not (parts.username or parts.query or parts.fragment)
        ):
            return Where(parts.hostname, port, to.rstrip("/"), parts.scheme == "http")
    raise WrongUse("--to wants HOST:PORT for HL7 over MLLP (an IPv6 address in brackets), or https://HOST:PORT/fhir/r4 for FHIR")


def pieces_of(name: str, data: bytes, where: Where, *, update: bool = False) -> list[Piece]:
    """The messages (framed or not, one or more) or the one resource of a file, as ``where`` takes them.

    Raises: WrongUse: it is neither, or belongs to the other door.
    """
    data = data.removeprefix(BOM)
    if data.lstrip()[:1] == b"{":
        if not where.base:
            raise WrongUse(f"{name} is FHIR JSON, and HOST:PORT takes HL7 v2 over MLLP: send it to https://HOST:PORT/fhir/r4")
        try:
            target_of(data, update=update)
        except ValueError as fault:
            raise WrongUse(f"{name} cannot be sent: {fault}") from None
        return [Piece(name, data, True)]
    messages = _framed(name, data) if START in data else NEXT_MESSAGE.split(data.strip())
    if not all(message.startswith(b"MSH") for message in messages):
        raise WrongUse(f"{name} is neither HL7 v2 (it would begin with MSH) nor FHIR JSON (it would begin with a brace)")
    if where.base:
        raise WrongUse(f"{name} is HL7 v2, and https:// takes FHIR JSON: send it to HOST:PORT")
    labels = [name] if len(messages) == 1 else [f"{name} #{number}" for number in range(1, len(messages) + 1)]
    return [Piece(label, _with_carriage_returns(message), False) for label, message in zip(labels, messages, strict=True)]


def _framed(name: str, data: bytes) -> list[bytes]:
    deframer = Deframer(max_bytes=MAX_FILE_BYTES)
    deframer.feed(data)
    found: list[bytes] = []
    while (got := deframer.next_frame()) is not None:
        if isinstance(got, Broken):
            raise WrongUse(f"{name} holds a broken MLLP frame: {got.fault}")
        found.append(got)
    if deframer.in_frame:
        raise WrongUse(f"{name} holds an MLLP frame that does not end")
    return found


def _with_carriage_returns(message: bytes) -> bytes:
    """Segments end with CR on the wire, and with whatever an editor made of it in a file (HL7 v2.9, 2.5.2)."""
    return message.strip().replace(b"\r\n", b"\r").replace(b"\n", b"\r") + b"\r"


def _read(name: str) -> bytes:
    """Raises: OSError: with the file's name; WrongUse: it is too large."""
    if name == "-":
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        with open(name, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise WrongUse(f"{name} is over {MAX_FILE_BYTES} bytes")
    return data


def _link(where: Where, settings: Settings | None, token_file: Path | None, demo: bool, answer_s: int, update: bool) -> Link:
    """Raises: WrongUse, SecretUnreadable."""
    is_demo = demo or (settings is not None and settings.demo.enabled)
    send_settings = settings.send if settings is not None else None
    if where.base:
        if where.is_clear and not (is_demo and is_loopback(where.host)):
            raise WrongUse(f"http:// is clear text, which is for demonstrations on {LOOPBACK}: write https://, or add --demo")
        named = token_file or (send_settings.token_file if send_settings is not None else None)
        token = read_secret(named) if named is not None else ""
        return FhirLink(where.base, client_context(send_settings), token, answer_s, update=update)
    if update:
        raise WrongUse("--update is for FHIR: HL7 v2 says in its own fields what it changes")
    if demo and not is_loopback(where.host):
        raise WrongUse(f"--demo speaks clear text, and only to {LOOPBACK}: leave it out, and name a --config")
    if demo or (settings is not None and settings.demo.enabled and not settings.mllp.tls and is_loopback(where.host)):
        return MllpLink(where.host, where.port, None, answer_s)
    if send_settings is None or send_settings.certificate_file is None:
        raise WrongUse(
            "MLLP wants a client certificate: name the --config that `interop init` made (or --demo for clear text on this machine)"
        )
    return MllpLink(where.host, where.port, client_context(send_settings), answer_s)


def _print(piece: Piece, outcome: Outcome, out: TextIO) -> None:
    for line in (f"{piece.label}: {outcome.verdict}", *outcome.lines):
        out.write(f"{printable(line, out)}\n")
    out.flush()
