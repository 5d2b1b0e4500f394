"""One TOML file and the environment over it: every fault is told at once, with its line or its variable."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.doors.fhir.limits import DoorLimits
from interop.doors.mllp_limits import Limits
from interop.doors.pump_link.limits import LinkLimits
from interop.service.settings import SECTIONS, LogFormat, LogLevel, Settings, all_keys
from interop.service.settings_checks import is_loopback, store_url_fault
from interop.service.settings_load import SecretUnreadable, SettingsUnsound, load_settings, read_secret, settings_of, store_address
from interop.service.settings_text import as_json, default_of, describe
from interop.service.wiring import documenting_of, ways_of
from tests.conduct.ward import Counter

CLOSED = """\
[node]
name = "ward-1"
[store]
url = "sqlite:///interop.db"
[mllp]
enabled = false
[fhir]
enabled = false
[pages]
enabled = false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "interop.toml"


def loaded(file: Path, text: str, **environment: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environment)


def faults(file: Path, text: str, **environment: str) -> list[str]:
    """The faults, each from the file's name on."""
    with pytest.raises(SettingsUnsound) as unsound:
        loaded(file, text, **environment)
    return [fault.removeprefix(f"{file.parent}/") for fault in unsound.value.faults]


def test_a_small_file_takes_the_defaults(file: Path):
    settings = loaded(file, CLOSED)
    assert settings.node.name == "ward-1"
    assert (settings.mllp.port, settings.fhir.port, settings.pages.port) == (2575, 8443, 8444)
    assert (settings.log.level, settings.log.format) == (LogLevel.INFO, LogFormat.JSON)
    assert settings.mllp.tls
    assert not settings.demo.enabled


def test_the_defaults_of_the_mllp_door_are_the_doors_own(file: Path):
    mllp, limits = loaded(file, CLOSED).mllp, Limits()
    assert (mllp.max_connections, mllp.max_connections_per_peer) == (limits.connections, limits.connections_per_peer)
    assert (mllp.max_in_flight, mllp.max_in_flight_per_connection) == (limits.in_flight, limits.in_flight_per_connection)
    assert (mllp.max_message_bytes, mllp.max_messages_per_s, mllp.burst_messages) == (
        limits.message_bytes,
        limits.messages_per_s,
        limits.burst,
    )
    assert (mllp.handshake_s, mllp.frame_s, mllp.idle_s) == (limits.handshake_s, limits.frame_s, limits.idle_s)
    assert (mllp.answer_s, mllp.unread_s) == (limits.answer_s, limits.unread_s)


def test_the_defaults_of_the_fhir_door_are_the_doors_own(file: Path):
    fhir, limits = loaded(file, CLOSED).fhir, DoorLimits()
    assert (fhir.max_body_bytes, fhir.body_s, fhir.max_in_flight) == (limits.body_bytes, limits.body_s, limits.in_flight)
    assert (fhir.max_requests_per_s, fhir.burst_requests) == (limits.requests_per_s, limits.burst)


def test_the_defaults_of_the_pump_links_door_are_the_doors_own(file: Path):
    pumps, limits = loaded(file, CLOSED).pumps, LinkLimits()
    assert (pumps.max_pumps, pumps.max_before_hello) == (limits.links, limits.before_hello)
    assert (pumps.max_before_hello_per_address, pumps.max_unsent) == (limits.before_hello_per_address, limits.unsent)
    assert (pumps.max_frames_per_s, pumps.burst_frames) == (limits.frames_per_s, limits.burst)
    assert (pumps.handshake_s, pumps.hello_s, pumps.unread_s) == (limits.handshake_s, limits.hello_s, limits.unread_s)
    assert not pumps.enabled


def test_a_relative_record_lies_beside_the_settings(file: Path):
    assert loaded(file, CLOSED).store.url == f"sqlite:///{file.parent}/interop.db"
    assert loaded(file, CLOSED.replace("///interop.db", "////srv/interop.db")).store.url == "sqlite:////srv/interop.db"


