"""What differs between two releases is told as a reviewer must see it: the difference is what is approved (SR-55)."""

import pytest

from interop.site.diff import Change, Effect, Part, diff
from tests.site.planted import FHIR, ICU, LVP, MEDSURG, NICU, PCD03, Site, demo


def differences(site):
    loaded = site.load()
    assert loaded.release is not None, "\n".join(map(str, loaded.errors))
    return diff(demo().release, loaded.release)


def the_row(site):
    (row,) = differences(site).rows
    return row


@pytest.fixture
def site():
    return Site()


def test_sr_55_a_release_does_not_differ_from_itself(site):
    found = differences(site)
    assert found.is_empty
    assert (found.before, found.mapping_before) == (found.after, found.mapping_after)


@pytest.mark.parametrize(
    ("file", "row", "column", "value", "field", "before", "after", "effect"),
    [
        (ICU, "DL-010", "soft_high", "25", "limits.soft_high", "20 ug/kg/min", "25 ug/kg/min", Effect.WIDENED),
        (ICU, "DL-010", "soft_high", "15", "limits.soft_high", "20 ug/kg/min", "15 ug/kg/min", Effect.NARROWED),
        (ICU, "DL-010", "hard_high", "", "limits.hard_high", "30 ug/kg/min", "", Effect.WIDENED),
        (ICU, "DL-010", "hard_low", "0.2", "limits.hard_low", "0.5 ug/kg/min", "0.2 ug/kg/min", Effect.WIDENED),
        (ICU, "DL-010", "soft_low", "2", "limits.soft_low", "1 ug/kg/min", "2 ug/kg/min", Effect.NARROWED),
        (ICU, "DL-010", "vtbi_hard_high_mL", "250", "vtbi_hard_high", "275 mL", "250 mL", Effect.NARROWED),
        (ICU, "DL-010", "multistep_allowed", "Y", "multistep_allowed", "no", "yes", Effect.WIDENED),
        (ICU, "DL-010", "second_check", "at_pump", "second_check", "none", "at_pump", Effect.NARROWED),
        (ICU, "DL-063", "second_check", "none", "second_check", "at_pump", "none", Effect.WIDENED),
        (ICU, "DL-010", "max_weight_kg", "200", "max_weight", "300 kg", "200 kg", Effect.NARROWED),
        (ICU, "DL-010", "advisory", "Watch.", "advisory", "", "Watch.", Effect.OTHER),
        (MEDSURG, "DL-064", "duration_hard_low_min", "40", "duration_limits.hard_low", "50 min", "40 min", Effect.WIDENED),
        (MEDSURG, "DL-048", "lockout_hard_low_min", "6", "pca.lockout_hard_low", "5 min", "6 min", Effect.NARROWED),
        (NICU, "DL-069", "conc_limit_high", "8", "concentration_limits.hard_high", "7 mg/mL", "8 mg/mL", Effect.WIDENED),
    ],
)
def test_sr_55_a_changed_limit_is_told_as_wider_or_narrower(site, file, row, column, value, field, before, after, effect):
    site.cell(file, row, column, value)
    change = the_row(site)
    assert (change.part, change.key, change.change) == (Part.ENTRY, row, Change.CHANGED)
    (told,) = change.fields
    assert (told.field, told.before, told.after, told.effect) == (field, before, after, effect)


def test_sr_55_another_dosing_unit_is_told_as_a_change_of_unit(site):
    for column, value in (
        ("dosing_unit_ucum", "mg/kg/min"),
        ("soft_low", "0.001"),
        ("soft_high", "0.02"),
        ("hard_low", "0.0005"),
        ("hard_high", "0.03"),
    ):
        site.cell(ICU, "DL-010", column, value)
    change = the_row(site)
    assert {field.field: field.effect for field in change.fields} == {
        "dosing_unit": Effect.UNIT,
        "limits.hard_low": Effect.UNIT,
        "limits.soft_low": Effect.UNIT,
        "limits.soft_high": Effect.UNIT,
        "limits.hard_high": Effect.UNIT,
    }


def test_sr_55_another_strength_is_told_as_a_change_of_concentration(site):
    site.cell(NICU, "DL-075", "conc_amount", "250")
    site.cell("formulary.csv", "LOC-05201", "conc_amount", "250", by=1)
    found = differences(site)
    (entry,) = found.of(Part.ENTRY)
    assert {field.field for field in entry.fields} == {"amount", "concentration"}
    assert entry.effects == {Effect.CONCENTRATION}
    (code,) = found.of(Part.CODE)
    assert code.effects == {Effect.CONCENTRATION}
    assert found.with_effect(Effect.CONCENTRATION) == (entry, code)


