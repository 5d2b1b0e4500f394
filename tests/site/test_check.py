"""Faults planted in site.toml, pump models, senders and order sentences; and many at once: each is told once, with its exact place."""

import pytest

from interop.site.fault import Severity
from tests.site.planted import ICU, LVP, NICU, PCD03, Site, where

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOCAL = "urn:interop:demo:orderable"


@pytest.fixture
def site():
    return Site()


# site.toml


def test_d_03_a_care_area_of_the_library_is_described(site):
    text = site.text_of("site.toml")
    start = text.index("[care_areas.NICU]")
    site.write("site.toml", text[:start] + text[text.index("# Where a patient") :])
    told = [fault for fault in site.new_faults() if fault.file == NICU]
    assert {fault.what for fault in told} == {"care area NICU is not in site.toml"}
    assert {fault.line for fault in told} == set(range(2, 2 + len(site.text_of(NICU).splitlines()) - 1))


def test_d_03_a_care_area_without_entries_or_places_is_warned_about(site):
    area = '[care_areas.BURN]\ntitle = "Burn unit"\nmin_weight_kg = 40\nmax_weight_kg = 300\nweight_max_age_h = 168\n\n'
    place = site.edit("site.toml", "# Where a patient", area + "# Where a patient", at="[care_areas.BURN]")
    faults = site.new_faults()
    assert {where(fault) for fault in faults} == {place}
    assert {fault.severity for fault in faults} == {Severity.WARNING}
    assert len(faults) == 2


def test_d_03_a_place_names_a_care_area_and_stands_once(site):
    place = site.edit(
        "site.toml", '[[locations]]\nlocation = "STEPDOWN"\ncare_area = "ICU"', '[[locations]]\nlocation = "STEPDOWN"\ncare_area = "CCU"'
    )
    assert where(site.the_error()) == place
    other = Site()
    place = other.edit(
        "site.toml", '[[locations]]\nlocation = "STEPDOWN"\ncare_area = "ICU"', '[[locations]]\nlocation = "ICU"\ncare_area = "ICU"'
    )
    assert where(other.the_error()) == place


def test_d_14_the_emergency_list_names_what_the_library_has(site):
    place = site.edit("site.toml", '[[emergency]]\ndrug = "naloxone"', '[[emergency]]\ndrug = "dopamine"')
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "the library has no dopamine in ED")


def test_d_14_the_emergency_list_is_signed(site):
    place = site.edit("site.toml", 'signed_by = "Demo P&T committee, 2026-01-12, item 3"', 'signed_by = ""')
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "signed_by is empty")


def test_sr_34_an_entrys_weights_beyond_its_care_areas_are_warned_about(site):
    place = site.cell(NICU, "DL-075", "max_weight_kg", "8")
    line, column = place.split(":")[1:]
    fault = next(fault for fault in site.new_faults() if "takes weights of" in fault.what)
    assert fault.severity is Severity.WARNING
    assert (str(fault.line), fault.what) == (line, "DL-075 takes weights of 0.4 kg to 8 kg, NICU 0.4 kg to 7 kg")
    assert fault.column < int(column)  # it points at the first of the two bounds


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("under_days = 365\n", "under_days = 28\n", "under_days", "there are two bands under 28 days"),
        ("under_days = 365\n", "under_days = 0\n", "", "there are two bands under 0 days"),
        ("under_days = 0\n", "under_days = 9999\n", "", "no band is open to every older age"),
        ("under_days = 0\n", "", "", "[weight_by_age] under_days is missing"),
        ("max_weight_kg = 16\n", "max_weight_kg = 0.5\n", "max_weight_kg", "the largest weight 0.5 kg is not above the smallest 0.5 kg"),
        ("under_days = 365\n", "under_days = 365.0\n", "under_days", "under_days = 365.0 is not a plain decimal"),
    ],
)
def test_sr_34_the_bands_of_weight_by_age_cover_every_age_once(site, old, new, at, said):
    place = site.edit("site.toml", old, new, at=at)
    fault = site.the_error()
    assert fault.what.startswith(said)
    if at:
        assert where(fault) == place


@pytest.mark.parametrize("key", ["agreement_percent = 1", "offer_total_s = 900", "silent_feed_blocks = false"])
def test_sec_26_every_tolerance_and_time_out_is_written_out(site, key):
    site.edit("site.toml", key, "#")
    fault = site.the_error()
    assert fault.what.endswith(f"{key.split(' ')[0]} is missing")


