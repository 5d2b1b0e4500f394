"""A sending system's profile: where it puts what and how it spells it, in a closed grammar (D-28). A new EHR is a new file and no code.

The standard's own places (RXG-15 for the rate, ORC-9 for the time of asking) are the reader's; a profile names only what differs or what the standard
leaves open. Each thing that is read has exactly one rule: there is no fall-back from one place to another.

Grammar of a path into an HL7 v2 message (all numbers from 1; parts in brackets may be left out)::

    SEG [ "[" selector "]" ] "-" field [ "(" repetition ")" ] [ "." component [ "." subcomponent ] ]
    selector = field [ "." component ] "=" value        OBX[3.1=68063]-5     PID-3(2).1     ORC-19.1     ZRX-4

Grammar of a path into a FHIR resource (a closed subset of FHIRPath)::

    element { "." element }        element = name [ "[" index "]" ] | "extension('" url "')" | name ".where(" name "='" value "')"
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from interop.domain.request import VerificationPolicy


class Format(Enum):
    HL7V2 = "hl7v2"
    FHIR_R4 = "fhir-r4"


class ApplicationAck(Enum):
    """D-07: when the one RRG for an RGV leaves."""

    ON_SCREEN = "on_screen"
    ON_DECISION = "on_decision"


class Orc2Is(Enum):
    """D-20: whose number ORC-2 is (ihe-pcd.md 3.2): the order's, the same at start and change, or one administration's, new each time."""

    ORDER = "order"
    ADMINISTRATION = "administration"


class NotAPath(ValueError):
    """The text is outside the closed grammar."""


@dataclass(frozen=True, slots=True)
class Hl7Path:
    """A place in an HL7 v2 message; ``repetition`` 0 means the first one, ``component`` and ``subcomponent`` 0 mean the whole field or component."""

    segment: str
    field: int
    repetition: int = 0
    component: int = 0
    subcomponent: int = 0
    select_field: int = 0
    select_component: int = 0
    select_value: str = ""

    PATTERN = re.compile(
        r"(?P<segment>[A-Z][A-Z0-9]{2})"
        r"(?:\[(?P<select_field>[1-9][0-9]?)(?:\.(?P<select_component>[1-9][0-9]?))?=(?P<select_value>[^\]]+)\])?"
        r"-(?P<field>[1-9][0-9]?)(?:\((?P<repetition>[1-9][0-9]?)\))?"
        r"(?:\.(?P<component>[1-9][0-9]?)(?:\.(?P<subcomponent>[1-9][0-9]?))?)?",
        re.ASCII,
    )

    @classmethod
    def parse(cls, text: str) -> "Hl7Path":
        """Raises: NotAPath."""
        match = cls.PATTERN.fullmatch(text)
        if match is None:
            raise NotAPath(text)
        part = match.groupdict()
        number = {
            key: int(part[key] or 0) for key in ("field", "repetition", "component", "subcomponent", "select_field", "select_component")
        }
        return cls(segment=part["segment"] or "", select_value=part["select_value"] or "", **number)


@dataclass(frozen=True, slots=True)
class FhirStep:
    """One element of a path. ``index`` counts within all that the path has reached so far, as in FHIRPath; -1: all of them.

    ``key`` and ``value`` keep the objects whose element ``key`` is ``value``: ``.where(use='official')``, or an extension's url.
    """

    name: str
    index: int = -1
    key: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class FhirPath:
    """A place in a FHIR resource, from the resource's own elements on (``meta.versionId``); choices have their JSON names (``valueCode``)."""

    steps: tuple[FhirStep, ...]

    ELEMENT = re.compile(
        r"(?:extension\('(?P<url>[^'\s]+)'\)"
        r"|(?P<name>[a-z][A-Za-z0-9]*)(?:\[(?P<index>0|[1-9][0-9]{0,3})\]|\.where\((?P<key>[a-z][A-Za-z0-9]*)='(?P<value>[^']+)'\))?)(?P<more>\.|\Z)",
        re.ASCII,
    )

    @classmethod
    def parse(cls, text: str) -> "FhirPath":
        """Raises: NotAPath."""
        steps: list[FhirStep] = []
        position, more = 0, True
        while more:
            match = cls.ELEMENT.match(text, position)
            if match is None:
                raise NotAPath(text)
            if match["url"]:
                steps.append(FhirStep("extension", key="url", value=match["url"]))
            else:
                steps.append(FhirStep(match["name"], int(match["index"] or -1), match["key"] or "", match["value"] or ""))
            position, more = match.end(), bool(match["more"])
        return cls(tuple(steps))


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where one thing stands: a ``path`` or a ``constant`` (exactly one), then perhaps one part of a split, then perhaps a table of values.

    A value that is not in a table that is given is read as it stands and refused by whoever needs it: a table never guesses.
    """

    path: str = ""
    constant: str = ""
    separator: str = ""
    part: int = 0  # which part of the split, from 1
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VerificationRule:
    """D-14. For ``field``: the place, and which of its values mean verified, not yet, or rejected by a pharmacist (which no emergency overrides)."""

    policy: VerificationPolicy
    place: FieldRule | None = None
    verified: frozenset[str] = frozenset()
    unverified: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()


HL7_PLACES = frozenset(
    {
        "requested_at",  # ORC-9
        "requested_by",  # ORC-19.1
        "placer_order_number",  # ORC-2.1
        "placer_authority",  # ORC-2.2
        "patient_id",  # PID-3 (first repetition)
        "patient_authority",
        "location",  # PV1-3
        "pump_id",  # OBX[3.1=69986]-18.1
        "pump_channel",  # no place in the standard
        "pump_manufacturer",  # OBX[3.1=69986]-18.3
        "weight_at",  # OBX[3.1=68063]-14
        "weight_is_dosing_weight",
        "therapy",  # no place in the standard
        "running_order",  # no place in the standard: the order of an ORC-2 that is an administration's (D-20)
    }
)
"""What a profile may place in an HL7 v2 message; dose, rate, strength and volume are the standard's and may not be moved."""

