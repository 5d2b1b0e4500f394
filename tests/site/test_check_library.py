"""Faults planted in the drug library: inside a row, between rows, and against what containers hold and pumps run (SR-55)."""

import pytest

from interop.site.fault import Severity
from tests.site.planted import ICU, MEDSURG, NICU, Site, where


@pytest.fixture
def site():
    return Site()


# Inside one row of the drug library


@pytest.mark.parametrize(
    ("file", "row", "column", "value", "said"),
    [
        (ICU, "DL-010", "soft_low", "0.4", "soft_low 0.4 ug/kg/min is below hard_low 0.5 ug/kg/min"),
        (ICU, "DL-010", "soft_high", "0.9", "soft_high 0.9 ug/kg/min is below soft_low 1 ug/kg/min"),
        (ICU, "DL-010", "hard_high", "19", "hard_high 19 ug/kg/min is below soft_high 20 ug/kg/min"),
        (MEDSURG, "DL-064", "duration_soft_low_min", "40", "duration_soft_low_min 40 min is below duration_hard_low_min 50 min"),
        (MEDSURG, "DL-064", "duration_soft_high_min", "55", "duration_soft_high_min 55 min is below duration_soft_low_min 60 min"),
        (NICU, "DL-069", "conc_limit_high", "2", "conc_limit_high 2 mg/mL is below conc_limit_low 3 mg/mL"),
        (ICU, "DL-037", "bolus_hard_high", "0.5", "bolus_hard_high 0.5 mg is below bolus_soft_high 1 mg"),
        (ICU, "DL-014", "loading_dose_hard_high", "40", "loading_dose_hard_high 40 ug/kg is below loading_dose_soft_high 50 ug/kg"),
        (MEDSURG, "DL-048", "window_hard_high", "7", "window_hard_high 7 mg is below window_soft_high 7.5 mg"),
        (MEDSURG, "DL-048", "pca_basal_soft_high", "2", "pca_basal_hard_high 1 mg/h is below pca_basal_soft_high 2 mg/h"),
        (ICU, "DL-010", "max_weight_kg", "30", "max_weight_kg 30 kg is below min_weight_kg 40 kg"),
    ],
)
def test_sr_55_limits_out_of_order_are_told_in_every_family(site, file, row, column, value, said):
    place = site.cell(file, row, column, value)
    fault = site.the_error()
    assert fault.what == said
    if column != "pca_basal_soft_high":  # told at the second of the two
        assert where(fault) == place


def test_sr_55_equal_limits_are_in_order(site):
    site.cell(ICU, "DL-010", "soft_low", "0.5")
    site.cell(ICU, "DL-010", "hard_high", "20")
    assert site.new_faults() == []


@pytest.mark.parametrize("typed", ["5.0", ".5", "5.", "05", "1,000", "1e3", "-5", "+5", "5 mg", "five", "١"])
def test_d_16_sr_31_a_number_is_typed_plainly(site, typed):
    place = site.cell(ICU, "DL-010", "soft_high", typed)
    fault = site.the_error()
    assert where(fault) == place
    assert fault.what == f"soft_high {typed!r} is not a plain decimal"


@pytest.mark.parametrize(("typed", "advice"), [("5.0", "write 5: "), ("5.50", "write 5.5: "), (".5", "write 0.5: ")])
def test_d_16_the_error_prone_form_is_told_with_the_safe_one(site, typed, advice):
    site.cell(ICU, "DL-010", "soft_high", typed)
    assert site.the_error().action.startswith(advice)


def test_d_16_zero_is_no_limit(site):
    place = site.cell(ICU, "DL-010", "hard_low", "0")
    assert where(site.the_error()) == place


def test_d_16_zero_is_a_limit_of_a_pca_basal_rate(site):
    site.cell(MEDSURG, "DL-048", "pca_basal_hard_high", "0")
    assert site.new_faults() == []


@pytest.mark.parametrize("unit", ["mcg/kg/min", "U/h", "mEq/h", "ug/kg/hr", "mg / h", "MG/H"])
def test_sr_19_a_unit_outside_the_closed_table_is_told(site, unit):
    place = site.cell(ICU, "DL-010", "dosing_unit_ucum", unit)
    fault = site.the_error()
    assert where(fault) == place
    assert "closed table" in fault.what


