"""The scan box: three labels in any order, and what is said of each; the outcome as it stands, with every reason, what to do and whose move it is."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from interop.conduct.labels import Kind, read_label
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from tests.bedside.ward import CHANNEL, CONTAINER, LONG_NAME, WRISTBAND, Browser, Ward
from tests.conduct.pump import ml, ml_per_h

Story = Callable[[Ward, Browser], Awaitable[None]]


def told(story: Story, user: str = "nurse7") -> None:
    """On a ward with one pump and one order of dopamine, a nurse is logged in."""

    async def whole() -> None:
        ward = await Ward.open()
        try:
            await ward.has_order(1)
            async with ward.browser(user) as browser:
                await story(ward, browser)
        finally:
            await ward.close()

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("4711001^DEMO", Kind.WRISTBAND),
        (" 4711001^DEMO \r", Kind.WRISTBAND),
        ("4711001^", Kind.WRISTBAND),
        ("ORD-1|LOC-00501", Kind.CONTAINER),
        ("ORD-1|7512|http://www.nlm.nih.gov/research/umls/rxnorm", Kind.CONTAINER),
        ("LVP-0001/A", Kind.CHANNEL),
        ("4711001", Kind.BARE),
        ("", Kind.UNREADABLE),
        ("^DEMO", Kind.UNREADABLE),
        ("1^2^3", Kind.UNREADABLE),
        ("ORD-1|", Kind.UNREADABLE),
        ("|LOC-00501", Kind.UNREADABLE),
        ("LVP-0001/", Kind.UNREADABLE),
        ("A/B/C", Kind.UNREADABLE),
        ("4711\x00", Kind.UNREADABLE),
        ("9" * 257, Kind.UNREADABLE),
    ],
)
def test_d_11_labels_are_told_apart_by_their_marks(text: str, kind: Kind) -> None:
    assert read_label(text).kind is kind


@pytest.mark.parametrize("labels", list(itertools.permutations([WRISTBAND, CONTAINER, CHANNEL])))
def test_d_06_d_11_the_third_scan_asks_in_whatever_order_they_come(labels: tuple[str, ...]) -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(*labels[:2])
        assert ward.pump.offers == []
        assert "Now scan the " in browser.part("scan-box")
        await browser.scans(labels[2])
        assert "Checking the order" in browser.part("now")
        await ward.settled()
        (offer,) = ward.pump.offers
        assert (offer.patient, offer.placer_order_number, offer.requested_by) == (PatientId("4711001", "DEMO"), "ORD-1", "nurse7")
        await browser.looks()
        assert "Waiting on LVP-0001 channel A" in browser.part("now")
        assert "At the pump: confirm, then press start." in browser.part("now")

    told(story)


def test_two_actions_after_the_scan_are_all_that_is_needed() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await browser.looks()
        assert "Waiting on LVP-0001 channel A" in browser.part("patients")
        await ward.pump.confirms(ward.offer_id, by="nurse7")
        await ward.pump.tells_status()
        await browser.looks()
        assert "Confirmed by nurse7" in browser.part("patients")
        assert "Confirmed by nurse7" in browser.part("now")
        assert "Press start on LVP-0001 channel A." in browser.part("now")
        await ward.pump.starts(ward.offer_id, by="nurse7")
        await browser.looks()
        assert "Running at 30 mL/h" in browser.part("now")

    told(story)


def test_sr_08_the_top_of_the_page_says_all_that_the_pump_will_ask_to_confirm() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await browser.looks()
        now = browser.part("now")
        values = ("10 ug/kg/min", "30 mL/h", "1.6 mg/mL", "VTBI 250 mL", "Weight 80 kg", "Care area ICU", "Library 1.0.0", "DOPamine")
        assert [value for value in (LONG_NAME, "4711001 (DEMO)", "order ORD-1", *values) if value not in now] == []
        assert "simulated" in now

    told(story)


def test_a_tenfold_slip_is_refused_with_its_sentence_what_to_do_and_whose_move() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await ward.has_order(2, dose_rate="100")
        await browser.scans(WRISTBAND, "ORD-2|LOC-00501", CHANNEL)
        await ward.settled()
        await browser.looks()
        now = browser.part("now")
        assert "Refused: nothing is on the pump" in now
        assert "Dose rate 100 ug/kg/min is above the hard limit 30 ug/kg/min of DOPamine in ICU." in now
        assert "What to do Check the order: the drug library forbids this value." in now
        assert "Whose move prescriber 9024" in now
        assert ward.pump.offers == []

    told(story)


def test_every_reason_is_listed_gravest_first() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        ward.pump.states["A"] = said.ChannelReport("A", ward.pump.states["A"].mode, ChannelState.IDLE, "", set_installed=False)
        await ward.pump.tells_status()
        await ward.has_order(2, dose_rate="100")
        await browser.scans("4711002^DEMO", "ORD-2|LOC-00501", CHANNEL)
        await ward.settled()
        await browser.looks()
        now = browser.part("now")
        codes = [code for code in ("9012", "9016.not-associated", "9029", "9028") if code in now]
        assert len(codes) >= 3
        assert codes[0] == "9012"
        assert now.index("9012") < now.index("9029")

    told(story)


def test_d_03_readiness_names_what_it_supposes() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await ward.has_order(2, dose_rate="100")
        await browser.scans(WRISTBAND)
        for _ in range(100):
            await browser.looks()
            if "Working out" not in browser.part("patients"):
                break
            await asyncio.sleep(0.02)
        patients = browser.part("patients")
        assert "✓ Ready if ICU, LVP, library 1.0.0" in patients
        assert "✕ Not ready if ICU, LVP, library 1.0.0 Dose rate 100 ug/kg/min is above the hard limit" in patients
        assert "What this supposes" in patients
        assert "an idle LVP channel of a Demo LVP" in patients

    told(story)


def test_a_wristband_without_an_authority_is_the_sites_only_one() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans("4711001")
        assert f"Wristband 4711001 · DEMO {LONG_NAME}" in browser.part("scan-box")

    told(story)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("0047110815", "No patient, container or pump with this label is known here."),
        ("LVP-0001", "LVP-0001 has several channels. Scan the channel's own label."),
        ("ORD-9|LOC-00501", "No stored order ORD-9 is here."),
        ("LVP-0404/A", "No channel LVP-0404/A has ever reported here."),
        ("LVP-0001/C", "No channel LVP-0001/C has ever reported here."),
        ("A/B/C", "This label cannot be read. Scan it again."),
    ],
)
def test_a_label_that_leads_nowhere_is_told_at_once_and_not_kept(label: str, sentence: str) -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(label)
        box = browser.part("scan-box")
        assert sentence in box
        assert box.count("○") == 3

    told(story)


def test_another_wristband_starts_anew_so_that_no_channel_of_the_last_bed_is_left() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await ward.has_order(2, patient="4711002", name="Bo Ek")
        await browser.scans(WRISTBAND, CHANNEL, "4711002^DEMO", "ORD-2|LOC-00501")
        assert "Now scan the channel." in browser.part("scan-box")
        assert ward.pump.offers == []

    told(story)


def test_scans_older_than_two_minutes_are_let_go() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CHANNEL)
        ward.clock.goes_on(seconds=121)
        await browser.scans(CONTAINER)
        assert "over 2 minutes old: scan all three again" in browser.part("scan-box")
        assert ward.pump.offers == []

    told(story)


def test_d_11_what_runs_without_an_order_is_tied_to_it_after_one_question_and_untied_again() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        strength = Quantity.of("1.6", "mg/mL")
        by_hand = said.Run("R9", drug="dopamine", concentration=strength, rate=ml_per_h("30"), set_rate=ml_per_h("30"), delivered=ml("0"))
        await ward.pump.runs_now("A", by_hand)
        await browser.looks()
        assert "Running without an order LVP-0001 channel A" in " ".join(browser.part("nobodys").replace("Channels ", "").split())
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        assert "runs dopamine at 30 mL/h, and nobody's order is known for it. Is it this order?" in browser.part("scan-box")
        await browser.submits("/bedside/associate")
        assert browser.status == 200
        assert ward.pump.offers == []
        assert "Order ORD-1" in browser.part("patients")
        await browser.submits("/bedside/dissociate")
        assert "Nobody's order is known for it." in browser.part("nobodys")
        assert ward.pump.states["A"].state is ChannelState.INFUSING

    told(story)


def test_d_11_what_runs_and_is_another_drug_is_not_tied() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        by_hand = said.Run("R9", drug="propofol", rate=ml_per_h("30"), set_rate=ml_per_h("30"), delivered=ml("0"))
        await ward.pump.runs_now("A", by_hand)
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await browser.submits("/bedside/associate")
        assert browser.status == 409
        assert "The channel runs propofol, the order is for dopamine." in browser.shown

    told(story)


def test_d_12_one_wristband_and_channel_lift_the_doubt() -> None:
    from interop.conduct.bedside import Adt, PatientFact

    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await ward.pump.confirms(ward.offer_id)
        await ward.pump.starts(ward.offer_id)
        bedside = ward.hospital.conduct.bedside
        assert bedside is not None
        await bedside.patient_fact(PatientFact("ADT1", PatientId("4711001", "DEMO"), Adt.TRANSFER))
        await browser.looks()
        assert "In doubt: transfer." in browser.part("patients")
        assert "Confirm at the bedside whose it is." in browser.part("alerts")
        await browser.scans(CHANNEL, WRISTBAND)
        assert "LVP-0001 channel A is in doubt (transfer). Is it still this patient's?" in browser.part("scan-box")
        await browser.submits("/bedside/confirm-patient")
        assert "In doubt" not in browser.part("patients")

    told(story)


async def uncertain(ward: Ward, browser: Browser) -> None:
    """The offer left, and the pump never answered."""
    from interop.conduct.settling import AnswerDue

    ward.pump.loses = lambda frame: "silently"
    await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
    await ward.hospital.settled()
    ((key, _),) = await ward.hospital.record.projections("open-programme", "", 5)
    pumps = ward.hospital.conduct.pumps
    assert pumps is not None
    await pumps.offers.settle(key.rpartition("/")[2], AnswerDue(30), None)


def test_d_10_what_a_named_clinician_saw_closes_an_uncertain_offer_as_unknown() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await uncertain(ward, browser)
        await browser.looks()
        assert "Nobody knows whether LVP-0001 channel A has it" in browser.part("now")
        assert "Look at LVP-0001 channel A now, and say what you see." in browser.part("now")
        assert "Ready" not in browser.part("patients")
        await browser.submits("/bedside/attest")
        assert (browser.status, "choose one of the three" in browser.shown) == (409, True)
        await browser.submits("/bedside/attest", saw="nothing", words="the screen is empty")
        assert "Closed as unknown: nurse7 saw nothing of it" in browser.part("now")

    told(story)


def test_an_offer_is_taken_back_and_an_alert_is_looked_at() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await browser.looks()
        await browser.submits("/bedside/recall")
        await ward.settled()
        await browser.looks()
        assert "Taken back before it ran" in browser.part("now")
        await ward.pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
        await browser.looks()
        assert "does not fit what is known here" in browser.part("alerts")
        await browser.submits("/bedside/seen")
        assert browser.part("alerts") == ""
        assert await ward.hospital.alerts() == []

    told(story)


def test_an_alert_that_comes_again_says_how_often_since_when_and_when_last() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        async def puzzles() -> str:
            await ward.pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
            await browser.logs_in("nurse7")
            await browser.looks()
            return browser.part("alerts")

        once = await puzzles()
        assert "08:00:0" in once
        assert "times" not in once
        assert "since" not in once
        for minutes, says in ((12, "2 times since 08:00, last 08:12"), (28, "3 times since 08:00, last 08:40")):
            ward.clock.goes_on(minutes=minutes)
            assert says in await puzzles()
        ward.clock.goes_on(days=1, minutes=-10)
        assert "4 times since 2026-03-02 08:00, last 08:30" in await puzzles()
        ward.clock.goes_on(days=1)
        await browser.logs_in("nurse7")
        await browser.looks()
        assert "4 times since 2026-03-02 08:00, last 2026-03-03 08:30" in browser.part("alerts")
        await browser.submits("/bedside/seen")
        assert "times" not in await puzzles()

    told(story)


def test_sr_38_an_order_that_has_ended_and_still_runs_is_marked() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await ward.pump.confirms(ward.offer_id)
        await ward.pump.starts(ward.offer_id)
        await ward.has_order(1, status="stopped")
        await ward.settled()
        await browser.looks()
        assert "The order has ended (stopped), and the pump still runs it." in browser.part("patients")

    told(story)


def test_sr_39_a_rate_set_by_hand_is_shown_beside_the_ordered_one() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await ward.pump.confirms(ward.offer_id)
        await ward.pump.starts(ward.offer_id)
        words: dict[str, Any] = {"old_rate": ml_per_h("30"), "rate": ml_per_h("36"), "cause": "clinician", "by": "nurse7"}
        await ward.pump.event(said.Kind.RATE_CHANGED, "A", "1", **words)
        await browser.looks()
        assert "The pump runs 36 mL/h; the order was offered at 30 mL/h." in browser.part("patients")

    told(story)


def test_sr_45_a_lost_pump_is_shown_as_stale_with_its_last_time_and_nothing_is_inferred() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await ward.pump.confirms(ward.offer_id)
        await ward.pump.starts(ward.offer_id)
        ward.clock.goes_on(seconds=31)
        await browser.looks()
        patients = browser.part("patients")
        assert "Stale. Silent: what it does now is not known here. Look at the pump." in patients
        assert "Last: Infusing" in patients
        assert "reported 08:00:" in patients
        ward.pump.drop()
        await ward.hospital.settled()
        await browser.looks()
        assert "Stale. Not connected" in browser.part("patients")

    told(story)


def test_a_scan_that_was_never_planned_is_not_shown_as_being_checked_for_ever() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        ward.page._board.asked("nurse7", "N-never")
        await browser.looks()
        assert "Checking the order" in browser.part("now")
        ward.clock.goes_on(seconds=30)
        await browser.looks()
        assert "Not checked after 30 s" in browser.part("now")
        assert "Program by hand; call the engineer on call." in browser.part("now")

    told(story)
