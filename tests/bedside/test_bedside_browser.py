"""The bedside page in a real browser, by keyboard and scanner alone: the nurse's story on a phone, a workstation and a wall, without barriers."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interop.conduct.settling import AnswerDue
from interop.domain import pump as said
from interop.domain.quantity import Quantity
from tests.bedside.served import ARGUMENTS, Served, chromium, missing, violations_of
from tests.bedside.ward import BADGE, CHANNEL, CONTAINER, LONG_NAME, WRISTBAND, Ward
from tests.browser import wait_until
from tests.conduct.pump import ml, ml_per_h

SCREENS = {"phone": (390, 844), "laptop": (1366, 768), "wall": (1920, 1080)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    ward = Served(tmp_path)
    yield ward
    ward.close()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    """A nurse has scanned her badge and is at the bedside."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1366, "height": 768})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda fault: faults.append(str(fault)))
    opened.goto(f"{served.url}/login")
    wait_until(opened, "document.activeElement.id === 'badge'")
    types(opened, BADGE)
    opened.wait_for_url(f"{served.url}/")
    opened.goto(f"{served.url}/bedside")
    wait_until(opened, "document.activeElement.id === 'scan'")
    yield opened
    context.close()
    assert [fault for fault in faults if not any(word in fault for word in ("503", "409", "ERR_", "net::"))] == []


def types(page: Any, text: str) -> None:
    """As a hand scanner does: fast, and Enter."""
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def scans(page: Any, *labels: str) -> None:
    """One after the other, as fast as they come."""
    for label in labels:
        types(page, label)


def shows(page: Any, part: str, words: str) -> None:
    """Asserts that the part says so, soon."""
    try:
        wait_until(page, "([id, words]) => document.getElementById(id)?.innerText.includes(words)", arg=[part, words], timeout=10_000)
    except AssertionError as late:
        seen = page.evaluate("document.getElementById('bedside')?.innerText ?? document.body.innerText")
        raise AssertionError(f"{part} does not say {words!r}; the page says:\n{seen}") from late


def looked_at(page: Any, state: str) -> None:
    """Asserts: no barriers, nothing wider than the screen, on every screen; a picture where somebody wants one."""
    folder = os.environ.get("INTEROP_SCREENSHOTS")
    for screen, (width, height) in SCREENS.items():
        page.set_viewport_size({"width": width, "height": height})
        if folder:
            page.wait_for_timeout(100)
            page.screenshot(path=f"{folder}/bedside-{state}-{screen}.png", full_page=screen == "phone")
        assert violations_of(page) == [], state
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (state, screen)
        assert cut_off(page) == [], (state, screen)
        for button in page.locator("main button:visible").all():
            assert button.bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8
    page.set_viewport_size({"width": 1366, "height": 768})


def cut_off(page: Any) -> list[str]:
    """Elements that hide a part of their own text."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("main *")].filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 1
                 && getComputedStyle(each).overflowX !== "visible" && !each.matches("input, .unseen")).map((each) => each.outerHTML)"""
        )
    )


async def confirmed(ward: Ward) -> None:
    await ward.pump.confirms(ward.offer_id, by="nurse7")
    await ward.pump.tells_status()


async def started(ward: Ward) -> None:
    await ward.pump.starts(ward.offer_id, by="nurse7")


def test_scan_look_start_by_scanner_alone(page: Any, served: Served) -> None:
    served.do(lambda ward: ward.has_order(1))
    scans(page, CHANNEL, WRISTBAND, CONTAINER)  # nothing is clicked, and no scan waits for the one before
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Waiting on LVP-0001 channel A")
    assert page.evaluate("document.activeElement.id") == "scan"
    served.do(confirmed)
    shows(page, "now", "Confirmed by nurse7")
    shows(page, "now", "Press start on LVP-0001 channel A.")
    served.do(started)
    shows(page, "now", "Running at 30 mL/h")
    shows(page, "patients", LONG_NAME)
    shows(page, "patients", "simulated")
    assert page.url == f"{served.url}/bedside"
    assert page.evaluate("document.activeElement.id") == "scan"


def test_d_11_no_part_of_a_label_is_lost_when_the_answer_to_an_earlier_one_comes_in_the_middle_of_it(page: Any, served: Served) -> None:
    served.do(lambda ward: ward.has_order(1))
    held: list[Any] = []
    page.route("**/bedside/scan", lambda route: route.continue_() if held else held.append(route))
    scans(page, CHANNEL, WRISTBAND)  # the first is on its way, the second waits for it
    half = len(CONTAINER) // 2
    page.keyboard.type(CONTAINER[:half])
    wait_until(page, "half => document.getElementById('scan').value === half", arg=CONTAINER[:half])
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    wait_until(page, "document.querySelectorAll('.slot.has').length === 2")  # both are answered by now
    types(page, CONTAINER[half:])
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Waiting on LVP-0001 channel A")
    assert "No patient, container or pump" not in page.inner_text("#scan-box")  # which is what half a label was answered