FHIR_PLACES = frozenset(
    {
        "placer_order_number",
        "placer_authority",
        "patient_id",
        "patient_authority",
        "therapy",
        "weight",
        "weight_at",
        "weight_is_dosing_weight",
    }
)


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """One sending system. ``names`` are the pairs (sending application, facility) or client ids that it speaks under.

    ``zone`` is the offset (``-06:00``) that this sender's times without one are known to be in; empty: a time without an offset is refused.
    ``code_systems`` spells the sender's names of code systems as formulary.csv spells them; "" is the name of "no system sent".
    """

    name: str
    title: str
    format: Format
    names: tuple[tuple[str, str], ...]
    system_group: str
    verification: VerificationRule
    places: Mapping[str, FieldRule] = field(default_factory=dict)
    code_systems: Mapping[str, str] = field(default_factory=dict)
    patient_authorities: frozenset[str] = frozenset()
    """Authorities of the patient ids that count; empty: any."""
    shared_identities: frozenset[str] = frozenset()
    """Clinician ids that more than one person uses: they are nobody's (SR-06)."""
    zone: str = ""
    unit_text: bool = False
    """FHIR: read ``Quantity.unit`` as a site spelling where ``code`` is absent; otherwise such a quantity has no unit (SR-19)."""
    require_profile_id: bool = False
    """HL7: MSH-21.3 must be the transaction's OID (TF examples leave it out: ihe-pcd.md 3.10)."""
    max_parameters: int = 64
    orc2_is: Orc2Is = Orc2Is.ORDER
    """HL7, D-20. For an administration's number the place ``running_order`` ties a change to what runs; without it no change is programmed."""
    application_ack: ApplicationAck = ApplicationAck.ON_SCREEN
    answer_within_s: int = 30
    silent_after_s: int = 0
    """D-27: a feed silent for longer is marked; 0: never."""
