"""The patients that a person has with them in this shift: whose wristband they scanned, or whom they took from the list. One row a patient."""

import json
from datetime import datetime, timedelta
from typing import Final

from interop.conduct import naming
from interop.domain.patient import PatientId
from interop.ports import AuditRow, Clock, Commit, Priority, Projected, Record

MINE: Final = "my-patients"
"""User and patient → the number, its authority, and since when."""

SHIFT: Final = timedelta(hours=12)
"""What was taken up longer ago is another shift's, and is not shown."""

MOST: Final = 24
"""As many patients one person has at a time; the one taken up first gives way."""


class MyPatients:
    """The shell. Every method may raise StoreUnavailable, and those that write Busy."""

    def __init__(self, record: Record, clock: Clock) -> None:
        self._record, self._clock = record, clock

    async def of(self, user: str) -> tuple[PatientId, ...]:
        """The one taken up last first."""
        now = self._clock.now()
        return tuple(patient for at, patient in await self._all(user) if now - at < SHIFT)

    async def add(self, user: str, patient: PatientId, how: str) -> None:
        """``how`` it came: for the audit."""
        now = self._clock.now()
        mine = [(at, each) for at, each in await self._all(user) if each != patient]
        gone = [each for at, each in mine if now - at >= SHIFT] + [each for _, each in mine[MOST - 1 :]]
        document = json.dumps({"value": patient.value, "authority": patient.authority, "at": now.isoformat()})
        rows = (Projected(MINE, _key(user, patient), document), *(Projected(MINE, _key(user, each), None) for each in gone))
        audit = AuditRow(now, user, "patient.take", how, patient=patient.value)
        await self._record.commit(Commit(projections=rows, audit=(audit,), priority=Priority.DOCUMENTS))

    async def remove(self, user: str, patient: PatientId) -> None:
        """One that is not there stays away."""
        now = self._clock.now()
        row = Projected(MINE, _key(user, patient), None)
        audit = AuditRow(now, user, "patient.leave", "done", patient=patient.value)
        await self._record.commit(Commit(projections=(row,), audit=(audit,), priority=Priority.DOCUMENTS))

    async def _all(self, user: str) -> list[tuple[datetime, PatientId]]:
        prefix = f"{user}/"
        found: list[tuple[datetime, PatientId]] = []
        for key, document in await self._record.projections(MINE, prefix, MOST * 4):
            if not key.startswith(prefix):
                break
            said = json.loads(document)
            found.append((datetime.fromisoformat(said["at"]), PatientId(said["value"], said["authority"])))
        return sorted(found, key=lambda each: each[0], reverse=True)


def _key(user: str, patient: PatientId) -> str:
    return f"{user}/{naming.patient_key(patient.value, patient.authority)}"
