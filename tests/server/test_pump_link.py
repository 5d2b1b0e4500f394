"""The pump link of a real server: enrolled pumps come in over mutual TLS, as themselves, and a revoked one is let go."""

import asyncio
import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from interop.wire.link.reader import read
from tests.server import machine
from tests.server.machine import command, serving
from tests.wire.link_examples import of_pumps

REVOKED_WITHIN_S = 60


def tls(config: Path, pump: str) -> ssl.SSLContext:
    folder = config.parent / "certificates"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(folder / "ca.pem")
    context.load_cert_chain(folder / f"pumps/{pump}.pem", folder / f"pumps/{pump}.key")
    return context


def link(server: machine.Running, config: Path, pump: str) -> Any:
    return connect(
        server.address("pumps"), ssl=tls(config, pump), subprotocols=["interop.pump-link.1"], compression=None, ping_interval=None
    )


def hello(pump: str) -> str:
    told = {**of_pumps()[0], "pump_id": pump, "log": {"log_id": "L-1", "first": 1, "next": 1}}
    told["channels"] = [{"channel_id": "A", "mode": "LVP", "state": "idle", "care_area": "ICU", "alarms": []}]
    return json.dumps(told)


async def closed(socket: ClientConnection, within_s: float = 30) -> tuple[int, str]:
    async with asyncio.timeout(within_s):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as over:
            return (over.rcvd.code, over.rcvd.reason) if over.rcvd is not None else (1006, "")


def test_sec_02_sec_10_an_enrolled_pump_is_heard_and_another_is_turned_away(config: Path):
    said = command("pumps", "enroll", "PUMP-7=demo-lvp", "PUMP-8", "--model", "demo-syringe", "--config", config).stdout
    assert re.findall(r"^enrolled (\S+)", said, re.MULTILINE) == ["PUMP-7", "PUMP-8"]
    listed = command("pumps", "list", "--config", config).stdout
    assert re.findall(r"^(\S+)  may connect  model (\S+)", listed, re.MULTILINE) == [("PUMP-7", "demo-lvp"), ("PUMP-8", "demo-syringe")]

    async def story(server: machine.Running) -> None:
        async with link(server, config, "PUMP-7") as pump:
            await pump.send(hello("PUMP-7"))
            ack = json.loads(await pump.recv())
            assert (ack["frame"], ack["log_id"], ack["up_to"]) == ("ack", "L-1", 0)
            event = {"frame": "event", "kind": "power_on", "log_id": "L-1", "number": 1, "at": "2026-03-02T10:15:00+01:00"}
            read(json.dumps(event))
            await pump.send(json.dumps(event))
            while (told := json.loads(await pump.recv()))["frame"] != "ack":
                pass
            assert told["up_to"] == 1
        async with link(server, config, "PUMP-8") as other:
            await other.send(hello("PUMP-7"))
            assert await closed(other) == (4001, "name")
        await asyncio.to_thread(command, "pumps", "revoke", "PUMP-8", "--config", config)
        async with link(server, config, "PUMP-8") as other:
            await other.send(hello("PUMP-8"))
            assert await closed(other) == (4001, "revoked")

    with serving(config) as server:
        asyncio.run(story(server))
    assert "PUMP-7" in command("pumps", "list", "--config", config).stdout


def test_a_pump_without_a_model_and_one_that_is_named_twice_are_wrong_use(capsys: pytest.CaptureFixture[str]):
    from interop.cli import main

    assert main(["pumps", "enroll", "PUMP-7=demo-lvp", "PUMP-8", "--config", "nowhere.toml"]) == 2
    assert main(["pumps", "enroll", "PUMP-7=demo-lvp", "PUMP-7=demo-syringe", "--config", "nowhere.toml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "interop: PUMP-8 has no model: --model, or PUMP_ID=MODEL",
        "interop: PUMP-7 is named twice",
    ]


def test_a_model_that_the_site_does_not_have_is_wrong_use(config: Path):
    done = command("pumps", "enroll", "PUMP-7", "--model", "other", "--config", config, check=False)
    assert done.returncode == 2
    assert "other is no pump model of the release in force: " in done.stderr
    assert not (config.parent / "certificates/pumps").exists()


@pytest.mark.slow
def test_sec_10_a_pump_that_is_revoked_while_connected_is_let_go_within_a_minute(config: Path):
    command("pumps", "enroll", "PUMP-7", "--model", "demo-lvp", "--config", config)

    async def story(server: machine.Running) -> None:
        async with link(server, config, "PUMP-7") as pump:
            await pump.send(hello("PUMP-7"))
            await pump.recv()
            await asyncio.to_thread(command, "pumps", "revoke", "PUMP-7", "--config", config)

            async def beat() -> None:
                while True:
                    await asyncio.sleep(5)
                    await pump.send('{"frame": "heartbeat", "clock": "2026-03-02T10:15:10+01:00"}')

            beating = asyncio.create_task(beat())
            assert await closed(pump, REVOKED_WITHIN_S) == (4001, "revoked")
            beating.cancel()

    with serving(config) as server:
        asyncio.run(story(server))


@pytest.mark.slow
def test_a_demonstration_speaks_clear_text_on_loopback(tmp_path: Path):
    config = machine.init(tmp_path / "server", "--demo", "--clear-text")
    command("pumps", "enroll", "PUMP-7", "--model", "demo-lvp", "--config", config)

    async def story(address: str) -> None:
        async with connect(address, subprotocols=["interop.pump-link.1"], compression=None) as pump:  # type: ignore[list-item]
            await pump.send(hello("PUMP-7"))
            assert json.loads(await pump.recv())["frame"] == "ack"

    with serving(config) as server:
        assert server.address("pumps").startswith("ws://127.0.0.1:")
        asyncio.run(story(server.address("pumps")))