def test_the_environment_goes_over_the_file(file: Path):
    settings = loaded(
        file,
        CLOSED + "[log]\nlevel = 'error'\n",
        INTEROP_LOG_LEVEL="debug",
        INTEROP_MLLP_PORT="0",
        INTEROP_DEMO_ENABLED="true",
        INTEROP_NODE_NAME="ward-2",
        PATH="/bin",
    )
    assert settings.log.level is LogLevel.DEBUG
    assert settings.mllp.port == 0
    assert settings.demo.enabled
    assert settings.node.name == "ward-2"


def test_the_environment_can_give_what_the_file_must_have(file: Path):
    settings = loaded(file, CLOSED.replace('name = "ward-1"\n', ""), INTEROP_NODE_NAME="ward-3")
    assert settings.node.name == "ward-3"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[mllp]\nprt = 2575\n", "interop.toml:2:1: unknown key [mllp] prt"),
        ("[mlpp]\nport = 2575\n", "interop.toml:1:1: unknown key mlpp"),
        ("port = 2575\n", "interop.toml:1:1: unknown key port"),
        ('[mllp]\nport = "2575"\n', "interop.toml:2:1: port is not a number"),
        ("[mllp]\nport = 70000\n", "interop.toml:2:1: port = 70000 is out of its range"),
        ("[mllp]\nport = 2575.5\n", "interop.toml:2:1: port is not a whole number"),
        ("[mllp]\nport = true\n", "interop.toml:2:1: port is not a number"),
        ("[mllp]\n  idle_s = 0\n", "interop.toml:2:3: idle_s = 0 is out of its range"),
        ("[mllp]\nidle_s = -1\n", "interop.toml:2:1: idle_s = -1 is not a plain decimal"),
        ('[mllp]\ntls = "no"\n', "interop.toml:2:1: tls is not true or false"),
        ("[mllp]\nhost = 4\n", "interop.toml:2:1: host is not a text in quotes"),
        ('[mllp]\nhost = ""\n', "interop.toml:2:1: host is not an IP address"),
        ('[mllp]\nhost = "256.1.1.1"\n', "interop.toml:2:1: host is not an IP address"),
        ('[mllp]\nhost = "interop.example"\n', "interop.toml:2:1: host is not an IP address"),
        ('[lanes.destinations.e]\nhost = "256.1.1.1"\nsender = "x"\nport = 1\n', "interop.toml:2:1: host is neither an IP address nor"),
        ('[mllp]\nkey_file = "none.key"\n', "interop.toml:2:1: key_file: "),
        ("[mllp]\nport = 1\nport = 2\n", "interop.toml:3:9: not TOML"),
        ("mllp = 3\n", "interop.toml:1:1: mllp is not a table"),
        ('[log]\nlevel = "loud"\n', 'interop.toml:2:1: level is not "debug" or "info" or "warning" or "error"'),
        ('[node]\nname = "ward one"\n', "interop.toml:2:1: name is not a name of at most 64"),
        ("[store]\n", "interop.toml:1:1: url of [store] is missing"),
        ("", "interop.toml:1:1: name of [node] is missing"),
        (
            '[mllp.peers."ehr"]\nsender = "x"\nnames = [{ application = "A", facility = "B" }]\n',
            "interop.toml:1:1: the name in [mllp.peers.…]",
        ),
        ('[mllp.peers."DNS:ehr"]\nsender = "x"\nnames = []\n', "interop.toml:3:1: names is empty"),
        ('[mllp.peers."DNS:ehr"]\nsender = "x"\nname = "y"\n', "interop.toml:3:1: unknown key"),
        ('[mllp.peers."DNS:ehr"]\nsender = "x"\nnames = [{ application = "*", facility = "B" }]\n', "interop.toml:3:12: application is *"),
        ('[lanes.destinations.ehr]\nhost = "ehr"\nport = 1\n', "interop.toml:1:1: sender of [lanes.destinations.ehr] is missing"),
        ('[lanes.destinations."e h r"]\nsender = "x"\nhost = "ehr"\nport = 1\n', "interop.toml:1:1: the name in [lanes.destinations.…]"),
    ],
)
def test_each_fault_is_told_with_its_line(file: Path, text: str, fault: str):
    found = faults(file, text)
    assert any(each.startswith(fault) for each in found), found
    assert all(re.match(r"interop\.toml:\d+:\d+: .+ — do: .+", each, re.DOTALL) for each in found)


