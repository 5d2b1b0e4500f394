"""A program from the server: shown or refused with every reason, bound to one id for ever, confirmed and started by people only."""

from fractions import Fraction

import pytest

from pump_sim import keys
from pump_sim.keys import Confirm, Edit, OpenOffer, Override, Reject, SecondCheck, Start
from pump_sim.pump import NewLibrary
from tests.pump_sim.ward import DOCTOR, NURSE, SECOND, Ward, amount, dopamine_offer, heparin_offer, library, settings, titration_offer


def with_setting(name: str, text: str | None) -> dict:
    offer = dopamine_offer()
    rest = [each for each in offer["settings"] if each["name"] != name]
    return offer | {"settings": rest + ([{"name": name, "set": amount(text)}] if text else [])}


def test_sr_08_sr_15_an_offer_is_on_the_screen_with_all_that_must_be_seen():
    ward = Ward()
    ward.hear(dopamine_offer(cautions=[{"text": "ten times the last dose", "action": "check the order"}]))
    assert ward.last("offer_shown")["offer_id"] == "O-1"
    screen = ward.screen()
    assert screen.state == "PENDING_REMOTE"
    assert ward.frames("started") == []
    program = screen.program
    assert program is not None
    assert (program.patient, program.patient_name, program.order) == ("MRN-1 (HOSP)", "Ada Example", "ORD-7")
    assert (program.tallman, program.concentration, program.container, program.care_area) == (
        "DOPamine",
        "1.6 mg/mL",
        "400 mg / 250 mL",
        "ICU",
    )
    shown = {value.name: value.text for value in program.values}
    assert shown == {"dose rate": "10 ug/kg/min", "rate": "30 mL/h", "vtbi": "250 mL", "duration": "500 min", "weight": "80 kg"}
    assert [caution.text for caution in program.cautions] == ["ten times the last dose"]
    assert ward.pump.view(ward.now).library == "WARD 42"
    assert program.seconds_left == 300


def test_sr_63_it_starts_by_open_confirm_and_start_each_a_key_of_its_own():
    ward = Ward()
    ward.hear(dopamine_offer())
    assert ward.press(Start("A", NURSE)) == "No program is confirmed"
    assert ward.press(Confirm("A", NURSE)) == "Nothing is under review"
    assert ward.press(OpenOffer("A", NURSE)) == ""
    assert ward.press(Start("A", NURSE)) == "No program is confirmed"
    assert ward.press(Confirm("A", NURSE)) == ""
    assert ward.state() == "READY"
    decision = ward.last("decision")
    assert (decision["decision"], decision["by"]) == ("confirmed", NURSE)
    assert {each["name"]: each["set"]["value"] for each in decision["settings"]}["rate"] == "30"
    assert ward.frames("started") == []
    assert ward.press(Start("A", DOCTOR)) == ""
    started = ward.last("started")
    assert (started["by"], started["run"]["offer_id"], started["run"]["rate"]) == (DOCTOR, "O-1", amount("30 mL/h"))


def test_sr_63_without_a_key_it_never_infuses():
    ward = Ward()
    for number in range(30):
        ward.hear(dopamine_offer(f"O-{number}"))
        ward.wait(299)
        assert ward.state() in ("PENDING_REMOTE", "IDLE")
    assert ward.frames("started") == []


@pytest.mark.parametrize("verb", ["start", "resume", "pause", "stop", "set_rate", "confirm"])
def test_sr_01_there_is_no_frame_that_starts_and_an_unknown_one_closes_the_link(verb):
    ward = Ward().running()
    ward.press(keys.Pause("A", NURSE))
    assert ward.hear({"frame": verb, "channel_id": "A", "offer_id": "O-1"}).close == 1008
    assert ward.state() == "PAUSED"


REFUSED = [
    ("9001", {"channel_id": "C"}),
    ("9031", {"patient": {"id": "", "authority": "HOSP"}}),
    ("9021", {"care_area": "PEDS"}),
    ("9016.library-version", {"library": {"id": "WARD", "version": "41", "hash": "ab" * 32}}),
    ("9016.library-version", {"library": {"id": "WARD", "version": "42", "hash": "cd" * 32}}),
    ("9010", {"entry_key": "NONE"}),
    ("9018", {"tallman": "DOBUTamine"}),
    ("9018", {"drug": "dobutamine"}),
    ("9018", {"therapy": "Renal"}),
    ("9018", {"concentration": amount("3.2 mg/mL")}),
    ("9018", {"concentration": amount("1.6 [iU]/mL")}),
    ("9003", {"concentration": None}),
    ("9004", {"concentration": amount("0 mg/mL")}),
    ("9008", {"concentration": amount("1.6 U/mL")}),
]


