"""The panel without its script: plain forms, the same guards as the pump, and nobody else's page presses a key."""

import http.client
import re
from fractions import Fraction
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from pump_sim import keys
from pump_sim.amounts import Amount
from pump_sim.panel.hands import IDLE_S, Badge, CareArea, Hands, Unread, Wristband, read_scan
from pump_sim.panel.words import change, slip
from tests.pump_sim.panel.panel_ward import PanelWard
from tests.pump_sim.ward import NURSE, SECOND, dopamine_offer, heparin_offer, settings

pytest.importorskip("uvicorn")

TEMPLATES = Path(__file__).parents[3] / "pump_sim" / "panel" / "templates"
CAUTION = {"text": "The weight is 4 days old", "action": "Confirm it once"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    ward = PanelWard(tmp_path_factory.mktemp("pages"))
    yield ward
    ward.close()


@pytest.fixture
def ward(served):
    served.anew()
    served.scan = lambda line, pump="PUMP-1": post(served, f"/pumps/{pump}/scan", scan=line)
    return served


def ask(ward, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    where = urlsplit(ward.panel)
    connection = http.client.HTTPConnection(where.netloc, timeout=20)
    try:
        told = {"Content-Type": "application/x-www-form-urlencoded", **{name.replace("_", "-"): text for name, text in headers.items()}}
        connection.request(method, path, body or None, told)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def get(ward, path: str) -> str:
    status, text, _ = ask(ward, "GET", path)
    assert status == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def post(ward, path: str, **form: str) -> str:
    """A form is sent, and the page that follows is read."""
    status, _, headers = ask(ward, "POST", path, urlencode(form))
    assert status == 303
    return get(ward, headers["Location"])


def press(ward, key: str, channel: str = "A", **form: str) -> str:
    return post(ward, "/pumps/PUMP-1/press", key=key, channel=channel, **form)


@pytest.mark.requirement("SR-98")
def test_every_page_is_marked_as_simulated(ward):
    for path in ("/", "/pumps/PUMP-1", "/pumps/PUMP-2"):
        assert "SIMULATED – NOT FOR CLINICAL USE" in get(ward, path)


def test_sr_63_by_forms_alone_a_program_is_reviewed_confirmed_and_started(ward):
    ward.scan(NURSE)
    ward.hear(dopamine_offer("O-FORM"))
    press(ward, "open_offer")
    page = press(ward, "confirm")
    assert "READY TO START".lower() in page.lower()
    assert ward.channel().state == "READY"
    press(ward, "start")
    assert ward.channel().state == "INFUSING"
    assert ward.channel().run.confirmed_by == NURSE


@pytest.mark.requirement("SR-08")
def test_sr_08_all_that_must_be_seen_before_confirming_is_on_the_page(ward):
    ward.scan(NURSE)
    ward.hear(dopamine_offer("O-SEE", cautions=[CAUTION]))
    page = press(ward, "open_offer")
    for words in (
        "Ada Example",
        "MRN-1 (HOSP)",
        "DOPamine",
        "1.6 mg/mL",
        "400 mg / 250 mL",
        "10 ug/kg/min",
        "30 mL/h",
        "250 mL",
        "8 h 20 min",
    ):
        assert words in page
    for words in (
        "Weight from the order 80 kg",
        "Care area ICU",
        "Library WARD 42",
        "Order ORD-7",
        "Requested by N-99",
        "Central line preferred.",
    ):
        assert words in page
    assert CAUTION["text"] in page


def test_a_caution_must_be_marked_as_seen_before_the_values_are_confirmed(ward):
    ward.scan(NURSE)
    ward.hear(dopamine_offer("O-CAUTION", cautions=[CAUTION]))
    press(ward, "open_offer")
    assert "Mark each caution as seen first" in press(ward, "confirm")
    assert ward.channel().state == "REVIEW"
    _, html, _ = ask(ward, "GET", "/pumps/PUMP-1")
    (mark,) = re.findall(r'name="(seen-[0-9a-f]+)"', html)
    press(ward, "confirm", **{mark: "on"})
    assert ward.channel().state == "READY"


def test_without_a_badge_keys_are_locked_with_the_reason_and_pause_is_not(ward):
    ward.running(dopamine_offer("O-NOBODY"))
    post(ward, "/pumps/PUMP-1/press", key="power_off")  # whoever was known is known no more
    post(ward, "/pumps/PUMP-1/press", key="power_on")
    page = get(ward, "/pumps/PUMP-1")
    assert "Nobody is known here" in page
    assert "START channel A Alt S Scan your badge first" in page
    press(ward, "resume")
    assert ward.channel().state == "PAUSED"
    ward.scan(NURSE)
    press(ward, "resume")
    assert ward.channel().state == "INFUSING"
    press(ward, "pause")
    assert ward.channel().state == "PAUSED"


@pytest.mark.requirement("SR-64")
def test_sr_64_a_locked_start_says_why(ward):
    ward.scan(NURSE)
    ward.hear(dopamine_offer("O-LOCKED"))
    press(ward, "open_offer")
    press(ward, "confirm")
    page = press(ward, "open_door")
    assert "START channel A Alt S The door is open" in page
    _, html, _ = ask(ward, "GET", "/pumps/PUMP-1")
    assert re.search(r'<button class="key k-start"[^>]* disabled', html)


@pytest.mark.requirement("D-13", "SR-44")
def test_d_13_the_second_check_is_another_badge_and_not_the_one_at_the_pump(ward):
    ward.scan(NURSE)
    ward.hear(heparin_offer("O-SECOND"))
    press(ward, "open_offer")
    press(ward, "confirm")
    assert "The second check is another person's" in press(ward, "second_check", badge=NURSE)
    assert "Another person must check the values first" in get(ward, "/pumps/PUMP-1")
    press(ward, "second_check", badge=SECOND)
    press(ward, "start")
    assert (ward.channel().state, ward.channel().run.second_check_by) == ("INFUSING", SECOND)


@pytest.mark.requirement("SR-24")
def test_sr_24_a_soft_limit_is_passed_with_a_coded_reason(ward):
    ward.scan(NURSE)
    ward.running(dopamine_offer("O-SOFT"))
    press(ward, "change", name="rate", value="70")
    page = get(ward, "/pumps/PUMP-1")
    assert "is above the soft limit of 20 ug/kg/min: override with a reason, or set another value" in page
    assert ward.channel().run.rate == "30 mL/h"
    press(ward, "override", name="dose rate", reason="titrated-to-effect")
    press(ward, "confirm")
    assert ward.channel().run.rate == "70 mL/h"


@pytest.mark.requirement("SR-66", "D-18")
def test_sr_66_a_change_by_hand_shows_old_and_new_and_a_tenfold_one_in_words(ward):
    ward.scan(NURSE)
    slow = {"dose rate": "2 ug/kg/min", "rate": "6 mL/h", "vtbi": "250 mL", "weight": "80 kg"}
    ward.running(dopamine_offer("O-TEN", settings=settings(slow)))
    page = press(ward, "change", name="rate", value="60")
    assert "runs now 6 mL/h → new 60 mL/h Ten times what runs now: possible decimal slip" in page
    assert ward.channel().run.rate == "6 mL/h"


def test_a_wristband_and_a_care_area_are_scanned(ward):
    assert "Read the wristband and your badge" in ward.scan("4711^^^HOSP|Muster, Maxi", "PUMP-2")
    ward.scan(NURSE)
    page = ward.scan("4711^^^HOSP|Muster, Maxi")
    assert "Patient Muster, Maxi 4711 (HOSP)" in page
    assert "Care area PEDS" in ward.scan("AREA:PEDS")
    assert "The library has no care area 'MOON'" in ward.scan("AREA:MOON")
    ward.scan("AREA:ICU")


@pytest.mark.requirement("SEC-29")
def test_sec_29_a_new_patient_leaves_nobody_known_at_the_pump(ward):
    ward.scan(NURSE)
    page = post(ward, "/pumps/PUMP-1/press", key="new_patient")
    assert "Nobody is known here" in page


@pytest.mark.requirement("SEC-24")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_a_page_of_another_origin_presses_no_key(ward, headers, status):
    before = ward.channel().door_open
    assert ask(ward, "POST", "/pumps/PUMP-1/press", "key=open_door&channel=A", **headers)[0] == status
    assert ward.channel().door_open is before is False


def test_every_answer_carries_a_policy_that_lets_nothing_foreign_in(ward):
    for path in ("/", "/pumps/PUMP-1", "/static/panel.js", "/pumps/NONE"):
        headers = ask(ward, "GET", path)[2]
        assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
    html = ask(ward, "GET", "/pumps/PUMP-1")[1]
    assert not re.search(r'(?:src|href|action)="(?!/|#)', html)
    assert " style=" not in html
    assert "onclick" not in html


def test_what_was_scanned_or_said_is_text_and_never_markup(ward):
    ward.scan(NURSE)
    ward.scan("4711^^^HOSP|<script>alert(1)</script>")
    html = ask(ward, "GET", "/pumps/PUMP-1")[1]
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(("body", "status"), [("x" * 20_000, 413), ("a=%ff", 303), ("&".join(["a=1"] * 200), 400)])
def test_a_form_that_is_none_presses_nothing(ward, body, status):
    assert ask(ward, "POST", "/pumps/PUMP-1/press", body)[0] == status
    assert ward.channel().state == "IDLE"


def test_every_key_of_the_pump_is_on_its_screen():
    """By its name in the templates, or drawn from the pump's own list of keys."""
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html"))
    assert [name for name in keys.KEYS if f'"{name}"' not in text] == []


@pytest.mark.requirement("SR-98")
def test_sr_98_no_fault_is_offered_where_injection_is_off(tmp_path):
    ward = PanelWard(tmp_path, injectable=False)
    try:
        page = get(ward, "/pumps/PUMP-1")
        assert "make a fault" not in page
        assert ask(ward, "POST", "/pumps/PUMP-1/inject", "name=power-loss")[0] == 403
        assert "Fault injection is off" in post(ward, "/pumps/PUMP-1/press", key="occlude", channel="A")
        assert not ward.unit().pump.channels["A"].occluded
    finally:
        ward.close()


# ── the small pure parts ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("N-17", Badge("N-17")),
        ("  N-17\t", Badge("N-17")),
        ("AREA:ICU", CareArea("ICU")),
        ("4711^^^HOSP", Wristband("4711", "HOSP", "")),
        ("4711^^^HOSP|Muster, Maxi", Wristband("4711", "HOSP", "Muster, Maxi")),
    ],
)
def test_a_scan_is_read_by_its_form(line, read):
    assert read_scan(line) == read


