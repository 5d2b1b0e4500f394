"""The closed table against a general UCUM engine, where that engine is right.

Where it is not (what was measured of it), the fault is listed here and shown to be still there, so that this list cannot rot:
it takes one equivalent for one millimole, one [iU] for one [USP'U], an enzyme unit U for umol/min, and it does not know prefixed ``[arb'U]``.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.quantity import Quantity, UnitMismatch
from interop.domain.ucum import UCUM, Amount


@pytest.fixture(scope="module")
def registry():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ucumvert = pytest.importorskip("ucumvert")
        return ucumvert.PintUcumRegistry()


KNOWN = sorted(
    code
    for code, unit in UCUM.items()
    if not (unit.dimension.amount is Amount.ARBITRARY_UNIT and unit.amount_code != "[arb'U]") and code not in ("/h", "/d", "1")
)
PAIRS = [(one, other) for one in KNOWN for other in KNOWN if UCUM[one].dimension == UCUM[other].dimension]


def theirs(registry, value: str, one: str, other: str) -> float:
    return registry.Quantity(float(value), registry.from_ucum(one)).to(registry.from_ucum(other)).magnitude


@pytest.mark.requirement("SR-18", "SR-19")
@given(pair=st.sampled_from(PAIRS), value=st.sampled_from(["1", "0.05", "12", "85.5", "25000"]))
@settings(max_examples=400, deadline=None)
def test_conversions_agree_where_both_convert(registry, pair, value):
    one, other = pair
    ours = Quantity.of(value, one).to(other).value
    assert float(ours) == pytest.approx(theirs(registry, value, one, other), rel=1e-9)


@pytest.mark.parametrize("code", KNOWN)
def test_every_code_of_the_table_is_ucum(registry, code):
    assert registry.from_ucum(code) is not None


FAULTS = [("meq", "mmol"), ("meq/h", "mmol/h"), ("[iU]", "[USP'U]"), ("U", "umol/min")]


@pytest.mark.parametrize(("one", "other"), FAULTS)
def test_the_engines_known_faults_are_still_there_and_ours_refuses(registry, one, other):
    assert theirs(registry, "1", one, other) == pytest.approx(1.0)
    with pytest.raises((UnitMismatch, KeyError)):
        Quantity.of("1", one).to(other)


@pytest.mark.parametrize("code", ["m[arb'U]", "k[arb'U]/h"])
def test_prefixed_arbitrary_units_are_of_the_standards_list_though_not_of_ucum(registry, code):
    assert code in UCUM
    with pytest.raises(Exception, match=r".+"):
        registry.from_ucum(code)