def test_all_faults_are_told_at_once_in_the_order_of_the_file(file: Path):
    text = CLOSED + "[log]\nlevel = 1\nlines = 2\n[lanes]\nlease_s = 0\nworth_s = 1\n"
    found = faults(file, text, INTEROP_FHIR_PORT="many", INTEROP_FHIR_POTR="1")
    assert [each.split(": ")[0] for each in found] == [
        "interop.toml:12:1",
        "interop.toml:13:1",
        "interop.toml:15:1",
        "interop.toml:16:1",
        "INTEROP_FHIR_PORT in the environment",
        "INTEROP_FHIR_POTR in the environment",
    ]


@pytest.mark.parametrize(
    ("variable", "text", "what"),
    [
        ("INTEROP_MLLP_PORT", "many", "port is not a whole number"),
        ("INTEROP_MLLP_PORT", "70000", "port = 70000 is out of its range"),
        ("INTEROP_MLLP_PORT", "tcp://10.0.0.1:2575", "port is not a whole number"),
        ("INTEROP_MLLP_TLS", "False", "tls is not true or false"),
        ("INTEROP_LOG_FORMAT", "xml", "format is not"),
        ("INTEROP_NODE_NAME", "", "name is not a name"),
        ("INTEROP_MLLP_KEY_FILE", "no.key", "key_file: "),
        ("INTEROP_MLPP_PORT", "2575", "no key of the settings has this name"),
        ("INTEROP_MLLP_PEERS", "x", "no key of the settings has this name"),
        ("INTEROP_STORE_URL", "mongodb://x", "url is not memory:, sqlite:///path or postgresql://user@host/database"),
    ],
)
def test_a_fault_of_the_environment_names_its_variable(file: Path, variable: str, text: str, what: str):
    (found,) = faults(file, CLOSED, **{variable: text})
    assert found.startswith(f"{variable} in the environment: {what}")
    assert " — do: " in found


def test_a_missing_file_is_told_with_what_makes_one(file: Path):
    with pytest.raises(SettingsUnsound, match=r"interop\.toml:1:1: .*No such file.* — do: make one with `interop init DIR`"):
        load_settings(file, {})


def test_a_named_file_that_is_not_there_is_told_with_its_line(file: Path):
    (found,) = faults(file, CLOSED + '[send]\nca_file = "ca.pem"\n')
    assert found.startswith("interop.toml:12:1: ca_file: ")
    assert "cannot be found" in found
    (file.parent / "ca.pem").mkdir()
    (found,) = faults(file, CLOSED + '[send]\nca_file = "ca.pem"\n')
    assert "is not a file" in found


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

DEMO = "[demo]\nenabled = true\n"
CLEAR = CLOSED.replace("[mllp]\nenabled = false\n", '[mllp]\nhost = "127.0.0.1"\ntls = false\n')


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_sec_03_clear_text_is_for_loopback_in_demo_mode(file: Path, host: str):
    settings = loaded(file, CLEAR.replace("127.0.0.1", host) + DEMO)
    assert not settings.mllp.tls


def test_sec_03_clear_text_without_demo_mode_is_refused(file: Path):
    (found,) = faults(file, CLEAR)
    assert found.startswith("interop.toml:7:1: [mllp] would speak in clear text")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "2001:db8::1", "128.0.0.1"])
@pytest.mark.parametrize("tls", ["true", "false"])
def test_sec_03_sec_41_demo_mode_on_another_address_is_refused(file: Path, host: str, tls: str):
    found = faults(file, CLEAR.replace("127.0.0.1", host).replace("tls = false", f"tls = {tls}") + DEMO)
    assert any(each.startswith("interop.toml:6:1: [mllp] is open to other machines in demo mode") for each in found)


@pytest.mark.parametrize("section", ["mllp", "fhir", "pages"])
def test_sec_03_no_variable_turns_tls_off(file: Path, section: str):
    (file.parent / "identity.secret").touch(0o600)
    text = CLOSED + '[identity]\nsecret_file = "identity.secret"\n'
    text = text.replace(f"[{section}]\nenabled = false", f"[{section}]")
    found = faults(file, text, **{f"INTEROP_{section.upper()}_TLS": "false"})
    assert len(found) == 1
    assert found[0].startswith(f"INTEROP_{section.upper()}_TLS in the environment: [{section}] would speak in clear text — do: ")


