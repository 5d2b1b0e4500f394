"""A process that commits accepts from many callers and says each number once it is told "committed"; it is killed in the middle of it."""

import asyncio
import itertools
import os
import sys
from datetime import UTC, datetime

from samples import accepts

from interop.adapters.store import open_record
from interop.ports import Record


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def caller(record: Record, numbers: "itertools.count[int]") -> None:
    while True:
        number = next(numbers)
        await record.commit(accepts(number))
        os.write(1, b"%d\n" % number)


async def main(url: str, first: int) -> None:
    record = await open_record(url, node="crashing", clock=WallClock())
    numbers = itertools.count(first)
    await asyncio.gather(*(caller(record, numbers) for _ in range(32)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
