"""The panel when answers come late or not at all: the page hears what it did by its events first, and the person has gone on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import wait_until
from tests.pump_sim.panel.hands import at_the_pump, in_review, programs_by_hand, scan, state, typed
from tests.pump_sim.panel.panel_ward import PanelWard
from tests.pump_sim.ward import NURSE, SECOND, dopamine_offer

pytest.importorskip("uvicorn")


def answers_late(page: Any, path: str) -> Callable[[], None]:
    """The server does what it is asked at ``path``; what is returned lets its answers go, and is back when the page has taken them."""
    held: list[tuple[Any, Any]] = []
    page.route(f"**{path}", lambda route: held.append((route, route.fetch())))

    def go() -> None:
        while not held:
            page.wait_for_timeout(10)
        for route, answer in held:
            route.fulfill(response=answer)
        page.unroute(f"**{path}")
        wait_until(page, "!document.body.classList.contains('waits')")

    return go


def test_a_late_answer_takes_no_dose_out_of_the_hands_that_type_it(page: Any, ward: PanelWard):
    ward.running(dopamine_offer("B-LATE"))
    state(page, "infusing")
    let_go = answers_late(page, "/scan")
    scan(page, NURSE)
    page.keyboard.press("Alt+t")
    page.locator("#A-change-rate-value").focus()
    page.keyboard.type("3", delay=60)
    let_go()
    page.keyboard.type("6", delay=60)
    assert (typed(page, "A-change-rate-value"), typed(page, "scan")) == ("36", "")
    page.keyboard.press("Enter")
    page.locator("#A-program", has_text="Up by 20 %").wait_for()


def test_a_badge_that_is_half_scanned_when_the_one_before_is_answered_stays_whole(page: Any, ward: PanelWard):
    let_go = answers_late(page, "/scan")
    scan(page, NURSE)
    page.keyboard.type(SECOND[:3])
    let_go()
    assert typed(page, "scan") == SECOND[:3]
    page.keyboard.type(f"{SECOND[3:]}\n")
    page.get_by_text(f"At the pump: {SECOND}").wait_for()


def test_a_value_that_is_typed_anew_in_its_own_field_stays_whole_there(page: Any, ward: PanelWard):
    programs_by_hand(page)
    let_go = answers_late(page, "/press")
    page.locator("#B-enter-rate-value").focus()
    page.keyboard.type("10", delay=60)
    page.keyboard.press("Enter")
    page.locator("#B-v-rate", has_text="10").wait_for()
    page.keyboard.press("Control+a")
    page.keyboard.type("1", delay=60)
    let_go()
    page.keyboard.type("20", delay=60)
    assert typed(page, "B-enter-rate-value") == "120"
    page.keyboard.press("Enter")
    page.locator("#B-v-rate", has_text="120").wait_for()
    wait_until(page, "document.activeElement.id === 'B-enter-vtbi-value'")  # who waits is taken to what is missing


def test_a_form_stays_open_under_the_hands_that_have_gone_on_in_it(page: Any, ward: PanelWard):
    in_review(page, ward, dopamine_offer("B-OPEN"))
    page.locator("#A-edit-key").click()
    let_go = answers_late(page, "/press")
    page.locator("#A-edit-rate-value").focus()
    page.keyboard.type("31", delay=60)
    page.keyboard.press("Enter")
    page.locator("#A-v-rate", has_text="31").wait_for()
    page.locator("#A-edit-vtbi-value").focus()
    page.keyboard.type("2", delay=60)
    let_go()
    page.keyboard.type("5", delay=60)
    assert (typed(page, "A-edit-vtbi-value"), typed(page, "scan")) == ("25", "")


def test_a_badge_scanned_into_a_dose_that_is_answered_late_leaves_the_dose_alone(page: Any, ward: PanelWard):
    ward.running(dopamine_offer("B-INTO-LATE"))
    state(page, "infusing")
    page.keyboard.press("Alt+t")
    page.locator("#A-change-rate-value").focus()
    let_go = answers_late(page, "/scan")
    page.evaluate("window.now = performance.now.bind(performance); performance.now = () => 1000")
    page.keyboard.type("4711\n")
    page.get_by_text("At the pump: 4711").wait_for()
    page.evaluate("performance.now = window.now")
    page.keyboard.type("3", delay=60)
    let_go()
    page.keyboard.type("6", delay=60)
    assert (typed(page, "A-change-rate-value"), typed(page, "scan")) == ("36", "")


@pytest.mark.requirement("SR-45")
def test_a_screen_that_comes_late_never_covers_a_newer_one(page: Any, ward: PanelWard):
    scan(page, NURSE)
    ward.hear(dopamine_offer("B-OLD"))
    state(page, "program received")
    for key, words in (("o", "review"), ("c", "ready to start")):
        page.keyboard.press(f"Alt+{key}")
        state(page, words)
    let_go = answers_late(page, "/scan")
    scan(page, SECOND)
    assert ward.press("start", channel="A", badge=NURSE) == ""
    state(page, "infusing")
    page.evaluate(
        "window.states = []; new MutationObserver(() => states.push(document.querySelector('#A .head .state').textContent))"
        ".observe(document.getElementById('screen'), { subtree: true, childList: true, characterData: true })"
    )
    let_go()
    assert not [each for each in page.evaluate("states") if "infusing" not in each.lower()]


def test_a_scan_that_did_not_arrive_is_told_until_one_does(browser: Any, ward: PanelWard):
    page = browser.new_context().new_page()
    at_the_pump(page, ward)
    scan(page, NURSE)
    page.route("**/scan", lambda route: route.abort())
    page.keyboard.type(f"{SECOND}\n")
    page.get_by_text("Not read. Scan it again.").wait_for()
    assert typed(page, "scan") == ""
    page.unroute("**/scan")
    ward.wait(5)  # the screen lives on meanwhile
    assert page.get_by_text("Not read. Scan it again.").is_visible()
    scan(page, SECOND)
    page.get_by_text("Not read. Scan it again.").wait_for(state="hidden")
    page.context.close()


def test_a_press_goes_at_once_whatever_hangs_and_a_value_that_waited_for_another_is_not_sent_late(browser: Any, ward: PanelWard):
    page = browser.new_context().new_page()
    at_the_pump(page, ward)
    programs_by_hand(page)
    held: list[Any] = []
    page.route("**/press", lambda route: held.append(route) if "value=10" in route.request.post_data else route.continue_())
    page.locator("#B-enter-rate-value").focus()
    page.keyboard.type("10", delay=60)
    page.keyboard.press("Enter")
    while not held:
        page.wait_for_timeout(10)
    page.keyboard.press("Control+a")
    page.keyboard.type("20", delay=60)
    page.keyboard.press("Enter")
    page.evaluate("window.began = performance.now()")
    ward.hear(dopamine_offer("B-ONCE"))
    state(page, "program received")
    page.keyboard.press("Alt+1")
    page.keyboard.press("Alt+o")
    state(page, "review")
    wait_until(page, "performance.now() - began > 1100")
    held[0].abort()
    page.get_by_text("The value was not sent. Look at the pump, then enter it again.").wait_for()
    assert page.locator("#B-v-rate").count() == 0  # nothing is set
    page.context.close()


def test_a_press_of_which_nothing_is_known_is_told_and_a_scan_does_not_wipe_it_away(browser: Any, ward: PanelWard):
    ward.hear(dopamine_offer("B-LOST"))
    page = browser.new_context().new_page()
    at_the_pump(page, ward)
    scan(page, NURSE)
    page.route("**/press", lambda route: route.abort())
    page.keyboard.press("Alt+o")
    unknown = page.get_by_text("It is not known whether this was done. Look at the pump, then press again.")
    unknown.wait_for()
    assert ward.channel().state == "PENDING_REMOTE"
    page.unroute("**/press")
    scan(page, SECOND)
    assert unknown.is_visible()
    page.keyboard.press("Alt+o")
    state(page, "review")
    unknown.wait_for(state="hidden")
    page.context.close()


def test_the_rest_of_a_dose_whose_field_is_gone_is_no_badge(page: Any, ward: PanelWard):
    ward.running(dopamine_offer("B-GONE"))
    state(page, "infusing")
    scan(page, NURSE)
    page.keyboard.press("Alt+t")
    page.locator("#A-change-rate-value").focus()
    page.keyboard.type("3", delay=60)
    assert ward.press("pause", channel="A") == ""
    page.locator("#A-change-rate-value").wait_for(state="detached")
    page.keyboard.type("6\n")
    page.get_by_text("Not read. Scan it again.").wait_for()
    assert typed(page, "scan") == ""
    assert page.get_by_text(f"At the pump: {NURSE}").is_visible()