@pytest.mark.parametrize(("code", "changed"), REFUSED)
def test_sr_65_what_does_not_fit_this_pump_is_refused_whatever_the_server_says(code, changed):
    ward = Ward()
    ward.hear(dopamine_offer(**changed))
    assert code in ward.codes()
    assert ward.frames("offer_shown") == []
    assert ward.state() == "IDLE"


VALUES = [
    ("9003", "rate", None),
    ("9003", "vtbi", None),
    ("9003", "dose rate", None),
    ("9019", "weight", None),
    ("9008", "weight", "80 [lb_av]"),
    ("9008", "rate", "30 mg/h"),
    ("9009", "dose rate", "10 ug/min"),
    ("9004", "rate", "030 mL/h"),
    ("9004", "rate", "3e1 mL/h"),
    ("9004", "rate", "30.05 mL/h"),
    ("9004", "weight", "0 kg"),
    ("9014", "rate", "1000 mL/h"),
    ("9005", "vtbi", "280 mL"),
    ("9004", "dose rate", "11 ug/kg/min"),
    ("9024", "weight", "39.9 kg"),
]


@pytest.mark.parametrize(("code", "name", "text"), VALUES)
def test_sr_65_a_value_that_is_missing_unreadable_out_of_range_or_contradicts_another_is_refused(code, name, text):
    ward = Ward()
    ward.hear(with_setting(name, text))
    assert code in ward.codes()


@pytest.mark.parametrize(
    ("rate", "dose", "is_shown"),
    [("150", "50", True), ("150.1", "50.033333333", False), ("3", "1", True), ("2.9", "0.966666667", False)],
)
def test_sr_65_a_hard_limit_is_allowed_and_one_step_beyond_it_refused(rate, dose, is_shown):
    ward = Ward()
    rate = "151" if rate == "150.1" else rate
    dose = "50.333333333" if rate == "151" else dose
    ward.hear(
        dopamine_offer(settings=settings({"dose rate": f"{dose} ug/kg/min", "rate": f"{rate} mL/h", "vtbi": "250 mL", "weight": "80 kg"}))
    )
    assert bool(ward.frames("offer_shown")) is is_shown
    if not is_shown:
        assert ward.codes() == {"9024"}


def test_sr_25_limits_are_held_against_what_the_rate_really_gives_not_against_the_dose_that_is_told():
    ward = Ward()
    values = {"dose rate": "49.9 ug/kg/min", "rate": "151 mL/h", "vtbi": "250 mL", "weight": "80 kg"}
    ward.hear(dopamine_offer(settings=settings(values)))  # 151 mL/h gives 50.33, which is within 1 % of what is told
    assert ward.codes() == {"9024"}


def test_sr_64_every_reason_is_told_at_once():
    ward = Ward()
    ward.press(keys.OpenDoor("A"))
    ward.press(keys.RemoveSet("A"))
    ward.hear(dopamine_offer(tallman="DOBUTamine", library={"id": "WARD", "version": "42", "hash": "ab" * 32}))
    assert ward.codes() == {"9017", "9028", "9018"}


