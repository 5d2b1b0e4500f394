"""One order, one effect (D-04): effect keys, message keys and the journal."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from places import EARLY
from samples import a_message, accepts, an_effect, happens

from interop.ports import (
    Commit,
    Committed,
    Direction,
    FirstSeen,
    Gone,
    JournalEntry,
    JournalHead,
    KeyRelease,
    KeyTaken,
    MessageKey,
    MessageSeen,
    Retention,
)

pytestmark = pytest.mark.anyio


async def test_d_04_of_many_requests_for_one_effect_one_has_it_and_the_others_learn_of_it(record: Any) -> None:
    requests = [happens(f"programme/{n}", 0, "Offered", keys=(an_effect(reference=f"programme/{n}"),)) for n in range(20)]
    told = await asyncio.gather(*map(record.commit, requests), return_exceptions=True)
    (winner,) = [n for n, answer in enumerate(told) if isinstance(answer, Committed)]
    losers = [answer for answer in told if isinstance(answer, KeyTaken)]
    assert len(losers) == 19
    assert {loser.first.reference for loser in losers} == {f"programme/{winner}"}
    assert len(await record.feed(0)) == 1


async def test_d_04_the_first_use_tells_a_repeat_from_a_conflict(record: Any) -> None:
    first = an_effect(content=b"12 mg/h")
    await record.commit(Commit(keys=(first,)))
    for content in (b"12 mg/h", b"15 mg/h"):
        with pytest.raises(KeyTaken) as taken:
            await record.commit(Commit(keys=(an_effect(content=content, reference="programme/2"),)))
        assert taken.value.first == first
        assert (taken.value.first.content_hash == sha256(content).digest()) is (content == b"12 mg/h")
    assert await record.effect_key(first.key) == first
    assert await record.effect_key("never used") is None


async def test_d_04_a_refusal_by_the_pump_frees_the_key_for_the_nurses_resend(record: Any) -> None:
    await record.commit(Commit(keys=(an_effect(reference="programme/1"),)))
    release = KeyRelease(an_effect().key, "programme/1")
    await record.commit(happens("programme/1", 0, "Refused", key_releases=(release,)))
    await record.commit(Commit(keys=(an_effect(reference="programme/2"),)))
    with pytest.raises(Gone):
        await record.commit(Commit(key_releases=(release,)))
    held = await record.effect_key(an_effect().key)
    assert held is not None
    assert held.reference == "programme/2"


async def test_d_04_a_key_changes_hands_in_one_commit(record: Any) -> None:
    await record.commit(Commit(keys=(an_effect(reference="programme/1"),)))
    release = KeyRelease(an_effect().key, "programme/1")
    await record.commit(Commit(key_releases=(release,), keys=(an_effect(reference="programme/2"),)))
    with pytest.raises(KeyTaken, match="programme/2"):
        await record.commit(Commit(keys=(an_effect(reference="programme/3"),)))


async def test_d_04_a_resent_message_is_known_again_and_another_with_its_number_is_not(record: Any) -> None:
    await record.commit(Commit(journal=(a_message(1, b"first"),)))
    resent = a_message(1, b"first", EARLY + timedelta(minutes=3))
    again = JournalEntry("entry-again", Direction.IN, "EHR", resent.message_type, resent.control_id, resent.at, b"first", "", resent.key)
    with pytest.raises(MessageSeen) as seen:
        await record.commit(Commit(journal=(again,)))
    assert (seen.value.first, seen.value.at) == ("entry-EHR-00001", EARLY)
    key = MessageKey("EHR", "MSG00001", sha256(b"other").digest())
    other = JournalEntry("entry-other", Direction.IN, "EHR", "RGV^O15^RGV_O15", "MSG00001", EARLY, b"other", "", key)
    await record.commit(Commit(journal=(other,)))
    assert await record.seen(key) == FirstSeen("entry-other", EARLY)
    assert await record.seen(MessageKey("EHR2", "MSG00001", key.content_hash)) is None


async def test_d_04_a_resend_in_the_same_group_is_a_resend(record: Any) -> None:
    again = JournalEntry("entry-again", Direction.IN, "EHR", "RGV", "MSG00001", EARLY, b"RGV", "", a_message(1).key)
    told = await asyncio.gather(record.commit(accepts(1)), record.commit(Commit(journal=(again,))), return_exceptions=True)
    assert [type(answer) for answer in told] == [Committed, MessageSeen]


async def test_d_04_a_resend_beside_new_messages_is_a_resend_and_they_are_taken(record: Any) -> None:
    await record.commit(accepts(1))
    first, *others = await asyncio.gather(*(record.commit(accepts(n)) for n in (1, 2, 3)), return_exceptions=True)
    assert isinstance(first, MessageSeen)
    assert all(isinstance(other, Committed) for other in others)
    assert len(await record.journal()) == 3


async def test_d_04_a_resend_in_the_midst_of_a_crowd_leaves_every_new_message_once(record: Any) -> None:
    await record.commit(accepts(50))
    told = await asyncio.gather(*(record.commit(accepts(n)) for n in range(1, 101)), return_exceptions=True)
    assert [n for n, answer in enumerate(told, 1) if not isinstance(answer, Committed)] == [50]
    assert sorted(head.entry_id for head in await record.journal(limit=200)) == sorted(a_message(n).entry_id for n in range(1, 101))


async def test_d_04_a_resend_is_told_as_one_also_where_its_stream_has_moved(record: Any) -> None:
    asks = happens("order/1", 0, "OrderReceived", journal=(a_message(),))
    await record.commit(asks)
    with pytest.raises(MessageSeen):
        await record.commit(asks)
    assert await record.version("order/1") == 1


async def test_a_message_is_kept_byte_for_byte(record: Any) -> None:
    content = b"\x0bMSH|^~\\&|\xff\x00\r\x1c\r" * 300
    out = JournalEntry("out-1", Direction.OUT, "EHR", "RRG^O16", "R1", EARLY, content, answers="entry-EHR-00001")
    await record.commit(Commit(journal=(a_message(1), out)))
    assert await record.journal_body("out-1") == content
    head = JournalHead(2, "out-1", Direction.OUT, "EHR", "RRG^O16", "R1", EARLY, len(content), sha256(content).digest(), "entry-EHR-00001")
    assert await record.journal_head("out-1") == head
    assert await record.journal_head("no such") is None
    assert await record.journal_body("no such") is None
    assert [found.entry_id for found in await record.journal()] == ["out-1", "entry-EHR-00001"]
    assert [found.entry_id for found in await record.journal(before=2)] == ["entry-EHR-00001"]


async def test_retention_takes_bodies_heads_and_keys_apart_in_small_steps(record: Any) -> None:
    for number in range(1, 11):
        at = EARLY + timedelta(days=number)
        await record.commit(Commit(journal=(a_message(number, b"%d" % number, at),), keys=(an_effect(f"key {number}"),)))
    cutoff = EARLY + timedelta(days=8)
    assert await record.prune(Retention(heads=cutoff)) == 0  # a head stays as long as its body
    went = [await record.prune(Retention(bodies=cutoff), limit=3) for _ in range(4)]
    assert sum(went) == 7
    assert went[-1] == 0
    assert max(went) <= 7  # a whole month may go at once where months are partitions
    assert await record.journal_body("entry-EHR-00007") is None
    assert await record.journal_head("entry-EHR-00007") is not None
    assert await record.journal_body("entry-EHR-00008") == b"8"
    assert await record.prune(Retention(heads=cutoff)) == 7
    assert await record.seen(a_message(3, b"3").key) == FirstSeen("entry-EHR-00003", EARLY + timedelta(days=3))
    assert await record.prune(Retention(message_keys=cutoff, effect_keys=EARLY)) == 7
    assert await record.seen(a_message(3, b"3").key) is None
    assert await record.prune(Retention(effect_keys=EARLY + timedelta(seconds=1)), limit=4) == 4
    assert [head.entry_id for head in await record.journal()] == [f"entry-EHR-{number:05d}" for number in (10, 9, 8)]


async def test_events_outlive_the_journal(record: Any) -> None:
    await record.commit(accepts(1))
    late = EARLY + timedelta(days=400)
    await record.prune(Retention(late, late, late, late, late))
    await record.prune(Retention(late, late, late, late, late))
    assert await record.journal() == ()
    assert len(await record.events("order/1")) == 1