def test_sec_03_a_listener_with_tls_names_its_files(file: Path):
    found = faults(file, CLOSED.replace("[mllp]\nenabled = false\n", "[mllp]\n"))
    assert [each.split(", and ")[1].split(" ")[0] for each in found] == ["certificate_file", "key_file", "client_ca_file"]


PUMPS = CLOSED + "[pumps]\nenabled = true\n"


def test_sec_02_the_pump_link_names_its_files_and_speaks_clear_text_in_demo_mode_only(file: Path):
    found = faults(file, PUMPS)
    assert [each.split(", and ")[1].split(" ")[0] for each in found] == ["certificate_file", "key_file", "client_ca_file"]
    (found_one,) = faults(file, PUMPS + "tls = false\n")
    assert found_one.startswith("interop.toml:13:1: [pumps] would speak in clear text")
    (found_one,) = faults(file, PUMPS + 'tls = false\nhost = "0.0.0.0"\n' + DEMO)
    assert found_one.startswith("interop.toml:14:1: [pumps] is open to other machines in demo mode")
    assert not loaded(file, PUMPS + "tls = false\n" + DEMO).pumps.tls


def test_sec_42_one_address_cannot_take_all_of_the_pump_links_door(file: Path):
    (found,) = faults(file, PUMPS + "tls = false\nmax_before_hello = 64\n" + DEMO)
    assert found.startswith("interop.toml:11:1: one address could take all connections before their hello")


@pytest.mark.parametrize(("host", "demo"), [("127.0.0.1", ""), ("10.1.2.3", DEMO)])
def test_sec_03_a_partner_is_told_in_clear_text_only_in_demo_mode_on_this_machine(file: Path, host: str, demo: str):
    destination = f'[lanes.destinations.ehr]\nsender = "x"\nhost = "{host}"\nport = 2576\ntls = false\n'
    (found,) = faults(file, CLOSED + destination + demo)
    assert found.startswith("interop.toml:15:1: ehr would be told in clear text")


def test_sec_05_a_partner_is_told_over_mutual_tls(file: Path):
    found = faults(file, CLOSED + '[lanes.destinations.ehr]\nsender = "x"\nhost = "ehr.example"\nport = 2576\n')
    assert [each.rsplit("and ", 1)[1].split(" ")[0] for each in found] == ["ca_file", "certificate_file", "key_file"]


def test_sec_03_anybody_on_this_machine_is_a_peer_in_demo_mode_only(file: Path):
    peer = '[mllp.peers."demo:loopback"]\nsender = "x"\nnames = [{ application = "A", facility = "*" }]\n'
    (found,) = faults(file, CLOSED + peer)
    assert found.startswith("interop.toml:11:1: demo:loopback is anybody on this machine")
    assert loaded(file, CLEAR + DEMO + peer).mllp.peers["demo:loopback"].names[0].facility == "*"


@pytest.mark.parametrize("host", ["localhost", "ehr.hospital.example", "127.0.0.1.hospital.example", "127.1", "[::1]"])
@pytest.mark.parametrize("tls", ["true", "false"])
def test_sec_03_no_listener_is_opened_by_a_name(file: Path, host: str, tls: str):
    found = faults(file, CLEAR.replace("127.0.0.1", host).replace("tls = false", f"tls = {tls}") + DEMO)
    assert any(each.startswith("interop.toml:6:1: host is not an IP address") for each in found)


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=20)))
def test_sec_03_only_a_literal_loopback_address_is_loopback(host: str):
    if is_loopback(host):
        assert host.startswith("127.") or host.lower().startswith(("::1", "0:0", "0000:0", "::ffff:"))