def test_sr_03_sr_65_another_patient_on_the_pump_or_on_its_other_channel_is_refused():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.hear(dopamine_offer("O-2", channel_id="B", patient={"id": "MRN-2", "authority": "HOSP"}))
    assert ward.codes() == {"9012"}
    ward.press(OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    assert ward.pump.view(ward.now).patient == "MRN-1 (HOSP)"  # D-11: live at confirm
    ward.hear(dopamine_offer("O-3", channel_id="B", patient={"id": "MRN-1", "authority": "OTHER"}))
    assert ward.codes() == {"9012"}


def test_d_05_at_most_one_offer_waits_on_a_channel():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.hear(dopamine_offer("O-2"))
    assert ward.codes() == {"9017"}
    ward.hear(dopamine_offer("O-3", channel_id="B"))
    assert ward.last("offer_shown")["offer_id"] == "O-3"


def test_an_occupied_channel_takes_no_start():
    ward = Ward().running()
    for key, code in ((None, "9002"), (keys.Pause("A", NURSE), "9002")):
        if key:
            ward.press(key)
        ward.hear(dopamine_offer(f"O-{code}-{key}".replace("'", "").replace(" ", "")[:60]))
        assert ward.codes() == {code}
    ward.press(keys.Program("B", NURSE, "NS"))
    ward.hear(dopamine_offer("O-4", channel_id="B"))
    assert ward.codes() == {"9017"}


@pytest.mark.parametrize("how", ["shown", "refused", "rejected", "expired", "started", "withdrawn", "never_seen"])
def test_sec_22_an_offer_id_is_good_once_whatever_became_of_it(how):
    ward = Ward()
    if how == "never_seen":
        ward.hear({"frame": "withdraw", "offer_id": "O-1", "channel_id": "A"})
    elif how == "refused":
        ward.hear(dopamine_offer(tallman="x"))
    elif how == "started":
        ward.running()
    else:
        ward.hear(dopamine_offer())
    if how == "rejected":
        ward.press(Reject("A", NURSE))
    elif how == "expired":
        ward.wait(301)
    elif how == "withdrawn":
        ward.hear({"frame": "withdraw", "offer_id": "O-1", "channel_id": "A"})
    ward.hear(dopamine_offer())
    assert ward.codes() == {"9016.replayed"}
    ward.hear(dopamine_offer(channel_id="B"))
    assert ward.codes() == {"9016.replayed"}  # nor on another channel


def test_a_pump_remembers_as_many_ids_as_it_says_and_seven_days():
    ward = Ward(tombstones=10)
    for number in range(40):
        ward.hear({"frame": "withdraw", "offer_id": f"W-{number}", "channel_id": "A"})
    assert len(ward.pump._m.tombstones) == 40
    ward.wait(8 * 86400)
    ward.hear({"frame": "withdraw", "offer_id": "W-new", "channel_id": "A"})
    assert len(ward.pump._m.tombstones) == 10


# ── withdraw ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def answer_to_withdraw(ward: Ward, offer_id: str = "O-1") -> dict:
    ward.hear({"frame": "withdraw", "offer_id": offer_id, "channel_id": "A"})
    return next(frame for frame in ward.out.say if frame["frame"] in ("withdrawn", "never_seen", "confirmed"))


@pytest.mark.parametrize(
    ("until", "answer"),
    [("nothing", "never_seen"), ("shown", "withdrawn"), ("opened", "withdrawn"), ("confirmed", "withdrawn"), ("started", "confirmed")],
)
def test_sr_13_a_withdrawal_is_answered_by_what_became_of_the_offer(until, answer):
    ward = Ward()
    steps = [OpenOffer("A", NURSE), Confirm("A", NURSE), Start("A", NURSE)]
    order = ["shown", "opened", "confirmed", "started"]
    if until != "nothing":
        ward.hear(dopamine_offer())
        for key in steps[: order.index(until)]:
            ward.press(key)
    said = answer_to_withdraw(ward)
    assert said["frame"] == answer
    assert answer_to_withdraw(ward)["frame"] == answer  # asked again, the same is said
    if answer == "confirmed":
        assert (said["runs"], said["by"]) == (True, NURSE)
        assert {each["name"] for each in said["settings"]} >= {"rate", "dose rate"}
        assert ward.state() == "INFUSING"  # nothing that the server says stops it (SR-01)
        ward.press(keys.Pause("A", NURSE))
        ward.press(keys.Clear("A", NURSE))
        assert answer_to_withdraw(ward)["runs"] is False
    else:
        assert ward.state() == "IDLE"


@pytest.mark.parametrize("how", ["rejected", "expired", "refused"])
def test_nothing_of_an_offer_that_ended_can_run_so_it_was_never_seen(how):
    ward = Ward()
    ward.hear(dopamine_offer(tallman="x") if how == "refused" else dopamine_offer())
    if how == "rejected":
        ward.press(Reject("A", NURSE))
    elif how == "expired":
        ward.wait(301)
    assert answer_to_withdraw(ward)["frame"] == "never_seen"


# ── expiry ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("seconds", "state"), [(299, "PENDING_REMOTE"), (300, "IDLE")])
def test_sr_10_d_09_an_untouched_offer_lives_five_minutes(seconds, state):
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.wait(seconds)
    assert ward.state() == state


def test_sr_10_d_09_a_confirmation_one_second_too_late_fails_and_the_expiry_is_told_at_its_own_time():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.wait(200)
    ward.press(OpenOffer("A", NURSE))
    ward.wait(181)
    assert ward.press(Confirm("A", NURSE)) == "Nothing is under review"
    expired = ward.last("decision")
    assert (expired["decision"], expired["at"]) == ("expired", "2026-03-02T08:06:20.000+00:00")


def test_d_09_a_key_keeps_an_opened_offer_alive_but_fifteen_minutes_at_most():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    for _ in range(8):
        ward.wait(110)
        assert ward.press(Edit("A", "vtbi", "240", NURSE)) == ""
    ward.wait(21)
    assert ward.state() == "IDLE"
    assert ward.last("decision")["decision"] == "expired"


def test_d_09_the_pumps_wall_clock_does_not_end_an_offer():
    from dataclasses import replace
    from datetime import timedelta

    ward = Ward()
    ward.hear(dopamine_offer())
    ward.now = replace(ward.now, wall=ward.now.wall + timedelta(days=400))
    ward.wait(10)
    assert ward.state() == "PENDING_REMOTE"


def test_a_program_that_is_confirmed_and_not_started_is_let_go_of_too():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    ward.wait(60)
    assert [alarm.text for alarm in ward.screen().alarms] == ["Programming is not finished"]  # SR-67
    ward.wait(120)
    assert [frame["decision"] for frame in ward.frames("decision")] == ["confirmed", "expired"]
    assert ward.press(Start("A", NURSE)) == "No program is confirmed"
    assert ward.screen().alarms == ()


# ── reject, edit, override, second check ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cause", ["by_clinician", "other_drug", "other_patient"])
def test_d_23_a_clinician_rejects_with_a_cause(cause):
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    assert ward.press(Reject("A", NURSE, cause, "bag is dobutamine")) == ""
    said = ward.last("decision")
    assert (said["decision"], said["cause"], said["by"], said["text"]) == ("rejected", cause, NURSE, "bag is dobutamine")
    assert ward.state() == "IDLE"


def test_d_23_an_edit_is_worked_out_again_judged_and_told():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    assert ward.press(Edit("A", "dose rate", "12", NURSE)) == ""
    values = {value.name: value for value in ward.screen().program.values}
    assert (values["rate"].text, values["rate"].offered) == ("36 mL/h", "30 mL/h")
    ward.press(Confirm("A", NURSE))
    edits = {edit["name"]: (edit["was"]["value"], edit["now"]["value"]) for edit in ward.last("decision")["edits"]}
    assert edits["dose rate"] == ("10", "12")
    assert edits["rate"] == ("30", "36")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("dose rate", "51", "above the hard limit"),
        ("rate", "30.05", "steps of 0.1 mL/h"),
        ("rate", "5.0", "no number"),
        ("rate", "-5", "no number"),
        ("rate", "", "no number"),
        ("rate", "0", "cannot be 0"),
        ("vtbi", "300", "above the hard limit"),
        ("colour", "5", "no value of this program"),
    ],
)
def test_sr_23_sr_65_an_edit_that_the_pump_would_refuse_sets_nothing(name, value, why):
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    before = dict(ward.channel("A").programme.settings)
    assert why in ward.press(Edit("A", name, value, NURSE))
    assert ward.channel("A").programme.settings == before


