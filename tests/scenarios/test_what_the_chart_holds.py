"""Stage 7: the parent and the children that the chart holds of an infusion (fhir-infusion.md 4.1; D-22)."""

from collections.abc import Sequence

import pytest

from interop.domain.delivery import InfusionType
from interop.domain.document import About, Administration, Status
from interop.domain.events.association import AssociationBasis, AssociationEndCause, SuspensionCause
from interop.domain.events.infusion import EndCause, InfusionEvent
from interop.domain.lifecycle.segments import Kind
from interop.stages.administration import administrations
from interop.stages.told import steps_of
from tests.wards.infusions import (
    BEGUN,
    EIGHT,
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
    paused,
    rate,
    regained,
    resumed,
    started,
    voided,
    volume_done,
)


def chart(*events: InfusionEvent, of: About | None = None) -> tuple[Administration, list[Administration]]:
    """The one parent, and its children."""
    parent, *children = administrations(steps_of(events), of or about())
    assert not parent.parent_id
    assert all(each.parent_id == parent.id for each in children)
    return parent, children


def statuses(*events: InfusionEvent, of: About | None = None) -> Status:
    return chart(*events, of=of)[0].status


def test_a_start_is_a_parent_and_a_child_in_progress():
    parent, (child,) = chart(*BEGUN)
    assert (parent.status, child.status, parent.end, child.end) == (Status.IN_PROGRESS, Status.IN_PROGRESS, None, None)
    assert (child.rate, parent.rate, parent.start, parent.start_is_known) == (rate("15.4"), None, EIGHT, True)


def test_each_rate_is_a_child_of_its_own_with_its_own_volume_and_the_parent_has_the_whole():
    parent, children = chart(
        *BEGUN, changed(30, "7.7", "18.5", "6", programme="PRG-6", by="RN-31"), paused(60, "16.95"), resumed(65, "16.95")
    )
    assert [(each.rate, each.volume, each.status) for each in children] == [
        (rate("15.4"), ml("7.7"), Status.COMPLETED),
        (rate("18.5"), ml("9.25"), Status.COMPLETED),
        (rate("15.4"), None, Status.IN_PROGRESS),
    ]
    assert (parent.volume, parent.status) == (ml("16.95"), Status.IN_PROGRESS)
    assert children[1].performer == "RN-31", "who changed the rate"


def test_a_child_keeps_its_id_whatever_comes_after_it():
    _, first = chart(*BEGUN)
    _, later = chart(*BEGUN, changed(30, "7.7", "20"), paused(60, "17.7"))
    assert later[0].id == first[0].id
    assert len({each.id for each in later}) == 2


# ── D-22 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_d_22_a_continuous_infusion_stays_in_progress_through_its_volume_and_through_kvo():
    kept = [*BEGUN, volume_done(900, "250"), kvo(900, "250")]
    parent, children = chart(*kept)
    assert (parent.status, parent.end) == (Status.IN_PROGRESS, None)
    assert [each.kind for each in children] == [Kind.RATE, Kind.KVO]


@pytest.mark.parametrize("cause", [EndCause.ORDER_ENDED, EndCause.DISSOCIATED, EndCause.IDLE])
def test_d_22_it_completes_when_the_order_stops_when_it_is_dissociated_or_idle_for_too_long(cause):
    assert statuses(*BEGUN, paused(60, "15"), ended(900, None, cause)) is Status.COMPLETED


def test_d_22_it_completes_when_its_association_ends_so():
    parent, (child,) = chart(*BEGUN, dissociated(30))
    assert (parent.status, parent.end, child.status, child.end) == (
        Status.COMPLETED,
        EIGHT.replace(minute=30),
        Status.COMPLETED,
        EIGHT.replace(minute=30),
    )
    assert (parent.volume, child.volume) == (None, None), "what the pump gave until that moment was not told"


def test_d_22_an_intermittent_infusion_completes_at_its_volume():
    of = about(infusion_type=InfusionType.INTERMITTENT)
    parent, children = chart(*BEGUN, volume_done(900, "250"), kvo(901, "250"), of=of)
    assert (parent.status, parent.end) == (Status.COMPLETED, EIGHT.replace(hour=23))
    assert children[-1].status is Status.IN_PROGRESS, "the vein is kept open"


def test_a_pause_is_on_hold():
    assert statuses(*BEGUN, paused(10, "2")) is Status.ON_HOLD


@pytest.mark.parametrize("cause", [EndCause.CLEARED, EndCause.REPROGRAMMED, EndCause.NEW_PATIENT])
def test_an_infusion_that_is_ended_before_its_volume_is_stopped_and_says_why(cause):
    parent, _ = chart(*BEGUN, ended(60, "15", cause))
    assert (parent.status, parent.volume) == (Status.STOPPED, ml("15"))
    assert cause.value in parent.status_reason


@pytest.mark.parametrize("cause", [AssociationEndCause.NEW_PATIENT, AssociationEndCause.EDITED])
def test_d_23_an_infusion_that_becomes_another_is_stopped_for_this_order(cause):
    assert statuses(*BEGUN, dissociated(30, cause)) is Status.STOPPED


