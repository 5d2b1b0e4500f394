"""A commit is whole or not at all, and one caller's conflict is nobody else's."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from places import EARLY, Place, in_sql
from samples import a_message, accepts, an_audit, an_effect, an_event, happens, to_ehr

from interop.adapters.store.chain import verify_events
from interop.adapters.store.sqlite_file import SqliteLimits
from interop.ports import (
    Busy,
    Commit,
    Committed,
    Expect,
    IdTaken,
    Intent,
    KeyTaken,
    NewEvent,
    Projected,
    StreamMoved,
    Timer,
    Unfit,
)

pytestmark = pytest.mark.anyio


async def test_an_order_is_received_and_reads_back_as_it_was_sent(record: Any) -> None:
    body = '{"give_code":"dopamina \\u0000 µg/kg/min","text":"µg ¿?"}'
    told = await record.commit(Commit((Expect("order/1", 0),), (an_event(body=body),)))
    (event,) = await record.events("order/1")
    assert told == Committed(1, {"order/1": 1}, ())
    assert (event.position, event.stream, event.version, event.type, event.type_version) == (1, "order/1", 1, "OrderReceived", 1)
    assert (event.body, event.at) == (body, EARLY)


async def test_an_instant_keeps_its_microseconds_and_comes_back_with_an_offset(record: Any) -> None:
    at = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    await record.commit(Commit((Expect("order/1", 0),), (an_event(at=at),)))
    (event,) = await record.events("order/1")
    assert event.at == at
    assert event.at.utcoffset() == timedelta(0)


class FallBack(tzinfo):
    """A zone on the night its clocks go back: 02:30 is an hour later the second time."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        return timedelta(hours=2 - (at.fold if at is not None else 0))

    def dst(self, at: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, at: datetime | None) -> str:
        return "fall back"


async def test_the_hour_that_comes_twice_is_two_instants(record: Any) -> None:
    zone = FallBack()
    for version, fold in enumerate((0, 1)):
        at = datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold)
        await record.commit(Commit((Expect("order/1", version),), (an_event(at=at),)))
    first, second = await record.events("order/1")
    assert (first.at, second.at) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert (await verify_events(record)).sound


async def test_streams_grow_by_what_they_are_told_and_the_feed_has_all_in_order(record: Any) -> None:
    await record.commit(happens("order/1", 0, "OrderReceived", "OrderVerified"))
    await record.commit(
        Commit((Expect("order/1", 2), Expect("programme/1", 0)), (an_event("programme/1", "Planned"), an_event("order/1", "OfferMade")))
    )
    assert await record.version("order/1") == 3
    assert await record.version("never/heard") == 0
    assert [event.type for event in await record.events("order/1", after_version=1)] == ["OrderVerified", "OfferMade"]
    assert [event.type for event in await record.events("order/1", limit=2)] == ["OrderReceived", "OrderVerified"]
    feed = await record.feed(0)
    assert [(event.position, event.stream, event.version) for event in feed] == [
        (1, "order/1", 1),
        (2, "order/1", 2),
        (3, "programme/1", 1),
        (4, "order/1", 3),
    ]
    assert await record.feed(2, 1) == feed[2:3]
    assert await record.feed(4) == ()
    assert await record.position() == 4


async def test_two_offers_on_one_channel_cannot_both_be_committed(record: Any) -> None:
    offers = [
        Commit(
            (Expect("channel/P1.A", 0), Expect(f"programme/{n}", 0)),
            (an_event(f"programme/{n}", "Offered"), an_event("channel/P1.A", "OfferOpened")),
        )
        for n in (1, 2)
    ]
    told = await asyncio.gather(*map(record.commit, offers), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in told) == ["Committed", "StreamMoved"]
    (moved,) = [answer for answer in told if isinstance(answer, StreamMoved)]
    assert (moved.stream, moved.expected, moved.actual) == ("channel/P1.A", 0, 1)
    assert await record.position() == 2


