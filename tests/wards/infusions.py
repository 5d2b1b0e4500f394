"""What a pump says of an infusion, and what is known of its order, for stories of documentation: dopamine 400 mg / 250 mL at 5 ug/kg/min for 82 kg."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from interop.domain.delivery import InfusionType, Mode
from interop.domain.document import About, DrugCode, Ordered
from interop.domain.events.association import (
    AssociationBackfilled,
    AssociationBasis,
    AssociationEndCause,
    AssociationEnded,
    AssociationMade,
    AssociationRestored,
    AssociationSuspended,
    AssociationVoided,
    RestoreCause,
    SuspensionCause,
)
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    ContactLost,
    ContactRegained,
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
    Source,
    Started,
    VolumeCompleted,
)
from interop.domain.events.nouns import PatientNumber, Setting
from interop.domain.quantity import Quantity

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PATIENT = PatientNumber("MRN-4711", "DEMO")
OTHER_PATIENT = PatientNumber("MRN-9999", "DEMO")
ORDER = "ORD-1001"
RATE, DOSE_RATE = "15.4", "5"


def ml(text: str) -> Quantity:
    return Quantity.of(text, "mL")


def rate(text: str) -> Quantity:
    return Quantity.of(text, "mL/h")


def dose_rate(text: str) -> Quantity:
    return Quantity.of(text, "ug/kg/min")


def offered(at: str, dose: str) -> tuple[Setting, ...]:
    return (
        Setting("rate", rate(at), rate(at)),
        Setting("dose rate", dose_rate(dose), dose_rate(dose)),
        Setting("vtbi", ml("250"), ml("250")),
    )


def about(**words: Any) -> About:
    """Of the dopamine order, from the demo EHR, on a simulated LVP."""
    said: dict[str, Any] = {
        "placer_order_number": ORDER,
        "placer_authority": "EHR1",
        "sender": "pcd03-demo",
        "system_group": "EHR1",
        "receiver": ("EHR1", "DEMO"),
        "patient_numbers": (PATIENT,),
        "drug_codes": (DrugCode("2222", "Dopamine", "LOC"),),
        "infusion_type": InfusionType.CONTINUOUS,
        "programmes": (
            Ordered("PRG-5", offered(RATE, DOSE_RATE), "RN-17", "RN-23"),
            Ordered("PRG-6", offered("18.5", "6"), "RN-17"),
        ),
        "vtbi": ml("250"),
        "pump_model": "SIM-LVP",
        "pump_maker": "interop",
        "mode": Mode.LVP,
        "library_version": "42",
        "care_area": "ICU",
        "is_simulated": True,
    }
    return About(**{**said, **words})


def said(minute: int, delivered: str | None) -> dict[str, Any]:
    """Told ``minute`` minutes after eight by a pump whose clock is 40 s slow, recorded a second later, with this reading of its counter."""
    at = EIGHT + timedelta(minutes=minute)
    pump = PumpSaid(at - timedelta(seconds=40), timedelta(seconds=40), "LOG-7", minute + 1)
    return {"at": at + timedelta(seconds=1), "pump": pump, "delivered": None if delivered is None else ml(delivered)}


def _opening(programme: str) -> dict[str, Any]:
    return {
        "infusion_id": "LVP-0001/9",
        "pump_id": "LVP-0001",
        "channel_id": "A",
        "source": Source.PRIMARY,
        "programme_id": programme,
        "entry_key": "DOP-400-250",
        "drug": "dopamine",
        "concentration": Quantity.of("1.6", "mg/mL"),
        "rate": rate(RATE),
        "dose_rate": dose_rate(DOSE_RATE),
        "vtbi": ml("250"),
        "dosing_weight": Quantity.of("82", "kg"),
    }


def started(minute: int = 0, delivered: str | None = "0", programme: str = "PRG-5") -> Started:
    return Started(**said(minute, delivered), **_opening(programme), by="RN-17")


def found(minute: int = 0, delivered: str | None = "40") -> Found:
    return Found(**said(minute, delivered), **_opening(""))


def associated(
    minute: int = 0,
    *,
    basis: AssociationBasis = AssociationBasis.OFFER_CONFIRMED,
    id: str = "A-1",
    patient: PatientNumber = PATIENT,
    order: str = ORDER,
) -> AssociationMade:
    at = EIGHT + timedelta(minutes=minute, seconds=1)
    return AssociationMade(at=at, association_id=id, patient=patient, placer_order_number=order, basis=basis, by="RN-17")


def back_filled(
    minute: int, since: int, until: int | None = None, *, id: str = "A-1", patient: PatientNumber = PATIENT
) -> AssociationBackfilled:
    return AssociationBackfilled(
        at=EIGHT + timedelta(minutes=minute),
        association_id=id,
        patient=patient,
        placer_order_number=ORDER,
        basis=AssociationBasis.REVIEW,
        by="RN-17",
        since=EIGHT + timedelta(minutes=since),
        until=None if until is None else EIGHT + timedelta(minutes=until),
    )


def dissociated(minute: int, cause: AssociationEndCause = AssociationEndCause.DISSOCIATED, id: str = "A-1") -> AssociationEnded:
    return AssociationEnded(at=EIGHT + timedelta(minutes=minute), association_id=id, cause=cause, by="RN-17")


def in_doubt(minute: int, cause: SuspensionCause = SuspensionCause.MERGE) -> AssociationSuspended:
    return AssociationSuspended(at=EIGHT + timedelta(minutes=minute), association_id="A-1", cause=cause, message_id=f"ADT-{minute}")


def no_doubt(minute: int, *lifts: int) -> AssociationRestored:
    return AssociationRestored(
        at=EIGHT + timedelta(minutes=minute),
        association_id="A-1",
        cause=RestoreCause.BEDSIDE,
        lifts=tuple(f"ADT-{each}" for each in lifts),
        by="RN-17",
        message_id="",
    )


def voided(minute: int) -> AssociationVoided:
    return AssociationVoided(at=EIGHT + timedelta(minutes=minute), association_id="A-1", by="RN-17", words="wrong wristband")


def changed(minute: int, delivered: str | None, to: str, dose: str | None = None, *, programme: str = "", by: str = "RN-17") -> RateChanged:
    return RateChanged(
        **said(minute, delivered),
        old=rate(RATE),
        new=rate(to),
        dose_rate=None if dose is None else dose_rate(dose),
        cause=RateCause.PROGRAMME if programme else RateCause.CLINICIAN,
        programme_id=programme,
        by=by,
    )


def paused(minute: int, delivered: str | None, reason: NotDelivering = NotDelivering.BY_CLINICIAN) -> Paused:
    return Paused(**said(minute, delivered), reason=reason, by="RN-17")


def resumed(minute: int, delivered: str | None) -> Resumed:
    return Resumed(**said(minute, delivered), rate=rate(RATE), dose_rate=dose_rate(DOSE_RATE), by="RN-17")


def volume_done(minute: int, delivered: str | None) -> VolumeCompleted:
    return VolumeCompleted(**said(minute, delivered))


def kvo(minute: int, delivered: str | None) -> KvoEntered:
    return KvoEntered(**said(minute, delivered), rate=rate("1"))


def ended(minute: int, delivered: str | None, cause: EndCause = EndCause.CLEARED) -> Ended:
    words = said(minute, delivered)
    if cause in (EndCause.ORDER_ENDED, EndCause.DISSOCIATED, EndCause.IDLE, EndCause.ATTESTED):
        words["pump"] = None
    return Ended(**words, cause=cause, by="RN-17")


def lost(minute: int, heard: int) -> ContactLost:
    return ContactLost(at=EIGHT + timedelta(minutes=minute), last_heard_at=EIGHT + timedelta(minutes=heard))


def regained(minute: int) -> ContactRegained:
    return ContactRegained(at=EIGHT + timedelta(minutes=minute))


def without_clock(event: Any) -> InfusionEvent:
    """The same word of a pump whose clock's error is not known."""
    told: InfusionEvent = replace(event, pump=replace(event.pump, correction=None))
    return told


BEGUN: Sequence[InfusionEvent] = (started(), associated())
"""A confirmed offer was started, and is the order's."""
