"""A server of its own process for the tests that kill it: MLLP door, record in SQLite, answers to a listener; prints its port.

python -m tests.conduct.server_process RECORD LISTENER_PORT
"""

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime

from interop.adapters.ehr.mllp_sender import Destination as Listener
from interop.adapters.ehr.mllp_sender import MllpSender
from interop.adapters.ehr.outcome import Accepted, NoAnswer, Rejected, TryAgain, Unreachable
from interop.adapters.store import open_record
from interop.conduct.hospital import Conduct, Way
from interop.conduct.lanes import LaneLimits
from interop.conduct.sending import Became, Delivery
from interop.conduct.world import Destination, Releases
from interop.doors.mllp import Limits, MllpDoor
from interop.wire.hl7v2.reader import RgvReader, RgvRenderer
from tests.wards.ward import demo_release


class Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


class TimeOrdered:
    """Ids of this process: when it began, its number, a count."""

    def __init__(self) -> None:
        self._began = f"{int(datetime.now(UTC).timestamp() * 1000):012X}"
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"{self._began}{next(self._numbers):08X}"


class Line:
    """``MllpSender`` as the lanes' port."""

    def __init__(self, sender: MllpSender) -> None:
        self._sender = sender

    async def send(self, message: bytes) -> Delivery:
        outcome = await self._sender.send(message)
        match outcome:
            case Accepted():
                return Delivery(Became.ACCEPTED)
            case Rejected():
                return Delivery(Became.REJECTED, outcome.code)
            case TryAgain():
                return Delivery(Became.TRY_AGAIN)
            case NoAnswer():
                return Delivery(Became.NO_ANSWER, outcome.why)
            case Unreachable():
                return Delivery(Became.UNREACHABLE, outcome.why)
            case _:
                return Delivery(Became.WRONG_ANSWER, outcome.why)


async def serve(path: str, listener: int) -> None:
    clock, ids = Now(), TimeOrdered()
    record = await open_record(f"sqlite:///{path}", node="node-a", clock=clock, migrate=not os.path.exists(path))
    line = Line(MllpSender(Listener("ehr1", "127.0.0.1", listener, None), demo=True))
    way = Way(Destination("ehr1", worth_s=3600), "pcd03-demo", line)
    conduct = Conduct(
        record,
        clock,
        ids,
        RgvReader(),
        RgvRenderer(),
        Releases(demo_release()),
        speaks_for=lambda peer, opened: True,
        ways=[way],
        lane_limits=LaneLimits(poll_s=0.2),
    )
    await conduct.start()
    limits = Limits(messages_per_s=1_000_000)
    door = MllpDoor(conduct.intake, host="127.0.0.1", port=0, tls=None, clock=clock, new_id=ids.new, demo=True, limits=limits)
    await door.start()
    print(door.address[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
