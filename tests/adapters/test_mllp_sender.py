"""The outgoing MLLP connection against partners that are down, slow, late, wrong or gone: what is not known is never called accepted."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hl7.mllp import start_hl7_server

from interop.adapters.ehr.mllp_sender import Destination, InsecureDestination, MllpSender
from interop.adapters.ehr.outcome import Accepted, NoAnswer, Outcome, Rejected, TryAgain, Unreachable, WrongAnswer
from interop.adapters.ehr.tls import client_context
from interop.doors.mllp_tls import server_context
from interop.wire.hl7v2.ack import AckCode, ReceivedHeader
from interop.wire.hl7v2.mllp import Unframeable, frame
from tests.clients.certificates import Authority, Identity
from tests.clients.door import a_door
from tests.clients.foreign import needs_node_clients, node_server
from tests.clients.loops import LOOPS, Run, runner_of, until


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return runner_of(request.param)


def report(control_id: str = "R1", note: str = "") -> bytes:
    """The application answer to an order, which goes to the sender's own listener."""
    return (
        f"MSH|^~\\&|GATEWAY||BEDSIDE|NORTH|20260302101502+0100||RRG^O16^RRG_O16|{control_id}|P|2.6|||AL|NE\r"
        f"MSA|AA|M1\rPID|||4711||Muster^Maxi\rNTE|1||{note}\r"
    ).encode()


def answer(code: str, control_id: str, rest: str = "") -> bytes:
    return frame(f"MSH|^~\\&|BEDSIDE|NORTH|GATEWAY||20260302101503+0100||ACK^O16^ACK|9|P|2.6\rMSA|{code}|{control_id}\r{rest}".encode())


class Partner:
    """A listener whose every line is played by hand: what it got, and the connections it got it on."""

    def __init__(self) -> None:
        self.port = 0
        self.connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.open = 0

    async def hear(self, connection: int = 0) -> bytes:
        """The next message on a connection, when there is one."""
        await until(lambda: len(self.connections) > connection)
        framed = await self.connections[connection][0].readuntil(b"\x1c\r")
        assert framed.startswith(b"\x0b")
        return framed[1:-2]

    def say(self, data: bytes, connection: int = 0) -> None:
        self.connections[connection][1].write(data)

    def hang_up(self, connection: int = 0) -> None:
        self.connections[connection][1].transport.abort()


