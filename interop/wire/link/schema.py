"""The contract for machines: ``schema.json``, a JSON Schema (2020-12) made from the same structs that are read and written.

    python -c "from interop.wire.link import schema; print(schema.text(), end='')" > interop/wire/link/schema.json

``$defs/FromPump`` is what a pump may send, ``$defs/ToPump`` what it may hear. Beyond the structs it asks of an event what its kind needs.
"""

import json
from importlib.resources import files
from typing import Any, Final

import msgspec

from interop.wire.link.from_pump import CAUSES, MAY_BE_NULL, NEEDS, FromPump
from interop.wire.link.to_pump import ToPump

ID: Final = "urn:interop:pump-link:1"
TITLE: Final = "The pump link of interop, version 1"


def schema() -> dict[str, Any]:
    """The schema as the code has it."""
    (from_pump, to_pump), components = msgspec.json.schema_components((FromPump, ToPump), ref_template="#/$defs/{name}")
    components["EventFrame"]["allOf"] = _of_kinds()
    components["FromPump"], components["ToPump"] = _any_of(from_pump), _any_of(to_pump)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": TITLE,
        "anyOf": [{"$ref": "#/$defs/FromPump"}, {"$ref": "#/$defs/ToPump"}],
        "$defs": dict(sorted(components.items())),
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=True) + "\n"


def published() -> dict[str, Any]:
    """The schema as it was published with this package."""
    published: dict[str, Any] = json.loads(files(__package__).joinpath("schema.json").read_text(encoding="utf-8"))
    return published


def _any_of(union: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": union["anyOf"]}  # without OpenAPI's discriminator, which is no keyword here


def _of_kinds() -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = []
    for kind, needed in NEEDS.items():
        said: dict[str, Any] = {field: {"not": {"type": "null"}} for field in needed if field not in MAY_BE_NULL}
        if kind in CAUSES:
            said["cause"] = {"enum": list(CAUSES[kind])}
        if needed:
            then = {"required": list(needed), **({"properties": said} if said else {})}
            conditions.append({"if": {"properties": {"kind": {"const": kind.value}}}, "then": then})
    return conditions
