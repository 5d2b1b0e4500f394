"""The demo site is sound, holds every starter fact with its source, and says its codes as the rules of drug_library.md section 2 make them."""

import csv
import re
from dataclasses import fields, is_dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from interop.domain.delivery import Mode, Route, SecondCheck
from interop.domain.errors import SiteError
from interop.domain.quantity import Quantity
from interop.domain.release import CodeKind, SiteRules
from interop.domain.sender import Format
from interop.site import places
from interop.site.drug_library import COLUMNS
from interop.site.load import load_files, load_site
from interop.site.places import demo_site
from tests.site.planted import Site, demo

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOCAL = "urn:interop:demo:orderable"
FACTS = Path(__file__).parents[2].parent / "shared" / "reference" / "drug_library_facts.csv"
AREAS = ["ICU", "ED", "OR", "LD", "MEDSURG", "PEDS", "NICU", "ONC"]


@pytest.fixture(scope="module")
def rows():
    found = {}
    for area in AREAS:
        with (demo_site() / "drug_library" / f"{area.lower()}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found[row["row_id"]] = row
    return found


@pytest.fixture(scope="module")
def release():
    return demo().release


def test_sr_55_the_demo_site_is_sound():
    assert demo().errors == ()
    assert demo().release is not None


def test_sr_55_its_warnings_are_the_known_ones_of_rates_that_no_pump_runs():
    """drug_library.md section 5: at the bounds of weight some limits ask for more, or less, than a pump can run; the checks refuse there (9014, 9005)."""
    told = {match[1] for fault in demo().warnings if (match := re.match(r"(DL-\d+) asks for .* mL/h", fault.what))}
    assert len(told) == len(demo().warnings)
    assert told == {"DL-001", "DL-002", "DL-005", "DL-006", "DL-023", "DL-044", "DL-045", "DL-067", "DL-071", "DL-074"}


@pytest.mark.skipif(not FACTS.is_file(), reason="the reference facts lie beside a checkout of the project only")
def test_every_fact_is_there_with_every_column_and_source(rows):
    with FACTS.open(encoding="utf-8", newline="") as file:
        facts = {row["row_id"]: row for row in csv.DictReader(file)}
    assert rows == facts


def test_the_library_has_its_rows_and_their_columns(rows, release):
    assert len(rows) == 92
    assert len({row["drug"] for row in rows.values()}) == 58
    assert set(release.library.by_key) == set(rows)
    for row in rows.values():
        assert tuple(row) == COLUMNS.required
        assert row["conc_source"]
        assert row["limit_source"]
        assert row["added_source"]


def test_every_limit_is_the_number_that_was_typed(rows, release):
    """A second reading of the files, cell by cell: nothing is shifted by a column, scaled or rounded."""
    limits = {
        "soft_low": lambda e: e.limits.soft_low,
        "soft_high": lambda e: e.limits.soft_high,
        "hard_low": lambda e: e.limits.hard_low,
        "hard_high": lambda e: e.limits.hard_high,
        "duration_hard_low_min": lambda e: e.duration_limits.hard_low,
        "duration_soft_low_min": lambda e: e.duration_limits.soft_low,
        "duration_soft_high_min": lambda e: e.duration_limits.soft_high,
        "conc_limit_low": lambda e: e.concentration_limits.hard_low,
        "conc_limit_high": lambda e: e.concentration_limits.hard_high,
        "bolus_soft_high": lambda e: e.bolus.soft_high,
        "bolus_hard_high": lambda e: e.bolus.hard_high,
        "bolus_rate_hard_high_mL_h": lambda e: e.bolus.rate_hard_high,
        "lockout_hard_low_min": lambda e: e.pca.lockout_hard_low,
        "window_h": lambda e: e.pca.window,
        "window_soft_high": lambda e: e.pca.window_soft_high,
        "window_hard_high": lambda e: e.pca.window_hard_high,
        "pca_basal_soft_high": lambda e: e.pca.basal_soft_high,
        "pca_basal_hard_high": lambda e: e.pca.basal_hard_high,
        "loading_dose_soft_high": lambda e: e.loading_soft_high,
        "loading_dose_hard_high": lambda e: e.loading_hard_high,
        "min_weight_kg": lambda e: e.min_weight,
        "max_weight_kg": lambda e: e.max_weight,
        "conc_amount": lambda e: e.amount,
        "volume_mL": lambda e: e.volume,
        "vtbi_hard_high_mL": lambda e: e.vtbi_hard_high,
        "total_dose_hard_high": lambda e: e.total_dose_hard_high,
    }
    for key, row in rows.items():
        entry = release.library.by_key[key]
        for column, of in limits.items():
            value = of(entry)
            assert (value.value if value is not None else None) == (Fraction(row[column]) if row[column] else None), (key, column)
        assert entry.dosing_unit == row["dosing_unit_ucum"]
        assert entry.therapy_key == row["infusion_therapy_code"]
        assert (entry.advisory, entry.tallman, entry.care_area) == (row["advisory"], row["tallman"], row["care_area"])


def test_blank_is_not_zero(release):
    morphine = release.library.by_key["DL-048"].pca
    assert morphine.basal_soft_high == Quantity(Fraction(0), "mg/h")
    assert release.library.by_key["DL-051"].pca.basal_soft_high is None
    assert release.library.by_key["DL-071"].min_weight is None


def test_d_13_the_second_checks_are_where_they_belong(release):
    checked = {entry.key for entry in release.library.entries if entry.second_check is SecondCheck.AT_PUMP}
    assert len(checked) == 21
    assert all(release.library.by_key[key].high_alert for key in checked)
    assert "DL-063" in checked
    assert "DL-062" not in checked


def test_d_01_ingredient_codes_only_where_the_drug_is_matched_by_ingredient(rows, release):
    ingredients = {row.code: row.drug for row in release.formulary.values() if row.kind is CodeKind.INGREDIENT}
    expected = {
        row["rxcui_ingredient"]: row["drug"] for row in rows.values() if row["match_by"] == "ingredient" and row["rxcui_ingredient"]
    }
    assert ingredients == expected
    for code in ("9863", "4850", "8591", "56946", "11202"):
        assert (RXNORM, code) not in release.formulary


def test_d_01_every_verified_clinical_drug_code_is_mapped_to_its_drug_and_container(rows, release):
    for row in rows.values():
        code = row["rxcui_clinical_drug"]
        if not code:
            continue
        mapped = release.formulary[RXNORM, code]
        assert (mapped.kind, mapped.drug, mapped.therapy) == (CodeKind.PRODUCT, row["drug"], "")
        named = re.match(r"(\d+) ML ", row["rxcui_clinical_name"])
        assert mapped.volume == (Quantity(Fraction(named[1]), "mL") if named else None)
    assert release.formulary[RXNORM, "1729584"].amount == Quantity.of("2", "mg")  # a vial: no volume
    assert release.formulary[RXNORM, "847630"].volume is None  # names no container


def test_d_01_every_orderable_is_mapped_with_its_therapy_and_infusion_type(rows, release):
    for row in rows.values():
        mapped = release.formulary[LOCAL, row["local_code"]]
        assert (mapped.drug, mapped.therapy, mapped.infusion_type.value) == (
            row["drug"],
            row["infusion_therapy_code"],
            row["infusion_type"],
        )
    assert release.formulary[LOCAL, "LOC-01701"].therapy == "VTE"


def test_d_01_no_code_of_the_formulary_reaches_two_drugs(release):
    by_code = {}
    for system, code in release.formulary:
        by_code.setdefault(code, set()).add(system)
    assert all(len(systems) == 1 for systems in by_code.values())


def test_mixtures_are_an_additive_in_a_fluid_of_the_library(release):
    fluids = {"dextrose 5%", "sodium chloride 0.9%", "lactated Ringer's"}
    assert len(release.mixtures) >= 50
    for (base, additives), mixture in release.mixtures.items():
        assert base in fluids
        assert additives == {mixture.drug}
        assert any(entry.concentration is not None for entry in release.library.by_drug[mixture.drug])


def test_sr_19_spellings_of_units_are_approved_and_never_a_bare_u(release):
    assert release.spellings["mcg/kg/min"] == "ug/kg/min"
    assert release.spellings["mEq/hr"] == "meq/h"
    assert release.drug_spellings["insulin regular human", "units/hr"] == "[iU]/h"
    for spelling in (*release.spellings, *(spelling for _, spelling in release.drug_spellings)):
        assert not {"U", "u", "IU", "cc", "ML"} & set(spelling.split("/")), spelling
    assert not any("unit" in spelling for spelling in release.spellings)


def test_sr_32_three_pump_models_with_their_ranges_and_steps(release):
    lvp, syringe, pca = (release.pump_models[key] for key in ("demo-lvp", "demo-syringe", "demo-pca"))
    assert lvp.channel_ids == ("A", "B")
    volumetric = lvp.channels[Mode.LVP]
    assert (volumetric.rate_min, volumetric.rate_max, volumetric.vtbi_max) == (
        Quantity.of("0.1", "mL/h"),
        Quantity.of("999", "mL/h"),
        Quantity.of("3000", "mL"),
    )
    assert [(step.up_to, step.step) for step in volumetric.rate_steps] == [(Fraction("99.9"), Fraction("0.1")), (999, 1)]
    assert [(step.up_to, step.step) for step in syringe.channels[Mode.SYRINGE].rate_steps] == [
        (Fraction("9.99"), Fraction("0.01")),
        (200, Fraction("0.1")),
    ]
    assert pca.channels[Mode.PCA].routes == {Route.IV, Route.EPIDURAL, Route.PERINEURAL}


def test_care_areas_have_their_weights_and_ages(release):
    assert set(release.care_areas) == set(AREAS)
    for area in release.care_areas.values():
        low, high = {"PEDS": ("3", "50"), "NICU": ("0.4", "7")}.get(area.name, ("40", "300"))
        assert (area.min_weight, area.max_weight) == (Quantity.of(low, "kg"), Quantity.of(high, "kg"))
        assert area.weight_max_age_h == (24 if area.name == "NICU" else 168)


def test_sr_34_weights_are_plausible_at_every_age_and_overlap_from_band_to_band(release):
    bands = release.weight_by_age
    assert [band.under_days for band in bands] == [28, 365, 1826, 4383, 0]
    for younger, older in pairwise(bands):
        assert younger.min_weight <= older.min_weight < younger.max_weight < older.max_weight


def test_the_tolerances_and_time_outs_are_the_projects_written_out(release):
    assert release.rules == SiteRules()


def test_d_14_the_emergency_list_is_signed(release):
    assert release.emergency
    assert all(rule.signed_by for rule in release.emergency)


def test_d_28_the_senders_of_the_published_examples_are_known(release):
    pcd03 = release.senders["pcd03-demo"]
    assert pcd03.format is Format.HL7V2
    assert set(pcd03.names) == {("EHR1", "DEMO"), ("IOPVENDOR", "IOPVENDOR"), ("SendingApplication", "SendingFacility")}
    assert pcd03.code_systems["LOC"] == LOCAL
    assert {pcd03.code_systems[name] for name in ("RXNORM", "RxNorm", "RXN", "2.16.840.1.113883.6.88")} == {RXNORM}
    assert pcd03.code_systems[""] not in (LOCAL, RXNORM)  # a code without a system is never an orderable's
    assert release.senders["fhir-demo"].format is Format.FHIR_R4


def test_d_16_nothing_in_a_release_is_a_float(release):
    seen = 0

    def walk(value):
        nonlocal seen
        seen += 1
        assert not isinstance(value, float), value
        if isinstance(value, dict):
            for key, each in value.items():
                walk(key)
                walk(each)
        elif isinstance(value, (tuple, frozenset)):
            for each in value:
                walk(each)
        elif is_dataclass(value):
            for field in fields(value):
                walk(getattr(value, field.name))

    walk(release)
    assert seen > 5000
    for sentence in demo().sentences:
        walk(sentence)


def test_sr_55_the_order_sentences_cover_offers_and_refusals_of_every_planned_kind():
    sentences = demo().sentences
    assert len(sentences) >= 60
    assert len([sentence for sentence in sentences if sentence.offered]) >= 40
    codes = {code for sentence in sentences for code in sentence.codes}
    assert len(codes) >= 12
    assert {sentence.mode for sentence in sentences} == {Mode.LVP, Mode.SYRINGE}
    assert {sentence.care_area for sentence in sentences} == set(AREAS)


def test_the_offered_rates_are_what_a_second_reckoning_gives(release):
    """mL/h from the sentence's own texts, by the plain formula in exact fractions, within one step of the pump."""
    reckoned = 0
    for sentence in demo().sentences:
        entry = release.library.by_key.get(sentence.entry)
        if entry is None or entry.concentration is None or sentence.rate_unit in ("mL/h", "mL/hr") or sentence.duration:
            continue
        unit = release.drug_spellings.get((entry.drug, sentence.rate_unit)) or release.spellings.get(sentence.rate_unit, sentence.rate_unit)
        asked = Quantity(Fraction(sentence.rate), unit)
        weight: Fraction | int = 1
        if asked.measure.dimension.per_body:  # a running infusion keeps its own (D-17)
            weighed = sentence.runs_weight or Quantity(Fraction(sentence.weight), sentence.weight_unit)
            weight = weighed.to("kg").value
        per_hour = asked.base()[1] * 3600 * weight / entry.concentration.base()[1]
        channel = release.pump_models[sentence.pump_model].channels[sentence.mode]
        step = next(step.step for step in channel.rate_steps if per_hour <= step.up_to)
        assert abs(per_hour - sentence.rate_ml_per_h) <= step / 2, sentence.id
        reckoned += 1
    assert reckoned >= 35


def test_the_demo_site_lies_where_the_code_says_and_no_path_is_kept():
    assert (demo_site() / "site.toml").is_file()
    assert load_site(demo_site()) == load_files(Site().files)
    said = repr(demo())
    assert str(demo_site().parents[1]) not in said


def test_the_demo_site_is_found_in_a_checkout_and_in_an_installed_package(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "__file__", str(tmp_path / "interop" / "site" / "places.py"))
    with pytest.raises(SiteError):
        demo_site()
    installed = tmp_path / "interop" / "_mappings" / "demo"
    checkout = tmp_path / "mappings" / "demo"
    for folder in (installed, checkout):  # beside the package goes before inside it
        folder.mkdir(parents=True)
        (folder / "site.toml").touch()
        assert demo_site() == folder


def test_no_text_of_the_site_holds_a_path_of_a_machine():
    for path in demo_site().rglob("*"):
        if path.is_file():
            assert not re.search(r"/(?:work|root|home)/", path.read_text(encoding="utf-8")), path
