"""Is the request fresh, are the clocks together, is the channel free and its library ours? (SR-09, SR-11, SR-20 to SR-22, SR-45, D-03, D-24)"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientFacts
from interop.domain.request import AsSent
from tests.wards.ward import NOW, PATIENT, a_case, a_channel, an_order, codes_of, demo_release, dtm, planned


@pytest.mark.parametrize(("age_s", "codes"), [(299, set()), (300, set()), (301, {"9022"}), (86_400, {"9022"})])
def test_sr_09_a_request_is_good_for_five_minutes_from_the_moment_of_asking(age_s, codes):
    assert codes_of(planned(an_order(asked=NOW - timedelta(seconds=age_s)))) == codes


def test_sr_09_a_fresh_message_does_not_make_an_old_request_fresh():
    order = replace(an_order(asked=NOW - timedelta(minutes=6)), sent_at=AsSent(dtm(NOW), "MSH-7"))
    assert codes_of(planned(order)) == {"9022"}


def test_sr_09_d_04_without_the_moment_of_asking_nothing_is_programmed():
    plan = planned(an_order(asked=None))
    assert codes_of(plan) == {"9003"}
    assert plan.refusals[0].field == "ORC-9"


def test_sr_11_a_time_without_an_offset_is_refused_unless_the_profile_names_the_zone():
    order = an_order(requested_at=AsSent("20260302080000", "ORC-9"))
    assert "9004" in codes_of(planned(order))
    case = a_case()
    profile = replace(case.release.senders["pcd03-demo"], zone="+00:00")
    there = replace(case, release=replace(case.release, senders={**case.release.senders, "pcd03-demo": profile}))
    assert planned(order, there).offer is not None


def test_sr_11_midnight_and_daylight_saving_do_not_age_a_request():
    asked = datetime(2026, 3, 29, 1, 59, 55, tzinfo=timezone(timedelta(hours=1)))  # five seconds before clocks go forward
    now = datetime(2026, 3, 29, 3, 0, 10, tzinfo=timezone(timedelta(hours=2)))
    channel = a_channel(reported_at=now)
    plan = planned(an_order(asked=asked, weighed=now - timedelta(hours=1)), a_case(channel=channel), now)
    assert plan.offer is not None
    midnight = datetime(2026, 12, 31, 23, 59, 50, tzinfo=UTC)
    after = midnight + timedelta(seconds=20)
    plan = planned(an_order(asked=midnight, weighed=midnight), a_case(channel=a_channel(reported_at=after)), after)
    assert plan.offer is not None


@pytest.mark.parametrize(("ahead_s", "refused", "said"), [(29, False, False), (31, False, True), (300, False, True), (301, True, False)])
def test_sr_11_d_24_a_senders_clock_that_is_ahead_is_said_then_refused(ahead_s, refused, said):
    plan = planned(an_order(asked=NOW + timedelta(seconds=ahead_s - 2)))  # MSH-7 is two seconds after ORC-9
    plan = planned(replace(an_order(), sent_at=AsSent(dtm(NOW + timedelta(seconds=ahead_s)), "MSH-7")))
    assert ("9016.clock-skew" in codes_of(plan)) is refused
    assert any(caution.code_text == "9016.clock-skew" for caution in plan.cautions) is said


@pytest.mark.parametrize(
    ("skew", "refused", "said"),
    [
        (timedelta(seconds=30), False, False),
        (timedelta(seconds=31), False, True),
        (timedelta(seconds=-31), False, True),
        (timedelta(minutes=5), False, True),
        (timedelta(minutes=5, seconds=1), True, False),
        (timedelta(minutes=-6), True, False),
        (None, True, False),
    ],
)
def test_sr_11_d_24_a_pumps_clock_is_corrected_then_blocks_and_unknown_blocks(skew, refused, said):
    plan = planned(case=a_case(channel=a_channel(clock_skew=skew)))
    assert ("9016.clock-skew" in codes_of(plan)) is refused
    assert any(caution.code_text == "9016.clock-skew" for caution in plan.cautions) is said


@pytest.mark.parametrize(("age_s", "codes"), [(30, set()), (31, {"9007"})])
def test_sr_45_a_channel_that_has_been_silent_takes_no_program(age_s, codes):
    assert codes_of(planned(case=a_case(channel=a_channel(reported_at=NOW - timedelta(seconds=age_s))))) == codes


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"online": False}, "9007"),
        ({"powered": False}, "9006"),
        ({"set_installed": False}, "9028"),
        ({"alarming": True}, "9033"),
        ({"state": ChannelState.DELAYED_START}, "9032"),
        ({"state": ChannelState.INFUSING}, "9002"),
        ({"state": ChannelState.PAUSED}, "9002"),
        ({"state": ChannelState.KVO}, "9002"),
        ({"state": ChannelState.PROGRAMMING}, "9017"),
        ({"state": ChannelState.PENDING}, "9017"),
        ({"state": ChannelState.ENDED}, "9017"),
        ({"state": ChannelState.FAULT}, "9017"),
    ],
)
def test_a_channel_that_cannot_take_a_program_says_why(changes, code):
    assert codes_of(planned(case=a_case(channel=a_channel(**changes)))) == {code}


def test_every_reason_of_a_channel_is_told_at_once():
    channel = a_channel(set_installed=False, alarming=True, state=ChannelState.INFUSING, care_area="")
    assert {"9028", "9033", "9002", "9029"} <= codes_of(planned(case=a_case(channel=channel)))


def test_sr_22_d_25_the_pumps_library_must_be_the_very_one_that_was_checked():
    ours = demo_release().library.ref
    for theirs in (
        None,
        LibraryRef(ours.id, ours.version, "0" * 64),
        LibraryRef(ours.id, "0.0.1", ours.hash),
        LibraryRef("another", ours.version, ours.hash),
    ):
        assert codes_of(planned(case=a_case(channel=a_channel(library=theirs)))) == {"9016.library-version"}


def test_sr_21_d_03_without_a_care_area_on_the_pump_nothing_is_offered():
    assert "9029" in codes_of(planned(case=a_case(care_area="")))


def test_sr_21_d_03_the_care_area_on_the_pump_chooses_the_entry_and_its_limits():
    saline = {"code": "LOC-05303", "rate": "300", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "1000", "weight": ""}
    icu, lab = planned(an_order(**saline)), planned(an_order(**saline), a_case(care_area="LD"))
    assert icu.offer is not None
    assert lab.offer is not None
    assert (icu.offer.program.entry.key, lab.offer.program.entry.key) == ("DL-081", "DL-084")


def test_sr_21_an_icu_order_on_a_neonatal_pump_does_not_get_neonatal_limits():
    plan = planned(case=a_case(care_area="NICU"))
    assert plan.offer is None
    assert "9010.no-entry" in codes_of(plan)


def test_sr_21_d_03_the_patients_location_cross_checks():
    release = demo_release()
    caution = next(pair for pair, rule in release.locations.items() if rule.value == "caution" and pair[1] == "ICU")
    allowed = next(pair for pair, rule in release.locations.items() if rule.value == "allowed" and pair[1] == "ICU")
    assert planned(an_order(location=allowed[0])).cautions == planned().cautions
    plan = planned(an_order(location=caution[0]))
    assert plan.offer is not None
    assert any(caution[0] in finding.sentence for finding in plan.cautions)
    assert codes_of(planned(an_order(location="NOWHERE"))) == {"9021"}
    assert codes_of(planned(case=a_case(patient=PatientFacts(frozenset({PATIENT}), location="NOWHERE")))) == {"9021"}


def test_an_unknown_pump_model_cannot_be_checked():
    assert "9001" in codes_of(planned(case=a_case(channel=a_channel(model="no-such-model"))))


@pytest.mark.parametrize("mode", [Mode.SYRINGE, Mode.PCA])
def test_sr_20_an_order_for_a_volumetric_pump_does_not_go_onto_another_channel(mode):
    plan = planned(case=a_case(mode=mode))
    assert plan.offer is None
    assert "9018.route" in codes_of(plan)


def test_sr_20_an_intravenous_drug_never_goes_to_an_epidural_channel():
    assert "9018.route" in codes_of(planned(case=a_case(channel=a_channel(is_epidural=True))))


@pytest.mark.parametrize("route", ["EP", "SC", "IT", "NG", "GTT"])
def test_sr_20_an_order_for_another_route_is_refused(route):
    assert codes_of(planned(an_order(route=route))) == {"9018.route"}


@pytest.mark.parametrize(("route", "code"), [("", "9003"), ("IM", "9004"), ("iv", "9004")])
def test_sr_20_a_missing_or_unknown_route_is_not_taken_for_intravenous(route, code):
    assert code in codes_of(planned(an_order(route=route)))
