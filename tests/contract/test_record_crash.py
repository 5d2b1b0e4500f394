"""SIGKILL in the middle of group commits: what was reported committed is there, whole; what was not is there whole or not at all."""

import asyncio
from typing import Any

import pytest
from places import PostgresPlace
from processes import start
from samples import a_message

from interop.adapters.store.chain import verify_events

pytestmark = pytest.mark.anyio


def run_and_kill(place: Any, first: int, after: int) -> list[int]:
    """The numbers that the process reported before it was killed."""
    url = place.url if isinstance(place, PostgresPlace) else f"sqlite:///{place.path}"
    process = start("crashing_writer.py", url, str(first))
    assert process.stdout is not None
    with process, process.stdout:
        said = [process.stdout.readline() for _ in range(after)]
        process.kill()
        said += process.stdout.readlines()
    assert all(said), "the writing process ended by itself"
    return [int(line) for line in said if line.endswith(b"\n")]


async def whole(record: Any, number: int) -> bool:
    """Whether accept ``number`` is there; it fails the test if only a part of it is."""
    parts = [
        await record.version(f"order/{number}") == 1,
        await record.journal_head(f"entry-EHR-{number:05d}") is not None,
        await record.journal_body(f"entry-EHR-{number:05d}") is not None,
        await record.seen(a_message(number).key) is not None,
    ]
    assert all(parts) or not any(parts), f"accept {number} is half written: {parts}"
    return all(parts)


async def test_what_was_reported_committed_survives_a_kill(database: Any) -> None:
    first, reported = 1, set[int]()
    for _ in range(2):
        numbers = await asyncio.to_thread(run_and_kill, database, first, 200)
        reported.update(numbers)
        record = await database.open()
        assert all([await whole(record, number) for number in numbers])
        for number in range(max(numbers), max(numbers) + 64):  # those in flight when it was killed
            await whole(record, number)
        verdict = await verify_events(record)
        assert verdict.sound
        assert verdict.rows >= len(reported)
        first = max(numbers) + 1000
        await record.close()
