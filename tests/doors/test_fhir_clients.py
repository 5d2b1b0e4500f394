"""The FHIR door over TLS on loopback: clients that others wrote create and read orders, and the listener itself is bounded (SEC-03, SEC-04, SEC-42)."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.rest import LIVE, METADATA, ORDERS
from interop.doors.fhir.serving import server_context
from interop.wire.fhir.json import write
from tests.clients.certificates import Authority
from tests.doors.fhir_hospital import Hospital, served
from tests.doors.fhir_ward import FHIR_JSON, issues
from tests.wards.resources import a_dopamine_request

pytestmark = pytest.mark.anyio

LIMITS = DoorLimits(body_bytes=100_000, head_bytes=8_192, head_s=1, body_s=1, connections=12, connections_per_address=8)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Site:
    """A server, its authority's file and a client's token."""

    hospital: Hospital
    port: int
    authority: Path
    token: str

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.port}/fhir/r4"

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    async def connect(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context or self.context)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority(tmp_path)
    ours = authority.issue("interop", addresses=("127.0.0.1",), server=True)
    hospital = Hospital(LIMITS)
    async with served(hospital.app(), LIMITS, server_context(ours.certificate, ours.key)) as port:
        yield Site(hospital, port, authority.file, await hospital.token())


def ehr(site: Site) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {site.token}"}
    return httpx.AsyncClient(base_url=f"https://127.0.0.1:{site.port}", verify=site.context, headers=headers, trust_env=False)


def an_order() -> dict[str, Any]:
    """As a client's own model would be filled: without id and meta."""
    return {name: value for name, value in json.loads(write(a_dopamine_request())).items() if name not in ("id", "meta")}


async def test_fhirpy_creates_and_reads_an_order(site: Site):
    fhirpy = pytest.importorskip("fhirpy", reason="fhirpy is not installed")
    client = fhirpy.AsyncFHIRClient(site.base, authorization=f"Bearer {site.token}", aiohttp_config={"ssl": site.context})
    order = client.resource(**{"resource_type" if name == "resourceType" else name: value for name, value in an_order().items()})
    await order.save()
    assert order["id"].startswith("R0")
    read = await client.reference("MedicationRequest", order["id"]).to_resource()
    assert read.serialize()["dosageInstruction"] == an_order()["dosageInstruction"]
    assert read["meta"]["versionId"] == "1"
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        await client.reference("MedicationRequest", "no-such-order").to_resource()
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome) as refused:
        await client.resource("MedicationRequest", status="active").save()
    assert refused.value.resource["issue"][0]["severity"] == "error"
    task = await client.reference("Task", await site.hospital.attempted()).to_resource()
    assert (task["status"], task["focus"]["identifier"]["value"]) == ("accepted", "ORD-1001")
    assert [each["id"] for each in await client.resources("Task").search(_id="PRG-5").fetch()] == ["PRG-5"]


async def test_fhirclient_creates_and_reads_an_order(site: Site):
    pytest.importorskip("fhirclient", reason="fhirclient is not installed")
    from fhirclient.models.medicationrequest import MedicationRequest
    from fhirclient.models.task import Task
    from fhirclient.server import FHIRNotFoundException, FHIRServer

    attempt = await site.hospital.attempted()

    def story() -> None:
        server = FHIRServer(None, base_uri=site.base)
        server.session.verify = str(site.authority)
        server.session.trust_env = False
        server.session.headers["Authorization"] = f"Bearer {site.token}"
        assert server.capabilityStatement.rest[0].resource[0].type == "MedicationRequest"
        created = MedicationRequest(an_order()).create(server)
        assert created is not None
        read = MedicationRequest.read(created["id"], server)
        assert read.as_json()["dosageInstruction"] == an_order()["dosageInstruction"]
        assert read.identifier[0].value == "ORD-1001"
        with pytest.raises(FHIRNotFoundException):
            MedicationRequest.read("no-such-order", server)
        task = Task.read(attempt, server)
        assert (task.status, task.for_fhir.identifier.value) == ("accepted", "MRN-4711")
        (found,) = Task.where({"_id": attempt}).perform_resources_iter(server)
        assert found.as_json() == task.as_json()
        server.session.close()

    await asyncio.to_thread(story)