@pytest.mark.parametrize(
    ("old", "new"), [("rounding_percent = 2", "rounding_percent = 3"), ("request_max_age_s = 300", "request_max_age_s = 301")]
)
def test_sec_26_a_tolerance_looser_than_the_projects_is_warned_about(site, old, new):
    place = site.edit("site.toml", old, new)
    assert where(site.the_warning()) == place


@pytest.mark.parametrize("typed", ["2.0", ".5", "+2", "0x2", "1_0", "2e0", "inf", "nan", '"2"', "true", "0"])
def test_d_16_numbers_of_site_toml_are_typed_plainly_too(site, typed):
    place = site.edit("site.toml", "rounding_percent = 2", f"rounding_percent = {typed}")
    fault = next(fault for fault in site.new_faults())
    assert fault.severity is Severity.ERROR
    if typed != ".5":  # no TOML at all
        assert where(fault) == place
    assert fault.line == int(place.split(":")[1])


def test_d_09_an_offer_cannot_be_idle_longer_than_it_lives(site):
    site.edit("site.toml", "offer_idle_s = 180", "offer_idle_s = 179")
    place = site.edit("site.toml", "offer_total_s = 900", "offer_total_s = 178")
    faults = site.new_faults()
    assert where(faults[0]) == place
    assert {fault.severity for fault in faults} == {Severity.ERROR}


def test_nothing_unknown_is_passed_over(site):
    place = site.edit("site.toml", "[tolerances]", "[tolerances]\nrounding_procent = 2", at="rounding_procent")
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "unknown key [tolerances] rounding_procent")


# Pump models


@pytest.mark.parametrize(
    ("old", "new", "at", "said"),
    [
        ("rate_max_mL_per_h = 999", "rate_max_mL_per_h = 1200", "", "the steps end at 999 mL/h, the rates at 1,200 mL/h"),
        ("up_to_mL_per_h = 99.9,", "up_to_mL_per_h = 99.95,", "", "99.95 mL/h is no multiple of the step 0.1"),
        ("up_to_mL_per_h = 99.9,", "up_to_mL_per_h = 50.5,", "", "the range begins at 50.5 mL/h, which is no multiple of its step 1"),
        ("rate_min_mL_per_h = 0.1", "rate_min_mL_per_h = 0.15", "", "the range begins at 0.15 mL/h, which is no multiple of its step 0.1"),
        ("vtbi_step_mL = 0.1", "vtbi_step_mL = 0.3", "", "0.1 mL and 3,000 mL are not both multiples of the step 0.3 mL"),
        ("vtbi_max_mL = 3000", "vtbi_max_mL = 0.05", "", "the largest volume 0.05 mL is below the smallest 0.1 mL"),
    ],
)
def test_sr_32_a_pump_models_ranges_and_steps_are_sound(site, old, new, at, said):
    site.edit(LVP, old, new)
    fault = site.the_error()
    assert fault.file == LVP
    assert fault.what == said


def test_sr_32_ranges_of_a_pump_follow_each_other(site):
    swapped = "rate_steps = [\n    { up_to_mL_per_h = 999, step_mL_per_h = 1 },\n    { up_to_mL_per_h = 99.9, step_mL_per_h = 0.1 },\n]"
    text = site.text_of(LVP)
    start, end = text.index("rate_steps"), text.index("]\nvtbi") + 1
    site.write(LVP, text[:start] + swapped + text[end:])
    place = site.place(LVP, site.text_of(LVP).index("{ up_to_mL_per_h = 99.9"))
    assert where(next(fault for fault in site.new_faults() if "does not lie above" in fault.what)) == place


def test_sr_20_a_mode_is_described_once(site):
    text = site.text_of(LVP)
    channel = text[text.index("[[channels]]") :]
    site.write(LVP, text + "\n" + channel)
    place = site.place(LVP, site.text_of(LVP).rindex("mode ="))
    assert where(site.the_error()) == place


def test_an_unsound_pump_model_is_told_once_and_not_as_missing_too(site):
    place = site.edit(LVP, 'mode = "LVP"', 'mode = "VOLUMETRIC"')
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "'VOLUMETRIC' is none of LVP, SYRINGE, PCA")


# Senders