async def test_a_stream_that_is_only_read_is_guarded_too(record: Any) -> None:
    await record.commit(happens("channel/P1.A", 0, "Idle"))
    with pytest.raises(StreamMoved):
        await record.commit(Commit((Expect("channel/P1.A", 0), Expect("programme/1", 0)), (an_event("programme/1"),)))
    assert await record.version("programme/1") == 0


async def test_a_pumps_events_land_wherever_the_stream_has_come_to(record: Any) -> None:
    facts = [Commit((Expect("infusion/1", None),), (an_event("infusion/1", f"Rate{n}"),)) for n in range(5)]
    told = await asyncio.gather(*map(record.commit, facts))
    assert sorted(answer.versions["infusion/1"] for answer in told) == [1, 2, 3, 4, 5]


async def test_one_callers_conflict_leaves_nothing_and_hurts_nobody_in_the_same_group(record: Any) -> None:
    await record.commit(happens("order/0", 0))
    bad = Commit(
        expects=(Expect("order/0", 0), Expect("order/bad", 0)),
        events=(an_event("order/bad"),),
        journal=(a_message(666),),
        keys=(an_effect("bad"),),
        intents=(Intent("intent-bad", "send", "x", "{}", EARLY),),
        timers=(Timer("offer", "bad", EARLY),),
        messages=(to_ehr(666),),
        projections=(Projected("open", "bad", "{}"),),
        audit=(an_audit("bad"),),
    )
    commits = [accepts(1), bad, accepts(2), bad, accepts(3)]
    told = await asyncio.gather(*map(record.commit, commits), return_exceptions=True)
    assert [type(answer).__name__ for answer in told] == ["Committed", "StreamMoved", "Committed", "StreamMoved", "Committed"]
    assert told[1] is not told[3]
    assert await record.version("order/bad") == 0
    assert await record.journal_head("entry-EHR-00666") is None
    assert await record.effect_key("bad") is None
    assert await record.due_timers(EARLY) == ()
    assert await record.claim_intents(EARLY, 60) == ()
    assert await record.open_messages("ehr", 0) == ()
    assert await record.projection("open", "bad") is None
    assert await record.audit_head("node-a") == (0, b"")
    assert (await verify_events(record)).rows == 4


async def test_units_of_one_group_see_each_other_in_the_order_they_came(record: Any) -> None:
    same = [happens("order/1", version, f"Step{version}") for version in range(20)]
    told = await asyncio.gather(*map(record.commit, same))
    assert [answer.versions["order/1"] for answer in told] == list(range(1, 21))


async def test_a_number_that_no_database_holds_fails_its_own_caller_only(record: Any) -> None:
    monster = Commit((Expect("order/x", 0),), (NewEvent("order/x", "T", 2**70, EARLY, "{}"),))
    told = await asyncio.gather(record.commit(accepts(1)), record.commit(monster), record.commit(accepts(2)), return_exceptions=True)
    assert [type(answer).__name__ for answer in told] == ["Committed", "Unfit", "Committed"]
    assert await record.version("order/x") == 0
    assert (await verify_events(record)).sound
    assert record.health().state.value == "open"


async def test_a_value_of_a_wrong_kind_fails_its_own_caller_only(record: Any) -> None:
    wrong: Any = Commit((Expect("order/x", 0),), (NewEvent("order/x", "T", "two", EARLY, "{}"),))  # type: ignore[arg-type]
    told = await asyncio.gather(record.commit(accepts(1)), record.commit(wrong), record.commit(accepts(2)), return_exceptions=True)
    assert [isinstance(answer, Unfit) for answer in told] == [False, True, False]
    assert await record.version("order/x") == 0


async def test_more_units_than_one_group_holds_are_all_committed(record: Any) -> None:
    told = await asyncio.gather(*(record.commit(accepts(number)) for number in range(1, 601)))
    assert sorted(answer.position for answer in told) == list(range(1, 601))
    assert (await verify_events(record)).rows == 600


