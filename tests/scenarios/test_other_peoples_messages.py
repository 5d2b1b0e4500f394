"""Every message that other people wrote gets the right program, or a refusal that names its true cause.

Each is planned near its own time, so that staleness hides nothing. The table says which and why; what it expects is all refusals, not some.
"""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import pytest

from interop.domain.quantity import Quantity
from interop.pathway import plan
from interop.workbench.reading import NotAnOrder, read_order
from interop.workbench.supposed import Wishes, suppose
from tests.wards.samples import SAMPLES, needs_samples
from tests.wards.ward import an_amount, demo_release

pytestmark = needs_samples


class Expected(NamedTuple):
    """``rate``: what the pump would run; empty: refused, with exactly these codes."""

    why: str
    codes: frozenset[str] = frozenset()
    rate: str = ""
    entry: str = ""
    at: str = ""  # near its own time, where the message itself says none that can be read


def refused(why: str, *codes: str, at: str = "") -> Expected:
    return Expected(why, frozenset(codes), at=at)


NOT_AN_ORDER, NOT_PLANNED = "9016.not-an-order", "9016.kind-not-planned"
AUTHORED = "2015-01-15T12:00:00+00:00"

TABLE = {
    "hl7/ihe-r10-pcd03-rgv-dopamine.hl7": Expected(
        "10 ug/kg/min × 85 kg of 1.6 mg/mL is 31.875 mL/h; the old numbers in the units' first component are not the units",
        rate="31.9 mL/h",
        entry="DL-010",
    ),
    "hl7/ihe-r10-pcd03-rgv-normal-saline.hl7": Expected("a plain fluid at 13.3 mL/h, 500 mL", rate="13.3 mL/h", entry="DL-081"),
    "hl7/nist-pcd03-rgv-heparin.hl7": refused("ORC-9 has no offset from UTC, and this sender has no known zone", "9004"),
    "hl7/nist-pcd03-rgv-pca-morphine.hl7": refused(
        "PCA is not planned yet; ORC-9 is a birth date without an offset; 9999 is a filler and names no drug",
        "9004",
        "9010",
        NOT_PLANNED,
    ),
    "hl7/ihe-r11draft-pcd03-rgv-multistep-loading-then-continuous.hl7": refused(
        "multistep is not planned yet, ORC-9 is empty, and the product code is in no formulary", "9003", "9010", NOT_PLANNED
    ),
    "hl7/ehr-machete-rde-o01-pantoprazole-drip.hl7": refused("a pharmacy order without a rate and without a bedside moment", NOT_PLANNED),
    "hl7/ehr-ms-rde-o11-01.hl7": refused("a pharmacy order; its titration stands in free text", NOT_PLANNED),
    "hl7/ihe-r10-pcd03-ack-ca-dopamine.hl7": refused("an acknowledgement", NOT_AN_ORDER),
    "hl7/ihe-r10-pcd03-rrg-aa-dopamine.hl7": refused("an application acknowledgement", NOT_AN_ORDER),
    "hl7/ihe-r10-pcd03-rrg-ar-9010.hl7": refused("an application acknowledgement", NOT_AN_ORDER),
    "hl7/ihe-r10-pcd04-pump-occlusion-start.hl7": refused("an alert", NOT_AN_ORDER),
    "hl7/ihe-r10-pcd04-pump-occlusion-end.hl7": refused("an alert", NOT_AN_ORDER),
    "hl7/ihe-r10-pcd10-deliv-start-lvp.hl7": refused("an infusion event", NOT_AN_ORDER),
    "hl7/nist-pcd10-deliv-start.hl7": refused("an infusion event", NOT_AN_ORDER),
    "hl7/nist-pcd10-pause.hl7": refused("an infusion event", NOT_AN_ORDER),
    "hl7/nist-pcd10-rate-change.hl7": refused("an infusion event", NOT_AN_ORDER),
    "fhir/MedicationRequest-medrx0322.json": refused(
        "completed, not active; neither ingredient's code is in the formulary", "9016.order-not-active", "9010", at=AUTHORED
    ),
    "fhir/MedicationRequest-medrx0323.json": refused(
        "completed, not active; three products without a mixture", "9016.order-not-active", "9010", at=AUTHORED
    ),
    "fhir/MedicationRequest-medrx0336.json": refused(
        "completed; the rate names UCUM and no code, so it has no unit; the codes are in no formulary",
        "9016.order-not-active",
        "9003",
        "9010",
        at=AUTHORED,
    ),
    "fhir/MedicationRequest-medrx0337.json": refused("as 0336", "9016.order-not-active", "9003", "9010", at=AUTHORED),
    "fhir/MedicationRequest-medrx0338.json": refused("as 0336", "9016.order-not-active", "9003", "9010", at=AUTHORED),
    "fhir/MedicationRequest-mii-exa-test-data-patient-1-medrequest-1.json": refused(
        "the drug is described in a resource that was not sent with the order", "9010", "9003", at="2024-02-16T08:40:00+01:00"
    ),
    "fhir/MedicationAdministration-ExampleMimicMedicationAdministrationICU.json": refused("a record of giving", NOT_AN_ORDER),
    "fhir/MedicationAdministration-medadmin0305.json": refused("a record of giving", NOT_AN_ORDER),
    "fhir/MedicationAdministration-medadminexample03.json": refused("a record of giving", NOT_AN_ORDER),
    "fhir/MedicationAdministration-mii-exa-test-data-patient-1-medadmin-1.json": refused("a record of giving", NOT_AN_ORDER),
}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_other_peoples_message_is_planned_or_refused_for_its_true_cause(name):
    expected, release = TABLE[name], demo_release()
    read = read_order((SAMPLES / name).read_bytes(), release)
    if isinstance(read, NotAnOrder):
        assert (frozenset({read.finding.code_text}), expected.rate) == (expected.codes, "")
        return
    at = datetime.fromisoformat(expected.at) if expected.at else None
    case, now = suppose(read.request, release, Wishes(at))
    came = plan(read.request, case, now)
    assert frozenset(finding.code_text for finding in came.refusals) == expected.codes, [finding.sentence for finding in came.refusals]
    assert (came.offer is not None) == bool(expected.rate)
    if came.offer is not None:
        assert (str(came.offer.program.rate.set), came.offer.program.entry.key) == (expected.rate, expected.entry)


