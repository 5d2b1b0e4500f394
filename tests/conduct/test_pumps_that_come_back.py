"""After a crash the server is quicker than its pumps: an order that was accepted waits for its own, and for no other (SR-47)."""

import asyncio

from interop.conduct.returning import RETURNS_WITHIN_S
from tests.conduct.pump import APump
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, an_order


async def killed_with_an_order(*, lost: str = "", is_planned: bool = False) -> tuple[Hospital, APump]:
    """A server that was killed behind the CA of an order and is back, without its pump. ``is_planned``: the kill came before the offer only."""
    hospital = await Hospital.open(pumps="real")
    pump = APump(hospital)
    await pump.connect()
    if lost:
        pump.drop()
        await asyncio.sleep(1)
    if is_planned:
        hospital.conduct._offer = lambda outcome: None  # type: ignore[method-assign]
        hospital.conduct._desk._offered = lambda outcome: None
    said = await hospital.send(an_order(1))
    assert said is not None
    assert said.code == "CA"
    if is_planned:
        await hospital.conduct.planned()
    assert len(await hospital.planned()) == is_planned
    await hospital.restart()
    pump.line = None
    return hospital, pump


def test_sr_47_an_order_that_was_accepted_before_a_crash_is_offered_once_when_its_pump_is_back() -> None:
    async def story(*, is_planned: bool) -> None:
        hospital, pump = await killed_with_an_order(is_planned=is_planned)
        await asyncio.sleep(RETURNS_WITHIN_S - 2)
        assert hospital.ehr.answers == []
        await pump.connect()
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert len(pump.offers) == 1
        assert [(answer.code, answer.error) for answer in hospital.ehr.answers] == [("AA", "")]
        await asyncio.sleep(RETURNS_WITHIN_S * 2)
        assert len(pump.offers) == 1

    for is_planned in (False, True):
        run(story(is_planned=is_planned))


def test_sr_47_a_pump_that_does_not_come_back_is_not_waited_for_for_ever() -> None:
    async def story(*, is_planned: bool) -> None:
        hospital, pump = await killed_with_an_order(is_planned=is_planned)
        await asyncio.sleep(RETURNS_WITHIN_S + 2)
        assert [(answer.code, answer.error) for answer in hospital.ehr.answers] == [("AE", "9007")]
        assert pump.offers == []

    for is_planned in (False, True):
        run(story(is_planned=is_planned))


def test_sr_47_a_pump_that_was_away_before_the_crash_is_not_waited_for_nor_anybody_behind_it() -> None:
    async def story() -> None:
        hospital, _ = await killed_with_an_order(lost="before")
        await asyncio.sleep(2)
        assert [(answer.code, answer.error) for answer in hospital.ehr.answers] == [("AE", "9007")]

    run(story())
