"""``interop send``: HL7 to a listener, FHIR to a server, and each answer printed; 0 only if all were accepted."""

import io
import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.doors.mllp_tls import server_context
from interop.service.init import Wishes, make_files
from interop.service.send import FAILED, OK, REFUSED, WRONG_USE, destination_of, pieces_of, send
from interop.service.sending import WrongUse
from tests.service.loopback import Reply, Request, fhir_server, mllp_server

ORDER = b"MSH|^~\\&|EHR1|DEMO|||20261123081500-0600||RGV^O15^RGV_O15|M1|P|2.6\rPID|1||MRN-1\r"
RESOURCE = b'{"resourceType": "MedicationRequest", "status": "active", "dose": 0.050}'


class Ward:
    """A folder as `interop init` makes it, files beside it, and what `send` said."""

    def __init__(self, folder: Path, **wishes: object) -> None:
        self.folder = folder
        self.config = folder / "interop.toml"
        make_files(folder, Wishes(**wishes), say=lambda line: None, now=datetime.now(UTC), environment={})  # type: ignore[arg-type]
        self.out = self.err = ""

    def file(self, name: str, content: bytes) -> str:
        path = self.folder.parent / name
        path.write_bytes(content)
        return str(path)

    def send(self, files: list[str], to: str, *, with_config: bool = True, **options: object) -> int:
        out, err = io.StringIO(), io.StringIO()
        config = self.config if with_config else None
        code = send(files, to, config=config, out=out, err=err, environment={}, **options)  # type: ignore[arg-type]
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def door(self) -> ssl.SSLContext:
        certificates = self.folder / "certificates"
        return server_context(
            certificate=certificates / "server.pem", key=certificates / "server.key", client_authorities=certificates / "ca.pem"
        )

    def https(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "certificates/server.pem", self.folder / "certificates/server.key")
        return context


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward") / "interop")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("demo") / "interop", demo=True, clear_text=True)


def framed(content: bytes) -> bytes:
    return b"\x0b" + content + b"\x1c\r"


def control_id(frame: bytes) -> bytes:
    return frame.split(b"|")[9] if frame.count(b"|") > 9 else b""


def acknowledged(code: bytes, *more: bytes) -> object:
    """An answer of that code to whatever came."""

    def answer(frame: bytes) -> bytes:
        lines = [b"MSH|^~\\&|||EHR1|DEMO|20261123081501-0600||ACK^O15^ACK|A1|P|2.6", b"MSA|" + code + b"|" + control_id(frame), *more]
        return framed(b"\r".join(lines) + b"\r")

    return answer


# ── HL7 over MLLP ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_05_an_order_goes_over_mutual_tls_with_the_certificate_that_init_made(made: Ward):
    with mllp_server(acknowledged(b"CA"), made.door()) as server:
        assert made.send([made.file("order.hl7", ORDER)], f"localhost:{server.port}") == OK
    assert server.received == [framed(ORDER)]
    assert made.err == ""
    assert made.out.splitlines() == [
        f"{made.folder.parent}/order.hl7: accepted (CA)",
        "MSH|^~\\&|||EHR1|DEMO|20261123081501-0600||ACK^O15^ACK|A1|P|2.6",
        "MSA|CA|M1",
    ]


@pytest.mark.parametrize(
    ("code", "verdict", "exit_code"),
    [(b"AA", "accepted (AA)", OK), (b"CE", "refused (CE)", REFUSED), (b"CR", "refused (CR)", REFUSED), (b"AR", "refused (AR)", REFUSED)],
)
def test_the_exit_code_is_zero_only_for_an_acceptance(demo: Ward, code: bytes, verdict: str, exit_code: int):
    with mllp_server(acknowledged(code, b"ERR|||101^Required field missing^HL70357|E|9003^x||||RXG-15 is empty")) as server:
        assert demo.send([demo.file("order.hl7", ORDER)], f"127.0.0.1:{server.port}") == exit_code
    assert verdict in demo.out
    assert demo.out.splitlines()[3] == "ERR|||101^Required field missing^HL70357|E|9003^x||||RXG-15 is empty"


