"""The stories behind the golden Tasks: what a programme's events and those of its infusion say, and what a chart reads of it then."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import EndCause, InfusionEvent
from interop.domain.events.nouns import Edit, PatientNumber, Reason
from interop.domain.events.programme import (
    AnswerLost,
    Attested,
    Confirmed,
    Evidence,
    Expired,
    OfferNotSent,
    OfferOpened,
    OfferSent,
    OfferShown,
    ProgrammeEvent,
    RecallCause,
    Recalled,
    RefusedByChecks,
    RejectCause,
    Rejected,
    Seen,
    Withdrawn,
)
from interop.domain.finding import Finding, PivError
from interop.domain.lifecycle.infusion import fold
from interop.domain.task import Named, Task
from interop.stages.task import Pump, task_of
from interop.wire.fhir.json import write
from interop.wire.fhir.task import resource_of
from tests.wards.documented import planned
from tests.wards.infusions import BEGUN, EIGHT, PATIENT, ended, kvo, lost, offered, paused, rate, volume_done

NAMED = Named("EHR1", (PATIENT,))
SIMULATED = Pump("SIM-LVP", is_simulated=True)


def told(second: int) -> dict[str, Any]:
    """By the pump, so many seconds after eight, recorded a second later."""
    at = EIGHT + timedelta(seconds=second)
    return {"at": at + timedelta(seconds=1), "pump": PumpSaid(at, timedelta(0), "LOG-7", second)}


def ours(second: int) -> dict[str, Any]:
    return {"at": EIGHT + timedelta(seconds=second)}


PLANNED = replace(planned(), settings=(*offered("15.4", "5"),))
SENT = OfferSent(**ours(1), offer_id="PRG-5", untouched_s=300, idle_s=180, total_s=900)
SHOWN = OfferShown(**told(2))
OPENED = OfferOpened(**told(20), by="RN-17")
CONFIRMED = Confirmed(
    **told(30), evidence=Evidence.DECISION, by="RN-17", second_check_by="RN-23", settings=PLANNED.settings, edits=(), overrides=()
)
RUNS = replace(CONFIRMED, evidence=Evidence.RUNNING, settings=(), second_check_by="")
EDITED = replace(CONFIRMED, edits=(Edit("rate", rate("15.4"), rate("14")),))
REJECTED = Rejected(**told(40), cause=RejectCause.BY_CLINICIAN, by="RN-17", words="wrong channel")
EXPIRED = Expired(**told(310))
WITHDRAWN = Withdrawn(**told(60))
LOST = AnswerLost(**ours(31), waited_s=30)
RECALLED = Recalled(**ours(50), cause=RecallCause.ORDER_ENDED, by="J-2")
ATTESTED = Attested(**ours(120), by="RN-17", seen_at=EIGHT + timedelta(seconds=110), saw=Seen.NOTHING, words="the channel is idle")
REASONS = (
    Reason.of(Finding.against(PivError.HARD_LIMIT, "RXG-15", "50 ug/kg/min lies above the hard limit of 20 ug/kg/min")),
    Reason.of(Finding.against(PivError.OFFLINE, "channel", "the pump is not connected")),
)
REFUSED = RefusedByChecks(at=EIGHT, reasons=REASONS)
NOT_SENT = OfferNotSent(**ours(1), reason=REASONS[1])
ON_SCREEN: Sequence[ProgrammeEvent] = (PLANNED, SENT, SHOWN)
STARTED: Sequence[ProgrammeEvent] = (*ON_SCREEN, CONFIRMED)


def read(events: Sequence[ProgrammeEvent], infusion: Sequence[InfusionEvent] = (), named: Named = NAMED, pump: Pump = SIMULATED) -> Task:
    """As a chart reads it after these events."""
    task = task_of(events, infusion, fold(infusion), named, pump)
    assert task is not None
    return task


def resource(*events: ProgrammeEvent, infusion: Sequence[InfusionEvent] = (), named: Named = NAMED, pump: Pump = SIMULATED) -> bytes:
    return write(resource_of(read(events, infusion, named, pump)))


OF_FHIR = Named("urn:oid:1.2.3", (PATIENT, PatientNumber("p-1", "")), "Patient/p-1", "R000001")

TASKS: Mapping[str, Callable[[], bytes]] = {
    "refused": lambda: resource(replace(PLANNED, settings=()), REFUSED),
    "not-sent": lambda: resource(PLANNED, NOT_SENT),
    "on-screen": lambda: resource(*ON_SCREEN),
    "on-screen-of-fhir-order": lambda: resource(*ON_SCREEN, OPENED, named=OF_FHIR, pump=Pump()),
    "confirmed": lambda: resource(*STARTED),
    "confirmed-edited": lambda: resource(*ON_SCREEN, EDITED),
    "running": lambda: resource(*STARTED, infusion=BEGUN),
    "kvo": lambda: resource(*STARTED, infusion=[*BEGUN, volume_done(900, "250"), kvo(900, "250")]),
    "paused": lambda: resource(*STARTED, infusion=[*BEGUN, paused(30, "7.7")]),
    "stale": lambda: resource(*STARTED, infusion=[*BEGUN, lost(31, 30)]),
    "completed": lambda: resource(*STARTED, infusion=[*BEGUN, volume_done(900, "250"), ended(901, "250", EndCause.COMPLETED)]),
    "rejected": lambda: resource(*ON_SCREEN, REJECTED),
    "expired": lambda: resource(*ON_SCREEN, EXPIRED),
    "cancelled": lambda: resource(*ON_SCREEN, RECALLED, WITHDRAWN),
    "uncertain": lambda: resource(PLANNED, SENT, LOST),
    "attested": lambda: resource(PLANNED, SENT, LOST, ATTESTED),
}
