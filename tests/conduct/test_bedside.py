"""What a clinician scans, says and does at the bedside page, and what the hospital says of the patient meanwhile."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from interop.conduct.about import about_order
from interop.conduct.asked import Asked
from interop.conduct.bedside import Adt, NotSo, PatientFact, ToAssociate
from interop.conduct.infusions import infusion_at, run_on, unassociated
from interop.conduct.resources import Incoming, Stored
from interop.conduct.scanning import Scanned
from interop.conduct.streams import programme_at
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.events.programme import RefusedByChecks, Seen
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle.programme import State
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.wire.fhir.json import read, write
from interop.wire.fhir.medication_request import read_medication_request
from tests.conduct.pump import APump, ml, ml_per_h
from tests.conduct.test_offers_and_runs import a_hospital, offered, state_of
from tests.conduct.virtual import MORNING, run
from tests.conduct.ward import Hospital, an_order, dtm
from tests.wards.messages import a_titration_rgv
from tests.wards.resources import a_dopamine_request
from tests.wards.ward import demo_release

PATIENT = PatientId("4711001", "DEMO")


async def running(hospital: Hospital, pump: APump, number: int = 1) -> str:
    """An order that was confirmed and started; the infusion's id."""
    offer_id = await offered(hospital, pump, number)
    await pump.confirms(offer_id)
    return f"{pump.pump_id}/{await pump.starts(offer_id)}"


async def the_infusion(hospital: Hospital, id: str) -> infusions.Stream:
    today = (await infusion_at(hospital.record, id)).today
    assert today is not None
    return today


async def a_stored_order(hospital: Hospital, number: int = 1, **words: Any) -> Stored:
    profile = demo_release().senders["fhir-demo"]
    body = write(a_dopamine_request(order_number=f"ORD-{number}", **words))
    return await hospital.conduct.resources.create(Incoming(read_medication_request(read(body), profile), body, "ehr-fhir", "R1"))


async def scanned(hospital: Hospital, stored: Stored, **words: Any) -> str:
    fields = {
        "order": stored.id,
        "clinician": "NURSE7",
        "patient": PATIENT,
        "container": "ORD-1|LOC-00501",
        "pump_id": "LVP-0001",
        "channel_id": "A",
    }
    id = await hospital.conduct.scanning.ask(Scanned(**{**fields, **words}), stored)  # type: ignore[arg-type]
    await hospital.settled()
    return id


async def refused_with(hospital: Hospital, programme_id: str) -> set[str]:
    events = (await programme_at(hospital.record, programme_id)).events
    return {reason.code for event in events if isinstance(event, RefusedByChecks) for reason in event.reasons}


def test_d_11_a_fhir_order_whose_wristband_container_and_channel_were_scanned_is_offered() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await scanned(hospital, stored)
        await pump.settled()
        assert await refused_with(hospital, id) == set()
        (offer,) = pump.offers
        assert (offer.offer_id, offer.requested_by, offer.placer_order_number) == (id, "NURSE7", "ORD-1")
        assert await state_of(hospital, id) is State.OFFERED
        await pump.confirms(id)
        await pump.starts(id)
        there = await run_on(hospital.record, "LVP-0001", "A")
        assert there is not None
        assert there.order_id == "EHR1/ORD-1"
        about = await about_order(hospital.record, "EHR1/ORD-1")
        assert about is not None
        assert about.request_id == stored.id  # the chart refers to the resource that was sent
        assert hospital.ehr.answers == []  # nobody waits for an RRG

    run(story())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"patient": PatientId("4711002", "DEMO")}, "9012"),
        ({"container": ""}, "9016.container"),
        ({"container": "ORD-9|LOC-00501"}, "9016.container"),
        ({"container": "ORD-1|LOC-00101"}, "9016.container"),
        ({"container": "ORD-1|NOBODYS"}, "9016.container"),
        ({"channel_id": "C"}, "9001"),
        ({"pump_id": "LVP-0404"}, "9001"),
    ],
)
def test_d_11_a_wristband_container_or_channel_that_does_not_fit_is_refused(words: dict[str, Any], code: str) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await scanned(hospital, await a_stored_order(hospital), **words)
        assert code in await refused_with(hospital, id)
        assert pump.offers == []

    run(story())


