"""From CA to the pump's screen and on: each story is one offer's life, told with a pump that does as the story says."""

import asyncio
from datetime import timedelta

import pytest

from interop.conduct.infusions import infusion_at, run_on, unassociated
from interop.conduct.streams import programme_at
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.events.infusion import ContactLost, ContactRegained
from interop.domain.events.programme import Attempt
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.quantity import Quantity
from tests.conduct.pump import APump, ml, ml_per_h
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, Said, an_order, changed
from tests.wards.ward import demo_release

CHANNEL = {"pump": "LVP-0001", "channel": "A"}


async def a_hospital(**words: object) -> tuple[Hospital, APump]:
    hospital = await Hospital.open(pumps="real", **words)  # type: ignore[arg-type]
    pump = APump(hospital)
    await pump.connect()
    return hospital, pump


async def offered(hospital: Hospital, pump: APump, number: int = 1) -> str:
    """An order is sent, and its offer is on the screen; the id of the offer."""
    said_ = await hospital.send(an_order(number))
    assert said_ is not None
    assert said_.code == "CA"
    await hospital.settled()
    await pump.settled()
    await hospital.settled()
    assert pump.offers, list(hospital.ehr.answers)
    return pump.offers[-1].offer_id


async def state_of(hospital: Hospital, programme_id: str) -> State:
    today = (await programme_at(hospital.record, programme_id)).today
    assert today is not None
    return today.state


def test_sr_15_d_07_aa_is_said_when_the_offer_is_on_the_screen_and_not_before() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.answers_by_itself = False
        await hospital.send(an_order(1))
        await hospital.settled(5)
        (offer,) = pump.offers
        assert hospital.ehr.answers == []
        await pump.shows(offer.offer_id)
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.answers) == ("AA", "G0001")
        assert await state_of(hospital, offer.offer_id) is State.OFFERED

    run(story())


def test_sr_08_the_offer_carries_all_that_must_be_seen_before_it_is_confirmed() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer = pump.offer(await offered(hospital, pump))
        values = {each.name: each.set for each in offer.settings}
        assert offer.patient.value == "4711001"
        assert (offer.tallman, offer.care_area, offer.library) == ("DOPamine", "ICU", demo_release().library.ref)
        assert values["rate"] == ml_per_h("30")
        assert {"rate", "dose rate", "vtbi", "weight"} <= values.keys()
        assert offer.concentration == Quantity.of("1.6", "mg/mL")
        assert offer.patient_name == "Rivera, Ana"
        assert (offer.untouched_s, offer.idle_s, offer.total_s) == (300, 180, 900)

    run(story())


def test_d_11_confirmed_and_started_the_run_is_the_patients_and_the_orders() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.opens(offer_id)
        await pump.confirms(offer_id)
        assert await state_of(hospital, offer_id) is State.CONFIRMED
        assert await run_on(hospital.record, "LVP-0001", "A") is None
        own = await pump.starts(offer_id)
        there = await run_on(hospital.record, "LVP-0001", "A")
        assert there is not None
        assert there.placer_order_number == "ORD-1"
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.state is infusions.State.RUNNING
        assert today.association is not None
        assert (today.association.patient.value, today.association.by) == ("4711001", "NURSE7")
        assert await hospital.alerts() == []

    run(story())


@pytest.mark.parametrize(("skew_s", "moved_s"), [(29, 0), (-29, 0), (31, -31), (-31, 31)])
def test_sr_11_d_24_a_pumps_time_is_corrected_beyond_thirty_seconds_and_else_kept(skew_s: int, moved_s: int) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.skew = timedelta(seconds=skew_s)
        await pump.tell(said.Status(pump.clock, tuple(pump.states.values()), said.Power.MAINS))
        offer_id = await offered(hospital, pump)
        await pump.opens(offer_id)
        await pump.confirms(offer_id)
        own = await pump.starts(offer_id)
        started = (await infusion_at(hospital.record, f"LVP-0001/{own}")).events[0]
        assert started.pump is not None
        assert started.pump.correction == timedelta(seconds=moved_s)
        assert started.happened_at == started.pump.said_at + timedelta(seconds=moved_s)

    run(story())