async def test_an_entry_an_intent_and_a_control_id_must_be_new(record: Any) -> None:
    await record.commit(Commit(journal=(a_message(1),), intents=(Intent("i1", "send", "x", "{}", EARLY),), messages=(to_ehr(1),)))
    for again in (
        Commit(journal=(a_message(1, b"another content"),)),
        Commit(intents=(Intent("i1", "send", "x", "{}", EARLY),)),
        Commit(messages=(to_ehr(1, order_key="other"),)),
    ):
        with pytest.raises(IdTaken):
            await record.commit(again)
    await record.commit(Commit(messages=(to_ehr(1, destination="pharmacy"),)))


async def test_an_empty_commit_is_committed(record: Any) -> None:
    await record.commit(accepts(1))
    assert await record.commit(Commit()) == Committed(1, {}, ())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: NewEvent("s", "T", 1, EARLY.replace(tzinfo=None), "{}"), "no offset"),
        (lambda: NewEvent("s\0", "T", 1, EARLY, "{}"), "NUL"),
        (lambda: NewEvent("s", "T", 1, EARLY, "\ud800"), "surrogates"),
        (lambda: Commit(events=(an_event(),)), "not expected"),
        (lambda: Commit(expects=(Expect("s", 0), Expect("s", 1))), "stream twice"),
        (lambda: Commit(keys=(an_effect("k"), an_effect("k"))), "effect key twice"),
        (lambda: Commit(journal=(a_message(1), a_message(1))), "journal entry twice"),
    ],
)
def test_a_commit_that_contradicts_itself_cannot_be_made(wrong: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()


async def test_what_is_committed_is_there_for_the_next_process(database: Place) -> None:
    first = await database.open()
    await first.commit(
        Commit((Expect("order/1", 0),), (an_event(),), keys=(an_effect(),), projections=(Projected("open", "1", '{"a":1}'),))
    )
    await first.close()
    second = await database.open("node-b")
    assert await second.version("order/1") == 1
    assert await second.projection("open", "1") == '{"a":1}'
    with pytest.raises(KeyTaken):
        await second.commit(Commit(keys=(an_effect(reference="programme/2"),)))
    assert (await second.commit(happens("order/2", 0))).position == 2


async def test_two_nodes_write_one_record(database: Place) -> None:
    nodes = [await database.open("node-a"), await database.open("node-b")]
    contended = [nodes[n % 2].commit(happens("channel/P1.A", 0, f"Offer{n}")) for n in range(10)]
    free = [nodes[n % 2].commit(accepts(n)) for n in range(1, 41)]
    told = await asyncio.gather(*contended, *free, return_exceptions=True)
    assert sum(isinstance(answer, Committed) for answer in told[:10]) == 1
    assert all(isinstance(answer, Committed) for answer in told[10:])
    assert [event.position for event in await nodes[0].feed(0)] == list(range(1, 42))
    assert (await verify_events(nodes[1])).sound


async def test_a_schema_that_is_expanded_under_a_running_node_does_not_disturb_it(database: Any) -> None:
    record = await database.open()
    await record.commit(accepts(1))
    for table in ("streams", "events", "message_keys", "counters"):
        await in_sql(database, f"ALTER TABLE {table} ADD COLUMN later TEXT")
    heard: list[Any] = []
    record.watch(heard.append)
    await record.commit(accepts(2))
    assert [event.stream for event in await record.feed(0)] == ["order/1", "order/2"]
    assert heard == []


async def test_reads_wait_in_a_bounded_queue(sqlite: Any) -> None:
    sqlite.limits = SqliteLimits(readers=1, reads_waiting=3)
    record = await sqlite.open()
    told = await asyncio.gather(*(record.version("order/1") for _ in range(10)), return_exceptions=True)
    assert [type(answer) for answer in told] == [int] * 3 + [Busy] * 7
    assert await record.version("order/1") == 0
