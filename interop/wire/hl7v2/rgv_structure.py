"""The grammar of ``RGV^O15`` as PIV uses it (IHE DEV TF-2, 3.3.4.4): which segments make one give, and every segment that is not in its place.

    MSH PID [PV1] { ORC { RXG [TQ1] RXR { OBX } } }

The grammar is a chain in which RXG starts a further give and ORC a further order once the give before them is whole. A message is in the
grammar exactly if ``read_structure`` finds nothing against it but a second order, which PIV's grammar allows and this product refuses (D-08).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from interop.domain.finding import Finding, PivError
from interop.wire.hl7v2.er7 import Message, Segment

CHAIN: Final = ("MSH", "PID", "PV1", "ORC", "RXG", "TQ1", "RXR", "OBX")
_RANK: Final = {name: rank for rank, name in enumerate(CHAIN)}
_OPTIONAL: Final = frozenset({"PV1", "TQ1"})
_STARTS_A_GROUP: Final = frozenset({"ORC", "RXG"})


@dataclass(frozen=True, slots=True)
class GiveSegments:
    """One give. ``tq1`` and ``rxr`` are falsy when they were not sent."""

    rxg: Segment
    tq1: Segment
    rxr: Segment
    obx: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Structure:
    """The segments of the first order of a message, and what is wrong with the arrangement of all of them."""

    header: Segment
    patient: Segment
    visit: Segment
    order: Segment
    gives: tuple[GiveSegments, ...]
    findings: tuple[Finding, ...]


def read_structure(message: Message, *, obx_required: bool = True, read_elsewhere: frozenset[str] = frozenset()) -> Structure:
    """The arrangement of a message, whatever it is. Segments of a second order are judged by the grammar and belong to no give.

    ``obx_required`` is False for a sender whose profile finds the pump elsewhere. ``read_elsewhere`` names segments outside the grammar that the
    profile reads. A Z segment that nobody reads is noted; any other segment outside the grammar is refused, since what it says would be lost.
    """
    inside = [segment for segment in message if segment.name in _RANK]
    outside = Counter(segment.name for segment in message if segment.name not in _RANK)
    findings = [*_in_order(inside, obx_required), *_outside(outside, read_elsewhere)]
    orders = message.all("ORC")
    if len(orders) > 1:
        sentence = f"the message holds {len(orders)} orders; one message carries one order, and none of these is programmed"
        findings.append(Finding.against(PivError.INVALID_PARAMETER, orders[1].place(), sentence))
    return Structure(
        header=message.first("MSH"),
        patient=message.first("PID"),
        visit=message.first("PV1"),
        order=message.first("ORC"),
        gives=tuple(_gives(message, inside)),
        findings=tuple(findings),
    )


def _in_order(segments: list[Segment], obx_required: bool) -> Iterator[Finding]:
    """Walks the chain: names what is missing between two neighbours, and what may not stand where it stands."""
    required = tuple(name for name in CHAIN if name not in _OPTIONAL and (obx_required or name != "OBX"))
    before = segments[0]
    for segment in segments[1:]:
        missing = _missing(before.name, segment.name, required)
        forward = _RANK[before.name] < _RANK[segment.name]
        again = segment.name in _STARTS_A_GROUP or (before.name == segment.name == "OBX")
        if (segment.name in _OPTIONAL and missing) or not (missing or forward or again):
            sentence = f"{segment.place()} stands after {before.place()}, where PIV does not have it"
            yield Finding.against(PivError.INVALID_PARAMETER, segment.place(), sentence)
            continue  # the next segment is judged by what it should have followed
        for name in missing:
            yield Finding.against(PivError.MISSING_PARAMETER, name, f"{name} is missing before {segment.place()}")
        before = segment
    for name in _missing(before.name, None, required):
        yield Finding.against(PivError.MISSING_PARAMETER, name, f"{name} is missing: the message ends with {before.place()}")


def _missing(before: str, after: str | None, required: tuple[str, ...]) -> tuple[str, ...]:
    """What must stand between two segments; before the end (``after`` None) and before a further group, the rest of the give that began."""
    if after is None or (after in _STARTS_A_GROUP and _RANK[before] >= _RANK[after]):
        end = len(CHAIN)
    else:
        end = _RANK[after]
    return tuple(name for name in required if _RANK[before] < _RANK[name] < end)


def _outside(names: Counter[str], read_elsewhere: frozenset[str]) -> Iterator[Finding]:
    for name, times in names.items():
        # a profile may read a note or a visit's detail; a pharmacy segment changes what is given and is never passed over
        if name in read_elsewhere and not name.startswith("RX"):
            continue
        if name.startswith("Z"):
            yield Finding.note(name, f"{name} is a local segment that this sender's profile does not read")
            continue
        count = f"{name} stands {times} times" if times > 1 else f"{name} stands"
        yield Finding.against(
            PivError.INVALID_PARAMETER, name, f"{count} in the message; PIV has no place for it, and what it says would be lost"
        )


def _gives(message: Message, segments: list[Segment]) -> Iterator[GiveSegments]:
    """The gives of the first order. A segment out of its place joins the give before it if that has none of its name (a finding stands already)."""
    none_of = {name: message.segment(name, len(message.all(name)) + 1) for name in ("TQ1", "RXR")}
    rxg: Segment | None = None
    found: dict[str, Segment] = {}
    obx: list[Segment] = []
    for segment in segments:
        if segment.name == "ORC" and segment.occurrence > 1:
            break
        if segment.name == "RXG":
            if rxg is not None:
                yield GiveSegments(rxg, found.get("TQ1", none_of["TQ1"]), found.get("RXR", none_of["RXR"]), tuple(obx))
            rxg, found, obx = segment, {}, []
        elif segment.name == "OBX" and rxg is not None:
            obx.append(segment)
        elif rxg is not None:
            found.setdefault(segment.name, segment)
    if rxg is not None:
        yield GiveSegments(rxg, found.get("TQ1", none_of["TQ1"]), found.get("RXR", none_of["RXR"]), tuple(obx))
