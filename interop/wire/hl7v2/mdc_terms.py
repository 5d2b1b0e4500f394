"""The observations that a PCD-03 order may carry in OBX-3 (IHE DEV TF-2, 3.3.4.4.8 to 3.3.4.4.10), as MDC terms.

Numbers and names: NIST extract of RTMMS, January 2025, all Published. A number is believed before a name; a name is looked up only for the
number 0 and by configuration (see ``mdc``).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Term(NamedTuple):
    """An MDC term: its number, its name as the Technical Framework prints it, what it means, and the other names it is sent under."""

    code: str
    refid: str
    meaning: str
    also: tuple[str, ...] = ()


PUMP_ID: Final = Term("69986", "MDC_DEV_PUMP_INFUS_VMD", "the pump, whose id is in OBX-18")

PATIENT_WEIGHT: Final = Term("68063", "MDC_ATTR_PT_WEIGHT", "patient weight, in g or kg")
PATIENT_HEIGHT: Final = Term("68060", "MDC_ATTR_PT_HEIGHT", "patient height, in cm")
BODY_SURFACE_AREA: Final = Term("188744", "MDC_AREA_BODY_SURF_ACTUAL", "body surface area, in m2")

LOADING_DOSE: Final = Term("158018", "MDC_DOSE_LOADING", "PCA or other loading dose")
PCA_PATIENT_DOSE: Final = Term("158017", "MDC_DOSE_PCA_PATIENT", "dose that the patient requests (PCA bolus)")
PCA_LOCKOUT: Final = Term("157989", "MDC_TIME_PCA_LOCKOUT", "lockout between patient doses", ("MDC_TIME_PD_PCA_LOCKOUT",))
PCA_DOSE_LIMIT: Final = Term("157985", "MDC_DOSE_PCA_LIMIT", "dose limit within the limit period")
PCA_VOLUME_LIMIT: Final = Term("157986", "MDC_VOL_PCA_DOSE_LIMIT", "dose limit within the limit period, as a volume")
PCA_LIMIT_PERIOD: Final = Term("157987", "MDC_TIME_PD_PCA_DOSE_LIMIT", "length of the limit period")
PCA_MOST_DOSES_PER_HOUR: Final = Term(
    "157988", "MDC_RATE_PCA_MAX_DOSES_PER_HOUR", "most patient doses in an hour", ("MDC_RATE_PCA_MAX_PATIENT_DOSES_PER_HOUR",)
)

CLINICIAN_DOSE: Final = Term("158019", "MDC_DOSE_CLINICIAN", "clinician bolus")
INTERMITTENT_DOSE: Final = Term("158023", "MDC_DOSE_INTERMITTENT", "size of one intermittent dose")
DOSE_START_INTERVAL: Final = Term("157998", "MDC_TIME_PD_DOSE_START_INTERVAL", "interval from start to start of intermittent doses")
NEXT_DOSE_AT: Final = Term("158025", "MDC_TIME_PROG_NEXT_DOSE", "time of the next programmed dose")
CONTAINER_VOLUME_AT_START: Final = Term("157994", "MDC_VOL_FLUID_CONTAINER_START", "volume in the container at the start")

ORDER_TYPE: Final = Term("158038", "MDC_INFUS_ORDER_TYPE", "kind of order: clinician-dose, loading-dose, continuous")
STEP_TYPE: Final = Term("158037", "MDC_INFUS_ORDER_STEP_TYPE", "kind of step: loading-dose, continuous")
NUMBER_OF_STEPS: Final = Term("158033", "MDC_INFUS_TOTAL_NUM_STEPS", "number of steps of a multistep program")
BOLUS_RATE: Final = Term("157784", "MDC_FLOW_FLUID_PUMP", "rate of a bolus", ("MDC_RATE_INFUS",))

TERMS: Final = (
    PUMP_ID,
    PATIENT_WEIGHT,
    PATIENT_HEIGHT,
    BODY_SURFACE_AREA,
    LOADING_DOSE,
    PCA_PATIENT_DOSE,
    PCA_LOCKOUT,
    PCA_DOSE_LIMIT,
    PCA_VOLUME_LIMIT,
    PCA_LIMIT_PERIOD,
    PCA_MOST_DOSES_PER_HOUR,
    CLINICIAN_DOSE,
    INTERMITTENT_DOSE,
    DOSE_START_INTERVAL,
    NEXT_DOSE_AT,
    CONTAINER_VOLUME_AT_START,
    ORDER_TYPE,
    STEP_TYPE,
    NUMBER_OF_STEPS,
    BOLUS_RATE,
)

BY_CODE: Final[Mapping[str, Term]] = MappingProxyType({term.code: term for term in TERMS})
BY_REFID: Final[Mapping[str, Term]] = MappingProxyType({refid: term for term in TERMS for refid in (term.refid, *term.also)})
