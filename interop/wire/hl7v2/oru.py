"""The way back in HL7 v2: PCD-10 ``ORU^R42^ORU_R01`` for an event and PCD-01 ``ORU^R01^ORU_R01`` for a status (IHE DEV TF-2, 3.1, 3.10, Appendices B and M).

``MSH PID PV1 OBR { OBX [NTE] }``: one event a message, and only the device and source concerned. All values are unverified (OBX-11 R) until a clinician
validates them in the chart (D-22). A pump that says that it is simulated makes MSH-11 T, training, which a listener in production does not take.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from interop.domain.document import About, Delivery, Document, DrugCode, Kind
from interop.domain.events.infusion import Source
from interop.domain.events.nouns import PatientNumber
from interop.wire.hl7v2 import mdc_pump as terms
from interop.wire.hl7v2.ack import NOBODY, Us
from interop.wire.hl7v2.charset import ASCII, UTF_8
from interop.wire.hl7v2.containment import UNVERIFIED, WRONG, Node, Value, add_tree, coded, known
from interop.wire.hl7v2.er7_builder import Builder, Field
from interop.wire.hl7v2.er7_errors import Unwritable

PCD_01: Final = ("IHE_PCD_001", "IHE PCD", "1.3.6.1.4.1.19376.1.6.1.1.1", "ISO")
PCD_10: Final = ("IHE_PCD_010", "IHE PCD", "1.3.6.1.4.1.19376.1.6.4.10", "ISO")
"""MSH-21 (table B.1; Appendix M.1.1); receivers match the OID only."""

UNKNOWN_DRUG: Final = ("999999", "Medication Unknown")  # OBR-4, B.7
UNSPECIFIED_NAME: Final = ("", "", "", "", "", "", "U")  # PID-5: the name was not given to us (B.5)
LEGAL_NAME: Final = "L"
UNKNOWN_CLASS: Final = "U"  # PV1-2, table 0004
PRODUCTION, TRAINING = "P", "T"  # MSH-11, table 0103

INFUSING: Final = {
    Delivery.DELIVERING: "pump-status-infusing",
    Delivery.KVO: "pump-status-infusing",
    Delivery.TRANSITIONING: "pump-status-infusing",
    Delivery.NOT_DELIVERING: "pump-status-not-infusing",
}
CONTINUOUS: Final = "pump-program-delivery-mode-continuous"


class OruRenderer:
    """Writes documents as HL7 v2. ``us`` is MSH-3 and MSH-4, and who reports (OBR-3)."""

    def __init__(self, us: Us = NOBODY) -> None:
        self._us = us

    def document(self, document: Document, control_id: str, at: datetime) -> bytes:
        """The message, every segment ended by CR; in ASCII where that can carry it, else in UTF-8.

        Raises: ValueError: ``at`` or the document's time has no offset, the control id is not letters and digits, or a text cannot be written.
        """
        if at.utcoffset() is None or document.happened_at.utcoffset() is None:
            raise ValueError("a message tells its times with their offsets")
        if not (control_id.isascii() and control_id.isalnum()):
            raise ValueError("a control id is letters and digits")
        try:
            return self._written(document, control_id, at, Builder(charset=ASCII))
        except Unwritable:
            return self._written(document, control_id, at, Builder(charset=UTF_8))

    def _written(self, document: Document, control_id: str, at: datetime, builder: Builder) -> bytes:
        about, is_status = document.about, document.kind is Kind.STATUS
        event = "R01" if is_status else "R42"
        builder.add(
            "MSH",
            {
                3: self._us.application,
                4: self._us.facility,
                5: about.receiver[0],
                6: about.receiver[1],
                7: instant(at),
                9: ("ORU", event, "ORU_R01"),
                10: control_id,
                11: TRAINING if about.is_simulated else PRODUCTION,
                12: "2.6",
                15: "AL",
                16: "NE",
                21: PCD_01 if is_status else PCD_10,
            },
        )
        builder.add("PID", {3: [_cx(number) for number in document.patient_numbers], 5: _name(about)})
        location: dict[int, Field] = {3: about.location} if about.location else {}
        builder.add("PV1", {2: about.patient_class or UNKNOWN_CLASS, **location})
        builder.add(
            "OBR",
            {
                1: "1",
                2: _ei(about.placer_order_number, about.placer_authority),
                3: self._report_id(document.report_id or control_id),
                4: _drug(about, document.drug),
                7: instant(document.happened_at),
            },
        )
        add_tree(builder, _system(document), WRONG if document.is_wrong else UNVERIFIED)
        return builder.encode()

    def _report_id(self, id: str) -> Field:
        """EI: unique, with the reporter's own universal id where it has one."""
        return id, *self._us.application


def instant(at: datetime) -> str:
    """DTM to the second, with its offset; an instant that is finer keeps its milliseconds."""
    fraction = f".{at.microsecond // 1000:03d}" if at.microsecond >= 1000 else ""
    return f"{at.strftime('%Y%m%d%H%M%S')}{fraction}{at.strftime('%z')}"


