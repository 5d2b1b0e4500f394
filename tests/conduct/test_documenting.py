"""Documents as part of the commit of the events they tell: lanes, journal and resources, whole or not at all, in order, and worth sending."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest.mock import patch

import pytest

from interop.adapters.store.memory import MemoryRecord
from interop.conduct import naming
from interop.conduct.administrations import Administrations, Wanted
from interop.conduct.decision import Decision, Told
from interop.conduct.documenting import ADMINISTRATIONS, PERIODIC_S, Documenting, ordered_by
from interop.conduct.gate import Gate
from interop.conduct.hospital import Way
from interop.conduct.lanes import LaneWorker
from interop.conduct.sending import Became, Delivery
from interop.conduct.world import Destination, Destinations, Purpose
from interop.domain.document import Reported
from interop.domain.events.association import AssociationBasis
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.programme import Confirmed, Evidence, Expired, OfferSent
from interop.domain.lifecycle.programme import fold
from interop.ports import Direction, MessageState, Priority
from interop.stages.told import steps_of
from interop.wire.fhir.medication_administration import AdministrationRenderer
from interop.wire.hl7v2.ack import AckCode, Us, read_answer
from interop.wire.hl7v2.er7 import Message
from interop.wire.hl7v2.oru import OruRenderer
from tests.conduct.virtual import LoopClock, run
from tests.wards.documented import REPORT, planned
from tests.wards.infusions import (
    BEGUN,
    EIGHT,
    about,
    associated,
    changed,
    dissociated,
    found,
    in_doubt,
    lost,
    paused,
    resumed,
    started,
    voided,
)

LISTENER = Destination("ehr1-documents", lanes=4, worth_s=300)
NOW = EIGHT + timedelta(seconds=2)


class Ids:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"D{next(self._numbers):06d}"


def documenting(*, listens: bool = True) -> Documenting:
    destinations = Destinations({"pcd03-demo": LISTENER} if listens else {})
    return Documenting(OruRenderer(Us(("INTEROP",))), AdministrationRenderer(), Ids(), destinations)


def decided(*events: InfusionEvent, after: Sequence[InfusionEvent] = (), listens: bool = True) -> Decision:
    return documenting(listens=listens).of(after, events, about(), NOW)


def test_one_decision_holds_the_messages_their_journal_and_the_resources_and_no_event_of_its_own():
    decision = decided(*BEGUN)
    assert decision.told == decision.steps == ()
    assert [(entry.message_type, entry.direction, entry.peer) for entry in decision.journal] == [
        ("ORU^R42", Direction.OUT, LISTENER.name),
        ("ORU^R01", Direction.OUT, LISTENER.name),
    ]
    assert [message.body for message in decision.messages] == [entry.body for entry in decision.journal]
    assert [message.control_id for message in decision.messages] == [entry.entry_id for entry in decision.journal] == ["D000001", "D000002"]
    assert len([row for row in decision.kept if row.name == ADMINISTRATIONS]) == 2


def test_all_messages_of_one_infusion_wait_in_one_lane_under_one_key():
    told = [*decided(*BEGUN).messages, *decided(changed(30, "7.7", "20"), after=BEGUN).messages]
    assert len({(message.destination, message.lane, message.order_key) for message in told}) == 1
    assert told[0].order_key == BEGUN[0].infusion_id  # type: ignore[attr-defined]


def test_an_event_is_always_worth_sending_and_a_status_for_a_while():
    event, status = decided(*BEGUN).messages
    assert event.not_after is None
    assert status.not_after == NOW + timedelta(seconds=300)
    assert event.urgency < status.urgency


def test_a_sender_that_listens_nowhere_is_sent_nothing_and_can_read_all_of_it():
    decision = decided(*BEGUN, listens=False)
    assert (decision.messages, decision.journal) == ((), ())
    assert [row.name for row in decision.kept if row.name == ADMINISTRATIONS] == [ADMINISTRATIONS] * 2


def test_sr_50_what_is_nobodys_makes_no_message_and_no_row():
    assert decided(started(0, programme="")) == decided(found()) == Decision()


def test_only_what_changed_is_written_again():
    kept = [row.key for row in decided(changed(30, "7.7", "20"), after=BEGUN).kept if row.name == ADMINISTRATIONS]
    assert [key.split("-", 1)[1] for key in kept] == ["1", "1-1", "1-2"]
    again = decided(paused(60, "17.7"), after=[*BEGUN, changed(30, "7.7", "20")]).kept
    assert len([row for row in again if row.name == ADMINISTRATIONS]) == 2, "the parent and the child that ended; not the first child"


def made_for(events: Sequence[InfusionEvent], *new: InfusionEvent) -> dict[str, int]:
    """What is made, looked at and written for the last word of a story whose steps are known."""
    made: Counter[str] = Counter()

    def counted(what: str, where: str) -> Any:
        original = getattr(import_module(where), what)

        def called(*args: Any, **words: Any) -> Any:
            made[what] += 1
            return original(*args, **words)

        return patch(f"{where}.{what}", called)

    known, one = steps_of(events), documenting()
    places = [
        ("Administration", "administration"),
        ("Interval", "administration"),
        ("_volume", "told"),
        ("_word", "told"),
        ("owner_of", "told"),
    ]
    with ExitStack() as counting:
        for what, where in places:
            counting.enter_context(counted(what, f"interop.stages.{where}"))
        decision = one.of(events, new, about(), NOW, known)
    return {**made, "rows": len(decision.kept), "messages": len(decision.messages)}


SCANNED = associated(1, basis=AssociationBasis.BEDSIDE_SCAN)
LONG: dict[str, Sequence[InfusionEvent]] = {
    "from an offer": BEGUN,
    "whose start was not seen": [found(0, "0"), SCANNED],
    "held by a merge": [*BEGUN, in_doubt(1)],
    "that was theirs": [*BEGUN, dissociated(1)],
}


def tenth_and_300th(begun: Sequence[InfusionEvent], word: InfusionEvent) -> tuple[dict[str, int], dict[str, int]]:
    """What ``word`` makes after a few changes of rate, and after hundreds."""
    story = [*begun, *(changed(minute, str(minute), str(15 + minute % 2)) for minute in range(2, 302))]
    return made_for(story[:10], word), made_for(story[:300], word)


@pytest.mark.parametrize("word", [changed(400, "400", "21"), paused(400, "400"), lost(400, 399)], ids=lambda word: word.type)
@pytest.mark.parametrize("begun", LONG.values(), ids=LONG)
def test_the_300th_word_of_an_infusion_makes_and_writes_no_more_than_the_10th(begun: Sequence[InfusionEvent], word: InfusionEvent) -> None:
    tenth, last = tenth_and_300th(begun, word)
    assert last == tenth
    assert last["rows"] <= 9


@pytest.mark.parametrize("begun", ["from an offer", "whose start was not seen"])
def test_the_end_of_a_long_association_writes_the_parent_and_what_went_on_alone(begun: str) -> None:
    """Each word is asked whether it has been told by then, which is a look; nothing more is made."""
    tenth, last = tenth_and_300th(LONG[begun], dissociated(400))
    assert [last[what] for what in ("Administration", "rows")] == [tenth[what] for what in ("Administration", "rows")]


def test_d_07_an_offer_that_came_to_nothing_is_told_in_a_lane_of_its_own_key_and_changes_no_chart():
    decision = documenting().programme_ended(planned(), Expired(at=EIGHT, pump=None), about(), NOW)
    (message,) = decision.messages
    assert (message.order_key, message.not_after, decision.kept) == ("PRG-5.cleared", None, ())
    assert b"197298^MDC_EVT_PUMP_AUTO_PROG_CLEARED^MDC" in message.body


def test_a_periodic_status_is_a_message_and_no_version_of_the_chart():
    decision = documenting().periodic(BEGUN, Reported(EIGHT + timedelta(minutes=45), REPORT), about(), NOW)
    (message,) = decision.messages
    assert (b"ORU^R01^ORU_R01" in message.body, decision.kept, PERIODIC_S) == (True, (), 60)
    assert documenting().periodic([], Reported(EIGHT, REPORT), about(), NOW) == Decision()


def test_sec_30_a_name_of_a_patient_is_in_no_audit_row_beyond_their_number():
    (row,) = decided(*BEGUN).audit
    assert (row.action, row.outcome, row.patient, row.pump) == ("infusion.document", "in-progress", "MRN-4711", "LVP-0001")


def test_d_13_who_asked_for_a_programme_is_never_the_one_who_confirmed_it():
    confirmed = Confirmed(
        at=EIGHT, pump=None, evidence=Evidence.DECISION, by="RN-17", second_check_by="RN-23", settings=(), edits=(), overrides=()
    )
    offer = OfferSent(at=EIGHT, offer_id="O-1", untouched_s=300, idle_s=180, total_s=900)
    asked = planned()
    today = fold([asked, offer, confirmed])
    assert today is not None
    ordered = ordered_by(asked, today)
    assert (asked.requested_by, ordered.confirmed_by, ordered.second_check_by) == ("RN-99", "RN-17", "RN-23")
    told = documenting().of([], BEGUN, about(programmes=(ordered,)), NOW)
    assert b"RN-17" in "".join(row.document or "" for row in told.kept).encode()
    assert not any("RN-99" in (row.document or "") for row in told.kept)
    assert not any(b"RN-99" in message.body for message in told.messages)


# ── in the record ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def told(record: MemoryRecord, story: Sequence[Sequence[InfusionEvent]], **words: Any) -> None:
    """Each batch of events in one commit with what documents it, as following does."""
    one, history = documenting(), list[InfusionEvent]()
    for batch in story:
        stream = naming.infusion_stream("LVP-0001/9")
        decision = Decision(told=(Told(stream, len(history), tuple(batch)),)).and_(one.of(history, batch, about(**words), NOW))
        await record.commit(decision.commit(NOW, Priority.PUMP))
        history += batch


async def found_by(record: MemoryRecord, what: str, value: str, group: str = "EHR1") -> list[str]:
    found = await Administrations(record).search(Wanted(what, value, lambda one: True), group, "", 50)
    return [one.status for one in found.found]


STORY = [BEGUN, [changed(30, "7.7", "20")], [paused(60, "17.7")]]


def test_a_chart_is_found_by_patient_order_and_id_in_the_version_of_the_last_commit():
    async def story() -> None:
        record = MemoryRecord("node-a", LoopClock())
        await told(record, STORY, request_id="R1", subject_reference="Patient/p")
        for what, value in (("patient", "MRN-4711"), ("order", "ORD-1001"), ("request", "R1"), ("subject", "Patient/p")):
            assert sorted(await found_by(record, what, value)) == ["completed", "completed", "on-hold"], what
            assert await found_by(record, what, f"{value}0") == []
        (one, *_) = (
            await Administrations(record).search(Wanted("order", "ORD-1001", lambda one: one.status == "on-hold"), "EHR1", "", 50)
        ).found
        assert (one.version, one.patients, one.order) == (4, (("MRN-4711", "DEMO"),), ("ORD-1001", "EHR1"))
        assert await found_by(record, "id", one.id) == ["on-hold"]
        await record.close()

    run(story())


def test_sec_16_another_system_group_finds_and_reads_nothing_of_it():
    async def story() -> None:
        record = MemoryRecord("node-a", LoopClock())
        await told(record, STORY)
        found = (await Administrations(record).search(Wanted("patient", "MRN-4711", lambda one: True), "EHR1", "", 50)).found
        assert await found_by(record, "patient", "MRN-4711", group="EHR2") == []
        for group in ("EHR2", ""):
            assert [await Administrations(record).read(one.id, group) for one in found] == [None] * 3
        await record.close()

    run(story())


def test_a_page_goes_on_where_the_last_one_ended():
    async def story() -> None:
        record = MemoryRecord("node-a", LoopClock())
        await told(record, STORY)
        chart, wanted = Administrations(record), Wanted("order", "ORD-1001", lambda one: True)
        first = await chart.search(wanted, "EHR1", "", 2)
        second = await chart.search(wanted, "EHR1", first.found[-1].id, 2)
        assert (len(first.found), first.more, len(second.found), second.more) == (2, True, 1, False)
        assert len({one.id for one in (*first.found, *second.found)}) == 3
        await record.close()

    run(story())


def test_an_interval_that_was_over_as_it_began_is_taken_out_of_the_chart_again():
    async def story() -> None:
        record = MemoryRecord("node-a", LoopClock())
        await told(record, [[started(), associated()], [paused(0, "0")], [resumed(5, "0")]])
        assert sorted(await found_by(record, "patient", "MRN-4711")) == ["in-progress", "in-progress"]
        await record.close()

    run(story())


def test_what_was_found_wrong_is_entered_in_error_under_the_same_ids():
    async def story() -> None:
        record = MemoryRecord("node-a", LoopClock())
        await told(record, [*STORY, [voided(70)]])
        assert set(await found_by(record, "patient", "MRN-4711")) == {"entered-in-error"}
        await record.close()

    run(story())


def test_the_lane_sends_them_in_order_each_once_and_waits_for_the_accept_acknowledgement():
    class Listener:
        """Takes one message at a time; the second sending is lost on the way."""

        def __init__(self) -> None:
            self.received: list[bytes] = []

        async def send(self, message: bytes) -> Delivery:
            self.received.append(message)
            await asyncio.sleep(0.01)
            return Delivery(Became.NO_ANSWER if len(self.received) == 2 else Became.ACCEPTED)

    async def story() -> None:
        clock = LoopClock()
        record, listener = MemoryRecord("node-a", clock), Listener()
        await told(record, STORY)
        gate = Gate(record, lambda since, why: None)
        worker = LaneWorker(record, clock, gate, listener, LISTENER.name, "node-a")
        for _ in range(40):
            await worker.turn()
            await asyncio.sleep(1)
        events = [Message.parse(body).first("OBR").text(3, 1) for body in dict.fromkeys(listener.received) if b"ORU^R42" in body]
        assert events == [
            "LVP-0001/9.LOG-7.1.start",
            "LVP-0001/9.LOG-7.31.stop",
            "LVP-0001/9.LOG-7.31.start",
            "LVP-0001/9.LOG-7.61.stop",
        ]
        assert listener.received[1] == listener.received[2], "a resend is byte-equal"
        seen = [await record.message(seq) for seq in range(1, 8)]
        assert {message.state for message in seen if message is not None} == {MessageState.SENT}
        await worker.stop()
        await record.close()

    run(story())


@pytest.mark.parametrize("event", ["R42", "R01"])
def test_an_accept_acknowledgement_of_a_document_is_read_like_any_other(event: str):
    answer = read_answer(f"MSH|^~\\&|EHR1|DEMO|INTEROP||20260302080001+0000||ACK^{event}^ACK|A1|T|2.6\rMSA|CA|D000001\r".encode())
    assert (answer.code, answer.control_id) == (AckCode.CA, "D000001")


def test_answers_and_documents_of_one_sender_go_two_ways_and_neither_has_two():
    from interop.conduct.hospital import Conduct
    from interop.conduct.world import Releases
    from interop.wire.hl7v2.reader import RgvReader, RgvRenderer
    from tests.conduct.ward import Counter, Ehr
    from tests.wards.ward import demo_release

    async def story() -> None:
        def conduct(*ways: Way) -> Conduct:
            clock = LoopClock()
            record = MemoryRecord("node-a", clock)
            return Conduct(
                record,
                clock,
                Counter(),
                RgvReader(),
                RgvRenderer(),
                Releases(demo_release()),
                speaks_for=lambda peer, opened: True,
                ways=ways,
            )

        answers = Way(Destination("a"), "pcd03-demo", Ehr())
        told_there = Way(Destination("d"), "pcd03-demo", Ehr(), Purpose.DOCUMENTS)
        conduct(answers, told_there)
        with pytest.raises(ValueError, match="one way for each sender and purpose"):
            conduct(told_there, Way(Destination("e"), "pcd03-demo", Ehr(), Purpose.DOCUMENTS))

    run(story())