def test_many_files_and_many_messages_go_over_one_connection_in_their_order(demo: Ward):
    several = b"\n".join(ORDER.replace(b"|M1|", b"|M%d|" % number).replace(b"\r", b"\n").strip() for number in (1, 2, 3))
    with mllp_server(acknowledged(b"CA")) as server:
        files = [demo.file("several.hl7", several), demo.file("one.hl7", ORDER.replace(b"|M1|", b"|M4|"))]
        assert demo.send(files, f"127.0.0.1:{server.port}") == OK
    assert server.connections == 1
    assert [control_id(frame) for frame in server.received] == [b"M1", b"M2", b"M3", b"M4"]
    assert all(b"\n" not in frame and frame.endswith(b"\r\x1c\r") for frame in server.received)
    assert "several.hl7 #2: accepted (CA)" in demo.out


def test_a_refusal_does_not_stop_the_next(demo: Ward):
    def answer(frame: bytes) -> bytes:
        return acknowledged(b"CR" if control_id(frame) == b"M1" else b"CA")(frame)  # type: ignore[operator]

    with mllp_server(answer) as server:
        files = [demo.file("a.hl7", ORDER), demo.file("b.hl7", ORDER.replace(b"|M1|", b"|M2|"))]
        assert demo.send(files, f"127.0.0.1:{server.port}") == REFUSED
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "content",
    [
        ORDER.replace(b"\r", b"\n"),
        ORDER.replace(b"\r", b"\r\n"),
        ORDER.rstrip(b"\r"),
        b"\xef\xbb\xbf" + ORDER,
        b"\n\n" + ORDER + b"\n",
        framed(ORDER),
        framed(ORDER.rstrip(b"\r")),
    ],
)
def test_a_file_is_sent_as_the_wire_wants_it_whatever_an_editor_made_of_it(demo: Ward, content: bytes):
    with mllp_server(acknowledged(b"CA")) as server:
        assert demo.send([demo.file("order.hl7", content)], f"127.0.0.1:{server.port}") == OK
    assert server.received == [framed(ORDER)]


def test_what_cannot_be_read_is_sent_all_the_same(demo: Ward):
    """Doors are tried with it."""
    with mllp_server(acknowledged(b"CR")) as server:
        assert demo.send([demo.file("bad.hl7", b"MSH|nonsense")], f"127.0.0.1:{server.port}") == REFUSED
    assert server.received == [framed(b"MSH|nonsense\r")]


def test_an_answer_to_another_message_is_no_acceptance(demo: Ward):
    with mllp_server(lambda frame: acknowledged(b"CA")(frame).replace(b"|M1\r", b"|M9\r")) as server:  # type: ignore[operator]
        assert demo.send([demo.file("order.hl7", ORDER)], f"127.0.0.1:{server.port}") == REFUSED
    assert "CA, but for another message (MSA-2)" in demo.out


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (framed(b"nonsense"), "the answer is none"),
        (framed(ORDER), "the answer is none: 0 MSA segments"),
        (b"\x0bMSH\x0b|\x1c\r", "the answer's frame is broken: start-within"),
        (framed(b"MSH|^~\\&|\x1b[2J\r"), "the answer is none"),
    ],
)
def test_sec_24_what_is_no_answer_is_shown_and_no_terminal_obeys_it(demo: Ward, back: bytes, said: str):
    with mllp_server(lambda frame: back) as server:
        assert demo.send([demo.file("order.hl7", ORDER)], f"127.0.0.1:{server.port}") == REFUSED
    assert said in demo.out
    assert "\x1b" not in demo.out


def test_a_message_that_wants_no_answer_is_not_waited_for(demo: Ward):
    quiet = ORDER.replace(b"|2.6\r", b"|2.6|||NE|NE\r")
    with mllp_server(lambda frame: b"") as server:
        assert demo.send([demo.file("quiet.hl7", quiet)], f"127.0.0.1:{server.port}") == REFUSED
    assert "MSH-15 asks for no answer, so nothing is known of it" in demo.out


