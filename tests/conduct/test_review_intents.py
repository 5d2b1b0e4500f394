"""Steps that cannot be carried out: they hold up no other, at work and at a start, nothing of them stays open, and a person is told."""

import asyncio
from typing import Any

import pytest

from interop.conduct import offering
from interop.conduct.alerts import open_alerts
from interop.conduct.asked import BadIntent
from interop.conduct.decision import Decision, Step
from interop.domain.events.programme import RefusedByChecks
from interop.domain.lifecycle.programme import State
from interop.ports import AuditQuery, Commit, Gone, StreamMoved, Timer, TimerEnd
from tests.conduct.test_offers_and_runs import a_hospital, state_of
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, an_order, dtm

FROM_A_NEWER_VERSION = Step("BAD1", "recall", "EHR1/ORD-9", "a cause that this version does not know")


async def times_told(hospital: Hospital) -> int:
    return sum(row.action == "alert.raise" for row in await hospital.record.audit_search(AuditQuery()))


def test_sr_47_a_step_that_nobody_can_read_ends_neither_the_sweep_nor_a_start_and_is_told_once() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await hospital.record.commit(Decision(steps=(FROM_A_NEWER_VERSION,)).commit(hospital.clock.now()))
        await asyncio.sleep(300)  # claimed again ten times
        (alert,) = await open_alerts(hospital.record)
        assert (alert.order_id, alert.words.endswith("Look at its pumps.")) == ("EHR1/ORD-9", True)
        assert await times_told(hospital) == 1
        assert await hospital.undone() == 1  # a newer version may still carry it out
        await hospital.restart()
        assert await open_alerts(hospital.record)
        pump.line = None
        await pump.connect()
        asked_at = dtm(hospital.clock.now())
        await hospital.send(an_order(1, requested_at=asked_at, sent_at=asked_at))
        await hospital.crash()
        await hospital.begin()  # what was accepted behind it is taken up all the same
        await pump.connect()
        await asyncio.sleep(60)
        assert len(pump.offers) == 1

    run(story())


async def an_offer_that_has_lost_its_message(hospital: Hospital, monkeypatch: pytest.MonkeyPatch, *, repeats: int = 0) -> str:
    """Planned, its answer and its offer not yet on their way, when what was asked for is gone."""
    pumps = hospital.conduct.pumps
    assert pumps is not None

    async def never(programme_id: str, offer: Any) -> None:
        return None

    monkeypatch.setattr(pumps, "offer", never)
    await hospital.send(an_order(1))
    await hospital.settled(5)
    for number in range(repeats):
        await hospital.send(an_order(1, message_id=f"AGAIN{number}"))
    await hospital.settled(5)

    async def gone(id: str, body: str, record: Any) -> None:
        raise BadIntent("its message is not in the journal")

    monkeypatch.setattr(offering, "asked_of", gone)
    await asyncio.sleep(60)
    monkeypatch.undo()
    return str((await hospital.planned())[0].programme_id)


def test_d_04_an_offer_whose_request_is_gone_is_refused_and_its_channel_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await an_offer_that_has_lost_its_message(hospital, monkeypatch, repeats=1)
        assert await state_of(hospital, id) is State.REFUSED
        (refused,) = [event for event in await hospital.events("programme.refused") if isinstance(event, RefusedByChecks)]
        assert [reason.code for reason in refused.reasons] == ["9016.check-failed"]
        (alert,) = await open_alerts(hospital.record)
        assert (alert.pump_id, alert.channel_id, alert.order_id, alert.programme_id) == ("LVP-0001", "A", "EHR1/ORD-1", id)
        assert await hospital.record.effect_key("channel LVP-0001/A") is None
        await hospital.settled()
        assert [(said.code, said.error) for said in hospital.ehr.answers] == [("AR", "9016")]  # to the repeat, whose message is there
        assert await hospital.undone() == 0
        await pump.tells_status()
        asked_at = dtm(hospital.clock.now())
        await hospital.send(an_order(1, message_id="ANEW", requested_at=asked_at, sent_at=asked_at))
        await hospital.settled()
        await pump.settled()
        assert [offer.placer_order_number for offer in pump.offers] == ["ORD-1"]

    run(story())


def test_an_intent_of_another_kind_that_is_given_up_is_told_to_the_engineer() -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        await hospital.record.commit(Decision(steps=(Step("BAD1", "plan", "BAD1", "{}"),)).commit(hospital.clock.now()))
        await asyncio.sleep(60)
        (alert,) = await open_alerts(hospital.record)
        assert "'plan'" in alert.words
        assert await hospital.undone() == 0

    run(story())


def test_a_timer_that_failed_and_was_fired_elsewhere_meanwhile_ends_no_clockwork(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        now = hospital.clock.now()
        timers = hospital.conduct._timers

        async def fired_elsewhere(timer: Timer) -> None:
            await hospital.record.commit(Commit(timers=(TimerEnd(timer.kind, timer.subject, timer.due_at),)))
            raise StreamMoved("infusion/LVP-0001/R1", 1, 2)

        monkeypatch.setattr(timers, "_acts", {"offer-answer": fired_elsewhere})
        await hospital.record.commit(Commit(timers=(Timer("offer-answer", "N1", now),)))
        try:
            assert await timers.fire_due() == 1
        except Gone:
            pytest.fail("the clockwork has stopped")

    run(story())