@asynccontextmanager
async def a_partner(tls: ssl.SSLContext | None = None) -> AsyncIterator[Partner]:
    partner = Partner()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        partner.connections.append((reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    partner.port = server.sockets[0].getsockname()[1]
    try:
        yield partner
    finally:
        server.close()
        for _, writer in partner.connections:
            writer.transport.abort()


def sender_to(port: int, **how: Any) -> MllpSender:
    return MllpSender(Destination("EHR1", "127.0.0.1", port, **{"tls": None, **how}), demo=True)


@asynccontextmanager
async def a_sender(**how: Any) -> AsyncIterator[tuple[Partner, MllpSender]]:
    async with a_partner() as partner:
        sender = sender_to(partner.port, **how)
        try:
            yield partner, sender
        finally:
            sender.close()


def sending(sender: MllpSender, message: bytes) -> asyncio.Task[Outcome]:
    return asyncio.create_task(sender.send(message))


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize("code", ["CA", "AA"])
def test_d_08_a_message_that_the_partner_has_is_accepted(run: Run, code: str):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            assert await partner.hear() == report()
            partner.say(answer(code, "R1"))
            assert await outcome == Accepted(AckCode(code), answer(code, "R1")[1:-2])
            assert sender.figures().accepted == 1

    run(story())


@pytest.mark.parametrize("code", ["CR", "AR", "AE"])
def test_d_08_a_message_that_the_partner_will_never_take_is_rejected_with_its_reason(run: Run, code: str):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            partner.say(answer(code, "R1", "ERR|||101^Required field missing^HL70357|E||||ORC-2 is missing\r"))
            match await outcome:
                case Rejected(AckCode() as said, text, _):
                    assert (said, text) == (AckCode(code), "ORC-2 is missing")
                case other:
                    pytest.fail(f"{other}")

    run(story())


def test_d_08_a_message_that_the_partner_has_not_stored_is_to_be_sent_again(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            partner.say(answer("CE", "R1"))
            assert isinstance(await outcome, TryAgain)
            again = sending(sender, report())
            assert await partner.hear() == report()
            partner.say(answer("CA", "R1"))
            assert isinstance(await again, Accepted)
            assert len(partner.connections) == 1

    run(story())


def test_many_messages_go_on_one_connection_and_never_two_at_once(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcomes = [sending(sender, report(f"R{number}")) for number in range(1, 4)]
            for number in range(1, 4):
                assert ReceivedHeader.salvaged(await partner.hear()).control_id == f"R{number}"
                assert [outcome.done() for outcome in outcomes[number - 1 :]] == [False] * (4 - number)
                partner.say(answer("CA", f"R{number}"))
                assert isinstance(await outcomes[number - 1], Accepted)
            assert (len(partner.connections), sender.figures().connections) == (1, 1)

    run(story())


def test_a_destination_may_ask_for_a_connection_of_its_own_for_each_message(run: Run):
    async def story() -> None:
        async with a_sender(keep_open=False) as (partner, sender):
            for number in range(2):
                outcome = sending(sender, report())
                await partner.hear(number)
                partner.say(answer("CA", "R1"), number)
                assert isinstance(await outcome, Accepted)
                assert await partner.connections[number][0].read() == b""

    run(story())


def test_a_connection_that_the_partner_closed_meanwhile_is_made_anew(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            first = sending(sender, report("R1"))
            await partner.hear()
            partner.say(answer("CA", "R1"))
            await first
            partner.hang_up()
            await until(lambda: sender._line is None)
            second = sending(sender, report("R2"))
            await partner.hear(1)
            partner.say(answer("CA", "R2"), 1)
            assert isinstance(await second, Accepted)

    run(story())


def test_an_answer_in_crumbs_and_with_garbage_before_it_is_an_answer(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            for byte in b"hello\r\n" + answer("CA", "R1"):
                partner.say(bytes([byte]))
                await asyncio.sleep(0)
            assert isinstance(await outcome, Accepted)
            assert sender.figures().garbage_bytes == 7

    run(story())


# ---------------------------------------------------------------- partners that are down, slow, late


def test_a_partner_that_is_down_is_unreachable_and_not_a_byte_was_sent(run: Run):
    async def story() -> None:
        async with a_partner() as partner:
            port = partner.port
        sender = sender_to(port)
        assert await sender.send(report()) == Unreachable("ConnectionRefusedError")
        assert sender.figures().unreachable == 1

    run(story())


def test_a_partner_that_does_not_finish_its_handshake_is_unreachable(run: Run, tmp_path: Path):
    us = Authority(tmp_path).issue("gateway")

    async def story() -> None:
        async with a_partner() as partner:
            tls = client_context(certificate=us.certificate, key=us.key, authorities=us.certificate)
            sender = MllpSender(Destination("EHR1", "127.0.0.1", partner.port, tls=tls, connect_s=0.05))
            assert await sender.send(report()) == Unreachable("TimeoutError")

    run(story())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", "\udcff"])
def test_a_host_that_is_none_is_unreachable(run: Run, tmp_path: Path, host: str):
    us = Authority(tmp_path).issue("gateway")
    tls = client_context(certificate=us.certificate, key=us.key, authorities=us.certificate)

    async def story() -> None:
        assert isinstance(await MllpSender(Destination("EHR1", host, 2575, tls=tls)).send(report()), Unreachable)

    run(story())


def test_a_slow_partner_gives_no_answer_and_its_late_one_counts_for_the_resend_alone(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            first = await sender.send(report("R1"), within_s=0.02)
            assert first == NoAnswer("no answer within 0.02 s")
            assert await partner.hear() == report("R1")
            again = sending(sender, report("R1"))
            assert await partner.hear() == report("R1")  # byte for byte, on the same connection
            partner.say(answer("CA", "R1"))  # to the first sending
            assert isinstance(await again, Accepted)
            after = sending(sender, report("R2"))
            await partner.hear()
            partner.say(answer("CA", "R1"))  # to the second
            await until(lambda: sender.figures().late == 1)
            assert not after.done()
            partner.say(answer("CR", "R2"))
            assert isinstance(await after, Rejected)

    run(story())


def test_a_late_answer_is_never_taken_for_another_message(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            assert isinstance(await sender.send(report("R1"), within_s=0.02), NoAnswer)
            await partner.hear()
            second = sending(sender, report("R2"))
            assert await partner.hear(1) == report("R2")  # never two in flight: it went on a connection of its own
            partner.say(answer("CR", "R1"), 1)
            await until(lambda: sender.figures().late == 1)
            assert not second.done()
            partner.say(answer("CA", "R2"), 1)
            assert isinstance(await second, Accepted)
            assert await partner.connections[0][0].read() == b""

    run(story())


def test_a_late_answer_that_nobody_waits_for_puts_the_connection_in_step_again(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            assert isinstance(await sender.send(report("R1"), within_s=0.02), NoAnswer)
            await partner.hear()
            partner.say(answer("CA", "R1"))
            await until(lambda: sender.figures().late == 1)
            second = sending(sender, report("R2"))
            await partner.hear()
            partner.say(answer("CA", "R2"))
            assert isinstance(await second, Accepted)
            assert len(partner.connections) == 1

    run(story())


def test_a_connection_that_stays_silent_is_given_up(run: Run):
    async def story() -> None:
        async with a_sender(answer_s=0.02, silences=2) as (partner, sender):
            for _ in range(3):
                assert isinstance(await sender.send(report("R1")), NoAnswer)
            await until(lambda: len(partner.connections) == 2)
            assert await partner.connections[0][0].read() == frame(report("R1")) * 2
            assert sender.figures().no_answer == 3

    run(story())


def test_a_new_connection_has_all_the_patience_again(run: Run):
    async def story() -> None:
        async with a_sender(answer_s=0.02, silences=2) as (partner, sender):
            for control_id in ("R1", "R2", "R2"):
                assert isinstance(await sender.send(report(control_id)), NoAnswer)
            await until(lambda: len(partner.connections) == 2)
            assert await partner.connections[1][0].read() == frame(report("R2")) * 2

    run(story())


def test_a_partner_that_reads_nothing_gives_no_answer(run: Run):
    async def story() -> None:
        async with a_sender(answer_s=0.05) as (partner, sender):
            assert isinstance(await sender.send(report(note="x" * 8_000_000)), NoAnswer)
            await until(lambda: len(partner.connections) == 1)

    run(story())


@pytest.mark.parametrize("part", [b"", b"\x0b", b"garbage", answer("CA", "R1")[:-1], answer("CA", "R1")[1:]])
def test_a_partner_that_closes_in_the_middle_leaves_it_unknown(run: Run, part: bytes):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            partner.say(part)
            partner.connections[0][1].close()
            match await outcome:
                case NoAnswer(why):
                    assert why == (
                        "the connection ended within an answer" if part[:1] == b"\x0b" else "the connection ended before the answer"
                    )
                case other:
                    pytest.fail(f"{other}")

    run(story())


def test_a_sender_that_is_closed_leaves_what_is_in_flight_unknown(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            sender.close()
            assert isinstance(await outcome, NoAnswer)

    run(story())


def test_a_sending_that_is_given_up_does_not_leave_its_answer_to_the_next(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            given_up = sending(sender, report("R1"))
            await partner.hear()
            given_up.cancel()
            await asyncio.wait([given_up])
            second = sending(sender, report("R2"))
            await partner.hear(1)
            partner.say(answer("CA", "R2"), 1)
            assert isinstance(await second, Accepted)

    run(story())


# ---------------------------------------------------------------- partners that are wrong


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer("CA", "R2"), "it answers another message"),
        (answer("CA", ""), "it does not say which message it answers"),
        (answer("CA", "r1"), "it answers another message"),
        (answer("OK", "R1"), "no acknowledgement: MSA-1 is no acknowledgement code"),
        (frame(b"ACK"), "no acknowledgement: line 1: does not begin with MSH (no-header)"),
        (frame(b""), "no acknowledgement: message: there are no bytes (empty)"),
        (frame(report()).replace(b"MSA|", b"ZSA|"), "no acknowledgement: 0 MSA segments; an answer has one"),
        (frame(b"x" * 70_000), "the frame of the answer is refused: too-large, 70000 bytes"),
        (answer("CA", "R1").replace(b"ACK", b"A\x0bK"), "the frame of the answer is refused: start-within, 83 bytes"),
    ],
    ids=[
        "another message's",
        "nobody's",
        "nearly",
        "no code",
        "no message",
        "nothing",
        "no MSA",
        "too large",
        "no frame",
    ],
)
def test_d_08_what_is_no_answer_to_the_message_is_not_taken_for_one(run: Run, said: bytes, why: str):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            outcome = sending(sender, report())
            await partner.hear()
            partner.say(said)
            match await outcome:
                case WrongAnswer(reason, _):
                    assert reason == why
                case other:
                    pytest.fail(f"{other}")
            assert sender.figures().wrong_answer == 1
            again = sending(sender, report())  # byte-equal, on a connection that is in step
            assert await partner.hear(1) == report()
            partner.say(answer("CA", "R1"), 1)
            assert isinstance(await again, Accepted)

    run(story())


def test_an_answer_that_nobody_asked_for_ends_the_connection_it_came_on(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            first = sending(sender, report("R1"))
            await partner.hear()
            partner.say(answer("CA", "R1") + answer("CA", "R2"))
            assert isinstance(await first, Accepted)
            await until(lambda: sender.figures().unasked == 1)
            second = sending(sender, report("R2"))
            await partner.hear(1)
            assert not second.done()
            partner.say(answer("CR", "R2"), 1)
            assert isinstance(await second, Rejected)

    run(story())


def test_a_second_answer_to_the_same_message_changes_nothing(run: Run):
    async def story() -> None:
        async with a_sender() as (partner, sender):
            first = sending(sender, report("R1"))
            await partner.hear()
            partner.say(answer("CA", "R1") + answer("CR", "R1"))
            assert isinstance(await first, Accepted)
            await until(lambda: sender.figures().late == 1)

    run(story())


# ---------------------------------------------------------------- what is not sent at all


def test_what_cannot_be_framed_or_answered_is_an_error_of_the_caller(run: Run):
    async def story() -> None:
        sender = sender_to(1)
        with pytest.raises(Unframeable):
            await sender.send(report(note="a\x1cb"))
        with pytest.raises(ValueError, match="MSH-10"):
            await sender.send(report(""))

    run(story())


@pytest.mark.parametrize(("host", "demo"), [("127.0.0.1", False), ("192.0.2.7", True), ("localhost", True), ("ehr.hospital.example", True)])
def test_sec_03_patients_data_go_out_in_clear_text_on_loopback_in_demo_mode_only(host: str, demo: bool):
    with pytest.raises(InsecureDestination):
        MllpSender(Destination("EHR1", host, 2575, tls=None), demo=demo)


@pytest.mark.parametrize("bound", ["connect_s", "answer_s", "silences", "max_answer_bytes"])
def test_a_destination_has_bounds(bound: str):
    with pytest.raises(ValueError, match="above 0"):
        Destination("EHR1", "127.0.0.1", 2575, tls=None, **{bound: 0})


# ---------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def ours_of(authority: Authority, us: Identity, trusted: Path | None = None) -> ssl.SSLContext:
    return client_context(certificate=us.certificate, key=us.key, authorities=trusted or authority.file)


def theirs_of(authority: Authority, them: Identity) -> ssl.SSLContext:
    return server_context(certificate=them.certificate, key=them.key, client_authorities=authority.file)


def test_sec_05_we_show_our_certificate_and_the_partner_knows_us_by_it(run: Run, authority: Authority):
    us, them = authority.issue("gateway", dns=("gateway.hospital.example",)), authority.issue("ehr", dns=("localhost",), server=True)

    async def story() -> None:
        async with a_door(tls=theirs_of(authority, them)) as ward:
            host, port = ward.door.address
            sender = MllpSender(Destination("EHR1", host, port, tls=ours_of(authority, us), server_name="localhost"))
            assert isinstance(await sender.send(report()), Accepted)
            assert ward.intake.peers[0].names == {"DNS:gateway.hospital.example"}
            sender.close()

    run(story())


def strangers(authority: Authority, folder: Path) -> dict[str, Identity]:
    return {
        "of another authority": Authority(folder, "Somebody else's authority").issue("ehr", dns=("localhost",), server=True),
        "of another host": authority.issue("ehr", dns=("ehr2.hospital.example",), server=True),
        "that has ended": authority.issue("ehr", dns=("localhost",), server=True, ended=True),
        "of a client": authority.issue("ehr", dns=("localhost",)),
    }


@pytest.mark.parametrize("which", ["of another authority", "of another host", "that has ended", "of a client"])
def test_sec_03_nothing_is_sent_to_a_partner_with_a_certificate(run: Run, authority: Authority, tmp_path: Path, which: str):
    them = strangers(authority, tmp_path)[which]

    async def story() -> None:
        async with a_door(tls=theirs_of(authority, them)) as ward:
            host, port = ward.door.address
            sender = MllpSender(
                Destination("EHR1", host, port, tls=ours_of(authority, authority.issue("gateway")), server_name="localhost")
            )
            assert await sender.send(report()) == Unreachable("CERTIFICATE_VERIFY_FAILED")
            assert ward.intake.came == []

    run(story())


def test_a_partner_that_does_not_let_us_in_has_nothing(run: Run, authority: Authority, tmp_path: Path):
    us = Authority(tmp_path, "Somebody else's authority").issue("gateway")
    them = authority.issue("ehr", dns=("localhost",), server=True)

    async def story() -> None:
        async with a_door(tls=theirs_of(authority, them)) as ward:
            host, port = ward.door.address
            sender = MllpSender(Destination("EHR1", host, port, tls=ours_of(authority, us), server_name="localhost"))
            # in TLS 1.3 the refusal comes after our first bytes: that it has nothing is true, and unknown to us
            assert isinstance(await sender.send(report()), NoAnswer | Unreachable)
            assert ward.intake.came == []

    run(story())


def checks_no_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def checks_nothing(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def speaks_old_suites(context: ssl.SSLContext) -> None:
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")


def speaks_old_versions(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1


@pytest.mark.parametrize("weaken", [checks_no_name, checks_nothing, speaks_old_suites, speaks_old_versions])
def test_sec_03_a_weak_context_is_not_used(authority: Authority, weaken: Callable[[ssl.SSLContext], None]):
    context = ours_of(authority, authority.issue("gateway"))
    weaken(context)
    with pytest.raises(InsecureDestination):
        MllpSender(Destination("EHR1", "127.0.0.1", 2575, tls=context))


# ---------------------------------------------------------------- listeners that nobody here wrote


async def sent_to(port: int, count: int) -> list[Outcome]:
    sender = sender_to(port)
    try:
        return [await sender.send(report(f"R{number}")) for number in range(count)]
    finally:
        sender.close()


@pytest.mark.requirement("D-08")
def test_the_listener_of_python_hl7_takes_our_messages_and_we_its_answers(run: Run):
    async def story() -> None:
        got: list[str] = []
        over = asyncio.Event()

        async def answers(reader: Any, writer: Any) -> None:
            try:
                while True:
                    message = await reader.readmessage()
                    got.append(str(message["MSH.10"]))
                    writer.writemessage(message.create_ack("AA"))
                    await writer.drain()
            except asyncio.IncompleteReadError:
                writer.close()
                await writer.wait_closed()
                over.set()

        server: Any = await start_hl7_server(answers, "127.0.0.1", 0)
        outcomes = await sent_to(server.sockets[0].getsockname()[1], 3)
        assert [type(outcome) for outcome in outcomes] == [Accepted] * 3
        assert got == ["R0", "R1", "R2"]
        await over.wait()
        server.close()
        await server.wait_closed()

    run(story())


@pytest.mark.requirement("D-08")
@pytest.mark.parametrize("server", [pytest.param("simple_hl7_server.mjs", marks=needs_node_clients)])
def test_a_listener_of_node_takes_our_messages_and_we_its_answers(run: Run, server: str):
    async def story() -> None:
        async with node_server(server) as port:
            outcomes = await sent_to(port, 3)
        assert [type(outcome) for outcome in outcomes] == [Accepted] * 3

    run(story())