@pytest.mark.parametrize(
    ("back", "said"),
    [(None, "closed the connection without an answer"), (b"", "it did not answer in time"), (b"\x0bMSH", "it did not answer in time")],
)
def test_where_no_answer_comes_the_rest_is_not_sent(demo: Ward, back: bytes | None, said: str):
    with mllp_server(lambda frame: back) as server:
        files = [demo.file(name, ORDER) for name in ("a.hl7", "b.hl7", "c.hl7")]
        assert demo.send(files, f"127.0.0.1:{server.port}", answer_s=1) == FAILED
    assert len(server.received) == 1
    assert said in demo.err
    assert demo.err.rstrip().endswith("; 2 more not sent")


def test_a_listener_that_is_not_there_is_told(demo: Ward, made: Ward):
    with mllp_server(lambda frame: None) as server:
        port = server.port
    for ward in (demo, made):
        assert ward.send([ward.file("order.hl7", ORDER)], f"127.0.0.1:{port}") == FAILED
        assert f"127.0.0.1:{port} cannot be reached: Connection refused" in ward.err


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_is_not_ours_gets_nothing(made: Ward, tmp_path: Path):
    other = Ward(tmp_path / "other")
    with mllp_server(acknowledged(b"CA"), other.door()) as server:
        assert made.send([made.file("order.hl7", ORDER)], f"localhost:{server.port}") == FAILED
    assert server.received == []
    assert "the server's certificate is not to be trusted" in made.err
    assert "1 more" not in made.err


def test_a_client_that_the_server_does_not_know_is_told(made: Ward, tmp_path: Path):
    other = Ward(tmp_path / "other")
    (made.folder / "certificates/theirs.pem").write_bytes((other.folder / "certificates/ca.pem").read_bytes())
    certificates = made.folder / "certificates"
    door = server_context(
        certificate=certificates / "server.pem", key=certificates / "server.key", client_authorities=certificates / "theirs.pem"
    )
    with mllp_server(acknowledged(b"CA"), door) as server:
        assert made.send([made.file("order.hl7", ORDER)], f"localhost:{server.port}") == FAILED
    assert server.received == []
    assert ": no answer: " in made.err or " cannot be reached: " in made.err  # at the handshake, or with TLS 1.3 after it


def test_sec_03_without_a_certificate_nothing_is_sent(made: Ward):
    with mllp_server(acknowledged(b"CA")) as server:
        assert made.send([made.file("order.hl7", ORDER)], f"127.0.0.1:{server.port}", with_config=False) == WRONG_USE
    assert server.connections == 0
    assert "MLLP wants a client certificate: name the --config" in made.err


@pytest.mark.parametrize("to", ["10.1.2.3:2575", "ehr.hospital.example:2575", "localhost:2575", "[2001:db8::1]:2575"])
def test_sec_03_clear_text_goes_to_a_loopback_address_only(demo: Ward, to: str):
    assert demo.send([demo.file("order.hl7", ORDER)], to, with_config=False, demo=True) == WRONG_USE
    assert "--demo speaks clear text, and only to 127.0.0.1 or [::1]" in demo.err


def test_sec_03_a_demonstrations_settings_mean_tls_to_another_machine(demo: Ward, monkeypatch: pytest.MonkeyPatch):
    """They allow clear text to a loopback address; to any name TLS is spoken, which this server does not understand."""
    monkeypatch.setattr("interop.service.send_mllp.CONNECT_S", 1)
    with mllp_server(acknowledged(b"CA")) as server:
        assert demo.send([demo.file("order.hl7", ORDER)], f"localhost:{server.port}", answer_s=2) == FAILED
    assert all(b"MRN-1" not in frame for frame in server.received)


