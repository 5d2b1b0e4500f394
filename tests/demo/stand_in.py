"""The stand-in EHR as a partner on the wire meets it: a process, its listener over mutual TLS, its control API."""

import http.client
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interop.demo.ehr.journal import Entry
from interop.demo.ehr.sending import client_context
from interop.demo.ehr_desk import EhrDesk
from interop.demo.processes import Child, free_ports


def client_of(certificates: Path) -> ssl.SSLContext:
    own = certificates / "interop-send"
    return client_context(str(own.with_suffix(".pem")), str(own.with_suffix(".key")), str(certificates / "ca.pem"))


class StandIn:
    """Running. ``mllp`` is where it takes interop's listener to be."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.folder, self.certificates = folder, certificates
        mllp, fhir = free_ports(2)
        self.mllp = ("127.0.0.1", mllp)
        (folder / "token").write_text("a-token\n", encoding="ascii")
        command = [sys.executable, "-m", "interop.demo.ehr", "--folder", str(folder / "ehr"), "--certificates", str(certificates)]
        command += ["--world-clock", str(folder / "world-clock"), "--token-file", str(folder / "token")]
        command += ["--mllp", f"127.0.0.1:{mllp}", "--fhir", f"127.0.0.1:{fhir}"]
        self.child = Child("the stand-in EHR", command, folder / "ehr.log")

    def __enter__(self) -> "StandIn":
        try:
            self.page = self.child.address("page")
            self.hl7 = ("127.0.0.1", int(self.child.address("hl7").rpartition(":")[2]))
            self.desk = EhrDesk(self.page, self.folder / "ehr" / "key")
        except BaseException:
            self.child.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.child.end()

    def connect(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(self.hl7, 10)
        return (context or client_of(self.certificates)).wrap_socket(plain, server_hostname="127.0.0.1")

    def ask(self, body: bytes) -> bytes:
        """One message, and its acknowledgement."""
        with self.connect() as line:
            line.sendall(b"\x0b" + body + b"\x1c\r")
            return heard(line)

    def written(self, what: str) -> list[Entry]:
        """Straight from the file."""
        lines = (self.folder / "ehr" / "journal.jsonl").read_text(encoding="ascii").splitlines()
        return [entry for entry in (Entry(**json.loads(line)) for line in lines) if entry.what == what]

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
        """As any program of this machine may ask, without the key."""
        connection = http.client.HTTPConnection(self.page.removeprefix("http://").rstrip("/"), timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            content = answer.read().decode()
            return answer.status, json.loads(content) if "json" in answer.headers["Content-Type"] else content
        finally:
            connection.close()


def heard(line: ssl.SSLSocket) -> bytes:
    """The content of the next frame; empty: the other side closed."""
    data = b""
    while not data.endswith(b"\x1c\r"):
        more = line.recv(65_536)
        if not more:
            return b""
        data += more
    assert data.startswith(b"\x0b")
    return data[1:-2]


class Interop:
    """Somebody at the port where the EHR takes interop's listener to be: answers one message a connection with what ``answer`` makes of it."""

    def __init__(self, at: tuple[str, int], certificates: Path, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        self._socket = socket.create_server(at)
        self.received: list[bytes] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "Interop":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with self._context.wrap_socket(plain, server_side=True) as line:
                body = heard(line)
                self.received.append(body)
                line.sendall(self._answer(body))