def test_sr_24_a_soft_limit_needs_an_override_with_a_coded_reason_by_an_identified_clinician():
    ward = Ward()
    values = {"dose rate": "25 ug/kg/min", "rate": "75 mL/h", "vtbi": "250 mL", "weight": "80 kg"}
    ward.hear(dopamine_offer(settings=settings(values)))
    ward.press(OpenOffer("A", NURSE))
    assert "soft limit of 20 ug/kg/min" in ward.press(Confirm("A", NURSE))
    assert ward.press(Override("A", "dose rate", "", NURSE)) == "Choose a reason"
    assert ward.press(Override("A", "dose rate", "protocol", "")) == "Read your badge first"
    assert "passes no soft limit" in ward.press(Override("A", "vtbi", "protocol", NURSE))
    assert ward.press(Override("A", "dose rate", "protocol", NURSE)) == ""
    assert ward.press(Confirm("A", NURSE)) == ""
    (override,) = ward.last("decision")["overrides"]
    assert override == {
        "name": "dose rate",
        "attempted": amount("25 ug/kg/min"),
        "limit": amount("20 ug/kg/min"),
        "final": amount("25 ug/kg/min"),
        "reason": "protocol",
        "by": NURSE,
    }


def test_sr_24_an_override_is_of_one_value_and_void_when_it_changes():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    ward.press(Edit("A", "dose rate", "25", NURSE))
    ward.press(Override("A", "dose rate", "protocol", NURSE))
    ward.press(Edit("A", "dose rate", "30", NURSE))
    assert "soft limit" in ward.press(Confirm("A", NURSE))


