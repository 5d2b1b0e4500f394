"""What the server plans for the demo site's library is shown by a pump that holds the same library and judges it by itself (SR-22, SR-65, SR-94)."""

import json
from functools import cache
from types import SimpleNamespace

import pytest

from interop.conduct.to_show import to_show
from interop.domain.delivery import Mode
from interop.domain.events.programme import Attempt, Planned
from interop.domain.library import LibraryEntry
from interop.domain.quantity import Quantity
from interop.wire.link import reader, writer
from interop.wire.link.library import library_document
from pump_sim import keys
from pump_sim.amounts import plain
from pump_sim.library import Library, read_library
from pump_sim.pump import Received
from tests.invariants.test_offers import CONTINUOUS, DOSES, FLUIDS, an_order_for, on_channel
from tests.pump_sim.ward import NURSE, SECOND, Ward
from tests.wards.ward import NOW, demo_release, planned

MODELS = {Mode.LVP: "demo-lvp", Mode.SYRINGE: "demo-syringe"}
ENTRIES = [entry for entry in (*CONTINUOUS, *FLUIDS, *DOSES) if entry.mode in MODELS]
CASES = [entry if place % 7 == 0 else pytest.param(entry, marks=pytest.mark.slow) for place, entry in enumerate(ENTRIES)]


@cache
def demo_library() -> Library:
    release = demo_release()
    return read_library(library_document(release.library, release.care_areas.values()))


def test_sr_22_sr_94_the_document_says_the_library_value_for_value():
    release, ours = demo_release(), demo_library()
    assert (ours.ref.id, ours.ref.version, ours.ref.hash) == (release.library.ref.id, release.library.ref.version, release.library.ref.hash)
    assert set(ours.entries) == set(release.library.by_key)
    for key, entry in ours.entries.items():
        theirs = release.library.by_key[key]
        for name in ("drug", "tallman", "care_area", "therapy", "dosing_unit", "high_alert"):
            assert getattr(entry, name) == getattr(theirs, name)
        pairs = [
            (getattr(entry, name), getattr(theirs, name))
            for name in ("concentration", "volume", "vtbi_hard_high", "min_weight", "max_weight")
        ]
        for limits in ("limits", "duration_limits", "concentration_limits"):
            for name in ("hard_low", "soft_low", "soft_high", "hard_high"):
                pairs.append((getattr(getattr(entry, limits), name), getattr(getattr(theirs, limits), name)))
        for ours_, theirs_ in pairs:
            assert (ours_ is None) == (theirs_ is None), key
            assert theirs_ is None or Quantity(ours_.value, ours_.unit) == theirs_, key


def offered(entry: LibraryEntry, dose: Quantity, weight: str) -> str | None:
    """The frame of the offer for an order of this dose; None: the server refuses it."""
    order = an_order_for(entry, plain(dose.value, 9), dose.unit, weight)
    plan = planned(order, on_channel(entry))
    if plan.offer is None:
        return None
    event = object.__new__(Planned)  # of which the frame takes the id and the attempt
    object.__setattr__(event, "attempt", Attempt.START)
    object.__setattr__(event, "programme_id", "P1")
    return writer.write(to_show(SimpleNamespace(events=(event,)), plan.offer, "", 25, NOW))


def fits(entry: LibraryEntry, weight: int) -> bool:
    return (
        all(limit is None for limit in (entry.min_weight, entry.max_weight)) or entry.min_weight.value <= weight <= entry.max_weight.value
    )


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry.key)
def test_sr_65_what_the_server_offers_the_pump_shows_with_the_same_values_and_it_can_be_started(entry):
    weight = next(weight for weight in ("80", "20", "3") if fits(entry, int(weight)))
    limits = (entry.limits.hard_low, entry.limits.soft_low, entry.limits.soft_high, entry.limits.hard_high)
    shown = 0
    for dose in (limit for limit in limits if limit is not None):
        text = offered(entry, dose, weight)
        if text is None:
            continue
        shown += 1
        frame = json.loads(text)
        ward = Ward(lib=demo_library(), model=MODELS[entry.mode], care_area=entry.care_area)
        ward.give(Received(text))
        assert ward.frames("offer_refused") == [], (dose, ward.kept[-1])
        told = {each["name"]: each["set"] for each in frame["settings"]}
        assert {name: value.digits for name, value in ward.channel("A").programme.settings.items()} == {
            name: value["value"] for name, value in told.items()
        }
        ward.press(keys.OpenOffer("A", NURSE))
        for value in ward.screen().program.values:
            if value.breach:
                assert ward.press(keys.Override("A", value.name, "protocol", NURSE)) == ""
        if ward.screen().program.second_check:
            assert ward.press(keys.SecondCheck("A", SECOND)) == ""
        assert ward.press(keys.Confirm("A", NURSE)) == ""
        assert ward.press(keys.Start("A", NURSE)) == ""
        run = reader.read(json.dumps(ward.last("started"))).run
        assert run.rate == Quantity.of(told["rate"]["value"], told["rate"]["unit"])
        assert run.entry_key == entry.key
    if entry in CONTINUOUS:
        assert shown