@pytest.mark.parametrize("line", ["", "  ", "^^^HOSP", "4711^^^", "4711^HOSP", "4711^^^HOSP^MR", "N 17", "N\x0017", "N" * 65, "x" * 300])
def test_a_scan_that_is_none_is_told(line):
    assert isinstance(read_scan(line), Unread)


def test_a_badge_leaves_by_itself_after_three_minutes_without_a_key():
    at = [0]
    hands = Hands(lambda: at[0])
    hands.read("P", NURSE)
    at[0] += (IDLE_S - 1) * 1_000_000
    hands.touch("P")
    at[0] += (IDLE_S - 1) * 1_000_000
    assert hands.badge("P") == NURSE
    at[0] += 1_000_000
    assert hands.badge("P") == ""
    hands.touch("P")
    assert hands.badge("P") == ""  # a key does not bring back who left


@pytest.mark.requirement("D-18")
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("30", "36", "Up by 20 %"),
        ("36", "30", "Down by about 16.7 %"),
        ("30", "30", "Unchanged"),
        ("30", "300", "Ten times what runs now: possible decimal slip"),
        ("30", "3", "A tenth of what runs now: possible decimal slip"),
        ("3", "300", "A hundred times what runs now: possible decimal slip"),
        ("30", "295", "Ten times what runs now: possible decimal slip"),
        ("30", "90", "Up, 3 times what runs now"),
        ("1000", "1000.1", "Up by about 0.1 %"),
    ],
)
def test_d_18_a_change_is_told_in_words(old, new, words):
    assert change(Amount(Fraction(old), "mL/h"), Amount(Fraction(new), "mL/h"), "what runs now") == words
    assert bool(slip(Amount(Fraction(old), "mL/h"), Amount(Fraction(new), "mL/h"))) == ("slip" in words)


def test_amounts_of_another_measure_are_not_compared():
    assert change(Amount(Fraction(3), "mL/h"), Amount(Fraction(3), "mg"), "what was ordered") == "Not to be compared with what was ordered"
