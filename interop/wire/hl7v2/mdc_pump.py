"""The terms by which a pump's data and events are told (IHE DEV TF-2, 3.10, Table M.1.2.1-1; TF-3, chapter 7), by the names the Framework prints.

Numbers and names: NIST extract of RTMMS, January 2025, all Published.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from interop.domain.delivery import Mode
from interop.domain.document import Kind
from interop.domain.events.infusion import Source
from interop.wire.hl7v2.mdc_terms import Term

# ── devices and channels ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

SYSTEMS: Final[Mapping[Mode | None, tuple[Term, Term]]] = MappingProxyType(
    {
        None: (
            Term("69985", "MDC_DEV_PUMP_INFUS_MDS", "infusion pump of a kind that was not said, system"),
            Term("69986", "MDC_DEV_PUMP_INFUS_VMD", "the same, one unit"),
        ),
        Mode.LVP: (
            Term("70049", "MDC_DEV_PUMP_INFUS_LVP_MDS", "large volume pump, system"),
            Term("70050", "MDC_DEV_PUMP_INFUS_LVP_VMD", "large volume pump, one unit"),
        ),
        Mode.SYRINGE: (
            Term("70053", "MDC_DEV_PUMP_INFUS_SYRINGE_MDS", "syringe pump, system"),
            Term("70054", "MDC_DEV_PUMP_INFUS_SYRINGE_VMD", "syringe pump, one unit"),
        ),
        Mode.PCA: (
            Term("70057", "MDC_DEV_PUMP_INFUS_PCA_MDS", "PCA pump, system"),
            Term("70058", "MDC_DEV_PUMP_INFUS_PCA_VMD", "PCA pump, one unit"),
        ),
    }
)
"""Kind of pump → its system and its unit."""

DELIVERY_INFO: Final = Term("70067", "MDC_DEV_PUMP_DELIVERY_INFO", "what the pump delivers now, whatever the source")

SOURCES: Final[Mapping[Source, Term]] = MappingProxyType(
    {
        Source.PRIMARY: Term("70071", "MDC_DEV_PUMP_INFUSATE_SOURCE_PRIMARY", "the primary fluid"),
        Source.SECONDARY: Term("70075", "MDC_DEV_PUMP_INFUSATE_SOURCE_SECONDARY", "the secondary fluid"),
        Source.CLINICIAN: Term("70079", "MDC_DEV_PUMP_CLINICIAN_DOSE_INFO", "a clinician's bolus"),
        Source.LOADING: Term("70083", "MDC_DEV_PUMP_LOADING_DOSE_INFO", "a loading dose"),
        Source.INTERMITTENT: Term("70087", "MDC_DEV_PUMP_INTERMITTENT_DOSE_INFO", "intermittent doses"),
        Source.PCA: Term("70095", "MDC_DEV_PUMP_PCA_INFO", "PCA doses"),
        Source.PRIMING: Term("70107", "MDC_DEV_PUMP_PRIMING_INFO", "priming"),
    }
)

# ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

EVENT: Final = Term("68487", "MDC_ATTR_EVT_COND", "what happened")
EVENT_SOURCE: Final = Term("68488", "MDC_ATTR_EVT_SOURCE", "OBX-4 of the channel that it happened on")

EVENTS: Final[Mapping[Kind, Term]] = MappingProxyType(
    {
        Kind.DELIVERY_STARTED: Term("197288", "MDC_EVT_PUMP_DELIV_START", "delivery starts or resumes"),
        Kind.DELIVERY_STOPPED: Term("197290", "MDC_EVT_PUMP_DELIV_STOP", "delivery stops, or an interval of it ends"),
        Kind.DELIVERY_COMPLETED: Term("197292", "MDC_EVT_PUMP_DELIV_COMP", "the programmed volume or dose is delivered"),
        Kind.CONTACT_CHANGED: Term("197294", "MDC_EVT_COMM_STATUS_CHANGE", "the link to the pump is lost or back"),
        Kind.AUTO_PROGRAM_CLEARED: Term("197298", "MDC_EVT_PUMP_AUTO_PROG_CLEARED", "a received program was cleared before it ran"),
    }
)
"""The event of each PCD-10; STATUS has none, it is PCD-01."""

# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

LIBRARY_VERSION: Final = Term("184517", "MDC_PUMP_DRUG_LIBRARY_VERSION", "version of the drug library")
CARE_AREA: Final = Term("184516", "MDC_PUMP_DRUG_LIBRARY_CARE_AREA", "care area selected at the pump")
COMM_STATUS: Final = Term("188772", "MDC_COMM_STATUS", "whether the pump is heard")

INFUSING_STATUS: Final = Term("184519", "MDC_PUMP_INFUSING_STATUS", "whether fluid moves")
CURRENT_FLOW: Final = Term("158014", "MDC_FLOW_FLUID_PUMP_CURRENT", "flow at this moment")
ACTIVE_SOURCES: Final = Term("158016", "MDC_DEV_PUMP_ACTIVE_SOURCES", "the source that delivers")

DELIVERY_STATUS: Final = Term("158005", "MDC_DEV_PUMP_CURRENT_DELIVERY_STATUS", "what the source does")
NOT_DELIVERING_REASON: Final = Term("158006", "MDC_DEV_PUMP_NOT_DELIVERING_REASON", "why it does not deliver")
DELIVERY_MODE: Final = Term("158008", "MDC_DEV_PUMP_PROGRAM_DELIVERY_MODE", "how the program delivers")
SOURCE_LABEL: Final = Term("158012", "MDC_DEV_PUMP_SOURCE_CHANNEL_LABEL", "name of the source on the pump")
RATE: Final = Term("157784", "MDC_FLOW_FLUID_PUMP", "rate of this source")
DOSE_RATE: Final = Term("157924", "MDC_RATE_DOSE", "dose rate")
VTBI: Final = Term("157884", "MDC_VOL_FLUID_TBI", "volume to be infused")
VTBI_LEFT: Final = Term("157872", "MDC_VOL_FLUID_TBI_REMAIN", "volume still to be infused")
SEGMENT_VOLUME: Final = Term("157992", "MDC_VOL_FLUID_DELIV_SEGMENT", "volume since delivery last started")
TOTAL_VOLUME: Final = Term("157993", "MDC_VOL_FLUID_DELIV_TOTAL", "volume over all segments")
DRUG_NAME: Final = Term("184514", "MDC_DRUG_NAME_LABEL", "the drug's name")
CONCENTRATION: Final = Term("157760", "MDC_CONC_DRUG", "concentration")
DOSING_WEIGHT: Final = Term("68063", "MDC_ATTR_PT_WEIGHT", "the weight that the pump doses by")

VALUES: Final = (
    LIBRARY_VERSION,
    CARE_AREA,
    COMM_STATUS,
    INFUSING_STATUS,
    CURRENT_FLOW,
    ACTIVE_SOURCES,
    DELIVERY_STATUS,
    NOT_DELIVERING_REASON,
    DELIVERY_MODE,
    SOURCE_LABEL,
    RATE,
    DOSE_RATE,
    VTBI,
    VTBI_LEFT,
    SEGMENT_VOLUME,
    TOTAL_VOLUME,
    DRUG_NAME,
    CONCENTRATION,
    DOSING_WEIGHT,
)