def test_sr_19_the_likely_ucum_code_is_offered_but_not_taken(site):
    site.cell(ICU, "DL-010", "dosing_unit_ucum", "mcg/kg/min")
    assert "ug/kg/min" in site.the_error().action


@pytest.mark.parametrize(
    ("file", "row", "unit", "said"),
    [
        (ICU, "DL-018", "mg", "dosing unit mg of a row of type continuous (IV) is not a rate or dose rate"),
        (ICU, "DL-081", "mL/min", "dosing unit mL/min of a row of type fluid (IV) is not mL/h"),
        (MEDSURG, "DL-064", "mg/h", "dosing unit mg/h of a row of type intermittent (IV) is not an amount of drug"),
        ("drug_library/ld.csv", "DL-051", "mL", "dosing unit mL of a row of type pca (EPIDURAL) is not mL/h (the basal rate)"),
    ],
)
def test_sr_55_the_dosing_unit_is_of_the_kind_that_the_infusion_type_asks_for(site, file, row, unit, said):
    place = site.cell(file, row, "dosing_unit_ucum", unit)
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, said)


def test_sr_55_pca_runs_on_pca_channels_only(site):
    place = site.cell(MEDSURG, "DL-050", "pump_mode", "SYRINGE")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "infusion type pca on a channel of mode SYRINGE")


def test_sr_33_per_kg_needs_the_flag(site):
    place = site.cell(ICU, "DL-018", "dosing_unit_ucum", "mg/kg/h")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "mg/kg/h counts per kg, but weight_based is N")


def test_sr_33_the_flag_needs_a_unit_per_kg(site):
    place = site.cell(ICU, "DL-018", "weight_based", "Y")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "weight_based is Y, but the dosing unit mg/h does not count per kg")


def test_sr_33_a_bolus_per_kg_needs_the_flag_too(site):
    place = site.cell(ICU, "DL-037", "bolus_unit_ucum", "mg/kg")
    assert where(site.the_error()) == place


@pytest.mark.parametrize(
    ("row", "column", "unit"),
    [
        ("DL-037", "bolus_unit_ucum", "[iU]"),
        ("DL-059", "loading_dose_unit_ucum", "meq"),
        ("DL-037", "bolus_unit_ucum", "mL"),
        ("DL-037", "bolus_unit_ucum", "mg/h"),
    ],
)
def test_sr_18_dose_bolus_and_loading_dose_count_the_same_thing(site, row, column, unit):
    place = site.cell(ICU, row, column, unit)
    assert where(site.the_error()) == place


def test_sr_18_the_container_holds_what_the_dose_counts(site):
    place = site.cell(ICU, "DL-018", "dosing_unit_ucum", "[iU]/h")
    fault = site.the_error()
    assert where(fault) == place
    assert fault.what == "[iU]/h counts international units, the container mg: mass"


def test_sr_18_the_total_counts_what_the_container_holds(site):
    place = site.cell("drug_library/ed.csv", "DL-031", "total_dose_unit", "[iU]")
    assert where(site.the_error()) == place


@pytest.mark.parametrize("column", ["bolus_unit_ucum", "bolus_soft_high", "bolus_hard_high"])
def test_sr_27_an_allowed_bolus_has_unit_and_both_limits(site, column):
    place = site.cell(ICU, "DL-037", column, "")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, f"{column} is blank, but a bolus is allowed")


def test_sr_27_a_bolus_that_is_not_allowed_has_no_limits(site):
    place = site.cell(ICU, "DL-010", "bolus_hard_high", "5")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "bolus_hard_high has no effect: bolus_allowed is N")


def test_sr_27_a_loading_dose_has_unit_and_both_limits(site):
    place = site.cell(ICU, "DL-059", "loading_dose_hard_high", "")
    assert where(site.the_error()) == place


def test_sr_27_a_bolus_rate_needs_a_bolus(site):
    place = site.cell(ICU, "DL-010", "bolus_rate_hard_high_mL_h", "150")
    assert where(site.the_error()) == place