# ── the record ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "memory:",
        "sqlite:///interop.db",
        "sqlite:////srv/interop/interop.db",
        "postgresql://interop@127.0.0.1:5432/interop",
        "postgresql://interop@[::1]/interop",
        "postgresql://interop@/interop?host=/run/postgresql",
        "postgres://interop@db.hospital.example/interop?sslmode=verify-full",
        "postgresql://interop@one.example,two.example/interop?sslmode=verify-full&target_session_attrs=read-write",
    ],
)
def test_an_address_of_the_record_is_taken(url: str):
    assert store_url_fault(url) == ""


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "is not memory:"),
        ("memory:x", "behind memory:"),
        ("interop.db", "is not memory:"),
        ("sqlite://interop.db", "is not sqlite:///relative"),
        ("sqlite:///", "is not sqlite:///relative"),
        ("sqlite:///a.db?mode=ro", "is not sqlite:///relative"),
        ("postgresql://127.0.0.1/interop", "does not name user"),
        ("postgresql://interop@127.0.0.1", "does not name user"),
        ("postgresql://interop@/interop", "does not name user"),
        ("postgresql://interop@127.0.0.1:port/interop", "is not an address"),
        ("postgresql://interop@[::1/interop", "is not an address"),
        ("postgresql://interop@db.example/interop", "without checking who it is"),
        ("postgresql://interop@localhost/interop", "without checking who it is"),
        ("postgresql://interop@db.example/interop?sslmode=require", "without checking who it is"),
        ("postgresql://interop@127.0.0.1,db.example/interop", "without checking who it is"),
        ("postgresql://interop@127.0.0.1/interop?host=db.example", "without checking who it is"),
        ("postgresql://interop@127.0.0.1/interop?passfile=x", "has an option that is not known here (passfile)"),
    ],
)
def test_any_other_address_of_the_record_is_refused(url: str, complaint: str):
    assert complaint in store_url_fault(url)


@pytest.mark.parametrize(
    "url", ["postgresql://interop:Secret77@127.0.0.1/interop", "postgresql://interop@127.0.0.1/interop?password=Secret77"]
)
def test_sec_31_a_password_in_the_address_is_refused_and_not_repeated(file: Path, url: str):
    for found in (faults(file, CLOSED.replace("sqlite:///interop.db", url)), faults(file, CLOSED, INTEROP_STORE_URL=url)):
        assert len(found) == 1
        assert "carries a password" in found[0]
        assert "Secret77" not in found[0]


def test_sec_31_the_password_comes_from_its_file_and_is_no_part_of_the_settings(file: Path):
    secret = file.parent / "store.password"
    secret.write_text("p@ss/word 1\n", encoding="utf-8")
    secret.chmod(0o600)
    url = "postgresql://interop@127.0.0.1/interop"
    settings = loaded(file, CLOSED.replace("sqlite:///interop.db", url).replace("[mllp]", 'password_file = "store.password"\n[mllp]'))
    assert "p@ss" not in repr(settings)
    assert store_address(settings) == "postgresql://interop:p%40ss%2Fword%201@127.0.0.1/interop"


def test_a_password_for_a_file_is_refused(file: Path):
    secret = file.parent / "store.password"
    secret.touch(0o600)
    (found,) = faults(file, CLOSED.replace("[mllp]", 'password_file = "store.password"\n[mllp]'))
    assert found.startswith("interop.toml:5:1: only PostgreSQL takes a password")


def test_a_record_that_forgets_is_for_demo_mode_only(file: Path):
    (found,) = faults(file, CLOSED.replace("sqlite:///interop.db", "memory:"))
    assert found.startswith("interop.toml:4:1: the record would be gone with the process")
    assert loaded(file, CLOSED.replace("sqlite:///interop.db", "memory:") + DEMO).store.url == "memory:"


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mode", "is_taken"), [(0o600, True), (0o400, True), (0o440, True), (0o644, False), (0o660, False), (0o604, False)]
)
def test_sec_31_a_secret_that_others_can_read_or_change_is_refused(file: Path, mode: int, is_taken: bool):
    secret = file.parent / "identity.secret"
    secret.write_text("x", encoding="utf-8")
    secret.chmod(mode)
    text = CLOSED + '[identity]\nsecret_file = "identity.secret"\n'
    if is_taken:
        assert loaded(file, text).identity.secret_file == secret
    else:
        (found,) = faults(file, text)
        assert found.startswith("interop.toml:12:1: secret_file: others have rights on the secret")
        assert f"chmod 600 {secret}" in found


