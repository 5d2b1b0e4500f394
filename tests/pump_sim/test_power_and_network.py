"""What survives: power loss, an empty battery, a lost network, a damaged library, a full log."""

import pytest

from pump_sim import keys
from pump_sim.clock import Now
from pump_sim.keys import Clear, Confirm, Pause, PowerOff, PowerOn, Resume
from pump_sim.pump import NewLibrary, Pump
from tests.pump_sim.ward import EIGHT, NURSE, Ward, amount, dopamine_offer


def reborn(ward: Ward, *, off_for_s: float = 60) -> Ward:
    """Power went without a word, and comes back after a while."""
    ward.pump = ward.pump.after_power_loss()
    ward.now = Now(ward.now.later(int(off_for_s * 1_000_000)).wall, 0, 0)  # another monotonic clock
    ward.press(PowerOn())
    return ward


def kinds(frames: list[dict]) -> list[str]:
    return [frame.get("kind", frame["frame"]) for frame in frames]


# ── power ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_69_after_a_power_loss_programme_and_totals_are_kept_and_nothing_restarts_by_itself():
    ward = Ward().running()
    ward.wait(1800)
    number = len(ward.kept)
    reborn(ward)
    assert kinds(ward.kept[number:])[:2] == ["power_on", "paused"]
    assert ward.last("paused")["cause"] == "power"
    assert ward.last("paused")["delivered"] == amount("15 mL")
    assert ward.state() == "PAUSED"
    ward.wait(3600)
    assert ward.pump.counted("A", ward.now) == 15
    assert ward.screen().run.set_rate == "30 mL/h"
    assert ward.press(Resume("A", NURSE)) == ""
    ward.wait(3600)
    assert ward.pump.counted("A", ward.now) == 45
    assert {frame["infusion_id"] for frame in ward.frames("started")} == {ward.last("resumed")["infusion_id"]}


def test_sr_69_a_power_loss_that_the_pump_notices_is_told_at_once():
    ward = Ward().running()
    ward.wait(600)
    assert ward.press(PowerOff()) == ""
    assert kinds(ward.kept)[-2:] == ["power_lost", "paused"]
    assert ward.out.close == 1001
    ward.wait(600)
    assert ward.press(Resume("A", NURSE)) == "The pump is off"
    ward.press(PowerOn())
    assert ward.state() == "PAUSED"
    assert ward.pump.counted("A", ward.now) == 5
    assert kinds(ward.kept)[-1] == "power_on"


@pytest.mark.parametrize("until", ["shown", "opened", "confirmed"])
def test_sr_69_what_was_not_started_is_gone_after_a_power_loss_and_that_is_told(until):
    ward = Ward()
    ward.hear(dopamine_offer())
    for key in (keys.OpenOffer("A", NURSE), Confirm("A", NURSE))[: ["shown", "opened", "confirmed"].index(until)]:
        ward.press(key)
    reborn(ward)
    assert ward.state() == "IDLE"
    said = ward.last("decision")
    assert (said["decision"], said["cause"], said["text"]) == ("rejected", "cleared", "power was lost")
    ward.connect()
    ward.hear(dopamine_offer())
    assert ward.codes() == {"9016.replayed"}  # the tombstone survived


def test_sr_69_a_titration_that_waited_is_gone_and_the_run_stands_at_its_old_rate():
    from tests.pump_sim.ward import titration_offer

    ward = Ward().running()
    ward.hear(titration_offer(ward))
    reborn(ward)
    assert ward.screen().change is None
    assert ward.screen().run.set_rate == "30 mL/h"
    assert ward.last("decision")["text"] == "power was lost"


def test_power_on_of_a_pump_that_is_on_changes_nothing():
    ward = Ward().running()
    number = len(ward.kept)
    ward.press(PowerOn())
    assert ward.kept[number:] == []
    assert ward.state() == "INFUSING"


def test_an_infusion_id_is_never_used_twice_also_after_power_losses():
    ward = Ward()
    for number in range(4):
        ward.running(dopamine_offer(f"O-{number}"))
        reborn(ward)
        ward.connect()
        ward.press(Clear("A", NURSE))
    ids = [frame["infusion_id"] for frame in ward.frames("started")]
    assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize("what", keys.SELF_TESTS)