def test_clear_text_on_this_machine_needs_no_config(demo: Ward):
    with mllp_server(acknowledged(b"CA")) as server:
        assert demo.send([demo.file("order.hl7", ORDER)], f"127.0.0.1:{server.port}", with_config=False, demo=True) == OK


# ── FHIR ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def created(request: Request) -> Reply:
    body = b'{"resourceType": "MedicationRequest",\n "id": "a1"}'
    return Reply(
        201, body, {"Location": "/fhir/r4/MedicationRequest/a1/_history/1", "ETag": 'W/"1"', "Content-Type": "application/fhir+json"}
    )


def token_in(ward: Ward, text: str = "abc.DEF-123~4") -> Path:
    path = ward.folder / "token"
    path.write_text(f"{text}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_resource_is_created_with_the_token_of_its_file(made: Ward):
    with fhir_server(created, made.https()) as server:
        to = f"https://localhost:{server.port}/fhir/r4/"
        assert made.send([made.file("order.json", RESOURCE)], to, token_file=token_in(made)) == OK
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/fhir/r4/MedicationRequest", RESOURCE)
    assert request.headers["authorization"] == "Bearer abc.DEF-123~4"
    assert request.headers["content-type"] == "application/fhir+json"
    assert made.out.splitlines() == [
        f"{made.folder.parent}/order.json: accepted (201)",
        "HTTP 201 Created",
        "Location: /fhir/r4/MedicationRequest/a1/_history/1",
        'ETag: W/"1"',
        '{"resourceType": "MedicationRequest",',
        ' "id": "a1"}',
    ]
    assert "abc.DEF" not in made.out + made.err


@pytest.mark.parametrize(("meta", "if_match"), [({"versionId": "3"}, 'W/"3"'), ({}, None), (None, None)])
def test_a_resource_is_updated_under_its_id_and_names_the_version_it_was_made_from(made: Ward, meta: object, if_match: str | None):
    resource = json.dumps({"resourceType": "MedicationRequest", "id": "order-1.2", "meta": meta}).encode()
    with fhir_server(lambda request: Reply(200, b"{}"), made.https()) as server:
        assert made.send([made.file("order.json", resource)], f"https://127.0.0.1:{server.port}/fhir/r4", update=True) == OK
    (request,) = server.requests
    assert (request.method, request.path) == ("PUT", "/fhir/r4/MedicationRequest/order-1.2")
    assert request.headers.get("if-match") == if_match
    assert "authorization" not in request.headers


def test_a_resource_with_an_id_is_created_all_the_same_and_the_server_chooses_its_own(made: Ward):
    resource = b'{"resourceType": "MedicationRequest", "id": "theirs"}'
    with fhir_server(created, made.https()) as server:
        assert made.send([made.file("order.json", resource)], f"https://localhost:{server.port}") == OK
    assert (server.requests[0].method, server.requests[0].path) == ("POST", "/MedicationRequest")


def test_an_update_is_for_fhir(demo: Ward):
    assert demo.send([demo.file("order.hl7", ORDER)], "127.0.0.1:1", update=True) == WRONG_USE
    assert "--update is for FHIR" in demo.err


def test_the_token_can_stand_in_the_settings(made: Ward, tmp_path: Path):
    ward = Ward(tmp_path / "with token")
    token_in(ward, "FromSettings")
    text = ward.config.read_text(encoding="utf-8").replace('# token_file = ""', 'token_file = "token"')
    ward.config.write_text(text, encoding="utf-8")
    with fhir_server(created, ward.https()) as server:
        assert ward.send([ward.file("order.json", RESOURCE)], f"https://localhost:{server.port}") == OK
    assert server.requests[-1].headers["authorization"] == "Bearer FromSettings"


@pytest.mark.parametrize("status", [202, 302, 400, 401, 422, 503])
def test_any_other_status_is_a_refusal_and_is_printed(made: Ward, status: int):
    outcome = b'{"resourceType": "OperationOutcome"}'
    with fhir_server(lambda request: Reply(status, outcome, {"Location": "https://elsewhere.example/"}), made.https()) as server:
        assert made.send([made.file("order.json", RESOURCE)], f"https://localhost:{server.port}", token_file=token_in(made)) == REFUSED
    assert f"HTTP {status}" in made.out
    assert outcome.decode() in made.out
    assert len(server.requests) == 1  # and no redirect is followed with the token


def test_sec_24_an_answer_that_would_move_the_cursor_is_shown_as_text(made: Ward):
    with fhir_server(lambda request: Reply(200, "\x1b]0;x\x07\u202e".encode()), made.https()) as server:
        made.send([made.file("order.json", RESOURCE)], f"https://localhost:{server.port}")
    assert "\\x1b]0;x\\x07\\x202e" in made.out


def test_sec_24_an_answer_without_end_is_cut_off(made: Ward, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("interop.service.send_fhir.MAX_ANSWER_BYTES", 10_000)
    with fhir_server(lambda request: Reply(200, b"x" * 20_000), made.https()) as server:
        assert made.send([made.file("order.json", RESOURCE)], f"https://localhost:{server.port}") == FAILED
    assert "the answer is over 10000 bytes" in made.err


def test_a_fhir_server_that_is_not_ours_gets_no_token(made: Ward, tmp_path: Path):
    other = Ward(tmp_path / "other")
    with fhir_server(created, other.https()) as server:
        assert made.send([made.file("order.json", RESOURCE)], f"https://localhost:{server.port}", token_file=token_in(made)) == FAILED
    assert server.requests == []
    assert "certificate is not to be trusted" in made.err


def test_a_fhir_server_that_is_not_there_is_told(made: Ward):
    with fhir_server(created) as server:
        port = server.port
    assert made.send([made.file("order.json", RESOURCE)], f"https://127.0.0.1:{port}") == FAILED
    assert "no answer: Connection refused" in made.err


def test_sec_03_http_is_for_demonstrations_on_loopback(made: Ward, demo: Ward):
    with fhir_server(created) as server:
        to = f"http://127.0.0.1:{server.port}/fhir/r4"
        assert made.send([made.file("order.json", RESOURCE)], to) == WRONG_USE
        assert server.requests == []
        assert demo.send([demo.file("order.json", RESOURCE)], to) == OK
        assert demo.send([demo.file("order.json", RESOURCE)], to, with_config=False, demo=True) == OK
    for elsewhere in ("http://10.1.2.3/fhir/r4", "http://localhost/fhir/r4"):
        assert demo.send([demo.file("order.json", RESOURCE)], elsewhere, demo=True) == WRONG_USE
        assert "http:// is clear text" in demo.err


# ── wrong use ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fhir_to_an_mllp_listener_is_told_plainly_and_nothing_is_sent(demo: Ward):
    with mllp_server(acknowledged(b"CA")) as server:
        files = [demo.file("order.hl7", ORDER), demo.file("order.json", RESOURCE)]
        assert demo.send(files, f"127.0.0.1:{server.port}") == WRONG_USE
    assert server.connections == 0
    assert "order.json is FHIR JSON, and HOST:PORT takes HL7 v2 over MLLP: send it to https://HOST:PORT/fhir/r4" in demo.err


def test_hl7_to_a_fhir_server_is_told_plainly(made: Ward):
    assert made.send([made.file("order.hl7", ORDER)], "https://localhost:1/fhir/r4") == WRONG_USE
    assert "order.hl7 is HL7 v2, and https:// takes FHIR JSON: send it to HOST:PORT" in made.err


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is neither HL7 v2"),
        (b"<MedicationRequest/>", "is neither HL7 v2"),
        (b"FHS|^~\\&\rMSH|^~\\&\r", "is neither HL7 v2"),
        (b"\x0bMSH|^~\\&", "holds an MLLP frame that does not end"),
        (b"\x0bMSH\x0b|\x1c\r", "holds a broken MLLP frame"),
        (b"\x0bPID|\x1c\r", "is neither HL7 v2"),
    ],
)
def test_a_file_that_is_nothing_of_ours_is_told(demo: Ward, content: bytes, what: str):
    assert demo.send([demo.file("order", content)], "127.0.0.1:1") == WRONG_USE
    assert what in demo.err


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "it is not JSON"),
        (b"{}", "it has no resourceType"),
        (b'{"resourceType": 4}', "it has no resourceType"),
        (b'{"resourceType": "../admin"}', "it has no resourceType"),
        (b'{"resourceType": "Task"}', "an update wants an id"),
        (b'{"resourceType": "Task", "id": "../../admin"}', "an update wants an id"),
        (b'{"resourceType": "Task", "id": 4}', "an update wants an id"),
        (b'{"resourceType": "Task", "id": "a", "meta": {"versionId": "1\\r\\nX: y"}}', "its meta.versionId is not"),
        (b'{"resourceType": "Task", "id": "a", "meta": {"versionId": 1}}', "its meta.versionId is not"),
        (b'{"a":' * 100_000, "it is not JSON"),
    ],
)
def test_sec_24_a_resource_that_has_no_place_is_told_and_makes_no_address(made: Ward, content: bytes, what: str):
    assert made.send([made.file("order.json", content)], "https://localhost:1", update=True) == WRONG_USE
    assert what in made.err