def test_sr_14_a_scan_and_a_message_that_are_about_one_pump_are_planned_in_turn() -> None:
    async def story() -> None:
        hospital, _ = await a_hospital()
        desk, about = hospital.conduct._desk, list[frozenset[str]]()
        put = desk.put

        def seen(asked: Asked) -> None:
            about.append(asked.about)
            put(asked)

        desk.put = seen  # type: ignore[method-assign]
        await scanned(hospital, await a_stored_order(hospital))
        await hospital.send(an_order(2))
        await hospital.settled()
        by_scan, by_message = about
        assert by_scan & by_message == {"pump_id LVP-0001"}

    run(story())


def test_sr_47_a_scan_is_planned_after_a_restart_too_and_once() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await hospital.conduct.scanning.ask(Scanned(stored.id, "NURSE7", PATIENT, "ORD-1|LOC-00501", "LVP-0001", "A"), stored)
        await hospital.restart()
        pump.line = None
        await hospital.settled(60)
        programme = await programme_at(hospital.record, id)
        assert programme.today is not None
        assert len(pump.offers) <= 1

    run(story())


def test_d_10_what_a_named_clinician_saw_settles_an_uncertain_offer_as_unknown() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.loses = lambda frame: "silently"
        await hospital.send(an_order(1))
        await asyncio.sleep(60)
        (planned,) = await hospital.planned()
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.attest(planned.programme_id, "NURSE7", Seen.NOTHING, "the screen is empty")
        assert await state_of(hospital, planned.programme_id) is State.ATTESTED
        with pytest.raises(NotSo):
            await bedside.attest(planned.programme_id, "NURSE8", Seen.NOTHING, "")
        pump.loses = lambda frame: ""
        await pump.tells_status()
        await offered(hospital, pump, 2)  # the channel takes offers again
        assert hospital.ehr.answers[-1].code == "AA"

    run(story())


def test_an_offer_is_taken_back_by_the_person_who_asked() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        offer_id = await offered(hospital, pump)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.recall(offer_id, "NURSE7")
        await pump.settled()
        assert await state_of(hospital, offer_id) is State.WITHDRAWN
        assert pump.states["A"].state is ChannelState.IDLE
        with pytest.raises(NotSo):
            await bedside.recall(offer_id, "NURSE7")

    run(story())


def test_d_06_a_changed_order_takes_its_open_offer_back_from_the_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await scanned(hospital, stored)
        await pump.settled()
        body = write(a_dopamine_request(order_number="ORD-1", dose_rate="7"))
        profile = demo_release().senders["fhir-demo"]
        await hospital.conduct.resources.update(
            stored.id, 1, Incoming(read_medication_request(read(body), profile), body, "ehr-fhir", "R2")
        )
        await hospital.settled()
        await asyncio.sleep(40)
        await pump.settled()
        assert await state_of(hospital, id) is State.WITHDRAWN

    run(story())


def test_sr_38_an_order_that_ends_while_it_runs_is_told_to_a_person_and_never_stops_the_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        stored = await a_stored_order(hospital)
        id = await scanned(hospital, stored)
        await pump.settled()
        await pump.confirms(id)
        await pump.starts(id)
        frames = len(pump.frames)
        body = write(a_dopamine_request(order_number="ORD-1", status="stopped"))
        profile = demo_release().senders["fhir-demo"]
        await hospital.conduct.resources.update(
            stored.id, 1, Incoming(read_medication_request(read(body), profile), body, "ehr-fhir", "R2")
        )
        await hospital.settled()
        assert any("still runs it" in words for words in await hospital.alerts())
        assert not [frame for frame in pump.frames[frames:] if not isinstance(frame, said.Ack)]

    run(story())


