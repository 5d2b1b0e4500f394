"""The server as its operator has it: made by `interop init`, started, tried with `interop send`, stopped."""

import asyncio
import json
import re
import shutil
import socket
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.site.places import demo_site
from interop.wire.hl7v2.ack import AckCode
from tests.server import ehr, machine
from tests.server.machine import command, interop, serving

GOLDEN = Path(__file__).parents[1] / "golden"
Until = Callable[..., None]


def a_token(config: Path) -> Path:
    said = command("clients", "add", "ehr-fhir", "--sender", "fhir-demo", "--config", config).stdout
    token = config.parent / "token"
    token.write_text(said.splitlines()[-1] + "\n", encoding="ascii")
    token.chmod(0o600)
    return token


def test_from_init_to_an_answered_order_over_mutual_tls_and_over_fhir(config: Path, tmp_path: Path, until: Until):
    order = tmp_path / "order.hl7"
    order.write_bytes(ehr.an_order("M-1", "ORD-1"))
    resource = GOLDEN / "fhir" / "dopamine-dose-rate.json"
    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        with serving(config) as server:
            assert [line.partition(" ")[0] for line in server.said] == ["mllp", "fhir", "pages", "pumps"]
            assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d+", server.address("mllp"))
            assert re.fullmatch(r"https://127\.0\.0\.1:[1-9]\d+/fhir/r4", server.address("fhir"))
            assert re.fullmatch(r"https://127\.0\.0\.1:[1-9]\d+/", server.address("pages"))
            assert re.fullmatch(r"wss://127\.0\.0\.1:[1-9]\d+/pump-link/1", server.address("pumps"))

            sent = interop("send", order, "--to", server.address("mllp"), "--config", config)
            assert "accepted (CA)" in sent.stdout
            assert "MSA|CA|M-1" in sent.stdout

            until(lambda: bool(listener.received))
            (rrg,) = listener.received
            assert (rrg.code, rrg.answers, rrg.error) == ("AR", "M-1", "9001"), "no pump is known here"

            token = a_token(config)
            created = interop("send", resource, "--to", server.address("fhir"), "--config", config, "--token-file", token)
            assert "accepted (201)" in created.stdout
            (location,) = re.findall(r"^Location: (\S+)$", created.stdout, re.MULTILINE)
            read = fetched(config, location.partition("/_history")[0], token.read_text(encoding="ascii").strip())
            assert read["identifier"] == json.loads(resource.read_bytes())["identifier"]
            command("clients", "revoke", "ehr-fhir", "--config", config)
            with pytest.raises(urllib.error.HTTPError, match="401"):
                fetched(config, location.partition("/_history")[0], token.read_text(encoding="ascii").strip())
    assert server.process.returncode == 0


def fetched(config: Path, url: str, token: str = "") -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=ehr.tls_of(config)) as answer:
        said: dict[str, object] = json.load(answer)
        return said


def test_what_was_accepted_before_a_stop_is_answered_after_the_next_start(config: Path, until: Until):
    async def send() -> AckCode:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
        answer = await line.ask(ehr.an_order("M-2", "ORD-2"))
        await line.close()
        return answer.code

    with ehr.Listener(ehr.listener_tls(config)) as listener:
        port = listener.port
    machine.with_listener(config, port)  # nobody listens there now
    with serving(config) as server:
        assert asyncio.run(send()) is AckCode.CA
    with ehr.Listener(ehr.listener_tls(config), at_port=port) as listener, serving(config):
        until(lambda: bool(listener.received))
        assert listener.received[0].answers == "M-2"


