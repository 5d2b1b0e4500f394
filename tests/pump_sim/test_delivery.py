"""Delivery: exact, never falling, ended and stopped as it must, and the alarms beside it."""

from fractions import Fraction
from itertools import pairwise

import pytest

from pump_sim import keys
from pump_sim.amounts import Amount
from pump_sim.keys import Change, Clear, Confirm, Enter, Pause, Program, Resume, Review, SecondCheck, Silence, Start
from pump_sim.models import model
from pump_sim.physics import Delivery
from tests.pump_sim.ward import DOCTOR, NURSE, SECOND, Ward, amount, dopamine_offer


def alarms(ward: Ward, channel: str = "A") -> list[str]:
    return [alarm.text for alarm in ward.screen(channel).alarms]


# ── how much ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate", ["0.1", "7.3", "99.9", "333", "999"])
def test_sr_71_the_count_is_rate_times_time_exactly(rate):
    ward = Ward().by_hand(entry_key="", rate=rate, vtbi="900")
    ward.wait(1234.5)
    assert ward.pump.counted("A", ward.now) == Fraction(rate) * Fraction("1234.5") / 3600


def test_sr_77_the_story_is_the_same_at_any_time_acceleration():
    def story(step: float | None) -> list[dict]:
        ward = Ward(connected=False).by_hand(rate="120", vtbi="30")
        ward.wait(400, in_steps_of=step)
        ward.press(Pause("A", NURSE))
        ward.wait(500, in_steps_of=step)
        ward.press(Resume("A", NURSE))
        ward.wait(2000, in_steps_of=step)
        return ward.kept

    assert story(None) == story(0.7) == story(60)


def test_sr_51_what_is_told_never_runs_ahead_of_the_count_nor_falls():
    ward = Ward().by_hand(entry_key="", rate="0.1", vtbi="10")
    told = []
    for _ in range(200):
        ward.wait(7)
        run = ward.channel("A").run
        told.append(ward.pump._m.told(run).value)
        assert told[-1] <= ward.pump.counted("A", ward.now)
    assert told == sorted(told)


@pytest.mark.requirement("SR-71", "SR-73", "SR-75", "SR-77")
@pytest.mark.parametrize("key", ["demo-lvp", "demo-syringe"])
@pytest.mark.parametrize("seed", range(20))
def test_sr_73_the_seeded_flow_never_falls_stays_within_its_error_and_the_error_shrinks_with_the_window(key, seed):
    pump = model(key)
    delivery = Delivery.seeded(pump, seed)
    assert delivery == Delivery.seeded(pump, seed)
    given = [delivery.given(pump.stroke * number / 16) for number in range(400)]
    assert all(low < high for low, high in pairwise(given))
    assert abs(delivery.given(Fraction(1000)) / 1000 - 1) <= pump.bias_max + Fraction(1, 1000)

    def worst(window: Fraction) -> Fraction:
        starts = [pump.stroke * number / 8 for number in range(16)]
        return max(abs((delivery.given(at + window) - delivery.given(at)) / window - 1 - delivery.bias) for at in starts)

    errors = [worst(pump.stroke * share) for share in (Fraction(1, 4), Fraction(5, 4), Fraction(21, 4), Fraction(101, 4))]
    assert errors == sorted(errors, reverse=True)


# ── end of the volume ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("rate", "kvo"), [("120", "20"), ("20", "20"), ("6", "6")])
def test_sr_87_at_the_end_it_keeps_open_at_the_smaller_of_rate_and_kvo_and_says_so(rate, kvo):
    ward = Ward().by_hand(rate=rate, vtbi="60")
    ward.wait(60 / int(rate) * 3600 + 1)
    assert ward.state() == "KVO"
    done = ward.last("volume_completed")
    assert done["delivered"] == amount("60 mL")
    assert ward.last("kvo_entered")["rate"] == amount(f"{kvo} mL/h")
    assert ward.screen().run.rate == f"{kvo} mL/h"
    assert "Volume to be infused is given" in alarms(ward)
    status = [frame for frame in ward.said if frame["frame"] == "status"][-1]
    assert status["channels"][0]["state"] == "kvo"
    ward.wait(3600)
    run = ward.channel("A").run
    assert ward.pump._m.told(run).value > 60  # KVO counts