def test_sr_37_a_change_of_rate_is_offered_beside_the_old_value_and_runs_when_it_is_confirmed() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        asked = {"requested_at": dtm(MORNING), "sent_at": dtm(MORNING), "weight_at": dtm(MORNING)}
        await hospital.send(a_titration_rgv(message_id="G0100", order="ORD-1", location="", **asked))
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert hospital.ehr.answers[-1].code == "AA", hospital.ehr.answers
        offer = pump.offers[-1]
        assert offer.attempt is said.OfferAttempt.TITRATION
        assert offer.changes is not None
        old = {each.name: each.set for each in offer.changes.settings}
        new = {each.name: each.set for each in offer.settings}
        assert (old["rate"], new["rate"]) == (ml_per_h("30"), ml_per_h("37.5"))
        assert (await the_infusion(hospital, id)).running_rate == ml_per_h("30")
        await pump.confirms(offer.offer_id)
        await pump.event(
            said.Kind.RATE_CHANGED,
            "A",
            "12",
            old_rate=ml_per_h("30"),
            rate=ml_per_h("37.5"),
            dose_rate=Quantity.of("12.5", "ug/kg/min"),
            cause="offer",
            offer_id=offer.offer_id,
            by="NURSE7",
        )
        today = await the_infusion(hospital, id)
        assert today.running_rate == ml_per_h("37.5")
        assert await hospital.alerts() == []

    run(story())


def test_d_11_what_runs_by_hand_becomes_an_orders_only_if_drug_and_concentration_fit() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        strength = Quantity.of("1.6", "mg/mL")
        by_hand = said.Run("R9", drug="dopamine", concentration=strength, rate=ml_per_h("30"), set_rate=ml_per_h("30"), delivered=ml("0"))
        await pump.runs_now("A", by_hand)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        wanted = ToAssociate("LVP-0001", "A", "EHR1/ORD-1", "ORD-1", "pcd03-demo", PATIENT, "dopamine", strength)
        with pytest.raises(NotSo, match="propofol"):
            await bedside.associate(ToAssociate(*(*_fields(wanted)[:6], "propofol", strength)), "NURSE7")
        with pytest.raises(NotSo, match="concentration"):
            await bedside.associate(ToAssociate(*(*_fields(wanted)[:7], Quantity.of("3.2", "mg/mL"))), "NURSE7")
        await bedside.associate(wanted, "NURSE7")
        today = await the_infusion(hospital, "LVP-0001/R9")
        assert today.association is not None
        assert today.association.since == (await infusion_at(hospital.record, "LVP-0001/R9")).events[0].happened_at
        assert await unassociated(hospital.record) == ()
        assert [type(frame) for frame in pump.frames[-1:]] == [said.Associate]
        await bedside.dissociate("LVP-0001", "A", "NURSE7")
        today = await the_infusion(hospital, "LVP-0001/R9")
        assert today.association is None
        assert today.state is infusions.State.RUNNING

    run(story())


def _fields(value: ToAssociate) -> tuple[Any, ...]:
    return tuple(getattr(value, name) for name in ToAssociate.__slots__)


@pytest.mark.parametrize("what", [Adt.TRANSFER, Adt.DISCHARGE, Adt.CLASS_CHANGE, Adt.MERGE])
def test_sr_04_sr_05_d_12_adt_blocks_new_programming_until_one_bedside_confirmation_and_ends_nothing(what: Adt) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.patient_fact(PatientFact("ADT1", PATIENT, what))
        today = await the_infusion(hospital, id)
        assert today.association is not None
        assert today.state is infusions.State.RUNNING
        await hospital.send(an_order(2, channel="B"))
        await hospital.settled()
        assert hospital.ehr.answers[-1].error == "9016"
        assert any("Confirm at the bedside" in words for words in await hospital.alerts())
        with pytest.raises(NotSo):
            await bedside.confirm_patient("LVP-0001", "A", PatientId("4711002", "DEMO"), "NURSE7")
        await bedside.confirm_patient("LVP-0001", "A", PATIENT, "NURSE7")
        await hospital.send(an_order(3, channel="B"))
        await hospital.settled()
        await pump.settled()
        await hospital.settled()
        assert hospital.ehr.answers[-1].code == "AA"

    run(story())