def test_d_09_an_infusion_that_runs_again_after_it_was_closed_is_in_progress_again():
    closed = [*BEGUN, paused(10, "2"), ended(60, None, EndCause.IDLE)]
    assert statuses(*closed, resumed(61, "2")) is Status.IN_PROGRESS


# ── who ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_d_13_the_performer_is_who_confirmed_at_the_pump_and_the_verifier_who_checked():
    parent, _ = chart(*BEGUN)
    assert (parent.performer, parent.verifier) == ("RN-17", "RN-23")


def test_sr_50_an_infusion_of_nobody_is_in_no_chart():
    assert administrations(steps_of([started(0, programme=""), paused(5, "1")]), about()) == ()


def test_sr_50_another_orders_infusion_is_not_told_with_the_facts_of_this_one():
    assert administrations(steps_of(BEGUN), about(placer_order_number="ORD-2")) == ()


def test_sr_50_an_association_by_a_scan_begins_then_and_has_no_volume_from_before():
    parent, (child,) = chart(started(0, programme=""), associated(30, basis=AssociationBasis.BEDSIDE_SCAN), paused(60, "15"))
    begins = EIGHT.replace(minute=30, second=1)
    assert (parent.start, child.start, parent.start_is_known, child.start_is_known) == (begins, begins, False, False)
    assert (parent.volume, child.volume) == (None, None)


def test_sr_51_two_patients_one_after_the_other_never_share_a_volume():
    both = [
        *BEGUN,
        changed(20, "5", "20"),
        dissociated(30),
        associated(40, basis=AssociationBasis.BEDSIDE_SCAN, id="A-2", patient=OTHER_PATIENT, order="ORD-2"),
        changed(60, "18", "10"),
        paused(90, "23"),
    ]
    first, firsts = chart(*both)
    second, seconds = chart(*both, of=about(placer_order_number="ORD-2"))
    assert (first.patient, second.patient) == (PATIENT, OTHER_PATIENT)
    assert [each.volume for each in firsts] == [ml("5"), None]
    assert [each.volume for each in seconds] == [None, ml("5")]
    assert (first.volume_at_least, second.volume_at_least) == (ml("5"), ml("5"))
    assert not {each.id for each in (first, *firsts)} & {each.id for each in (second, *seconds)}


def test_sr_48_what_was_found_running_says_that_its_start_was_not_seen():
    parent, (child,) = chart(found(), back_filled(10, since=-5))
    assert (parent.start_is_known, child.start_is_known, parent.volume) == (False, False, None)


def test_an_association_that_was_wrong_leaves_everything_entered_in_error():
    parent, children = chart(*BEGUN, changed(30, "7.7", "20"), voided(40))
    assert {each.status for each in (parent, *children)} == {Status.ENTERED_IN_ERROR}


# ── what is not known ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_45_a_lost_pump_is_shown_as_stale_since_it_was_last_heard_and_its_status_stays_what_was_known():
    parent, (child,) = chart(*BEGUN, lost(31, 30))
    assert (parent.status, parent.stale_since, child.stale_since) == (
        Status.IN_PROGRESS,
        EIGHT.replace(minute=30),
        EIGHT.replace(minute=30),
    )
    again, _ = chart(*BEGUN, lost(31, 30), regained(40))
    assert again.stale_since is None


def test_sr_45_what_is_over_is_not_stale():
    parent, children = chart(*BEGUN, ended(20, "5"), of=None)
    assert (parent.stale_since, {each.stale_since for each in children}) == (None, {None})


def test_d_12_a_merge_holds_the_chart_as_it_was_until_a_person_confirms():
    before = chart(*BEGUN)
    held = [*BEGUN, in_doubt(10), changed(20, "5", "20"), paused(30, "8")]
    assert chart(*held) == before
    parent, children = chart(*held, no_doubt(40, 10))
    assert (parent.status, len(children)) == (Status.ON_HOLD, 2)


def test_d_12_a_transfer_holds_nothing():
    assert statuses(*BEGUN, in_doubt(10, SuspensionCause.TRANSFER), paused(20, "5")) is Status.ON_HOLD


def test_sr_39_the_interval_at_another_rate_is_flagged_and_the_parent_while_it_lasts():
    parent, children = chart(*BEGUN, changed(30, "7.7", "20"))
    assert ([bool(each.differs) for each in children], bool(parent.differs)) == ([False, True], True)
    parent, children = chart(*BEGUN, changed(30, "7.7", "20"), changed(60, "17.7", "15.4"))
    assert ([bool(each.differs) for each in children], bool(parent.differs)) == ([False, True, False], False)


def test_a_pause_that_was_found_leaves_no_interval_without_length_in_the_chart():
    stood = [found(), paused(0, "40"), back_filled(10, since=-5)]
    assert chart(*stood)[1] == []
    _, (child,) = chart(*stood, resumed(15, "40"))
    assert child.id.endswith("-2"), "and no id is used for two intervals"


def test_the_same_story_gives_the_same_chart():
    events: Sequence[InfusionEvent] = [*BEGUN, changed(30, "7.7", "20"), paused(60, "17.7")]
    assert administrations(steps_of(events), about()) == administrations(steps_of(list(events)), about())
