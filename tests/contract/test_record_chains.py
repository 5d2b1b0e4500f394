"""What was recorded cannot be changed in place, and an edit behind the record's back shows (SEC-27, SEC-35, SEC-36)."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import EARLY, PostgresPlace, SqlitePlace, in_sql
from samples import accepts, an_audit, happens, to_ehr

from interop.adapters.store.chain import BEFORE_THE_FIRST, audit_digest, event_digest, verify_audit, verify_events
from interop.ports import Activation, AuditQuery, AuditRow, Commit, StoredRelease

pytestmark = pytest.mark.anyio


async def fill(record: Any) -> None:
    await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 6)))
    for minute in range(5):
        await record.commit(Commit(audit=(an_audit(f"action {minute}", EARLY + timedelta(minutes=minute)),)))
    await record.commit(Commit(messages=(to_ehr(1),), releases=(StoredRelease("l", "m", EARLY, b"r"),)))
    await record.commit(Commit(activations=(Activation("l", "m", EARLY, "pharmacist/1"),)))


CHANGES = [
    *(
        f"UPDATE {table} SET at = at"
        for table in ("events", "audit", "releases", "activations", "journal_heads", "journal_bodies", "message_keys", "outgoing")
    ),
    *(f"DELETE FROM {table}" for table in ("events", "audit", "releases", "activations")),
]


@pytest.mark.parametrize("statement", CHANGES)
async def test_sec_27_sec_35_recorded_rows_are_neither_changed_nor_deleted(database: Any, statement: str) -> None:
    record = await database.open()
    await fill(record)
    with pytest.raises(Exception, match="rows are not changed"):
        await in_sql(database, statement)
    assert (await verify_events(record)).rows == 5


async def test_sec_27_events_are_not_truncated(postgres: PostgresPlace) -> None:
    await fill(await postgres.open())
    with pytest.raises(Exception, match="rows are not changed"):
        await in_sql(postgres, "TRUNCATE events")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO events SELECT position, stream, version, 'Forged', type_version, at, body, digest FROM events WHERE position = 3",
        "INSERT OR REPLACE INTO events SELECT 99, stream, version, 'Forged', type_version, at, body, digest FROM events WHERE position = 3",
        "INSERT OR REPLACE INTO audit SELECT node, seq, at, 'nobody', action, outcome, patient, pump, subject, body, digest FROM audit WHERE seq = 2",
        "INSERT OR REPLACE INTO releases SELECT library_hash, mapping_hash, at, x'00' FROM releases",
    ],
)
async def test_sec_27_replacing_is_changing(sqlite: SqlitePlace, statement: str) -> None:
    record = await sqlite.open()
    await fill(record)
    with pytest.raises(Exception, match="rows are not changed"):
        await in_sql(sqlite, statement)
    assert (await verify_events(record)).rows == 5


OPEN_UP = {
    "sqlite": ("DROP TRIGGER events_keep", "DROP TRIGGER events_stay", "DROP TRIGGER audit_keep", "DROP TRIGGER audit_stay"),
    "postgres": ("ALTER TABLE events DISABLE TRIGGER ALL", "ALTER TABLE audit DISABLE TRIGGER ALL"),
}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ("UPDATE events SET body = '{}' WHERE position = 3", (3, "changed")),
        ("UPDATE events SET type = 'Confirmed' WHERE position = 1", (1, "changed")),
        ("DELETE FROM events WHERE position = 4", (4, "missing")),
        ("DELETE FROM events WHERE position = 5", (5, "missing")),
        ("UPDATE counters SET chain = (SELECT digest FROM events WHERE events.position = 4)", (5, "not the head")),
    ],
)
async def test_sec_27_a_direct_edit_of_the_events_shows(database: Any, edit: str, says: tuple[int, str]) -> None:
    record = await database.open()
    await fill(record)
    assert (await verify_events(record)).sound
    await in_sql(database, *OPEN_UP[database.name], edit)
    verdict = await verify_events(record)
    assert (verdict.broken_at, verdict.why) == says


async def test_sec_27_a_row_slipped_in_after_the_head_shows(database: Any) -> None:
    record = await database.open()
    await fill(record)
    await in_sql(database, "INSERT INTO events SELECT 6, 'order/9', 1, type, type_version, at, body, digest FROM events WHERE position = 5")
    verdict = await verify_events(record)
    assert (verdict.broken_at, verdict.why) == (6, "beyond the head")


async def test_sec_35_a_direct_edit_of_the_audit_shows_and_a_cut_shows_against_the_export(database: Any) -> None:
    record = await database.open()
    await fill(record)
    exported = await record.audit_head("node-a")
    assert (await verify_audit(record, "node-a", exported)).rows == 5
    opened = OPEN_UP[database.name]
    await in_sql(database, *opened, "UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    verdict = await verify_audit(record, "node-a", exported)
    assert (verdict.broken_at, verdict.why, verdict.sound) == (2, "changed", False)
    await in_sql(database, "UPDATE audit SET actor = 'nurse/7' WHERE seq = 2", "DELETE FROM audit WHERE seq > 3")
    await in_sql(database, "UPDATE audit_heads SET seq = 3, digest = (SELECT digest FROM audit WHERE seq = 3)")
    assert (await verify_audit(record, "node-a")).sound  # a chain alone cannot show that it was cut
    assert (await verify_audit(record, "node-a", exported)).why == "cut short: more was exported"
    await record.commit(Commit(audit=tuple(an_audit(f"again {n}") for n in range(3))))
    assert (await verify_audit(record, "node-a")).sound
    assert (await verify_audit(record, "node-a", exported)).why == "not what was exported"


async def test_sec_35_each_node_keeps_a_chain_of_its_own(database: Any) -> None:
    nodes = {name: await database.open(name) for name in ("node-a", "node-b")}
    for name, record in nodes.items():
        await asyncio.gather(*(record.commit(Commit(audit=(an_audit(f"{name} {n}"), an_audit("read")))) for n in range(10)))
    for name, record in nodes.items():
        assert (await verify_audit(record, name)).rows == 20
        assert [row.seq for row in await record.audit_rows(name, after=15, limit=3)] == [16, 17, 18]
    assert await nodes["node-a"].audit_nodes() == ("node-a", "node-b")
    assert await nodes["node-a"].audit_head("node-c") == BEFORE_THE_FIRST


async def test_sec_35_the_audit_row_is_in_the_commit_of_what_it_tells(record: Any) -> None:
    await record.commit(happens("programme/1", 0, "Offered", audit=(an_audit("programme sent", patient="p1"),)))
    with pytest.raises(Exception, match="version"):
        await record.commit(happens("programme/1", 0, "Offered", audit=(an_audit("programme sent", patient="p2"),)))
    (row,) = await record.audit_rows("node-a")
    assert (row.node, row.seq, row.at, row.actor, row.action, row.outcome, row.patient) == (
        "node-a", 1, EARLY, "nurse/7", "programme sent", "success", "p1",
    )  # fmt: skip


async def test_sec_36_the_audit_is_searched_by_patient_user_pump_and_time(record: Any) -> None:
    hours = [EARLY + timedelta(hours=hour) for hour in range(4)]
    rows = [
        an_audit("a", hours[0], patient="p1", pump="P1"),
        an_audit("b", hours[1], patient="p2", pump="P1", actor="nurse/8"),
        an_audit("c", hours[2], patient="p1", pump="P2"),
        an_audit("d", hours[3]),
    ]
    await record.commit(Commit(audit=tuple(rows)))

    async def found(limit: int = 200, **query: Any) -> str:
        return "".join(row.action for row in await record.audit_search(AuditQuery(**query), limit))

    assert await found() == "dcba"
    assert await found(limit=2) == "dc"
    assert await found(patient="p1") == "ca"
    assert await found(actor="nurse/8") == "b"
    assert await found(pump="P1", since=hours[1]) == "b"
    assert await found(since=hours[1], until=hours[3]) == "cb"
    assert await found(patient="p1", actor="nurse/8") == ""


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@given(st.lists(texts, min_size=8, max_size=8), st.lists(texts, min_size=8, max_size=8), st.integers(0, 99), st.integers(0, 99))
def test_sec_35_different_rows_never_share_their_canonical_bytes(one: list[str], two: list[str], seq_one: int, seq_two: int) -> None:
    def digests(texts: list[str], seq: int) -> tuple[bytes, bytes]:
        row = AuditRow(EARLY, *texts[:7])
        return audit_digest(b"", texts[7], seq, row), event_digest(b"", seq, texts[0], 1, texts[1], 1, EARLY, texts[2])

    assert (digests(one, seq_one)[0] == digests(two, seq_two)[0]) == ((one, seq_one) == (two, seq_two))
    assert (digests(one, seq_one)[1] == digests(two, seq_two)[1]) == ((one[:3], seq_one) == (two[:3], seq_two))


def test_a_digest_does_not_depend_on_the_zone_in_which_an_instant_is_written() -> None:
    zulu = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
    new_york = zulu.astimezone(timezone(timedelta(hours=-5)))
    canonical = b"event/1 1 1 1 2026-03-01T07:00:00.000000+00:00 1 1 sT{}"
    assert event_digest(b"", 1, "s", 1, "T", 1, zulu, "{}") == sha256(canonical).digest()
    assert event_digest(b"", 1, "s", 1, "T", 1, new_york, "{}") == sha256(canonical).digest()
    assert event_digest(b"x", 1, "s", 1, "T", 1, zulu, "{}") == sha256(b"x" + canonical).digest()