def test_sr_55_a_code_that_leads_elsewhere_is_told_as_remapped(site):
    site.cell("formulary.csv", "1234", "drug", "dobutamine", by=1)
    change = the_row(site)
    assert (change.part, change.key, change.effects, change.high_alert) == (
        Part.CODE,
        "urn:interop:demo:no-system 1234",
        {Effect.REMAPPED},
        True,
    )


def test_sr_55_an_added_and_a_removed_entry_are_told(site):
    site.copy_of(ICU, "DL-057", row_id="DL-957", local_code="LOC-99957", therapy="Other", infusion_therapy_code="OTHER")
    change = the_row(site)
    assert (change.part, change.key, change.change, change.fields, change.high_alert) == (Part.ENTRY, "DL-957", Change.ADDED, (), False)
    back = diff(site.load().release, demo().release)
    assert [(row.key, row.change) for row in back.rows] == [("DL-957", Change.REMOVED)]


def test_a_high_alert_entry_is_marked_so_that_a_second_pharmacist_is_asked(site):
    site.cell(ICU, "DL-010", "soft_high", "25")
    assert the_row(site).high_alert
    other = Site()
    other.cell(ICU, "DL-018", "soft_high", "14")
    assert not the_row(other).high_alert


def test_taking_away_the_mark_of_high_alert_is_itself_a_high_alert_change(site):
    site.cell(ICU, "DL-010", "high_alert", "N")
    assert the_row(site).high_alert


def test_a_spelling_is_told_by_itself_and_its_drug(site):
    site.add_record("units.csv", spelling="cc", ucum="mL", note="n", approved_by="A")
    site.cell("units.csv", "milliunits/min", "ucum", "[iU]/min")
    rows = differences(site).of(Part.SPELLING)
    assert [(row.key, row.change) for row in rows] == [("cc", Change.ADDED), ("milliunits/min of oxytocin", Change.CHANGED)]
    assert rows[1].effects == {Effect.REMAPPED}


@pytest.mark.parametrize(
    ("file", "old", "new", "part", "key", "field", "effect"),
    [
        ("site.toml", "rounding_percent = 2", "rounding_percent = 1", Part.RULE, "site.toml", "rounding", Effect.NARROWED),
        ("site.toml", "request_max_age_s = 300", "request_max_age_s = 600", Part.RULE, "site.toml", "request_max_age_s", Effect.WIDENED),
        ("site.toml", "weight_max_age_h = 24", "weight_max_age_h = 48", Part.CARE_AREA, "NICU", "weight_max_age_h", Effect.WIDENED),
        ("site.toml", "max_weight_kg = 16\n", "max_weight_kg = 17\n", Part.AGE, "under 365 days", "max_weight", Effect.WIDENED),
        ("site.toml", 'rule = "caution"', 'rule = "allowed"', Part.LOCATION, "ED on ICU", "rule", Effect.WIDENED),
        (LVP, "vtbi_max_mL = 3000", "vtbi_max_mL = 2200", Part.PUMP_MODEL, "demo-lvp", "channels.LVP.vtbi_max", Effect.NARROWED),
        (LVP, '["A", "B"]', '["A"]', Part.PUMP_MODEL, "demo-lvp", "channel_ids", Effect.OTHER),
        (PCD03, 'path = "ZRX-2.1"', 'path = "ZRX-3.1"', Part.SENDER, "pcd03-demo", "places.therapy.path", Effect.OTHER),
        (FHIR, "unit_text = false", "unit_text = true", Part.SENDER, "fhir-demo", "unit_text", Effect.OTHER),
    ],
)
def test_sr_55_the_rest_of_the_site_is_compared_too(site, file, old, new, part, key, field, effect):
    site.edit(file, old, new)
    change = the_row(site)
    assert (change.part, change.key) == (part, key)
    assert [(told.field, told.effect) for told in change.fields] == [(field, effect)]


def test_rows_that_only_moved_are_no_difference(site):
    header, first, *rest = site.text_of("formulary.csv").splitlines()
    site.write("formulary.csv", "\n".join([header, *reversed(rest), first]) + "\n")
    text = site.text_of(PCD03)
    names = [part for part in text.split("\n\n") if "[[names]]" in part]
    site.write(PCD03, text.replace(names[0], "@").replace(names[1], names[0]).replace("@", names[1]))
    assert differences(site).is_empty


def test_sr_55_every_changed_hash_has_a_difference_and_every_difference_a_changed_hash(site):
    site.cell(ICU, "DL-010", "soft_high", "25")
    found = differences(site)
    assert not found.is_empty
    assert found.before != found.after
    assert found.mapping_before == found.mapping_after
