"""The golden FHIR orders: what each is there to show, element by element (tests/golden/fhir/README.md)."""

from pathlib import Path

import pytest

from interop.domain.request import AmountAsSent, GiveAsSent
from interop.site.load import load_site
from interop.site.places import demo_site
from interop.wire.fhir.json import read
from interop.wire.fhir.medication_request import read_medication_request
from tests.wards.resources import EHR

GOLDEN = Path(__file__).parents[1] / "golden" / "fhir"
FIRST = "MedicationRequest.dosageInstruction[0]"
ENTRY = f"{FIRST}.doseAndRate[0]"


def words(amount: AmountAsSent) -> str:
    """``10.0 ug/kg/min @ place of the number``."""
    spelled = "/".join(dict.fromkeys(claim.as_sent for claim in amount.unit.claims if claim.system == "UCUM"))
    return f"{amount.number.text} {amount.unit.claims[0].as_sent if amount.unit.claims else spelled} @ {amount.number.field}"


def summary(give: GiveAsSent) -> list[str]:
    found = [f"amount {words(amount)}" for amount in give.amounts]
    found += [f"ratio {words(ratio.numerator)} per {words(ratio.denominator)}" for ratio in give.ratios]
    found += [f"from {words(give.rate_range[0])} to {words(give.rate_range[1])}"] if give.rate_range else []
    found += [f"over {words(duration)}" for duration in give.duration]
    return found


EXPECTED = {
    "dopamine-dose-rate": [[f"amount 10.0 ug/kg/min @ {ENTRY}.rateQuantity.value"]],
    "sodium-chloride-volume-rate": [[f"amount 1000 mL @ {ENTRY}.doseQuantity.value", f"amount 125 mL/h @ {ENTRY}.rateQuantity.value"]],
    "sodium-chloride-rate-ratio": [
        [f"ratio 102 mL @ {ENTRY}.rateRatio.numerator.value per 1 h @ {ENTRY}.rateRatio.denominator.value"]
    ],
    "vancomycin-dose-over-time-ratio": [
        [
            f"amount 1000 mg @ {ENTRY}.doseQuantity.value",
            f"ratio 1000 mg @ {ENTRY}.rateRatio.numerator.value per 60 min @ {ENTRY}.rateRatio.denominator.value",
        ]
    ],
    "vancomycin-dose-and-duration": [
        [f"amount 1000 mg @ {ENTRY}.doseQuantity.value", f"over 60 min @ {FIRST}.timing.repeat.duration"]
    ],
    "norepinephrine-ratio-without-denominator-value": [
        [f"ratio 5 ug @ {ENTRY}.rateRatio.numerator.value per 1 min @ {ENTRY}.rateRatio.denominator.value"]
    ],
    "norepinephrine-window": [[f"from 2 ug/min @ {ENTRY}.rateRange.low.value to 10 ug/min @ {ENTRY}.rateRange.high.value"]],
    "norepinephrine-time-as-rate": [[f"amount 100 ug @ {ENTRY}.doseQuantity.value", f"amount 20 min @ {ENTRY}.rateQuantity.value"]],
    "heparin-loading-then-maintenance": [
        [
            "amount 80 [iU]/kg @ MedicationRequest.dosageInstruction[1].doseAndRate[0].doseQuantity.value",
            "over 10 min @ MedicationRequest.dosageInstruction[1].timing.repeat.duration",
        ],
        [
            f"amount 12 [iU]/kg/h @ {FIRST}.doseAndRate[1].rateQuantity.value",
            f"amount 9.6 mL/h @ {FIRST}.doseAndRate[0].rateQuantity.value",
        ],
    ],
    "volume-by-weight-over-time": [
        [
            f"ratio 30 mL @ {ENTRY}.rateRatio.numerator.value per 1 kg @ {ENTRY}.rateRatio.denominator.value",
            f"over 10 h @ {FIRST}.timing.repeat.duration",
        ]
    ],
    "text-only": [[]],
}  # fmt: skip

SAID = {
    "vancomycin-dose-and-duration": ["the order allows at most 4 g in 1 d"],
    "norepinephrine-ratio-without-denominator-value": ["the denominator was sent without a number and is read as 1 min"],
}


def test_every_golden_order_is_expected_here() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_golden_order_is_read_as_it_says(name: str) -> None:
    request = read_medication_request(read((GOLDEN / f"{name}.json").read_bytes()), EHR)
    assert [summary(give) for give in request.gives] == EXPECTED[name]
    assert [finding.sentence for finding in request.findings] == SAID.get(name, [])
    assert request.verification.verified is True
    assert [(one.value.text, one.authority) for one in request.patient.ids] == [("4711001", "DEMO")]
    assert all(give.codes and give.routes and give.text for give in request.gives)


def test_the_therapy_stands_where_the_demo_site_reads_it() -> None:
    """These tests' sender verifies by a field and names patients by number; the demo site's feed does neither, and places the therapy alike."""
    loaded = load_site(demo_site())
    assert loaded.release is not None
    profile = loaded.release.senders["fhir-demo"]
    assert (profile.format, profile.system_group, profile.unit_text) == (EHR.format, EHR.system_group, EHR.unit_text)
    assert profile.places["therapy"].path == EHR.places["therapy"].path