def test_sr_51_volume_pause_resume_kvo_and_end_are_followed_by_the_cumulative_counter() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        own = await pump.starts(offer_id)
        await pump.event(said.Kind.PAUSED, "A", "10", cause="clinician", by="NURSE7")
        await pump.event(said.Kind.RESUMED, "A", "10", rate=ml_per_h("30"), by="NURSE7")
        await pump.event(said.Kind.VOLUME_COMPLETED, "A", "250")
        await pump.event(said.Kind.KVO_ENTERED, "A", "250", rate=ml_per_h("5"))
        await pump.event(said.Kind.ENDED, "A", "251.5", cause="cleared", by="NURSE7")
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.state is infusions.State.ENDED
        assert today.volume == ml("251.5")
        assert today.volume_is_exact
        assert await run_on(hospital.record, "LVP-0001", "A") is None

    run(story())


def test_sr_46_a_replayed_log_counts_once_and_a_gap_is_told() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        pump.drop()
        own = await pump.starts(offer_id)
        await pump.event(said.Kind.PAUSED, "A", "3", cause="clinician", by="NURSE7")
        pump.acked -= 1  # it did not hear the last acknowledgement, and tells that word again
        await pump.connect()
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.state is infusions.State.PAUSED
        assert today.volume == ml("3")
        assert await hospital.alerts() == []
        assert pump.acked == len(pump.log)
        pump.drop()
        await pump.event(said.Kind.RESUMED, "A", "3", rate=ml_per_h("30"))
        await pump.event(said.Kind.PAUSED, "A", "4", cause="clinician")
        pump.acked += 1  # its log overflowed: the resume is gone
        await pump.connect()
        assert any("gap" in words for words in await hospital.alerts())

    run(story())


def test_d_05_one_open_offer_on_a_channel_and_the_next_is_told_which() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await offered(hospital, pump, 1)
        await hospital.send(an_order(2))
        await hospital.settled()
        assert len(pump.offers) == 1
        assert hospital.ehr.answers[-1].error.startswith("9016")

    run(story())


def test_d_05_two_orders_for_one_channel_at_the_same_moment_make_one_offer() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await asyncio.gather(*(hospital.send(an_order(number)) for number in range(1, 6)))
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert len(pump.offers) == 1
        assert sorted(answer.code for answer in hospital.ehr.answers) == ["AA", "AR", "AR", "AR", "AR"]

    run(story())


@pytest.mark.parametrize("ends", ["rejects", "lets_expire"])
def test_a_channel_is_free_again_when_its_offer_ended(ends: str) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        first = await offered(hospital, pump, 1)
        await getattr(pump, ends)(first)
        await pump.tells_status()
        second = await offered(hospital, pump, 2)
        assert second != first
        assert hospital.ehr.answers[-1].code == "AA"

    run(story())


def test_d_07_a_sender_that_waits_for_the_decision_hears_9023_when_it_is_rejected() -> None:
    async def story() -> None:
        from interop.domain.sender import ApplicationAck

        hospital, pump = await a_hospital(release=changed(demo_release(), application_ack=ApplicationAck.ON_DECISION))
        offer_id = await offered(hospital, pump)
        assert hospital.ehr.answers == []
        await pump.rejects(offer_id)
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.error) == ("AE", "9023")

    run(story())


def test_what_the_pump_refuses_is_told_with_its_code_and_may_be_asked_again() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.answers_by_itself = False
        await hospital.send(an_order(1))
        await hospital.settled(5)
        await pump.refuses(pump.offers[0].offer_id, "9028", "no set is loaded on channel A")
        await hospital.settled()
        assert [(answer.code, answer.error) for answer in hospital.ehr.answers] == [("AE", "9028")]
        pump.answers_by_itself = True
        await hospital.send(an_order(1, message_id="G0009"))  # the nurse presses Resend: the same request under another control id
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert len(pump.offers) == 2
        assert hospital.ehr.answers[-1].code == "AA"

    run(story())


def test_9007_is_said_at_once_where_no_pump_is_connected() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.drop()
        await hospital.send(an_order(1))
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.error) == ("AE", "9007")

    run(story())


