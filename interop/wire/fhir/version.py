"""Which version of FHIR a MedicationRequest is written in: told by the ``fhirVersion`` MIME parameter and by its shape (fhir-infusion.md section 1).

R4 (4.0) and R4B (4.3) are the same for every resource used here and are read; any other is named and refused, never guessed at.
"""

from collections.abc import Mapping
from enum import Enum

from interop.domain.finding import Sub
from interop.wire.fhir.issue import Issue, IssueCode, quoted
from interop.wire.fhir.json import Json


class Version(Enum):
    """Publication and the value of its ``fhirVersion`` parameter (R4, 3.1.0.1.12)."""

    DSTU2 = "1.0"
    STU3 = "3.0"
    R4 = "4.0"
    R4B = "4.3"
    R5 = "5.0"
    R6 = "6.0"


READ = frozenset({Version.R4, Version.R4B})

_R5_ELEMENTS = (
    "medication",
    "reason",
    "reported",
    "informationSource",
    "statusChanged",
    "effectiveDosePeriod",
    "renderedDosageInstruction",
    "device",
)
_R5_DOSAGE = ("asNeeded", "asNeededFor")
_R5_MEDICATION = ("doseForm", "totalVolume", "marketingAuthorizationHolder", "definition")
_STU3_DOSAGE = ("doseQuantity", "doseRange", "doseSimpleQuantity", "rateQuantity", "rateRange", "rateRatio", "rateSimpleQuantity")


def wrong_version(resource: Mapping[str, Json], parameter: str = "") -> Issue | None:
    """None if the body may be read as R4; otherwise why not. ``parameter`` is the value of ``fhirVersion`` in Content-Type, "" if there was none."""
    declared = _declared(parameter)
    if parameter and declared is None:
        return _refusal("MedicationRequest", f"fhirVersion {quoted(parameter)} is not a version that is known here; send R4 (4.0)")
    if declared is not None and declared not in READ:
        return _refusal(
            "MedicationRequest", f"the body is declared as {declared.name} ({declared.value}); only R4 (4.0) and R4B (4.3) are read"
        )
    shape = version_by_shape(resource)
    if shape is None:
        return None
    version, place = shape
    said = f", but it is declared as {declared.name}" if declared is not None else ""
    return _refusal(place, f"this is the shape of FHIR {version.name}{said}; only R4 (4.0) and R4B (4.3) are read")


def version_by_shape(resource: Mapping[str, Json]) -> tuple[Version, str] | None:
    """The version whose own shape the body has, and the element that gives it away; None: nothing speaks against R4."""
    for name in _R5_ELEMENTS:
        if name in resource:
            return Version.R5, f"MedicationRequest.{name}"
    instructions = resource.get("dosageInstruction")
    if isinstance(instructions, dict):
        return Version.R6, "MedicationRequest.dosageInstruction"
    for index, dosage in enumerate(instructions if isinstance(instructions, list) else ()):
        place = f"MedicationRequest.dosageInstruction[{index}]"
        if not isinstance(dosage, dict):
            continue
        if "step" in dosage:
            return Version.R6, f"{place}.step"
        for name in _R5_DOSAGE:
            if name in dosage:
                return Version.R5, f"{place}.{name}"
        for name in _STU3_DOSAGE:
            if name in dosage and "doseAndRate" not in dosage:
                return Version.STU3, f"{place}.{name}"
    contained = resource.get("contained")
    for index, inner in enumerate(contained if isinstance(contained, list) else ()):
        if isinstance(inner, dict) and inner.get("resourceType") == "Medication":
            for name in _R5_MEDICATION:
                if name in inner:
                    return Version.R5, f"MedicationRequest.contained[{index}].{name}"
    return None


def _declared(parameter: str) -> Version | None:
    """``4.0`` as the standard has it, and ``4.0.1`` as clients also send it."""
    major_minor = ".".join(parameter.split(".")[:2])
    return next((version for version in Version if version.value == major_minor), None)


def _refusal(place: str, detail: str) -> Issue:
    return Issue(IssueCode.NOT_SUPPORTED, place, detail, Sub.NOT_AN_ORDER)
