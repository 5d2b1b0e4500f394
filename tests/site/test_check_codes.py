"""Faults planted in the formulary, the mixtures and the spellings of units: one code, one composition (D-01); one spelling, one unit (SR-19)."""

import pytest

from interop.site.fault import Severity
from tests.site.planted import ICU, Site, where

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.fixture
def site():
    return Site()


# D-01: one code, one composition


def test_d_01_one_code_on_two_drugs_of_the_library_is_told(site):
    place = site.cell("drug_library/or.csv", "DL-045", "rxcui_clinical_drug", "1658717")
    faults = site.new_faults()
    assert f"leads to remifentanil here and to heparin in {ICU}:" in next(fault.what for fault in faults if where(fault) == place)


def test_d_01_one_code_on_two_drugs_of_the_formulary_is_told(site):
    places = site.add_record("formulary.csv", system="http://hl7.org/fhir/sid/ndc", code="00000-0501-01", kind="product", drug="dobutamine")
    fault = site.the_error()
    assert where(fault) == places["code"]
    assert "leads to dobutamine here and to dopamine in formulary.csv:" in fault.what


def test_d_01_the_formulary_may_not_say_another_drug_than_the_librarys_own_column(site):
    place = site.cell("formulary.csv", "LOC-00501", "drug", "dobutamine", by=1)
    fault = next(fault for fault in site.new_faults() if "compositions" in fault.what)
    assert fault.line == int(place.split(":")[1])
    assert "leads to dobutamine here and to dopamine" in fault.what


@pytest.mark.parametrize(("code", "drug"), [("9863", "sodium chloride 0.9%"), ("4850", "dextrose 5%"), ("8591", "potassium chloride")])
@pytest.mark.parametrize("kind", ["product", "ingredient"])
def test_d_01_an_ingredient_of_a_drug_matched_by_product_is_told_whatever_it_is_called(site, code, drug, kind):
    places = site.add_record("formulary.csv", system=RXNORM, code=code, kind=kind, drug=drug)
    faults = site.new_faults()
    assert all(fault.severity is Severity.ERROR for fault in faults)
    assert where(next(fault for fault in faults if "it may reach another composition" in fault.what)) == places["code"]


def test_d_01_ingredient_rows_only_for_drugs_matched_by_ingredient(site):
    places = site.add_record("formulary.csv", system=RXNORM, code="7777777", kind="ingredient", drug="vincristine")
    fault = site.the_error()
    assert where(fault) == places["kind"]


def test_sr_16_a_code_stands_once_in_the_formulary(site):
    places = site.add_record("formulary.csv", system=RXNORM, code="3628", kind="ingredient", drug="dopamine")
    fault = site.the_error()
    assert where(fault) == places["code"]
    assert fault.what == f"{RXNORM} 3628 stands in line 6 already"


def test_sr_16_faults_of_the_formulary_are_told_even_where_site_toml_cannot_be_read(site):
    places = site.add_record("formulary.csv", system=RXNORM, code="3628", kind="ingredient", drug="dopamine")
    site.write("site.toml", "[site\n")
    assert places["code"] in {where(fault) for fault in site.new_faults()}


# The formulary against the library


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("drug", "dopamin", "'dopamin' is no drug of the library"),
        ("therapy", "VTE", "has no therapy key 'VTE'"),
        ("infusion_type", "fluid", "has no entry of type fluid"),
    ],
)
def test_sr_16_a_formulary_row_names_what_the_library_has(site, column, value, said):
    place = site.cell("formulary.csv", "00000-0501-01", column, value, by=1)
    fault = next(fault for fault in site.new_faults() if said in fault.what)
    assert where(fault) == place
    assert fault.severity is Severity.ERROR


def test_sr_17_a_container_that_no_entry_has_is_warned_about(site):
    place = site.cell("formulary.csv", "00000-0501-01", "conc_amount", "500", by=1)
    fault = site.the_warning()
    assert (where(fault), fault.what) == (place, "no entry of dopamine has 500 mg / 250 mL")


def test_sr_17_a_librarys_own_code_may_not_name_another_bag(site):
    """Heparin 100 and 50 unit/mL are both in the library: the code of the one may not be typed with the strength of the other."""
    place = site.cell("formulary.csv", "1658717", "volume_mL", "500", by=1)
    fault = site.the_error()
    assert where(fault) == place
    assert "1658717 is the container of DL-025" in fault.what


def test_sr_17_a_librarys_own_code_may_not_carry_another_strength(site):
    place = site.cell("formulary.csv", "1658717", "conc_amount", "12500", by=1)
    fault = site.the_error()
    assert where(fault) == place


def test_d_01_an_orderable_may_not_carry_another_protocol(site):
    place = site.cell("formulary.csv", "LOC-01701", "therapy", "ACS", by=1)
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, f"LOC-01701 has the therapy key 'VTE' in DL-025 ({ICU}:23)")


def test_sr_55_an_orderable_may_not_be_of_another_infusion_type(site):
    place = site.cell("formulary.csv", "LOC-03601", "infusion_type", "intermittent", by=1)
    assert where(site.the_error()) == place


def test_sr_55_a_code_is_of_the_kind_that_the_library_has_it_as(site):
    place = site.cell("formulary.csv", "3628", "kind", "product", by=1)
    assert where(site.the_error()) == place


def test_sr_55_an_ingredient_code_says_no_container(site):
    place = site.cell("formulary.csv", "3628", "volume_mL", "250", by=1)
    fault = site.the_error()
    assert where(fault) == place


