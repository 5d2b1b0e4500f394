"""Whose an infusion is: never two patients at one time, never by itself, and never rewritten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.events.association import (
    AssociationBackfilled,
    AssociationBasis,
    AssociationEndCause,
    AssociationEnded,
    AssociationEvent,
    AssociationMade,
    AssociationRestored,
    AssociationSuspended,
    AssociationVoided,
    RestoreCause,
    SuspensionCause,
)
from interop.domain.events.infusion import EndCause, Ended, InfusionEvent, Source, Started
from interop.domain.events.nouns import PatientNumber
from interop.domain.lifecycle.associations import Associations, Contradiction
from interop.domain.lifecycle.associations import after as associations_after
from interop.domain.lifecycle.infusion import State, Stream, apply, fold
from interop.domain.lifecycle.table import NoRow

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
STARTED = Started(
    at=EIGHT,
    pump=None,
    delivered=None,
    infusion_id="INF-9",
    pump_id="PUMP-3",
    channel_id="A",
    source=Source.PRIMARY,
    programme_id="",
    entry_key="",
    drug="",
    concentration=None,
    rate=None,
    dose_rate=None,
    vtbi=None,
    dosing_weight=None,
    by="",
)
ENDED = Ended(at=EIGHT + timedelta(hours=6), pump=None, delivered=None, cause=EndCause.CLEARED, by="")


def owned(hour: int, association_id: str = "ASC-1") -> dict[str, Any]:
    return {"at": EIGHT + timedelta(hours=hour), "association_id": association_id}


def made(hour: int, association_id: str = "ASC-1", patient: str = "MRN-1") -> AssociationMade:
    return AssociationMade(
        **owned(hour, association_id),
        patient=PatientNumber(patient, "WARD"),
        placer_order_number="ORD-123",
        basis=AssociationBasis.BEDSIDE_SCAN,
        by="RN-17",
    )


def backfilled(hour: int, since: int, until: int | None, association_id: str = "ASC-2") -> AssociationBackfilled:
    return AssociationBackfilled(
        **owned(hour, association_id),
        patient=PatientNumber("MRN-2", "WARD"),
        placer_order_number="ORD-124",
        basis=AssociationBasis.REVIEW,
        by="RN-17",
        since=EIGHT + timedelta(hours=since),
        until=None if until is None else EIGHT + timedelta(hours=until),
    )


def ended(hour: int, association_id: str = "ASC-1") -> AssociationEnded:
    return AssociationEnded(**owned(hour, association_id), cause=AssociationEndCause.DISSOCIATED, by="RN-17")


def suspended(hour: int, message_id: str, cause: SuspensionCause = SuspensionCause.TRANSFER) -> AssociationSuspended:
    return AssociationSuspended(**owned(hour), cause=cause, message_id=message_id)


def restored(hour: int, *lifts: str) -> AssociationRestored:
    return AssociationRestored(**owned(hour), cause=RestoreCause.BEDSIDE, lifts=lifts, by="RN-17", message_id="")


def voided(hour: int, association_id: str = "ASC-1") -> AssociationVoided:
    return AssociationVoided(**owned(hour, association_id), by="RN-17", words="wristband of the next bed")


def after(*events: InfusionEvent) -> Stream:
    stream = fold((STARTED, *events))
    assert stream is not None
    return stream


def test_sr_50_an_infusion_is_nobodys_until_a_person_says_so() -> None:
    assert after().association is None
    association = after(made(0)).association
    assert association is not None
    assert (association.patient.value, association.placer_order_number, association.by) == ("MRN-1", "ORD-123", "RN-17")
    assert (association.since, association.until) == (EIGHT, None)


def test_sr_03_a_second_patient_on_the_same_infusion_reaches_a_person() -> None:
    with pytest.raises(NoRow, match="another association holds at that time") as caught:
        after(made(0), made(1, "ASC-2", "MRN-2"))
    assert "MRN" not in str(caught.value)
    assert after(made(0), ended(1), made(1, "ASC-2", "MRN-2")).association is not None


def test_d_11_what_ran_unassociated_is_linked_and_back_filled() -> None:
    association = after(backfilled(3, since=0, until=None)).association
    assert association is not None
    assert association.since == EIGHT


def test_sr_48_after_a_downtime_an_ended_infusion_is_filed_by_a_person() -> None:
    stream = after(ENDED, backfilled(8, since=0, until=6))
    assert stream.state is State.ENDED
    assert stream.association is None
    assert [one.id for one in stream.associations] == ["ASC-2"]


@pytest.mark.parametrize(("since", "until"), [(0, None), (0, 2), (1, 2), (2, None), (1, 4), (0, 5)])
def test_sr_50_a_back_fill_never_files_an_hour_to_two_patients(since: int, until: int | None) -> None:
    with pytest.raises(NoRow, match="another association holds at that time"):
        after(made(1), ended(4), backfilled(6, since, until))


@pytest.mark.parametrize(("since", "until"), [(0, 1), (4, 5), (4, None)])
def test_a_back_fill_may_touch_another_association(since: int, until: int | None) -> None:
    assert len(after(made(1), ended(4), backfilled(6, since, until)).associations) == 2


def test_a_back_fill_that_ends_before_it_begins_reaches_a_person() -> None:
    with pytest.raises(NoRow, match="ends before it begins"):
        after(backfilled(6, since=5, until=5))


def test_d_12_a_transfer_puts_the_association_in_doubt_and_never_ends_the_documentation() -> None:
    stream = after(made(0), suspended(1, "J-1"))
    assert stream.state is State.RUNNING
    assert stream.association is not None
    assert [doubt.cause for doubt in stream.association.suspensions] == [SuspensionCause.TRANSFER]
    lifted = apply(stream, restored(2, "J-1")).association
    assert lifted is not None
    assert lifted.suspensions == ()


def test_sr_05_confirming_a_transfer_does_not_confirm_a_merge() -> None:
    stream = after(made(0), suspended(1, "J-1"), suspended(2, "J-2", SuspensionCause.MERGE), restored(3, "J-1"))
    assert stream.association is not None
    assert [doubt.message_id for doubt in stream.association.suspensions] == ["J-2"]


def test_sr_05_a_merge_holds_the_documents_of_an_infusion_that_is_over() -> None:
    stream = after(made(0), ENDED, ended(7), suspended(8, "J-2", SuspensionCause.MERGE))
    assert stream.associations[0].suspensions
    assert not apply(stream, restored(9, "J-2")).associations[0].suspensions


def test_a_wrong_patient_is_voided_and_the_right_one_back_filled_over_the_same_hours() -> None:
    stream = after(made(0), voided(2), backfilled(2, since=0, until=None))
    assert [one.is_void for one in stream.associations] == [True, False]
    assert stream.association is not None
    assert stream.association.patient.value == "MRN-2"
    assert after(made(0), ended(1), voided(2)).associations[0].is_void  # found wrong afterwards


@pytest.mark.parametrize(
    "events",
    [
        (ended(1),),
        (voided(1),),
        (suspended(1, "J-1"),),
        (restored(1, "J-1"),),
        (made(0), ended(1), ended(2)),
        (made(0), voided(1), voided(2)),
        (made(0), voided(1), ended(2)),
        (made(0), voided(1), suspended(2, "J-1")),
        (made(0), restored(1, "J-1")),
        (made(0), ended(1), made(2)),
        (made(0), ended(1, "ASC-7")),
    ],
)
def test_an_association_that_is_not_as_the_event_says_reaches_a_person(events: tuple[InfusionEvent, ...]) -> None:
    with pytest.raises(NoRow):
        after(*events)


def test_an_association_ends_at_once_and_keeps_its_time() -> None:
    stream = after(made(0), ended(2))
    assert stream.association is None
    assert stream.associations[0].until == EIGHT + timedelta(hours=2)
    assert stream.state is State.RUNNING  # D-12: documentation and delivery are two things


def test_what_is_no_event_of_an_association_is_refused() -> None:
    with pytest.raises(Contradiction):
        associations_after((), AssociationEvent(at=EIGHT, association_id="ASC-1"))


hours = st.integers(0, 6)
anything = st.one_of(
    st.builds(made, hours, st.sampled_from(["A", "B", "C"]), st.sampled_from(["MRN-1", "MRN-2"])),
    st.builds(ended, hours, st.sampled_from(["A", "B", "C"])),
    st.builds(voided, hours, st.sampled_from(["A", "B", "C"])),
    st.builds(backfilled, hours, hours, st.none() | hours, st.sampled_from(["A", "B", "C"])),
)


@settings(deadline=None)
@given(st.lists(anything, max_size=12))
def test_sr_03_at_no_moment_is_an_infusion_two_patients(events: list[AssociationEvent]) -> None:
    known: Associations = ()
    for event in events:
        try:
            known = associations_after(known, event)
        except Contradiction:
            continue
    for quarter in range(-1, 29):
        moment = EIGHT + timedelta(minutes=15 * quarter)
        holding = [one for one in known if not one.is_void and one.since <= moment and (one.until is None or moment < one.until)]
        assert len(holding) <= 1
    assert sum(one.is_live for one in known) <= 1


def test_a_replaced_association_is_a_new_value_and_the_old_stream_stays_as_it_was() -> None:
    before = after(made(0))
    assert apply(before, ended(1)) != before
    assert before == replace(after(made(0)))
