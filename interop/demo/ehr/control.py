"""How the story, and a person, look into the stand-in EHR and move it: HTTP on loopback, a JSON object in and out.

    GET  /                              the page for people
    GET  /journal?after=N&wait_s=S      the lines beyond N
    POST /pcd03                         the words of an order (``orders.Words``): send it as PCD-03
    POST /fhir                          the same as MedicationRequest
    POST /again     {"number": N}       send what line N sent, byte for byte
    POST /fault     {"fault": F, "seconds": "S"}   be so from now on (``listening.Fault``)

A POST carries the key of this run, which only the one who started the EHR has: no page of another origin can order anything.
"""

import hmac
import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from interop.demo.ehr.journal import SENT, TOLD, Journal
from interop.demo.ehr.listening import Behaviour, Fault, Listener
from interop.demo.ehr.orders import NoSuchOrder, Words, medication_request, pcd_03
from interop.demo.ehr.page import page
from interop.demo.ehr.sending import NotSent, Sent, Server, send_fhir, send_hl7

KEY_HEADER: Final = "X-Demo-Key"
LARGEST: Final = 64 * 1024
LONGEST_WAIT_S: Final = 30


class WrongUse(ValueError):
    """The request cannot be done; the text says why."""


class Desk:
    """What can be asked of the EHR."""

    def __init__(self, journal: Journal, listener: Listener, server: Server, now: Callable[[], datetime], run: str) -> None:
        """``run``: a few letters that no other run has, for control ids that are used once in the life of a server."""
        self.journal, self._listener, self._server, self._now, self._run = journal, listener, server, now, run
        self._counted = threading.Lock()
        self._count = 0

    def do(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        """Raises: WrongUse, NoSuchOrder, NotSent, OSError."""
        match path:
            case "/pcd03":
                words = Words.read(said)
                return _told(send_hl7(self._server, self.journal, pcd_03(words, self._control_id(), self._now()), words.order))
            case "/fhir":
                words = Words.read(said)
                body = medication_request(words, self._now())
                return _told(send_fhir(self._server, self.journal, "POST", "MedicationRequest", body, words.order))
            case "/again":
                return self._again(said)
            case "/fault":
                return self._behave(said)
            case _:
                raise WrongUse("there is no such thing here")

    def _again(self, said: dict[str, Any]) -> dict[str, Any]:
        named = [entry for entry in self.journal.entries() if entry.number == said.get("number")]
        first = next((entry for entry in named if entry.what == SENT and entry.about.get("kind") == "RGV^O15"), None)
        if first is None:
            raise WrongUse("number names no PCD-03 order that was sent")
        return _told(send_hl7(self._server, self.journal, first.content, first.about["order"]))

    def _behave(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            behaviour = Behaviour(Fault(said.get("fault", "")), float(said.get("seconds", "0")))
        except (ValueError, TypeError):
            raise WrongUse(f"fault is one of {', '.join(Fault)}, and seconds a number") from None
        self._listener.behave(behaviour)
        self.journal.add(TOLD, b"", fault=str(behaviour.fault), seconds=str(behaviour.seconds))
        return {"fault": str(behaviour.fault)}

    def _control_id(self) -> str:
        with self._counted:
            self._count += 1
            return f"{self._run}{self._count:04}"


def _told(sent: Sent) -> dict[str, Any]:
    return {"verdict": sent.verdict, "sent": asdict(sent.entry), "answer": asdict(sent.answer)}


def control_server(desk: Desk, key: str) -> ThreadingHTTPServer:
    """Listens at a free port of 127.0.0.1; ``serve_forever`` is the caller's. Raises: OSError."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "stand-in-EHR", ""

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if not self._is_here():
                return
            if asked.path == "/":
                self._answer(HTTPStatus.OK, page(desk.journal.entries()).encode(), "text/html; charset=utf-8")
                return
            if asked.path != "/journal":
                self._say(HTTPStatus.NOT_FOUND, {"error": "there is no such page"})
                return
            try:
                query = {name: float(values[-1]) for name, values in parse_qs(asked.query).items()}
            except ValueError:
                self._say(HTTPStatus.BAD_REQUEST, {"error": "after and wait_s are numbers"})
                return
            entries = desk.journal.entries(max(0, int(query.get("after", 0))), min(query.get("wait_s", 0), LONGEST_WAIT_S))
            self._say(HTTPStatus.OK, {"entries": [asdict(entry) for entry in entries]})

        def do_POST(self) -> None:
            if not self._is_here():
                return
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LARGEST:
                self.close_connection = True
                self._say(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "a JSON object of a known length, please"})
                return
            body = self.rfile.read(int(length))
            if not hmac.compare_digest(self.headers.get(KEY_HEADER, "").encode("latin-1"), key.encode("latin-1")):
                self._say(HTTPStatus.FORBIDDEN, {"error": "only the one who started this EHR moves it"})
                return
            try:
                said = json.loads(body)
                if not isinstance(said, dict):
                    raise WrongUse("a JSON object is wanted")
                self._say(HTTPStatus.OK, desk.do(self.path, said))
            except NotSent as fault:
                self._say(HTTPStatus.BAD_GATEWAY, {"error": str(fault)})
            except (WrongUse, NoSuchOrder, ValueError) as fault:
                self._say(HTTPStatus.BAD_REQUEST, {"error": str(fault)})
            except OSError as fault:
                self._say(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": fault.strerror or type(fault).__name__})

        def _is_here(self) -> bool:
            """A name that somebody pointed at this machine is not this machine's."""
            if self.headers.get("Host", "").rpartition(":")[0] in ("127.0.0.1", "localhost"):
                return True
            self._say(HTTPStatus.MISDIRECTED_REQUEST, {"error": "this EHR is at 127.0.0.1"})
            return False

        def _say(self, status: HTTPStatus, document: dict[str, Any]) -> None:
            self._answer(status, json.dumps(document).encode(), "application/json")

        def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """What happened stands in the journal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server
