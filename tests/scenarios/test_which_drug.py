"""The order's codes lead to exactly one entry, by approved ids only (SR-16, SR-17, SR-18, SR-19, D-01, D-02)."""

import pytest

from interop.domain.request import AmountAsSent, AsSent, CodeAsSent, IngredientAsSent, RatioAsSent, UnitAsSent, UnitClaim
from interop.domain.ucum import UCUM, same_but_for_scale
from tests.wards.ward import LOCAL, a_case, an_amount, an_order, codes_of, demo_release, planned, rate_of

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    ("code", "system"),
    [("DOPAMINE", LOCAL), ("LOC-99999", LOCAL), ("LOC-00501", ""), ("loc-00501", LOCAL), ("3628", LOCAL), ("LOC-00501 ", LOCAL)],
    ids=["a name", "unknown", "no system", "other case", "another system's", "a blank behind"],
)
def test_sr_16_only_an_approved_code_in_its_own_system_names_a_drug(code, system):
    plan = planned(an_order(code=code, system=system))
    assert plan.offer is None
    assert "9010" in codes_of(plan)


def test_sr_16_an_ingredient_code_names_the_drug_and_the_strength_finds_the_entry():
    plan = planned(an_order(code="3628", system=RXNORM))
    assert plan.offer is not None
    assert plan.offer.program.entry.key == "DL-010"
    assert [candidate.entry.key for candidate in plan.match.candidates if candidate.stayed] == ["DL-010"]
    assert all(candidate.reason for candidate in plan.match.candidates)


def test_sr_16_the_look_alike_ingredient_leads_to_its_own_drug_and_not_to_dopamine():
    plan = planned(an_order(code="3616", system=RXNORM))  # dobutamine, which public lists give for dopamine
    assert plan.match.drug == "dobutamine"
    assert plan.offer is None


def test_sr_16_two_codes_that_name_different_drugs_are_refused():
    codes = (CodeAsSent("3628", RXNORM, "", "RXG-4.1"), CodeAsSent("LOC-00601", LOCAL, "", "RXG-4.4"))
    give = an_order().gives[0]
    from dataclasses import replace

    plan = planned(an_order(gives=(replace(give, codes=codes),)))
    assert codes_of(plan) == {"9010.ambiguous"}
    assert "dobutamine" in plan.refusals[0].sentence


@pytest.mark.parametrize("code", ["9863", "4850"])
@pytest.mark.parametrize("area", ["ICU", "ED", "OR", "LD", "MEDSURG", "PEDS", "NICU"])
def test_d_01_an_ingredient_never_names_a_plain_fluid_in_any_care_area(code, area):
    fluid = {"rate": "100", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "500", "weight": ""}
    plan = planned(an_order(code=code, system=RXNORM, **fluid), a_case(care_area=area))
    assert plan.offer is None
    assert "9010" in codes_of(plan)


def test_d_01_the_product_code_of_three_percent_saline_finds_no_entry_where_only_isotonic_is():
    fluid = {"rate": "30", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "200", "weight": ""}
    assert planned(an_order(code="730781", system=RXNORM, **fluid)).offer.program.entry.key == "DL-078"
    assert codes_of(planned(an_order(code="730781", system=RXNORM, **fluid), a_case(care_area="ED"))) == {"9010.no-entry"}
    isotonic = planned(an_order(code="1807639", system=RXNORM, **fluid))
    assert isotonic.offer.program.entry.key == "DL-081"


def test_d_01_a_local_code_of_one_ward_gets_the_limits_of_the_pumps_care_area():
    fluid = {"rate": "300", "unit": "mL/h", "strength": "", "volume": "", "vtbi": "1000", "weight": ""}
    plan = planned(an_order(code="LOC-05301", **fluid), a_case(care_area="OR"))  # the MEDSURG row's code
    assert plan.offer.program.entry.key == "DL-083"


HEPARIN = {"rate": "12", "unit": "[iU]/kg/h", "strength": "25000", "strength_unit": "[iU]", "vtbi": "250"}


@pytest.mark.parametrize("code", ["5224", "1658717"])
def test_sr_16_heparin_without_its_protocol_is_ambiguous_and_says_so(code):
    plan = planned(an_order(code=code, system=RXNORM, **HEPARIN))
    assert codes_of(plan) == {"9010.therapy"}


@pytest.mark.parametrize(("therapy", "entry"), [("VTE", "DL-025"), ("ACS", "DL-026")])
def test_sr_16_the_therapy_chooses_between_two_heparin_entries(therapy, entry):
    plan = planned(an_order(code="1658717", system=RXNORM, therapy=AsSent(therapy, "ZRX-2"), **HEPARIN))
    assert plan.offer is not None
    assert plan.offer.program.entry.key == entry
    assert rate_of(plan) == "9.6 mL/h"
    assert [str(line) for line in plan.match.derivation[:3]] == [
        "25,000 [iU] / 250 mL = 100 [iU]/mL",
        "12 [iU]/kg/h × 80 kg = 960 [iU]/h",
        "960 [iU]/h ÷ 100 [iU]/mL = 9.6 mL/h",
    ]


def test_sr_16_the_orders_therapy_must_be_its_codes_therapy():
    plan = planned(an_order(code="LOC-01701", therapy=AsSent("ACS", "ZRX-2"), **HEPARIN))
    assert "9010.therapy" in codes_of(plan)


@pytest.mark.parametrize(
    ("strength", "volume", "offered"),
    [("400", "250", True), ("800", "500", True), ("800", "250", True), ("200", "250", False), ("401", "250", False), ("400", "251", False)],
)
def test_sr_17_the_concentration_is_compared_as_an_exact_ratio(strength, volume, offered):
    plan = planned(an_order(code="3628", system=RXNORM, strength=strength, volume=volume, vtbi="100"))
    assert (plan.offer is not None) is offered
    if not offered:
        assert codes_of(plan) == {"9018.concentration"}


