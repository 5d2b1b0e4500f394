"""Stage 7, told as on the ward: which messages follow from what a pump says, for whom, and which never do (IHE DEV TF-2, Table M.1.2.1-4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.document import About, Delivery, Document, Kind, Reported
from interop.domain.events.association import AssociationBasis, SuspensionCause
from interop.domain.events.infusion import (
    BolusStarted,
    BolusStopped,
    ContainerChanged,
    CountersReset,
    EndCause,
    InfusionEvent,
    NotDelivering,
    Source,
)
from interop.domain.events.programme import Attempt, Expired, NeverSeen, Planned, RejectCause, Rejected, Withdrawn
from interop.domain.pump import ChannelReport, Run
from interop.stages.document import SERVERS_OWN, documents, periodic, programme_ended
from interop.stages.told import steps_of
from tests.wards.infusions import (
    BEGUN,
    EIGHT,
    ORDER,
    OTHER_PATIENT,
    PATIENT,
    about,
    associated,
    back_filled,
    changed,
    dissociated,
    ended,
    found,
    in_doubt,
    kvo,
    lost,
    ml,
    no_doubt,
    offered,
    paused,
    rate,
    regained,
    resumed,
    said,
    started,
    voided,
    volume_done,
    without_clock,
)

STARTED, STOPPED, COMPLETED, STATUS = Kind.DELIVERY_STARTED, Kind.DELIVERY_STOPPED, Kind.DELIVERY_COMPLETED, Kind.STATUS
CONTACT = Kind.CONTACT_CHANGED


def told(history: Sequence[InfusionEvent], *events: InfusionEvent, of: About | None = None) -> list[Document]:
    return list(documents(steps_of([*history, *events]), len(history), of or about()))


def story(*events: InfusionEvent, of: About | None = None) -> Iterator[Document]:
    """All that is told, event by event, each in a commit of its own."""
    for count in range(len(events)):
        yield from told(events[:count], events[count], of=of)


def kinds(documents: Sequence[Document]) -> list[Kind]:
    return [each.kind for each in documents]


def pcd_10(documents: Sequence[Document]) -> list[tuple[Kind, Delivery | None]]:
    return [(each.kind, each.delivery) for each in documents if each.kind is not STATUS]


# ── the stories of the Technical Framework ──────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_01_a_confirmed_program_that_is_started_is_told_as_a_start_with_its_rate_dose_and_volume():
    start, status = told([], *BEGUN)
    assert (start.kind, start.delivery, status.kind) == (STARTED, Delivery.DELIVERING, STATUS)
    assert (start.rate, start.flow, start.vtbi) == (rate("15.4"), rate("15.4"), ml("250"))
    assert (start.segment_volume, start.total, start.vtbi_left) == (ml("0"), ml("0"), None)
    assert start.happened_at == EIGHT, "the pump's own time, with the 40 s that its clock is slow"


def test_a_change_of_rate_is_a_stop_transitioning_with_the_old_rate_and_a_start_and_never_a_pause():
    stop, start, status = told(BEGUN, changed(30, "7.7", "18.5", "6", programme="PRG-6"))
    assert (stop.kind, stop.delivery, stop.rate, stop.reason) == (STOPPED, Delivery.TRANSITIONING, rate("15.4"), None)
    assert (start.kind, start.delivery, start.rate) == (STARTED, Delivery.DELIVERING, rate("18.5"))
    assert (stop.segment_volume, stop.total, start.segment_volume, start.total) == (ml("7.7"), ml("7.7"), ml("0"), ml("7.7"))
    assert (status.delivery, status.rate) == (Delivery.DELIVERING, rate("18.5"))


def test_a_pause_is_a_stop_not_delivering_with_its_reason_and_going_on_a_start_whose_total_goes_on():
    stop, still = told(BEGUN, paused(30, "7.7"))
    assert (stop.kind, stop.delivery, stop.reason, stop.flow) == (
        STOPPED,
        Delivery.NOT_DELIVERING,
        NotDelivering.BY_CLINICIAN,
        rate("0"),
    )
    assert (still.delivery, still.reason, still.segment_volume) == (Delivery.NOT_DELIVERING, NotDelivering.BY_CLINICIAN, None)
    start, _ = told([*BEGUN, paused(30, "7.7")], resumed(35, "7.7"))
    assert (start.kind, start.segment_volume, start.total) == (STARTED, ml("0"), ml("7.7"))


def test_the_end_of_the_volume_is_a_complete_transitioning_then_a_start_of_kvo_and_the_end_a_stop():
    events = [*BEGUN, volume_done(900, "250"), kvo(900, "250"), ended(960, "251")]
    assert pcd_10(list(story(*events)))[1:] == [
        (COMPLETED, Delivery.TRANSITIONING),
        (STARTED, Delivery.KVO),
        (STOPPED, Delivery.NOT_DELIVERING),
    ]
    complete = told(BEGUN, volume_done(900, "250"))[0]
    assert (complete.vtbi_left, complete.segment_volume, complete.total) == (ml("0"), ml("250"), ml("250"))
    keeping = told([*BEGUN, volume_done(900, "250")], kvo(900, "250"))[0]
    assert (keeping.rate, keeping.vtbi, keeping.dose_rate) == (rate("1"), ml("0"), None)


def test_kvo_that_comes_without_a_word_of_completion_ends_the_interval_before_it():
    assert pcd_10(told(BEGUN, kvo(900, "250"))) == [(STOPPED, Delivery.TRANSITIONING), (STARTED, Delivery.KVO)]


def test_a_completion_that_is_told_after_the_stop_is_told_as_it_stands():
    events = [*BEGUN, paused(900, "250", NotDelivering.ALARMING)]
    assert pcd_10(told(events, volume_done(901, "250"))) == [(COMPLETED, Delivery.NOT_DELIVERING)]


def test_an_infusion_that_ends_at_its_volume_with_nothing_told_before_is_a_complete():
    (complete, _) = told(BEGUN, ended(900, "250", EndCause.COMPLETED))
    assert (complete.kind, complete.delivery) == (COMPLETED, Delivery.NOT_DELIVERING)


def test_a_bolus_by_hand_is_a_stop_and_a_start_of_its_own_source_and_back():
    bolus: dict[str, Any] = {
        "source": Source.CLINICIAN,
        "rate": rate("300"),
        "dose": None,
        "vtbi": ml("5"),
        "programme_id": "",
        "by": "RN-17",
    }
    begins = BolusStarted(**said(30, "7.7"), **bolus)
    over = BolusStopped(**said(31, "7.7"), volume=ml("5"), dose=None, in_cumulative=False, whole=True, rate_after=None)
    first = [each for each in told(BEGUN, begins) if each.kind is not STATUS]
    assert [(each.kind, each.source) for each in first] == [(STOPPED, Source.PRIMARY), (STARTED, Source.CLINICIAN)]
    second = [each for each in told([*BEGUN, begins], over) if each.kind is not STATUS]
    assert [(each.kind, each.source, each.segment_volume) for each in second] == [
        (STOPPED, Source.CLINICIAN, ml("5")),
        (STARTED, Source.PRIMARY, ml("0")),
    ]
    assert second[1].total == ml("12.7")


def test_a_further_container_is_no_event_of_the_framework_and_is_told_as_a_status():
    hung = ContainerChanged(**said(30, "7.7"), container_id="", vtbi=ml("250"), programme_id="", by="RN-17")
    assert kinds(told(BEGUN, hung)) == [STATUS]


# ── what is not told ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cause", sorted(SERVERS_OWN, key=lambda cause: cause.value))
def test_sr_45_what_the_server_concludes_never_says_that_a_channel_stopped(cause):
    assert told([*BEGUN, volume_done(900, "250"), kvo(900, "250")], ended(960, None, cause)) == []


def test_sr_45_a_lost_pump_is_told_with_its_last_time_and_without_a_word_on_the_infusion():
    (gone,) = told(BEGUN, lost(31, 30))
    assert (gone.kind, gone.is_online, gone.delivery, gone.rate, gone.total) == (CONTACT, False, None, None, None)
    assert (EIGHT.replace(minute=30)).isoformat() in gone.words
    (back,) = told([*BEGUN, lost(31, 30)], regained(40))
    assert (back.kind, back.is_online) == (CONTACT, True)


def test_sr_45_while_it_is_lost_no_status_says_how_things_stand():
    assert reported_of([*BEGUN, lost(31, 30)]) is None


def test_sr_51_a_reset_of_the_counters_is_not_told_as_one_for_the_totals_go_on_over_it():
    cleared = CountersReset(**said(30, "0"), before=ml("7.7"))
    (status,) = told(BEGUN, cleared)
    assert (status.kind, status.total) == (STATUS, ml("7.7"))
    stop, _ = told([*BEGUN, cleared], paused(60, "7.7"))
    assert (stop.total, stop.segment_volume) == (ml("15.4"), ml("15.4"))


def test_sr_51_a_total_that_cannot_be_told_exactly_is_told_as_no_number():
    stop, _ = told([*BEGUN, changed(30, "7.7", "18.5")], paused(60, None))
    assert (stop.total, stop.total_at_least, stop.segment_volume) == (None, ml("7.7"), None)


# ── whose it is ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_50_what_is_nobodys_is_told_to_nobody():
    by_hand = [started(0, programme=""), paused(5, "1"), resumed(6, "1"), changed(10, "2", "20"), ended(20, "5")]
    assert list(story(*by_hand)) == []


def test_sr_50_an_association_by_a_scan_tells_what_comes_after_it_and_nothing_from_before():
    before = [started(0, programme=""), associated(30, basis=AssociationBasis.BEDSIDE_SCAN)]
    assert list(story(*before)) == []
    stop, _ = told(before, paused(40, "10"))
    assert (stop.kind, stop.patient) == (STOPPED, PATIENT)


def test_sr_50_a_word_from_before_the_scan_that_arrives_after_it_waits():
    before = [started(0, programme=""), associated(30, basis=AssociationBasis.BEDSIDE_SCAN)]
    assert told(before, paused(20, "5")) == []


def test_sr_50_a_back_fill_tells_what_waited_once_in_order_and_with_the_times_of_the_pump():
    waited = [started(0, programme=""), changed(30, "7.7", "20"), paused(60, "17.7")]
    now_told = told(waited, back_filled(90, since=-1))
    assert pcd_10(now_told) == [
        (STARTED, Delivery.DELIVERING),
        (STOPPED, Delivery.TRANSITIONING),
        (STARTED, Delivery.DELIVERING),
        (STOPPED, Delivery.NOT_DELIVERING),
    ]
    assert [each.happened_at.minute for each in now_told[:4]] == [0, 30, 30, 0]
    assert len({each.report_id for each in now_told}) == len(now_told)
    then = told([*waited, back_filled(90, since=-1)], resumed(95, "17.7"))
    assert pcd_10(then) == [(STARTED, Delivery.DELIVERING)], "what was told is not told again"


def test_sr_50_a_back_fill_of_a_part_tells_that_part():
    waited = [started(0, programme=""), changed(30, "7.7", "20"), paused(60, "17.7")]
    assert pcd_10(told(waited, back_filled(90, since=10, until=50))) == [
        (STOPPED, Delivery.TRANSITIONING),
        (STARTED, Delivery.DELIVERING),
    ]


def test_d_11_an_association_that_is_recorded_after_the_start_of_its_confirmed_offer_still_tells_the_start():
    assert list(story(BEGUN[0])) == []
    assert pcd_10(told([BEGUN[0]], BEGUN[1])) == [(STARTED, Delivery.DELIVERING)]


def test_d_09_words_that_a_lost_pump_kept_are_told_with_their_own_times_when_they_arrive():
    late = [replace(event, at=EIGHT.replace(hour=10)) for event in BEGUN]
    assert pcd_10(told([], *late)) == [(STARTED, Delivery.DELIVERING)]
    assert pcd_10(told(late, changed(30, "7.7", "20"))) == [(STOPPED, Delivery.TRANSITIONING), (STARTED, Delivery.DELIVERING)]


def test_sr_50_after_it_is_dissociated_nothing_more_is_told_to_that_patient():
    assert told([*BEGUN, dissociated(30)], paused(40, "10")) == []


def test_sr_50_a_word_from_the_time_of_the_association_that_arrives_after_its_end_is_that_patients():
    assert pcd_10(told([*BEGUN, dissociated(30)], paused(20, "5"))) == [(STOPPED, Delivery.NOT_DELIVERING)]


def test_sr_50_the_next_patient_on_the_channel_gets_their_own_part_and_only_that():
    moved = [*BEGUN, dissociated(30), associated(40, basis=AssociationBasis.BEDSIDE_SCAN, id="A-2", patient=OTHER_PATIENT, order="ORD-2")]
    assert told(moved, paused(50, "10")) == []
    (stop, status) = told(moved, paused(50, "10"), of=about(placer_order_number="ORD-2"))
    assert {stop.patient, status.patient} == {OTHER_PATIENT}
    assert stop.patient_numbers == (OTHER_PATIENT,), "numbers of another patient's order are not written beside theirs"


def test_sr_50_what_was_told_of_the_wrong_patient_is_told_again_as_wrong_under_the_same_report_ids():
    was = [*BEGUN, changed(30, "7.7", "20")]
    first = [each for each in (*told([], *BEGUN), *told(BEGUN, was[-1])) if each.kind is not STATUS]
    wrong = told(was, voided(40))
    assert [each.report_id for each in wrong] == [each.report_id for each in first]
    assert all(each.is_wrong and each.patient == PATIENT and "error" in each.words for each in wrong)
    assert told([*was, voided(40)], paused(50, "9")) == [], "once"


def test_sr_50_what_was_found_wrong_is_told_to_nobody_any_more():
    assert told([*BEGUN, voided(30)], paused(40, "10")) == []


@pytest.mark.parametrize("cause", [SuspensionCause.TRANSFER, SuspensionCause.DISCHARGE, SuspensionCause.CLASS_CHANGE])
def test_d_12_adt_never_ends_the_documentation_of_a_running_infusion(cause):
    assert pcd_10(told([*BEGUN, in_doubt(10, cause)], paused(20, "5"))) == [(STOPPED, Delivery.NOT_DELIVERING)]


def test_d_12_a_merge_holds_what_happens_then_until_a_person_confirms_and_nothing_is_told_twice():
    held = [*BEGUN, in_doubt(10), changed(20, "5", "20"), paused(30, "8")]
    assert list(story(*held))[2:] == []
    released = told(held, no_doubt(40, 10))
    assert pcd_10(released) == [
        (STOPPED, Delivery.TRANSITIONING),
        (STARTED, Delivery.DELIVERING),
        (STOPPED, Delivery.NOT_DELIVERING),
    ]
    assert kinds(released)[-1] is STATUS


def test_d_12_two_merges_hold_until_both_are_confirmed():
    held = [*BEGUN, in_doubt(10), in_doubt(11), paused(20, "5")]
    assert told(held, no_doubt(30, 10)) == []
    assert pcd_10(told([*held, no_doubt(30, 10)], no_doubt(31, 11))) == [(STOPPED, Delivery.NOT_DELIVERING)]


# ── what a document says beside that ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_39_a_rate_set_by_the_clinician_is_told_as_it_is_and_flagged():
    stop, start, status = told(BEGUN, changed(30, "7.7", "20"))
    assert (stop.differs, start.rate) == ("", rate("20"))
    assert start.differs == status.differs == "The rate was set at the pump and differs from the order: 20 mL/h, ordered 15.4 mL/h."


def test_sr_39_a_titration_that_was_offered_and_confirmed_is_the_order_and_not_flagged():
    assert not any(each.differs for each in told(BEGUN, changed(30, "7.7", "18.5", "6", programme="PRG-6")))
    back = told([*BEGUN, changed(30, "7.7", "18.5", "6", programme="PRG-6")], changed(60, "17", "15.4"))
    assert [bool(each.differs) for each in back] == [False, True, True], "the old rate is not the ordered one any more"


def test_sr_39_nothing_is_compared_with_what_is_not_known():
    assert not any(each.differs for each in told([], *BEGUN, of=about(programmes=())))


def test_d_24_a_time_that_could_not_be_corrected_says_so():
    start, _ = told([], without_clock(started()), associated())
    assert "clock" in start.words


def test_the_same_word_has_the_same_report_id_whenever_it_is_told():
    assert told([], *BEGUN)[0].report_id == told([BEGUN[0]], BEGUN[1])[0].report_id != told(BEGUN, paused(1, "1"))[0].report_id


def test_an_infusion_that_was_found_running_has_no_start_that_was_seen():
    seen = told([], found(), associated(basis=AssociationBasis.REVIEW))
    assert seen == [], "and it is nobody's until a person says so"
    released = told([found()], back_filled(10, since=-5))
    assert kinds(released) == [STATUS]


# ── periodic ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

REPORT = ChannelReport(
    "A",
    Mode.LVP,
    ChannelState.INFUSING,
    run=Run(
        "9",
        rate=rate("15.4"),
        set_rate=rate("15.4"),
        dose_rate=None,
        vtbi=ml("250"),
        vtbi_left=ml("242.3"),
        delivered=ml("7.7"),
    ),
)


def reported_of(events: Sequence[InfusionEvent], minute: int = 45, report: ChannelReport = REPORT) -> Document | None:
    return periodic(steps_of(events), Reported(EIGHT.replace(minute=minute), report), about())


def test_a_channel_that_delivers_is_told_periodically_with_what_is_left_and_what_was_given():
    status = reported_of(BEGUN)
    assert status is not None
    assert (status.kind, status.delivery, status.rate) == (STATUS, Delivery.DELIVERING, rate("15.4"))
    assert (status.vtbi_left, status.total, status.segment_volume) == (ml("242.3"), ml("7.7"), ml("7.7"))
    assert status.happened_at == EIGHT.replace(minute=45)


def test_sr_87_what_keeps_the_vein_open_is_told_periodically_at_the_kvo_rate_and_not_at_the_ordered_one():
    assert REPORT.run is not None
    report = replace(REPORT, state=ChannelState.KVO, run=replace(REPORT.run, rate=rate("1"), vtbi_left=ml("0"), delivered=ml("250.1")))
    status = reported_of([*BEGUN, volume_done(30, "250"), kvo(30, "250")], report=report)
    assert status is not None
    assert (status.delivery, status.flow, status.rate, status.dose_rate) == (Delivery.KVO, rate("1"), rate("1"), None)


def test_sr_51_a_periodic_total_below_the_last_one_is_not_told_as_a_number():
    status = reported_of([*BEGUN, changed(30, "9", "20")])
    assert status is not None
    assert (status.total, status.total_at_least, status.segment_volume) == (None, ml("9"), None)


def test_sr_50_d_12_nothing_is_told_periodically_of_what_is_nobodys_held_over_or_of_no_run():
    assert reported_of([started(0, programme="")]) is None
    assert reported_of([*BEGUN, in_doubt(10)]) is None
    assert reported_of([*BEGUN, ended(30, "7")]) is None
    assert reported_of([*BEGUN, dissociated(30)]) is None
    assert reported_of(BEGUN, report=replace(REPORT, run=None)) is None


# ── an offer that came to nothing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def planned(**words: Any) -> Planned:
    at: dict[str, Any] = {"at": EIGHT, "programme_id": "PRG-5", "attempt": Attempt.START, "order_id": "EHR1/ORD-1001"}
    where: dict[str, Any] = {
        "placer_order_number": ORDER,
        "order_version": None,
        "pump_id": "LVP-0001",
        "channel_id": "A",
        "patient": PATIENT,
    }
    who: dict[str, Any] = {
        "requested_by": "RN-99",
        "requested_at": EIGHT,
        "message_id": "M",
        "effect_key": "",
        "plan_digest": "",
        "case_digest": "",
    }
    what: dict[str, Any] = {
        "library": None,
        "mapping_digest": "",
        "drug": "dopamine",
        "entry_key": "DOP-400-250",
        "settings": offered("15.4", "5"),
    }
    return Planned(**{**at, **where, **who, **what, "weight_source": "order", "cautions": (), **words})


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Rejected(at=EIGHT, pump=None, cause=RejectCause.BY_CLINICIAN, by="RN-17", words=""), "Rejected by the clinician"),
        (Rejected(at=EIGHT, pump=None, cause=RejectCause.OTHER_PATIENT, by="", words=""), "another patient"),
        (Expired(at=EIGHT, pump=None), "Expired"),
        (Withdrawn(at=EIGHT, pump=None), "Recalled"),
    ],
)
def test_d_07_an_offer_that_is_rejected_expires_or_is_recalled_later_is_told_as_cleared(event, words):
    document = programme_ended(planned(), event, about())
    assert document is not None
    assert (document.kind, document.delivery, document.rate, document.patient) == (Kind.AUTO_PROGRAM_CLEARED, None, None, PATIENT)
    assert words in document.words


def test_d_07_what_ends_otherwise_is_told_otherwise():
    assert programme_ended(planned(), NeverSeen(at=EIGHT, pump=None), about()) is None
    assert programme_ended(planned(patient=None), Expired(at=EIGHT, pump=None), about()) is None
    assert programme_ended(planned(), Expired(at=EIGHT, pump=None), about(placer_order_number="ORD-2")) is None


def test_sr_46_a_word_that_is_let_in_twice_is_told_once():
    word = changed(30, "7.7", "20")
    assert kinds(told([*BEGUN], word))[:2] == [STOPPED, STARTED]
    assert told([*BEGUN, word], word) == []