def test_a_press_while_a_scan_is_on_its_way_is_not_sent_and_says_so_and_the_answer_leaves_the_focus_there(
    page: Any, served: Served
) -> None:
    served.do(lambda ward: ward.has_order(1))
    scans(page, CHANNEL, WRISTBAND, CONTAINER)
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Waiting on LVP-0001 channel A")
    held: list[Any] = []
    page.route("**/bedside/scan", lambda route: held.append(route))
    types(page, WRISTBAND)
    while not held:
        page.wait_for_timeout(20)
    button = page.get_by_role("button", name="Take it back").first
    button.focus()
    page.keyboard.press("Enter")
    shows(page, "said", "Not sent. The one before it was not answered yet.")
    held[0].continue_()
    wait_until(page, "!document.querySelector('[aria-busy]')")
    shows(page, "said", "Not sent. The one before it was not answered yet. Look, then press again.")  # the answer did not wipe it away
    assert button.evaluate("it => it === document.activeElement")
    shows(page, "now", "Waiting on LVP-0001 channel A")


def test_d_11_labels_around_one_that_did_not_arrive_never_come_together(page: Any, served: Served) -> None:
    """The wristband of the next patient is lost on the way: what was scanned before it is the former patient's."""
    served.do(lambda ward: ward.has_order(1))
    scans(page, WRISTBAND, CONTAINER)
    wait_until(page, "document.querySelectorAll('.slot.has').length === 2")
    held: list[Any] = []
    page.route("**/bedside/scan", lambda route: held.append(route))
    scans(page, "4711002^DEMO", CHANNEL)  # the channel waits for the wristband
    while not held:
        page.wait_for_timeout(20)
    held.pop().abort()
    shows(page, "said", "and 1 scanned after it was not sent. Scan wristband, container and channel again, all three.")
    page.wait_for_timeout(300)
    assert held == []  # nothing was sent after it
    assert page.evaluate("document.querySelectorAll('.slot.has').length") == 0
    assert page.evaluate("[...document.querySelectorAll('.slot .value')].map((each) => each.textContent)") == ["not scanned yet"] * 3
    assert page.evaluate("document.querySelectorAll('#said .told').length") == 1  # one sentence, in one place
    page.unroute("**/bedside/scan")
    scans(page, WRISTBAND, CONTAINER, CHANNEL)
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Waiting on LVP-0001 channel A")


@pytest.mark.slow
def test_no_barriers_in_any_state(page: Any, served: Served) -> None:
    looked_at(page, "empty")
    served.do(lambda ward: ward.has_order(1))
    served.do(lambda ward: ward.has_order(2, dose_rate="100"))
    scans(page, WRISTBAND)
    shows(page, "patients", "Not ready if ICU, LVP, library 1.0.0")
    looked_at(page, "one-scanned")
    served.do(lambda ward: ward.pump.tells_status())
    scans(page, CHANNEL, CONTAINER)
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Waiting on LVP-0001 channel A")
    looked_at(page, "waiting")
    served.do(started)
    shows(page, "now", "Running at 30 mL/h")
    looked_at(page, "running")
    scans(page, "ORD-2|LOC-00501", "LVP-0001/B", WRISTBAND)
    served.do(lambda ward: ward.settled())
    shows(page, "now", "Refused: nothing is on the pump")
    looked_at(page, "refused")
    served.do(uncertain)
    scans(page, WRISTBAND, "ORD-4|LOC-00501", "LVP-0001/B")
    served.do(answer_lost)
    shows(page, "now", "Nobody knows whether LVP-0001 channel B has it")
    looked_at(page, "uncertain")
    served.do(puzzling)
    shows(page, "alerts", "3 times since")
    shows(page, "patients", "High alarm: Downstream occlusion")
    looked_at(page, "alerts")
    served.do(lost)
    shows(page, "patients", "Stale")
    looked_at(page, "stale")
    served.do(broken)
    scans(page, WRISTBAND)
    shows(page, "said", "The record cannot be reached now, so nothing was done.")
    shows(page, "banner", "The record takes nothing now")
    looked_at(page, "store")
    assert page.url == f"{served.url}/bedside"  # whatever befell it, it is the page that the nurse began on


async def uncertain(ward: Ward) -> None:
    await ward.pump.tells_status()  # looking at pages takes long, and a pump that is silent meanwhile takes no offer
    await ward.has_order(4, dose_rate="5")
    ward.pump.loses = lambda frame: "silently" if isinstance(frame, said.OfferToShow | said.Withdraw) else ""


async def answer_lost(ward: Ward) -> None:
    async with asyncio.timeout(15):
        while not (rows := await ward.hospital.record.projections("open-programme", "", 5)):
            await asyncio.sleep(0.05)  # the last scan is on its way
        await ward.settled()
    pumps = ward.hospital.conduct.pumps
    assert pumps is not None
    await pumps.offers.settle(rows[-1][0].rpartition("/")[2], AnswerDue(30), None)


