"""What the bedside must see, and the second question that stands behind the match (SR-08, SR-17, SR-18, SR-24, D-13)."""

from dataclasses import replace

import pytest

from interop.domain.quantity import Quantity
from interop.domain.request import AsSent
from interop.pathway import plan as whole_way
from interop.stages import checks
from interop.stages.map_to_library import map_to_library
from tests.wards.ward import NOW, a_case, an_order, codes_of, demo_release, planned


def test_d_13_an_entry_with_a_second_check_says_so_and_costs_an_answer():
    insulin = {
        "code": "LOC-02201",
        "rate": "4",
        "unit": "[iU]/h",
        "strength": "100",
        "strength_unit": "[iU]",
        "volume": "100",
        "vtbi": "100",
        "weight": "",
    }
    plan = planned(an_order(**insulin))
    assert plan.offer is not None
    assert plan.offer.program.second_check.value == "at_pump"
    assert any("second clinician" in caution.sentence and caution.must_confirm for caution in plan.offer.cautions)


def test_d_13_a_high_alert_entry_without_a_second_check_is_shown_and_does_not_wait():
    plan = planned()
    assert plan.offer is not None
    assert any("high-alert" in note.sentence for note in plan.offer.notes)
    assert not any("second clinician" in caution.sentence for caution in plan.offer.cautions)


def test_sr_08_the_entrys_advisory_reaches_the_bedside_word_for_word():
    plan = planned(an_order(code="LOC-00101", strength="4", rate="0.1"))
    assert plan.offer is not None
    assert demo_release().library.by_key["DL-001"].advisory in {note.sentence for note in plan.offer.notes}


def test_sr_08_an_order_to_be_given_as_needed_says_so():
    plan = planned(an_order(as_needed=AsSent("true", "MedicationRequest.dosageInstruction[0].asNeededBoolean")))
    assert any("as needed" in caution.sentence for caution in plan.cautions)
    assert not any("as needed" in caution.sentence for caution in planned(an_order(as_needed=AsSent("false", "x"))).cautions)


def test_sr_08_the_offer_holds_all_that_the_bedside_must_see():
    offer = planned().offer
    assert offer is not None
    program = offer.program
    shown = (offer.patient.value, program.entry.tallman, program.entry.care_area, program.library.version, offer.placer_order_number)
    assert all(shown)
    for amount in (program.concentration, program.dose_rate, program.rate, program.vtbi, program.weight):
        assert amount is not None


def test_an_order_without_cautions_costs_no_answer():
    """Two actions after the scan (confirm, start): nothing of a plain order may ask for a third."""
    plan = planned()
    assert plan.offer is not None
    assert not [caution for caution in plan.offer.cautions if caution.must_confirm]


@pytest.fixture
def a_match_that_went_wrong(monkeypatch):
    """The match itself gives a wrong entry: the checks behind it must stand on their own."""

    def plant(**entry_changes):
        def wrong(order, case):
            right = map_to_library(order, case)
            entry = replace(right.entry, **entry_changes)
            return replace(right, entry=entry, program=replace(right.program, entry=entry))

        monkeypatch.setattr("interop.pathway.map_to_library", wrong)
        return whole_way(an_order(), a_case(), NOW)

    return plant


def test_sr_18_a_wrong_match_by_unit_is_caught_behind_it(a_match_that_went_wrong):
    assert "9009" in codes_of(a_match_that_went_wrong(dosing_unit="ug/kg/h"))


def test_sr_17_a_wrong_match_by_concentration_is_caught_behind_it(a_match_that_went_wrong):
    assert "9018.concentration" in codes_of(a_match_that_went_wrong(concentration=Quantity.of("3.2", "mg/mL")))


def test_every_refusal_says_what_is_wrong_what_to_do_and_whose_move_it_is():
    worst = replace(an_order(rate="1e9", unit="U", code="?", route="", weight="-1", vtbi="x"), requested_by=AsSent())
    plan = planned(worst, a_case(care_area="", association=None))
    assert len(plan.refusals) >= 8
    for finding in plan.refusals:
        assert finding.sentence
        assert finding.action.endswith(".")
        assert finding.owner
        assert finding.field
        assert finding.code_text


def test_checks_have_names_that_read_as_questions_and_docstrings_that_answer():
    for check in checks.CHECKS:
        assert check.__doc__ or check.__name__ == "what_the_entry_says", check.__name__
