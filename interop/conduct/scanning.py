"""A stored order is asked for at the bedside: wristband, container and channel were scanned by a named clinician (D-06, D-11).

In one commit: the order as it stands now, byte for byte, under the scan's id; the intent to plan it; the audit row. From there it goes the way of
every bedside request; its outcome is the programme of that id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from interop.conduct.asked import PLAN, Asked
from interop.conduct.decision import Decision, Step
from interop.conduct.desk import Desk
from interop.conduct.resources import NotThere, Stored
from interop.conduct.world import Ids, ReleaseBook
from interop.domain.case import BedsideScan, ContainerLabel
from interop.domain.envelope import Wanted, about_pump
from interop.domain.patient import PatientId
from interop.domain.release import Release
from interop.ports import AuditRow, Clock, Direction, JournalEntry, Record

SCAN = "bedside scan"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the clinician scanned: ``order`` is the resource's id, ``patient`` the wristband, ``container`` the label's text, pump and channel its own."""

    order: str
    clinician: str
    patient: PatientId
    container: str
    pump_id: str
    channel_id: str


def label_of(text: str, release: Release) -> ContainerLabel:
    """A container's label: order number, code, and perhaps the code's system, with a bar between them (docs/bedside.md).

    A label without a system names it by its code, if the formulary has that code in one system only; whatever cannot be told stays empty and refuses.
    """
    order, _, rest = text.strip().partition("|")
    code, _, system = rest.partition("|")
    if code and not system:
        systems = {known for known, each in release.formulary if each == code}
        system = systems.pop() if len(systems) == 1 else ""
    return ContainerLabel(order.strip(), code.strip(), system.strip())


class Scanning:
    """The shell."""

    def __init__(self, record: Record, clock: Clock, ids: Ids, book: Callable[[], ReleaseBook], desk: Desk) -> None:
        self._record, self._clock, self._ids, self._book, self._desk = record, clock, ids, book, desk

    async def ask(self, scanned: Scanned, stored: Stored) -> str:
        """The id of the programme that this scan asks for, durable; what became of it follows. Raises: NotThere; RecordError."""
        if stored.deleted or stored.id != scanned.order:
            raise NotThere(scanned.order)
        await self._desk.reserve()
        asked = None
        try:
            now = self._clock.now()
            id = self._ids.new()
            label = label_of(scanned.container, self._book().newest())
            scan = BedsideScan(id, now, scanned.clinician, scanned.patient, scanned.pump_id, scanned.channel_id, label)
            content = sha256("\n".join((stored.id, str(stored.version), id)).encode()).hexdigest()
            about = frozenset({f"order {stored.id}", about_pump(scanned.pump_id)})
            wanted = Asked(id, stored.body, stored.sender, id, content, Wanted.NEVER, now, about, scan)
            decision = Decision(
                steps=(Step(id, PLAN, stored.sender, wanted.body()),),
                journal=(JournalEntry(id, Direction.IN, scanned.clinician, SCAN, id, now, stored.body),),
                audit=(AuditRow(now, scanned.clinician, "bedside.scan", "committed", scanned.patient.value, scanned.pump_id, id),),
            )
            await self._record.commit(decision.commit(now))
            asked = wanted
        finally:
            if asked is None:
                self._desk.give_back()
        self._desk.put(asked)
        return id