def test_sr_62_a_failed_self_test_stops_with_its_reason_and_delivers_nothing(what):
    ward = Ward()
    ward.press(keys.FailSelfTest(what))
    ward.press(PowerOff())
    ward.press(PowerOn())
    assert ward.state() == "FAULT"
    assert what in ward.screen().alarms[0].text
    for key in (keys.Program("A", NURSE), keys.Start("A", NURSE), Resume("A", NURSE)):
        assert ward.press(key) != ""
    ward.connect()
    ward.hear(dopamine_offer())
    assert ward.codes() >= {"9017", "9033"}


def test_sr_62_nothing_is_done_before_the_power_on_self_test():
    ward = Ward()
    off = Pump(ward.pump._m.config, ward.pump._m.library)
    now = Now.at(EIGHT, 0)
    assert off.handle(keys.Program("A", NURSE), now).refused == "The pump is off"
    assert off.handle(keys.Start("A", NURSE), now).refused == "The pump is off"


# ── battery ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_91_on_battery_delivery_goes_on_and_the_minutes_left_are_shown():
    ward = Ward().running()
    ward.press(keys.Unplug())
    ward.wait(3600)
    shown = ward.pump.view(ward.now)
    assert (shown.power, shown.battery_minutes, shown.battery_percent) == ("battery", 180, 75)
    assert ward.state() == "INFUSING"
    assert "On battery" in shown.notices
    ward.press(keys.Plug())
    assert ward.pump.view(ward.now).battery_minutes is None


def test_sr_89_sr_90_low_thirty_minutes_before_then_a_stop_with_an_alarm_of_three_minutes_then_off():
    ward = Ward(connected=False).by_hand(rate="10", vtbi="1000")
    ward.press(keys.Unplug())
    ward.wait(210 * 60 - 1)
    assert len(ward.frames("alarm_raised")) == 1  # on battery
    ward.wait(1)
    assert ward.last("alarm_raised")["text"].startswith("Battery low")
    ward.wait(30 * 60)
    assert ward.state() == "ALARM_STOPPED"
    assert ward.last("paused")["cause"] == "power"
    assert ward.press(Resume("A", NURSE)) != ""
    ward.wait(179)
    assert ward.pump.view(ward.now).power == "battery"
    ward.wait(1)
    assert ward.pump.view(ward.now).power == "off"
    assert ward.last("power_lost")
    ward.press(PowerOn())
    assert ward.pump.view(ward.now).power == "off"  # there is nothing to run on


# ── network ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def log_said(ward: Ward) -> list[int]:
    return [frame["number"] for frame in ward.said if "number" in frame]


def test_the_first_word_is_hello_and_the_log_follows_the_servers_ack():
    ward = Ward(connected=False)
    from pump_sim.pump import Connected

    ward.give(Connected())
    assert [frame["frame"] for frame in ward.said] == ["hello"]
    hello = ward.said[0]
    assert hello["simulated"] is True  # SR-98
    assert hello["log"] == {"log_id": ward.pump.log_id, "first": 1, "next": 2}
    assert hello["library"] == {"id": "WARD", "version": "42", "hash": "ab" * 32}
    assert set(hello["can"]) == {"withdraw", "read_back", "titrate", "second_check"}
    ward.ack(0)
    assert log_said(ward) == [1]


def test_sr_96_therapy_goes_on_without_a_network_and_a_days_events_are_told_once_in_order_with_their_times():
    ward = Ward()
    ward.ack(ward.kept[-1]["number"])
    ward.running()
    ward.ack(ward.kept[-1]["number"])
    told = log_said(ward)
    ward.disconnect()
    for _ in range(12):
        ward.wait(7200)
        ward.press(Pause("A", NURSE))
        ward.wait(10)
        ward.press(Resume("A", NURSE))
    assert ward.state() in ("INFUSING", "KVO")
    before = len(ward.said)
    ward.connect(up_to=told[-1])
    replayed = [frame for frame in ward.said[before:] if "number" in frame]
    assert [frame["number"] for frame in replayed] == list(range(told[-1] + 1, ward.kept[-1]["number"] + 1))
    assert replayed == ward.kept[told[-1] :]
    assert kinds(replayed)[0] == "network_lost"
    assert kinds(replayed)[-1] == "network_regained"
    assert [frame["at"] for frame in replayed] == sorted(frame["at"] for frame in replayed)


def test_sr_49_the_alarm_at_the_bedside_needs_no_server():
    ward = Ward().running()
    ward.disconnect()
    assert [alarm.text for alarm in ward.screen("A").alarms] == []
    ward.press(keys.OpenDoor("A"))
    assert ward.state() == "ALARM_STOPPED"
    assert "Door open" in [alarm.text for alarm in ward.screen("A").alarms]
    assert ward.screen().silenced_s == 0  # it sounds


