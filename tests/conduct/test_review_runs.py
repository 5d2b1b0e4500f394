"""What a pump says of an offer or a run that does not fit, comes late, or comes at a bad moment: nobody's chart is wrong, nothing is stuck, a person is told."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from interop.conduct.charting import Charting
from interop.conduct.infusions import infusion_at, run_on, unassociated
from interop.conduct.resources import Incoming
from interop.conduct.world import HelloRefused
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.domain.sender import ApplicationAck
from interop.wire.fhir.json import read, write
from interop.wire.fhir.medication_request import read_medication_request
from tests.conduct.pump import ml, ml_per_h
from tests.conduct.test_bedside import a_stored_order, running, scanned
from tests.conduct.test_offers_and_runs import a_hospital, offered, state_of
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, an_order, changed
from tests.wards.resources import a_dopamine_request
from tests.wards.ward import demo_release


def the_run(offer: said.OfferToShow, **other: Any) -> said.Run:
    values = {each.name: each.set for each in offer.settings}
    runs = said.Run(
        "R1",
        offer.offer_id,
        offer.placer_order_number,
        offer.entry_key,
        offer.drug,
        concentration=offer.concentration,
        rate=values["rate"],
        set_rate=values["rate"],
        delivered=ml("0"),
    )
    return replace(runs, **other)


@pytest.mark.parametrize(
    "other",
    [
        {"drug": "propofol"},
        {"concentration": Quantity.of("3.2", "mg/mL")},
        {"concentration": None},
        {"entry_key": "DL-011"},
    ],
)
def test_d_23_sr_50_a_run_that_is_not_what_was_offered_is_documented_for_nobody(other: dict[str, Any]) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await offered(hospital, pump)
        await pump.confirms(id)
        await pump.runs_now("A", the_run(pump.offer(id), **other))
        (nobodys,) = await unassociated(hospital.record)
        assert nobodys.infusion_id == "LVP-0001/R1"
        assert any("documented for nobody" in words for words in await hospital.alerts())
        assert hospital.chart.received == []

    run(story())


def test_sr_03_sr_50_a_run_on_a_pump_that_has_another_patient_now_is_documented_for_nobody() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await offered(hospital, pump)
        await pump.confirms(id)
        await pump.note(said.Event, kind=said.Kind.PATIENT_CHANGED, patient=PatientId("999", "DEMO"), by="NURSE7")
        await pump.settled()
        await pump.starts(id)
        assert [each.infusion_id for each in await unassociated(hospital.record)] == ["LVP-0001/R1"]
        assert any("another patient's" in words for words in await hospital.alerts())

    run(story())


@pytest.mark.parametrize("ack", list(ApplicationAck))
def test_d_09_a_start_whose_decision_was_never_told_settles_its_offer(ack: ApplicationAck) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital(release=changed(demo_release(), application_ack=ack))
        first = await offered(hospital, pump)
        await pump.starts(first)
        await hospital.settled()
        assert await state_of(hospital, first) is State.CONFIRMED
        assert [answer.code for answer in hospital.ehr.answers] == ["AA"]
        await pump.event(said.Kind.ENDED, "A", "10", cause="cleared", by="NURSE7")
        await pump.becomes("A", ChannelState.IDLE, run=None)
        assert await offered(hospital, pump, 2) != first  # the channel takes another

    run(story())


def test_sr_07_an_order_that_ends_between_confirm_and_start_is_taken_back_from_the_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await scanned(hospital, stored)
        await pump.settled()
        await pump.confirms(id)
        pump.knows[id] = "shown"  # confirmed, not started: the pump gives it back
        await stop(hospital, stored.id)
        await asyncio.sleep(40)
        await pump.settled()
        assert await state_of(hospital, id) is State.WITHDRAWN

    run(story())


def test_sr_38_a_start_of_an_order_that_had_ended_is_told_to_a_person() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await scanned(hospital, stored)
        await pump.settled()
        await pump.confirms(id)
        pump.answers_by_itself = False
        await stop(hospital, stored.id)
        await pump.starts(id)
        assert any("began to run an order that is ended" in words for words in await hospital.alerts())

    run(story())


async def stop(hospital: Hospital, resource: str) -> None:
    body = write(a_dopamine_request(order_number="ORD-1", status="stopped"))
    profile = demo_release().senders["fhir-demo"]
    await hospital.conduct.resources.update(resource, 1, Incoming(read_medication_request(read(body), profile), body, "ehr-fhir", "R2"))
    await hospital.settled()


def test_d_05_a_start_that_was_told_before_its_status_leaves_no_room_for_another_offer() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        by_hand = said.Run("R7", drug="propofol", rate=ml_per_h("5"), set_rate=ml_per_h("5"), delivered=ml("0"))
        await pump.note(said.Event, kind=said.Kind.STARTED, channel_id="A", run=by_hand, infusion_id="R7", delivered=ml("0"), by="N1")
        await hospital.send(an_order(1))
        await hospital.settled()
        assert pump.offers == []
        assert hospital.ehr.answers[-1].error == "9002"

    run(story())


def test_d_05_what_is_confirmed_and_not_started_holds_its_channel() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await pump.confirms(await offered(hospital, pump))
        await hospital.send(an_order(2))
        await hospital.settled()
        assert len(pump.offers) == 1
        assert hospital.ehr.answers[-1].error == "9017"

    run(story())


def test_sec_16_a_channel_speaks_of_its_own_offer_only() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.answers_by_itself = False
        await hospital.send(an_order(1))
        await hospital.settled(5)
        await pump.note(said.OfferShown, offer_id=pump.offers[0].offer_id, channel_id="B")
        await hospital.settled(5)
        assert hospital.ehr.answers == []
        assert any("speaks of an offer" in words for words in await hospital.alerts())

    run(story())


def test_sr_46_a_log_that_went_back_is_not_let_in_and_told() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await running(hospital, pump)
        pump.drop()
        pump.log, pump.acked = pump.log[:1], 0
        with pytest.raises(HelloRefused):
            await pump.connect()
        assert any("log went back" in words for words in await hospital.alerts())

    run(story())


def test_sr_46_a_hole_in_a_log_is_told_once() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        word = said.Event("L1", 3, pump.clock, said.Kind.NETWORK_REGAINED)
        for _ in range(5):
            await pump.tell(word)
        assert sum("has a hole" in words for words in await hospital.alerts()) == 1
        assert pump.line is not None
        assert pump.line.closed is not None

    run(story())


def test_a_fault_in_charting_costs_no_word_of_the_pump(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)

        async def fails(*words: object) -> object:
            raise ValueError("a text that no message can carry")

        monkeypatch.setattr(Charting, "after", fails)
        await pump.event(said.Kind.ENDED, "A", "12", cause="cleared", by="NURSE7")
        today = (await infusion_at(hospital.record, id)).today
        assert today is not None
        assert today.state is infusions.State.ENDED
        assert await run_on(hospital.record, "LVP-0001", "A") is None
        assert any("could not be documented" in words for words in await hospital.alerts())

    run(story())


def test_sr_45_a_hello_that_fails_half_way_leaves_no_pump_connected_for_ever() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        pump.drop()
        await asyncio.sleep(40)
        hospital.bedside.hearing.charted = None  # contact is regained, and that fails
        with pytest.raises(TypeError):
            await pump.connect()
        pump.drop()
        assert (await hospital.bedside.now(pump.pump_id)).connected is False or hospital.bedside.link_to(pump.pump_id) is None
        today = (await infusion_at(hospital.record, id)).today
        assert today is not None
        assert today.stale_since is not None

    run(story())


def test_d_23_a_dose_changed_beyond_a_hard_limit_at_the_pump_is_told() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await offered(hospital, pump)
        beyond = tuple(
            replace(each, set=Quantity.of("500", "ug/kg/min")) if each.name == "dose rate" else each for each in pump.offer(id).settings
        )
        await pump.confirms(id, settings=beyond)
        assert any("above the hard limit" in words for words in await hospital.alerts())

    run(story())
