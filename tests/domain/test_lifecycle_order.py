"""The life of an order, as the EHR's messages tell it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from interop.domain.events.nouns import OrderedAmount, PatientNumber
from interop.domain.events.order import (
    EndReason,
    OrderChanged,
    OrderEnded,
    OrderEvent,
    OrderHeld,
    OrderReceived,
    OrderReleased,
    OrderVerified,
    VerificationBasis,
)
from interop.domain.lifecycle.order import State, Stream, alert, apply, fold
from interop.domain.lifecycle.table import NoRow
from interop.domain.quantity import Quantity

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
TOLD: dict[str, Any] = {"at": AT, "message_id": "J-1"}
SAYS: dict[str, Any] = {
    "drug": "DOPamine 400 mg/250 mL",
    "drug_code": "DOP-400-250",
    "drug_code_system": "WARD",
    "amounts": (OrderedAmount("dose rate", "5", Quantity.of("5", "ug/kg/min")),),
}
RECEIVED = OrderReceived(
    **TOLD,
    **SAYS,
    order_version=1,
    content_digest="one",
    order_id="WARD/ORD-123",
    sender="EHR",
    system_group="WARD",
    placer_order_number="ORD-123",
    patient=PatientNumber("MRN-0042", "WARD"),
)
CHANGED = OrderChanged(**TOLD, **SAYS, order_version=2, content_digest="two")
HELD = OrderHeld(**TOLD, reason="before theatre")
RELEASED = OrderReleased(**TOLD)
STOPPED = OrderEnded(**TOLD, reason=EndReason.STOPPED)


def verified(version: int) -> OrderVerified:
    return OrderVerified(**TOLD, order_version=version, basis=VerificationBasis.RDE, by="RPH-4")


def after(*events: OrderEvent) -> Stream:
    stream = fold(events)
    assert stream is not None
    return stream


def test_d_14_an_order_waits_until_a_pharmacist_has_verified_it() -> None:
    assert after(RECEIVED).state is State.WAITING
    assert not after(RECEIVED).is_verified
    active = after(RECEIVED, verified(1))
    assert active.state is State.ACTIVE
    assert active.is_verified
    assert (active.verified_by, active.verification) == ("RPH-4", VerificationBasis.RDE)


def test_d_14_an_order_of_the_emergency_list_is_active_and_the_record_says_why() -> None:
    listed = OrderVerified(**TOLD, order_version=1, basis=VerificationBasis.EMERGENCY_LIST, by="")
    assert after(RECEIVED, listed).state is State.ACTIVE
    assert after(RECEIVED, listed).verification is VerificationBasis.EMERGENCY_LIST


def test_d_06_a_changed_order_waits_for_its_own_verification() -> None:
    changed = after(RECEIVED, verified(1), CHANGED)
    assert changed.state is State.WAITING
    assert not changed.is_verified
    assert (changed.order_version, changed.content_digest) == (2, "two")
    assert after(RECEIVED, verified(1), CHANGED, verified(2)).state is State.ACTIVE


def test_sr_14_a_late_verification_of_the_old_version_does_not_activate_the_new_one() -> None:
    with pytest.raises(NoRow, match="not the version in force"):
        after(RECEIVED, CHANGED, verified(1))


@pytest.mark.parametrize("version", [1, 0])
def test_sr_14_a_change_that_is_not_newer_reaches_a_person(version: int) -> None:
    with pytest.raises(NoRow, match="not a newer version"):
        after(RECEIVED, OrderChanged(**TOLD, **SAYS, order_version=version, content_digest="late"))


def test_sr_07_a_held_order_is_not_active_whatever_is_told_of_it() -> None:
    assert after(RECEIVED, verified(1), HELD).state is State.HELD
    assert after(RECEIVED, verified(1), HELD, HELD).state is State.HELD  # the confirming code
    assert after(RECEIVED, HELD, verified(1)).state is State.HELD
    assert after(RECEIVED, verified(1), HELD, CHANGED).state is State.HELD


def test_a_released_order_is_active_again_when_its_verification_is_told_again() -> None:
    released = after(RECEIVED, verified(1), HELD, RELEASED)
    assert released.state is State.WAITING
    assert released.is_verified  # so the verification that still stands can be told in the same commit
    assert apply(released, verified(1)).state is State.ACTIVE


def test_an_order_that_changed_while_on_hold_waits_after_its_release() -> None:
    released = after(RECEIVED, verified(1), HELD, CHANGED, RELEASED)
    assert released.state is State.WAITING
    assert not released.is_verified


@pytest.mark.parametrize("before", [(), (verified(1),), (verified(1), HELD)])
def test_sr_07_an_order_ends_from_anywhere_and_never_comes_back_by_itself(before: tuple[OrderEvent, ...]) -> None:
    ended = after(RECEIVED, *before, STOPPED)
    assert ended.state is State.ENDED
    assert ended.ended_because is EndReason.STOPPED
    for event in (verified(1), RELEASED, HELD, CHANGED, RECEIVED):
        with pytest.raises(NoRow):
            apply(ended, event)


def test_d_30_an_order_that_was_stopped_can_still_turn_out_to_be_entered_in_error() -> None:
    ended = after(RECEIVED, verified(1), STOPPED, OrderEnded(**TOLD, reason=EndReason.ENTERED_IN_ERROR))
    assert ended.state is State.ENDED
    assert ended.ended_because is EndReason.ENTERED_IN_ERROR


def test_sr_38_the_end_of_an_order_alone_alerts_nobody_for_it_depends_on_what_runs() -> None:
    assert alert(None, RECEIVED) == ""
    assert alert(after(RECEIVED, verified(1)), STOPPED) == ""


def test_an_order_is_received_once() -> None:
    with pytest.raises(NoRow):
        after(RECEIVED, RECEIVED)


def test_a_story_that_does_not_begin_with_the_order_reaches_a_person() -> None:
    with pytest.raises(NoRow) as caught:
        after(verified(1))
    assert caught.value.state is None
    assert str(caught.value) == "order.verified in state none: no row"