def test_sr_87_an_end_between_two_microseconds_gives_the_volume_and_not_a_bit_more():
    ward = Ward().by_hand(rate="7", vtbi="1.1")  # 565.714285… s
    ward.wait(600)
    assert ward.last("volume_completed")["delivered"] == amount("1.1 mL")
    at = ward.channel("A").run.flow
    assert at.ml == Fraction("1.1")


def test_a_pump_without_kvo_stands_when_its_volume_is_given():
    ward = Ward(model="demo-syringe")
    for key in (
        Program("A", NURSE, "MORS"),
        Enter("A", "dose rate", "5"),
        Enter("A", "vtbi", "10"),
        Review("A"),
        Confirm("A", NURSE),
        Start("A", NURSE),
    ):
        assert ward.press(key) == ""
    ward.wait(7201)
    assert ward.state() == "COMPLETE"
    assert ward.last("ended")["cause"] == "completed"
    assert ward.press(Resume("A", NURSE)) == "No infusion stands still here"
    assert ward.press(Clear("A", NURSE)) == ""
    assert len(ward.frames("ended")) == 1
    assert ward.state() == "IDLE"


def test_sr_86_the_end_is_near_ten_minutes_before_or_at_five_percent():
    ward = Ward().by_hand(rate="60", vtbi="600")
    ward.wait(600 * 60 - 601)
    assert alarms(ward) == []
    ward.wait(1)
    assert alarms(ward) == ["Infusion near its end"]
    short = Ward().by_hand(rate="60", vtbi="20")
    short.wait(20 * 60 * 0.95 - 1)
    assert alarms(short) == []
    short.wait(1)
    assert alarms(short) == ["Infusion near its end"]
    assert short.state() == "INFUSING"


def test_sr_88_a_container_that_runs_dry_stops_with_a_high_alarm_also_in_kvo():
    ward = Ward()
    ward.press(keys.LoadSet("A", contents="55"))
    ward.by_hand(rate="120", vtbi="50")
    ward.wait(1500)
    assert ward.state() == "KVO"
    ward.wait(900)
    assert ward.state() == "ALARM_STOPPED"
    assert alarms(ward)[0] == "Container empty"
    assert ward.pump.counted("A", ward.now) == 55
    assert ward.press(Resume("A", NURSE)) == "Alarm: Container empty"
    ward.press(keys.LoadSet("A", contents="100"))
    assert ward.press(Resume("A", NURSE)) == ""
    assert ward.state() == "KVO"


# ── pause ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_68_a_pause_of_two_minutes_calls_back_and_sounds_again():
    ward = Ward().running()
    ward.press(Pause("A", NURSE))
    ward.wait(119)
    assert alarms(ward) == []
    ward.wait(1)
    assert alarms(ward) == ["Paused for more than 2 minutes"]
    ward.press(Silence("A"))
    assert ward.screen().silenced_s == 120
    ward.wait(120)
    assert ward.screen().silenced_s == 0
    assert ward.channel("A").called_back == 2
    ward.press(Resume("A", NURSE))
    assert alarms(ward) == []
    assert ward.last("resumed")["rate"] == amount("30 mL/h")


def test_sr_95_an_audio_pause_lasts_two_minutes_at_most_and_a_new_alarm_breaks_it():
    ward = Ward().running()
    ward.press(keys.OpenDoor("A"))
    ward.press(Silence("A"))
    ward.wait(119)
    assert ward.screen().silenced_s == 1
    ward.wait(1)
    assert ward.screen().silenced_s == 0
    ward.press(Silence("A"))
    ward.press(keys.InternalFault("A", "motor"))
    assert ward.screen().silenced_s == 0


