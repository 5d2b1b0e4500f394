"""The whole server, talked to by clients and a listener that nobody here wrote."""

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hl7
import pytest
from hl7.mllp import open_hl7_connection

from interop.wire.hl7v2.mllp import frame
from tests.clients.foreign import HERE, NODE, has_node_clients, needs_node_clients, said_by, said_by_node
from tests.server import ehr, machine, trouble
from tests.server.machine import serving

MLLP_SEND = Path(sys.executable).parent / "mllp_send"
ORDER = Path(__file__).parents[1] / "golden" / "fhir" / "dopamine-dose-rate.json"


@pytest.fixture(scope="module")
def listener() -> Iterator[int | None]:
    """The port of a listener in Node.js that takes what answers the orders; ``None`` where its packages are not installed."""
    if not has_node_clients():
        yield None
        return
    with subprocess.Popen([NODE or "node", HERE / "simple_hl7_server.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory, listener: int | None) -> Iterator[machine.Running]:
    """MLLP in clear text on this machine, which these clients speak, and FHIR over TLS."""
    config = machine.init(tmp_path_factory.mktemp("foreign") / "server", "--demo", "--clear-text")
    if listener is not None:
        machine.with_listener(config, listener, tls=False)
    with serving(config) as server:
        yield server


@pytest.fixture(scope="module")
def token(demonstration: machine.Running) -> str:
    said = machine.command("clients", "add", "ehr-fhir", "--sender", "fhir-demo", "--config", demonstration.config).stdout
    return said.splitlines()[-1]


def test_d_08_mllp_send_of_python_hl7_sends_orders_and_is_answered(demonstration: machine.Running, tmp_path: Path):
    framed = tmp_path / "framed.mllp"
    framed.write_bytes(frame(ehr.an_order("P1", "ORD-P1")) + frame(ehr.an_order("P2", "ORD-P2")))
    said = asyncio.run(said_by(MLLP_SEND, "-p", str(demonstration.mllp[1]), "-f", framed, "127.0.0.1"))
    assert [line for line in said.replace("\r", "\n").split("\n") if line.startswith("MSA")] == ["MSA|CA|P1", "MSA|CA|P2"]


def test_d_08_the_asyncio_client_of_python_hl7_sends_orders_on_one_connection(demonstration: machine.Running):
    async def story() -> list[tuple[str, str]]:
        reader, writer = await open_hl7_connection(*demonstration.mllp)
        told = []
        for number in range(5):
            writer.writemessage(hl7.parse(ehr.an_order(f"A{number}", f"ORD-A{number}").decode()))
            await writer.drain()
            answer = await reader.readmessage()
            told.append((str(answer["MSA.1"]), str(answer["MSA.2"])))
        writer.close()
        await writer.wait_closed()
        return told

    assert asyncio.run(story()) == [("CA", f"A{number}") for number in range(5)]


@pytest.mark.parametrize(
    ("script", "prefix"),
    [
        pytest.param("node_hl7_client.mjs", "N", marks=needs_node_clients),
        pytest.param("simple_hl7_client.mjs", "S", marks=needs_node_clients),
    ],
)
def test_d_08_clients_of_node_send_one_message_after_the_other(demonstration: machine.Running, script: str, prefix: str):
    said = asyncio.run(said_by_node(script, demonstration.mllp[1], 3, "EHR1", "DEMO"))
    assert said.split("\n")[:3] == [f"CA {prefix}{number}" for number in (1, 2, 3)]
    said = asyncio.run(said_by_node(script, demonstration.mllp[1], 1, "NOBODY", "DEMO"))
    assert said.split("\n")[0] == f"CR {prefix}1", "SEC-05"


@pytest.mark.requirement("D-07")
@pytest.mark.skipif(not has_node_clients(), reason="the packages of tests/clients/package.json are not installed")
def test_a_listener_of_node_is_told_each_rrg(demonstration: machine.Running, until: Callable[..., None]):
    async def story() -> None:
        line = ehr.Line(*await asyncio.open_connection(*demonstration.mllp))
        for number in range(3):
            await line.ask(ehr.an_order(f"L{number}", f"ORD-L{number}"))
        await line.close()

    asyncio.run(story())
    rows = trouble.rows_of_file(demonstration.config)
    until(lambda: trouble.is_done(rows))
    sent = "SELECT o.control_id FROM outgoing_settled s JOIN outgoing o ON o.seq = s.seq WHERE s.state = 'sent'"
    asked = "SELECT control_id FROM journal_heads WHERE direction = 'out' AND answers IN (SELECT entry_id FROM journal_heads WHERE control_id LIKE 'L_')"
    assert set(rows(sent)) >= set(rows(asked))
    assert len(rows(asked)) == 3


def order(number: str) -> dict[str, Any]:
    """As a client's own model would be filled: without id and meta."""
    filled = {name: value for name, value in json.loads(ORDER.read_bytes()).items() if name not in ("id", "meta")}
    filled["identifier"][0]["value"] = number
    return filled


def test_fhirpy_creates_and_reads_an_order(demonstration: machine.Running, token: str):
    fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed")

    async def story() -> None:
        context = ssl.create_default_context(cafile=str(demonstration.config.parent / "certificates" / "ca.pem"))
        client = fhirpy.AsyncFHIRClient(demonstration.address("fhir"), authorization=f"Bearer {token}", aiohttp_config={"ssl": context})
        resource = client.resource(
            **{"resource_type" if name == "resourceType" else name: value for name, value in order("ORD-F1").items()}
        )
        await resource.save()
        read = await client.reference("MedicationRequest", resource["id"]).to_resource()
        assert read.serialize()["dosageInstruction"] == order("ORD-F1")["dosageInstruction"]
        with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
            await client.reference("MedicationRequest", "no-such-order").to_resource()

    asyncio.run(story())


def test_fhirclient_creates_and_reads_an_order(demonstration: machine.Running, token: str):
    pytest.importorskip("fhirclient", reason="fhirclient is not installed")
    from fhirclient.models.medicationrequest import MedicationRequest
    from fhirclient.server import FHIRServer

    server = FHIRServer(None, base_uri=demonstration.address("fhir"))
    server.session.verify = str(demonstration.config.parent / "certificates" / "ca.pem")
    server.session.trust_env = False
    server.session.headers["Authorization"] = f"Bearer {token}"
    assert server.capabilityStatement.rest[0].resource[0].type == "MedicationRequest"
    created = MedicationRequest(order("ORD-F2")).create(server)
    assert created is not None
    read = MedicationRequest.read(created["id"], server)
    assert read.as_json()["dosageInstruction"] == order("ORD-F2")["dosageInstruction"]
    server.session.close()
