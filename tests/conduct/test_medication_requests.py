"""A pharmacy order as a MedicationRequest: its bytes are kept, its stream moves, it offers nothing, and it voids what was planned from an old version (D-06)."""

import asyncio
from typing import Any

import pytest

from interop.conduct.resources import Deleted, Incoming, Moved, NotThere, Stored, Taken
from interop.conduct.streams import order_at
from interop.ports import StoreUnavailable
from interop.wire.fhir.json import read, write
from interop.wire.fhir.medication_request import read_medication_request
from tests.conduct.virtual import run
from tests.conduct.ward import Bedside, Hospital, an_order
from tests.wards.resources import EHR, a_dopamine_request

PROFILE = EHR  # verifies in a field; the demo site verifies by contract


def incoming(number: int = 1, **words: Any) -> Incoming:
    """Order ORD-<number> with the words of ``a_dopamine_request``."""
    body = write(a_dopamine_request(order_number=f"ORD-{number}", **words))
    return Incoming(read_medication_request(read(body), PROFILE), body, "ehr-fhir", "R1")


async def state(hospital: Hospital, number: int = 1) -> str:
    return (await order_at(hospital.record, f"order/EHR1/ORD-{number}")).state


def test_d_06_an_order_is_stored_as_sent_and_makes_no_plan_and_no_offer():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        stored = await hospital.conduct.resources.create(incoming())
        assert (stored.version, stored.body) == (1, incoming().body)
        assert await hospital.conduct.resources.read(stored.id) == stored
        await hospital.settled()
        assert await state(hospital) == "active"
        assert not bedside.offered
        assert not await hospital.planned()
        await hospital.close()

    run(story())


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ({}, "active"),
        ({"verification": "pending"}, "waiting"),
        ({"verification": ""}, "waiting"),
        ({"intent": "proposal"}, "waiting"),
        ({"status": "on-hold"}, "held"),
        ({"status": "draft"}, "held"),
        ({"status": "unknown"}, "held"),
        ({"status": "stopped"}, "ended"),
        ({"status": "entered-in-error"}, "ended"),
    ],
)
@pytest.mark.requirement("SR-07")
def test_sr_07_only_what_is_plainly_active_and_verified_becomes_active(words: dict[str, str], then: str):
    async def story() -> None:
        hospital = await Hospital.open()
        await hospital.conduct.resources.create(incoming(**words))
        assert await state(hospital) == then
        stored = await hospital.conduct.resources.create(incoming(2))
        await hospital.conduct.resources.update(stored.id, 1, incoming(2, **words))
        assert await state(hospital, 2) == ("held" if then == "waiting" and "intent" not in words else then)
        await hospital.close()

    run(story())


def test_sr_07_a_changed_order_waits_for_its_own_verification_and_a_hold_is_lifted_only_by_an_active_version():
    async def story() -> None:
        hospital = await Hospital.open()
        orders = hospital.conduct.resources
        stored = await orders.create(incoming())
        words: list[tuple[dict[str, str], str]] = [
            ({"dose_rate": "12", "verification": "pending"}, "waiting"),
            ({"dose_rate": "12"}, "active"),
            ({"dose_rate": "12", "status": "on-hold"}, "held"),
            ({"dose_rate": "12"}, "active"),
            ({"dose_rate": "12", "status": "completed"}, "ended"),
            ({"dose_rate": "12"}, "ended"),
        ]
        for version, (said, then) in enumerate(words, 1):
            assert (await orders.update(stored.id, version, incoming(**said))).version == version + 1
            assert await state(hospital) == then
        await hospital.close()

    run(story())


def test_an_order_that_is_created_again_after_a_lost_answer_is_the_same_resource():
    async def story() -> None:
        hospital = await Hospital.open()
        orders = hospital.conduct.resources
        both = await asyncio.gather(orders.create(incoming()), orders.create(incoming()))
        assert both[0] == both[1]
        assert await orders.create(incoming()) == both[0]
        with pytest.raises(Taken) as taken:
            await orders.create(incoming(dose_rate="12"))
        assert taken.value.id == both[0].id
        await hospital.close()

    run(story())


def test_two_updates_of_one_version_at_once_make_one_version_and_one_refusal():
    async def story() -> None:
        hospital = await Hospital.open()
        orders = hospital.conduct.resources
        stored = await orders.create(incoming())
        for based_on, words in ((1, [{"dose_rate": "11"}, {"dose_rate": "12"}]), (2, [{}, {}])):
            answers = await asyncio.gather(
                *(orders.update(stored.id, based_on, incoming(**said)) for said in words), return_exceptions=True
            )
            assert sorted(type(answer).__name__ for answer in answers) == ["Moved", "Stored"]
            assert {answer.version for answer in answers if isinstance(answer, Stored)} == {based_on + 1}
        await hospital.close()

    run(story())


def test_an_update_of_what_is_not_there_or_stands_elsewhere_is_refused():
    async def story() -> None:
        hospital = await Hospital.open()
        orders = hospital.conduct.resources
        stored, other = await orders.create(incoming()), await orders.create(incoming(2))
        with pytest.raises(NotThere):
            await orders.update("nobody", 1, incoming())
        with pytest.raises(Moved):
            await orders.update(stored.id, 7, incoming())
        with pytest.raises(Taken) as taken:
            await orders.update(stored.id, 1, incoming(2))
        assert taken.value.id == other.id
        await orders.update(stored.id, 1, incoming(status="entered-in-error"))
        with pytest.raises(Deleted):
            await orders.update(stored.id, 2, incoming())
        assert await orders.read("nobody") is None
        assert orders.sending("ehr-fhir") is not None
        assert orders.sending("mallory") is None
        await hospital.close()

    run(story())


def test_d_08_an_order_that_cannot_be_stored_is_not_answered_as_stored():
    async def story() -> None:
        hospital = await Hospital.open()
        hospital.break_store()
        with pytest.raises(StoreUnavailable):
            await hospital.conduct.resources.create(incoming())
        hospital.mend_store()
        await asyncio.sleep(10)
        assert await hospital.record.position() == 0
        await hospital.close()

    run(story())


def test_sr_07_a_bedside_request_for_an_order_on_hold_is_refused():
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        await hospital.conduct.resources.create(incoming(status="on-hold"))
        await hospital.send(an_order(1))
        await hospital.settled()
        assert b"9016.order-not-active" in hospital.ehr.received[0]
        assert not bedside.offered
        await hospital.close()

    run(story())


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("words", [{"dose_rate": "12"}, {"status": "on-hold"}, {"status": "stopped"}, {"status": "entered-in-error"}])
def test_d_06_a_changed_held_or_ended_order_recalls_what_was_planned_and_has_not_left(words: dict[str, str], crash: bool):
    async def story() -> None:
        bedside = Bedside()
        hospital = await Hospital.open(pumps=bedside)
        stored = await hospital.conduct.resources.create(incoming())
        await hospital.send(an_order(1, message_id="G1"))
        await hospital.send(an_order(1, message_id="G2"))
        await asyncio.sleep(1)
        assert len(bedside.offered) == 1
        await hospital.conduct.resources.update(stored.id, 1, incoming(**words))
        if crash:
            await hospital.restart()
        await hospital.settled(120)
        assert [event.type for event in await hospital.events("programme")][-1] in ("programme.recalled", "programme.refused-by-checks")
        assert {said.answers for said in hospital.ehr.answers} == {"G1", "G2"}
        assert all(said.code in ("AE", "AR") for said in hospital.ehr.answers)
        assert not await hospital.record.projections("open-programme")
        assert await hospital.undone() == 0
        await hospital.close()

    run(story())
