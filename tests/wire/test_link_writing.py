"""The pump link written: what the server says, in the contract's words, exactly, and never a frame that the contract does not have."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from interop.domain import pump as said
from interop.domain.delivery import SecondCheck
from interop.domain.events.nouns import Setting
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.wire.link.schema import published
from interop.wire.link.writer import Unwritable, write
from tests.wire import link_words as words
from tests.wire.link_examples import shown
from tests.wire.link_offers import NOW, OFFER, TITRATION, q

HEARS = Draft202012Validator({**published(), "anyOf": [{"$ref": "#/$defs/ToPump"}]})
OF_THE_PAGE: list[said.ToPump] = [
    said.Ack("L-20260301-1", 120, NOW),
    OFFER,
    TITRATION,
    said.Withdraw("01JNB5D7", "B"),
    said.ReadBack("R-1"),
    said.Associate("AS-12", "B", PatientId("4711", "HOSP"), "ORD-1001"),
    said.Dissociate("AS-12", "B"),
    said.LibraryAvailable(LibraryRef("DEMO", "43", "7d793037a0760186574b0282f2f435e7")),
]


def written(frame: said.ToPump) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(write(frame))
    return told


def test_what_the_server_says_is_what_the_page_shows():
    of_page = [
        frame
        for frame in shown()
        if frame["frame"] in {"ack", "offer", "withdraw", "read_back", "associate", "dissociate", "library_available"}
    ]
    assert [written(frame) for frame in OF_THE_PAGE] == of_page


def test_sr_01_no_frame_of_the_server_starts_stops_or_changes_delivery():
    heard = {reference["$ref"].rpartition("/")[2] for reference in published()["$defs"]["ToPump"]["anyOf"]}
    assert heard == {
        "AckFrame",
        "OfferFrame",
        "WithdrawFrame",
        "ReadBackFrame",
        "AssociateFrame",
        "DissociateFrame",
        "LibraryAvailableFrame",
    }


amounts = words.quantities("mL/h", "mL", "mg", "ug/kg/min")
setting = st.builds(Setting, st.sampled_from(["dose rate", "dose", "total dose"]), amounts, st.none() | amounts) | st.builds(
    Setting, st.just("rate"), words.rates, st.none() | words.rates
)
settings = st.lists(setting, min_size=1, max_size=4).map(tuple)
offers = st.builds(
    said.OfferToShow,
    offer_id=words.ids,
    pump_id=words.ids,
    channel_id=words.ids,
    attempt=st.sampled_from(said.OfferAttempt),
    expires_at=words.instants,
    untouched_s=st.integers(1, 900),
    idle_s=st.integers(1, 900),
    total_s=st.integers(1, 900),
    answer_within_s=st.integers(1, 60),
    patient=words.patients,
    patient_name=words.maybe_words,
    placer_order_number=words.words,
    requested_by=words.words,
    library=words.libraries,
    entry_key=words.words,
    drug=words.words,
    tallman=words.words,
    therapy=words.sentences,
    care_area=words.words,
    concentration=st.none() | words.quantities(*words.CONCENTRATIONS, above_zero=True),
    container_amount=st.none() | amounts,
    container_volume=st.none() | words.volumes,
    settings=settings,
    second_check=st.sampled_from(SecondCheck),
    weight_source=st.sampled_from(["", "order", "pump"]),
    cautions=st.lists(st.builds(said.ShownCaution, words.sentences, words.sentences), max_size=3).map(tuple),
    changes=st.none() | st.builds(said.Changes, words.ids, settings),
)
to_pumps = (
    offers
    | st.builds(said.Ack, words.ids, st.integers(0, 2**53 - 1), words.instants)
    | st.builds(said.Withdraw, words.ids, words.ids)
    | st.builds(said.ReadBack, words.ids)
    | st.builds(said.Associate, words.ids, words.ids, words.patients, words.words)
    | st.builds(said.Dissociate, words.ids, words.ids)
    | st.builds(said.LibraryAvailable, words.libraries)
)


@given(to_pumps)
def test_whatever_is_written_is_in_the_published_contract(frame: said.ToPump):
    told = written(frame)
    HEARS.validate(told)
    assert "pump_id" not in told  # whose it is, the connection says


def text_of(amount: dict[str, str]) -> Quantity:
    return Quantity.of(amount["value"], amount["unit"])


@given(offers)
def test_sr_30_what_the_pump_counts_by_is_told_exactly(offer: said.OfferToShow):
    told = written(offer)
    for setting, shown_ in zip(offer.settings, told["settings"], strict=True):
        assert text_of(shown_["set"]) == said.as_told(setting.set)
        if setting.name == "rate":
            assert text_of(shown_["set"]) == setting.set
        assert ("asked" in shown_) == (setting.asked is not None)


@given(words.anything)
def test_d_16_no_zero_too_many_is_written(amount: Quantity):
    value = written(replace(OFFER, settings=(Setting("rate", q(1, "mL/h")), Setting("dose", amount))))["settings"][1]["set"]["value"]
    assert value == words.amount(amount)["value"]  # type: ignore[index]
    assert not (value.startswith("0") and len(value) > 1 and value[1] != ".")
    assert not ("." in value and value.endswith(("0", ".")))


def test_a_value_that_has_no_end_is_told_to_nine_decimals_and_compared_so():
    third = Setting("dose rate", q(Fraction(10, 3), "ug/kg/min"), q(Fraction(20, 3), "ug/kg/min"))
    (_, told) = written(replace(OFFER, settings=(OFFER.settings[0], third)))["settings"]
    assert (told["set"]["value"], told["asked"]["value"]) == ("3.333333333", "6.666666667")
    assert text_of(told["set"]) == said.as_told(third.set) != third.set


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": ()},
        {"settings": (Setting("rate", q(Fraction(1, 3), "mL/h")),)},
        {"settings": (Setting("rate", q(10**9, "mL/h")),)},
        {"settings": (Setting("rate", q(-1, "mL/h")),)},
        {"settings": (Setting("dose", q(Fraction(1, 10**10), "mg")),)},
        {"settings": (Setting("speed", q(1, "mL/h")),)},
        {"offer_id": "two words"},
        {"offer_id": ""},
        {"placer_order_number": ""},
        {"patient": PatientId("4711\r4712", "HOSP")},
        {"patient_name": "x" * 201},
        {"container_volume": q(1, "L")},
        {"weight_source": "guess"},
        {"untouched_s": 0},
        {"cautions": tuple(said.ShownCaution("é" * 1000, "é" * 1000) for _ in range(17))},
    ],
)
def test_what_would_break_the_contract_is_not_written(wrong: dict[str, Any]):
    write(OFFER)
    with pytest.raises(Unwritable):
        write(replace(OFFER, **wrong))
