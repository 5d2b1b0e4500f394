"""What a pump is before anything happens to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """One pump. ``ripple``: the seeded flow model of the physics instead of an ideal flow; ``faults``: faults may be injected (SR-98)."""

    pump_id: str
    model: str = "demo-lvp"
    care_area: str = ""
    serial: str = ""
    firmware: str = "sim-1"
    ripple: bool = False
    faults: bool = False
    speed: str = "1"
    tombstones: int = 10_000
    refuses: bool = False  # every offer, as if the channel were busy: a fault
    sets_loaded: bool = True  # the demo's ward has them ready
