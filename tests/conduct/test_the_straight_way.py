"""From a request at the bedside to its answer in the EHR: committed, acknowledged, planned, answered, and the answer acknowledged."""

from tests.conduct.virtual import run
from tests.conduct.ward import Bedside, Hospital, an_order


def test_d_08_a_request_is_committed_then_acknowledged_then_planned_and_its_one_answer_is_sent():
    async def story() -> None:
        hospital = await Hospital.open()
        said = await hospital.send(an_order(1))
        assert said is not None
        assert (said.code, said.answers) == ("CA", "G0001")
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.answers, answer.error, answer.order) == ("AR", "G0001", "9001", "ORD-1")
        (planned,) = await hospital.planned()
        assert planned.placer_order_number == "ORD-1"
        assert [head.message_type for head in reversed(await hospital.journal())] == ["RGV^O15", "RRG^O16"]
        await hospital.close()

    run(story())


def test_sr_15_a_request_that_passes_every_check_is_answered_9007_where_no_pump_can_be_reached_and_never_aa():
    async def story() -> None:
        hospital = await Hospital.open(pumps=Bedside(connected=False))
        await hospital.send(an_order(1))
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert (answer.code, answer.error) == ("AE", "9007"), hospital.ehr.received
        assert [event.type for event in await hospital.events("programme")] == ["programme.planned", "programme.offer-not-sent"]
        await hospital.close()

    run(story())
