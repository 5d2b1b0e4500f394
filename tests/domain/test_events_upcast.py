"""Old versions of events are read through upcasts, in a chain, and a chain with a gap is found before the first row.

Every event of the product stands at version 1, so a lamp of this page stands in for one with a history.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from interop.domain.events.codec import EVENTS, Codec, Malformed, NewerVersion
from interop.domain.events.event import Event
from interop.domain.events.shapes import Json
from interop.domain.events.upcast import UPCASTS, BrokenChain, Upcasts
from interop.domain.quantity import Quantity

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


def row(version: int, said: str) -> str:
    data = {"at": "2026-03-02T08:15:00.000000+00:00", **json.loads(said)}
    return json.dumps({"data": data, "type": "test.light-switched", "version": version})


@dataclass(frozen=True, slots=True, kw_only=True)
class LightSwitched(Event):
    """A lamp of no pump, at its third version: 1 had a word, 2 an amount without colour, 3 a colour that may be unknown."""

    type: ClassVar[str] = "test.light-switched"
    version: ClassVar[int] = 3

    brightness: Quantity
    colour: str | None


def amount_for_word(said: Mapping[str, Json]) -> Mapping[str, Json]:
    amounts: dict[Json, Json] = {"off": "0", "on": "1"}
    return {"at": said["at"], "brightness": {"amount": amounts[said["light"]], "unit": "1"}}


def colour_not_known(said: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**said, "colour": None}


STEPS = {("test.light-switched", 1): amount_for_word, ("test.light-switched", 2): colour_not_known}
LIGHT = Codec([LightSwitched], STEPS)


@pytest.mark.parametrize(
    "old",
    [
        row(1, '{"light":"on"}'),
        row(2, '{"brightness":{"amount":"1","unit":"1"}}'),
        row(3, '{"brightness":{"amount":"1","unit":"1"},"colour":null}'),
    ],
)
def test_every_old_version_is_read_as_todays_through_the_chain(old: str) -> None:
    assert LIGHT.decode(old) == LightSwitched(at=AT, brightness=Quantity.of("1", "1"), colour=None)


def test_only_todays_version_is_written() -> None:
    assert '"version":3' in LIGHT.encode(LightSwitched(at=AT, brightness=Quantity.of("1", "1"), colour="amber"))


@pytest.mark.parametrize(
    "old",
    [
        row(1, '{"light":"dim"}'),
        row(1, "{}"),
        row(1, '{"light":["on"]}'),
        row(2, '{"light":"on"}'),
        row(1, '{"brightness":{"amount":"1","unit":"1"},"colour":"red"}'),
    ],
)
def test_a_row_that_is_not_of_its_version_is_not_guessed_at(old: str) -> None:
    with pytest.raises(Malformed):
        LIGHT.decode(old)


def test_a_version_above_todays_is_newer_for_every_event() -> None:
    with pytest.raises(NewerVersion):
        LIGHT.decode('{"data":{},"type":"test.light-switched","version":4}')


@pytest.mark.parametrize(
    "steps",
    [
        {},
        {("test.light-switched", 1): amount_for_word},
        {("test.light-switched", 2): colour_not_known},
        {**STEPS, ("test.light-switched", 3): colour_not_known},
        {**STEPS, ("test.light-switched", 0): colour_not_known},
        {**STEPS, ("test.lamp-switched", 1): colour_not_known},
    ],
)
def test_a_chain_with_a_missing_or_stray_step_is_found_before_the_first_row(steps: dict[tuple[str, int], Any]) -> None:
    with pytest.raises(BrokenChain):
        Codec([LightSwitched], steps)


def test_two_classes_of_one_name_are_found_before_the_first_row() -> None:
    with pytest.raises(ValueError, match="one type name"):
        Codec([LightSwitched, LightSwitched], STEPS)


def test_the_products_own_chain_is_whole() -> None:
    Upcasts(UPCASTS, EVENTS)