@pytest.mark.parametrize("column", ["total_dose_hard_high", "total_dose_unit"])
def test_sr_23_a_largest_total_has_its_amount_and_its_unit(site, column):
    place = site.cell("drug_library/ed.csv", "DL-031", column, "")
    fault = site.the_error()
    assert where(fault) == place
    assert fault.what.startswith(f"{column} is blank, but total_dose")


@pytest.mark.parametrize("column", ["min_weight_kg", "max_weight_kg"])
def test_sr_34_an_entry_has_both_bounds_of_weight_or_none(site, column):
    site.cell(ICU, "DL-010", column, "")
    fault = site.the_error()
    assert (fault.file, fault.what) == (ICU, "one bound of the weight is blank")


def test_d_21_a_basal_rate_has_both_limits(site):
    place = site.cell(MEDSURG, "DL-048", "pca_basal_soft_high", "")
    assert where(site.the_error()) == place


def test_d_21_a_row_dosed_in_ml_per_hour_has_its_basal_in_its_own_limits(site):
    places = {site.cell("drug_library/ld.csv", "DL-051", column, "1") for column in ("pca_basal_hard_high", "pca_basal_soft_high")}
    faults = site.new_faults()
    assert len(faults) == 2
    assert {fault.line for fault in faults} == {int(place.split(":")[1]) for place in places}


def test_sr_17_a_wildcards_limits_count_what_its_container_holds(site):
    place = site.cell(NICU, "DL-069", "conc_limit_unit", "[iU]/mL")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "[iU]/mL is not mass per volume")


@pytest.mark.parametrize("column", ["lockout_hard_low_min", "window_h", "window_soft_high", "window_hard_high"])
def test_sr_42_pca_has_lockout_and_window(site, column):
    place = site.cell(MEDSURG, "DL-050", column, "")
    assert where(site.the_error()) == place


def test_sr_55_pca_limits_mean_nothing_elsewhere(site):
    place = site.cell(ICU, "DL-010", "lockout_hard_low_min", "5")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "lockout_hard_low_min has no effect: the infusion type is continuous")


def test_sr_55_a_duration_means_nothing_for_a_continuous_drug(site):
    place = site.cell(ICU, "DL-010", "duration_hard_low_min", "5")
    assert where(site.the_error()) == place


def test_sr_55_an_intermittent_row_without_a_shortest_time_is_warned_about(site):
    place = site.cell(MEDSURG, "DL-064", "duration_hard_low_min", "")
    assert where(site.the_warning()) == place


def test_sr_17_a_wildcard_has_limits_of_concentration(site):
    place = site.cell(NICU, "DL-069", "conc_limit_low", "")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "a wildcard without conc_limit_low")


def test_sr_17_limits_of_concentration_mean_nothing_for_a_fixed_strength(site):
    place = site.cell(ICU, "DL-010", "conc_limit_low", "1")
    faults = site.new_faults()
    assert [where(fault) for fault in faults if "conc_limit_low" in fault.what] == [place]


def test_sr_17_an_amount_needs_its_volume(site):
    place = site.cell(ICU, "DL-058", "volume_mL", "")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "volume_mL is blank beside its partner")


def test_sr_17_a_plain_fluid_has_a_volume_and_no_strength(site):
    place = site.cell(ICU, "DL-081", "conc_amount", "9")
    assert [where(fault) for fault in site.new_faults()] == [place]


def test_sr_28_an_entry_without_a_hard_high_is_warned_about(site):
    place = site.cell(ICU, "DL-018", "hard_high", "")
    fault = site.the_warning()
    assert where(fault) == place
    assert fault.what == "DL-018 has no hard high: it will not be programmed automatically"


def test_sr_28_unless_the_library_says_that_it_is_meant(site):
    lines = site.text_of(ICU).splitlines()
    marked = [lines[0] + ",unlimited_by_intent", *(line + (",Y" if line.startswith("DL-018") else ",N") for line in lines[1:])]
    site.write(ICU, "\n".join(marked) + "\n")
    site.cell(ICU, "DL-018", "hard_high", "")
    assert site.new_faults() == []
    entries = site.load().release.library.by_key
    assert entries["DL-018"].unlimited_by_intent
    assert not entries["DL-010"].unlimited_by_intent


