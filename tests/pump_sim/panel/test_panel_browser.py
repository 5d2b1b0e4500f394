"""The panel in a real browser, by keyboard and scanner alone; live, readable on a phone, a laptop and a wall, nothing cut off, without barriers."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pump_sim.library import Entry, Library, read_library
from pump_sim.models import model
from pump_sim.programme import CannotSet, dose_name, judge, set_value
from pump_sim.state import Programme
from tests.browser import wait_until
from tests.pump_sim.panel.hands import at_the_pump, in_review, opened, programs_by_hand, scan, state
from tests.pump_sim.panel.panel_ward import PanelWard
from tests.pump_sim.ward import NURSE, SECOND, dopamine_offer, heparin_offer, titration_offer

pytest.importorskip("uvicorn")

SCREENS = {"phone": (390, 844), "laptop": (1366, 768), "wall": (1920, 1080)}
CAUTION = {"text": "The weight in the order (80 kg) is 4 days old", "action": "Confirm the weight once"}
LONG_ORDER = "ORD-2026-000000000000000000000000000000000000000000000000001"
LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh, Maximiliane Alexandra Konstantina"

CUT_OFF = """() => [...document.querySelectorAll('body *')].filter((e) => {
  if (e.closest('.unseen, svg, option, select, script, noscript, .skip') || !e.checkVisibility()) return false;
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const hides = style.overflowX !== 'visible' || style.textOverflow === 'ellipsis';
  return box.right > innerWidth + 1 || box.left < -1 || (hides && style.overflowX !== 'auto' && e.scrollWidth > e.clientWidth + 1);
}).map((e) => e.outerHTML.slice(0, 120))"""
BROKEN = """() => [...document.querySelectorAll('#screen .number, #screen .unit, #screen .old, .mids dd')].filter((e) => e.checkVisibility() && (
  e.getClientRects().length !== 1 || e.getBoundingClientRect().right > e.closest('.v, .big, .mids, .typed, .choice').getBoundingClientRect().right + 1))
  .map((e) => e.outerHTML)"""
"""A number over two lines, or over its neighbour."""
SMALL = """() => [...document.querySelectorAll('button, summary, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), select, .choice, .chips a, .back')]
  .filter((e) => e.checkVisibility()).map((e) => [e.getBoundingClientRect(), e.outerHTML.slice(0, 100)])
  .filter(([box]) => box.height < 44 || box.width < 44).map(([box, html]) => `${box.width} x ${box.height}: ${html}`)"""


# ── the nurse's ways ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_63_scan_look_start_by_keyboard_and_scanner_alone(page: Any, ward: PanelWard):
    ward.hear(dopamine_offer("B-START"))
    state(page, "program received")  # it came by itself: nobody reloaded
    scan(page, NURSE)
    page.keyboard.press("Alt+o")
    state(page, "review")
    page.keyboard.press("Alt+s")  # there is no start key yet
    page.keyboard.press("Alt+c")
    state(page, "ready to start")
    assert ward.channel().state == "READY"
    page.keyboard.press("Alt+s")
    state(page, "infusing")
    ward.wait(600)
    page.locator("#A-run .mids", has_text="8 h 09 min").wait_for()
    page.keyboard.press("Alt+p")
    state(page, "paused")


def test_cautions_are_seen_first_and_the_mark_is_a_key_of_its_own(page: Any, ward: PanelWard):
    scan(page, NURSE)
    ward.hear(dopamine_offer("B-CAUTION", cautions=[CAUTION]))
    state(page, "program received")
    page.keyboard.press("Alt+o")
    state(page, "review")
    page.keyboard.press("Alt+c")  # the browser goes to what is not marked
    wait_until(page, "document.activeElement.type === 'checkbox'")
    assert ward.channel().state == "REVIEW"
    page.keyboard.press("Space")
    ward.wait(1)
    assert page.evaluate("document.querySelector('.cautions input').checked")  # a screen that moves on keeps the mark
    page.keyboard.press("Alt+c")
    state(page, "ready to start")


def test_sr_66_a_titration_by_hand_is_two_deliberate_steps(page: Any, ward: PanelWard):
    ward.running(dopamine_offer("B-CHANGE"))
    state(page, "infusing")
    scan(page, NURSE)
    page.keyboard.press("Alt+t")
    wait_until(page, "document.activeElement.id === 'A-change-dose-rate-value'")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("3", delay=60)
    ward.wait(1)  # the screen is drawn anew meanwhile
    page.keyboard.type("6", delay=60)
    page.keyboard.press("Enter")
    page.locator("#A-program", has_text="Up by 20 %").wait_for()
    assert ward.channel().run.rate == "30 mL/h"
    page.keyboard.press("Alt+c")
    page.locator("#A-run .rate", has_text="36").wait_for()
    assert ward.channel().run.rate == "36 mL/h"


def test_a_badge_that_is_scanned_into_a_dose_is_read_as_a_badge(page: Any, ward: PanelWard):
    ward.running(dopamine_offer("B-INTO"))
    state(page, "infusing")
    scan(page, NURSE)
    page.keyboard.press("Alt+t")
    wait_until(page, "document.activeElement.id === 'A-change-dose-rate-value'")
    page.evaluate("performance.now = () => 1000")  # a scanner types at once, however slow this machine is
    page.keyboard.type("4711\n")
    page.get_by_text("At the pump: 4711").wait_for()
    assert ward.channel().change is None


def test_a_scan_while_a_key_has_the_focus_never_presses_it(page: Any, ward: PanelWard):
    ward.hear(dopamine_offer("B-FOCUS"))
    scan(page, NURSE)
    page.keyboard.press("Alt+o")
    state(page, "review")
    page.locator("#A-confirm-key").focus()
    page.keyboard.type(f"{SECOND}\n")
    page.get_by_text(f"At the pump: {SECOND}").wait_for()
    assert ward.channel().state == "REVIEW"


def test_d_13_the_second_person_scans_into_the_box_that_asks_for_them(page: Any, ward: PanelWard):
    in_review(page, ward, heparin_offer("B-SECOND"))
    page.keyboard.press("Alt+c")
    state(page, "ready to start")
    page.get_by_text("Another person must check the values first").wait_for()
    page.keyboard.press("Alt+s")
    page.keyboard.press("Alt+k")
    wait_until(page, "document.activeElement.id === 'A-second_check-badge'")
    page.keyboard.type(f"{SECOND}\n")
    page.locator("#A-program", has_text=f"by {SECOND}").wait_for()
    page.keyboard.press("Alt+s")
    state(page, "infusing")
    assert ward.channel().run.second_check_by == SECOND


def test_a_program_by_hand_with_the_librarys_choice_by_keyboard(page: Any, ward: PanelWard):
    programs_by_hand(page)
    assert ward.channel("B").program.tallman == "sodium chloride 0.9 %"
    for name, value in (("rate", "100"), ("vtbi", "500")):
        page.locator(f"#B-enter-{name}-value").focus()
        page.keyboard.type(value, delay=60)
        page.keyboard.press("Enter")
        page.locator(f"#B-v-{name}", has_text=value).wait_for()
    for key, words in (("w", "review"), ("c", "ready to start"), ("s", "infusing")):
        page.keyboard.press(f"Alt+{key}")
        state(page, words, "B")
    assert ward.channel().state == "IDLE"  # SR-70: the other one is as it was


@pytest.mark.requirement("SR-45")
def test_a_screen_that_is_not_live_says_so(browser: Any, tmp_path):
    ward = PanelWard(tmp_path)
    context = browser.new_context()
    page = context.new_page()
    try:
        at_the_pump(page, ward)
        assert page.locator("#stale").is_hidden()
    finally:
        ward.close()
    page.locator("#stale").wait_for(state="visible", timeout=15_000)
    assert "This screen is not live" in page.locator("#stale").inner_text()
    context.close()


# ── what it looks like ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def looked_at(page: Any, name: str, violations_of: Callable[[Any], list[str]], screens: tuple[str, ...] = tuple(SCREENS)) -> None:
    folder = os.environ.get("PUMP_SIM_SCREENSHOTS")
    for screen in screens:
        width, height = SCREENS[screen]
        page.set_viewport_size({"width": width, "height": height})
        if folder:
            page.screenshot(path=f"{folder}/{name}-{screen}.png", full_page=True)
        assert page.evaluate(CUT_OFF) == [], (name, screen)
        assert page.evaluate(BROKEN) == [], (name, screen)
        assert page.evaluate(SMALL) == [], (name, screen)
    assert violations_of(page) == [], name


def everything(page: Any, ward: PanelWard) -> Iterator[str]:
    """Every state of a screen, one after the other, by its name."""
    at_the_pump(page, ward)
    yield "nobody"
    scan(page, NURSE)
    yield "idle"
    page.keyboard.press("Alt+g")
    yield "choosing"
    page.keyboard.press("Escape")
    ward.hear(dopamine_offer("E-1", cautions=[CAUTION, {"text": "Second caution", "action": ""}]))
    state(page, "program received")
    yield "pending"
    assert ward.press("open_offer", channel="A", badge=NURSE) == ""
    state(page, "review")
    yield "review"
    page.locator("#A-edit-key").click()
    yield "editing"
    assert ward.press("edit", channel="A", badge=NURSE, name="vtbi", value="25") == ""
    page.locator("#A-v-vtbi.slip").wait_for()
    yield "edited-tenfold"
    assert ward.press("confirm", channel="A", badge=NURSE) == ""
    assert ward.press("open_door", channel="A") == ""
    page.locator("#A-start-why").wait_for()
    yield "locked"
    page.locator("#A-line summary").click()
    page.locator("#whole summary").click()
    yield "hands-and-whole"
    page.locator("#A-line summary").click()
    page.locator("#whole summary").click()
    assert ward.press("close_door", channel="A") == ""
    assert ward.press("start", channel="A", badge=NURSE) == ""
    ward.hear(heparin_offer("E-2", channel_id="B"))
    assert ward.press("open_offer", channel="B", badge=NURSE) == ""
    state(page, "infusing")
    yield "infusing-and-second-check"
    ward.hear(titration_offer(Running(ward), "E-3", rate="36", dose="12"))  # type: ignore[arg-type]
    assert ward.press("open_offer", channel="A", badge=NURSE) == ""
    page.locator("#A-program.change").wait_for()
    yield "titration"
    assert ward.press("reject", channel="A", badge=NURSE) == ""
    assert ward.press("reject", channel="B", badge=NURSE) == ""
    assert ward.press("change", channel="A", badge=NURSE, name="rate", value="70") == ""
    page.locator("#A-override-key").click()
    yield "soft-limit"
    assert ward.press("cancel", channel="A") == ""
    assert ward.press("occlude", channel="A") == ""
    ward.wait(1800)
    page.locator("#A .alarm.high").wait_for()
    yield "alarm-high"
    assert ward.press("silence", channel="A") == ""
    assert ward.press("release_occlusion", channel="A") == ""
    assert ward.press("resume", channel="A", badge=NURSE) == ""
    assert ward.press("unplug") == ""
    ward.disconnect()
    page.get_by_text("Network lost.").wait_for()
    yield "battery-and-network-lost"
    assert ward.press("plug") == ""
    ward.connect()
    ward.wait(3600)
    state(page, "keeping the vein open")
    yield "kvo"
    assert ward.press("pause", channel="A") == ""
    ward.wait(150)
    page.get_by_text("Paused for more than 2 minutes").wait_for()
    yield "call-back"
    assert ward.press("program", channel="B", badge=NURSE, entry_key="DOP") == ""
    assert ward.press("enter", channel="B", name="weight", value="80") == ""
    assert ward.press("enter", channel="B", name="rate", value="31") == ""
    state(page, "programming", "B")
    yield "programming"
    ward.wait(70)
    page.get_by_text("Programming is not finished").first.wait_for()
    yield "unfinished"
    ward.on_loop(lambda: ward.unit().load_library(None, "damaged: its sha256 does not match"))
    page.get_by_text("No drug library.").wait_for()
    yield "library-damaged"
    ward.on_loop(lambda: ward.unit().load_library(ward.fleet.setup.library))
    assert ward.press("internal_fault", channel="B", what="motor") == ""
    state(page, "fault", "B")
    yield "fault"
    assert ward.press("power_off") == ""
    page.get_by_text("This pump is off.").wait_for()
    yield "off"
    assert ward.press("power_on") == ""
    state(page, "paused")
    yield "kept-over-power-loss"


class Running:
    """For ``titration_offer``: what runs on a channel."""

    def __init__(self, ward: PanelWard) -> None:
        self._ward = ward

    def channel(self, channel_id: str) -> Any:
        return self._ward.unit().pump.channels[channel_id]


@pytest.mark.slow
@pytest.mark.requirement("SR-08")
def test_no_barriers_and_nothing_cut_off_in_every_state_on_every_screen(browser: Any, tmp_path, violations_of: Any):
    ward = PanelWard(tmp_path)
    try:
        ward.connect()
        pages = opened(browser, ward)
        page = next(pages)
        seen = []
        for name in everything(page, ward):
            looked_at(page, name, violations_of)
            seen.append(name)
        page.goto(ward.panel)
        page.get_by_role("link", name="PUMP-2").wait_for()
        looked_at(page, "all-pumps", violations_of)
        assert len(seen) > 20
        assert next(pages, None) is None
    finally:
        ward.close()


@pytest.mark.requirement("SR-08")
def test_sr_08_running_and_reviewed_side_by_side_on_every_screen(page: Any, ward: PanelWard, violations_of: Any):
    ward.running(dopamine_offer("L-1"))
    ward.hear(heparin_offer("L-2", channel_id="B", order=LONG_ORDER, cautions=[CAUTION], patient={**PATIENT_LONG}))
    assert ward.channel("B").state == "PENDING_REMOTE"
    assert ward.press("open_offer", channel="B", badge=NURSE) == ""
    state(page, "review", "B")
    looked_at(page, "side-by-side", violations_of)
    text = page.locator("#B").inner_text()
    assert LONG_ORDER in text
    assert LONG_NAME in text


PATIENT_LONG = {"id": "MRN-1", "authority": "HOSP", "name": LONG_NAME}


# ── the demo library ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def demo_library() -> Library:
    from interop.site.load import load_site
    from interop.site.places import demo_site
    from interop.wire.link.library import library_document

    release = load_site(demo_site()).release
    assert release is not None
    return read_library(library_document(release.library, release.care_areas.values()))


def an_offer_of(entry: Entry, lib: Library, pump_model: str, offer_id: str) -> dict[str, Any] | None:
    """Within its hard limits, with the longest names a person may meet; None: this pump cannot run it."""
    from pump_sim.amounts import Amount

    pump = model(pump_model)
    programme = Programme(entry=entry, concentration=entry.concentration)
    if entry.concentration is None and not entry.is_fluid:
        return None  # of any strength: made by hand
    try:
        weight = entry.min_weight.to("kg").value if entry.min_weight is not None else 80
        if entry.per_body == "kg":
            set_value(programme, "weight", Amount(weight * 1, "kg"), pump)
        if entry.per_body == "m2":
            set_value(programme, "body surface area", Amount.read("1.8", "m2"), pump)
        if dose_name(entry) != "rate":
            limit = entry.limits.soft_high or entry.limits.hard_high or entry.limits.soft_low
            if limit is None:
                return None
            set_value(programme, dose_name(entry), limit, pump)
            if dose_name(entry) == "dose":
                set_value(programme, "duration", Amount.read("60", "min"), pump)
        else:
            limit = entry.limits.soft_high or entry.limits.hard_high
            set_value(programme, "rate", limit or Amount.read("25", "mL/h"), pump)
        if "vtbi" not in programme.settings and pump.needs_vtbi:
            set_value(programme, "vtbi", Amount.read("20", "mL"), pump)
    except (CannotSet, ValueError):
        return None
    if judge(programme, pump).hard:
        return None
    told = [{"name": name, "set": {"value": value.digits, "unit": value.unit}} for name, value in programme.settings.items()]
    offer = dopamine_offer(
        offer_id, settings=told, order=f"{LONG_ORDER}-{offer_id}", requested_by="Featherstonehaugh", cautions=[CAUTION], container=None
    )
    strength = {"value": entry.concentration.digits, "unit": entry.concentration.unit} if entry.concentration is not None else None
    offer |= {"library": {"id": lib.ref.id, "version": lib.ref.version, "hash": lib.ref.hash}, "patient": PATIENT_LONG}
    offer |= {"entry_key": entry.key, "drug": entry.drug, "tallman": entry.tallman, "therapy": entry.therapy, "care_area": entry.care_area}
    return offer | {"concentration": strength, "second_check": entry.second_check}


def shown_whole(browser: Any, lib: Library, folder: Any, most: int | None, violations_of: Any) -> int:
    """Each entry offered and opened on the pump it is for; how many were."""
    ward = PanelWard(folder, lib)
    pages = opened(browser, ward)
    try:
        page = next(pages)
        for pump_id in ("PUMP-1", "PUMP-2"):
            ward.connect(pump_id)
        by_length = sorted(lib.entries.values(), key=lambda entry: -len(entry.tallman + entry.therapy + entry.advisory))
        count = 0
        for entry in by_length:
            pump_id = {"LVP": "PUMP-1", "SYRINGE": "PUMP-2"}.get(entry.mode, "")
            offer = an_offer_of(entry, lib, "demo-lvp" if pump_id == "PUMP-1" else "demo-syringe", f"W-{count}") if pump_id else None
            if offer is None or count == most:
                continue
            assert ward.press("set_care_area", pump_id, care_area=entry.care_area) == ""
            ward.hear(offer, pump_id)
            channel = ward.channel("A", pump_id)
            if channel.state != "PENDING_REMOTE":
                continue  # the pump has its own reasons, and shows nothing of it
            assert ward.press("open_offer", pump_id, channel="A", badge=NURSE) == ""
            if not page.url.endswith(pump_id):
                at_the_pump(page, ward, pump_id)
            page.locator("#A-program .facts", has_text=offer["order"]).wait_for()
            page.locator("#A-program .drug", has_text=entry.tallman).wait_for()
            text = " ".join(page.locator("#A").inner_text().split())
            wanted = [entry.tallman, entry.therapy, LONG_NAME, offer["order"], entry.advisory, str(entry.concentration or "")]
            wanted += [value.text for value in ward.channel("A", pump_id).program.values if value.name != "duration"]
            assert [words for words in wanted if " ".join(words.split()) not in text] == [], entry.key
            assert (
                page.evaluate("getComputedStyle(document.querySelector('#A-program .drug')).textTransform") == "none"
            )  # tall man as it is
            looked_at(page, f"entry-{entry.key}", violations_of if count < 3 else lambda _: [], ("phone", "wall"))
            assert ward.press("reject", pump_id, channel="A", badge=NURSE) == ""
            count += 1
        page.set_viewport_size({"width": 390, "height": 844})
        scan(page, NURSE)
        page.keyboard.press("Alt+g")
        page.locator("#A-program-list").wait_for()
        assert page.evaluate(CUT_OFF) == []
    finally:
        ward.close()
    return count


@pytest.mark.requirement("SR-08")
def test_sr_08_the_longest_names_of_the_demo_library_are_shown_whole(browser: Any, demo_library: Library, tmp_path, violations_of: Any):
    assert shown_whole(browser, demo_library, tmp_path, 3, violations_of) == 3


@pytest.mark.slow
@pytest.mark.requirement("SR-08")
def test_sr_08_every_entry_of_the_demo_library_is_shown_whole(browser: Any, demo_library: Library, tmp_path, violations_of: Any):
    assert shown_whole(browser, demo_library, tmp_path, None, violations_of) > 50