def test_no_sample_is_forgotten():
    there = {f"{path.parent.name}/{path.name}" for folder in ("hl7", "fhir") for path in (SAMPLES / folder).iterdir() if path.is_file()}
    assert there == set(TABLE)


@pytest.mark.requirement("SR-26", "D-02", "D-15")
@pytest.mark.parametrize(
    ("number", "rate", "codes"),
    [
        ("0336", "15 mL/h", set()),  # 4 ug/kg/min × 50 kg of 0.8 mg/mL
        ("0337", "", {"9009"}),  # 200 ug/min is the same flow, but the library doses dopamine per kg
        ("0338", "", {"9004.values-disagree"}),  # 7.5 mL/h for 33.33 h holds 200 mg, not the 400 mg that are ordered
    ],
)
def test_hl7s_dopamine_order_written_three_ways_were_it_active_coded_and_in_the_library(number, rate, codes):
    """One order written three ways that do not agree: with our codes, on a library that has 400 mg in 500 mL, for a patient of 50 kg."""
    text = (SAMPLES / "fhir" / f"MedicationRequest-medrx{number}.json").read_text(encoding="utf-8")
    for sent, ours in (
        ('"status": "completed"', '"status": "active"'),
        ('"code": "1114879"', '"code": "3628"'),
        ('"unit": "ug/kg/min",', '"unit": "ug/kg/min", "code": "ug/kg/min",'),
        ('"unit": "ug/min",', '"unit": "ug/min", "code": "ug/min",'),
        ('"unit": "ml/h",', '"unit": "ml/h", "code": "mL/h",'),
        ('"system": "http://hl7.org/fhir/sid/ndc",', '"system": "urn:interop:demo:orderable",'),
        ('"code": "0264751010"', '"code": "LOC-05801"'),
    ):
        text = text.replace(sent, ours)
    release = demo_release()
    entry = release.library.by_key["DL-010"]
    weaker = replace(
        entry, volume=Quantity.of("500", "mL"), concentration=Quantity.of("0.8", "mg/mL"), vtbi_hard_high=Quantity.of("550", "mL")
    )
    library = replace(release.library, by_drug={**release.library.by_drug, "dopamine": (weaker,)})
    release = replace(release, library=library)
    read = read_order(text.encode(), release)
    assert not isinstance(read, NotAnOrder)
    weighed = replace(read.request, weight=an_amount("50", "kg", "weight"))
    case, now = suppose(weighed, release, Wishes(datetime.fromisoformat(AUTHORED), care_area="ICU"))
    came = plan(weighed, case, now)
    assert {finding.code_text for finding in came.refusals} == codes, [finding.sentence for finding in came.refusals]
    assert (str(came.offer.program.rate.set) if came.offer else "") == rate
