"""The contract for machines says the same as the code and as the page."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from interop.domain import pump as said
from interop.wire.link import schema
from interop.wire.link.from_pump import NEEDS
from interop.wire.link.reader import BadFrame, read
from tests.wire import link_words
from tests.wire.link_examples import PAGE, SERVERS, of_pumps, shown

SCHEMA = schema.published()
SAYS = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": "#/$defs/FromPump"}]})
CONTRACT = Draft202012Validator(SCHEMA)
FRAMES = [name for name in SCHEMA["$defs"] if name.endswith("Frame")]


def test_the_published_schema_is_the_codes():
    assert schema.schema() == SCHEMA
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("frame", shown(), ids=lambda frame: frame["frame"])
def test_every_frame_of_the_page_is_in_the_schema(frame: dict[str, Any]):
    CONTRACT.validate(frame)


def test_the_page_shows_one_of_each():
    kinds = {SCHEMA["$defs"][name]["properties"]["frame"]["enum"][0] for name in FRAMES}
    assert {frame["frame"] for frame in shown()} == kinds
    assert {frame["frame"] for frame in of_pumps()} == kinds - SERVERS


@given(link_words.any_word)
def test_what_a_pump_may_say_is_in_the_schema(word: said.Word):
    frame = link_words.frame(word)
    if isinstance(word, said.Event):
        frame = {**frame, "kind": "power_on"}  # what kinds need is asked below
    if isinstance(word, said.Hello):
        frame = {**frame, "protocol": 1}
    SAYS.validate(frame)


@pytest.mark.parametrize("frame", of_pumps(), ids=lambda frame: frame["frame"])
def test_sr_53_what_the_schema_refuses_the_reader_refuses(frame: dict[str, Any]):
    """Each field of each frame in turn is left out, null, of another type, or has a text without its form."""
    checked = 0
    for spoiled in _spoiled(frame):
        if spoiled.get("protocol") == 7 or spoiled.get("log") in (
            {**frame.get("log", {}), "first": 7},
            {**frame.get("log", {}), "next": 7},
        ):
            continue  # a later protocol is read, and refused by name; a schema cannot compare two numbers
        if not SAYS.is_valid(spoiled) and not _is_of_its_kind_only(spoiled):
            checked += 1
            with pytest.raises(BadFrame):
                read(json.dumps(spoiled))
        elif SAYS.is_valid(spoiled):
            read(json.dumps(spoiled))
    assert checked


def _spoiled(frame: Any) -> list[Any]:
    found = []
    for key in frame if isinstance(frame, dict) else range(len(frame)):
        if isinstance(frame, dict):
            found.append({name: value for name, value in frame.items() if name != key})
        others = [None, 7, "\n", [], {}, *(_spoiled(frame[key]) if isinstance(frame[key], dict | list) else [])]
        for other in others:
            copy = dict(frame) if isinstance(frame, dict) else list(frame)
            copy[key] = other
            found.append(copy)
    return found


def _is_of_its_kind_only(frame: dict[str, Any]) -> bool:
    """An event that only lacks what its kind needs is read, and a person is told."""
    is_known = frame.get("kind") in [kind.value for kind in said.Kind]
    return frame.get("frame") == "event" and is_known and SAYS.is_valid({**frame, "kind": "power_on"})


@pytest.mark.parametrize("kind", said.Kind, ids=lambda kind: kind.value)
def test_the_schema_asks_of_an_event_what_its_kind_needs(kind: said.Kind):
    rate, volume = {"value": "1", "unit": "mL/h"}, {"value": "1", "unit": "mL"}
    whole = {"frame": "event", "kind": kind.value, "log_id": "L", "number": 1, "at": "2026-03-02T10:15:30Z"}
    have: dict[str, Any] = {"rate": rate, "old": rate, "new": rate, "delivered": volume, "vtbi": volume, "before": volume}
    have |= {"channel_id": "A", "infusion_id": "I", "offer_id": "O", "run": {"infusion_id": "I"}, "edits": []}
    have |= {"alarm_id": "A", "code": "1", "priority": "PH", "patient": None, "care_area": None, "library": None}
    have |= {"cause": schema.CAUSES.get(kind, ("clinician",))[0]}
    SAYS.validate({**whole, **{name: have[name] for name in NEEDS[kind]}})
    for left_out in NEEDS[kind]:
        assert not SAYS.is_valid({**whole, **{name: have[name] for name in NEEDS[kind] if name != left_out}})
    if kind in schema.CAUSES:
        assert not SAYS.is_valid({**whole, **have, "cause": "fate"})


TABLES = {
    "### hello": "HelloFrame",
    "### status": "ChannelStatus",
    "### offer": "OfferFrame",
}


@pytest.mark.parametrize("title", TABLES)
def test_the_pages_tables_name_the_fields_of_the_schema(title: str):
    text = PAGE.read_text(encoding="utf-8").split(f"{title}\n")[1].split("\n#")[0]
    rows = [re.match(r"\| ((?:`\w+`(?:, )?)+) \| (required)?", line) for line in text.splitlines()]
    named = {name: bool(row[2]) for row in rows if row for name in re.findall(r"`(\w+)`", row[1])}
    named |= {"run": False} if title == "### status" else {}
    fields = SCHEMA["$defs"][TABLES[title]]
    assert set(named) == set(fields["properties"]) - {"frame"}
    assert {name for name, required in named.items() if required} == set(fields["required"]) - {"frame"}


def test_the_page_has_a_row_for_each_kind_of_event():
    text = PAGE.read_text(encoding="utf-8").split("Kinds of event.")[1].split("\n#")[0]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {kind.value for kind in said.Kind}