@pytest.mark.parametrize(
    "to",
    [
        "",
        "2575",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "::1:2575",
        "a b:1",
        "ftp://host",
        "https://",
        "https://u:p@host/",
        "https://host/?a=1",
        "https://host:99999/",
        "mllp://host:1",
        "https://[::1/",
    ],
)
def test_a_destination_that_is_none_is_told(demo: Ward, to: str):
    assert demo.send([demo.file("order.hl7", ORDER)], to) == WRONG_USE
    assert "--to wants HOST:PORT" in demo.err


@given(st.text(max_size=40))
def test_sec_24_any_text_is_a_destination_or_told(to: str):
    try:
        where = destination_of(to)
    except WrongUse:
        return
    assert where.host


@given(st.binary(max_size=80), st.sampled_from(["host:1", "https://host"]))
def test_sec_24_any_bytes_are_pieces_or_told(data: bytes, to: str):
    try:
        pieces = pieces_of("order", data, destination_of(to))
    except WrongUse:
        return
    assert pieces


def test_a_file_that_is_not_there_is_told_and_nothing_is_sent(demo: Ward):
    with mllp_server(acknowledged(b"CA")) as server:
        assert demo.send([demo.file("order.hl7", ORDER), "/nowhere.hl7"], f"127.0.0.1:{server.port}") == FAILED
    assert server.connections == 0
    assert demo.err == "interop: /nowhere.hl7: No such file or directory\n"