def test_sr_28_a_mark_beside_a_hard_high_contradicts_it(site):
    lines = site.text_of(ICU).splitlines()
    site.write(ICU, "\n".join([lines[0] + ",unlimited_by_intent", *(line + ",N" for line in lines[1:])]) + "\n")
    place = site.cell(ICU, "DL-018", "unlimited_by_intent", "Y")
    assert where(site.the_error()) == place


def test_sr_16_a_tall_man_name_is_the_drugs_own(site):
    place = site.cell(ICU, "DL-012", "tallman", "DOPamine")
    faults = site.new_faults()
    assert faults[0].what == "tall-man name 'DOPamine' is not 'dobutamine'"
    assert where(faults[0]) == place


@pytest.mark.parametrize(
    "column", ["bolus_allowed", "high_alert", "secondary_allowed", "interruptible", "next_container", "multistep_allowed"]
)
@pytest.mark.parametrize("value", ["", "yes", "y"])
def test_sr_55_yes_and_no_are_never_blank(site, column, value):
    place = site.cell(ICU, "DL-018", column, value)
    assert where(site.the_error()) == place


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("pump_mode", "lvp"),
        ("infusion_type", "bolus"),
        ("route", "PO"),
        ("weight_based", "kg"),
        ("second_check", "yes"),
        ("match_by", "name"),
    ],
)
def test_sr_55_a_word_outside_its_list_is_told(site, column, value):
    place = site.cell(NICU, "DL-075", column, value)  # alprostadil, the only row of its drug
    assert where(site.the_error()) == place


@pytest.mark.parametrize("column", ["row_id", "drug", "tallman", "care_area", "therapy", "local_code", "dosing_unit_ucum"])
def test_sr_55_what_must_be_said_is_not_blank(site, column):
    place = site.cell(NICU, "DL-075", column, "")
    assert (place, f"{column} is blank") in {(where(fault), fault.what) for fault in site.new_faults()}


def test_sr_16_a_code_that_was_not_verified_names_nothing(site):
    place = site.cell(ICU, "DL-018", "rxcui_ingredient_status", "UNVERIFIED")
    assert where(site.the_error()) == place


def test_sr_16_an_rxcui_that_a_spreadsheet_turned_into_an_exponent_is_told(site):
    place = site.cell(ICU, "DL-029", "rxcui_clinical_drug", "1.99702E+06")
    assert where(site.the_error()) == place


def test_d_03_a_row_stands_in_the_file_of_its_care_area(site):
    place = site.cell(NICU, "DL-075", "care_area", "PEDS")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "care area PEDS in the file of nicu")


# Between the rows of the drug library


def test_d_25_a_row_id_stands_once(site):
    place = site.cell(MEDSURG, "DL-060", "row_id", "DL-010")
    assert where(site.new_faults()[0]) == place


def test_sr_16_a_local_code_stands_once(site):
    place = site.cell(MEDSURG, "DL-060", "local_code", "LOC-00501")
    faults = site.new_faults()
    assert f"{place}: local_code LOC-00501 stands in {ICU}:9 already" in "\n".join(map(str, faults))
    assert "two compositions" in "\n".join(map(str, faults))


def test_sr_16_two_rows_that_no_order_can_tell_apart_are_told(site):
    places = site.copy_of(ICU, "DL-057", row_id="DL-957", local_code="LOC-99957")
    fault = next(fault for fault in site.new_faults() if fault.severity is Severity.ERROR)
    assert where(fault) == places["row_id"]
    assert fault.what.startswith("DL-957 has the drug, therapy, care area, mode, concentration and unit of DL-057")


