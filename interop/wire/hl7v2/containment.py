"""The containment tree of a device message (IHE DEV TF-2, Appendix A and B.8): one OBX a device, a channel or a value, numbered ``MDS.VMD.CHANNEL.METRIC``.

Trailing zeros mark the level. The OBX come out depth first and in the order of their OBX-4. What is not known is left out; what must be there and
is not known stands without a value and with OBX-11 ``X``, never as a number that nobody measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from interop.domain.events.shapes import exact_text
from interop.domain.quantity import Quantity
from interop.wire.hl7v2 import mdc
from interop.wire.hl7v2.er7_builder import Builder, Field
from interop.wire.hl7v2.mdc_terms import Term

UNVERIFIED: Final = "R"  # OBX-11: entered by a device, no clinician has validated it (D-22)
WRONG: Final = "W"  # OBX-11: what was told under this report id was told of the wrong patient
NO_RESULT: Final = "X"  # OBX-11 of a device, and of what cannot be told

LONGEST_NOTE: Final = 500


def coded(term: Term) -> tuple[str, str, str]:
    """CWE of an MDC term."""
    return term.code, term.refid, "MDC"


def unit_of(quantity: Quantity) -> tuple[str, ...]:
    """CWE of a unit: its MDC term and its UCUM code; the UCUM code alone where MDC has no term for it."""
    unit = mdc.mdc_of(quantity.unit)
    ucum = (quantity.unit, quantity.unit, "UCUM")
    return ucum if unit is None else (unit.code, unit.refid, "MDC", *ucum)


def number_of(quantity: Quantity) -> str | None:
    """The digits of an NM, exactly; None: no decimal says this amount."""
    text = exact_text(quantity.value)
    return None if "/" in text else text


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a device or channel. ``type`` is OBX-2; ``content`` None: it cannot be told. ``notes`` become NTE segments."""

    term: Term
    type: str
    content: Field
    unit: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def text(cls, term: Term, text: str) -> "Value":
        return cls(term, "ST", text)

    @classmethod
    def token(cls, term: Term, token: str, notes: Iterable[str] = ()) -> "Value":
        """A token of a value set: CWE-2, with CWE-1 empty (Appendix M)."""
        return cls(term, "CWE", ("", token), notes=tuple(filter(None, notes)))

    @classmethod
    def amount(cls, term: Term, quantity: Quantity | None, notes: Iterable[str] = ()) -> "Value":
        """A number with its unit; without one, a place that says that it cannot be told."""
        told = number_of(quantity) if quantity is not None else None
        unit = unit_of(quantity) if quantity is not None and told is not None else ()
        return cls(term, "NM", told, unit, tuple(filter(None, notes)))


def known(term: Term, quantity: Quantity | None, notes: Iterable[str] = ()) -> tuple[Value, ...]:
    """The value if it is known, and nothing otherwise."""
    return () if quantity is None else (Value.amount(term, quantity, notes),)


@dataclass(frozen=True, slots=True)
class Node:
    """A system, a unit or a channel with its values. ``device_id`` is OBX-18 (EI); empty: inherited from the level above."""

    term: Term
    values: tuple[Value, ...] = ()
    children: tuple["Node", ...] = ()
    device_id: tuple[str, ...] = ()


def add_tree(builder: Builder, system: Node, status: str = UNVERIFIED) -> None:
    """The OBX of the tree, and the NTE of its notes, into the message; ``status`` is OBX-11 of what has a value.

    Raises: Unwritable: a text that the character set lacks.
    """
    _Numbering(builder, status).node(system, (1, 0, 0))


class _Numbering:
    """OBX-1 counts through the message; OBX-4 by the place in the tree."""

    def __init__(self, builder: Builder, status: str) -> None:
        self._builder, self._status = builder, status
        self._count = 0

    def node(self, node: Node, place: tuple[int, int, int]) -> None:
        device: dict[int, Field] = {18: node.device_id} if node.device_id else {}
        self._obx({3: coded(node.term), 4: _dotted(*place, 0), 11: NO_RESULT, **device})
        for number, value in enumerate(node.values, 1):
            self._value(value, _dotted(*place, number))
        level = place.index(0) if 0 in place else 3
        for number, child in enumerate(node.children, 1):
            self.node(child, (place[0], number, 0) if level == 1 else (place[0], place[1], number))

    def _value(self, value: Value, place: str) -> None:
        fields: dict[int, Field] = {3: coded(value.term), 4: place}
        if value.content is None:
            fields |= {11: NO_RESULT}
        else:
            fields |= {2: value.type, 5: value.content, 6: value.unit, 11: self._status}
        self._obx(fields)
        for number, note in enumerate(value.notes, 1):
            self._builder.add("NTE", {1: str(number), 3: note[:LONGEST_NOTE]})

    def _obx(self, fields: dict[int, Field]) -> None:
        self._count += 1
        self._builder.add("OBX", {1: str(self._count), **fields})


def _dotted(*numbers: int) -> str:
    return ".".join(map(str, numbers))