def test_sr_75_nothing_flows_while_it_is_paused():
    ward = Ward().running()
    ward.wait(600)
    ward.press(Pause("A", NURSE))
    assert ward.last("paused")["cause"] == "clinician"
    ward.wait(5000)
    assert ward.pump.counted("A", ward.now) == 5
    ward.press(Resume("A", DOCTOR))
    ward.wait(600)
    assert ward.pump.counted("A", ward.now) == 10


def test_sr_66_what_delivers_is_not_cleared_by_one_key():
    ward = Ward().running()
    assert ward.press(Clear("A", NURSE)) == "Pause it first"
    assert ward.state() == "INFUSING"
    ward.press(Pause("A", NURSE))
    assert ward.press(Clear("A", NURSE)) == ""
    assert (ward.last("ended")["cause"], ward.last("ended")["by"]) == ("cleared", NURSE)


def test_sr_66_a_running_rate_changes_by_two_deliberate_steps():
    ward = Ward().running()
    assert ward.press(Change("A", "rate", "45", NURSE)) == ""
    ward.wait(60)
    assert ward.pump.counted("A", ward.now) == Fraction(30 * 60, 3600)
    assert ward.screen().run.rate == "30 mL/h"
    assert {value.name: value.old for value in ward.screen().change.values}["rate"] == "30 mL/h"
    assert ward.press(Confirm("A", NURSE)) == ""
    said = ward.last("rate_changed")
    assert (said["cause"], said["new"], said["dose_rate"], said["by"]) == ("clinician", amount("45 mL/h"), amount("15 ug/kg/min"), NURSE)
    assert "offer_id" not in said
    assert ward.press(Confirm("A", NURSE)) == "Nothing is under review"


def test_sr_66_a_change_that_nobody_confirms_is_gone_after_three_minutes():
    ward = Ward().running()
    ward.press(Change("A", "rate", "45", NURSE))
    ward.wait(60)
    assert alarms(ward) == ["Programming is not finished"]
    ward.wait(120)
    assert ward.screen().change is None
    assert ward.frames("rate_changed") == []
    assert ward.frames("decision")[1:] == []


def test_a_changed_volume_is_told_as_an_edit_and_the_rate_stays():
    ward = Ward().running()
    ward.wait(3600)
    assert ward.press(Change("A", "vtbi", "20", NURSE)) == "More than that is given already"
    assert ward.press(Change("A", "vtbi", "100", NURSE)) == ""
    ward.press(Confirm("A", NURSE))
    assert ward.last("edited")["edits"] == [{"name": "vtbi", "was": amount("250 mL"), "now": amount("100 mL")}]
    assert ward.screen().run.vtbi_left == "70 mL"
    ward.wait(70 * 120)
    assert ward.state() == "KVO"


def test_sr_65_a_change_by_hand_is_judged_by_the_pumps_own_limits():
    ward = Ward().running()
    assert "hard limit" in ward.press(Change("A", "rate", "180", NURSE))
    assert ward.screen().change is None
    assert ward.press(Change("A", "rate", "75", NURSE)) == ""
    assert "soft limit" in ward.press(Confirm("A", NURSE))
    ward.press(keys.Override("A", "dose rate", "titrated-to-effect", NURSE))
    assert ward.press(Confirm("A", NURSE)) == ""


# ── alarms that stop ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("happens", "mends", "text", "cause"),
    [
        (keys.OpenDoor("A"), keys.CloseDoor("A"), "Door open", "door"),
        (keys.RemoveSet("A"), keys.LoadSet("A"), "Set or syringe removed", "door"),
        (keys.Air("A"), keys.ClearAir("A"), "Air in line", "alarm"),
    ],
)
def test_sr_82_sr_83_door_set_and_air_stop_at_once_and_a_person_starts_again(happens, mends, text, cause):
    ward = Ward().running()
    ward.wait(600)
    assert ward.press(happens) == ""
    assert ward.state() == "ALARM_STOPPED"
    assert alarms(ward) == [text]
    assert ward.last("alarm_raised")["priority"] == "PH"
    assert ward.last("paused")["cause"] == cause
    assert ward.press(Resume("A", NURSE)) != ""
    ward.wait(600)
    ward.press(mends)
    assert ward.last("alarm_cleared")["alarm_id"] == ward.last("alarm_raised")["alarm_id"]
    ward.wait(600)
    assert ward.pump.counted("A", ward.now) == 5
    assert ward.press(Resume("A", NURSE)) == ""
    assert ward.state() == "INFUSING"