def test_d_02_two_rows_that_differ_by_the_scale_of_the_unit_alone_are_told(site):
    scaled = {"dosing_unit_ucum": "g/h", "soft_low": "0.001", "soft_high": "0.02", "hard_low": "0.0005", "hard_high": "0.04"}
    places = site.copy_of(ICU, "DL-057", row_id="DL-957", local_code="LOC-99957", **scaled)
    fault = next(fault for fault in site.new_faults() if fault.severity is Severity.ERROR)
    assert where(fault) == places["row_id"]


def test_sr_17_two_rows_of_one_ratio_are_told(site):
    places = site.copy_of(
        ICU, "DL-057", row_id="DL-957", local_code="LOC-99957", conc_amount="200", volume_mL="200", vtbi_hard_high_mL="220"
    )
    fault = next(fault for fault in site.new_faults() if fault.severity is Severity.ERROR)
    assert where(fault) == places["row_id"]


def test_d_01_rows_that_differ_by_therapy_alone_each_need_a_key(site):
    places = site.copy_of(ICU, "DL-057", row_id="DL-957", local_code="LOC-99957", therapy="Another protocol")
    fault = next(fault for fault in site.new_faults() if fault.severity is Severity.ERROR)
    assert where(fault) == places["infusion_therapy_code"]
    assert fault.what == "DL-957 differs from DL-057 by its therapy alone, and both have the therapy key ''"


def test_d_01_a_therapy_key_of_its_own_is_enough(site):
    site.copy_of(ICU, "DL-057", row_id="DL-957", local_code="LOC-99957", therapy="Another protocol", infusion_therapy_code="OTHER")
    assert {fault.severity for fault in site.new_faults()} == {Severity.WARNING}  # its local code is not in the formulary


def test_sr_16_a_drug_has_one_tall_man_form(site):
    place = site.cell(NICU, "DL-073", "tallman", "dopamine")
    fault = site.the_error()
    assert where(fault) == place


def test_d_01_a_drug_is_matched_in_one_way(site):
    place = site.cell(NICU, "DL-073", "match_by", "product")
    assert place in {where(fault) for fault in site.new_faults()}


# Volumes and rates


def test_sr_32_an_lvp_volume_lies_within_the_container_and_its_overfill(site):
    place = site.cell(ICU, "DL-010", "vtbi_hard_high_mL", "275.1")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "VTBI limit 275.1 mL of a container of 250 mL with 10 % overfill")


def test_sr_32_a_syringe_has_no_overfill(site):
    place = site.cell(NICU, "DL-075", "vtbi_hard_high_mL", "50.1")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "VTBI limit 50.1 mL of a container of 50 mL")


def test_sr_55_more_than_every_pump_runs_is_warned_about_with_the_numbers(site):
    place = site.cell(ICU, "DL-018", "hard_high", "100")
    fault = site.the_warning()
    assert where(fault) == place
    assert fault.what == "DL-018 asks for 1,000 mL/h for hard_high 100 mg/h; no LVP model runs over 999 mL/h"


def test_sr_55_less_than_the_finest_step_is_warned_about_with_the_numbers(site):
    place = site.cell(NICU, "DL-075", "hard_low", "0.0003")
    fault = site.the_warning()
    assert where(fault) == place
    assert fault.what.startswith("DL-075 asks for 0.00072 mL/h for hard_low 0.0003 ug/kg/min at 0.4 kg, ")
    assert fault.what.endswith("no SYRINGE model runs under 0.01 mL/h")


def test_sr_55_the_weights_of_the_care_area_count_where_the_entry_has_none(site):
    for column in ("min_weight_kg", "max_weight_kg"):
        site.cell(ICU, "DL-010", column, "")
    assert site.new_faults() == []
    site.edit("site.toml", "max_weight_kg = 300", "max_weight_kg = 3000")
    told = [fault for fault in site.new_faults() if fault.what.startswith("DL-010")]
    assert "at 3,000 kg" in told[0].what


def test_sr_20_an_entry_that_no_pump_model_can_run_is_warned_about(site):
    site.edit("pump_models/demo-pca.toml", '["IV", "EPIDURAL", "PERINEURAL"]', '["IV", "EPIDURAL"]')
    fault = site.the_warning()
    assert fault.what == "no pump model has a PCA channel for route PERINEURAL: DL-052 cannot be programmed"