async def test_over_the_wire_an_answer_says_its_address_and_not_what_serves_it(site: Site):
    async with ehr(site) as client:
        answer = await client.post(ORDERS, content=write(a_dopamine_request(dose_rate="4.50")), headers={"Content-Type": FHIR_JSON})
        assert answer.status_code == 201
        assert answer.headers["location"].startswith(f"{site.base}/MedicationRequest/R0")
        assert "server" not in answer.headers
        assert b'"value":4.50' in (await client.get(answer.headers["location"].partition("/_history")[0])).content
        assert (await client.get(METADATA)).json()["software"]["version"] == "1.2.3"
        assert (await client.put(f"{ORDERS}/mine", content=b"{}", headers={"Content-Type": FHIR_JSON})).status_code == 428
        answer = await client.delete(f"{ORDERS}/x")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")


async def test_sec_04_an_old_version_of_tls_and_clear_text_get_nothing(site: Site):
    old = site.context
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("AES128-SHA")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await site.connect(old)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"HTTP/1.1" not in await _rest(reader)
    writer.close()


async def test_sec_42_a_head_without_end_and_one_that_never_ends_are_cut_off(site: Site):
    reader, writer = await site.connect()
    writer.write(b"GET /health/live HTTP/1.1\r\nX: " + b"x" * 20_000)
    assert await _rest(reader) == b""
    writer.close()
    reader, writer = await site.connect()
    writer.write(b"GET /health/live HTTP/1.1\r\nX: ")
    assert await _rest(reader) == b""
    writer.close()
    async with ehr(site) as client:
        assert (await client.get(LIVE)).status_code == 204


async def test_sec_42_a_body_that_does_not_come_is_given_up_and_one_that_is_refused_is_not_waited_for(site: Site):
    head = f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FHIR_JSON}\r\nContent-Length: 99\r\n"
    reader, writer = await site.connect()
    writer.write(f"{head}Authorization: Bearer {site.token}\r\n\r\n{{".encode())
    answer = await _rest(reader)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"OperationOutcome"' in answer
    writer.close()
    reader, writer = await site.connect()
    writer.write(f"{head}\r\n".encode())
    assert (await _rest(reader)).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_sec_42_one_address_does_not_take_all_connections(site: Site):
    held = [await site.connect() for _ in range(LIMITS.connections_per_address)]
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    assert await _rest(reader) == b"", "cut off before the handshake"
    writer.close()
    for _, writer in held:
        writer.close()
    for reader, _ in held:
        await _rest(reader)
    async with ehr(site) as client:
        answer = await client.get(f"{ORDERS}/none")
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found")


async def test_sec_42_a_handshake_that_never_comes_is_given_up_and_counts_as_a_connection(site: Site):
    idle = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(LIMITS.connections_per_address)]
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    assert await _rest(reader) == b""
    writer.close()
    for reader, writer in idle:
        assert await _rest(reader) == b""
        writer.close()
    async with ehr(site) as client:
        assert (await client.get(LIVE)).status_code == 204


async def test_a_server_that_ends_does_not_wait_for_handshakes(tmp_path: Path):
    ours = Authority(tmp_path).issue("interop", addresses=("127.0.0.1",), server=True)
    hospital, patient = Hospital(), DoorLimits(head_s=600)
    async with served(hospital.app(), patient, server_context(ours.certificate, ours.key)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
    assert await _rest(reader) == b""
    writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server hangs up, however it does."""
    said = b""
    try:
        while chunk := await reader.read(65_536):
            said += chunk
    except (ConnectionError, ssl.SSLError):
        pass
    return said
