"""D-04: the same request again, with the same content and with another; and D-07 and SR-47, what a restart may do with an offer that has not left."""

import asyncio
from datetime import timedelta

from interop.conduct.answers import Answer
from interop.conduct.effects import keep_answer
from interop.domain.finding import Finding, PivError, Sub
from interop.ports import Commit
from tests.conduct.virtual import MORNING, run
from tests.conduct.ward import Bedside, Hospital, an_order
from tests.wards.messages import a_fluid_rgv
from tests.wards.ward import dtm


def test_d_04_a_refusal_does_not_use_the_key_up_and_the_next_press_of_resend_is_planned_anew():
    async def story() -> None:
        bedside = Bedside(care_area="")
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1))
        await hospital.settled()
        bedside.care_area = "ICU"  # the nurse selects it on the pump, and presses Resend
        await hospital.send(an_order(1, message_id="G0002", sent_at="20260302080010+0000"))
        await asyncio.sleep(5)
        assert [said.error for said in hospital.ehr.answers] == ["9029"]
        assert len(bedside.offered) == 1
        assert len(await hospital.planned()) == 2
        await hospital.close()

    run(story())


def test_d_04_the_same_request_under_a_new_message_id_makes_no_second_offer():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        for number in range(1, 4):
            assert (await hospital.send(an_order(1, message_id=f"G{number}"))).code == "CA"  # type: ignore[union-attr]
            await asyncio.sleep(1)
        await asyncio.sleep(5)
        assert len(bedside.offered) == len(await hospital.planned()) == 1
        assert not hospital.ehr.received, "no answer is known yet, and the others wait for the same one"
        assert len(await hospital.record.projections("programme-waiting")) == 2
        await hospital.close()

    run(story())


def test_d_04_a_repeat_after_an_unknown_outcome_gets_the_first_answer_again():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1, message_id="G1"))
        await asyncio.sleep(1)
        ((programme_id, _),) = bedside.offered
        unknown = Answer("AE", (Finding.against(Sub.OUTCOME_UNKNOWN, "channel"),))
        await hospital.record.commit(Commit(projections=(keep_answer(programme_id, unknown),)))
        await hospital.send(an_order(1, message_id="G2"))
        await asyncio.sleep(5)
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.answers, answer.error) == ("AE", "G2", "9016")
        assert len(bedside.offered) == 1
        await hospital.close()

    run(story())


def test_d_04_the_same_key_with_other_content_is_a_conflict():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1, message_id="G1"))
        await asyncio.sleep(1)
        await hospital.send(an_order(1, message_id="G2", rate="12"))
        await asyncio.sleep(5)
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.answers, answer.error) == ("AR", "G2", "9016")
        assert b"9016.conflict" in hospital.ehr.received[0]
        assert len(bedside.offered) == 1
        await hospital.close()

    run(story())


def test_sr_47_after_a_restart_an_offer_that_had_not_left_is_checked_again_in_full():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1))
        await asyncio.sleep(1)
        looks = bedside.looks
        await hospital.restart()
        await asyncio.sleep(1)
        assert bedside.looks > looks, "the channel, the order and the library were looked at anew"
        assert len(bedside.offered) == 2, "it goes on: nothing speaks against it, and nothing had left"
        assert len(await hospital.planned()) == 1
        await hospital.close()

    run(story())


def test_sr_47_an_offer_that_no_longer_passes_after_a_restart_is_refused_and_gives_its_key_back():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1, message_id="G1"))
        await hospital.send(an_order(1, message_id="G2"))
        await asyncio.sleep(1)
        bedside.care_area = ""
        await hospital.restart()
        await hospital.settled()
        assert len(bedside.offered) == 1
        assert [(said.answers, said.code, said.error) for said in hospital.ehr.answers] == [("G1", "AE", "9029"), ("G2", "AE", "9029")]
        assert [event.type for event in await hospital.events("programme")] == ["programme.planned", "programme.refused-by-checks"]
        bedside.care_area = "ICU"
        await hospital.send(an_order(1, message_id="G3"))
        await asyncio.sleep(1)
        assert len(bedside.offered) == 2
        await hospital.close()

    run(story())


def test_sr_47_an_offer_that_would_now_be_another_is_refused_as_stale():
    async def story() -> None:
        bedside = Bedside(care_area="ICU")
        hospital = await Hospital.open(pumps=bedside)
        asked = dtm(MORNING - timedelta(seconds=10))
        fluid = a_fluid_rgv(order="ORD-1", location="", requested_at=asked, sent_at=asked)
        await hospital.send(fluid)
        await asyncio.sleep(1)
        bedside.care_area = "ED"  # the same fluid at the same rate, by another entry with limits of its own
        await hospital.restart()
        await hospital.settled()
        assert len(bedside.offered) == 1
        (answer,) = hospital.ehr.answers
        assert (answer.error, b"has changed since this was planned" in hospital.ehr.received[0]) == ("9022", True)
        await hospital.close()

    run(story())


def test_sr_47_a_request_that_grew_old_while_the_server_was_down_is_refused():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.send(an_order(1))
        await asyncio.sleep(400)  # the request is too old to be safe (SR-09)
        await hospital.restart()
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert answer.error == str(PivError.STALE.number)
        await hospital.close()

    run(story())