def test_sr_96_what_is_acknowledged_is_forgotten_and_what_is_not_is_told_again():
    ward = Ward().running()
    last = ward.kept[-1]["number"]
    ward.ack(2)
    ward.disconnect()
    before = len(ward.said)
    ward.connect(up_to=2)
    assert [frame["number"] for frame in ward.said[before:] if "number" in frame][: last - 2] == list(range(3, last + 1))
    ward.ack(ward.kept[-1]["number"])
    assert ward.pump._m.log.first == ward.pump._m.log.next


def test_sr_96_a_long_log_waits_and_is_told_by_windows():
    ward = Ward().running()
    ward.disconnect()
    for _ in range(400):
        ward.press(Pause("A", NURSE))
        ward.wait(1)
        ward.press(Resume("A", NURSE))
        ward.wait(1)
    before = len(ward.said)
    ward.connect()
    last = ward.kept[-1]["number"]
    while log_said(ward)[-1] < last:
        ward.ack(log_said(ward)[-1])
    numbers = [frame["number"] for frame in ward.said[before:] if "number" in frame]
    assert numbers == list(range(1, last + 1))


def test_an_ack_of_another_log_forgets_nothing():
    ward = Ward().running()
    ward.ack(5, log_id="another")
    assert ward.pump._m.log.first == 1


def test_sr_45_a_heartbeat_every_ten_seconds_and_a_status_every_five_while_it_delivers():
    ward = Ward()
    before = len(ward.said)
    ward.wait(60, in_steps_of=1)
    assert [frame["frame"] for frame in ward.said[before:]] == ["heartbeat"] * 6
    ward.running()
    before = len(ward.said)
    ward.wait(60, in_steps_of=1)
    said = [frame["frame"] for frame in ward.said[before:]]
    assert (said.count("heartbeat"), said.count("status")) == (6, 12)


def test_the_pump_says_when_it_wants_to_be_asked_again():
    ward = Ward()
    assert ward.pump.next_due(ward.now) is None
    assert ward.pump.next_word_due(ward.now) == 10_000_000
    ward.running()
    assert ward.pump.next_word_due(ward.now) == 5_000_000
    assert ward.pump.next_due(ward.now) == (250 * 120 - 600) * 1_000_000  # near its end


def test_a_change_is_told_at_once_and_only_of_the_channel_that_changed():
    ward = Ward()
    before = len(ward.said)
    ward.press(keys.OpenDoor("B"))
    (status,) = ward.said[before:]
    assert [(channel["channel_id"], channel["door_open"]) for channel in status["channels"]] == [("B", True)]


def test_sr_46_a_read_back_is_answered_with_every_channel():
    ward = Ward().running()
    ward.hear({"frame": "read_back", "request_id": "R-1"})
    status = next(frame for frame in ward.out.say if frame.get("request_id") == "R-1")
    assert [channel["channel_id"] for channel in status["channels"]] == ["A", "B"]
    assert status["channels"][0]["run"]["offer_id"] == "O-1"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"frame":"offer"}', '{"frame":5}', '{"frame":"ack","up_to":1.5}', '{"frame":"offer_shown"}', "x" * 70_000],
)
def test_sec_43_damaged_traffic_closes_the_link_and_the_flow_goes_on(text):
    from pump_sim.pump import Received

    ward = Ward().running()
    ward.wait(600)
    assert ward.give(Received(text)).close == 1008
    ward.wait(600)
    assert ward.state() == "INFUSING"
    assert ward.pump.counted("A", ward.now) == 10


# ── library ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_94_without_a_library_nothing_of_it_starts_and_what_runs_goes_on():
    ward = Ward().running()
    ward.give(NewLibrary(None, "damaged: its sha256 does not match"))
    assert ward.last("library_changed")["library"] is None
    assert ward.state() == "INFUSING"
    assert "No drug library: damaged: its sha256 does not match" in ward.pump.view(ward.now).notices
    assert ward.last("alarm_raised")["priority"] == "PM"
    ward.hear(dopamine_offer("O-2", channel_id="B"))
    assert ward.codes() == {"9016.library-version"}
    assert ward.press(keys.Program("B", NURSE, "NS")) == "There is no usable drug library: only rate and volume can be set"
    ward.by_hand("B", entry_key="")  # therapy without the library stays possible (SR-48)
    assert ward.state("B") == "INFUSING"