@pytest.mark.parametrize(
    ("rate", "seconds"), [("25", Fraction("1.05") / 25 * 3600), ("1", Fraction("1.05") * 3600), ("999", Fraction("1.05") / 999 * 3600)]
)
def test_sr_78_the_time_to_an_occlusion_alarm_is_compliance_times_limit_over_rate(rate, seconds):
    ward = Ward().by_hand(entry_key="", rate=rate, vtbi="3000")
    ward.wait(60)
    ward.press(keys.Occlude("A"))
    ward.wait(float(seconds) - 0.01)
    assert ward.state() == "INFUSING"
    ward.wait(0.02)
    assert ward.state() == "ALARM_STOPPED"
    assert alarms(ward) == ["Occlusion on the patient's side: 525 mmHg"]
    assert ward.press(Resume("A", NURSE)).startswith("Alarm")
    ward.press(keys.ReleaseOcclusion("A"))
    assert ward.press(Resume("A", NURSE)) == ""
    ward.wait(float(seconds) + 10)
    assert ward.state() == "INFUSING"


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (keys.OpenDoor("A"), "The door is open"),
        (keys.RemoveSet("A"), "No set is loaded"),
        (keys.Air("A"), "There is air in the line"),
        ((keys.Unplug(), keys.SetBattery("0")), "There is no mains power and the battery is empty"),
    ],
)
def test_sr_64_start_is_refused_for_each_condition_alone(before, why):
    ward = Ward()
    ward.hear(dopamine_offer())
    ward.press(keys.OpenOffer("A", NURSE))
    ward.press(Confirm("A", NURSE))
    for key in before if isinstance(before, tuple) else (before,):
        assert ward.press(key) == ""
    assert ward.press(Start("A", NURSE)) == why
    start = next(key for key in ward.screen().keys if key.name == "start")
    assert start.why_not == why
    assert ward.frames("started") == []


def test_sr_64_start_is_refused_while_a_high_alarm_is_active():
    ward = Ward().by_hand(rate="999", entry_key="", vtbi="3000")
    ward.press(keys.Occlude("A"))
    ward.wait(10)
    ward.press(Clear("A", NURSE))
    for key in (Program("A", NURSE), Enter("A", "rate", "10"), Enter("A", "vtbi", "10"), Review("A"), Confirm("A", NURSE)):
        assert ward.press(key) == ""
    assert ward.press(Start("A", NURSE)).startswith("Alarm: Occlusion")


def test_sr_93_a_fault_stops_the_channel_latches_and_leaves_the_other_running():
    ward = Ward().running()
    ward.by_hand("B")
    ward.press(keys.InternalFault("A", "motor"))
    assert ward.state("A") == "FAULT"
    for key in (Resume("A", NURSE), Clear("A", NURSE), Program("A", NURSE), keys.CloseDoor("A")):
        ward.press(key)
        assert ward.state("A") == "FAULT"
    ward.wait(100)
    assert ward.state("B") == "INFUSING"
    assert alarms(ward, "B") == []


def test_sr_70_each_channel_shows_its_own_letter_alarms_and_infusion():
    ward = Ward().running()
    ward.by_hand("B")
    ward.press(keys.OpenDoor("B"))
    assert (ward.state("A"), ward.state("B")) == ("INFUSING", "ALARM_STOPPED")
    assert [channel.channel_id for channel in ward.pump.view(ward.now).channels] == ["A", "B"]
    assert ward.last("alarm_raised")["channel_id"] == "B"
    ids = {frame["infusion_id"] for frame in ward.frames("started")}
    assert len(ids) == 2


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_48_a_program_by_hand_with_the_library_is_judged_by_it_and_runs_unassociated():
    ward = Ward(connected=False)
    assert ward.press(Program("A", NURSE, "DOP")) == ""
    assert ward.press(Review("A")) == "dose rate is missing"
    for name, value in (("weight", "80"), ("dose rate", "10"), ("vtbi", "250")):
        assert ward.press(Enter("A", name, value)) == ""
    assert {value.name: value.text for value in ward.screen().program.values}["rate"] == "30 mL/h"
    assert ward.press(Review("A")) == ""
    assert ward.press(Confirm("A", NURSE)) == ""
    assert ward.press(Start("A", NURSE)) == ""
    run = ward.last("started")["run"]
    assert (run["entry_key"], run["tallman"], run["weight"]) == ("DOP", "DOPamine", amount("80 kg"))
    assert "offer_id" not in run
    assert "order" not in run
    assert ward.frames("decision") == []


