"""The pump's words about one offer that cross: what it answers to a withdrawal overtakes its log, and the log is told afterwards (SR-46)."""

import asyncio

from interop.domain import pump as said
from interop.domain.lifecycle.programme import State
from tests.conduct.test_offers_and_runs import a_hospital, offered, state_of
from tests.conduct.virtual import run
from tests.conduct.ward import an_order


def test_sr_07_what_was_confirmed_and_is_recalled_before_it_runs_is_withdrawn_and_nobody_is_sent_to_the_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await offered(hospital, pump)
        pump.answers_by_itself = False
        assert hospital.conduct.bedside is not None
        await hospital.conduct.bedside.recall(id, "NURSE7")
        await pump.confirms(id)
        before = await hospital.alerts()
        await pump.tell(said.Withdrawn(id, "A", pump.clock))  # docs/pump-link.md: confirmed but not started, and is gone
        assert await state_of(hospital, id) is State.WITHDRAWN
        assert await hospital.alerts() == before

    run(story())


def test_sr_46_d_07_an_offer_that_leaves_while_the_pump_still_tells_its_log_again_is_not_asked_back() -> None:
    """Its hello could not name it: it had not left yet."""

    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.answers_by_itself = False
        pump.drop()
        await pump.note(said.Event, kind=said.Kind.CARE_AREA_CHANGED, channel_id="A", care_area="ICU")
        await pump.says_hello()
        id = await offered(hospital, pump)
        await pump.tells_again()
        await pump.shows(id)
        await hospital.settled()
        assert [frame for frame in pump.frames if isinstance(frame, said.Withdraw)] == []
        assert await state_of(hospital, id) is State.OFFERED

    run(story())


def test_sr_46_a_log_that_is_told_after_the_answer_to_a_withdrawal_puzzles_nobody() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.answers_by_itself = False
        await hospital.send(an_order(1))
        await asyncio.sleep(60)
        (offer,) = pump.offers
        before = await hospital.alerts()
        await pump.tell(said.Withdrawn(offer.offer_id, "A", pump.clock))
        await pump.note(said.OfferShown, offer_id=offer.offer_id, channel_id="A")
        assert await state_of(hospital, offer.offer_id) is State.WITHDRAWN
        assert await hospital.alerts() == before

    run(story())