def test_sec_31_no_key_holds_a_secret_itself():
    """A key is a flag, a number, a word of a list, a path, or a text that a check narrows to names and addresses."""
    for key in all_keys():
        if key.type is str:
            assert key.rule.check is not None, key.path
        assert not key.rule.secret or (key.is_path and key.name.endswith("_file")), key.path
        assert not re.search("password|secret|token|key", key.name) or key.name.endswith("_file"), key.path


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "one line"), (b"\n", "one line"), (b"a\nb\n", "one line"), (b"\xff\n", "not text"), (b"x" * 20_000, "one line")],
)
def test_sec_31_a_secret_is_one_line_of_text_and_never_quoted(tmp_path: Path, content: bytes, what: str):
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    with pytest.raises(SecretUnreadable, match=what) as unreadable:
        read_secret(secret)
    assert len(str(unreadable.value)) < 200
    with pytest.raises(SecretUnreadable, match="No such file"):
        read_secret(tmp_path / "none")


@pytest.mark.parametrize("section", ["fhir", "pages"])
def test_who_is_asked_for_needs_a_secret(file: Path, section: str):
    text = CLOSED.replace(f"[{section}]\nenabled = false\n", f'[{section}]\nhost = "::1"\ntls = false\n') + DEMO
    (found,) = faults(file, text)
    assert "secret_file is missing" in found
    (file.parent / "identity.secret").touch(0o600)
    assert loaded(file, text, INTEROP_IDENTITY_SECRET_FILE="identity.secret").identity.secret_file == file.parent / "identity.secret"


# ── together ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_listeners_on_one_port_are_refused(file: Path):
    text = CLEAR.replace("[fhir]\nenabled = false\n", '[fhir]\nhost = "127.0.0.1"\ntls = false\nport = 2575\n') + DEMO
    _, found = faults(file, text)
    assert found.startswith("interop.toml:11:1: [mllp] and [fhir] have the same host and port")


def test_two_listeners_on_any_free_port_are_two(file: Path):
    text = CLEAR.replace("[fhir]\nenabled = false\n", '[fhir]\nhost = "127.0.0.1"\ntls = false\n') + DEMO
    (file.parent / "identity.secret").touch(0o600)
    settings = loaded(file, text, INTEROP_MLLP_PORT="0", INTEROP_FHIR_PORT="0", INTEROP_IDENTITY_SECRET_FILE="identity.secret")
    assert (settings.mllp.port, settings.fhir.port) == (0, 0)


def test_two_destinations_for_one_sender_are_refused(file: Path):
    one = '[lanes.destinations.{}]\nsender = "x"\nhost = "127.0.0.1"\nport = {}\ntls = false\n'
    (found,) = faults(file, CLOSED + DEMO + one.format("a", 1) + one.format("b", 2))
    assert found.startswith("interop.toml:19:1: a answers the orders of this sender already")


def test_answers_and_documents_of_a_sender_have_a_destination_each(file: Path):
    one = '[lanes.destinations.{}]\nsender = "x"\nhost = "127.0.0.1"\nport = {}\ntls = false\npurpose = "{}"\n'
    told = CLOSED + DEMO + one.format("a", 1, "rrg") + one.format("b", 1, "documents")
    ways = ways_of(loaded(file, told))
    assert [(way.purpose.value, way.sender, way.destination.worth_s) for way in ways] == [("rrg", "x", 120), ("documents", "x", 300)]
    (found,) = faults(file, told + one.format("c", 2, "documents"))
    assert "b documents the orders of this sender already" in found
    (found,) = faults(file, CLOSED + DEMO + one.format("a", 1, "alarms"))
    assert '"rrg" or "documents"' in found


@pytest.mark.parametrize(
    ("text", "is_taken"), [("", True), ("1.2.840.1", True), ("ACDE48234567ABCD", True), ("interop", False), ("1.02", False)]
)
def test_the_id_of_this_application_is_an_oid_or_an_eui_64(file: Path, text: str, is_taken: bool):
    told = CLOSED + DEMO + f'[lanes]\napplication_id = "{text}"\n'
    if is_taken:
        assert documenting_of(loaded(file, told), Counter(), ()).destinations.of("x") is None
    else:
        assert "neither an OID nor an EUI-64" in faults(file, told)[0]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[lanes]\nfirst_back_off_s = 60\nmost_back_off_s = 5\n", "first_back_off_s is over most_back_off_s"),
        ('[lanes]\nlease_s = 5\n[lanes.destinations.e]\nsender = "x"\nhost = "::1"\nport = 1\ntls = false\n', "a lane's lease could end"),
    ],
)
def test_times_of_a_lane_fit_together(file: Path, text: str, what: str):
    (found,) = faults(file, CLOSED + DEMO + text)
    assert what in found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("max_connections_per_peer = 256\nmax_in_flight = 65536\n", "one peer could take all connections"),
        ("max_in_flight = 100\n", "one peer could have all messages in flight"),
    ],
)
def test_sec_42_one_peer_cannot_take_all_of_the_door(file: Path, text: str, what: str):
    (found,) = faults(file, CLOSED.replace("[mllp]\n", f"[mllp]\n{text}"))
    assert what in found