@pytest.mark.parametrize("path", ["ORC", "ORC-0", "PID-3(2).1.1.1", "OBX[3.1=]-5", "orc-9", "PV1-3.1.2.3", "MSH-3..1"])
def test_d_28_a_path_outside_the_grammar_is_told(site, path):
    place = site.edit(PCD03, 'path = "ZRX-2.1"', f'path = "{path}"')
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, f"{path!r} is not a path of the closed grammar")


@pytest.mark.parametrize(
    "path", ["extension(urn:x).valueCode", "subject..identifier", "identifier[01]", "identifier.where(use=official)", "Subject", ""]
)
def test_d_28_a_fhir_path_outside_the_grammar_is_told(site, path):
    old = "path = \"extension('urn:interop:demo:infusion-therapy').valueCode\""
    site.edit("senders/fhir-demo.toml", old, f'path = "{path}"')
    fault = site.the_error()
    assert fault.file == "senders/fhir-demo.toml"
    assert "grammar" in fault.what or fault.what == "neither path nor constant is given"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "ZRX-2.1"', 'path = "ZRX-2.1"\nconstant = "VTE"', "path and constant are both given"),
        ('path = "ZRX-2.1"', "", "neither path nor constant is given"),
        ('path = "ZRX-2.1"', 'path = "ZRX-2.1"\nfallback = "ZRX-3"', "unknown key [places.therapy] fallback"),
        ('path = "ZRX-2.1"', 'path = "ZRX-2.1"\nseparator = "/"', "a split needs separator and part"),
        ('path = "ZRX-2.1"', 'path = "ZRX-2.1"\nseparator = ""\npart = 1', "a split needs separator and part"),
        ('path = "ZRX-2.1"', 'constant = "VTE"\nvalues = { A = "B" }', "a constant is neither split nor looked up"),
        ("[places.therapy]", "[places.rate]", "rate is not a thing that a profile may place"),
        ('format = "hl7v2"', 'format = "hl7v3"', "'hl7v3' is none of hl7v2, fhir-r4"),
        ('policy = "by_contract"', 'policy = "trust"', "'trust' is none of field, by_contract, none"),
        ('policy = "by_contract"', 'policy = "by_contract"\nverified = ["yes"]', "verified has no effect under the policy by_contract"),
        ('policy = "by_contract"', "", "[verification] policy is missing"),
        ('title = "Demo EHR, PCD-03"', "", "title is missing"),
        ('system_group = "EHR1"', "", "system_group is missing"),
        ("answer_within_s = 30", "answer_within_s = 0", "answer_within_s is zero"),
        ("max_parameters = 64", "max_parameters = 6.5", "max_parameters is not a whole number"),
        ('application_ack = "on_screen"', 'application_ack = "later"', "'later' is none of on_screen, on_decision"),
        ('orc2_is = "order"', "", "orc2_is is missing"),
        ('orc2_is = "order"', 'orc2_is = "anything"', "'anything' is none of order, administration"),
        (
            "[places.therapy]",
            '[places.running_order]\npath = "ZRX-3"\n\n[places.therapy]',
            "running_order has no effect where ORC-2 is the order's number",
        ),
        ("max_parameters = 64", "max_parameters = 64\nunit_text = true", "unit_text has no effect in a profile of format hl7v2"),
        ("max_parameters = 64", 'max_parameters = 64\nzone = "CST"', "zone 'CST' is not an offset"),
        ("max_parameters = 64", "max_parameters = 64\nmax_params = 64", "unknown key max_params"),
        ('"NDC" = "http://hl7.org/fhir/sid/ndc"', '"NDC" = ""', "NDC is empty"),
        (
            '"NDC" = "http://hl7.org/fhir/sid/ndc"',
            '"NDC" = "urn:oid:1"',
            "code system 'NDC' leads to 'urn:oid:1', of which formulary.csv has no code",
        ),
    ],
)
def test_d_28_the_grammar_of_a_sender_is_closed(site, old, new, said):
    site.edit(PCD03, old, new)
    fault = site.the_error()
    assert fault.file == PCD03
    assert fault.what == said


def test_d_20_an_administration_s_number_needs_a_place_for_its_order_and_no_constant(site):
    site.edit(PCD03, 'orc2_is = "order"', 'orc2_is = "administration"')
    (warned,) = site.new_faults()
    assert not warned.is_error
    assert "every change of what runs will be refused" in warned.what
    site.edit(PCD03, "[places.therapy]", '[places.running_order]\npath = "ZRX-3"\n\n[places.therapy]')
    assert site.new_faults() == []
    site.edit(PCD03, 'path = "ZRX-3"', 'constant = "ORD-1"')
    assert "every change would be one of the same order" in site.the_error().what


