"""What must never happen with any order, and that offers do happen: over all entries that are planned, all doses, weights and units."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from interop.domain.delivery import InfusionType, Mode, Route
from interop.domain.library import LibraryEntry
from interop.domain.quantity import Quantity
from interop.domain.request import AsSent, IdentifierAsSent, PumpAsSent
from interop.domain.ucum import UCUM
from interop.stages import checks
from tests.wards.ward import LOCAL, a_case, a_channel, an_order, codes_of, demo_release, planned

RELEASE = demo_release()
CONTINUOUS = [
    entry
    for entry in RELEASE.library.entries
    if entry.infusion_type is InfusionType.CONTINUOUS and entry.route is Route.IV and entry.concentration is not None
]
FLUIDS = [entry for entry in RELEASE.library.entries if entry.infusion_type is InfusionType.FLUID]
DOSES = [entry for entry in RELEASE.library.entries if entry.infusion_type is InfusionType.INTERMITTENT and entry.concentration is not None]
CODES = {row.drug: [] for row in RELEASE.formulary.values()}
for row in RELEASE.formulary.values():
    if row.system == LOCAL:
        CODES[row.drug].append(row)


def code_for(entry: LibraryEntry) -> str:
    """The local code whose container and therapy are the entry's."""
    return next(
        row.code
        for row in CODES[entry.drug]
        if row.therapy == entry.therapy_key and (row.amount, row.volume) == (entry.amount, entry.volume)
    )


def _fixed(value: Fraction) -> str:
    whole, rest = divmod(round(value * 10**9), 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".") if rest else str(whole)


def on_channel(entry: LibraryEntry):
    return a_case(channel=a_channel(mode=entry.mode, care_area=entry.care_area))


def an_order_for(entry: LibraryEntry, rate: str, unit: str, weight: str, **changes):
    """An order that names everything the entry asks for; only the dose is open."""
    device = {Mode.LVP: "IVP", Mode.SYRINGE: "SYR", Mode.PCA: "PCA"}[entry.mode]
    volume = entry.volume.value if entry.volume is not None else Fraction(0)
    vtbi = min(volume, entry.vtbi_hard_high.value) if entry.vtbi_hard_high is not None else volume
    texts = {
        "code": code_for(entry),
        "rate": rate,
        "unit": unit,
        "strength": _fixed(entry.amount.value) if entry.amount is not None else "",
        "strength_unit": entry.amount_unit or "mg",
        "volume": _fixed(volume) if entry.amount is not None else "",
        "vtbi": _fixed(vtbi),
        "weight": weight,
        "device": device,
    }
    texts.update(changes)
    return an_order(**texts)


@st.composite
def weights(draw, entry: LibraryEntry) -> str:
    low = entry.min_weight.value if entry.min_weight is not None else Fraction(40)
    high = entry.max_weight.value if entry.max_weight is not None else Fraction(150)
    return _fixed(draw(st.fractions(min_value=low * Fraction(9, 10), max_value=high * Fraction(11, 10), max_denominator=1000)))


@st.composite
def dose_rates(draw, entry: LibraryEntry) -> str:
    """From well below the hard low to well above the hard high, with the limits themselves and their neighbours more often."""
    limits = [
        x.value for x in (entry.limits.hard_low, entry.limits.soft_low, entry.limits.soft_high, entry.limits.hard_high) if x is not None
    ]
    at = st.sampled_from(limits).flatmap(
        lambda x: st.sampled_from([x, x * Fraction(101, 100), x * Fraction(99, 100), x + Fraction(1, 10**6)])
    )
    around = st.fractions(min_value=min(limits) / 20, max_value=max(limits) * 20, max_denominator=10**6)
    return _fixed(draw(st.one_of(at, around, around)))


def gives(entry: LibraryEntry, rate: Quantity, weight: str) -> Fraction:
    """What a rate in mL/h gives in the entry's dosing unit, worked out here again from nothing but the entry's own row."""
    unit = UCUM[entry.dosing_unit]
    grams_per_ml = entry.amount.base()[1] / entry.volume.base()[1]
    per_hour = rate.value * grams_per_ml
    body = Fraction(weight) if unit.dimension.per_body == "kg" else Fraction(1)
    seconds = {"min": 60, "h": 3600, "d": 86400}[unit.per_time_code]
    return per_hour / 3600 * seconds / UCUM[unit.amount_code].factor / body


