"""SR-49: an alarm that is forwarded to the bedside page is fast, goes first, is marked as forwarded, and its loss is told; the pump needs none of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from interop.domain import pump as said
from interop.domain.patient import PatientId
from interop.doors.pages import bedside_live
from interop.ports import Commit, Committed, Priority
from tests.bedside.test_bedside_page import live
from tests.bedside.test_bedside_scanning import told
from tests.bedside.ward import CHANNEL, CONTAINER, WRISTBAND, Browser, Ward
from tests.conduct.pump import APump

OCCLUDED = "High alarm: Downstream occlusion"
ONLY_FORWARDED = "Forwarded by the server. The pump's own alarm is the one that counts."


@pytest.fixture
def by_news_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is drawn when something is told, and never because so many seconds are over: what is shown was not waited for (SR-49: 5 s)."""
    monkeypatch.setattr(bedside_live, "BEAT_S", 3600.0)


async def running(ward: Ward, browser: Browser) -> None:
    await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
    await ward.settled()
    await ward.pump.confirms(ward.offer_id)
    await ward.pump.starts(ward.offer_id)


def an_alarm(alarm_id: str = "A-1", priority: str = "PH", text: str = "Downstream occlusion") -> said.Alarm:
    return said.Alarm(alarm_id, "196940^MDC_EVT_PUMP_OCCL", priority, text)


async def alarms(pump: APump, kind: said.Kind = said.Kind.ALARM_RAISED, alarm: said.Alarm | None = None, channel_id: str = "A") -> None:
    """The word of the log alone; its status may be late."""
    await pump.note(said.Event, kind=kind, channel_id=channel_id, alarm=alarm or an_alarm())


async def floods(ward: Ward) -> None:
    """Nine other pumps that talk without end, and orders that come all the while."""
    others = [APump(ward.hospital, f"LVP-1{number:03d}") for number in range(9)]
    for other in others:
        await other.connect()
    for number in range(100, 10_000):
        await ward.has_order(number, patient=str(4_800_000 + number))
        for other in others:
            await other.tells_status()
        await asyncio.sleep(0)


def test_sr_49_a_forwarded_alarm_is_marked_as_such_and_goes_when_the_pump_clears_it() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        await browser.looks()
        assert "alarm" not in browser.part("patients").lower()
        await alarms(ward.pump)
        await browser.looks()
        assert f"{OCCLUDED} {ONLY_FORWARDED}" in " ".join(browser.part("patients").replace("!", "").split())
        await alarms(ward.pump, said.Kind.ALARM_CLEARED)
        await browser.looks()
        assert "alarm" not in browser.part("patients").lower()

    told(story)


def test_sr_49_of_several_alarms_the_highest_priority_stands_first() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        for number, priority in enumerate(("PL", "PN", "PH", "PM")):
            await alarms(ward.pump, alarm=an_alarm(f"A-{number}", priority, f"told as number {number}"))
        await browser.looks()
        page = browser.part("patients")
        shown = [f"{name} alarm: told as number {number}" for name, number in (("High", 2), ("Medium", 3), ("Low", 0), ("Note", 1))]
        places = [page.index(each) for each in shown]
        assert places == sorted(places)

    told(story)


def test_sr_49_an_alarm_of_the_whole_pump_is_one_of_each_channel() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        await alarms(ward.pump, alarm=an_alarm(text="Battery low"), channel_id="")
        pump = await ward.hospital.bedside.now(ward.pump.pump_id)
        assert [[alarm.text for alarm in each.alarms] for each in pump.channels] == [["Battery low"], ["Battery low"]]

    told(story)


@pytest.mark.usefixtures("by_news_alone")
def test_sr_49_an_alarm_is_on_the_page_by_its_own_word_while_pumps_and_orders_flood_the_server() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        async with live(ward, browser) as stream:
            await stream.until("part", "Infusing")
            flood = asyncio.create_task(floods(ward))
            try:
                await asyncio.sleep(0.5)
                await alarms(ward.pump)
                await stream.until("part", OCCLUDED)
                assert not flood.done()  # it went on all the while
            finally:
                flood.cancel()
                await asyncio.wait([flood])

    told(story)