async def puzzling(ward: Ward) -> None:
    alarm = said.Alarm("A-1", "196940^MDC_EVT_PUMP_OCCL", "PH", "Downstream occlusion")
    await ward.pump.note(said.Event, kind=said.Kind.ALARM_RAISED, channel_id="A", alarm=alarm)
    for _ in range(3):
        await ward.pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")


async def lost(ward: Ward) -> None:
    ward.pump.drop()


async def broken(ward: Ward) -> None:
    ward.hospital.break_store()


@pytest.mark.slow
def test_d_10_what_the_nurse_sees_is_said_by_keyboard_alone(page: Any, served: Served) -> None:
    served.do(uncertain)
    scans(page, WRISTBAND, "ORD-4|LOC-00501", CHANNEL)
    shows(page, "scan-box", "Scan wristband, container and channel")
    served.do(answer_lost)
    shows(page, "now", "Nobody knows whether LVP-0001 channel A has it")
    page.locator("#now input[type=radio]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("the screen is empty")
    served.do(lambda ward: ward.pump.tells_status())  # the page is drawn anew meanwhile, and keeps what was chosen and typed
    page.wait_for_timeout(600)
    assert page.evaluate("document.activeElement.value") == "the screen is empty"
    page.keyboard.press("Enter")
    shows(page, "now", "Closed as unknown: nurse7 saw nothing of it")


@pytest.mark.slow
def test_d_11_what_runs_is_tied_to_its_order_by_scanner_and_enter(page: Any, served: Served) -> None:
    async def by_hand(ward: Ward) -> None:
        await ward.has_order(1)
        strength = Quantity.of("1.6", "mg/mL")
        run = said.Run("R9", drug="dopamine", concentration=strength, rate=ml_per_h("30"), set_rate=ml_per_h("30"), delivered=ml("0"))
        await ward.pump.runs_now("A", run)

    served.do(by_hand)
    shows(page, "nobodys", "Running without an order")
    scans(page, WRISTBAND, CONTAINER, CHANNEL)
    shows(page, "scan-box", "Is it this order?")
    looked_at(page, "question")
    page.keyboard.press("Enter")  # a scanner that ends with two Enters answers no question
    page.wait_for_timeout(300)
    shows(page, "scan-box", "Is it this order?")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Yes, it is this order"
    page.keyboard.press("Enter")
    shows(page, "patients", "30 mL/h")
    shows(page, "scan-box", "Scan wristband, container and channel")
    wait_until(page, "document.activeElement.id === 'scan'")


@pytest.mark.slow
def test_sr_45_ages_count_on_and_turn_stale_while_nothing_is_heard(page: Any, served: Served) -> None:
    served.do(lambda ward: ward.has_order(1))

    async def associated(ward: Ward) -> None:
        report = ward.pump.states["A"]
        from interop.domain.patient import PatientId

        ward.pump.states["A"] = replace(report, patient=PatientId("4711001", "DEMO"))
        await ward.pump.tells_status()

    served.do(associated)
    scans(page, WRISTBAND)
    shows(page, "patients", "s ago")
    served.do(lambda ward: _later(ward, 29))
    shows(page, "patients", "stale, last at 08:00:")
    shows(page, "patients", "Stale. Silent")
    assert page.evaluate("document.querySelectorAll('.channel.stale').length") == 1


async def _later(ward: Ward, seconds: int) -> None:
    ward.clock.goes_on(seconds=seconds)
    ward.page.live.poke()


@pytest.mark.slow
def test_a_restart_of_the_server_is_marked_and_the_page_comes_back_by_itself(page: Any, served: Served) -> None:
    served.do(lambda ward: ward.has_order(1))
    scans(page, WRISTBAND)
    shows(page, "patients", "order ORD-1")
    served.stop()
    shows(page, "not-live", "Not live.")
    shows(page, "not-live", "alarms do not reach this page")  # SR-49
    types(page, CONTAINER)
    shows(page, "said", "The server cannot be reached. Look at the pump, then try again.")
    looked_at(page, "not-live")
    served.start()
    served.do(lambda ward: ward.has_order(2))
    shows(page, "patients", "order ORD-2")
    wait_until(page, "document.getElementById('not-live').innerText === ''")
    assert "lost" not in page.get_attribute("#bedside", "class").split()


@pytest.mark.slow
@pytest.mark.requirement("SEC-14")
def test_an_untouched_page_leaves_the_screen_when_the_session_ends(page: Any, served: Served) -> None:
    served.do(lambda ward: ward.has_order(1))
    scans(page, WRISTBAND)
    shows(page, "patients", LONG_NAME)
    served.do(lambda ward: _later(ward, 181))
    page.wait_for_url(f"{served.url}/login?ended=1")
    assert LONG_NAME not in page.content()
    page.go_back()
    page.wait_for_url(f"{served.url}/login**")
    assert LONG_NAME not in page.content()