@given(data=st.data(), entry=st.sampled_from(CONTINUOUS))
@settings(max_examples=400, deadline=None)
def test_sr_23_sr_25_sr_30_no_offer_lies_beyond_a_hard_limit_before_or_after_rounding(data, entry):
    rate, weight = data.draw(dose_rates(entry)), data.draw(weights(entry))
    plan = planned(an_order_for(entry, rate, entry.dosing_unit, weight), on_channel(entry))
    event("offered" if plan.offer else "refused")
    if plan.offer is None:
        assert plan.refusals
        return
    low, high = entry.limits.hard_low.value, entry.limits.hard_high.value
    assert plan.offer.program.entry.key == entry.key
    assert low <= Fraction(rate) <= high
    really = gives(entry, plan.offer.program.rate.set, weight)
    assert low <= really <= high
    assert really == plan.offer.program.dose_rate.set.value
    step = plan.offer.program.rate.step
    assert abs(plan.offer.program.rate.set.value - plan.offer.program.rate.asked.value) <= step
    assert plan.offer.program.rate.set.value % step == 0
    assert abs(really - Fraction(rate)) <= Fraction(rate) * Fraction(2, 100)
    assert Fraction(weight) >= entry.min_weight.value if entry.min_weight is not None else True


@given(data=st.data(), entry=st.sampled_from(FLUIDS))
@settings(max_examples=150, deadline=None)
def test_sr_23_no_fluid_is_offered_beyond_its_limits_or_the_pumps(data, entry):
    rate = data.draw(dose_rates(entry))
    plan = planned(an_order_for(entry, rate, "mL/h", "", strength="", volume=""), on_channel(entry))
    event("offered" if plan.offer else "refused")
    if plan.offer is not None:
        low, high = entry.limits.hard_low.value, entry.limits.hard_high.value
        assert low <= Fraction(rate) <= high
        assert low <= plan.offer.program.rate.set.value <= high
        assert plan.offer.program.rate.set <= Quantity.of("999", "mL/h")


@given(data=st.data(), entry=st.sampled_from(DOSES))
@settings(max_examples=150, deadline=None)
def test_sr_23_no_dose_over_time_is_offered_beyond_dose_time_or_volume(data, entry):
    dose = data.draw(dose_rates(entry))
    shortest = entry.duration_limits.hard_low.value
    minutes = _fixed(data.draw(st.fractions(min_value=shortest / 3, max_value=shortest * 6, max_denominator=10)))
    order = an_order_for(entry, dose, entry.dosing_unit, "", duration=minutes, vtbi="")
    plan = planned(order, on_channel(entry))
    event("offered" if plan.offer else "refused")
    if plan.offer is not None:
        program = plan.offer.program
        assert entry.limits.hard_low.value <= Fraction(dose) <= entry.limits.hard_high.value
        assert entry.limits.hard_low <= program.dose.set <= entry.limits.hard_high
        assert program.duration >= entry.duration_limits.hard_low
        assert program.vtbi.set <= entry.vtbi_hard_high


IDENTITIES = {
    "patient": lambda request: replace(request, patient=replace(request.patient, ids=())),
    "order": lambda request: replace(request, placer_order_number=IdentifierAsSent(AsSent("", "ORC-2"))),
    "drug": lambda request: replace(request, gives=(replace(request.gives[0], codes=()),)),
    "pump": lambda request: replace(request, pump=PumpAsSent()),
    "channel": lambda request: replace(request, pump=PumpAsSent(request.pump.id, AsSent("", "OBX-18"))),
    "clinician": lambda request: replace(request, requested_by=AsSent("", "ORC-19")),
    "asked": lambda request: replace(request, requested_at=AsSent("", "ORC-9")),
}


@given(missing=st.sets(st.sampled_from(sorted(IDENTITIES)), min_size=1), associated=st.booleans())
@settings(deadline=None)
def test_sr_02_sr_06_no_offer_without_all_identities(missing, associated):
    request = an_order()
    for name in sorted(missing):
        request = IDENTITIES[name](request)
    plan = planned(request, a_case() if associated else a_case(association=None))
    assert plan.offer is None
    assert plan.refusals


SCALES = {"g": ["g", "mg", "ug", "ng"], "[iU]": ["[iU]", "m[iU]", "k[iU]"], "eq": ["eq", "meq"]}
OTHER_TIME = {"min": ["h", "s", "d"], "h": ["min", "d"]}


@given(data=st.data(), entry=st.sampled_from(CONTINUOUS))
@settings(max_examples=200, deadline=None)
def test_d_02_sr_18_orders_that_differ_only_in_the_scale_of_the_unit_give_the_same_program(data, entry):
    unit = UCUM[entry.dosing_unit]
    scales = next(scales for scales in SCALES.values() if unit.amount_code in scales)
    other = data.draw(st.sampled_from(scales))
    tail = entry.dosing_unit[len(unit.amount_code) :]
    rate, weight = data.draw(dose_rates(entry)), data.draw(weights(entry))
    scaled = _fixed(Fraction(rate) * unit.factor / UCUM[other + tail].factor)
    if (
        Fraction(scaled) * UCUM[other + tail].factor != Fraction(rate) * unit.factor
        or len(scaled.split(".")[0]) > 9
        or not Fraction(scaled)
    ):
        event("not exactly writable in the other unit")
        return
    one = planned(an_order_for(entry, rate, entry.dosing_unit, weight), on_channel(entry))
    two = planned(an_order_for(entry, scaled, other + tail, weight), on_channel(entry))
    event("compared")
    assert codes_of(one) == codes_of(two)
    if one.offer is not None:
        assert two.offer is not None
        assert one.offer.program.rate == two.offer.program.rate
        assert one.offer.program.dose_rate == two.offer.program.dose_rate