@pytest.mark.parametrize(("dose", "why"), [("51", "hard limit"), ("0.9", "hard limit")])
def test_sr_65_by_hand_a_hard_limit_stops_at_the_review(dose, why):
    ward = Ward()
    ward.press(Program("A", NURSE, "DOP"))
    for name, value in (("weight", "80"), ("dose rate", dose), ("vtbi", "250")):
        assert ward.press(Enter("A", name, value)) == ""
    assert why in ward.press(Review("A"))
    assert ward.state() == "PROGRAMMING"


def test_d_15_a_dose_that_the_pumps_step_cannot_give_within_two_percent_is_not_set():
    ward = Ward()
    ward.press(Program("A", NURSE, "DOP"))
    ward.press(Enter("A", "weight", "40"))
    assert "within 2 %" in ward.press(Enter("A", "dose rate", "0.1"))


def test_a_dose_over_time_of_any_strength_by_hand():
    ward = Ward()
    ward.press(Program("A", NURSE, "VAN"))
    assert ward.press(Enter("A", "concentration", "5", "mg/kg")) != ""
    assert ward.press(Enter("A", "concentration", "4", "mg/mL")) == ""
    assert ward.press(Enter("A", "dose", "1000")) == ""
    assert ward.press(Enter("A", "duration", "100")) == ""
    shown = {value.name: value.text for value in ward.screen().program.values}
    assert (shown["dose"], shown["vtbi"], shown["rate"]) == ("1,000 mg", "250 mL", "150 mL/h")
    assert ward.press(Review("A")) == ""
    assert ward.press(Enter("A", "concentration", "8", "mg/mL")) == "Nothing is being programmed by hand"


def test_by_hand_an_entry_of_another_care_area_or_mode_is_not_chosen():
    ward = Ward()
    for key in ("NS-PEDS", "MORS", "NONE"):
        assert "not in the library" in ward.press(Program("A", NURSE, key))
    assert [entry.key for entry in ward.screen().entries] == ["DOP", "HEP", "NS", "VAN"]


def test_sr_67_unfinished_programming_alerts_after_a_minute_and_is_discarded_after_three():
    ward = Ward()
    ward.press(Program("A", NURSE, "NS"))
    ward.wait(59)
    assert alarms(ward) == []
    ward.wait(1)
    assert alarms(ward) == ["Programming is not finished"]
    ward.press(Enter("A", "rate", "100"))
    assert alarms(ward) == []
    ward.wait(179)
    assert ward.state() == "PROGRAMMING"
    ward.wait(1)
    assert ward.state() == "IDLE"


def test_d_13_by_hand_too_an_entry_that_asks_for_a_second_check_is_locked_until_it():
    ward = Ward()
    ward.press(Program("A", NURSE, "HEP"))
    for name, value in (("weight", "80"), ("dose rate", "12"), ("vtbi", "240")):
        ward.press(Enter("A", name, value))
    ward.press(Review("A"))
    ward.press(Confirm("A", NURSE))
    assert ward.press(Start("A", NURSE)) == "Another person must check the values first"
    assert ward.press(SecondCheck("A", NURSE)) == "The second check is another person's"
    ward.press(SecondCheck("A", SECOND))
    assert ward.press(Start("A", NURSE)) == ""