def test_d_14_a_field_of_verification_has_its_place_and_its_values(site):
    site.edit(PCD03, 'policy = "by_contract"', 'policy = "field"')
    assert {fault.what for fault in site.new_faults()} == {
        "[verification] place is missing",
        "[verification] verified is missing",
        "[verification] unverified is missing",
    }


def test_d_14_a_value_cannot_mean_verified_and_not(site):
    by_field = 'policy = "field"\nverified = ["verified"]\nunverified = ["verified"]\n\n[verification.place]\npath = "status"'
    place = site.edit("senders/fhir-demo.toml", 'policy = "by_contract"', by_field, at='unverified = ["verified"]')
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, "'verified' means verified and not verified")


def test_d_28_a_name_belongs_to_one_sender(site):
    other = site.text_of(PCD03)
    site.write("senders/second.toml", other)
    faults = site.new_faults()
    assert {where(fault) for fault in faults} == {
        site.place("senders/second.toml", start) for start in range(len(other)) if other.startswith("[[names]]", start)
    }
    assert faults[0].what == "EHR1/DEMO is a name of senders/pcd03-demo.toml already"


# Order sentences


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("care_area", "CCU", "care area CCU is not in site.toml"),
        ("pump_model", "lvp", "there is no pump_models/lvp.toml"),
        ("mode", "PCA", "demo-lvp has no PCA channel"),
        ("expected", "maybe", "expected 'maybe' is none of offered, refused"),
        ("expected_entry", "DL-999", "DL-999 is no row of the library"),
        ("expected_entry", "DL-012", f"DL-012 is dobutamine, but {LOCAL} LOC-00501 leads to dopamine"),
        ("expected_entry", "", "expected_entry is blank"),
        ("expected_mL_h", "15.0", "expected_mL_h '15.0' is not a plain decimal"),
        ("expected_codes", "9024", "expected_codes is filled, but the order is offered"),
        ("must_confirm", "maybe", "must_confirm is 'maybe'"),
        ("code", "LOC-99999", f"{LOCAL} LOC-99999 is not in formulary.csv, so nothing is offered"),
        ("why", "", "why is blank"),
        ("id", "C-02", "id C-02 stands in orders/continuous.csv:2 already"),
    ],
)
def test_sr_55_an_order_sentence_is_well_formed(site, column, value, said):
    place = site.cell("orders/continuous.csv", "C-01", column, value)
    faults = site.new_faults()
    fault = next(fault for fault in faults if fault.what == said)
    assert fault.severity is Severity.ERROR
    if column != "id":  # told at the second of the two
        assert where(fault) == place


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("control", "CH", "control 'CH' is none of RE, XO"),
        ("runs", "ten", "runs 'ten' is not a plain decimal"),
        ("runs", "", "runs and runs_unit go together"),
        ("runs_unit", "", "runs and runs_unit go together"),
        ("runs_unit", "mcg/kg/min", "runs_unit 'mcg/kg/min' is not in the closed table of UCUM units"),
        ("runs_unit", "mg", "mg is not a unit of a rate or dose rate"),
        ("runs_weight", "", "runs_weight and runs_weight_unit go together"),
        ("runs_weight_unit", "mL", "mL is not a unit of body weight"),
    ],
)
def test_sr_55_what_a_sentence_s_channel_runs_is_well_formed(site, column, value, said):
    place = site.cell("orders/titration.csv", "T-02", column, value)
    fault = next(fault for fault in site.new_faults() if fault.what == said)
    assert fault.severity is Severity.ERROR
    assert where(fault)[0] == place[0]


def test_sr_55_a_sentence_s_weight_belongs_to_something_that_runs(site):
    for column in ("runs", "runs_unit"):
        site.cell("orders/titration.csv", "T-02", column, "")
    assert site.the_error().what == "runs_weight is filled, but nothing runs"


@pytest.mark.parametrize("code", ["9999", "9010.nothing", "therapy"])
def test_sr_55_an_expected_refusal_has_a_code_that_exists(site, code):
    place = site.cell("orders/refused.csv", "R-01", "expected_codes", code)
    fault = site.the_error()
    assert (where(fault), fault.what) == (place, f"{code!r} is no code of a refusal")


# units.csv: a spelling and its parts


