"""The pump's alarms (section 3.3 of the requirements): MDC term, priority of IHE DEV TF-2 B.8.5, words, and whether delivery stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """One row. ``stops``: delivery stops at once. ``latched``: goes only when its cause is mended, not by a key."""

    code: str
    priority: str  # PH, PM, PL, PN
    text: str
    stops: bool = False

    @property
    def is_high(self) -> bool:
        return self.priority == "PH"


KINDS: Mapping[str, AlarmKind] = MappingProxyType(
    {
        "occlusion": AlarmKind("197360^MDC_EVT_FLUID_LINE_OCCL_DOWNSTREAM", "PH", "Occlusion on the patient's side", stops=True),  # SR-78
        "air": AlarmKind("197200^MDC_EVT_FLUID_LINE_AIR", "PH", "Air in line", stops=True),  # SR-82
        "door": AlarmKind("202828^MDC_EVT_STAT_DOOR_OPEN", "PH", "Door open", stops=True),  # SR-83
        "set": AlarmKind("197346^MDC_EVT_CHECK_IV_SET", "PH", "Set or syringe removed", stops=True),  # SR-83
        "container-empty": AlarmKind("197240^MDC_EVT_CONTAINER_EMPTY", "PH", "Container empty", stops=True),  # SR-88
        "syringe-empty": AlarmKind("197226^MDC_EVT_SYRINGE_EMPTY", "PH", "Syringe empty", stops=True),  # SR-88
        "fault": AlarmKind("196678^MDC_EVT_MALF", "PH", "Pump fault", stops=True),  # SR-62, SR-93
        "battery-empty": AlarmKind("197498^MDC_EVT_BATT_EMPTY", "PH", "Battery empty", stops=True),  # SR-90
        "end": AlarmKind("197194^MDC_EVT_PUMP_VOL_TBI_COMP", "PM", "Volume to be infused is given"),  # SR-87
        "call-back": AlarmKind("197330^MDC_EVT_CALLBACK", "PM", "Paused for more than 2 minutes"),  # SR-68
        "library": AlarmKind("196678^MDC_EVT_MALF", "PM", "Drug library missing, damaged or another"),  # SR-94; no term of its own
        "near-end": AlarmKind("198348^MDC_EVT_PUMP_VOL_TBI_NEAR_COMP", "PL", "Infusion near its end"),  # SR-86
        "unfinished": AlarmKind("197328^MDC_EVT_IDLE", "PL", "Programming is not finished"),  # SR-67
        "battery-low": AlarmKind("196802^MDC_EVT_BATT_LO", "PL", "Battery low: 30 minutes or less"),  # SR-89
        "battery": AlarmKind("198222^MDC_EVT_ON_BATTERY", "PN", "On battery"),  # SR-91
    }
)

WHOLE_PUMP = ("battery-empty", "battery-low", "battery", "library")
"""Alarms of the pump itself; they are told on its first channel's status, because a status has no other place for them."""

WORDS: Mapping[str, str] = MappingProxyType({"PH": "high", "PM": "medium", "PL": "low", "PN": "info"})
RANK: Mapping[str, int] = MappingProxyType({"PH": 0, "PM": 1, "PL": 2, "PN": 3})
