"""``senders/*.toml``: one file a sending system, in the closed grammar of ``interop.domain.sender`` (D-28)."""

import re
from collections.abc import Callable

from interop.domain.request import VerificationPolicy
from interop.domain.sender import (
    FHIR_PLACES,
    HL7_PLACES,
    ApplicationAck,
    FhirPath,
    FieldRule,
    Format,
    Hl7Path,
    NotAPath,
    Orc2Is,
    SenderProfile,
    VerificationRule,
)
from interop.site.toml_file import Node

ZONE = re.compile(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]", re.ASCII)

ONLY_HL7 = ("require_profile_id", "orc2_is", "application_ack", "zone")
ONLY_FHIR = ("unit_text",)


def read_sender(name: str, top: Node) -> SenderProfile | None:
    """One profile; ``name`` is its file's name. None where its format is not known; every other fault leaves a profile to check further."""
    title = top.text("title")
    wire = top.choice("format", Format)
    if wire is None:
        return None
    hl7 = wire is Format.HL7V2
    for key in ONLY_FHIR if hl7 else ONLY_HL7:
        if key in top:
            top.error(key, f"{key} has no effect in a profile of format {wire.value}", "delete it")
            top.skip(key)
    profile = SenderProfile(
        name=name,
        title=title,
        format=wire,
        names=_names(top, hl7),
        system_group=top.text("system_group"),
        verification=_verification(top, hl7),
        places=_places(top, hl7),
        code_systems=top.mapping("code_systems"),
        patient_authorities=frozenset(top.texts("patient_authorities")),
        shared_identities=frozenset(top.texts("shared_identities")),
        zone=_zone(top) if hl7 else "",
        unit_text=not hl7 and top.flag("unit_text", required=False),
        require_profile_id=hl7 and top.flag("require_profile_id"),
        max_parameters=top.whole("max_parameters") or 0,
        orc2_is=(top.choice("orc2_is", Orc2Is) if hl7 else None) or Orc2Is.ORDER,
        application_ack=(top.choice("application_ack", ApplicationAck) if hl7 else None) or ApplicationAck.ON_SCREEN,
        answer_within_s=top.whole("answer_within_s") or 0,
        silent_after_s=top.whole("silent_after_s", zero=True) or 0,
    )
    _judge_running_order(top, profile)
    top.close()
    return profile


def _judge_running_order(top: Node, profile: SenderProfile) -> None:
    """D-20: only an administration's number needs its order, and that stands in each message. Without the place every change of what runs is refused."""
    rule = profile.places.get("running_order")
    if rule is not None and profile.orc2_is is Orc2Is.ORDER:
        what = "running_order has no effect where ORC-2 is the order's number"
        top.error("places", what, 'delete it, or write orc2_is = "administration"')
    elif rule is not None and rule.constant:
        top.error(
            "places", "running_order is a constant: every change would be one of the same order", "write the path at which it is sent"
        )
    elif rule is None and profile.orc2_is is Orc2Is.ADMINISTRATION:
        what = "ORC-2 is an administration's number, and no place is given for its order: every change of what runs will be refused"
        top.warning("orc2_is", what, "write [places.running_order] if this sender sends it")


def _names(top: Node, hl7: bool) -> tuple[tuple[str, str], ...]:
    """HL7: ``[[names]]`` with application (MSH-3) and facility (MSH-4); FHIR: ``clients``, whose second part is empty."""
    if not hl7:
        return tuple((client, "") for client in top.texts("clients", required=True))
    names: list[tuple[str, str]] = []
    for node in top.tables("names", required=True):
        name = node.text("application"), node.text("facility", required=False)
        node.close()
        if name in names:
            node.error("application", f"{name[0]}/{name[1]} stands in names twice", "keep one of the two")
        names.append(name)
    return tuple(names)


def _zone(top: Node) -> str:
    zone = top.text("zone", required=False)
    if zone and not ZONE.fullmatch(zone):
        top.error(
            "zone", f"zone {zone!r} is not an offset", 'write it as "-06:00"; a sender whose clock changes twice a year needs offsets'
        )
    return zone


def _places(top: Node, hl7: bool) -> dict[str, FieldRule]:
    """The things that this sender puts elsewhere than the standard does; dose, rate, strength and volume are not among them."""
    allowed = HL7_PLACES if hl7 else FHIR_PLACES
    places: dict[str, FieldRule] = {}
    for what, node in top.named_tables("places", required=False):
        if what not in allowed:
            node.faults.error(node.place(), f"{what} is not a thing that a profile may place", f"one of {', '.join(sorted(allowed))}")
        rule = _rule(node, hl7)
        if rule is not None:
            places[what] = rule
    return places


def _rule(node: Node, hl7: bool) -> FieldRule | None:
    """Path or constant, exactly one (D-28: no fall-back); then perhaps a split; then perhaps a table of values."""
    path, constant = node.text("path", required=False), node.text("constant", required=False)
    separator, part = node.text("separator", required=False, blanks=True), node.whole("part", required=False)
    values = node.mapping("values")
    node.close()
    sound = True
    if bool(path) == bool(constant):
        what = "path and constant are both given" if path else "neither path nor constant is given"
        node.faults.error(node.place(), what, "write exactly one of the two")
        sound = False
    if path:
        sound &= _path_is_readable(node, path, hl7)
    if ("separator" in node) != ("part" in node) or ("separator" in node and not separator):
        node.faults.error(node.place(), "a split needs separator and part", "write both or neither")
        sound = False
    if constant and ("separator" in node or "values" in node):
        node.error("constant", "a constant is neither split nor looked up", "write what is meant as the constant")
        sound = False
    return FieldRule(path, constant, separator, part or 0, values) if sound else None


def _path_is_readable(node: Node, path: str, hl7: bool) -> bool:
    parse: Callable[[str], object] = Hl7Path.parse if hl7 else FhirPath.parse
    try:
        parse(path)
    except NotAPath:
        example = "OBX[3.1=68063]-14" if hl7 else "extension('https://ehr.example/verified').valueCode"
        node.error("path", f"{path!r} is not a path of the closed grammar", f"write it as {example}")
        return False
    return True


def _verification(top: Node, hl7: bool) -> VerificationRule:
    """D-14: what is not said to be verified is not programmed."""
    node = top.table("verification")
    policy = node.choice("policy", VerificationPolicy) if node is not None else None
    if node is None or policy is None:
        if node is not None:
            for key in ("place", "verified", "unverified", "rejected"):
                node.skip(key)
            node.close()
        return VerificationRule(VerificationPolicy.NONE)
    if policy is not VerificationPolicy.FIELD:
        for key in ("place", "verified", "unverified", "rejected"):
            if key in node:
                node.error(key, f"{key} has no effect under the policy {policy.value}", "delete it, or write the policy field")
                node.skip(key)
        node.close()
        return VerificationRule(policy)
    place = node.table("place")
    rule = _rule(place, hl7) if place is not None else None
    verified = frozenset(node.texts("verified", required=True))
    unverified = frozenset(node.texts("unverified", required=True))
    rejected = frozenset(node.texts("rejected"))
    for value in sorted(rejected & (verified | unverified)):
        node.error("rejected", f"{value!r} means rejected and something else", "keep it in one list")
    for value in sorted(verified & unverified):
        node.error("unverified", f"{value!r} means verified and not verified", "keep it in one of the two")
    node.close()
    return VerificationRule(policy, rule, verified, unverified, rejected)