def test_two_connections_that_send_the_same_message_at_once_make_one_plan(config: Path, until: Until):
    async def send() -> list[AckCode]:
        lines = [await ehr.Line.open(server.mllp, ehr.tls_of(config)) for _ in range(2)]
        answers = []
        for number in range(20):
            order = ehr.an_order(f"M-{number}", f"ORD-{number}")
            answers += [each.code for each in await asyncio.gather(*(line.ask(order) for line in lines))]
        for line in lines:
            await line.close()
        return answers

    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        with serving(config) as server:
            assert asyncio.run(send()) == [AckCode.CA] * 40, "a resend is acknowledged as the first was"
            until(lambda: len(listener.received) >= 20)
        assert sorted(each.answers for each in listener.received) == sorted(f"M-{number}" for number in range(20))
    planned = events_of(config, "programme.planned")
    assert len(planned) == len(set(planned)) == 20


def events_of(config: Path, kind: str) -> list[str]:
    """The streams of all events of a kind, as an auditor reads them from the file."""
    with sqlite3.connect(f"file:{config.parent / 'interop.db'}?mode=ro", uri=True) as database:
        found = [str(stream) for (stream,) in database.execute("SELECT stream FROM events WHERE type = ?", (kind,))]
    database.close()
    return found


def test_d_08_a_store_that_is_locked_is_answered_ce_and_503_and_heals_by_itself(config: Path, until: Until):
    with serving(config) as server:
        token = a_token(config).read_text(encoding="ascii").strip()

        async def code(control_id: str) -> AckCode:
            line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
            answer = await line.ask(ehr.an_order(control_id, "ORD-1"))
            await line.close()
            return answer.code

        assert asyncio.run(code("M-1")) is AckCode.CA
        locker = sqlite3.connect(config.parent / "interop.db", isolation_level=None)
        try:
            locker.execute("BEGIN IMMEDIATE")
            assert asyncio.run(code("M-2")) is AckCode.CE
            with pytest.raises(urllib.error.HTTPError, match="503"):
                posted(config, server.address("fhir"), token)
        finally:
            locker.execute("ROLLBACK")
            locker.close()
        until(lambda: asyncio.run(code("M-2")) is AckCode.CA)
        assert posted(config, server.address("fhir"), token) == 201
    assert any('"level": "error"' in line and "takes no commits" in line for line in server.logged), "the engineer on call is told"


def posted(config: Path, base: str, token: str) -> int:
    body = (GOLDEN / "fhir" / "dopamine-dose-rate.json").read_bytes()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    request = urllib.request.Request(f"{base}/MedicationRequest", data=body, headers=headers, method="POST")
    with urllib.request.urlopen(request, context=ehr.tls_of(config)) as answer:
        return int(answer.status)


def test_d_25_a_release_that_is_built_while_the_server_runs_is_used_without_a_restart(config: Path, tmp_path: Path, until: Until):
    site = tmp_path / "site"
    shutil.copytree(demo_site(), site)
    sender = site / "senders" / "pcd03-demo.toml"
    sender.write_text(sender.read_text(encoding="utf-8").replace('application = "EHR1"', 'application = "EHR9"'), encoding="utf-8")

    async def code(control_id: str) -> AckCode:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
        answer = await line.ask(ehr.an_order(control_id, "ORD-1"))
        await line.close()
        return answer.code

    with serving(config) as server:
        assert asyncio.run(code("M-0")) is AckCode.CA
        assert "made active" in command("release", "build", site, "--config", config).stdout
        assert "in force already" in command("release", "build", site, "--config", config).stdout
        numbers = iter(range(1, 1000))
        until(lambda: asyncio.run(code(f"M-{next(numbers)}")) is AckCode.CR)


def test_sec_38_each_listener_is_in_its_own_zone(config: Path):
    text = config.read_text(encoding="utf-8")
    head, fhir, rest = text.partition("[fhir]")
    config.write_text(head + fhir + rest.replace('host = "127.0.0.1"', 'host = "127.0.0.2"', 1), encoding="utf-8")
    with serving(config) as server:
        host, port = server.address("fhir").removeprefix("https://").partition("/")[0].split(":")
        assert host == "127.0.0.2"
        socket.create_connection((host, int(port))).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))