def test_9007_also_where_the_link_breaks_before_a_byte_has_left() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.loses = lambda frame: "not connected" if isinstance(frame, said.OfferToShow) else ""
        await hospital.send(an_order(1))
        await hospital.settled()
        assert [(answer.code, answer.error) for answer in hospital.ehr.answers] == [("AE", "9007")]
        (planned,) = await hospital.planned()
        assert await state_of(hospital, planned.programme_id) is State.REFUSED

    run(story())


@pytest.mark.parametrize("how", ["silently", "unknown"])
def test_sr_13_an_offer_without_an_answer_becomes_uncertain_and_is_asked_back_never_sent_again(how: str) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.loses = lambda frame: how if isinstance(frame, said.OfferToShow | said.Withdraw) else ""
        await hospital.send(an_order(1))
        await asyncio.sleep(60)
        (planned,) = await hospital.planned()
        assert await state_of(hospital, planned.programme_id) is State.UNCERTAIN
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.error) == ("AE", "9016")
        assert any("Look at the pump before programming by hand" in words for words in await hospital.alerts())
        await hospital.send(an_order(2))  # D-10: the channel takes no offer until it is settled
        await hospital.settled(10)
        assert hospital.ehr.answers[-1].error == "9016"
        assert pump.offers == []
        pump.loses = lambda frame: ""
        pump.drop()
        await pump.connect()  # the pump is back, and is asked for it
        await hospital.settled()
        await pump.settled()
        assert [type(frame).__name__ for frame in pump.frames if isinstance(frame, said.Withdraw)] == ["Withdraw"]
        assert await state_of(hospital, planned.programme_id) is State.WITHDRAWN
        await hospital.settled()
        assert len([answer for answer in hospital.ehr.answers if answer.answers == "G0001"]) == 1  # one RRG for one RGV

    run(story())


def test_d_09_a_start_that_arrives_after_the_offer_was_taken_for_lost_is_the_truth_and_a_person_is_told() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        pump.drop()
        await pump.confirms(offer_id)
        own = await pump.starts(offer_id)
        await hospital.settled(2000)  # by the server's clock its life is over: uncertain
        await asyncio.sleep(1000)
        assert await state_of(hospital, offer_id) is State.UNCERTAIN
        await pump.connect()
        assert await state_of(hospital, offer_id) is State.CONFIRMED
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.association is not None

    run(story())


def test_d_09_confirmed_after_expired_is_recorded_with_an_alert() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.lets_expire(offer_id)
        await pump.starts(offer_id)
        assert await state_of(hospital, offer_id) is State.CONFIRMED
        assert any("had expired" in words for words in await hospital.alerts())

    run(story())


def test_sr_45_a_lost_pump_is_stale_after_thirty_seconds_and_nothing_is_inferred() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        own = await pump.starts(offer_id)
        pump.drop()
        await asyncio.sleep(20)
        assert not [event for event in await hospital.events("infusion.contact") if isinstance(event, ContactLost)]
        await asyncio.sleep(20)
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.stale_since is not None
        assert today.state is infusions.State.RUNNING
        await pump.connect()
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.stale_since is None
        assert [type(event) for event in await hospital.events("infusion.contact")] == [ContactLost, ContactRegained]

    run(story())


def test_sr_45_after_a_restart_a_pump_that_does_not_come_back_is_stale_too() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        await pump.starts(offer_id)
        await hospital.restart()
        pump.line = None
        await asyncio.sleep(60)
        assert [type(event) for event in await hospital.events("infusion.contact")] == [ContactLost]

    run(story())


def test_sr_47_a_server_killed_between_planning_and_offer_checks_anew_before_it_offers() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.loses = lambda frame: "silently"
        await hospital.send(an_order(1))
        await hospital.conduct.planned()
        await hospital.restart()
        pump.loses = lambda frame: ""
        pump.line = None
        await pump.connect()
        await hospital.settled(600)
        await pump.settled()
        (planned,) = await hospital.planned()
        assert await state_of(hospital, planned.programme_id) in (State.OFFERED, State.REFUSED, State.WITHDRAWN, State.UNCERTAIN)
        assert len(pump.offers) <= 1

    run(story())