@pytest.mark.usefixtures("by_news_alone")
def test_sr_49_a_browser_that_does_not_read_holds_up_no_other_ones_alarm() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        async with live(ward, browser, reads=False), live(ward, browser) as stream:
            await stream.until("part", "Infusing")
            await alarms(ward.pump)
            await stream.until("part", OCCLUDED)

    told(story)


@pytest.mark.usefixtures("by_news_alone")
def test_sr_49_an_alarm_of_a_patients_idle_channel_is_shown_by_its_own_word() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        ward.pump.states["B"] = replace(ward.pump.states["B"], patient=PatientId("4711001", "DEMO"))
        await ward.pump.tells_status()
        await browser.scans(WRISTBAND)
        async with live(ward, browser) as stream:
            await stream.until("part", "Idle")
            commits = ward.hospital.life.commit

            async def slowly(commit: Commit) -> Committed:
                await asyncio.sleep(2 * bedside_live.LEAST_S)  # the page is drawn meanwhile, as things stand before the word is on file
                return await commits(commit)

            await asyncio.sleep(2 * bedside_live.LEAST_S)
            ward.hospital.life.commit = slowly  # type: ignore[method-assign]
            await alarms(ward.pump, channel_id="B")
            await stream.until("part", OCCLUDED)

    told(story)


def test_sr_49_the_commit_of_an_alarm_goes_before_all_else_that_waits() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        priorities: list[Priority] = []
        commits = ward.hospital.life.commit

        async def watched(commit: Commit) -> Committed:
            if any(event.type == "infusion.alarm-raised" for event in commit.events):
                priorities.append(commit.priority)
            return await commits(commit)

        ward.hospital.life.commit = watched  # type: ignore[method-assign]
        run = ward.pump.states["A"].run
        assert run is not None
        await ward.pump.note(said.Event, kind=said.Kind.ALARM_RAISED, channel_id="A", infusion_id=run.infusion_id, alarm=an_alarm())
        assert priorities == [min(Priority)]

    told(story)


@pytest.mark.usefixtures("by_news_alone")
def test_sr_49_a_pump_whose_alarms_do_not_come_any_more_is_told_on_the_page_at_once() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        await alarms(ward.pump)
        async with live(ward, browser) as stream:
            await stream.until("part", OCCLUDED)
            ward.pump.drop()
            await stream.until("part", "Its alarms do not reach this page.")
        await browser.looks()
        assert f"Last: {OCCLUDED}" in browser.part("patients")  # not taken for what is so now

    told(story)


def test_sr_49_a_pump_that_falls_silent_is_told_to_forward_no_alarm_any_more() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        await browser.looks()
        assert "do not reach" not in browser.part("patients")
        ward.clock.goes_on(seconds=31)
        await browser.looks()
        assert "Stale. Silent: what it does now is not known here. Look at the pump. Its alarms do not reach this page." in browser.part(
            "patients"
        )

    told(story)


def test_sr_49_sr_46_an_alarm_that_is_told_again_after_a_cut_is_not_taken_for_one_that_is_active() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        ward.pump.drop()
        await alarms(ward.pump)  # and it was cleared by a power loss, which no word tells
        await ward.pump.connect()
        await browser.looks()
        assert "alarm" not in browser.part("patients").lower()

    told(story)


def test_sr_49_sr_01_nothing_is_said_to_a_pump_about_its_alarm() -> None:
    """No frame silences, pauses or acknowledges an alarm: at the bedside it sounds as if there were no server."""

    async def story(ward: Ward, browser: Browser) -> None:
        await running(ward, browser)
        before = len(ward.pump.frames)
        await alarms(ward.pump)
        await browser.looks()
        await alarms(ward.pump, said.Kind.ALARM_CLEARED)
        kinds: set[type[Any]] = {type(frame) for frame in ward.pump.frames[before:]}
        assert kinds == {said.Ack}

    told(story)
