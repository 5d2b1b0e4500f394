"""The two offers that docs/pump-link.md shows, as conduct would give them."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from interop.domain import pump as said
from interop.domain.delivery import SecondCheck
from interop.domain.events.nouns import Setting
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity

NOW = datetime(2026, 3, 2, 9, 15, 0, 125_000, UTC)
LIBRARY = LibraryRef("DEMO", "42", "5d41402abc4b2a76b9719d911017c592")


def q(value: str | Fraction, unit: str) -> Quantity:
    return Quantity(Fraction(value), unit)


OFFER = said.OfferToShow(
    offer_id="01JNB0Z8",
    pump_id="PUMP-0007",
    channel_id="B",
    attempt=said.OfferAttempt.START,
    expires_at=datetime(2026, 3, 2, 9, 30, 12, tzinfo=UTC),
    untouched_s=300,
    idle_s=180,
    total_s=900,
    answer_within_s=5,
    patient=PatientId("4711", "HOSP"),
    patient_name="Muster, Maxi",
    placer_order_number="ORD-1001",
    requested_by="N-204",
    library=LIBRARY,
    entry_key="DOP-ICU-400-250",
    drug="dopamine",
    tallman="DOPamine",
    therapy="",
    care_area="ICU",
    concentration=q("1.6", "mg/mL"),
    container_amount=q(400, "mg"),
    container_volume=q(250, "mL"),
    settings=(
        Setting("rate", q("31.1", "mL/h"), q("31.125", "mL/h")),
        Setting("dose rate", q(Fraction(49_760, 4_980), "ug/kg/min"), q(10, "ug/kg/min")),
        Setting("vtbi", q(250, "mL"), q(250, "mL")),
        Setting("weight", q(83, "kg")),
    ),
    second_check=SecondCheck.AT_PUMP,
    weight_source="order",
    cautions=(said.ShownCaution("The dose rate is above the soft limit of 8 ug/kg/min", "Confirm the dose, and say why"),),
)
TITRATION = replace(
    OFFER,
    offer_id="01JNB4C1",
    attempt=said.OfferAttempt.TITRATION,
    expires_at=datetime(2026, 3, 2, 10, 16, 40, tzinfo=UTC),
    patient_name="",
    container_amount=None,
    container_volume=None,
    settings=(Setting("rate", q(36, "mL/h"), q(36, "mL/h")), Setting("dose rate", q(12, "ug/kg/min"), q(12, "ug/kg/min"))),
    second_check=SecondCheck.NONE,
    weight_source="",
    cautions=(),
    changes=said.Changes("I-0007-34", (Setting("rate", q(30, "mL/h")), Setting("dose rate", q(10, "ug/kg/min")))),
)
