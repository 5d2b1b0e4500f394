"""Damaged orders over the doors of the whole server: each is answered, no connection is lost by it, and the next sound order is taken (SR-53)."""

import asyncio
import http.client
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from interop.wire.hl7v2.ack import AckCode
from tests.server import ehr, machine, trouble

GOLDEN = Path(__file__).parents[1] / "golden"
SEED = 20261127
MESSAGES, RESOURCES = 240, 80
PUT = [
    b"",
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\r",
    b"\n",
    b'""',
    b"\xff",
    b"\xc3",
    b"\x00",
    b"\x85",
    b"PID|1\r",
    b"MSH|",
    b"RXG|",
    b"\\X0D\\",
    b"1e9",
    b"9" * 300,
]
FRAMING = [b"\x0b", b"\x1c", b"\x1c\r", b"\x0b\x0b", b"\x1c\x0b"]  # fmt: skip


def damaged(data: bytes, chance: random.Random, put: list[bytes]) -> bytes:
    """With a few stretches cut out, doubled or overwritten, cut short, or with segments in another order."""
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data)) if chance.random() < 0.8 else 0
        end = min(len(data), start + chance.randint(0, 60))
        match chance.randrange(6):
            case 0:
                data = data[:start] + data[start:end] * 2 + data[end:]
            case 1:
                data = data[: max(1, start)]
            case 2:
                lines = data.split(b"\r")
                chance.shuffle(lines)
                data = b"\r".join(lines)
            case _:
                data = data[:start] + chance.choice(put) + data[end:]
        if not data:
            return b"|"
    return data


async def damaged_orders(server: machine.Running, config: Path, chance: random.Random) -> Counter[AckCode]:
    """All on one connection, with a sound order after every twelfth; in between, bytes that stand in no frame and frames that never began."""
    orders = [path.read_bytes() for path in sorted((GOLDEN / "rgv").glob("*.hl7"))]
    heard: Counter[AckCode] = Counter()
    line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
    for number in range(MESSAGES):
        breaks_frames = number % 12 == 5
        line.writer.write(b"\x0b" + damaged(chance.choice(orders), chance, [*PUT, *FRAMING] if breaks_frames else PUT) + b"\x1c\r")
        if number % 12 == 7:
            line.writer.write(chance.choice([b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 50, b"\x1c\r", b"MSH|^~\\&|"]))
        if breaks_frames or number % 12 == 11:
            sound = f"SOUND{number}"
            line.say(ehr.an_order(sound, f"ORD-{number}"))
            while (answer := await asyncio.wait_for(line.hear(), 30)).control_id != sound:
                heard[answer.code] += 1
            assert answer.code is AckCode.CA, "the connection has survived, and what is sound is taken"
    await line.close()
    return heard


def test_sr_53_damaged_messages_are_answered_and_the_connection_survives(standing: machine.Running, until: Callable[..., None]):
    config = standing.config
    rows = trouble.rows_of_file(config)
    heard = asyncio.run(damaged_orders(standing, config, random.Random(SEED)))
    assert heard.keys() == {AckCode.CA, AckCode.CR}, heard
    assert heard[AckCode.CA] > 20, "some damage leaves an order that can be opened; it is planned, and refused"
    assert heard[AckCode.CR] > 20
    assert heard.total() >= MESSAGES * 11 // 12
    until(lambda: trouble.is_done(rows))
    assert not [line for line in standing.logged if '"level": "critical"' in line or '"level": "error"' in line or "Traceback" in line]
    accepted = rows("SELECT h.entry_id FROM journal_heads h JOIN message_keys k ON k.entry = h.entry")
    planned = Counter(stream.partition("/")[2] for (stream,) in rows("SELECT stream FROM events WHERE type = 'programme.planned'"))
    assert planned == Counter(entry for (entry,) in accepted), "each that was accepted is planned once"
    assert not rows("SELECT 1 FROM events WHERE type = 'programme.offered'")


def test_sr_53_damaged_resources_are_answered_and_the_connection_survives(standing: machine.Running):
    config = standing.config
    resources = [path.read_bytes() for path in sorted((GOLDEN / "fhir").glob("*.json"))]
    chance = random.Random(SEED)
    put = [*PUT, b'"', b"{", b"}", b"[", b"null", b'"status":"x",', b"1e400", b"\\ud800", b'"id":"../x",']
    token = machine.command("clients", "add", "ehr-fhir", "--sender", "fhir-demo", "--config", config).stdout.splitlines()[-1]
    at = standing.address("fhir").removeprefix("https://").partition("/")[0]
    connection = http.client.HTTPSConnection(at, context=ehr.tls_of(config), timeout=30)
    heard: Counter[int] = Counter()

    def sent(body: bytes, id: str = "", version: str = "") -> tuple[int, str]:
        """An update where there is an id, else a create; its status and its ETag."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json", **({"If-Match": version} if id else {})}
        path = f"/fhir/r4/MedicationRequest{'/' if id else ''}{id}"
        connection.request("PUT" if id else "POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        assert connection.sock is first, f"the connection did not survive {answer.status}: {said!r}"
        assert answer.status < 500, (answer.status, said)
        assert answer.status < 400 or b'"OperationOutcome"' in said
        if not id and answer.status == 201:
            created.append(answer.headers["Location"].partition("/_history")[0].rpartition("/")[2])
        return answer.status, answer.headers.get("ETag", "")

    try:
        connection.connect()
        first, created = connection.sock, list[str]()
        status, version = sent(resources[0])
        assert status == 201
        mine = created[0]
        for number in range(RESOURCES):
            body = damaged(chance.choice(resources), chance, put)
            if number % 4 == 3:
                status, newer = sent(body, mine, version)
                version = newer or version
            else:
                status, _ = sent(body)
            heard[status] += 1
        status, _ = sent(resources[1])
        assert status in (201, 409)  # 409: one of the damaged was stored under its number with other content
    finally:
        connection.close()
    assert heard[400] > 20, heard
    assert not [line for line in standing.logged if '"level": "critical"' in line or '"level": "error"' in line or "Traceback" in line]
