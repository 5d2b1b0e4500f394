"""What a channel runs, told as the clinical stories of IPEC (IHE DEV TF-2, Appendix M, Table M.1.2.1-4) and of the ward."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    AlarmCleared,
    AlarmRaised,
    BolusStarted,
    BolusStopped,
    ContactLost,
    ContactRegained,
    ContainerChanged,
    CountersReset,
    EditedAtPump,
    EndCause,
    Ended,
    Found,
    InfusionEvent,
    KvoEntered,
    NotDelivering,
    Paused,
    RateCause,
    RateChanged,
    Resumed,
    SegmentClosed,
    Source,
    Started,
    VolumeCompleted,
)
from interop.domain.events.nouns import Edit
from interop.domain.lifecycle.infusion import State, Stream, alert, apply, fold
from interop.domain.lifecycle.segments import Kind
from interop.domain.lifecycle.table import NoRow
from interop.domain.quantity import Quantity

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OPENING: dict[str, Any] = {
    "infusion_id": "INF-9",
    "pump_id": "PUMP-3",
    "channel_id": "A",
    "source": Source.PRIMARY,
    "programme_id": "PRG-5",
    "entry_key": "DOP-400-250",
    "drug": "dopamine",
    "concentration": Quantity.of("1.6", "mg/mL"),
    "dose_rate": Quantity.of("5", "ug/kg/min"),
    "vtbi": Quantity.of("250", "mL"),
    "dosing_weight": Quantity.of("75", "kg"),
}


def ml(text: str) -> Quantity:
    return Quantity.of(text, "mL")


def rate(text: str) -> Quantity:
    return Quantity.of(text, "mL/h")


def said(minute: int, delivered: str | None) -> dict[str, Any]:
    """Told ``minute`` minutes after eight by a pump whose clock is 40 s slow, with this reading of the cumulative counter."""
    at = EIGHT + timedelta(minutes=minute)
    pump = PumpSaid(at - timedelta(seconds=40), timedelta(seconds=40), "LOG-7", minute)
    return {"at": at + timedelta(seconds=1), "pump": pump, "delivered": None if delivered is None else ml(delivered)}


def told(minute: int) -> dict[str, Any]:
    return {key: value for key, value in said(minute, None).items() if key != "delivered"}


def started(minute: int, delivered: str | None = "0", at: str = "60") -> Started:
    return Started(**OPENING, **said(minute, delivered), rate=rate(at), by="RN-17")


def found(minute: int, delivered: str | None) -> Found:
    return Found(**{**OPENING, "programme_id": ""}, **said(minute, delivered), rate=rate("60"))


def changed(minute: int, delivered: str | None, old: str, new: str, cause: RateCause = RateCause.CLINICIAN) -> RateChanged:
    return RateChanged(**said(minute, delivered), old=rate(old), new=rate(new), dose_rate=None, cause=cause, programme_id="", by="")


def paused(minute: int, delivered: str | None, reason: NotDelivering = NotDelivering.BY_CLINICIAN) -> Paused:
    return Paused(**said(minute, delivered), reason=reason, by="")


def resumed(minute: int, delivered: str | None, at: str = "60") -> Resumed:
    return Resumed(**said(minute, delivered), rate=rate(at), dose_rate=None, by="")


def completed(minute: int, delivered: str | None) -> VolumeCompleted:
    return VolumeCompleted(**said(minute, delivered))


def kvo(minute: int, delivered: str | None) -> KvoEntered:
    return KvoEntered(**said(minute, delivered), rate=rate("5"))


def ended(minute: int, delivered: str | None, cause: EndCause = EndCause.CLEARED) -> Ended:
    return Ended(**said(minute, delivered), cause=cause, by="")


def bolus(minute: int, delivered: str | None) -> BolusStarted:
    return BolusStarted(
        **said(minute, delivered), source=Source.CLINICIAN, rate=rate("300"), dose=None, vtbi=ml("5"), programme_id="PRG-6", by="RN-17"
    )


def bolus_over(minute: int, delivered: str | None, volume: str | None, *, in_cumulative: bool = False) -> BolusStopped:
    return BolusStopped(
        **said(minute, delivered),
        volume=None if volume is None else ml(volume),
        dose=None,
        in_cumulative=in_cumulative,
        whole=True,
        rate_after=None,
    )


def reset(minute: int, before: str | None, delivered: str | None = "0") -> CountersReset:
    return CountersReset(**said(minute, delivered), before=None if before is None else ml(before))


def after(*events: InfusionEvent) -> Stream:
    stream = fold(events)
    assert stream is not None
    return stream


def history(stream: Stream) -> list[tuple[str, int, int, str, str]]:
    """Each closed interval as (kind, from minute, to minute, rate, volume); "?" for what was not told."""
    return [
        (
            segment.kind.value,
            (segment.start - EIGHT) // timedelta(minutes=1),
            (segment.end - EIGHT) // timedelta(minutes=1),
            str(segment.rate or "?"),
            str(segment.volume or "?"),
        )
        for segment in stream.segments
    ]


def test_a_new_infusion_runs_dry_keeps_the_vein_open_and_is_paused() -> None:
    running = after(started(0))
    assert (running.state, running.rate, running.volume) == (State.RUNNING, rate("60"), ml("0"))
    assert running.volume_is_exact
    done = apply(running, completed(250, "250"))
    assert (done.state, done.volume_done) == (State.RUNNING, True)
    vein_open = apply(done, kvo(250, "250"))
    assert (vein_open.state, vein_open.rate) == (State.KVO, rate("5"))
    assert vein_open.running_rate == rate("60")  # D-19: preselected for the next container
    still = apply(vein_open, paused(262, "251"))
    assert (still.state, still.rate) == (State.PAUSED, None)
    assert history(still) == [("rate", 0, 250, "60 mL/h", "250 mL"), ("kvo", 250, 262, "5 mL/h", "1 mL")]
    assert still.volume == ml("251")


def test_pause_and_resume_keep_the_cumulative_counter() -> None:
    stream = after(started(0), paused(30, "30"), resumed(45, "30"), paused(60, "45"))
    assert history(stream) == [("rate", 0, 30, "60 mL/h", "30 mL"), ("rate", 45, 60, "60 mL/h", "15 mL")]
    assert stream.volume == ml("45")
    assert stream.volume_is_exact


def test_a_rate_change_while_running_is_not_a_pause() -> None:
    stream = after(started(0), changed(30, "30", "60", "120"))
    assert stream.state is State.RUNNING
    assert stream.rate == stream.running_rate == rate("120")
    assert history(stream) == [("rate", 0, 30, "60 mL/h", "30 mL")]
    assert stream.segments[0].end == EIGHT + timedelta(minutes=30)  # the pump's time, corrected, and not ours


def test_sr_39_a_rate_that_the_clinician_sets_at_the_pump_is_documented_as_it_is() -> None:
    stream = after(
        started(0), EditedAtPump(**said(30, "30"), edits=(Edit("rate", rate("60"), rate("50")),), by="RN-17"), changed(30, "30", "60", "50")
    )
    assert stream.is_edited
    assert stream.rate == rate("50")
    assert not after(started(0)).is_edited


def test_a_piggyback_lets_the_primary_stand_still_and_has_a_story_of_its_own() -> None:
    primary = after(started(0), paused(30, "30", NotDelivering.SWITCHING_SOURCE), resumed(60, "30"))
    secondary = after(
        replace(started(30), infusion_id="INF-10", source=Source.SECONDARY), completed(60, "30"), ended(60, "30", EndCause.COMPLETED)
    )
    assert primary.state is State.RUNNING
    assert (secondary.state, secondary.ended_because, secondary.volume) == (State.ENDED, EndCause.COMPLETED, ml("30"))


@pytest.mark.parametrize(("in_cumulative", "reading"), [(False, "30"), (True, "35")])
def test_d_21_after_a_bolus_the_previous_rate_goes_on_and_its_volume_counts_once(in_cumulative: bool, reading: str) -> None:
    during = after(started(0), bolus(30, "30"))
    assert (during.state, during.rate, during.running_rate) == (State.RUNNING, rate("300"), rate("60"))
    stream = apply(during, bolus_over(31, reading, "5", in_cumulative=in_cumulative))
    assert stream.rate == rate("60")
    assert stream.volume == ml("35")
    stream = apply(stream, paused(61, str(int(reading) + 30)))
    assert history(stream) == [
        ("rate", 0, 30, "60 mL/h", "30 mL"),
        ("bolus", 30, 31, "300 mL/h", "5 mL"),
        ("rate", 31, 61, "60 mL/h", "30 mL"),
    ]
    assert stream.volume == ml("65")
    assert stream.volume_is_exact


def test_a_pump_that_tells_another_rate_after_the_bolus_is_believed() -> None:
    stream = after(started(0), bolus(30, "30"), replace(bolus_over(31, "30", "5"), rate_after=rate("40")))
    assert stream.rate == stream.running_rate == rate("40")


def test_a_rate_changed_during_a_bolus_comes_after_it() -> None:
    during = after(started(0), bolus(30, "30"), changed(31, None, "60", "90"))
    assert (during.rate, during.running_rate) == (rate("300"), rate("90"))
    assert apply(during, bolus_over(32, "30", "5")).rate == rate("90")


def test_a_bolus_that_an_alarm_cut_off_without_telling_its_volume_leaves_the_total_at_least() -> None:
    stream = after(started(0), bolus(30, "30"), paused(31, "30", NotDelivering.ALARMING), resumed(40, "30"), paused(50, "40"))
    assert history(stream) == [
        ("rate", 0, 30, "60 mL/h", "30 mL"),
        ("bolus", 30, 31, "300 mL/h", "?"),
        ("rate", 40, 50, "60 mL/h", "10 mL"),
    ]
    assert stream.volume == ml("40")
    assert not stream.volume_is_exact


def test_a_bolus_told_only_at_its_end_blurs_the_interval_but_not_the_total() -> None:
    stream = after(started(0), bolus_over(30, "34", "5", in_cumulative=True))
    assert history(stream) == [("rate", 0, 30, "60 mL/h", "?")]
    assert (stream.volume, stream.volume_is_exact) == (ml("34"), True)


def test_a_loading_dose_goes_over_into_the_continuous_rate() -> None:
    stream = after(replace(started(0, at="200"), source=Source.LOADING), changed(15, "50", "200", "60", RateCause.PUMP))
    assert history(stream) == [("rate", 0, 15, "200 mL/h", "50 mL")]
    assert stream.rate == rate("60")


def test_a_multistep_or_ramp_is_one_infusion_of_many_rates() -> None:
    stream = after(
        started(0, at="20"),
        changed(30, "10", "20", "40", RateCause.PUMP),
        changed(60, "30", "40", "20", RateCause.PUMP),
        completed(90, "40"),
    )
    assert [segment.volume for segment in stream.segments] == [ml("10"), ml("20")]
    assert (stream.state, stream.volume, stream.volume_done) == (State.RUNNING, ml("40"), True)


def test_an_intermittent_infusion_stands_still_between_doses_and_ends_at_its_volume() -> None:
    stream = after(
        started(0),
        paused(30, "30", NotDelivering.BETWEEN_DOSES),
        resumed(240, "30"),
        completed(270, "60"),
        ended(270, "60", EndCause.COMPLETED),
    )
    assert (stream.state, stream.ended_because, stream.volume) == (State.ENDED, EndCause.COMPLETED, ml("60"))


def test_an_alarm_stops_the_pump_and_it_is_started_again() -> None:
    alarm = AlarmRaised(**told(30), alarm_id="AL-1", code="197360", priority="PH", text="Downstream occlusion")
    stopped = after(started(0), alarm, paused(30, "30", NotDelivering.ALARMING))
    assert (stopped.state, stopped.alarms) == (State.PAUSED, (alarm,))
    again = after(started(0), alarm, paused(30, "30", NotDelivering.ALARMING), AlarmCleared(**told(31), alarm_id="AL-1"), resumed(32, "30"))
    assert (again.state, again.alarms) == (State.RUNNING, ())


def test_d_26_an_alarm_told_again_is_one_alarm_and_the_end_of_an_unknown_one_changes_nothing() -> None:
    low = AlarmRaised(**told(30), alarm_id="AL-1", code="196802", priority="PL", text="Battery low")
    high = replace(low, priority="PH")
    assert after(started(0), low, high).alarms == (high,)
    assert after(started(0), low, AlarmCleared(**told(31), alarm_id="AL-0")).alarms == (low,)


def test_a_changed_vtbi_closes_a_segment_at_the_same_rate() -> None:
    stream = after(started(0), SegmentClosed(**said(30, "30")))
    assert history(stream) == [("rate", 0, 30, "60 mL/h", "30 mL")]
    assert (stream.state, stream.rate) == (State.RUNNING, rate("60"))
    assert after(started(0), kvo(30, "30"), SegmentClosed(**said(42, "31"))).rate == rate("5")


def test_a_pump_that_says_complete_and_stands_still_without_kvo() -> None:
    assert after(started(0), completed(60, "60"), paused(60, "60", NotDelivering.ALARMING)).state is State.PAUSED
    late = after(started(0), paused(60, "60", NotDelivering.ALARMING), completed(60, "60"))
    assert (late.state, late.volume_done) == (State.PAUSED, True)
    assert after(started(0), kvo(60, "60"), completed(60, "60")).state is State.KVO


@pytest.mark.parametrize("before", [(), (completed(60, "60"), kvo(60, "60")), (completed(60, "60"), paused(60, "60"))])
def test_d_19_the_next_container_changes_container_and_vtbi_only(before: tuple[InfusionEvent, ...]) -> None:
    hung = ContainerChanged(**said(61, "60"), container_id="BAG-2", vtbi=ml("250"), programme_id="PRG-7", by="RN-17")
    earlier = after(started(0), *before)
    stream = apply(earlier, hung)
    assert (stream.state, stream.rate, stream.running_rate) == (earlier.state, earlier.rate, rate("60"))
    assert not stream.volume_done


def test_sr_87_an_infusion_in_kvo_runs_again_with_the_next_container() -> None:
    stream = after(started(0), completed(60, "60"), kvo(60, "60"), resumed(70, "61"))
    assert (stream.state, stream.rate, stream.volume_done) == (State.RUNNING, rate("60"), False)


def test_sr_45_a_lost_pump_is_stale_and_nothing_else_is_known() -> None:
    heard = EIGHT + timedelta(minutes=30)
    lost = ContactLost(at=heard + timedelta(seconds=30), last_heard_at=heard)
    for before in (started(0),), (started(0), paused(10, "10")), (started(0), kvo(10, "10")):
        earlier = after(*before)
        stream = apply(earlier, lost)
        assert stream.stale_since == heard
        assert replace(stream, stale_since=None) == earlier
        assert apply(stream, ContactRegained(at=heard + timedelta(minutes=5))) == earlier


def test_sr_48_a_channel_found_running_has_given_an_unknown_volume_before() -> None:
    stream = after(found(0, "120"), paused(30, "150"))
    assert stream.programme_id == ""
    assert stream.association is None
    assert history(stream) == [("rate", 0, 30, "60 mL/h", "30 mL")]
    assert (stream.volume, stream.volume_is_exact) == (ml("30"), False)


@pytest.mark.parametrize(("next_word", "state"), [(paused(0, "120"), State.PAUSED), (kvo(0, "120"), State.KVO)])
def test_sr_48_a_channel_found_standing_still_has_no_interval_of_no_time(next_word: InfusionEvent, state: State) -> None:
    stream = after(found(0, "120"), next_word)
    assert (stream.state, stream.segments) == (state, ())


def test_an_infusion_ends_in_the_record_by_idleness_order_or_statement_without_a_reading() -> None:
    quiet: dict[str, Any] = {"at": EIGHT + timedelta(hours=13), "pump": None, "delivered": None}
    stream = after(started(0), paused(60, "60"), Ended(**quiet, cause=EndCause.IDLE, by=""))
    assert (stream.state, stream.volume, stream.volume_is_exact) == (State.ENDED, ml("60"), True)
    sworn = after(started(0), Ended(**quiet, cause=EndCause.ATTESTED, by="RN-17"))
    assert history(sworn) == [("rate", 0, 780, "60 mL/h", "?")]


def test_d_09_what_had_been_closed_and_runs_again_is_running_and_an_alert() -> None:
    closed = after(started(0), paused(60, "60"), ended(60, "60", EndCause.IDLE))
    assert alert(closed, resumed(90, "60")) == "An infusion that had been closed as ended runs again. Look at the pump."
    stream = apply(closed, resumed(90, "60"))
    assert (stream.state, stream.ended_because, stream.rate) == (State.RUNNING, None, rate("60"))
    assert alert(None, started(0)) == ""
    assert alert(stream, paused(95, "65")) == ""


@pytest.mark.parametrize("event", [paused(60, "60"), kvo(60, "60"), changed(60, "60", "60", "90"), bolus(60, "60"), started(60)])
def test_what_cannot_happen_to_an_ended_infusion_reaches_a_person(event: InfusionEvent) -> None:
    with pytest.raises(NoRow):
        after(started(0), ended(30, "30"), event)


def test_a_story_that_does_not_begin_with_a_start_reaches_a_person() -> None:
    with pytest.raises(NoRow) as caught:
        after(paused(0, "0"))
    assert caught.value.state is None


def test_sr_51_a_counter_that_is_cleared_while_it_runs_loses_nothing() -> None:
    stream = after(started(0), reset(30, "30"), paused(60, "30"))
    assert history(stream) == [("rate", 0, 60, "60 mL/h", "60 mL")]
    assert (stream.volume, stream.volume_is_exact) == (ml("60"), True)


def test_sr_51_a_counter_that_was_cleared_without_its_last_value_leaves_a_gap_and_no_guess() -> None:
    stream = after(started(0), reset(30, None), changed(60, "30", "60", "90"), paused(70, "45"))
    assert history(stream) == [("rate", 0, 60, "60 mL/h", "?"), ("rate", 60, 70, "90 mL/h", "15 mL")]
    assert (stream.volume, stream.volume_is_exact) == (ml("45"), False)


def test_sr_51_the_same_reset_told_again_adds_nothing_and_reaches_a_person() -> None:
    with pytest.raises(NoRow, match="its volume was added before"):
        after(started(0), reset(30, "30"), reset(30, "30"))


def test_sr_51_the_same_bolus_told_again_adds_nothing_and_reaches_a_person() -> None:
    with pytest.raises(NoRow, match="its volume was added before"):
        after(started(0), bolus(30, "30"), bolus_over(31, "30", "5"), bolus_over(31, "30", "5"))
    twice = after(started(0), bolus(30, "30"), bolus_over(31, "30", "5"), bolus(40, "39"), bolus_over(41, "39", "5"))
    assert twice.volume == ml("49")


def test_sr_51_a_bolus_whose_repeat_could_not_be_known_is_not_added() -> None:
    nameless = replace(bolus_over(31, "30", "5"), pump=None)
    stream = after(started(0), bolus(30, "30"), nameless, nameless)
    assert (stream.volume, stream.volume_is_exact) == (ml("30"), False)
    cleared = replace(reset(30, "30"), pump=None)
    assert after(started(0), cleared, cleared).volume == ml("0")


def test_sr_51_a_word_from_before_a_reset_that_comes_again_is_not_counted_again() -> None:
    with pytest.raises(NoRow, match="said before what is known already"):
        after(started(0), SegmentClosed(**said(20, "20")), reset(30, "30"), SegmentClosed(**said(20, "20")))
    same_word = SegmentClosed(**said(30, "30"))
    assert after(started(0), same_word, reset(30, "30"), same_word).volume == ml("30")


def test_sr_14_a_late_word_sets_no_old_rate() -> None:
    with pytest.raises(NoRow, match="said before what is known already"):
        after(started(0), changed(30, "30", "60", "90"), changed(20, "20", "60", "120"))
    with pytest.raises(NoRow, match=r"infusion\.paused in state running: said before") as caught:
        after(started(0), changed(30, "30", "60", "90"), paused(20, "20"))
    assert caught.value.state is State.RUNNING  # the state it came into, not the one it asked for


def test_a_reading_without_a_place_in_time_is_not_counted() -> None:
    nameless = replace(SegmentClosed(**said(30, "30")), pump=None)
    stream = after(started(0), nameless)
    assert stream.volume == ml("0")
    assert stream.segments[0].volume is None
    assert apply(stream, paused(60, "60")).volume == ml("60")


def test_an_interval_of_no_time_in_which_something_was_given_is_kept() -> None:
    at_once = changed(0, "0.5", "60", "90")
    assert at_once.pump is not None
    stream = after(started(0), replace(at_once, pump=replace(at_once.pump, number=1)))
    assert history(stream) == [("rate", 0, 0, "60 mL/h", "0.5 mL")]


def test_the_kinds_of_interval_are_rate_kvo_and_bolus() -> None:
    assert {kind.value for kind in Kind} == {"rate", "kvo", "bolus"}