# ── whose it is ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sec_29_new_patient_clears_every_channel_and_nothing_of_the_last_one_stays():
    ward = Ward().running()
    ward.press(keys.SetWeight("80", "kg", NURSE))
    ward.hear(dopamine_offer("O-2", channel_id="B"))
    assert ward.press(keys.NewPatient(NURSE)) == "Pause what is delivered first"
    ward.press(Pause("A", NURSE))
    assert ward.press(keys.NewPatient(NURSE)) == ""
    assert (ward.state("A"), ward.state("B")) == ("IDLE", "IDLE")
    assert ward.last("ended")["cause"] == "new_patient"
    assert ward.last("decision")["cause"] == "other_patient"
    assert ward.kept[-1]["kind"] == "patient_changed"
    kept = str(ward.pump.kept())
    for word in ("MRN-1", "Ada Example", "ORD-7"):
        assert word not in kept
    assert ward.pump.view(ward.now).weight == ""


def test_sr_03_another_patient_needs_new_patient_first():
    ward = Ward()
    assert ward.press(keys.SetPatient("MRN-1", "HOSP", NURSE, "Ada Example")) == ""
    assert ward.press(keys.SetPatient("MRN-2", "HOSP", NURSE)) == "Another patient is on this pump: press new patient first"
    ward.hear(dopamine_offer(patient={"id": "MRN-2", "authority": "HOSP"}))
    assert ward.codes() == {"9012"}


def test_d_03_the_care_area_is_the_one_selected_on_the_pump():
    ward = Ward(care_area="")
    ward.hear(dopamine_offer())
    assert ward.codes() == {"9029"}
    assert ward.press(keys.SetCareArea("MARS")) == "The library has no care area 'MARS'"
    assert ward.press(keys.SetCareArea("ICU")) == ""
    assert ward.last("care_area_changed")["care_area"] == "ICU"
    ward.hear(dopamine_offer("O-2"))
    assert ward.press(keys.SetCareArea("PEDS")) == "Answer the program that waits first"


def test_d_17_a_weight_at_the_pump_that_differs_is_shown_and_beyond_five_percent_refused():
    ward = Ward()
    ward.press(keys.SetWeight("78000", "g", NURSE))
    ward.hear(dopamine_offer())
    assert any("78,000 g" in caution.text for caution in ward.screen().program.cautions)
    other = Ward()
    other.press(keys.SetWeight("76", "kg", NURSE))
    other.hear(dopamine_offer())
    assert other.codes() == {"9011"}


def test_an_association_is_shown_and_starts_nothing():
    ward = Ward()
    ward.hear(
        {
            "frame": "associate",
            "association_id": "AS-1",
            "channel_id": "A",
            "patient": {"id": "MRN-1", "authority": "HOSP"},
            "order": "ORD-7",
        }
    )
    assert (ward.screen().order, ward.pump.view(ward.now).patient) == ("ORD-7", "MRN-1 (HOSP)")
    ward.hear(
        {"frame": "associate", "association_id": "AS-2", "channel_id": "B", "patient": {"id": "MRN-9", "authority": "HOSP"}, "order": "X"}
    )
    assert ward.screen("B").order == ""
    ward.hear({"frame": "dissociate", "association_id": "AS-1", "channel_id": "A"})
    assert ward.screen().order == ""
    assert ward.frames("started") == []


def test_sr_98_a_fault_is_injected_only_where_that_is_on():
    ward = Ward(faults=False).running()
    for key in (keys.Occlude("A"), keys.Air("A"), keys.InternalFault("A", "motor"), keys.FailSelfTest("motor"), keys.SetBattery("1")):
        assert ward.press(key) == "Fault injection is off"
    assert ward.state() == "INFUSING"
    assert ward.pump.view(ward.now).faults == ()
    assert ward.pump.view(ward.now).simulated is True


def test_amounts_are_shown_as_they_are_meant():
    assert str(Amount(Fraction(25000), "[iU]")) == "25,000 [iU]"
    assert str(Amount(Fraction(1, 3), "mL")) == "≈0.3333 mL"
    assert str(Amount(Fraction(1, 400_000), "mg")) == "0.0000025 mg"
