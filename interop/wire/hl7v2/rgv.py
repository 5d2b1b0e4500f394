"""PCD-03, Communicate Infusion Order: ``RGV^O15^RGV_O15`` → ``OrderRequest``, as sent (IHE DEV TF-2, 3.3).

Nothing is understood here: every value is text with the place where it stood, and no dose, drug or time is judged. What the reader refuses is what
it could not copy without choosing: a segment out of its place, a value sent twice, a null in a field of the dose.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from interop.domain.finding import Finding, PivError, Sub, gravest_first
from interop.domain.request import (
    AmountAsSent,
    AsSent,
    CodeAsSent,
    GiveAsSent,
    IdentifierAsSent,
    OrderRequest,
    ParameterAsSent,
    PatientAsSent,
    PumpAsSent,
    Purpose,
)
from interop.domain.sender import SenderProfile
from interop.wire.hl7v2.as_sent import field_faults, said, sent
from interop.wire.hl7v2.cwe import codes_as_sent, codings, table_value, table_value_as_sent, unit_as_sent
from interop.wire.hl7v2.er7 import Message, Segment
from interop.wire.hl7v2.kind import MessageKind, event_of, kind_of
from interop.wire.hl7v2.profile import (
    is_placed_outside,
    placed_names,
    placed_segments,
    read_place,
    read_verification,
    takes_the_only_value,
)
from interop.wire.hl7v2.rgv_modifiers import contradicting_ids, give_faults, method_as_sent, order_status, patient_faults, processing_faults
from interop.wire.hl7v2.rgv_observations import Observations, amount_of, sort_observations
from interop.wire.hl7v2.rgv_structure import GiveSegments, Structure, read_structure

__all__ = ["MessageKind", "kind_of", "read_rgv"]

PROFILE_ID: Final = "1.3.6.1.4.1.19376.1.6.1.3.1"
"""MSH-21.3 of an RGV (table B.1). The other arc that is seen, …1.6.4, is of reports; no RGV on it is known."""

MOST_FINDINGS: Final = 48
MOST_REPETITIONS: Final = 16  # of PID-3 (PIV: 6), PID-5 and MSH-21
MOST_DURATIONS: Final = 3  # of TQ1-13 (3.3.4.4.7)

_AMOUNTS: Final = (5, 7, 15, 16, 17, 18, 23, 24)
_LEGAL: Final = "L"  # XPN-7, HL7 table 0200

# Fields that hold one value, each with the name under which a profile may choose one of several itself.
_ONE_VALUE: Final[Mapping[str, Mapping[int, str]]] = MappingProxyType(
    {
        "MSH": {7: "", 10: ""},
        "PID": {7: "", 8: "", 31: ""},
        "PV1": {3: "location"},
        "ORC": {1: "", 2: "placer_order_number", 5: "", 8: "", 9: "requested_at", 19: "requested_by"},
    }
)

_ORDER_CONTROL: Final = re.compile("[A-Z0-9]{1,2}")


def read_rgv(message: Message, profile: SenderProfile) -> OrderRequest:
    """The order that ``message`` holds, as sent, with every reason why the message cannot be one that PIV describes.

    Never raises for what is in the message; a message that is no RGV^O15 at all comes back without a give and with one finding.

    Raises: NotAPath: a rule of ``profile`` is outside the grammar, which a site's check refuses before any message is read.
    """
    return _Reading(message, profile).request()


class _Reading:
    """One message being read: its parts, the sender's profile, and the findings so far."""

    def __init__(self, message: Message, profile: SenderProfile) -> None:
        self.message, self.profile = message, profile
        self.findings: list[Finding] = []

    def request(self) -> OrderRequest:
        kind = kind_of(self.message)
        is_order = kind is MessageKind.INFUSION_ORDER
        pump_by_obx = not is_placed_outside(self.profile, "pump_id", "OBX")
        structure = read_structure(self.message, obx_required=pump_by_obx, read_elsewhere=placed_names(self.profile))
        gives = structure.gives[: self.profile.max_parameters] if is_order else ()
        not_an_order = Finding.against(Sub.NOT_AN_ORDER, "MSH-9", f"this is {kind.value}, not an infusion order")
        self.findings += self._header_faults(structure.header)
        self.findings += structure.findings
        self.findings += self._field_faults(structure, gives)
        self.findings += patient_faults(structure.patient)
        seen = sort_observations(
            [give.obx for give in gives],
            placed=placed_segments(self.message, self.profile),
            one_device=takes_the_only_value(self.profile, "pump_id", "OBX", 18),
            most=self.profile.max_parameters,
        )
        self.findings += seen.findings
        order, header = structure.order, structure.header
        order_control = said(order, 1)
        purpose = next((purpose for purpose in Purpose if purpose.value == order_control.text), None)
        if purpose is None and order_control:
            self.findings.append(_not_piv(order_control))
        status, faults = order_status(order)
        self.findings += faults
        pump = self._pump(seen)
        verification, faults = read_verification(self.message, self.profile)
        self.findings += faults
        weight = seen.weight[0] if seen.weight else None
        return OrderRequest(
            sender=self.profile.name,
            system_group=self.profile.system_group,
            message_kind="^".join(event_of(self.message)),
            message_id=said(header, 10),
            sent_at=said(header, 7),
            purpose=purpose,
            order_control=order_control,
            placer_order_number=IdentifierAsSent(
                self._at("placer_order_number", said(order, 2, 1)),
                self._at("placer_authority", said(order, 2, 2) or said(order, 2, 3)).text,
            ),
            requested_at=self._at("requested_at", said(order, 9)),
            requested_by=self._at("requested_by", said(order, 19, 1)),
            patient=self._patient(structure.patient, structure.visit),
            verification=verification,
            gives=tuple(_give(give, parameters, self.profile) for give, parameters in zip(gives, seen.parameters, strict=True)),
            pump=pump,
            parent_order=IdentifierAsSent(said(order, 8, 1, 1), (said(order, 8, 1, 2) or said(order, 8, 1, 3)).text),
            running_order=self._at("running_order", AsSent()),
            status=status,
            weight=amount_of(weight) if weight else AmountAsSent(),
            weight_at=self._at("weight_at", said(weight, 14) if weight else AsSent("", "OBX-14")),
            weight_is_dosing_weight=self._is_dosing_weight(),
            height=amount_of(seen.height[0]) if seen.height else AmountAsSent(),
            body_surface_area=amount_of(seen.body_surface_area[0]) if seen.body_surface_area else AmountAsSent(),
            therapy=self._at("therapy", AsSent()),
            bedside=True,
            findings=_bounded(self.findings) if is_order else (not_an_order,),  # last: the places above may have added to them
        )

    def _at(self, name: str, standard: AsSent) -> AsSent:
        """The profile's own place for ``name`` if it has one, and then only that; else what stands in the standard's."""
        placed = read_place(self.message, self.profile, name)
        if placed is None:
            return standard
        self.findings += placed.findings
        return placed.value

    def _header_faults(self, header: Segment) -> Iterator[Finding]:
        if self.profile.require_profile_id:
            repetitions = header.repetitions(21)[:MOST_REPETITIONS]
            claimed = {(header.text(21, 3, repetition=repetition) or "").strip(" ") for repetition in repetitions}
            if PROFILE_ID not in claimed:
                sentence = f"this sender must name the profile of the message: {PROFILE_ID}"
                yield Finding.against(PivError.INVALID_PARAMETER, "MSH-21.3", sentence)
        yield from processing_faults(header)

    def _field_faults(self, structure: Structure, gives: tuple[GiveSegments, ...]) -> Iterator[Finding]:
        for segment in (structure.header, structure.patient, structure.visit, structure.order):
            fields = _ONE_VALUE[segment.name]
            once = [field for field, name in fields.items() if takes_the_only_value(self.profile, name, segment.name, field)]
            yield from field_faults(segment, once=once)
        for field in (3, 5):
            if len(structure.patient.repetitions(field)) > MOST_REPETITIONS:
                place = structure.patient.place(field)
                yield Finding.against(PivError.PATIENT_ID_INVALID, place, f"{place} holds more than {MOST_REPETITIONS} values")
        if len(structure.gives) > len(gives):
            sentence = f"the message holds {len(structure.gives)} gives; at most {len(gives)} are read"
            yield Finding.against(PivError.MULTISTEP_UNREADABLE, "RXG", sentence)
        for give in gives:
            yield from field_faults(give.rxg, once=(1, 4, *_AMOUNTS), never_null=(4, *_AMOUNTS))
            yield from field_faults(give.tq1, never_null=(13,))
            yield from field_faults(give.rxr, once=(1, 3, 4))
            if len(give.tq1.repetitions(13)) > MOST_DURATIONS:
                place = give.tq1.place(13)
                yield Finding.against(PivError.INVALID_PARAMETER, place, f"{place} holds more than {MOST_DURATIONS} durations")
            yield from give_faults(give.rxg, give.tq1, give.rxr)

    def _patient(self, pid: Segment, visit: Segment) -> PatientAsSent:
        ids = tuple(_cx(pid, 3, repetition) for repetition in pid.repetitions(3)[:MOST_REPETITIONS])
        if takes_the_only_value(self.profile, "patient_id", "PID", 3):
            self.findings += contradicting_ids(ids)
        first = ids[0] if ids else IdentifierAsSent(AsSent("", pid.place(3)))
        if "patient_id" in self.profile.places or "patient_authority" in self.profile.places:
            value = self._at("patient_id", first.value)
            authority = self._at("patient_authority", AsSent(first.authority))
            ids = (IdentifierAsSent(value, authority.text, first.type),)
        return PatientAsSent(
            ids=ids or (first,),
            name=_name(pid),
            birth_date=said(pid, 7),
            sex=said(pid, 8, 1),
            location=self._at("location", said(visit, 3, 1)),
            identity_unknown=said(pid, 31),
        )

    def _pump(self, seen: Observations) -> PumpAsSent:
        obx = seen.pump[0] if seen.pump else None
        pump = PumpAsSent(
            id=self._at("pump_id", said(obx, 18, 1) if obx else AsSent("", "OBX-18.1")),
            channel=self._at("pump_channel", AsSent()),
            manufacturer=self._at("pump_manufacturer", said(obx, 18, 3) if obx else AsSent("", "OBX-18.3")),
        )
        if not pump.id:
            if obx or "pump_id" in self.profile.places:
                sentence = f"{pump.id.field} is empty: the order does not say which pump it is for"
            else:
                sentence = "no OBX-3 is 69986 (MDC_DEV_PUMP_INFUS_VMD): the order does not say which pump it is for"
            self.findings.append(Finding.against(PivError.MISSING_PARAMETER, pump.id.field, sentence))
        return pump

    def _is_dosing_weight(self) -> bool:
        """Only ``true`` declares a dosing weight; a profile's table turns the sender's own word into it."""
        declared = self._at("weight_is_dosing_weight", AsSent())
        if declared.text not in ("", "true", "false"):
            sentence = "whether this is a dosing weight cannot be told: the sender's profile must turn the value into true or false"
            self.findings.append(Finding.against(PivError.INVALID_PARAMETER, declared.field, sentence))
        return declared.text == "true"


