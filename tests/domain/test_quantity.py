"""Amounts are exact, compared by what they measure, and never shown in a form that can be misread (SR-30, SR-31, D-16)."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.domain.quantity import NotANumber, Quantity, UnitMismatch, exact, exact_as_typed, half_last_digit, show
from interop.domain.ucum import UCUM, same_but_for_scale

plain = st.decimals(min_value=0, max_value=999_999_999, places=6, allow_nan=False, allow_infinity=False)
units = st.sampled_from(sorted(UCUM))


def test_a_gram_is_a_thousand_milligrams():
    assert Quantity.of("1", "g") == Quantity.of("1000", "mg")
    assert hash(Quantity.of("1", "g")) == hash(Quantity.of("1000", "mg"))
    assert Quantity.of("0.1", "mg").value * 3 == Fraction(3, 10)  # which no float would give


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mg/h", "mL/h"),
        ("[iU]", "mg"),
        ("[iU]", "[arb'U]"),
        ("meq", "mmol"),
        ("ug/kg/min", "ug/min"),
        ("mg/m2", "mg/kg"),
        ("mg/mL", "mg"),
        ("kg", "h"),
    ],
)
def test_sr_18_two_kinds_of_amount_are_never_compared(one, other):
    assert Quantity.of("1", one) != Quantity.of("1", other)
    for compare in (lambda a, b: a < b, lambda a, b: a > b, lambda a, b: a <= b, lambda a, b: a >= b):
        with pytest.raises(UnitMismatch):
            compare(Quantity.of("1", one), Quantity.of("1", other))
    with pytest.raises(UnitMismatch):
        Quantity.of("1", one).to(other)


@pytest.mark.parametrize("unit", ["U", "u", "IU", "mcg", "mEq", "cc", "ML", "ML/H", "MG", "mL/hr", "units", "", "%", "[USP'U]", "lb"])
def test_sr_19_what_is_not_in_the_closed_table_is_no_unit(unit):
    with pytest.raises(KeyError):
        Quantity.of("1", unit)


@pytest.mark.parametrize(
    "text",
    ["", ".", "-1", "+1", "1e3", "NaN", "Infinity", "1,5", "1 000", "0x1", "٣", "１", "1_0", "1/2", "12345678901", "0.1234567891"],
)
def test_sr_31_what_is_no_plain_decimal_is_no_number(text):
    with pytest.raises(NotANumber):
        exact(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("85.0", "85"), (".21", "0.21"), ("5.", "5"), ("007", "7"), ("0", "0"), ("999999999.999999999", "999999999.999999999")],
)
def test_sr_31_d_16_forms_that_machines_send_are_read_exactly(text, value):
    assert exact(text) == Fraction(value)


@pytest.mark.parametrize("text", ["85.0", ".21", "5.", "007", "1.50", "00.5", "-1", ""])
def test_sr_31_d_16_the_same_forms_are_errors_where_people_type(text):
    with pytest.raises(NotANumber):
        exact_as_typed(text)


@given(plain)
def test_sr_30_reading_is_exact_and_no_float_is_in_between(number):
    text = f"{number:f}"
    assert exact(text) == Fraction(Decimal(text))
    assert isinstance(exact(text), Fraction)


@given(plain, units, units)
def test_sr_30_there_and_back_again_is_the_same_amount(number, one, other):
    amount = Quantity(Fraction(number), one)
    if UCUM[one].dimension == UCUM[other].dimension:
        assert amount.to(other).to(one).value == amount.value
        assert amount.to(other) == amount
        assert not amount.to(other) < amount


@given(st.fractions(min_value=0, max_value=10**9))
def test_d_16_a_number_is_never_shown_with_a_trailing_zero_a_bare_point_or_as_zero_when_it_is_not(value):
    text = show(value)
    digits = text.lstrip("≈")
    assert not digits.startswith(".")
    assert not ("." in digits and digits.endswith("0"))
    assert not digits.endswith(".")
    assert (digits == "0") == (value == 0)
    number = Fraction(digits.replace(",", ""))
    assert (number == value) == (not text.startswith("≈"))
    assert abs(number - value) <= max(Fraction(1, 2 * 10**6), value / 1000)


@pytest.mark.parametrize(
    ("value", "text"), [("25000", "25,000"), ("0.5", "0.5"), ("10", "10"), ("1/3", "≈0.333333"), ("2/3", "≈0.666667"), ("0", "0")]
)
def test_numbers_for_people(value, text):
    assert show(Fraction(value)) == text


@pytest.mark.parametrize(("text", "half"), [("85", "1/2"), ("85.0", "1/20"), ("33.33", "1/200"), (".5", "1/20")])
def test_d_15_half_the_last_printed_digit(text, half):
    assert half_last_digit(text) == Fraction(half)


@given(units, units)
def test_d_02_equivalence_is_the_scale_of_the_amount_only(one, other):
    a, b = UCUM[one], UCUM[other]
    same = same_but_for_scale(one, other)
    assert same == same_but_for_scale(other, one)
    if same:
        assert (a.dimension, a.per_time_code, a.dimension.per_body) == (b.dimension, b.per_time_code, b.dimension.per_body)
    if a.per_time_code != b.per_time_code:
        assert not same