@pytest.mark.parametrize("token", ["two words", "é", "line\\nbreak "])
def test_sec_31_what_is_no_token_is_told_and_not_shown(made: Ward, token: str):
    assert made.send([made.file("order.json", RESOURCE)], "https://localhost:1", token_file=token_in(made, token)) == WRONG_USE
    assert "does not hold a bearer token" in made.err
    assert token not in made.err


def test_settings_with_faults_are_told(made: Ward, tmp_path: Path):
    config = tmp_path / "interop.toml"
    config.write_text("[mllp]\nprt = 1\n", encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    assert send([made.file("order.hl7", ORDER)], "localhost:1", config=config, out=out, err=err, environment={}) == WRONG_USE
    assert f"interop: {config}:2:1: unknown key [mllp] prt" in err.getvalue()


def test_a_message_comes_from_standard_input(demo: Ward):
    program = "import sys; from interop.service.send import send; sys.exit(send(['-'], sys.argv[1], demo=True))"
    with mllp_server(acknowledged(b"CA")) as server:
        run = subprocess.run(
            [sys.executable, "-c", program, f"127.0.0.1:{server.port}"],
            cwd=Path(__file__).parents[2],
            input=ORDER,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert run.returncode == OK, run.stderr
    assert run.stdout.startswith(b"-: accepted (CA)\n")
