"""A receiver that is down, slow, answers late, answers wrongly, closes in the middle, or refuses: each RRG arrives, once and in order (D-07)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from interop.wire.hl7v2.ack import AckCode, AckError, ErrorCode, ReceivedHeader, write_ack
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.mllp import Deframer, frame
from tests.server import ehr, machine, trouble
from tests.server.machine import serving

ANSWER_S = 1
MANNERS = ("closes in the middle", "answers another", "says CE", "answers late", "says what is no answer", "is slow", "refuses", "takes it")


@dataclass
class Unruly(ehr.Listener):
    """Treats the first attempt of each order's first RRG in that order's manner (ORD-0 the first of MANNERS), and takes all else."""

    seen: set[str] = field(default_factory=set)
    later: set["asyncio.Task[None]"] = field(default_factory=set)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        deframer = Deframer(max_bytes=1_000_000)
        try:
            while data := await reader.read(65_536):
                deframer.feed(data)
                while (body := deframer.next_frame()) is not None:
                    assert isinstance(body, bytes)
                    if not await self._answer(ehr.Rrg.read(body, connection), writer):
                        return
        except OSError:
            return
        finally:
            writer.close()

    async def _answer(self, rrg: ehr.Rrg, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is still good."""
        self.received.append(rrg)
        order, _, number = rrg.answers.partition("-")
        manner = MANNERS[int(order)] if number == "1" and (order == "6" or order not in self.seen) else "takes it"
        self.seen.add(order)
        taken = self._ack(rrg, AckCode.CA)
        match manner:
            case "closes in the middle":
                writer.write(taken[: len(taken) // 2])
                await writer.drain()
                return False
            case "answers another":
                writer.write(taken.replace(rrg.control_id.encode(), b"SOMEBODYELSE"))
            case "says CE":
                writer.write(self._ack(rrg, AckCode.CE))
            case "answers late":
                task = asyncio.ensure_future(self._late(taken, writer))
                self.later.add(task)
            case "says what is no answer":
                writer.write(frame(b"HELLO|WORLD\r"))
            case "is slow":
                await asyncio.sleep(ANSWER_S * 0.6)
                writer.write(taken)
            case "refuses":
                writer.write(self._ack(rrg, AckCode.CR))
            case _:
                writer.write(taken)
        await writer.drain()
        return True

    async def _late(self, taken: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(ANSWER_S * 1.5)
        if not writer.is_closing():
            writer.write(taken)

    @staticmethod
    def _ack(rrg: ehr.Rrg, code: AckCode) -> bytes:
        error = None if code.is_positive else AckError(ErrorCode.APPLICATION_INTERNAL_ERROR, "as it likes")
        header = ReceivedHeader.of(Message.parse(rrg.body))
        return frame(write_ack(header, code, new_id=lambda: f"U{rrg.connection}", at=datetime.now(UTC), error=error))


def test_d_07_whatever_the_receiver_does_each_rrg_arrives_once_and_in_order_and_one_it_refuses_holds_back_its_own_infusion_only(
    config: Path, until: Callable[..., None]
):
    with ehr.Listener(ehr.listener_tls(config)) as listener:
        port = listener.port
    machine.with_listener(config, port, more=f"answer_s = {ANSWER_S}")  # nobody listens there now
    rows = trouble.rows_of_file(config)
    orders = range(len(MANNERS))

    async def send() -> set[AckCode]:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
        codes = {(await line.ask(ehr.an_order(f"{order}-{number}", f"ORD-{order}"))).code for number in (1, 2) for order in orders}
        await line.close()
        return codes

    def states() -> dict[str, str]:
        """What became of each RRG, by the request that it answers."""
        asked = """SELECT h.control_id, coalesce(s.state, w.state) FROM outgoing o JOIN journal_heads a ON a.control_id = o.control_id
            JOIN journal_heads h ON h.entry_id = a.answers LEFT JOIN outgoing_settled s ON s.seq = o.seq
            LEFT JOIN outgoing_open w ON w.seq = o.seq"""
        return dict(rows(asked))

    expected = {f"{order}-{number}": "sent" for number in (1, 2) for order in orders}
    expected.update({"6-1": "parked", "6-2": "waiting"})
    with serving(config) as server:
        assert asyncio.run(send()) == {AckCode.CA}
        until(lambda: any("a destination does not take messages now" in line for line in server.logged))
        with Unruly(ehr.listener_tls(config), at_port=port) as listener:
            until(lambda: states() == expected)
    for order in orders:
        told = [each.answers for each in listener.first_seen if each.answers.startswith(f"{order}-")]
        assert told == ([f"{order}-1"] if order == 6 else [f"{order}-1", f"{order}-2"])
    attempts = {answers: sum(each.answers == answers for each in listener.received) for answers in expected}
    assert all(attempts[f"{order}-1"] >= 2 for order in range(5)), "sent again, byte for byte"
    assert (attempts["5-1"], attempts["6-1"], attempts["6-2"], attempts["7-1"]) == (1, 1, 0, 1)
