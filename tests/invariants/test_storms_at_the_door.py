"""Whatever the store, the peers and the clock do, a message at the MLLP door is answered once, in its turn and truly: real door, intake, desk and memory store,
in one thread on virtual time, every choice from a seed (SR-14, SR-53; D-04, D-08).

Never: CA for what is not stored, or stored and not planned once; two answers or none on a connection that stands; an answer out of turn; a message stored
before another that came earlier on its connection; a slot, a place at the desk or a task that is left over.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from interop.adapters.store.commit import Bounds as StoreBounds
from interop.adapters.store.memory import MemoryRecord
from interop.conduct.hospital import Bounds
from interop.doors.mllp_connection import Connection
from interop.doors.mllp_limits import Limits
from interop.doors.mllp_messages import Shared
from interop.ports import Direction, StoreUnavailable
from interop.wire.hl7v2.mllp import frame
from tests.conduct.virtual import LoopClock, run
from tests.conduct.ward import Hospital, Said, an_order

CONNECTIONS = 6
HELLO = b"hello"


class Wire(asyncio.Transport):
    """The other end of a connection, which keeps all that it was answered and what the door has not read yet."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.answered = b""
        self.sent: list[bytes] = []
        self._unread: list[bytes] = []
        self._reads, self.is_over = True, False
        connection.connection_made(self)

    def send(self, message: bytes) -> None:
        self.sent.append(message)
        self._unread.append(frame(message))
        self._pass_on()

    def answers(self) -> list[Said]:
        return [Said.by(each.split(b"\x1c\r")[0]) for each in self.answered.split(b"\x0b")[1:]]

    def _pass_on(self) -> None:
        while self._reads and self._unread and not self.is_over:
            self.connection.data_received(self._unread.pop(0))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        assert not self.is_over
        self.answered += data

    def is_closing(self) -> bool:
        return self.is_over

    def close(self) -> None:
        if not self.is_over:
            self.is_over = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self._reads = False

    def resume_reading(self) -> None:
        self._reads = True
        asyncio.get_running_loop().call_soon(self._pass_on)


