"""What leaves the EHR: PCD-03 over MLLP and MedicationRequest over HTTPS, each with its answer in the journal."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interop.demo.ehr.hl7 import Deframer, Message, Unreadable, frame
from interop.demo.ehr.journal import ANSWERED, SENT, Entry, Journal

ANSWER_S: Final = 30
FHIR_JSON: Final = "application/fhir+json"


class NotSent(Exception):
    """It did not leave, or no answer came; the text says which."""


@dataclass(frozen=True, slots=True)
class Sent:
    """``verdict``: MSA-1, or the status of HTTP. ``entry``: the line of the journal with what was sent, ``answer`` with what came back."""

    entry: Entry
    answer: Entry
    verdict: str


@dataclass(frozen=True, slots=True)
class Server:
    """Where interop is: ``mllp`` as host and port, ``fhir`` as host and port; ``token_file`` is read each time, as an EHR's vault would be asked."""

    mllp: tuple[str, int]
    fhir: tuple[str, int]
    context: ssl.SSLContext
    token_file: Path


def send_hl7(server: Server, journal: Journal, body: bytes, order: str) -> Sent:
    """One message on a connection of its own, and the acknowledgement on the same. Raises: NotSent; OSError of the journal."""
    sent = journal.add(SENT, body, kind="RGV^O15", order=order, control_id=Message.read(body).control_id)
    answer = b""
    try:
        with (
            socket.create_connection(server.mllp, ANSWER_S) as plain,
            server.context.wrap_socket(plain, server_hostname=server.mllp[0]) as line,
        ):
            line.sendall(frame(body))
            deframer = Deframer()
            while not answer:
                data = line.recv(65_536)
                if not data:
                    break
                answer = next((piece.content for piece in deframer.feed(data) if piece.is_message), b"")
    except (OSError, Unreadable) as fault:
        raise NotSent(f"order {order}: no acknowledgement: {_in_words(fault)}") from None
    if not answer:
        raise NotSent(f"order {order}: the connection was closed without an acknowledgement")
    try:
        message = Message.read(answer)
    except Unreadable as fault:
        raise NotSent(f"order {order}: the acknowledgement cannot be read: {fault}") from None
    code, names = message.text("MSA", 1), message.text("MSA", 2)
    heard = journal.add(ANSWERED, answer, of=str(sent.number), kind=message.kind, code=code, answers=names)
    if names != sent.about["control_id"]:
        raise NotSent(f"order {order}: the acknowledgement names another message")
    return Sent(sent, heard, code)


def send_fhir(server: Server, journal: Journal, method: str, path: str, body: bytes, order: str, if_match: str = "") -> Sent:
    """One request below the FHIR base. Raises: NotSent; OSError of the journal or of the token's file."""
    token = server.token_file.read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {token}", "Accept": FHIR_JSON}
    if body:
        headers["Content-Type"] = FHIR_JSON
    if if_match:
        headers["If-Match"] = if_match
    sent = journal.add(SENT, body, kind=f"{method} {path}", order=order)
    connection = http.client.HTTPSConnection(*server.fhir, timeout=ANSWER_S, context=server.context)
    try:
        connection.request(method, f"/fhir/r4/{path}", body or None, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as fault:
        raise NotSent(f"{method} {path}: no answer: {_in_words(fault)}") from None
    finally:
        connection.close()
    location, tag = response.headers.get("Location", ""), response.headers.get("ETag", "")
    heard = journal.add(ANSWERED, content, of=str(sent.number), kind="HTTP", code=str(response.status), location=location, etag=tag)
    return Sent(sent, heard, str(response.status))


def client_context(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    """The EHR's side of TLS towards interop. Raises: OSError."""
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    return context


def _in_words(fault: Exception) -> str:
    return (fault.strerror if isinstance(fault, OSError) else "") or type(fault).__name__
