"""An EHR that goes on sending while the server's store is in trouble, and what must be true of the record when the trouble is over (D-08, SR-53).

Each station asks for one order after the other: the next when the one before was acknowledged, the same again while it was not.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from interop.wire.hl7v2.ack import AckCode
from tests.server import ehr, machine

GONE = (OSError, asyncio.IncompleteReadError)
WITHIN_S = 60

Rows = Callable[[str], list[tuple]]  # type: ignore[type-arg]
"""One SQL query of the record, as an auditor runs it."""


def rows_of_file(config: Path) -> Rows:
    def asked(sql: str) -> list[tuple]:  # type: ignore[type-arg]
        database = sqlite3.connect(f"file:{config.parent / 'interop.db'}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    return asked


async def in_postgres(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


def rows_of_postgres(url: str) -> Rows:
    return lambda sql: [tuple(row) for row in asyncio.run(in_postgres(url, sql))]


@dataclass
class Heard:
    """What the stations were told: ``codes`` in their order, ``None`` where the connection ended instead."""

    acknowledged: list[str] = field(default_factory=list)
    codes: list[AckCode | None] = field(default_factory=list)

    @property
    def troubled(self) -> int:
        return sum(code is not AckCode.CA for code in self.codes)


async def station(name: str, config: Path, server: machine.Running, heard: Heard, ended: asyncio.Event) -> None:
    line: ehr.Line | None = None
    number, asked_at = 1, datetime.now(UTC)
    while not ended.is_set():
        control_id = f"{name}-{number}"
        try:
            line = line or await ehr.Line.open(server.mllp, ehr.tls_of(config))
            code: AckCode | None = (await line.ask(ehr.an_order(control_id, f"ORD-{name}", asked_at))).code
        except GONE:
            code, line = None, None
        heard.codes.append(code)
        if code is AckCode.CA:
            heard.acknowledged.append(control_id)
            number, asked_at = number + 1, datetime.now(UTC)
        else:
            await asyncio.sleep(0.05)
    if line is not None:
        await line.close()


async def until(holds: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.02)
    assert holds(), what


def endures(
    config: Path, server: machine.Running, breaks: Callable[[], None], during: Callable[[], None], mends: Callable[[], None]
) -> Heard:
    """Three stations send; the store breaks under them; ``during`` looks while it is broken; it is mended, and they go on."""

    async def story() -> Heard:
        heard, ended = Heard(), asyncio.Event()
        stations = [asyncio.ensure_future(station(f"S{number}", config, server, heard, ended)) for number in range(3)]
        try:
            await until(lambda: len(heard.acknowledged) >= 15, "orders are accepted")
            await asyncio.to_thread(breaks)
            await until(lambda: heard.troubled >= 3, "the EHR is told")
            await asyncio.to_thread(during)
            before = len(heard.acknowledged)
            await asyncio.to_thread(mends)
            await until(lambda: len(heard.acknowledged) >= before + 15, "it heals by itself")
        finally:
            ended.set()
            await asyncio.gather(*stations)
        return heard

    return asyncio.run(story())


def is_whole(heard: Heard, rows: Rows, listener: ehr.Listener) -> None:
    """Nothing acknowledged is lost, each request is planned once and told once, and a person was alerted, in the log and in the audit trail."""
    assert set(heard.codes) <= {AckCode.CA, AckCode.CE, None}
    journal = dict(rows("SELECT control_id, entry_id FROM journal_heads WHERE direction = 'in' AND message_type LIKE 'RGV%'"))
    assert [each for each in heard.acknowledged if each not in journal] == [], "an acknowledged message is lost"
    planned = Counter(stream.partition("/")[2] for (stream,) in rows("SELECT stream FROM events WHERE type = 'programme.planned'"))
    assert planned == Counter(journal.values()), "each that is in the record is planned once"
    answered = Counter(each.answers for each in listener.first_seen)
    assert answered == Counter(list(journal)), "and answered once"
    alerts = [outcome for (outcome,) in rows("SELECT outcome FROM audit WHERE action = 'store.failed'")]
    assert alerts, "the alert is in the audit trail"
    assert all("works again" in outcome for outcome in alerts)


def was_told(server: machine.Running) -> bool:
    """The engineer on call is told when it begins and when it ends."""
    errors = [line for line in server.logged if '"level": "error"' in line]
    return any("takes no commits" in line for line in errors) and any("took no commits for a time" in line for line in errors)


def is_done(rows: Rows) -> bool:
    """Nothing is left to be planned or sent."""
    return not any(rows(f"SELECT count(*) FROM {what}")[0][0] for what in ("intents", "outgoing_open"))
