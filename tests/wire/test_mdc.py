"""Units and terms of ISO/IEEE 11073-10101 as PCD-03 sends them, against the regularities of the nomenclature and the names of UCUM."""

import pytest
import ucumvert
from hypothesis import given
from hypothesis import strategies as st
from lark.exceptions import LarkError

from interop.wire.hl7v2.mdc import code_named, mdc_of, refids_of, ucum_of, unit_of, units
from interop.wire.hl7v2.mdc_terms import BOLUS_RATE, BY_CODE, BY_REFID, PATIENT_WEIGHT, PCA_LOCKOUT, PUMP_ID, TERMS

PREFIX_OF_OFFSET = {0: "", 3: "k", 4: "M", 17: "c", 18: "m", 19: "u", 20: "n"}  # IHE DEV: the number is a multiple of 32, plus the prefix
AMOUNTS = ("g", "L", "m", "mol", "eq", "[iU]", "[arb'U]")


def test_the_units_of_an_infusion_order_are_found_by_number():
    assert ucum_of("265266") == "mL/h"
    assert ucum_of("265619") == "ug/kg/min"
    assert ucum_of("263762") == "mL"
    assert ucum_of("267840") == "[iU]/h"
    assert refids_of("265266") == {"MDC_DIM_MILLI_L_PER_HR"}


def test_a_gram_has_two_names_and_the_systematic_one_is_written():
    assert refids_of("263872") == {"MDC_DIM_G", "MDC_DIM_X_G"}
    assert code_named("MDC_DIM_G") == code_named("MDC_DIM_X_G") == "263872"
    gram = mdc_of("g")
    assert gram is not None
    assert (gram.code, gram.refid) == ("263872", "MDC_DIM_X_G")


@pytest.mark.parametrize("code", ["0", "", "3475", "263762 ", " 263762", "0263762", "+263762", "２６３７６２", "MDC_DIM_MILLI_L", "mL"])
def test_a_number_that_is_not_in_the_table_is_no_unit(code: str):
    assert (unit_of(code), ucum_of(code), refids_of(code)) == (None, None, frozenset())


@pytest.mark.parametrize("ucum", ["ML", "ml", "mcg", "U", "mL/hr", "IU", ""])
def test_a_spelling_that_is_not_ucum_has_no_number(ucum: str):
    assert mdc_of(ucum) is None


def test_a_name_is_found_exactly_or_not_at_all():
    assert code_named("MDC_DIM_MILLI_L_PER_HR") == "265266"
    assert code_named("mdc_dim_milli_l_per_hr") is None
    assert code_named("MDCX_DIM_SOMETHING") is None


def test_number_name_and_ucum_code_stand_for_one_another():
    assert len(units()) == 266
    assert sum(len(unit.refids) for unit in units()) == 267
    assert len({unit.ucum for unit in units()}) == 266
    assert len({refid for unit in units() for refid in unit.refids}) == 267
    for unit in units():
        assert mdc_of(unit.ucum) == unit_of(unit.code) == unit
        assert all(code_named(refid) == unit.code for refid in unit.refids)
        assert unit.refid in unit.refids


def test_the_prefix_in_the_number_is_the_prefix_in_the_ucum_code():
    """A slip of one in a number would be a factor of a thousand in a dose: mg is g + 18, ug is g + 19."""
    checked = 0
    by_code = {int(unit.code): unit for unit in units()}
    for code, unit in by_code.items():
        prefix = PREFIX_OF_OFFSET[code % 32]
        amount = unit.ucum.split("/")[0]
        if amount.removeprefix(prefix) in AMOUNTS:
            checked += 1
            assert amount == prefix + amount.removeprefix(prefix)
        else:
            assert not prefix, unit
        base = by_code.get(code - code % 32)
        if prefix and base:
            assert unit.ucum == prefix + base.ucum
    assert checked > 200


def test_the_name_says_what_the_ucum_code_says():
    words = {"MILLI": "m", "MICRO": "u", "NANO": "n", "KILO": "k", "MEGA": "M", "CENTI": "c"}
    of = {"MIN": "min", "HR": "h", "DAY": "d", "SEC": "s", "KG": "kg", "LB": "[lb_av]", "M_SQ": "m2", "ML": "mL"}
    amounts = {"G": "g", "L": "L", "M": "m", "MOLE": "mol", "EQUIV": "eq", "INTL_UNIT": "[iU]", "ARB_UNIT": "[arb'U]"}
    checked = 0
    for unit in units():
        for refid in unit.refids:
            amount, *per = refid.removeprefix("MDC_DIM_").split("_PER_")
            first, _, rest = amount.partition("_")
            said = words.get(first, "") + amounts.get(rest, "") if first in words or first == "X" else ""
            if said and rest in amounts and all(part in of for part in per):
                checked += 1
                assert "/".join([said, *(of[part] for part in per)]) == unit.ucum
    assert checked > 240


@pytest.fixture(scope="module")
def ucum_parser():
    return ucumvert.get_ucum_parser()


def test_every_ucum_code_of_the_table_is_ucum_but_for_multiples_of_the_arbitrary_unit(ucum_parser):
    """UCUM does not call [arb'U] metric, so it has no milli or kilo; RTMMS lists them nevertheless, and the table is RTMMS's."""
    refused = set()
    for unit in units():
        try:
            ucum_parser.parse(unit.ucum)
        except LarkError:
            refused.add(unit.ucum)
    assert refused == {unit.ucum for unit in units() if "[arb'U]" in unit.ucum and not unit.ucum.startswith("[arb'U]")}
    assert len(refused) == 39


@given(st.text(max_size=8))
def test_no_text_makes_a_lookup_fail(text: str):
    assert ucum_of(text) is None or text in {unit.code for unit in units()}
    assert code_named(text) is None
    assert mdc_of(text) is None or text in {unit.ucum for unit in units()}


def test_the_observations_of_an_order_are_found_by_number():
    assert BY_CODE["69986"] is PUMP_ID
    assert BY_CODE["68063"] is PATIENT_WEIGHT
    assert BY_CODE["157784"] is BOLUS_RATE
    assert "0" not in BY_CODE


def test_a_term_is_known_by_every_name_it_is_sent_under():
    assert BY_REFID["MDC_TIME_PCA_LOCKOUT"] is BY_REFID["MDC_TIME_PD_PCA_LOCKOUT"] is PCA_LOCKOUT


def test_no_two_terms_share_a_number_or_a_name():
    assert len(TERMS) == len(BY_CODE) == 20
    assert len(BY_REFID) == sum(1 + len(term.also) for term in TERMS)
    assert not set(BY_CODE) & {unit.code for unit in units()}