@pytest.mark.parametrize(
    ("spelling", "ucum", "parts", "composed"),
    [
        ("mcg/hr", "ug/min", "ug and h", "ug/h"),
        ("mcg/min", "ug/h", "ug and min", "ug/min"),
        ("mEq/h", "eq/h", "meq and h", "meq/h"),
        ("mcg/kg/min", "ug/min", "ug, kg and min", "ug/kg/min"),
        ("mcg/kg/hr", "mg/kg/h", "ug, kg and h", "ug/kg/h"),
        ("mEq/mL", "mmol/mL", "meq and mL", "meq/mL"),
    ],
)
def test_d_02_a_spelling_means_what_its_parts_mean(site, spelling, ucum, parts, composed):
    place = site.cell("units.csv", spelling, "ucum", ucum)
    fault = site.the_error()
    assert where(fault) == place
    assert fault.what == f"{spelling} is made of {parts}, and stands for {ucum}"
    assert fault.action == f"write {composed}, or spell it otherwise"


@pytest.mark.parametrize(
    ("drug", "spelling", "ucum", "said"),
    [
        ("heparin", "units/minute", "[iU]/h", "units/minute is made of [iU] and min, and stands for [iU]/h"),
        ("heparin", "units/hr/kg", "[iU]/h", "units/hr/kg is made of [iU], h and kg, and stands for [iU]/h"),
        ("", "/hr", "/d", "/hr is made of 1 and h, and stands for /d"),
        ("", "mcg/gram", "ug/mL", "mcg/gram is made of ug and g, and stands for ug/mL"),
    ],
)
def test_d_02_a_drugs_spelling_is_made_of_its_own_rows_and_the_general_ones(site, drug, spelling, ucum, said):
    place = site.add_record("units.csv", spelling=spelling, ucum=ucum, drug=drug, note="n", approved_by="A. Demo")["ucum"]
    faults = [fault for fault in site.new_faults() if fault.is_error]
    assert [(where(fault), fault.what) for fault in faults] == [(place, said)]


@pytest.mark.parametrize(
    ("drug", "spelling", "ucum"),
    [
        ("heparin", "units/hr/kg", "[iU]/kg/h"),  # division may stand in either order
        ("", "mcg/ml", "ug/mL"),  # two codes of one unit
        ("", "1/hr", "/h"),
        ("", "/hr", "/h"),
        ("", "gamma/hr", "ug/min"),  # gamma is no part that the table knows
        ("bivalirudin", "units/minute", "mg/min"),  # the units of another drug say nothing
    ],
)
def test_d_02_a_spelling_that_agrees_with_its_known_parts_is_sound(site, drug, spelling, ucum):
    site.add_record("units.csv", spelling=spelling, ucum=ucum, drug=drug, note="n", approved_by="A. Demo")
    assert not [fault for fault in site.new_faults() if fault.is_error]


# All of them at once


def test_sr_55_every_fault_is_told_at_once(site):
    places = {
        site.cell(ICU, "DL-010", "soft_high", "5.0"),
        site.cell(NICU, "DL-075", "dosing_unit_ucum", "mcg/kg/min"),
        site.cell("orders/refused.csv", "R-01", "expected_codes", "9999"),
        site.edit("site.toml", "rounding_percent = 2", "rounding_percent = 2.0"),
        site.edit(PCD03, 'path = "ZRX-2.1"', 'path = "ZRX"'),
        site.edit(LVP, 'mode = "LVP"', 'mode = "LVPX"'),
        site.add_record("formulary.csv", system=RXNORM, code="3628", kind="ingredient", drug="dopamine")["code"],
        site.add_record("units.csv", spelling="mg", ucum="ug", note="n", approved_by="A. Demo")["spelling"],
        site.add_record("mixtures.csv", base="dextrose 7%", additives="dopamine", drug="dopamine")["base"],
    }
    loaded = site.load()
    assert loaded.release is None
    assert {where(fault) for fault in loaded.errors} == places


def test_a_fault_reads_as_place_what_and_action(site):
    place = site.cell(ICU, "DL-010", "hard_high", "")
    assert str(site.the_warning()) == (
        f"{place}: warning: DL-010 has no hard high: it will not be programmed automatically"
        " — do: set the limit, or mark the row unlimited_by_intent = Y"
    )
    other = Site()
    place = other.cell(ICU, "DL-010", "hard_high", "19")
    assert str(other.the_error()) == f"{place}: hard_high 19 ug/kg/min is below soft_high 20 ug/kg/min — do: put the limits in order"