def settings_or_faults(data: bytes, **environment: str) -> Settings | tuple[str, ...]:
    try:
        return settings_of(data, Path("interop.toml"), environment)
    except SettingsUnsound as unsound:
        return unsound.faults


@given(st.binary(max_size=200))
def test_sec_24_any_bytes_are_settings_or_a_told_fault(data: bytes):
    assert isinstance(settings_or_faults(data), Settings) or settings_or_faults(data)


@given(st.sampled_from([key.environment for key in all_keys() if key.environment]), st.text(max_size=40))
def test_sec_24_any_text_of_a_variable_is_a_value_or_a_told_fault(variable: str, text: str):
    found = settings_or_faults(CLOSED.encode(), **{variable: text})
    assert isinstance(found, Settings) or (found and all(variable in fault or fault.startswith("interop.toml:") for fault in found))


# ── what is documented ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_is_documented_with_sentence_default_and_variable():
    text = describe()
    assert len({key.path for key in all_keys()}) == len(all_keys())
    for key in all_keys():
        assert key.rule.sentence.endswith("."), key.path
        assert f"  {key.name} = " in text
        assert " ".join(key.rule.sentence.split()[:4]) in " ".join(text.split()), key.path
        assert not key.environment or f"{key.environment})" in text, key.path
    for section in SECTIONS:
        assert f"[{section}]  " in text


def test_every_documented_key_can_be_written(file: Path):
    """Each key that the text tells, with the default it tells, in a file that is taken."""
    lines, section = [], ""
    for line in describe().splitlines():
        if header := re.match(r"\[(\w+)\]  ", line):
            section = header[1]
            lines += [line.split("  ")[0]]
        elif re.match(r"\[", line):
            section = ""
        elif section and (told := re.match(r"  (\w+) = (.+?)   \(", line)):
            value = {"(required)": '"x"', "(none)": "{}"}.get(told[2], told[2])
            lines += [f"{told[1]} = {value}"]
    assert len([line for line in lines if " = " in line]) == len([key for key in all_keys() if len(key.path) == 2])
    text = "\n".join(lines).replace('url = "x"', 'url = "sqlite:///x"').replace("enabled = true", "enabled = false")
    assert loaded(file, text).store.url.endswith("/x")


def test_the_variables_are_all_different():
    names = [key.environment for key in all_keys() if key.environment]
    assert len(names) == len(set(names))


def test_a_number_says_its_unit_and_its_range():
    for key in all_keys():
        if key.type is int:
            assert key.rule.at_least < key.rule.at_most, key.path
            assert key.required or key.rule.at_least <= key.default <= key.rule.at_most, key.path
            assert re.search(
                r"_s$|_bytes$|_lines$|^port$|^max_|_messages$|_frames$|_requests$|_orders$|^lanes_|^silences$|^wrong_answers$", key.name
            ), key.path


def test_the_keys_as_plain_values():
    by_name = {each["key"]: each for each in as_json()}
    assert len(by_name) == len(all_keys())
    assert by_name["mllp.port"]["default"] == 2575
    assert by_name["mllp.port"]["environment"] == "INTEROP_MLLP_PORT"
    assert by_name["mllp.key_file"]["secret"] is True
    assert by_name["mllp.peers.NAME.names.[].facility"]["environment"] is None
    assert by_name["log.level"]["choices"] == ["debug", "info", "warning", "error"]


def test_a_default_as_it_would_be_written():
    told = {".".join(key.path): default_of(key) for key in all_keys()}
    assert (told["mllp.tls"], told["mllp.port"], told["log.format"], told["store.url"]) == ("true", "2575", '"json"', "")
