"""A place in a resource and what stands there: every step keeps the FHIRPath, nothing raises, and what is not there reads as absent."""

import json
from dataclasses import dataclass

from interop.domain.request import AsSent
from interop.wire.fhir.json import Json, Number


def text_of(value: Json) -> str:
    """The text of a primitive as sent (``true`` for a boolean, the digits of a number); empty for anything else."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Number():
            return value.text
        case _:
            return ""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its FHIRPath, choices under their JSON names (``MedicationRequest.dosageInstruction[0].doseAndRate[0].rateQuantity``)."""

    value: Json
    path: str

    @property
    def exists(self) -> bool:
        return self.value is not None

    def child(self, name: str) -> "Node":
        """The element of that name; absent if this is no object or has none."""
        return Node(self.value.get(name) if isinstance(self.value, dict) else None, f"{self.path}.{name}")

    def each(self, name: str) -> "list[Node]":
        """The items of a repeating element in the order sent; none where it is absent or no array."""
        child = self.child(name)
        return [Node(item, f"{child.path}[{index}]") for index, item in enumerate(child.value)] if isinstance(child.value, list) else []

    def text(self, name: str) -> AsSent:
        """The primitive of that name as sent, with its place."""
        child = self.child(name)
        return AsSent(text_of(child.value), child.path)

    def number(self, name: str) -> AsSent:
        """The digits of a JSON number. A string is given with its quotation marks, so that ``"4.50"`` is unreadable and not the number 4.50."""
        child = self.child(name)
        if isinstance(child.value, str):
            return AsSent(json.dumps(child.value, ensure_ascii=False), child.path)
        return AsSent(text_of(child.value), child.path)

    def flag(self, name: str) -> AsSent:
        """A boolean that says something only when true: ``false`` is what its absence means as well, and reads as absent."""
        child = self.child(name)
        return AsSent("" if child.value is False else text_of(child.value), child.path)
