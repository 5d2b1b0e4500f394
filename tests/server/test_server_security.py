"""The whole server against who must not come in, and its output searched for what must not be in it (SEC-01, SEC-02, SEC-05, SEC-30)."""

import asyncio
import http.client
import json
import ssl
from pathlib import Path

import pytest

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.store.memory import MemoryRecord
from interop.conduct.world import Releases
from interop.doors.access import Declared, walk
from interop.doors.fhir.rest import fhir_app
from interop.doors.pages import pages_app
from interop.doors.pages.frame import Frame, PagesSettings
from interop.service.settings_load import load_settings
from interop.service.wiring import conduct_of
from interop.service.world import SystemClock, TimeOrderedIds
from interop.wire.hl7v2.ack import AckCode
from tests.server import ehr, machine
from tests.server.machine import command, serving
from tests.wards.ward import demo_release

GOLDEN = Path(__file__).parents[1] / "golden"
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "START")
OPEN_HERE = {
    ("fhir", "GET", "/health/live"),
    ("fhir", "GET", "/fhir/r4/metadata"),
    ("pages", "GET", "/login"),
    ("pages", "HEAD", "/login"),
    ("pages", "POST", "/login"),  # refused without the form's token
}


def declared(config: Path) -> dict[str, list[Declared]]:
    """Every route and verb of every application that is served."""

    async def walked() -> dict[str, list[Declared]]:
        clock = SystemClock()
        record = MemoryRecord("node-1", clock)
        identity = LocalIdentity(record, clock, Keys.of_secret("of no value, " * 4))
        conduct = conduct_of(load_settings(config), record, clock, TimeOrderedIds(), Releases(demo_release()), ())
        fhir, pages = fhir_app(conduct.resources, identity), pages_app(Frame(identity, PagesSettings()))
        found = {"fhir": list(walk(fhir)), "pages": list(walk(pages))}
        await record.close()
        return found

    return asyncio.run(walked())


def test_sec_01_every_route_of_every_listener_declares_its_right(config: Path):
    for name, routes in declared(config).items():
        assert len(routes) > 3, name
        assert [each.fault for each in routes if each.fault] == []


def test_sec_01_nothing_answers_without_identity_whatever_the_verb(standing: machine.Running):
    config = standing.config
    paths = {"/", "/logoff", "/fhir/r4/MedicationRequest", "/fhir/r4/MedicationRequest/1", "/metrics", "/docs", "/openapi.json", "/admin"}
    for name, routes in declared(config).items():
        at = standing.address(name).removeprefix("https://").partition("/")[0]
        walked = {each.path.replace("{id}", "1") for each in routes if not each.path.startswith("/static")}
        for path in sorted(walked | paths):
            for verb in VERBS:
                status, where = asked(at, verb, path, config)
                if (name, verb, path) in OPEN_HERE:
                    assert status in (200, 204, 403, 415), (name, verb, path, status)
                else:
                    assert status in (400, 401, 403) or where.startswith("/login"), (name, verb, path, status)


def asked(at: str, verb: str, path: str, config: Path) -> tuple[int, str]:
    connection = http.client.HTTPSConnection(at, context=ehr.tls_of(config), timeout=30)
    try:
        connection.request(verb, path)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


def test_sec_02_a_client_without_a_certificate_sends_no_order(standing: machine.Running):
    async def send() -> None:
        context = ssl.create_default_context(cafile=str(standing.config.parent / "certificates" / "ca.pem"))
        line = await ehr.Line.open(standing.mllp, context)
        await line.ask(ehr.an_order("M-1", "ORD-1"))

    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        asyncio.run(send())


@pytest.mark.requirement("SEC-05")
def test_sec_05_and_sec_30_whoever_a_peer_says_it_is_and_no_patient_is_in_any_output(config: Path, tmp_path: Path):
    secrets = ["Zyxwvutha", "Brunnhildegard", "90817263545", "Kestrelgasse", "19470229"]
    name, first, number, street, born = secrets
    person = {"patient": number, "name": f"{name}^{first}", "birth_date": born}
    messages = [
        ehr.an_order("M-1", "ORD-1", **person),
        ehr.an_order("M-2", "ORD-2", application=f"{name}", **person),
        ehr.an_order(f"{number}", f"{number}", **person).replace(b"RGV^O15^RGV_O15", b"ADT^A01^ADT_A01"),
        ehr.an_order("M-4", "ORD-4", **person).replace(b"MSH|^~\\&|", f"MSH|^~\\&|{name}".encode(), 1)[:90],
        f"{name}^{first}|{number}|{street}".encode(),
        ehr.an_order("M-6", "ORD-6", weight=name, rate=number, rate_unit=first, **person),
    ]

    async def send() -> list[AckCode]:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
        answers = [(await line.ask(message)).code for message in messages]
        line.writer.write(f"{name}{first}{number}".encode() + b"\x0b" + f"{name} {number}".encode())
        await line.close()
        return answers

    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("\n[log]\n", '\n[log]\nlevel = "debug"\n', 1), encoding="utf-8")
    said: list[str] = []
    with serving(config) as server:
        codes = asyncio.run(send())
        assert codes[0] is AckCode.CA
        assert codes[1:5] == [AckCode.CR] * 4, "SEC-05: another sending application, and what is no order"
        token = command("clients", "add", "ehr-fhir", "--sender", "fhir-demo", "--config", config).stdout.splitlines()[-1]
        resource = json.loads((GOLDEN / "fhir" / "dopamine-dose-rate.json").read_bytes())
        resource["subject"] = {"reference": f"Patient/{number}", "display": f"{name}, {first}"}
        at = server.address("fhir").removeprefix("https://").partition("/")[0]
        bodies = (json.dumps(resource), json.dumps(resource)[:-20], json.dumps({**resource, "status": name}), f"{name} {number}")
        for body in bodies:
            for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {name}"}, {}):
                post(at, f"/fhir/r4/MedicationRequest?patient={name}", body, headers, config)
                post(at, f"/fhir/r4/{name}/{number}", body, headers, config)
        post(
            server.address("pages").removeprefix("https://").strip("/"), f"/login?user={name}", f"user={name}&password={number}", {}, config
        )
        said.append(token)
    assert server.logged, "something was logged"
    for secret in (*secrets, *said):
        assert secret not in server.output, f"{secret} is in the output"


def post(at: str, path: str, body: str, headers: dict[str, str], config: Path) -> None:
    connection = http.client.HTTPSConnection(at, context=ehr.tls_of(config), timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/fhir+json", **headers})
        connection.getresponse().read()
    finally:
        connection.close()