def _give(give: GiveSegments, parameters: tuple[ParameterAsSent, ...], profile: SenderProfile) -> GiveAsSent:
    rxg, tq1, rxr = give.rxg, give.tq1, give.rxr
    rate_or_dose = _amount(rxg, 15, 16)
    return GiveAsSent(
        sub_id=said(rxg, 1),
        codes=codes_as_sent(rxg, 4, profile.code_systems),
        vtbi=_amount(rxg, 5, 7),
        amounts=(rate_or_dose,) if rate_or_dose else (),
        duration=tuple(_duration(tq1, repetition) for repetition in tq1.repetitions(13)[:MOST_DURATIONS]),
        strength=_amount(rxg, 17, 18),
        strength_volume=_amount(rxg, 23, 24),
        routes=_routes(rxr),
        device=table_value_as_sent(rxr, 3),
        method=method_as_sent(rxr),
        parameters=parameters,
    )


def _amount(rxg: Segment, number: int, unit: int) -> AmountAsSent:
    return AmountAsSent(sent(rxg, number), unit_as_sent(rxg, unit))


def _duration(tq1: Segment, repetition: int) -> AmountAsSent:
    """One repetition of TQ1-13, a CQ: the number, and a unit whose triplets are subcomponents."""
    return AmountAsSent(sent(tq1, 13, 1, repetition=repetition), unit_as_sent(tq1, 13, 2, repetition=repetition))