@dataclass
class Storm:
    """What a seed chooses. ``calm`` ends it."""

    chance: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    calm: bool = False

    def one_of(self, *these: Any) -> Any:
        return self.chance.choice(these)

    def record(self, clock: LoopClock) -> MemoryRecord:
        """A store that is slow, stuck, away, in doubt, or takes half of a group."""
        bounds = StoreBounds(group_units=self.one_of(2, 8, 64), queue_units=self.one_of(8, 64, 4096), stuck_after_s=5)
        record = MemoryRecord("node-a", clock, bounds)
        backend: Any = record._backend  # type: ignore[attr-defined]
        apply, often = backend.apply, self.one_of(0, 0.1, 1)

        async def stormy(works: Sequence[Any]) -> Any:
            if self.calm:
                return await apply(works)
            await asyncio.sleep(self.one_of(0, 0.001, 0.02, 0.3))
            draw = self.chance.random()
            if draw < 0.03 * often:
                await asyncio.sleep(self.one_of(6, 9))
            elif draw < 0.06 * often:
                raise StoreUnavailable("away")
            elif draw < 0.08 * often:
                await apply(works)
                raise StoreUnavailable("in doubt", in_doubt=True)
            elif draw < 0.2 and len(works) > 1:
                return await apply(works[: len(works) // 2])
            return await apply(works)

        backend.apply = stormy
        return record

    def message(self, numbers: "itertools.count[int]", former: list[bytes]) -> bytes:
        draw = self.chance.random()
        if draw < 0.1:
            return HELLO
        if draw < 0.15:
            return an_order(next(numbers)).replace(b"EHR1^2.16", b"NOBODY^2.16")
        if draw < 0.25 and former:
            return cast(bytes, self.chance.choice(former))
        message = an_order(next(numbers))
        if self.chance.random() < 0.1:
            message += b"NTE|1||" + b"x" * 40_000 + b"\r"
        former.append(message)
        return message


async def weathered(seed: int) -> Counter[str]:
    """One storm, and what must hold after it. Returns what happened in it."""
    storm, clock = Storm(random.Random(seed)), LoopClock()
    record = storm.record(clock)
    hospital = await Hospital.open(record=record, bounds=Bounds(planning=storm.one_of(1, 3, 10, 1024)))
    intake = hospital.conduct.intake
    intake._record = record  # this store fails by itself
    limits = Limits(
        in_flight=storm.one_of(9, 17, 512),
        in_flight_per_connection=storm.one_of(1, 4),
        connections_per_peer=2,
        answer_s=storm.one_of(0.5, 4, 30),
    )
    ids = (f"D{number}" for number in itertools.count(1))
    shared = Shared(intake, limits, clock, lambda: next(ids), _virtual_ns, lambda *_: None)
    wires = [Wire(Connection(shared, f"10.0.0.{number}")) for number in range(CONNECTIONS)]
    await _sent_into(storm, shared, wires)
    await asyncio.sleep(60)
    storm.calm = True
    for _ in range(2):
        await hospital.settled()
        await asyncio.sleep(100)

    assert (shared.slots.taken, len(shared.coming), len(shared.working)) == (0, 0, 0), "of the door"
    assert (await hospital.conduct.health()).queues[0].length == 0, "at the desk"
    assert not intake._told
    assert not intake._rejecting
    heads = [head for head in reversed(await hospital.journal()) if head.direction is Direction.IN]
    stored = {head.control_id: place for place, head in enumerate(heads) if head.control_id}
    assert len(await hospital.planned()) == len(stored)
    times_sent = Counter(message for wire in wires for message in wire.sent)
    for wire in wires:
        answers = wire.answers()
        assert len(answers) == len(wire.sent) or (wire.is_over and len(answers) < len(wire.sent))
        places = []
        for answer, message in zip(answers, wire.sent, strict=False):
            storm.seen[answer.code] += 1
            control_id = "" if message == HELLO else Said.by(message).control_id
            assert answer.answers == control_id, "in its turn"
            assert answer.code != "CA" or control_id in stored
            if answer.code == "CA" and times_sent[message] == 1:
                places.append(stored[control_id])
        assert places == sorted(places), "none overtook another"
    await hospital.close()
    return storm.seen


async def _sent_into(storm: Storm, shared: Shared, wires: Sequence[Wire]) -> None:
    numbers, former = itertools.count(1), list[bytes]()
    for _ in range(storm.one_of(20, 60)):
        for _ in range(storm.chance.randint(1, 8)):
            storm.chance.choice(wires).send(storm.message(numbers, former))
        await asyncio.sleep(storm.one_of(0, 0, 0.001, 0.05, 1))
        if storm.chance.random() < 0.05:
            storm.chance.choice(wires).abort()
            storm.seen["aborted"] += 1
        if storm.chance.random() < 0.04 and shared.working:
            min(shared.working, key=lambda task: int(task.get_name().rpartition("-")[2])).cancel()  # the oldest
            storm.seen["cut"] += 1


def _virtual_ns() -> int:
    return int(asyncio.get_running_loop().time() * 1e9)


def _after(seeds: range) -> Counter[str]:
    story: Callable[[int], Any] = weathered
    return sum((run(story(seed)) for seed in seeds), Counter[str]())


def test_sr_53_d_08_every_message_is_answered_once_in_its_turn_and_truly_whatever_the_store_does():
    seen = _after(range(10))
    assert all(seen[what] for what in ("CA", "CE", "CR", "cut", "aborted")), "all of it happens, so that it could go wrong"


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 300, 50))
def test_sr_53_d_08_and_so_it_is_in_two_hundred_storms(first: int):
    assert _after(range(first, first + 50))["CA"] > 500
