"""The stories behind the golden documents: what happened before, what happens, and which of the documents that follow is pinned."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.document import Document, Kind, Reported
from interop.domain.events.association import AssociationBasis
from interop.domain.events.infusion import EndCause, InfusionEvent
from interop.domain.events.nouns import PatientNumber
from interop.domain.events.programme import Attempt, Expired, Planned, ProgrammeEvent, RejectCause, Rejected
from interop.domain.pump import ChannelReport, Run
from interop.stages.administration import administrations
from interop.stages.document import documents, periodic, programme_ended
from interop.stages.told import steps_of
from interop.wire.fhir.medication_administration import AdministrationRenderer
from interop.wire.hl7v2.ack import Us
from interop.wire.hl7v2.oru import OruRenderer
from tests.wards.infusions import (
    BEGUN,
    EIGHT,
    ORDER,
    PATIENT,
    about,
    associated,
    back_filled,
    changed,
    dose_rate,
    ended,
    found,
    kvo,
    lost,
    ml,
    offered,
    paused,
    rate,
    said,
    started,
    voided,
    volume_done,
)

NOW = datetime.fromisoformat("2026-03-02T18:00:05+01:00")
RENDERER = OruRenderer(Us(("INTEROP", "1.3.6.1.4.1.99999.1", "ISO"), ("DEMO",)))
CONTROL_ID = "D0000001"

TITRATED = changed(30, "7.7", "18.5", "6", programme="PRG-6")
BY_HAND = changed(60, "16.95", "20")


def written(document: Document | None) -> bytes:
    assert document is not None
    return RENDERER.document(document, CONTROL_ID, NOW)


def told(history: list[InfusionEvent], *events: InfusionEvent, kind: Kind, **words: Any) -> bytes:
    """The one document of this kind that these events lead to."""
    (document,) = (each for each in documents(steps_of([*history, *events]), len(history), about(**words)) if each.kind is kind)
    return written(document)


def planned() -> Planned:
    return Planned(
        at=EIGHT,
        programme_id="PRG-5",
        attempt=Attempt.START,
        order_id=f"EHR1/{ORDER}",
        placer_order_number=ORDER,
        order_version=None,
        pump_id="LVP-0001",
        channel_id="A",
        patient=PATIENT,
        requested_by="RN-99",
        requested_at=EIGHT,
        message_id="N1",
        effect_key="",
        plan_digest="",
        case_digest="",
        library=None,
        mapping_digest="",
        drug="dopamine",
        entry_key="DOP-400-250",
        settings=offered("15.4", "5"),
        weight_source="order",
        cautions=(),
    )


def cleared(event: ProgrammeEvent) -> bytes:
    return written(programme_ended(planned(), event, about()))


REPORT = ChannelReport(
    "A",
    Mode.LVP,
    ChannelState.INFUSING,
    run=Run(
        "9",
        rate=rate("15.4"),
        set_rate=rate("15.4"),
        dose_rate=dose_rate("5"),
        vtbi=ml("250"),
        vtbi_left=ml("238.45"),
        delivered=ml("11.55"),
    ),
)

PCD_10: Mapping[str, Callable[[], bytes]] = {
    "deliv-start": lambda: told([], *BEGUN, kind=Kind.DELIVERY_STARTED),
    "rate-change-stop": lambda: told([*BEGUN], TITRATED, kind=Kind.DELIVERY_STOPPED),
    "rate-change-start": lambda: told([*BEGUN], TITRATED, kind=Kind.DELIVERY_STARTED),
    "rate-by-hand-start": lambda: told([*BEGUN, TITRATED], BY_HAND, kind=Kind.DELIVERY_STARTED),
    "pause": lambda: told([*BEGUN], paused(30, "7.7"), kind=Kind.DELIVERY_STOPPED),
    "complete": lambda: told([*BEGUN], volume_done(900, "250"), kind=Kind.DELIVERY_COMPLETED),
    "kvo-start": lambda: told([*BEGUN, volume_done(900, "250")], kvo(900, "250"), kind=Kind.DELIVERY_STARTED),
    "volume-not-told": lambda: told([*BEGUN, TITRATED], paused(60, None), kind=Kind.DELIVERY_STOPPED),
    "wrong-patient": lambda: told([*BEGUN], voided(30), kind=Kind.DELIVERY_STARTED),
    "contact-lost": lambda: told([*BEGUN], lost(31, 30), kind=Kind.CONTACT_CHANGED),
    "auto-program-rejected": lambda: cleared(Rejected(**_without_volume(3), cause=RejectCause.BY_CLINICIAN, by="RN-17", words="")),
    "auto-program-expired": lambda: cleared(Expired(**_without_volume(5))),
}
PCD_01: Mapping[str, Callable[[], bytes]] = {
    "periodic": lambda: written(periodic(steps_of(BEGUN), Reported(EIGHT + timedelta(minutes=45), REPORT), about())),
    "on-change": lambda: told([*BEGUN], TITRATED, kind=Kind.STATUS),
    "paused": lambda: told([*BEGUN], paused(30, "7.7"), kind=Kind.STATUS),
    "production-and-named": lambda: told(
        [],
        *BEGUN,
        kind=Kind.STATUS,
        is_simulated=False,
        patient_name=("Müller", "Ännchen"),
        patient_numbers=(PATIENT, PatientNumber("756.1234", "1.2.756.30")),
        patient_class="I",
        location=("ICU", "12", "A"),
        mode=None,
        drug_codes=(),
    ),
}


def _without_volume(minute: int) -> dict[str, Any]:
    words = said(minute, None)
    del words["delivered"]
    return words


def resource(events: list[InfusionEvent], which: int, **words: Any) -> bytes:
    """The ``which``-th resource of the chart, 0 being the parent."""
    steps = steps_of(events)
    return AdministrationRenderer().administration(administrations(steps, about(**words))[which], len(steps), NOW)


def of_fhir_order() -> dict[str, Any]:
    """What is known of an order that came as a MedicationRequest."""
    code = replace(about().drug_codes[0], code="3628", system="", uri="http://www.nlm.nih.gov/research/umls/rxnorm")
    patient = PatientNumber("MRN-4711", "urn:oid:2.16.840.1.113883.19.5")
    return {
        "request_id": "R000001",
        "subject_reference": "Patient/p-1",
        "drug_codes": (code,),
        "patient_numbers": (PATIENT, patient),
        "is_simulated": False,
    }


ADMINISTRATIONS: Mapping[str, Callable[[], bytes]] = {
    "parent-in-progress": lambda: resource([*BEGUN], 0),
    "child-in-progress": lambda: resource([*BEGUN], 1),
    "child-completed": lambda: resource([*BEGUN, TITRATED], 1),
    "child-by-hand": lambda: resource([*BEGUN, TITRATED, BY_HAND], 3),
    "parent-on-hold": lambda: resource([*BEGUN, paused(30, "7.7")], 0),
    "parent-completed": lambda: resource([*BEGUN, volume_done(900, "250"), paused(901, "250"), ended(960, None, EndCause.ORDER_ENDED)], 0),
    "parent-stopped": lambda: resource([*BEGUN, ended(60, "15.4")], 0),
    "child-kvo": lambda: resource([*BEGUN, volume_done(900, "250"), kvo(900, "250")], 2),
    "parent-stale": lambda: resource([*BEGUN, lost(31, 30)], 0),
    "parent-found-running": lambda: resource([found(), back_filled(10, since=-5)], 0),
    "parent-associated-late": lambda: resource(
        [started(0, programme=""), associated(30, basis=AssociationBasis.BEDSIDE_SCAN), changed(40, "10", "20"), paused(60, "16")], 0
    ),
    "parent-entered-in-error": lambda: resource([*BEGUN, voided(30)], 0),
    "parent-of-fhir-order": lambda: resource([*BEGUN], 0, **of_fhir_order()),
}
