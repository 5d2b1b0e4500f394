"""The order as sent: text, and the place where it stood. Nothing here has been understood yet; a reader in ``wire`` fills it and judges nothing.

Absent is ``AsSent("", place)``: it is not zero, and it is not the same as text that cannot be read.
"""

from dataclasses import dataclass, field
from enum import Enum

from interop.domain.finding import Finding


@dataclass(frozen=True, slots=True)
class AsSent:
    """One value as sent, escapes decoded and nothing else changed. ``field`` is what a finding names: ``RXG-15`` or a FHIRPath."""

    text: str = ""
    field: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class UnitClaim:
    """One of the codings that a unit was sent with: the text that must name a unit, and the system it claims (``UCUM``, ``MDC``, ``text``).

    For MDC the reader gives the UCUM code of the standard's table; ``spelling`` is empty for an MDC code that is not in it.
    """

    spelling: str
    system: str
    field: str
    as_sent: str


@dataclass(frozen=True, slots=True)
class UnitAsSent:
    """All codings of one unit; they must agree (``mL^mL^UCUM^263762^MDC_DIM_MILLI_L^MDC``). Empty: no unit was sent."""

    claims: tuple[UnitClaim, ...] = ()
    field: str = ""


@dataclass(frozen=True, slots=True)
class AmountAsSent:
    """A number and its unit as sent. Number and unit stay apart so that each finding can name the field it read.

    ``comparator`` is FHIR's ``Quantity.comparator`` (never programmable).
    """

    number: AsSent = AsSent()
    unit: UnitAsSent = UnitAsSent()
    comparator: str = ""

    def __bool__(self) -> bool:
        return bool(self.number.text or self.unit.claims)


@dataclass(frozen=True, slots=True)
class RatioAsSent:
    """FHIR Ratio: numerator over denominator (102 mL per 1 h; 1500 mg over 30 min; 400 mg per 250 mL)."""

    numerator: AmountAsSent = AmountAsSent()
    denominator: AmountAsSent = AmountAsSent()
    field: str = ""

    def __bool__(self) -> bool:
        return bool(self.numerator or self.denominator)


@dataclass(frozen=True, slots=True)
class CodeAsSent:
    """One coding: an id in a system. ``system`` is as sent (``NDC``, a URL, or empty when the sender named none)."""

    code: str
    system: str
    text: str
    field: str


@dataclass(frozen=True, slots=True)
class IdentifierAsSent:
    """An order number or person id: value and the namespace that issued it (EI, CX, FHIR Identifier)."""

    value: AsSent = AsSent()
    authority: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class PatientAsSent:
    """Who the order is for. ``identity_unknown`` is PID-31; ``reference`` is how a FHIR order refers to them, empty for a contained one."""

    ids: tuple[IdentifierAsSent, ...] = ()
    name: AsSent = AsSent()
    birth_date: AsSent = AsSent()
    sex: AsSent = AsSent()
    location: AsSent = AsSent()
    identity_unknown: AsSent = AsSent()
    reference: AsSent = AsSent()


@dataclass(frozen=True, slots=True)
class PumpAsSent:
    """The pump channel named by the bedside scan: id, channel within the pump, manufacturer (EUI-64, OID). All empty when the order names no pump."""

    id: AsSent = AsSent()
    channel: AsSent = AsSent()
    manufacturer: AsSent = AsSent()


@dataclass(frozen=True, slots=True)
class IngredientAsSent:
    """One component of a mixture (RXC, FHIR Medication.ingredient) with its strength."""

    codes: tuple[CodeAsSent, ...]
    strength: RatioAsSent = RatioAsSent()
    role: str = ""  # "base", "additive" or "" when not said
    field: str = ""


@dataclass(frozen=True, slots=True)
class ParameterAsSent:
    """A coded programming parameter (OBX of PCD-03 beside weight, height and BSA): PCA dose, lockout, step type, bolus rate."""

    code: CodeAsSent
    value: AmountAsSent


@dataclass(frozen=True, slots=True)
class GiveAsSent:
    """One give: an RXG with its TQ1, RXR and OBX, or one dosageInstruction. Several are the steps of a multistep program.

    ``amounts`` holds what may be a rate, a dose rate or a dose: the unit's dimension tells which, never the field (RXG-15; doseQuantity; rateQuantity).
    ``rate_range`` is a titration window, not a start rate.
    """

    sub_id: AsSent = AsSent()
    codes: tuple[CodeAsSent, ...] = ()
    vtbi: AmountAsSent = AmountAsSent()
    amounts: tuple[AmountAsSent, ...] = ()
    ratios: tuple[RatioAsSent, ...] = ()
    rate_range: tuple[AmountAsSent, AmountAsSent] | None = None
    duration: tuple[AmountAsSent, ...] = ()
    strength: AmountAsSent = AmountAsSent()
    strength_volume: AmountAsSent = AmountAsSent()
    concentration: RatioAsSent = RatioAsSent()
    ingredients: tuple[IngredientAsSent, ...] = ()
    routes: tuple[CodeAsSent, ...] = ()
    device: AsSent = AsSent()  # IVP, PCA, SYR of HL7 table 0164
    method: AsSent = AsSent()  # IV, IVPB of HL7 table 0165
    as_needed: AsSent = AsSent()
    text: AsSent = AsSent()
    parameters: tuple[ParameterAsSent, ...] = ()


class Purpose(Enum):
    """What the sender wants done (ORC-1 of PCD-03; a FHIR order is always START or, changed, CHANGE)."""

    START = "RE"  # start, or a further container of the same order
    CHANGE = "XO"
    BOLUS = "CH"


class VerificationPolicy(Enum):
    """D-14: how a sender's orders are known to be verified by a pharmacist."""

    FIELD = "field"
    BY_CONTRACT = "by_contract"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class VerificationAsSent:
    """D-14: the sender's policy; for ``field`` what was read, and whether the profile's table takes it as verified (None: not in the table)."""

    policy: VerificationPolicy
    value: AsSent = AsSent()
    verified: bool | None = None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as sent. ``findings`` are what the reader itself could not accept (structure, unknown modifier), said with everything else."""

    sender: str  # name of the sender's profile
    system_group: str  # D-04: sending systems that share order numbers
    message_kind: str  # "RGV^O15" or "MedicationRequest"
    message_id: AsSent
    sent_at: AsSent  # MSH-7; empty for FHIR
    purpose: Purpose | None
    order_control: AsSent  # ORC-1 as sent
    placer_order_number: IdentifierAsSent
    requested_at: AsSent  # ORC-9: when the clinician asked
    requested_by: AsSent  # ORC-19
    patient: PatientAsSent
    verification: VerificationAsSent
    gives: tuple[GiveAsSent, ...]
    pump: PumpAsSent = PumpAsSent()
    parent_order: IdentifierAsSent = IdentifierAsSent()
    running_order: AsSent = AsSent()  # D-20: the order that an administration's number (ORC-2) belongs to, where the profile reads it
    status: AsSent = AsSent()
    intent: AsSent = AsSent()
    do_not_perform: AsSent = AsSent()
    weight: AmountAsSent = AmountAsSent()
    weight_at: AsSent = AsSent()
    weight_is_dosing_weight: bool = False
    height: AmountAsSent = AmountAsSent()
    body_surface_area: AmountAsSent = AmountAsSent()
    therapy: AsSent = AsSent()
    version: AsSent = AsSent()
    bedside: bool = True  # D-06: only a bedside request makes an offer; a stored FHIR order waits for its scan
    findings: tuple[Finding, ...] = field(default=())
