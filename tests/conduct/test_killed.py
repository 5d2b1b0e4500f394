"""SIGKILL at random moments under load, with the record on disk: nothing acknowledged is lost, planned twice or reordered (SR-12, SR-47)."""

import asyncio
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interop.adapters.store import open_record
from interop.wire.hl7v2.mllp import Deframer, frame
from tests.conduct.ward import Said, an_order
from tests.wards.ward import dtm

PATIENCE_S = 60


class Listener:
    """The EHR's listener for RRG: takes everything, acknowledges it, and remembers what came first in which order."""

    def __init__(self) -> None:
        self.received: list[Said] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deframer = Deframer()
        try:
            while data := await reader.read(65536):
                deframer.feed(data)
                while isinstance(message := deframer.next_frame(), bytes):
                    said = Said.by(message)
                    self.received.append(said)
                    writer.write(frame(f"MSH|^~\\&|||||20260302||ACK^O16^ACK|X|P|2.6\rMSA|CA|{said.control_id}\r".encode()))
        except ConnectionError:
            return
        finally:
            writer.close()


class Server:
    """The process, one life after the other, on the same file."""

    def __init__(self, path: Path, listener: int) -> None:
        self._path, self._listener = path, listener
        self.port = 0

    async def start(self) -> None:
        command = [sys.executable, "-m", "tests.conduct.server_process", str(self._path), str(self._listener)]
        self._process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S))

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()


async def feed(port: int, messages: list[bytes], acknowledged: list[str]) -> None:
    """Send one after the other on a connection of their own, until all are acknowledged or the server is gone; what is acknowledged is taken off."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return
    deframer = Deframer()
    try:
        while messages:
            writer.write(frame(messages[0]))
            while (answer := deframer.next_frame()) is None:
                data = await reader.read(65536)
                if not data:
                    return
                deframer.feed(data)
            assert isinstance(answer, bytes)
            said = Said.by(answer)
            if said.code == "CA":
                acknowledged.append(said.answers)
                messages.pop(0)
    except ConnectionError:
        return
    finally:
        writer.close()


async def story(path: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    listener = Listener()
    await listener.open()
    server = Server(path, listener.port)
    asked = datetime.now(UTC)
    acknowledged: list[str] = []
    at = 0
    left: list[list[bytes]] = []
    for _ in range(kills + 1):
        await server.start()
        for lane in range(4):
            words = [(at + number, f"K{at + number:06d}") for number in range(lane * 30, lane * 30 + 30)]
            times = [dtm(asked + timedelta(seconds=number)) for number in range(30)]
            left.append(
                [
                    an_order(lane, order=f"ORD-{lane}", pump=f"LVP-{lane:04d}", message_id=id, requested_at=time)
                    for (_, id), time in zip(words, times, strict=True)
                ]
            )
        at += 120
        merged = [[message for messages in left[lane::4] for message in messages] for lane in range(4)]
        feeding = asyncio.gather(*(feed(server.port, messages, acknowledged) for messages in merged))
        await asyncio.wait([feeding], timeout=dice.uniform(0.05, 0.6))
        await server.kill()
        await feeding
        left = merged
    await server.start()
    await asyncio.wait_for(asyncio.gather(*(feed(server.port, messages, acknowledged) for messages in left)), PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while not set(acknowledged) <= {said.answers for said in listener.received}:
            await asyncio.sleep(0.1)
    await server.kill()
    await listener.close()
    await check(path, acknowledged, listener.received)


class Stopped:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def check(path: Path, acknowledged: list[str], received: list[Said]) -> None:
    record = await open_record(f"sqlite:///{path}", node="node-b", clock=Stopped())
    heads = await record.journal(limit=1_000_000)
    requests = {head.entry_id: head.control_id for head in heads if head.message_type == "RGV^O15"}
    rows = await record.feed(0, 1_000_000)
    planned = Counter(row.stream.removeprefix("programme/") for row in rows if row.type == "programme.planned")
    assert len(set(requests.values())) == len(requests), "a message was taken twice"
    assert set(acknowledged) <= set(requests.values()), "acknowledged and lost"
    assert set(planned) == set(requests), "not planned"
    assert set(planned.values()) == {1}, "planned twice"
    first = dict.fromkeys((said.order, said.answers, said.control_id) for said in received)
    assert len({answers for _, answers, _ in first}) == len(first), "two answers to one request"
    for order in {order for order, _, _ in first}:
        ids = [answers for number, answers, _ in first if number == order]
        assert ids == sorted(ids), "reordered"
    await record.close()


def test_sr_12_a_server_killed_under_load_loses_nothing_plans_nothing_twice_and_reorders_nothing(tmp_path: Path):
    asyncio.run(story(tmp_path / "record.db", kills=2, seed=1))


@pytest.mark.slow
def test_sr_12_thirty_kills_under_load(tmp_path: Path):
    asyncio.run(story(tmp_path / "record.db", kills=30, seed=2))
