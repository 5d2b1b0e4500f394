"""Whose an infusion is, after it is over and while it stands still: the rows say what the streams say (SR-04, SR-05, D-12)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from interop.conduct.alerts import open_alerts
from interop.conduct.bedside import Adt, NotSo, PatientFact, ToAssociate
from interop.conduct.infusions import RunAt, associated_with, run_on, runs_of_order, unassociated
from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.events.nouns import PatientNumber
from interop.domain.events.programme import Seen
from interop.domain.lifecycle import infusion as infusions
from interop.domain.patient import PatientId
from tests.conduct.pump import APump, ml_per_h
from tests.conduct.test_bedside import PATIENT, running, the_infusion
from tests.conduct.test_offers_and_runs import a_hospital, state_of
from tests.conduct.virtual import run
from tests.conduct.ward import Hospital, an_order
from tests.wards.ward import demo_release

NUMBER = PatientNumber(PATIENT.value, PATIENT.authority)


async def told(hospital: Hospital, what: Adt, message: str = "A99", patient: PatientId = PATIENT) -> None:
    assert hospital.conduct.bedside is not None
    await hospital.conduct.bedside.patient_fact(PatientFact(message, patient, what))


async def theirs(hospital: Hospital) -> list[str]:
    return [each.infusion_id for each in await associated_with(hospital.record, NUMBER)]


async def pauses(pump: APump) -> None:
    await pump.event(said.Kind.PAUSED, "A", "5", cause="clinician", by="NURSE7")


async def ends(pump: APump) -> None:
    await pump.event(said.Kind.ENDED, "A", "40", cause="cleared", by="NURSE7")
    await pump.becomes("A", ChannelState.IDLE, run=None)


def test_d_12_a_discharge_while_paused_frees_order_and_channel_of_the_patient_and_leaves_it_for_review() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        await pauses(pump)
        await told(hospital, Adt.DISCHARGE)
        assert (await the_infusion(hospital, id)).association is None
        assert await run_on(hospital.record, "LVP-0001", "A") == RunAt(id, "LVP-0001", "A")
        assert await runs_of_order(hospital.record, "EHR1/ORD-1") == ()
        assert [each.infusion_id for each in await unassociated(hospital.record)] == [id]
        assert await theirs(hospital) == []

    run(story())


def test_d_12_a_discharge_after_the_end_ends_the_association_and_says_nothing_of_what_runs_there_now() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        await ends(pump)
        other = await pump.runs_now("A", said.Run("R9", drug="propofol", rate=ml_per_h("12"), set_rate=ml_per_h("12")))
        await told(hospital, Adt.DISCHARGE)
        assert (await the_infusion(hospital, id)).association is None
        assert await run_on(hospital.record, "LVP-0001", "A") == RunAt(f"LVP-0001/{other}", "LVP-0001", "A")
        assert [each.infusion_id for each in await unassociated(hospital.record)] == [f"LVP-0001/{other}"]

    run(story())


def test_sr_05_a_merge_after_the_end_holds_what_is_still_to_be_told_until_the_bedside_confirms() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        await ends(pump)
        await told(hospital, Adt.MERGE)
        association = (await the_infusion(hospital, id)).association
        assert association is not None
        assert [doubt.message_id for doubt in association.suspensions] == ["A99"]
        (alert,) = await open_alerts(hospital.record)
        assert (alert.channel_id, alert.infusion_id) == ("A", id)
        assert hospital.conduct.bedside is not None
        with pytest.raises(NotSo):
            await hospital.conduct.bedside.confirm_patient("LVP-0001", "A", PatientId("4711002", "DEMO"), "NURSE7")
        await hospital.conduct.bedside.confirm_patient("LVP-0001", "A", PATIENT, "NURSE7")
        association = (await the_infusion(hospital, id)).association
        assert association is not None
        assert association.suspensions == ()

    run(story())


def test_sr_05_a_wristband_that_is_not_of_what_runs_lifts_no_older_doubt() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        await ends(pump)
        await told(hospital, Adt.MERGE)
        await pump.runs_now("A", said.Run("R9", drug="propofol", rate=ml_per_h("12"), set_rate=ml_per_h("12")))
        assert hospital.conduct.bedside is not None
        other = PatientId("4711002", "DEMO")
        wanted = ToAssociate("LVP-0001", "A", "EHR1/ORD-2", "ORD-2", "pcd03-demo", other, "propofol", None)
        await hospital.conduct.bedside.associate(wanted, "NURSE7")
        await told(hospital, Adt.MERGE, "A40", other)
        with pytest.raises(NotSo, match="another patient"):
            await hospital.conduct.bedside.confirm_patient("LVP-0001", "A", PATIENT, "NURSE7")
        association = (await the_infusion(hospital, id)).association
        assert association is not None
        assert association.suspensions

    run(story())


async def _dissociates(hospital: Hospital, pump: APump) -> None:
    assert hospital.conduct.bedside is not None
    await hospital.conduct.bedside.dissociate("LVP-0001", "A", "NURSE7")


async def _another_patient(hospital: Hospital, pump: APump) -> None:
    await pump.note(said.Event, kind=said.Kind.PATIENT_CHANGED, patient=PatientId("4711002", "DEMO"), by="NURSE7")


async def _idle(hospital: Hospital, pump: APump) -> None:
    await ends(pump)
    await asyncio.sleep(3700)


@pytest.mark.parametrize("way", [_dissociates, _another_patient, _idle])
def test_sr_04_what_is_nobodys_any_more_is_not_found_by_its_patient(way: Any) -> None:
    async def story() -> None:
        release = replace(demo_release(), rules=replace(demo_release().rules, association_idle_h=1))
        hospital, pump = await a_hospital(release=release)
        id = await running(hospital, pump)
        assert await theirs(hospital) == [id]
        await way(hospital, pump)
        before = (await the_infusion(hospital, id)).associations
        assert [one.is_live for one in before] == [False]
        await told(hospital, Adt.MERGE)
        assert (await the_infusion(hospital, id)).associations == before
        assert await theirs(hospital) == []

    run(story())


def test_sr_04_what_is_over_is_its_patients_until_it_has_been_idle() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        await ends(pump)
        assert (await the_infusion(hospital, id)).state is infusions.State.ENDED
        assert await theirs(hospital) == [id]

    run(story())


def test_d_10_a_statement_that_comes_after_the_pumps_answer_is_not_said_to_be_taken() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        pump.loses = lambda frame: "silently"
        await hospital.send(an_order(1))
        await asyncio.sleep(60)
        (planned,) = await hospital.planned()
        offers = hospital.bedside.offers
        settle = offers.settle

        async def the_pump_was_faster(programme_id: str, *fact: Any) -> None:
            offers.settle = settle
            await pump.tell(said.NeverSeen(programme_id, "A", pump.clock))
            await settle(programme_id, *fact)

        offers.settle = the_pump_was_faster
        assert hospital.conduct.bedside is not None
        with pytest.raises(NotSo, match="meanwhile"):
            await hospital.conduct.bedside.attest(planned.programme_id, "NURSE7", Seen.NOTHING, "the channel is empty")
        assert (await state_of(hospital, planned.programme_id)).value == "withdrawn"

    run(story())
