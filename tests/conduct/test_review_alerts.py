"""Alerts when a pump says much: none hides another, and what is said again is not taken for seen (SEC-42)."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from interop.conduct.alerts import ALERTS, PAGE, Alert, key_of, open_alerts, raised
from interop.conduct.bedside import NotSo
from interop.domain import pump as said
from interop.domain.finding import Owner
from interop.ports import Commit, Projected
from tests.conduct.pump import APump, ml
from tests.conduct.test_offers_and_runs import a_hospital
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, an_order


def test_sec_42_a_pump_that_speaks_of_what_nobody_knows_hides_no_other_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        for number in range(60):
            await pump.tell(said.NeverSeen(f"X{number}", "A", pump.clock))
            await pump.note(
                said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id=f"R{number + 70}", delivered=ml("1"), cause="clinician"
            )
        other = APump(hospital, "LVP-0002")
        await other.connect()
        other.answers_by_itself = False
        await hospital.send(an_order(1, pump="LVP-0002"))
        await asyncio.sleep(60)
        told = await open_alerts(hospital.record)
        assert len(told) == 3  # of offers, of infusions, and the other pump's silence
        assert [alert.pump_id for alert in told][-1] == "LVP-0002"

    run(story())


def test_sec_42_more_alerts_than_one_page_are_all_there_the_oldest_first() -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        now = hospital.clock.now()
        for number in range(2 * PAGE + 3):
            about = Alert(f"N{number}", now - timedelta(seconds=number), "Look at the pump.", Owner.NURSE, f"LVP-{number}", "A")
            await hospital.record.commit((await raised(hospital.record, about)).commit(now))
        told = await open_alerts(hospital.record)
        assert [alert.pump_id for alert in told] == [f"LVP-{number}" for number in reversed(range(2 * PAGE + 3))]
        assert await open_alerts(hospital.record, 5) == told[:5]
        assert hospital.conduct.bedside is not None
        await hospital.conduct.bedside.seen(told[-1].id, "NURSE7")
        assert await open_alerts(hospital.record) == told[:-1]

    run(story())


SAID = {"words": "The pump told 'paused' (word 7 of its log). Look.", "pump_id": "LVP-0001", "channel_id": "A", "order_id": "EHR1/ORD-1"}


@pytest.mark.parametrize(
    ("again", "open_then"),
    [
        ({}, 1),
        ({"words": "The pump told 'paused' (word 8 of its log). Look."}, 1),
        ({"words": "The pump told 'ended' (word 8 of its log). Look."}, 2),
        ({"pump_id": "LVP-0002"}, 2),
        ({"channel_id": "B"}, 2),
        ({"order_id": "EHR1/ORD-2"}, 2),
        ({"programme_id": "N1"}, 2),
        ({"infusion_id": "LVP-0001/R1"}, 2),
    ],
)
def test_sec_42_what_is_said_again_of_the_same_thing_is_one_alert(again: dict[str, Any], open_then: int) -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        now = hospital.clock.now()
        first = Alert("N1", now, owner=Owner.NURSE, **SAID)
        await hospital.record.commit((await raised(hospital.record, first)).commit(now))
        second = replace(first, id="N2", at=now + timedelta(seconds=1), **again)
        await hospital.record.commit((await raised(hospital.record, second)).commit(now))
        told = await open_alerts(hospital.record)
        assert len(told) == open_then
        assert (told[-1].words, told[-1].at) == (second.words, second.at)

    run(story())


def test_what_was_said_again_since_somebody_looked_is_not_taken_for_seen() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()

        async def puzzles(hospital: Hospital) -> Alert:
            await pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
            (alert,) = await open_alerts(hospital.record)
            return alert

        first, second = await puzzles(hospital), await puzzles(hospital)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        with pytest.raises(NotSo, match="again"):
            await bedside.seen(first.id, "NURSE7")
        assert await open_alerts(hospital.record) == (second,)
        await bedside.seen(second.id, "NURSE7")
        assert await open_alerts(hospital.record) == ()
        with pytest.raises(NotSo, match="already"):
            await bedside.seen(second.id, "NURSE8")

    run(story())


def test_sec_42_what_happens_again_is_counted_with_its_first_time_until_somebody_has_looked() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        began = hospital.clock.now()

        async def puzzles() -> Alert:
            await pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
            (alert,) = await open_alerts(hospital.record)
            return alert

        once = await puzzles()
        assert (once.times, once.first_at, once.at) == (1, None, began)
        await asyncio.sleep(600)
        await puzzles()
        await hospital.restart()  # the count is on file, not in memory
        await pump.connect()
        await asyncio.sleep(600)
        thrice = await puzzles()
        assert (thrice.times, thrice.first_at, thrice.at) == (3, began, began + timedelta(seconds=1200))
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.seen(thrice.id, "NURSE7")
        anew = await puzzles()
        assert (anew.times, anew.first_at) == (1, None)

    run(story())


def test_a_step_that_is_done_again_raises_its_alert_once() -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        now = hospital.clock.now()
        about = Alert("N1", now, owner=Owner.NURSE, **SAID)
        for _ in range(2):
            await hospital.record.commit((await raised(hospital.record, about)).commit(now))
        (told,) = await open_alerts(hospital.record)
        assert told.times == 1

    run(story())


@pytest.mark.parametrize(("row", "times"), [({}, 2), ({"of another version": 1}, 1)])
def test_an_alert_that_was_raised_before_alerts_were_counted_is_read_and_counted_on(row: dict[str, Any], times: int) -> None:
    """One that cannot be read at all keeps no alert from being raised."""

    async def story() -> None:
        hospital, _ = await a_hospital()
        now = hospital.clock.now()
        again = Alert("N2", now, owner=Owner.NURSE, **SAID)
        then = now - timedelta(hours=1)
        old = {
            "id": "N1",
            "at": then.isoformat(timespec="microseconds"),
            "owner": "NURSE",
            **SAID,
            "programme_id": "",
            "infusion_id": "",
            **row,
        }
        await hospital.record.commit(Commit(projections=(Projected(ALERTS, key_of(again), json.dumps(old)),)))
        if not row:
            (told,) = await open_alerts(hospital.record)
            assert (told.at, told.times, told.first_at) == (then, 1, None)
        await hospital.record.commit((await raised(hospital.record, again)).commit(now))
        (told,) = await open_alerts(hospital.record)
        assert (told.at, told.times, told.first_at) == (now, times, then if times > 1 else None)

    run(story())


def test_a_pump_has_the_channels_that_its_hello_named_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        for number in range(20):
            others = tuple(replace(pump.states["A"], channel_id=f"C{number}-{each}") for each in range(8))
            await pump.tell(said.Status(pump.clock, (*others, replace(pump.states["B"], care_area="ED")), said.Power.MAINS))
        now = await hospital.bedside.now(pump.pump_id)
        assert [(each.channel_id, each.care_area) for each in now.channels] == [("A", "ICU"), ("B", "ED")]

    run(story())
    assert sum("hello did not name" in line.message for line in caplog.records) <= 1  # once in the life of this process
