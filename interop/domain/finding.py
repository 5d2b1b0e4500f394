"""What speaks against an order, or must be seen before it is confirmed: a code, a sentence, an action and an owner.

``PivError`` is ERR-5 of IHE DEV TF-2, Appendix B.3, code for code; ``Sub`` holds this project's sub-codes, used where no IHE code says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Owner(Enum):
    """Whose move it is."""

    NURSE = "nurse"
    PRESCRIBER = "prescriber"
    PHARMACY = "pharmacist"
    ANALYST = "interface analyst"
    BIOMED = "biomedical engineer"
    IT = "engineer on call"


class Severity(Enum):
    REFUSE = "refuse"  # nothing is offered
    CAUTION = "caution"  # offered; a clinician must see it, and answer it where `must_confirm`
    NOTE = "note"  # kept and shown, asks for nothing


class PivError(Enum):
    """Infusion error codes (IHE DEV TF-2, B.3): number, text, MSA-1 of the answer (D-08: fixed per code), owner, what to do."""

    UNKNOWN_CHANNEL = 9001, "Unknown infuser or channel", "AR", Owner.NURSE, "Scan the channel's own label again."
    NOW_INFUSING = 9002, "Infuser or channel is infusing now", "AE", Owner.NURSE, "Choose a free channel, or end what runs there first."
    MISSING_PARAMETER = 9003, "Required program parameters missing", "AR", Owner.ANALYST, "The sending system must send this field."
    INVALID_PARAMETER = 9004, "Program parameters invalid", "AR", Owner.ANALYST, "The sending system must correct this field."
    OUT_OF_RANGE = (
        9005,
        "Parameter outside the allowed range",
        "AR",
        Owner.PRESCRIBER,
        "Check the order; program by hand only what is meant.",
    )
    POWERED_OFF = 9006, "Infuser is off", "AE", Owner.NURSE, "Switch the pump on, then press Resend."
    OFFLINE = 9007, "Infuser offline or unreachable", "AE", Owner.BIOMED, "Program by hand; have the pump's connection checked."
    INVALID_UNITS = (
        9008,
        "Invalid units for a parameter",
        "AR",
        Owner.PHARMACY,
        "Approve the spelling in units.csv, or correct the unit in the order.",
    )
    DOSE_UNITS_DIFFER = (
        9009,
        "Dose or rate units differ from the drug library's",
        "AR",
        Owner.PRESCRIBER,
        "Order in the drug library's dosing unit.",
    )
    DRUG_NOT_MATCHED = (
        9010,
        "Unable to match medication to drug library",
        "AR",
        Owner.PHARMACY,
        "Map this code in formulary.csv, if it names one composition; a plain fluid is matched by product code only.",
    )
    WEIGHT_DIFFERS = (
        9011,
        "Patient weight differs from the pump's",
        "AR",
        Owner.NURSE,
        "Weigh the patient or correct the weight, then press Resend.",
    )
    PATIENT_DIFFERS = 9012, "Patient id differs from the pump's", "AR", Owner.NURSE, "Check the wristband and the pump; do not start."
    NO_PIGGYBACK = (
        9013,
        "Medication cannot be programmed as piggyback",
        "AR",
        Owner.PRESCRIBER,
        "Run it as a primary infusion on its own channel.",
    )
    ABOVE_MAXIMUM = (
        9014,
        "Dose rate or VTBI above the maximum",
        "AR",
        Owner.PRESCRIBER,
        "Check the order: this pump cannot or may not run it.",
    )
    TIMED_OUT = 9015, "Request timed out", "AE", Owner.NURSE, "Look at the pump; press Resend if nothing is shown there."
    OTHER = 9016, "Other error", "AR", Owner.IT, "Program by hand; the engineer on call is told."
    CANNOT_ACCEPT = (
        9017,
        "Infuser cannot accept a program in its present state",
        "AE",
        Owner.NURSE,
        "Clear the pump's screen, then press Resend.",
    )
    DIFFERS_FROM_LIBRARY = (
        9018,
        "Parameter differs from drug library",
        "AR",
        Owner.PHARMACY,
        "Compare the container with the drug library's entry.",
    )
    WEIGHT_MISSING = 9019, "Patient weight missing", "AR", Owner.NURSE, "Chart a dosing weight, then press Resend."
    HEIGHT_MISSING = 9020, "Patient height missing", "AR", Owner.NURSE, "Chart the height, then press Resend."
    CARE_AREA_MISMATCH = (
        9021,
        "Care area mismatch, or not cleared on the pump",
        "AR",
        Owner.NURSE,
        "Select the patient's care area on the pump.",
    )
    STALE = 9022, "Request is stale", "AE", Owner.NURSE, "Scan again: the request is too old to be safe."
    REJECTED_BY_USER = 9023, "Program rejected by the user before start", "AE", Owner.NURSE, "Send again if it is still wanted."
    HARD_LIMIT = (
        9024,
        "Hard limit of the drug library exceeded",
        "AR",
        Owner.PRESCRIBER,
        "Check the order: the drug library forbids this value.",
    )
    LOCKOUT_MISSING = (
        9025,
        "Lockout interval missing although a patient dose is there",
        "AR",
        Owner.PRESCRIBER,
        "Order the lockout interval.",
    )
    PCA_LIMIT_MISSING = 9026, "Required PCA dose limit missing", "AR", Owner.PRESCRIBER, "Order the dose limit of the period."
    BSA_MISSING = 9027, "Body surface area missing", "AR", Owner.NURSE, "Chart height and weight, then press Resend."
    SET_NOT_INSTALLED = 9028, "Tubing, cassette or syringe not installed", "AE", Owner.NURSE, "Load the set or syringe, then press Resend."
    NO_CARE_AREA = 9029, "No care area selected", "AE", Owner.NURSE, "Select the care area on the pump, then press Resend."
    CANNOT_INTERRUPT = 9030, "The running medication cannot be interrupted", "AR", Owner.NURSE, "Use another channel."
    PATIENT_ID_INVALID = 9031, "Patient id missing or invalid", "AR", Owner.NURSE, "Scan the wristband again."
    DELAYED_START = 9032, "Pump is in a delayed start", "AE", Owner.NURSE, "End the delayed start on the pump, then press Resend."
    ALARMING = 9033, "Pump is alarming", "AE", Owner.NURSE, "Clear the alarm on the pump, then press Resend."
    BOLUS_VOLUME = 9034, "Bolus: not enough fluid in the container", "AE", Owner.NURSE, "Hang a new container first."
    BOLUS_PARENT = 9035, "Bolus: parent order is not the one that runs", "AR", Owner.NURSE, "Scan the channel that runs the parent order."
    BOLUS_DRUG = 9036, "Bolus: medication is not the one that runs", "AR", Owner.NURSE, "Scan the channel that runs this medication."
    BOLUS_CONCENTRATION = (
        9037,
        "Bolus: concentration is not the one that runs",
        "AR",
        Owner.PHARMACY,
        "Order the bolus at the running concentration.",
    )
    BOLUS_UNSUPPORTED = 9038, "Bolus not supported by this pump", "AR", Owner.NURSE, "Give the bolus by hand at the pump."
    BOLUS_NOT_ALLOWED = 9039, "Drug library does not allow a bolus of this drug", "AR", Owner.PRESCRIBER, "Order it another way."
    BOLUS_UNITS = 9040, "Bolus: dose units differ from the program's", "AR", Owner.PRESCRIBER, "Order the bolus in the drug library's unit."
    MULTISTEP_UNREADABLE = 9041, "Multistep program cannot be parsed", "AR", Owner.ANALYST, "The sending system must correct the steps."
    NO_LOADING_DOSE = 9042, "No loading dose configured for the drug", "AR", Owner.PHARMACY, "Order the loading dose separately."
    NO_MULTISTEP = 9043, "Drug does not allow multistep", "AR", Owner.PHARMACY, "Order the steps one by one."
    STEP_TYPE = 9044, "Multistep: step type not supported", "AR", Owner.ANALYST, "The sending system must use a supported step type."

    def __init__(self, number: int, text: str, acknowledgment_code: str, owner: Owner, action: str) -> None:
        self.number, self.text, self.acknowledgment_code, self.owner, self.action = number, text, acknowledgment_code, owner, action


class Sub(Enum):
    """Project sub-codes under 9016, and under others where the IHE text alone would not tell the cause: key, parent, owner, what to do.

    IHE has codes for a bolus that does not fit what runs (9035 to 9037, 9040) and none for a change of rate: the latter has theirs, under a name.
    """

    CONFLICT = "conflict", PivError.OTHER, Owner.ANALYST, "The same request came twice with different content: send it under a new id."
    LIBRARY_VERSION = "library-version", PivError.OTHER, Owner.BIOMED, "Program by hand; bring the pump to a released library version."
    OUTCOME_UNKNOWN = "outcome-unknown", PivError.OTHER, Owner.NURSE, "Look at the pump before programming by hand."
    ORDER_NOT_ACTIVE = (
        "order-not-active",
        PivError.OTHER,
        Owner.PRESCRIBER,
        "Only an active order is programmed: renew it, or program nothing.",
    )
    NOT_VERIFIED = "not-verified", PivError.OTHER, Owner.PHARMACY, "Waiting for pharmacist: verify the order, then press Resend."
    UNKNOWN_SENDER = "unknown-sender", PivError.OTHER, Owner.ANALYST, "Add the sender's name to its profile in senders/, or correct it."
    KIND_NOT_PLANNED = "kind-not-planned", PivError.OTHER, Owner.NURSE, "Program this kind of infusion by hand."
    NOT_AN_ORDER = "not-an-order", PivError.OTHER, Owner.ANALYST, "This message is not an order that programs a pump; route it elsewhere."
    CHECK_FAILED = (
        "check-failed",
        PivError.OTHER,
        Owner.IT,
        "Program by hand; a check could not be finished, the engineer on call must look.",
    )
    HELD = "entry-hold", PivError.OTHER, Owner.PHARMACY, "Program by hand; pharmacy has put this entry on hold."
    SKEW = "clock-skew", PivError.OTHER, Owner.IT, "Program by hand; the clocks must be set right first."
    SHARED_IDENTITY = "shared-identity", PivError.OTHER, Owner.NURSE, "Log in with your own identity and scan again."
    NO_ASSOCIATION = "not-associated", PivError.OTHER, Owner.NURSE, "Scan wristband, container and channel again."
    ROUNDING = "rounding", PivError.OTHER, Owner.PHARMACY, "This pump's step is too coarse: use a weaker concentration or a syringe pump."
    NO_HARD_HIGH = (
        "no-hard-high",
        PivError.OTHER,
        Owner.PHARMACY,
        "Set a hard limit in the library before this entry is programmed automatically.",
    )
    NO_BEDSIDE_REQUEST = "no-bedside-request", PivError.OTHER, Owner.NURSE, "Scan wristband, container and channel at the bedside."
    NOT_RUNNING = (
        "not-running",
        PivError.CANNOT_ACCEPT,
        Owner.NURSE,
        "Scan the channel that runs this order, or send the order as a start.",
    )
    TITRATION_ORDER = "titration-order", PivError.BOLUS_PARENT, Owner.NURSE, "Scan the channel that runs this order."
    TITRATION_DRUG = (
        "titration-drug",
        PivError.BOLUS_DRUG,
        Owner.NURSE,
        "End what runs at the pump, then program the new drug as a start.",
    )
    TITRATION_CONCENTRATION = (
        "titration-concentration",
        PivError.BOLUS_CONCENTRATION,
        Owner.NURSE,
        "Compare the container that hangs with the order; another strength is a new start, not a change of rate.",
    )
    TITRATION_UNIT = (
        "titration-unit",
        PivError.BOLUS_UNITS,
        Owner.NURSE,
        "Change the rate by hand at the pump, in the unit that it shows.",
    )
    TITRATION_ENTRY = (
        "titration-entry",
        PivError.DIFFERS_FROM_LIBRARY,
        Owner.NURSE,
        "Change the rate by hand at the pump, or end what runs and program the order as a start.",
    )
    CONTAINER = "container", PivError.OTHER, Owner.NURSE, "Do not hang it: get the container that was made for this order, then scan again."
    IN_DOUBT = "association-in-doubt", PivError.OTHER, Owner.NURSE, "Confirm on the bedside page whose pump this is, then scan again."
    UNCHANGED = "unchanged", PivError.OTHER, Owner.NURSE, "Leave the pump as it is, and chart the rate that it runs at."
    OFFER_OPEN = "offer-open", PivError.OTHER, Owner.NURSE, "Answer the program that waits on the pump first."
    LIVE_ELSEWHERE = "live-elsewhere", PivError.OTHER, Owner.NURSE, "This order already runs on another channel: look there first."
    NOT_TOTAL = "total-dose", PivError.HARD_LIMIT, Owner.PRESCRIBER, "The whole order would give more than the drug library allows."
    SILENT_FEED = "silent-feed", PivError.OTHER, Owner.IT, "Program by hand; the order feed has been silent."
    NO_AGREEMENT = (
        "values-disagree",
        PivError.INVALID_PARAMETER,
        Owner.PRESCRIBER,
        "The order contradicts itself: correct it before it is programmed.",
    )
    AMBIGUOUS = "ambiguous", PivError.DRUG_NOT_MATCHED, Owner.PHARMACY, "Make the mapping lead to exactly one entry."
    THERAPY = "therapy", PivError.DRUG_NOT_MATCHED, Owner.PHARMACY, "Send the therapy with the order: several entries differ by it alone."
    NO_ENTRY = (
        "no-entry",
        PivError.DRUG_NOT_MATCHED,
        Owner.PHARMACY,
        "Add an entry for this drug to the care area's library, or use another pump.",
    )
    CONCENTRATION = (
        "concentration",
        PivError.DIFFERS_FROM_LIBRARY,
        Owner.PHARMACY,
        "Compare the container with the library: this concentration is not in it.",
    )
    ROUTE = "route", PivError.DIFFERS_FROM_LIBRARY, Owner.NURSE, "Check the line: route and channel do not fit this drug."
    RANGE_ONLY = "range-only", PivError.MISSING_PARAMETER, Owner.PRESCRIBER, "A titration range is no start rate: order the start rate."
    FREE_TEXT_ONLY = (
        "free-text-only",
        PivError.MISSING_PARAMETER,
        Owner.ANALYST,
        "The dose stands in free text only; it must be sent in fields.",
    )

    def __init__(self, key: str, parent: PivError, owner: Owner, action: str) -> None:
        self.key, self.parent, self.owner, self.action = key, parent, owner, action


Code = PivError | Sub


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason, in words for the person whose move it is.

    ``field`` names what was read (``RXG-16``, a FHIRPath, ``channel``, ``DL-010 hard_high``); ``must_confirm`` marks a caution that the clinician answers
    at the pump (an override with its reason, a weight confirmed), so that it costs an action.
    """

    severity: Severity
    code: Code | None
    field: str
    sentence: str
    action: str = ""
    owner: Owner = Owner.NURSE
    must_confirm: bool = False

    @classmethod
    def against(cls, code: Code, field: str, sentence: str = "", *, action: str = "", owner: Owner | None = None) -> "Finding":
        """A reason to refuse. Without ``sentence`` the code's own text is said."""
        text = code.text if isinstance(code, PivError) else code.parent.text
        return cls(Severity.REFUSE, code, field, sentence or text, action or code.action, owner or code.owner)

    @classmethod
    def caution(
        cls,
        field: str,
        sentence: str,
        *,
        action: str = "",
        code: Code | None = None,
        must_confirm: bool = False,
        owner: Owner = Owner.NURSE,
    ) -> "Finding":
        return cls(Severity.CAUTION, code, field, sentence, action, owner, must_confirm)

    @classmethod
    def note(cls, field: str, sentence: str) -> "Finding":
        return cls(Severity.NOTE, None, field, sentence)

    @property
    def refuses(self) -> bool:
        return self.severity is Severity.REFUSE

    @property
    def piv_error(self) -> PivError | None:
        """The IHE code that goes into ERR-5."""
        return self.code.parent if isinstance(self.code, Sub) else self.code

    @property
    def code_text(self) -> str:
        """``9010``, or ``9016.conflict`` for a sub-code; empty for a caution without one."""
        match self.code:
            case None:
                return ""
            case PivError() as code:
                return str(code.number)
            case Sub() as sub:
                return f"{sub.parent.number}.{sub.key}"