def test_sr_48_a_run_programmed_by_hand_is_nobodys_and_waits_for_review() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await pump.runs_now("B", said.Run("R9", drug="propofol", rate=ml_per_h("12"), set_rate=ml_per_h("12"), delivered=ml("0")))
        (nobodys,) = await unassociated(hospital.record)
        assert nobodys.infusion_id == "LVP-0001/R9"
        today = (await infusion_at(hospital.record, "LVP-0001/R9")).today
        assert today is not None
        assert today.association is None

    run(story())


def test_sr_48_a_run_whose_start_was_never_told_is_found_and_told_to_a_person() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.drop()
        pump.states["A"] = said.ChannelReport(
            "A",
            pump.states["A"].mode,
            ChannelState.INFUSING,
            "ICU",
            set_installed=True,
            run=said.Run("R5", drug="propofol", rate=ml_per_h("12"), set_rate=ml_per_h("12"), delivered=ml("40")),
        )
        await pump.connect()
        today = (await infusion_at(hospital.record, "LVP-0001/R5")).today
        assert today is not None
        assert not today.volume_is_exact
        assert any("whose start was not told" in words for words in await hospital.alerts())

    run(story())


def test_sr_04_another_patient_at_the_pump_ends_the_association() -> None:
    async def story() -> None:
        from interop.domain.patient import PatientId

        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        own = await pump.starts(offer_id)
        await pump.note(said.Event, kind=said.Kind.PATIENT_CHANGED, patient=PatientId("999", "DEMO"), by="NURSE7")
        today = (await infusion_at(hospital.record, f"LVP-0001/{own}")).today
        assert today is not None
        assert today.association is None
        assert [each.infusion_id for each in await unassociated(hospital.record)] == [f"LVP-0001/{own}"]

    run(story())


def test_a_word_that_fits_nothing_reaches_a_person_and_the_log_goes_on() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
        await pump.note(said.Decision, offer_id="NOBODYS", channel_id="A", decision=said.Answer.CONFIRMED, by="NURSE7")
        assert len(await hospital.alerts()) == 2
        assert pump.acked == 2

    run(story())


def test_sr_03_an_order_for_another_patient_is_refused_on_a_pump_that_runs_somebody_elses() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        await pump.confirms(offer_id)
        await pump.starts(offer_id)
        assert pump.states["B"].patient is None
        await hospital.send(an_order(2, patient="4711002", channel="B"))
        await hospital.settled()
        assert hospital.ehr.answers[-1].error == "9012"

    run(story())


def test_sr_98_a_simulated_pump_is_let_in_by_a_demo_only() -> None:
    async def story() -> None:
        from interop.conduct.world import HelloRefused

        hospital = await Hospital.open(pumps="real")
        hospital.bedside._simulated_too = False
        with pytest.raises(HelloRefused):
            await APump(hospital).connect()

    run(story())


def test_the_attempt_is_told_to_the_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer = pump.offer(await offered(hospital, pump))
        assert offer.attempt is said.OfferAttempt.START
        (planned,) = await hospital.planned()
        assert planned.attempt is Attempt.START
        assert isinstance(hospital.ehr.answers[-1], Said)

    run(story())


def test_sec_09_sec_16_a_pump_that_speaks_of_another_pumps_offer_changes_nothing_but_is_told_of() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        other = APump(hospital, "LVP-0002")
        await other.connect()
        await other.note(said.Decision, offer_id=offer_id, channel_id="A", decision=said.Answer.CONFIRMED, by="NURSE7")
        await other.tell(said.NeverSeen(offer_id, "A", other.clock))
        run_ = said.Run("R1", offer_id, "ORD-1", drug="dopamine", rate=ml_per_h("30"), set_rate=ml_per_h("30"), delivered=ml("0"))
        await other.runs_now("A", run_)
        assert await state_of(hospital, offer_id) is State.OFFERED
        today = (await infusion_at(hospital.record, "LVP-0002/R1")).today
        assert today is not None
        assert today.association is None
        assert any("LVP-0002 channel A speaks of an offer that was made to LVP-0001" in words for words in await hospital.alerts())
        assert any("offered to LVP-0001 channel A" in words for words in await hospital.alerts())

    run(story())
