"""Clients that nobody here wrote talk to the door, each in its own manner."""

import asyncio
import sys
from pathlib import Path

import hl7
import pytest
from hl7.mllp import open_hl7_connection

from interop.wire.hl7v2.mllp import frame
from tests.clients.door import a_door, order
from tests.clients.foreign import needs_node_clients, said_by, said_by_node
from tests.clients.loops import LOOPS, Run, runner_of

MLLP_SEND = Path(sys.executable).parent / "mllp_send"


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


@pytest.mark.requirement("D-08")
def test_mllp_send_of_python_hl7_sends_a_file_of_frames_and_is_answered(run: Run, tmp_path: Path):
    framed = tmp_path / "framed.mllp"
    framed.write_bytes(frame(order("M1")) + frame(order("M2")))

    async def story() -> None:
        async with a_door() as ward:
            said = await said_by(MLLP_SEND, "-p", str(ward.door.address[1]), "-f", framed, "127.0.0.1")
            assert ward.intake.came == ["M1", "M2"]
            assert [line[:8] for line in said.replace("\r", "\n").split("\n") if line.startswith("MSA")] == ["MSA|CA|M", "MSA|CA|M"]

    run(story())


@pytest.mark.requirement("D-08")
def test_mllp_send_of_python_hl7_sends_loose_text_without_its_last_return(run: Run, tmp_path: Path):
    loose = tmp_path / "loose.hl7"
    loose.write_bytes(order("M1").replace(b"\r", b"\r\n"))

    async def story() -> None:
        async with a_door() as ward:
            said = await said_by(MLLP_SEND, "--loose", "-p", str(ward.door.address[1]), "-f", loose, "127.0.0.1")
            assert "MSA|CA|M1" in said

    run(story())


@pytest.mark.requirement("D-08")
def test_the_asyncio_client_of_python_hl7_sends_many_messages_on_one_connection(run: Run):
    async def story() -> None:
        async with a_door() as ward:
            reader, writer = await open_hl7_connection("127.0.0.1", ward.door.address[1])
            for number in range(5):
                writer.writemessage(hl7.parse(order(f"M{number}").decode()))
                await writer.drain()
                answer = await reader.readmessage()
                assert (str(answer["MSA.1"]), str(answer["MSA.2"])) == ("CA", f"M{number}")
            writer.close()
            await writer.wait_closed()
            assert ward.tally.accepted == 1

    run(story())


@pytest.mark.requirement("D-08")
@pytest.mark.parametrize(
    ("script", "prefix"),
    [
        pytest.param("node_hl7_client.mjs", "N", marks=needs_node_clients),
        pytest.param("simple_hl7_client.mjs", "S", marks=needs_node_clients),
    ],
)
def test_clients_of_node_send_one_message_after_the_other_and_read_our_answers(run: Run, script: str, prefix: str):
    async def story() -> None:
        async with a_door() as ward:
            said = await asyncio.wait_for(said_by_node(script, ward.door.address[1], 3), timeout=30)
            assert said.split("\n")[:3] == [f"CA {prefix}{number}" for number in (1, 2, 3)]
            assert ward.intake.came == [f"{prefix}{number}" for number in (1, 2, 3)]

    run(story())
