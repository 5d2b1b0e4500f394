"""Would this order be offered? Planned on a supposed pump, before anybody has scanned anything: the answer names what it supposes (D-03, D-29)."""

from dataclasses import dataclass, replace
from datetime import datetime

from interop.domain.channel import Channel
from interop.domain.finding import Finding, PivError
from interop.domain.patient import PatientId
from interop.domain.program import Program
from interop.domain.release import Release
from interop.domain.request import OrderRequest
from interop.pathway import plan
from interop.workbench.supposed import CannotSuppose, Wishes, suppose


@dataclass(frozen=True, slots=True)
class Readiness:
    """``supposed`` in short (``if ICU, LVP, library 42``), ``assumptions`` in full. ``program``: what would be offered, or would be if nothing spoke against it.

    ``patients``: every id of the patient whose order it is.
    """

    supposed: str
    assumptions: tuple[str, ...]
    program: Program | None
    patients: tuple[PatientId, ...]
    refusals: tuple[Finding, ...]
    cautions: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        return not self.refusals


def readiness(request: OrderRequest, release: Release, order_state: str, now: datetime) -> Readiness:
    """``order_state``: of the Order stream, empty where there is none. Pure; takes some milliseconds. Never raises for what is in the request."""
    try:
        case, at = suppose(request, release, Wishes(today=now))
    except CannotSuppose as fault:
        return Readiness("", (), None, (), (Finding.against(PivError.MISSING_PARAMETER, "order", str(fault)),), ())
    made = plan(request, replace(case, order_state=order_state), at)
    patients, program = made.order.patient_ids, made.match.program
    return Readiness(_short(case.channel), made.assumptions, program, patients, made.refusals, made.cautions)


def _short(channel: Channel | None) -> str:
    if channel is None:
        return ""
    library = channel.library.version if channel.library is not None else "unknown"
    return f"if {channel.care_area}, {channel.mode.value}, library {library}"