def test_sr_17_a_strength_that_contradicts_the_products_code_is_refused():
    assert "9018.concentration" in codes_of(planned(an_order(strength="800")))


@pytest.mark.parametrize(("strength", "fits"), [("0.3", True), ("0.29", False), ("1.2", True), ("1.21", False)])
def test_sr_17_a_wildcard_is_used_only_inside_its_concentration_limits(strength, fits):
    """Paclitaxel in 500 mL, 175 mg/m2 of 2 m2, over three hours: 350 mg in whatever volume the strength gives."""
    order = an_order(
        code="LOC-04901", rate="175", unit="mg/m2", duration="180", vtbi="",
        strength=str(float(strength) * 500).rstrip("0").rstrip("."), volume="500",
        height=an_amount("175", "cm", "OBX[3]-5"), body_surface_area=an_amount("2", "m2", "OBX[4]-5"),
    )  # fmt: skip
    plan = planned(order, a_case(care_area="ONC"))
    assert ("9018.concentration" not in codes_of(plan)) is fits


DOSE_UNITS = [unit.code for unit in UCUM.values() if unit.is_dose_rate or unit.is_dose or unit.is_concentration]


@pytest.mark.parametrize("unit", DOSE_UNITS)
def test_sr_18_d_02_every_unit_but_a_scale_of_the_entrys_own_is_refused(unit):
    plan = planned(an_order(unit=unit, duration="60"))
    if same_but_for_scale(unit, "ug/kg/min"):
        assert "9009" not in codes_of(plan)
        assert plan.match.entry is not None
    else:
        assert plan.offer is None
        assert codes_of(plan) & {"9009", "9008"}


@pytest.mark.parametrize(
    "spelling", ["", "U", "u", "cc", "ML/H", "mcg/kg/MIN", "µG/kg/min", "UG/KG/MIN", "ug/kg/min ", "ug/min/kg", "units", "1", "10", "drops"]
)
def test_sr_19_a_unit_that_nobody_has_approved_is_refused_and_not_guessed(spelling):
    plan = planned(an_order(unit=spelling))
    assert plan.offer is None
    assert codes_of(plan) & {"9003", "9008"}


def test_sr_19_an_approved_spelling_is_read_and_the_explanation_says_so():
    spelling = next(spelling for spelling, ucum in demo_release().spellings.items() if ucum == "ug/kg/min" and spelling != ucum)
    plan = planned(an_order(unit=spelling))
    assert plan.offer is not None
    assert any(f"{spelling} → ug/kg/min" in reading.understood for reading in plan.order.readings)


def two_units(one, other):
    claims = (UnitClaim(one[0], one[1], "RXG-16.1", one[0]), UnitClaim(other[0], other[1], "RXG-16.4", other[0]))
    return (AmountAsSent(AsSent("10", "RXG-15"), UnitAsSent(claims, "RXG-16")),)


def test_sr_19_a_unit_sent_twice_must_mean_the_same():
    assert planned(an_order(amounts=two_units(("ug/kg/min", "UCUM"), ("ug/kg/min", "MDC")))).offer is not None
    assert codes_of(planned(an_order(amounts=two_units(("ug/kg/min", "UCUM"), ("mg/kg/min", "MDC"))))) == {"9008"}
    assert codes_of(planned(an_order(amounts=two_units(("ug/kg/min", "UCUM"), ("", "MDC"))))) == {"9008"}
    assert planned(an_order(amounts=two_units(("ug/kg/min", "UCUM"), ("Mikrogramm", "text")))).offer is not None
    millilitres = (("ml/h", "UCUM"), ("mL/h", "MDC"))  # two codes of UCUM for one unit
    assert "9008" not in codes_of(planned(an_order(amounts=two_units(*millilitres))))


def test_sr_19_units_means_international_units_only_for_the_drugs_that_pharmacy_says():
    release = demo_release()
    assert any(spelling in ("units/h", "units/hr") for _, spelling in release.drug_spellings)
    insulin = {"code": "LOC-02201", "rate": "4", "strength": "100", "strength_unit": "[iU]", "volume": "100", "vtbi": "100", "weight": ""}
    spelling = next(spelling for drug, spelling in release.drug_spellings if drug.startswith("insulin") and spelling.startswith("units/h"))
    assert rate_of(planned(an_order(unit=spelling, **insulin))) == "4 mL/h"
    assert "9008" in codes_of(planned(an_order(unit=spelling)))  # of dopamine


def an_ingredient(code, number="", unit="", volume="", system=RXNORM):
    strength = RatioAsSent(an_amount(number, unit, "n"), an_amount(volume, "mL", "d"), "strength") if number else RatioAsSent()
    return IngredientAsSent((CodeAsSent(code, system, "", "ingredient"),), strength, "", "ingredient")


def test_a_mixture_of_approved_parts_is_the_drug_and_an_unknown_part_is_refused():
    dextrose = next(row.code for row in demo_release().formulary.values() if row.drug == "dextrose 5%" and row.system == LOCAL)
    parts = (an_ingredient("3628", "400", "mg", "250"), an_ingredient(dextrose, system=LOCAL))
    plan = planned(an_order(code="", ingredients=parts, strength="", volume=""))
    assert plan.offer is not None
    assert plan.offer.program.entry.key == "DL-010"
    unknown = (an_ingredient("3628", "400", "mg", "250"), an_ingredient("0264751010", system="http://hl7.org/fhir/sid/ndc"))
    assert "9010" in codes_of(planned(an_order(code="", ingredients=unknown, strength="", volume="")))