def _routes(rxr: Segment) -> tuple[CodeAsSent, ...]:
    found = tuple(CodeAsSent(table_value(coding), coding.system, coding.text, coding.field) for coding in codings(rxr, 1))
    return found or (CodeAsSent("", "", "", rxr.place(1)),)


def _cx(segment: Segment, field: int, repetition: int) -> IdentifierAsSent:
    """A CX: the id, its authority by namespace or else by universal id, and its type."""
    authority = said(segment, field, 4, 1, repetition=repetition) or said(segment, field, 4, 2, repetition=repetition)
    return IdentifierAsSent(
        said(segment, field, 1, repetition=repetition), authority.text, said(segment, field, 5, repetition=repetition).text
    )


def _name(pid: Segment) -> AsSent:
    """The legal name, or else the first one sent, as people read it: ``Doe, Jane Ann``."""
    repetitions = pid.repetitions(5)[:MOST_REPETITIONS]
    legal = [repetition for repetition in repetitions if pid.text(5, 7, repetition=repetition) == _LEGAL]
    if not repetitions:
        return AsSent("", pid.place(5))
    repetition = legal[0] if legal else 1
    family = said(pid, 5, 1, 1, repetition=repetition).text
    given = " ".join(filter(None, (said(pid, 5, part, repetition=repetition).text for part in (2, 3))))
    return AsSent(", ".join(filter(None, (family, given))), pid.place(5, repetition=repetition))


def _not_piv(order_control: AsSent) -> Finding:
    """3.11: the general give message of HL7. A sender that wanted something stopped must learn that nothing was."""
    sent_as = repr(order_control.text) if _ORDER_CONTROL.fullmatch(order_control.text) else "not a value of HL7 table 0119"
    sentence = f"ORC-1 is {sent_as}; PIV has RE, XO and CH only. Nothing on any pump has been changed"
    return Finding.against(Sub.NOT_AN_ORDER, order_control.field, sentence)


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each finding once (two places may read one field); the gravest of them if there are too many to be read."""
    different = tuple(dict.fromkeys(findings))
    if len(different) <= MOST_FINDINGS:
        return different
    sentence = f"{len(different) - MOST_FINDINGS} more faults are not listed"
    return (*gravest_first(different)[:MOST_FINDINGS], Finding.against(PivError.INVALID_PARAMETER, "message", sentence))