_WHO = frozenset(
    {
        PivError.UNKNOWN_CHANNEL,
        PivError.PATIENT_DIFFERS,
        PivError.PATIENT_ID_INVALID,
        Sub.NO_BEDSIDE_REQUEST,
        Sub.NO_ASSOCIATION,
        Sub.SHARED_IDENTITY,
        Sub.UNKNOWN_SENDER,
        Sub.TITRATION_ORDER,
        Sub.CONTAINER,
        Sub.IN_DOUBT,
    }
)
_MAY_IT = frozenset(
    {Sub.ORDER_NOT_ACTIVE, Sub.NOT_VERIFIED, Sub.KIND_NOT_PLANNED, Sub.CONFLICT, Sub.HELD, Sub.OFFER_OPEN, Sub.LIVE_ELSEWHERE}
)
_WHEN = frozenset({PivError.STALE, Sub.SKEW, Sub.SILENT_FEED})
_WHERE = frozenset(
    {
        PivError.OFFLINE,
        PivError.POWERED_OFF,
        PivError.NOW_INFUSING,
        PivError.CANNOT_ACCEPT,
        PivError.SET_NOT_INSTALLED,
        PivError.DELAYED_START,
        PivError.ALARMING,
        PivError.NO_CARE_AREA,
        PivError.CARE_AREA_MISMATCH,
        Sub.LIBRARY_VERSION,
        Sub.NOT_RUNNING,
    }
)
_QUESTIONS = (_WHO, _MAY_IT, _WHEN, _WHERE)
_SEVERITIES = {Severity.REFUSE: 0, Severity.CAUTION: 1, Severity.NOTE: 2}


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Only one ERR fits into an RRG: refusals first, by question (who and on what, may it be given, when, where, then what and how much)."""

    def rank(finding: Finding) -> tuple[int, int]:
        if not finding.refuses:
            return _SEVERITIES[finding.severity], 0
        question = next((place for place, codes in enumerate(_QUESTIONS) if finding.code in codes), len(_QUESTIONS))
        return 0, question

    return tuple(sorted(findings, key=rank))