# ── who, and what was ordered ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hd(authority: str) -> tuple[str, ...]:
    """An assigning authority: an OID or a URI as such, anything else as a namespace."""
    if authority and all(part.isdigit() for part in authority.removeprefix("urn:oid:").split(".")) and "." in authority:
        return "", authority.removeprefix("urn:oid:"), "ISO"
    return ("", authority, "URI") if "://" in authority or authority.startswith("urn:") else (authority,)


def _cx(number: PatientNumber) -> tuple[str | tuple[str, ...], ...]:
    return number.value, "", "", _hd(number.authority)


def _ei(id: str, authority: str) -> tuple[str, ...]:
    return id, *_hd(authority)


def _name(about: About) -> tuple[str, ...]:
    if not about.patient_name:
        return UNSPECIFIED_NAME
    parts = (*about.patient_name, "", "", "", "", "", "")[:6]
    return *parts, LEGAL_NAME


def _drug(about: About, label: str) -> tuple[str, ...]:
    """The drug by the codes of the order, two at most; a drug that no code names is said by its name (B.7)."""
    found: list[str] = []
    for code in about.drug_codes[:2]:
        found += _triplet(code)
    return tuple(found) if found else UNKNOWN_DRUG if not label else (label, label)


def _triplet(code: DrugCode) -> tuple[str, str, str]:
    return code.code, code.text or code.code, code.system


# ── the tree ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _system(document: Document) -> Node:
    about = document.about
    system, unit = terms.SYSTEMS[about.mode]
    values = tuple(_system_values(document))
    pump = (document.pump_id, about.pump_model, about.pump_maker)
    channel = (document.channel_id, document.pump_id) if document.channel_id else ()
    return Node(system, values, (Node(unit, (), tuple(_channels(document)), channel),), pump)


def _system_values(document: Document) -> Iterator[Value]:
    if document.about.library_version:
        yield Value.text(terms.LIBRARY_VERSION, document.about.library_version)
    event = terms.EVENTS.get(document.kind)
    if event is None:
        return
    yield Value(terms.EVENT, "CWE", coded(event), notes=tuple(filter(None, (document.words,))))
    if document.kind is Kind.CONTACT_CHANGED:
        yield Value.token(terms.COMM_STATUS, f"comm-status-{'online' if document.is_online else 'offline'}")
        return
    yield Value.text(terms.EVENT_SOURCE, _place_of_source(document))


def _place_of_source(document: Document) -> str:
    """OBX-4 of the source's channel, which comes after the delivery's where there is one."""
    return f"1.1.{1 if document.delivery is None else 2}.0"


def _channels(document: Document) -> Iterator[Node]:
    if document.kind is Kind.CONTACT_CHANGED:
        return
    if document.delivery is not None:
        yield Node(terms.DELIVERY_INFO, tuple(_delivery_values(document, document.delivery)))
    yield Node(terms.SOURCES[document.source], tuple(_source_values(document)))


def _delivery_values(document: Document, delivery: Delivery) -> Iterator[Value]:
    yield Value.token(terms.INFUSING_STATUS, INFUSING[delivery])
    yield Value.amount(terms.CURRENT_FLOW, document.flow)
    yield Value.token(terms.ACTIVE_SOURCES, f"pump-source-info-{document.source.value}")


def _source_values(document: Document) -> Iterator[Value]:
    if document.delivery is None:
        yield from _what(document)
        return
    yield Value.token(terms.DELIVERY_STATUS, f"pump-delivery-status-{document.delivery.value}", _status_notes(document))
    if document.delivery is Delivery.NOT_DELIVERING and document.reason is not None:
        yield Value.token(terms.NOT_DELIVERING_REASON, f"pump-stopped-{document.reason.value}")
    yield Value.token(terms.DELIVERY_MODE, CONTINUOUS)
    yield Value.text(terms.SOURCE_LABEL, document.channel_id or _label(document.source))
    yield from known(terms.RATE, document.rate, (document.differs,))
    yield from known(terms.DOSE_RATE, document.dose_rate)
    yield from known(terms.VTBI, document.vtbi)
    yield from known(terms.VTBI_LEFT, document.vtbi_left)
    yield from known(terms.SEGMENT_VOLUME, document.segment_volume)
    yield from _total(document)
    yield from _what(document)


def _status_notes(document: Document) -> tuple[str, ...]:
    """A status has no event to which its words could be said."""
    return (document.words,) if document.kind is Kind.STATUS else ()


def _total(document: Document) -> Iterator[Value]:
    """A total that is not exact is no number in a chart: its place says that it cannot be told, and the note how much it was at least (SR-51)."""
    if document.total is not None:
        yield Value.amount(terms.TOTAL_VOLUME, document.total)
    elif document.total_at_least is not None:
        note = f"At least {document.total_at_least}; what the pump gave beside that cannot be told from its counter."
        yield Value.amount(terms.TOTAL_VOLUME, None, (note,))


def _what(document: Document) -> Iterator[Value]:
    if document.drug:
        yield Value.text(terms.DRUG_NAME, document.drug)
    if document.delivery is None:
        return
    yield from known(terms.CONCENTRATION, document.concentration)
    if document.about.care_area:
        yield Value.text(terms.CARE_AREA, document.about.care_area)
    yield from known(terms.DOSING_WEIGHT, document.dosing_weight)


def _label(source: Source) -> str:
    return source.value.capitalize()