def test_sr_23_no_override_passes_a_hard_limit():
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(OpenOffer("A", NURSE))
    for reason in keys.OVERRIDE_REASONS:
        ward.press(Edit("A", "dose rate", "60", NURSE))
        assert "passes no soft limit" in ward.press(Override("A", "dose rate", reason, NURSE))
    assert ward.screen().program.values[0].text == "10 ug/kg/min"


def test_sr_44_d_13_start_stays_locked_until_another_persons_badge_is_read():
    ward = Ward()
    ward.hear(heparin_offer())
    ward.press(OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    assert ward.press(Start("A", NURSE)) == "Another person must check the values first"
    assert ward.press(SecondCheck("A", NURSE)) == "The second check is another person's"
    assert ward.press(SecondCheck("A", "")) == "Read your badge first"
    assert ward.press(SecondCheck("A", SECOND)) == ""
    assert ward.press(Start("A", NURSE)) == ""
    assert ward.last("started")["run"]["second_check_by"] == SECOND


def test_sr_44_d_13_a_second_check_is_of_the_values_after_the_last_edit():
    ward = Ward()
    ward.hear(heparin_offer())
    ward.press(OpenOffer("A", NURSE))
    ward.press(SecondCheck("A", SECOND))
    assert ward.screen().program.second_check == f"by {SECOND}"
    ward.press(Edit("A", "dose rate", "14", NURSE))
    assert ward.screen().program.second_check == "needed"
    ward.press(Confirm("A", NURSE))
    assert ward.press(Start("A", NURSE)) == "Another person must check the values first"
    assert ward.press(SecondCheck("A", NURSE)) == "The second check is another person's"  # who edited and confirmed
    assert ward.press(SecondCheck("A", SECOND)) == ""


def test_sr_44_the_one_who_checked_cannot_confirm_and_the_one_who_edited_cannot_check():
    ward = Ward()
    ward.hear(heparin_offer())
    ward.press(OpenOffer("A", NURSE))
    ward.press(Edit("A", "dose rate", "14", DOCTOR))
    assert ward.press(SecondCheck("A", DOCTOR)) == "The second check is another person's"
    ward.press(SecondCheck("A", SECOND))
    assert ward.press(Confirm("A", SECOND)) == "The second check is another person's"
    assert ward.press(Confirm("A", NURSE)) == ""
    assert ward.last("decision")["second_check_by"] == SECOND


def test_d_13_the_pumps_own_entry_asks_for_the_second_check_even_where_the_server_does_not():
    ward = Ward()
    ward.hear(heparin_offer(second_check="none"))
    ward.press(OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    assert ward.press(Start("A", NURSE)) == "Another person must check the values first"


def test_sr_06_nobody_opens_confirms_or_starts_without_a_badge():
    ward = Ward()
    ward.hear(dopamine_offer())
    for key in (OpenOffer("A", ""), OpenOffer("A", "two words")):
        assert ward.press(key) == "Read your badge first"
    ward.press(OpenOffer("A", NURSE))
    assert ward.press(Confirm("A", "")) == "Read your badge first"
    ward.press(Confirm("A", NURSE))
    assert ward.press(Start("A", "")) == "Read your badge first"
    assert ward.state() == "READY"


# ── titration ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_37_a_titration_stands_beside_the_old_value_and_the_flow_goes_on_until_it_is_confirmed():
    ward = Ward().running()
    ward.wait(3600)
    ward.hear(titration_offer(ward))
    change = ward.screen().change
    assert {value.name: (value.old, value.text) for value in change.values if value.old} == {
        "dose rate": ("10 ug/kg/min", "15 ug/kg/min"),
        "rate": ("30 mL/h", "45 mL/h"),
        "vtbi": ("250 mL", "250 mL"),
    }
    assert ward.screen().run.rate == "30 mL/h"
    ward.wait(100)
    ward.press(OpenOffer("A", NURSE))
    ward.wait(100)
    assert ward.pump.counted("A", ward.now) == 30 + Fraction(30 * 200, 3600)
    assert ward.press(Confirm("A", NURSE)) == ""
    changed = ward.last("rate_changed")
    assert (changed["old"], changed["new"], changed["cause"], changed["offer_id"]) == (amount("30 mL/h"), amount("45 mL/h"), "offer", "O-2")
    ward.wait(3600)
    assert ward.pump.counted("A", ward.now) == 75 + Fraction(30 * 200, 3600)
    assert ward.screen().run.dose_rate == "15 ug/kg/min"


@pytest.mark.parametrize("how", ["rejected", "expired", "withdrawn"])
def test_sr_37_a_titration_that_is_not_confirmed_changes_nothing(how):
    ward = Ward().running()
    ward.hear(titration_offer(ward))
    if how == "rejected":
        ward.press(Reject("A", NURSE))
    elif how == "withdrawn":
        assert answer_to_withdraw(ward, "O-2")["frame"] == "withdrawn"
    ward.wait(300)
    assert ward.screen().change is None
    assert ward.pump.counted("A", ward.now) == Fraction(30 * 300, 3600)
    assert ward.frames("rate_changed") == []


def test_sr_37_a_titration_of_something_else_is_refused():
    ward = Ward().running()
    other = titration_offer(ward)
    other["changes"]["infusion_id"] = "another"
    ward.hear(other)
    assert ward.codes() == {"9002"}
    stale = titration_offer(ward, "O-3")
    stale["changes"]["settings"][0]["set"] = amount("29 mL/h")
    ward.hear(stale)
    assert ward.codes() == {"9002"}
    ward.hear(titration_offer(ward, "O-4", entry_key="HEP", drug="heparin", tallman="heparin", concentration=amount("100 [iU]/mL")))
    assert {"9036", "9037"} <= ward.codes()
    values = {"dose rate": "15 ug/kg/min", "rate": "49.5 mL/h", "weight": "88 kg"}
    ward.hear(titration_offer(ward, "O-5", settings=settings(values)))
    assert "9011" in ward.codes()  # D-17: a running infusion keeps its dosing weight
    ward.hear(titration_offer(ward, "O-6", rate="180", dose="60"))
    assert ward.codes() == {"9024"}
    ward.press(keys.Pause("A", NURSE))
    ward.hear(titration_offer(ward, "O-7"))
    assert ward.codes() == {"9017"}


def test_d_18_ten_times_the_old_rate_says_so_in_words():
    ward = Ward().running(
        dopamine_offer(settings=settings({"dose rate": "2 ug/kg/min", "rate": "6 mL/h", "vtbi": "250 mL", "weight": "80 kg"}))
    )
    ward.hear(titration_offer(ward, rate="60", dose="20"))
    assert any("decimal slip" in caution.text for caution in ward.screen().change.cautions)


def test_sr_44_a_titration_with_a_second_check_is_in_force_only_after_it():
    ward = Ward()
    ward.hear(heparin_offer())
    for key in (OpenOffer("A", NURSE), Confirm("A", NURSE), SecondCheck("A", SECOND), Start("A", NURSE)):
        assert ward.press(key) == ""
    run = ward.channel("A").run
    now = settings({"rate": "9.6 mL/h", "dose rate": "12 [iU]/kg/h"})
    values = settings({"rate": "11.2 mL/h", "dose rate": "14 [iU]/kg/h", "weight": "80 kg"})
    ward.hear(heparin_offer("O-T", attempt="titration", settings=values, changes={"infusion_id": run.infusion_id, "settings": now}))
    ward.press(OpenOffer("A", NURSE))
    assert ward.press(Confirm("A", NURSE)) == "Another person must check the values first"
    ward.press(SecondCheck("A", SECOND))
    assert ward.press(Confirm("A", NURSE)) == ""
    assert ward.screen().run.rate == "11.2 mL/h"


def test_a_titration_ends_with_the_infusion_that_it_would_change():
    ward = Ward().running()
    ward.wait(8 * 3600 + 1000)
    ward.hear(titration_offer(ward))
    ward.wait(250)
    assert ward.state() == "KVO"
    assert ward.screen().change is None
    assert (ward.last("decision")["decision"], ward.last("decision")["cause"]) == ("rejected", "cleared")


def test_sr_54_another_library_ends_what_was_checked_against_the_old_one_and_what_runs_goes_on():
    ward = Ward().running()
    ward.hear(dopamine_offer("O-2", channel_id="B"))
    ward.give(NewLibrary(library("43")))
    assert ward.last("library_changed")["library"]["version"] == "43"
    assert ward.state("B") == "IDLE"
    assert ward.last("decision")["decision"] == "rejected"
    assert ward.state("A") == "INFUSING"
    assert ward.screen("A").run.rate == "30 mL/h"