def test_sr_56_an_orderable_that_is_not_mapped_is_warned_about(site):
    line = next(line for line in site.text_of("formulary.csv").splitlines() if "LOC-00501" in line)
    site.edit("formulary.csv", line + "\n", "")
    warnings = [fault for fault in site.new_faults() if fault.what == "LOC-00501 is not in formulary.csv: orders with it are refused"]
    assert [fault.severity for fault in warnings] == [Severity.WARNING]
    assert site.text_of(ICU).splitlines()[warnings[0].line - 1][warnings[0].column - 1 :].startswith("LOC-00501,")


# Mixtures


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({"base": "dextrose 7%", "additives": "dopamine", "drug": "dopamine"}, "base", "'dextrose 7%' is no drug of the library"),
        ({"base": "dextrose 10%", "additives": "dopamin", "drug": "dopamine"}, "additives", "'dopamin' is no drug of the library"),
        ({"base": "dextrose 10%", "additives": "dopamine", "drug": "dopamin"}, "drug", "'dopamin' is no drug of the library"),
        ({"base": "morphine", "additives": "dopamine", "drug": "dopamine"}, "base", "morphine is no plain fluid"),
        ({"base": "dextrose 10%", "additives": "dopamine + dopamine", "drug": "dopamine"}, "additives", "an additive stands twice"),
        ({"base": "dextrose 10%", "additives": "dopamine + ", "drug": "dopamine"}, "additives", "'dopamine +' is no drug of the library"),
        ({"base": "dextrose 10%", "additives": "", "drug": "dopamine"}, "additives", "additives is blank"),
    ],
)
def test_d_01_a_mixture_names_drugs_of_the_library_in_a_plain_fluid(site, cells, column, said):
    places = site.add_record("mixtures.csv", **cells)
    fault = site.the_error()
    assert (where(fault), fault.what) == (places[column], said)


def test_d_01_one_mixture_is_one_drug(site):
    places = site.add_record("mixtures.csv", base="dextrose 5%", additives="dopamine", drug="dobutamine")
    fault = site.the_error()
    assert where(fault) == places["additives"]
    assert "as dopamine: one mixture, two compositions" in fault.what


# Spellings of units


def spelled(site, **cells):
    return site.add_record("units.csv", **{"note": "seen in an order set", "approved_by": "A. Demo", **cells})


def test_sr_19_a_spelling_has_one_meaning(site):
    places = spelled(site, spelling="mcg", ucum="mg")
    fault = site.the_error()
    assert (where(fault), fault.what) == (places["spelling"], "'mcg' stands in line 2 already, as ug")


def test_sr_19_a_spelling_may_not_mean_one_thing_for_every_drug_and_another_for_one(site):
    places = spelled(site, spelling="mcg", ucum="mg", drug="dopamine")
    fault = site.the_error()
    assert where(fault) == places["ucum"]


@pytest.mark.parametrize(("spelling", "ucum"), [("mg", "ug"), ("mL", "L"), ("h", "min"), ("[iU]", "[arb'U]")])
def test_sr_19_a_spelling_may_not_hide_another_ucum_code(site, spelling, ucum):
    places = spelled(site, spelling=spelling, ucum=ucum)
    fault = site.the_error()
    assert (where(fault), fault.what) == (places["spelling"], f"{spelling} is itself a UCUM code and may not stand for {ucum}")


@pytest.mark.parametrize("spelling", ["U", "u", "IU", "Units", "Units/h"])
def test_sr_19_units_of_no_named_kind_for_every_drug_are_warned_about(site, spelling):
    places = spelled(site, spelling=spelling, ucum="[iU]/h" if "/" in spelling else "[iU]")
    faults = site.new_faults()
    assert {fault.severity for fault in faults} == {Severity.WARNING}
    assert [where(fault) for fault in faults if "for every drug" in fault.what] == [places["drug"]]


def test_sr_19_units_of_one_drug_are_an_approved_row(site):
    spelled(site, spelling="IU/h", ucum="[iU]/h", drug="insulin regular human")
    assert site.new_faults() == []


@pytest.mark.parametrize(("spelling", "ucum"), [("ML", "mL"), ("ML/h", "mL/h"), ("G", "g")])
def test_sr_19_a_word_that_ucum_has_for_something_else_is_warned_about(site, spelling, ucum):
    places = spelled(site, spelling=spelling, ucum=ucum)
    fault = site.the_warning()
    assert where(fault) == places["spelling"]


@pytest.mark.parametrize("column", ["note", "approved_by"])
def test_sr_19_a_spelling_says_who_approved_it_and_why(site, column):
    places = spelled(site, spelling="cc", ucum="mL", **{column: ""})
    fault = site.the_error()
    assert (where(fault), fault.what) == (places[column], f"{column} is blank")


def test_sr_19_a_spelling_stands_for_a_unit_of_the_closed_table(site):
    places = spelled(site, spelling="unit", ucum="U", drug="heparin")
    assert where(site.the_error()) == places["ucum"]


def test_sr_19_a_spelling_for_a_drug_is_of_the_drugs_kind_of_amount(site):
    places = spelled(site, spelling="unit", ucum="[arb'U]", drug="heparin")
    fault = site.the_error()
    assert where(fault) == places["ucum"]
    assert fault.what == "[arb'U] counts arbitrary units; heparin is measured in international units"


def test_sr_19_a_spelling_names_a_drug_of_the_library(site):
    places = spelled(site, spelling="unit", ucum="[iU]", drug="heparine")
    assert where(site.the_error()) == places["drug"]
