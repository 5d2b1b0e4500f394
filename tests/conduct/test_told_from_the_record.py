"""SR-52: every attempt can be told, and planned again, from the record alone."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.conduct.keeping import CASES, PLANS, accept_answer, replay
from interop.conduct.kept import NotReplayable, canonical, read_case, read_request, write_case, write_request
from interop.conduct.world import Releases, Situation
from interop.domain.case import BedsideScan, EarlierProgram, PriorEffect
from interop.domain.order import Order
from interop.domain.patient import PatientFacts, PatientId, Weight
from interop.domain.quantity import Quantity
from interop.ports import Direction, StoreUnavailable
from interop.wire.hl7v2.reader import RgvReader, RgvRenderer
from tests.conduct.virtual import run
from tests.conduct.ward import Bedside, Hospital, an_order, answer_to
from tests.wards.messages import a_dopamine_rgv, a_heparin_rgv
from tests.wards.ward import a_case, a_channel, demo_release
from tests.wards.ward import an_order as a_request


def find(library: str, mapping: str):
    release = demo_release()
    return release if (release.library.ref.hash, release.mapping_hash) == (library, mapping) else None


def test_sr_52_an_attempt_is_reconstructed_from_the_record_alone_who_what_when_inputs_library_checks_and_result():
    async def story() -> None:
        hospital = await Hospital.open(pumps=Bedside(connected=False))
        await hospital.send(an_order(1))
        await hospital.send(an_order(2, rate="1000"))
        await hospital.settled()
        for event in await hospital.planned():
            again = await replay(hospital.record, event.plan_digest, find)
            assert again.same
            assert event.requested_by == "N0001"
            assert event.library.digest == demo_release().library.ref.hash
            assert event.mapping_digest == demo_release().mapping_hash
            assert event.patient.value == "4711001"
            kept = json.loads(await hospital.record.projection(PLANS, event.plan_digest) or "")
            assert "within_limits" in kept["checks"]
            assert kept["offered"] is (event.placer_order_number == "ORD-1")
            assert bool(event.settings)
        refused = await hospital.events("programme.refused")
        assert "9024" in {reason.code for event in refused for reason in event.reasons}
        await hospital.close()

    run(story())


def test_sr_52_every_attempt_has_its_row_in_the_audit_trail_with_person_patient_pump_and_outcome():
    async def story() -> None:
        hospital = await Hospital.open()
        await hospital.send(an_order(1))
        await hospital.send(b"hello")
        await hospital.settled()
        rows = {row.action: row for row in await hospital.record.audit_rows("node-a")}
        plan = rows["order.plan"]
        assert (plan.actor, plan.patient, plan.pump, plan.outcome) == ("N0001", "4711001", "LVP-0001", "refused 9001")
        assert rows["message.accept"].outcome.startswith("rejected")
        await hospital.close()

    run(story())


def test_sr_52_the_acknowledgement_that_left_is_written_again_from_the_record_alone_byte_for_byte():
    async def story() -> None:
        hospital = await Hospital.open()
        intake = hospital.conduct.intake
        left = {}
        for number in (1, 2, 3):
            left[number] = await answer_to(intake, an_order(number), "ehr-1", hospital.clock.now())
            await asyncio.sleep(0.4)
        resent = an_order(1, sent_at="20260302080500+0000")
        assert await answer_to(intake, resent, "ehr-2", hospital.clock.now()) == left[1], "the first answer again (D-04)"
        assert len(set(left.values())) == 3
        refused = await answer_to(intake, b"hello", "ehr-1", hospital.clock.now())
        assert refused is not None
        await hospital.settled()
        heads = [head for head in await hospital.journal() if head.direction is Direction.IN]
        rebuilt = set()
        for head in heads:
            if head.control_id:
                rebuilt.add(await accept_answer(hospital.record, RgvRenderer(), head.entry_id))
            else:
                assert head.entry_id.encode() in refused, "what was rejected is found by the control id of its answer"
                with pytest.raises(NotReplayable):
                    await accept_answer(hospital.record, RgvRenderer(), head.entry_id)
        assert rebuilt == set(left.values())
        with pytest.raises(NotReplayable):
            await accept_answer(hospital.record, RgvRenderer(), "N99999999")
        await hospital.close()

    run(story())


def test_sr_52_a_message_that_was_not_stored_for_all_we_know_is_answered_under_a_control_id_of_its_own():
    """It may have been written all the same: the CA to its next sending then carries the id of the entry, and the CE must not."""

    async def story() -> None:
        def fails(number: int, moment: str) -> Exception | None:
            return StoreUnavailable("the answer of the commit was lost") if (number, moment) == (1, "after") else None

        hospital = await Hospital.open(fails=fails)
        first = await hospital.send(an_order(1))
        second = await hospital.send(an_order(1))
        assert first is not None
        assert second is not None
        assert (first.code, second.code) == ("CE", "CA")
        assert first.control_id != second.control_id
        await hospital.close()

    run(story())


@pytest.mark.requirement("SR-52")
def test_what_was_kept_and_then_changed_is_not_replayed():
    async def story() -> None:
        hospital = await Hospital.open()
        await hospital.send(an_order(1))
        await hospital.settled()
        (event,) = await hospital.planned()
        from interop.ports import Commit, Projected

        kept = await hospital.record.projection(CASES, event.case_digest)
        assert kept is not None
        await hospital.record.commit(Commit(projections=(Projected(CASES, event.case_digest, kept.replace("null", '""', 1)),)))
        with pytest.raises(NotReplayable):
            await replay(hospital.record, event.plan_digest, find)
        await hospital.close()

    run(story())


def test_sr_52_a_case_with_everything_in_it_is_kept_exactly():
    case = a_case(
        channel=a_channel(weight=Quantity.of("80.5", "kg")),
        patient=PatientFacts(frozenset({PatientId("1", "A"), PatientId("2", "B")}), charted_weight=Weight(Quantity.of("70", "kg"))),
        scan=BedsideScan("S1", a_channel().reported_at, "N1", PatientId("1", "A"), "P", "A"),
        earlier=EarlierProgram(Quantity.of(".21", "ug/kg/min"), None),
        prior_effect=PriorEffect.OTHER_CONTENT,
        held_entries=frozenset({"b", "a"}),
        held_codes=frozenset({("s", "c")}),
        assumptions=("said aloud",),
    )
    text = canonical(write_case(case))
    assert read_case(json.loads(text), find) == case
    assert canonical(write_case(read_case(json.loads(text), find))) == text


@given(st.sampled_from(["10", "10.000", ".5", "abc", ""]), st.sampled_from(["ug/kg/min", "mcg", ""]), st.booleans())
def test_sr_52_a_request_is_kept_as_it_was_sent(rate: str, unit: str, heparin: bool):
    message = (a_heparin_rgv if heparin else a_dopamine_rgv)(rate=rate, rate_unit=unit)
    reader = RgvReader()
    request = reader.request(message, reader.open(message, demo_release().senders.values()).profile)
    assert read_request(json.loads(canonical(write_request(request)))) == request


def test_a_kept_case_of_an_unknown_release_or_shape_is_not_guessed_at():
    row = json.loads(canonical(write_case(a_case())))
    with pytest.raises(NotReplayable):
        read_case(row, lambda library, mapping: None)
    with pytest.raises(NotReplayable):
        read_case({**row, "surprise": 1}, find)
    with pytest.raises(NotReplayable):
        read_case({key: value for key, value in row.items() if key != "association"}, find)
    with pytest.raises(NotReplayable):
        read_request({"sender": "x"})
    assert read_request(json.loads(canonical(write_request(a_request())))) == a_request()


def test_a_sender_that_loses_its_profile_between_acceptance_and_planning_is_refused_with_that_reason():
    async def story() -> None:
        hospital = await Hospital.open()
        release = demo_release()
        senders = {name: profile for name, profile in release.senders.items() if name != "pcd03-demo"}
        sending = asyncio.ensure_future(hospital.send(an_order(1)))
        while not await hospital.journal():
            await asyncio.sleep(0)
        hospital.conduct.use(Releases(replace(release, senders=senders)))
        await sending
        await hospital.settled()
        assert b"9016.unknown-sender" in hospital.ehr.received[0]
        await hospital.close()

    run(story())


def test_a_fault_of_ours_in_planning_refuses_the_request_and_leaves_nobody_waiting():
    class Broken(Bedside):
        async def situation(self, order: Order) -> Situation:
            raise ZeroDivisionError("patient 4711001")

    async def story() -> None:
        hospital = await Hospital.open(pumps=Broken())
        await hospital.send(an_order(1))
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.error) == ("AR", "9016")
        assert b"check-failed" in hospital.ehr.received[0]
        assert b"patient 4711001" not in hospital.ehr.received[0], "the text of a fault is not passed on"
        await hospital.close()

    run(story())
