"""A pump channel as it last reported itself: what it is, what it runs, which library it has, and when it said so."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from interop.domain.delivery import Mode
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity


class ChannelState(Enum):
    """What the channel does now, as far as it matters to a new program."""

    IDLE = "idle"
    PROGRAMMING = "being programmed by hand"
    PENDING = "an offered program waits on its screen"
    INFUSING = "infusing"
    PAUSED = "paused"
    KVO = "keeping the vein open"
    ENDED = "infusion ended, not cleared"
    DELAYED_START = "in a delayed start"
    FAULT = "in a fault"


@dataclass(frozen=True, slots=True)
class Running:
    """What an occupied channel runs: the order it belongs to (empty: none), the entry, dose and the weight it is dosed by (D-17).

    ``rate`` (mL/h) and ``dose_rate`` (the unit that the channel doses in) are those it is set to, not what flows at this instant.
    ``infusion_id`` is the pump's own. ``system_group`` is whose the order number is (D-04). ``order_number`` is the order's own number where
    ``placer_order_number`` is an administration's and the start said both (D-20). Empty: not known, and a titration is refused (SR-29).
    """

    placer_order_number: str
    entry_key: str
    drug: str
    concentration: Quantity | None
    rate: Quantity
    dose_rate: Quantity | None
    dosing_weight: Quantity | None
    infusion_id: str = ""
    system_group: str = ""
    order_number: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel with its last report. ``None`` or empty is "not reported", and what is not reported blocks (SR-22, SR-29)."""

    pump_id: str
    channel_id: str
    model: str
    mode: Mode
    state: ChannelState
    library: LibraryRef | None
    care_area: str
    reported_at: datetime
    online: bool = True
    powered: bool = True
    set_installed: bool = True
    alarming: bool = False
    patient: PatientId | None = None
    weight: Quantity | None = None
    clock_skew: timedelta | None = timedelta(0)  # pump minus server; None: unknown
    running: Running | None = None
    syringe_volume: Quantity | None = None  # nominal size of the loaded syringe
    is_epidural: bool = False
    manufacturer: str = ""

    @property
    def name(self) -> str:
        return f"{self.pump_id} channel {self.channel_id}" if self.channel_id else self.pump_id