def test_d_12_a_transfer_takes_back_what_waits_on_the_patients_pump() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await running(hospital, pump)
        await hospital.send(an_order(2, channel="B"))
        await hospital.settled()
        await pump.settled()
        waiting = pump.offers[-1].offer_id
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.patient_fact(PatientFact("ADT1", PATIENT, Adt.TRANSFER))
        await pump.settled()
        assert await state_of(hospital, waiting) is State.WITHDRAWN

    run(story())


def test_sr_44_d_13_a_confirmation_without_the_second_check_that_the_entry_asks_for_is_told() -> None:
    async def story() -> None:
        from tests.wards.messages import a_heparin_rgv

        hospital, pump = await a_hospital()
        asked = {"requested_at": dtm(MORNING), "sent_at": dtm(MORNING), "weight_at": dtm(MORNING), "location": ""}
        await hospital.send(a_heparin_rgv(message_id="G0300", order="ORD-300", **asked))
        await hospital.settled()
        await pump.settled()
        offer = pump.offers[-1]
        assert offer.second_check.value == "at_pump"
        await pump.confirms(offer.offer_id, by="NURSE7", second_check_by="NURSE7")
        assert any("without an independent second check" in words for words in await hospital.alerts())

    run(story())


def test_d_12_a_cancelled_transfer_lifts_its_own_doubt_and_no_other() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.patient_fact(PatientFact("ADT1", PATIENT, Adt.TRANSFER))
        await bedside.patient_fact(PatientFact("ADT2", PATIENT, Adt.MERGE))
        await bedside.patient_fact(PatientFact("ADT3", PATIENT, None, cancels="ADT1"))
        association = (await the_infusion(hospital, id)).association
        assert association is not None
        assert [doubt.message_id for doubt in association.suspensions] == ["ADT2"]

    run(story())


def after(hours: int) -> Any:
    """The demo site, where an association ends after so many idle hours; the site itself says twelve, which takes long to tell."""
    assert demo_release().rules.association_idle_h == 12
    return replace(demo_release(), rules=replace(demo_release().rules, association_idle_h=hours))


def test_sr_04_hours_without_infusion_end_the_association() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital(release=after(1))
        id = await running(hospital, pump)
        await pump.event(said.Kind.PAUSED, "A", "5", cause="clinician", by="NURSE7")
        await asyncio.sleep(3500)
        assert (await the_infusion(hospital, id)).association is not None
        await asyncio.sleep(200)
        assert (await the_infusion(hospital, id)).association is None

    run(story())


def test_sr_04_an_infusion_that_runs_on_keeps_its_association() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital(release=after(1))
        id = await running(hospital, pump)
        await pump.event(said.Kind.PAUSED, "A", "5", cause="clinician", by="NURSE7")
        await asyncio.sleep(600)
        await pump.event(said.Kind.RESUMED, "A", "5", rate=ml_per_h("30"), by="NURSE7")
        await asyncio.sleep(5000)
        assert (await the_infusion(hospital, id)).association is not None

    run(story())


def test_an_alert_is_there_until_somebody_has_looked() -> None:
    async def story() -> None:
        from interop.conduct.alerts import open_alerts

        hospital, pump = await a_hospital()
        await pump.note(said.Event, kind=said.Kind.PAUSED, channel_id="A", infusion_id="R77", delivered=ml("1"), cause="clinician")
        (alert,) = await open_alerts(hospital.record)
        bedside = hospital.conduct.bedside
        assert bedside is not None
        await bedside.seen(alert.id, "NURSE7", "the channel is idle")
        assert await open_alerts(hospital.record) == ()
        with pytest.raises(NotSo):
            await bedside.seen(alert.id, "NURSE8")

    run(story())
