"""Small servers on loopback that answer as a test tells them: one for MLLP, one for FHIR; each in a thread of its own."""

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = Callable[[bytes], bytes | None]
"""From the bytes that came to those that go back; None closes the connection."""


@dataclass
class MllpServer:
    """What came in, and where it listens."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    failed_handshakes: int = 0


@contextmanager
def mllp_server(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[MllpServer]:
    """Takes one connection after the other; ``answer`` gets each frame, framing bytes and all, and gives bytes as they shall be sent."""
    server = MllpServer()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            with connection:
                connection.settimeout(30)
                try:
                    if context is None:
                        converse(connection)
                    else:
                        with context.wrap_socket(connection, server_side=True) as wrapped:
                            converse(wrapped)
                except OSError:
                    server.failed_handshakes += context is not None

    def converse(connection: socket.socket) -> None:
        held = b""
        while data := connection.recv(65_536):
            held += data
            while b"\x1c\r" in held:
                frame, held = held.split(b"\x1c\r", 1)
                server.received.append(frame + b"\x1c\r")
                back = answer(frame + b"\x1c\r")
                if back is None:
                    return
                connection.sendall(back)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@dataclass
class Request:
    """One HTTP request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """One HTTP answer as it shall go."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FhirServer:
    """What came in, and where it listens."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)


@contextmanager
def fhir_server(answer: Callable[[Request], Reply], context: ssl.SSLContext | None = None) -> Iterator[FhirServer]:
    """Answers POST and PUT."""
    server = FhirServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            server.requests.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_POST = do_PUT = take

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Quiet(http.server.HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us hangs up; that is what some tests are about."""

    http_server = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        http_server.socket = context.wrap_socket(http_server.socket, server_side=True)
    server.port = http_server.server_address[1]
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()