@given(data=st.data(), entry=st.sampled_from(CONTINUOUS))
@settings(max_examples=150, deadline=None)
def test_d_02_sr_18_another_time_base_never_gives_a_program_even_where_the_dose_is_the_same(data, entry):
    unit = UCUM[entry.dosing_unit]
    other = data.draw(st.sampled_from(OTHER_TIME[unit.per_time_code]))
    code = entry.dosing_unit[: -len(unit.per_time_code)] + other
    same = entry.limits.soft_low.value * unit.factor / UCUM[code].factor
    plan = planned(an_order_for(entry, _fixed(same), code, data.draw(weights(entry))), on_channel(entry))
    assert plan.offer is None
    assert "9009" in codes_of(plan)


@pytest.mark.parametrize("position", range(len(checks.CHECKS)), ids=[check.__name__ for check in checks.CHECKS])
def test_sr_29_an_exception_in_any_check_refuses(monkeypatch, position):
    def falls_over(facts):
        raise RuntimeError("Doe^John 98765")

    falls_over.__name__ = checks.CHECKS[position].__name__
    broken = (*checks.CHECKS[:position], falls_over, *checks.CHECKS[position + 1 :])
    monkeypatch.setattr(checks, "CHECKS", broken)
    plan = planned()
    assert plan.offer is None
    assert "9016.check-failed" in codes_of(plan)
    assert all("Doe" not in finding.sentence for finding in plan.findings)  # SEC-30: what an exception holds is not shown


def test_sr_29_an_exception_in_a_check_that_has_already_found_something_refuses(monkeypatch):
    def half_done(facts):
        yield from ()
        raise KeyError("x")

    monkeypatch.setattr(checks, "CHECKS", (*checks.CHECKS, half_done))
    assert codes_of(planned()) == {"9016.check-failed"}


@pytest.mark.parametrize("stage", ["map_to_library", "normalise"])
def test_sr_29_an_exception_in_a_stage_refuses(monkeypatch, stage):
    from interop import pathway

    def falls_over(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(pathway, stage, falls_over)
    plan = planned()
    assert plan.offer is None
    assert "9016.check-failed" in codes_of(plan)


TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["0", "1", "10", ".5", "5.", "1e9", "-1", "NaN", "250", "999999999.999999999", "U", "mL", ""])
)


@given(
    rate=TEXTS, unit=TEXTS, strength=TEXTS, volume=TEXTS, vtbi=TEXTS, weight=TEXTS, duration=TEXTS, code=TEXTS, route=TEXTS, device=TEXTS
)
@settings(max_examples=400, deadline=None)
def test_sr_29_sr_31_whatever_the_texts_plan_answers_and_never_raises(**texts):
    plan = planned(an_order(**texts))
    event("offered" if plan.offer else "refused")
    assert (plan.offer is None) == bool(plan.refusals)


@given(
    texts=st.dictionaries(
        st.sampled_from(["rate", "strength", "volume", "vtbi", "weight"]), st.sampled_from(["0", "", "999999999", "0.000000001"])
    )
)
@settings(deadline=None)
def test_sr_29_extreme_numbers_are_answered_too(texts):
    plan = planned(an_order(**texts))
    assert (plan.offer is None) == bool(plan.refusals)


def test_a_known_share_of_generated_orders_is_offered():
    """Invariants that refuse everything would be worthless: of doses inside the soft limits at plausible weights, nearly all are offered.

    The share is known (591 of 600 when this was written), so that a check which begins to refuse sound orders is seen.
    """
    import random

    chance = random.Random(20260302)
    outcome: Counter[str] = Counter()
    for _ in range(600):
        entry = chance.choice(CONTINUOUS)
        low, high = entry.limits.soft_low.value, entry.limits.soft_high.value
        rate = _fixed(Fraction(round((low + (high - low) * Fraction(chance.randrange(1001), 1000)) * 10**6), 10**6))
        least = max(entry.min_weight.value, Fraction(1)) if entry.min_weight is not None else Fraction(60)
        most = min(entry.max_weight.value, Fraction(120)) if entry.max_weight is not None else Fraction(90)
        weight = _fixed(Fraction(round((least + (most - least) * Fraction(chance.randrange(1001), 1000)) * 10), 10))
        plan = planned(an_order_for(entry, rate, entry.dosing_unit, weight), on_channel(entry))
        outcome["offered" if plan.offer else " ".join(sorted(codes_of(plan)))] += 1
    assert 570 <= outcome["offered"] < 600, outcome  # over 95 %, and not all: a low rate may be finer than a pump's step
    beyond = {code for codes in outcome for code in codes.split() if code != "offered"}
    assert beyond <= {"9014", "9016.rounding", "9005", "9024", "9024.total-dose"}, outcome
