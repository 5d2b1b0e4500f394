"""Stage 7, documenting: what goes to the chart because of an infusion's events, decided beside them and written in the same commit. Pure.

    documenting = Documenting(documents, administrations, ids, DocumentDestinations({"pcd03-demo": Destination("ehr1-documents")}))
    told = documenting.of(infusion.events, events, about, now)     # infusion.events: all of the stream before, in order
    await record.commit(decision.and_(told).commit(now, Priority.PUMP))

So nothing is told that is not on file, and nothing on file that should be told is forgotten. Messages of one infusion keep their order in its lane.
What an event leads to is decided by ``stages.document`` (PCD-10, PCD-01) and ``stages.administration`` (MedicationAdministration).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from interop.conduct.chart_index import index_key
from interop.conduct.decision import Decision
from interop.conduct.world import Destinations, Ids
from interop.domain.document import About, Administration, Document, Kind, Ordered, Reported
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.programme import Planned, ProgrammeEvent
from interop.domain.lifecycle import programme as programmes
from interop.ports import AuditRow, Direction, JournalEntry, Outgoing, Projected, lane_of
from interop.stages.administration import administrations, first_touched
from interop.stages.document import documents, periodic, programme_ended
from interop.stages.told import Step, steps_of

__all__ = ["About", "Documenting", "Ordered", "Reported", "ordered_by"]

PERIODIC_S: Final = 60
"""How often a delivering channel is told by PCD-01, unless the site says otherwise (IHE DEV TF-2, 3.1: typically a minute)."""

EVENTS_URGENCY, STATUS_URGENCY = 1, 2

ADMINISTRATIONS: Final = "medication-administration"
"""Id → the newest version of the resource, with what a search asks of it."""

FOUND_BY: Final = "medication-administration-by"
"""(What it is found by, its value, id) → nothing; see ``chart_index``."""


class DocumentRenderer(Protocol):
    """Writes HL7 v2 documents."""

    def document(self, document: Document, control_id: str, at: datetime) -> bytes:
        """PCD-10, or PCD-01 for a status. Raises: ValueError: a text that no message can carry."""


class AdministrationRenderer(Protocol):
    """Writes MedicationAdministrations."""

    def administration(self, administration: Administration, version: int, at: datetime) -> bytes:
        """One version of the resource. Raises: ValueError."""


def ordered_by(planned: Planned, today: programmes.Stream) -> Ordered:
    """What one programme offered and who confirmed it, for ``About.programmes``; who asked for it (ORC-19) is left behind (D-13)."""
    return Ordered(planned.programme_id, planned.settings, today.confirmed_by, today.second_check_by)


@dataclass(frozen=True, slots=True)
class Documenting:
    """Holds nothing that changes. ``destinations`` are those of documents: a sender without one gets none, and can read all of it by FHIR."""

    documents: DocumentRenderer
    administrations: AdministrationRenderer
    ids: Ids
    destinations: Destinations

    def of(
        self,
        history: Sequence[InfusionEvent],
        events: Sequence[InfusionEvent],
        about: About,
        now: datetime,
        known: Sequence[Step] = (),
    ) -> Decision:
        """Messages, journal and resources that follow from ``events``, which come after ``history``: all of the infusion before.

        Asked once for each order that the infusion is or was associated with: ``about`` is told of its own order only. ``known`` are the steps of
        the first events of all these, as far as the caller has them. Raises: NoRow, ValueError.
        """
        steps = steps_of([*history, *events][len(known) :], known)
        told = [self._sent(document, now) for document in documents(steps, len(history), about)]
        return _all([*told, self._kept(steps, len(history), about, now)])

    def periodic(
        self, history: Sequence[InfusionEvent], report: Reported, about: About, now: datetime, known: Sequence[Step] = ()
    ) -> Decision:
        """PCD-01 of a channel as it reported itself, for a timer; nothing where nothing may be told (SR-45, SR-50, D-12). Raises: NoRow, ValueError.

        ``history`` is all of the infusion so far, ``known`` the steps of its first events.
        """
        document = periodic(steps_of(history[len(known) :], known), report, about)
        return Decision() if document is None else self._sent(document, now)

    def programme_ended(self, planned: Planned, event: ProgrammeEvent, about: About, now: datetime) -> Decision:
        """PCD-10 197298 for a programme that AA was said of and that was rejected, expired or recalled later (D-07); nothing for any other event.

        Who was answered otherwise, or not at all, is told by the RRG itself: whoever calls this knows that AA has been put into its lane.
        """
        document = programme_ended(planned, event, about)
        return Decision() if document is None else self._sent(document, now)

    def _sent(self, document: Document, now: datetime) -> Decision:
        destination = self.destinations.of(document.about.sender)
        if destination is None:
            return Decision()
        control_id = self.ids.new()
        body = self.documents.document(document, control_id, now)
        order_key = document.infusion_id or document.report_id or control_id
        is_status = document.kind is Kind.STATUS
        message = Outgoing(
            destination=destination.name,
            lane=lane_of(order_key, destination.lanes),
            order_key=order_key,
            control_id=control_id,
            body=body,
            at=now,
            # an event is always worth telling; a status is, until newer ones have long taken its place
            not_after=now + timedelta(seconds=destination.worth_s) if is_status else None,
            urgency=STATUS_URGENCY if is_status else EVENTS_URGENCY,
        )
        kind = "ORU^R01" if is_status else "ORU^R42"
        entry = JournalEntry(control_id, Direction.OUT, destination.name, kind, control_id, now, body)
        return Decision(messages=(message,), journal=(entry,))

    def _kept(self, steps: Sequence[Step], kept_already: int, about: About, now: datetime) -> Decision:
        """The resources that the new steps made, changed or took away: only those, so that a version of one says that something is new."""
        first = first_touched(steps, kept_already, about)
        before = {each.id: each for each in administrations(steps[:kept_already], about, first)}
        after = {each.id: each for each in administrations(steps, about, first)}
        version = len(steps)
        changed = [each for each in after.values() if before.get(each.id) != each]
        gone = [each for id, each in before.items() if id not in after]
        rows = [row for each in changed for row in self._rows(each, version, now)]
        rows += [row for each in gone for row in _gone(each)]
        audit = tuple(_audit(each, now) for each in changed if not each.parent_id)
        return Decision(kept=tuple(rows), audit=audit)

    def _rows(self, one: Administration, version: int, now: datetime) -> tuple[Projected, ...]:
        body = self.administrations.administration(one, version, now)
        document = {
            "id": one.id,
            "version": version,
            "at": now.astimezone(UTC).isoformat(),
            "group": one.about.system_group,
            "status": one.status.value,
            "start": one.start.astimezone(UTC).isoformat(),
            "end": None if one.end is None else one.end.astimezone(UTC).isoformat(),
            "patients": [[number.value, number.authority] for number in one.patient_numbers],
            "subject": one.subject_reference,
            "order": [one.about.placer_order_number, one.about.placer_authority],
            "request": one.about.request_id,
            "pump": one.pump_id,
            "body": body.decode(),
        }
        return (Projected(ADMINISTRATIONS, one.id, json.dumps(document)), *(Projected(FOUND_BY, key, "") for key in _keys(one)))


def _keys(one: Administration) -> tuple[str, ...]:
    """By what it is found, within its system group."""
    about, group = one.about, one.about.system_group
    by = [("patient", number.value) for number in one.patient_numbers]
    by += [("order", about.placer_order_number), ("subject", one.subject_reference), ("request", about.request_id)]
    return tuple(index_key(group, what, value) + one.id for what, value in dict.fromkeys(by) if value)


def _gone(one: Administration) -> tuple[Projected, ...]:
    return (Projected(ADMINISTRATIONS, one.id, None), *(Projected(FOUND_BY, key, None) for key in _keys(one)))


def _audit(one: Administration, now: datetime) -> AuditRow:
    return AuditRow(now, "system", "infusion.document", one.status.value, one.patient.value, one.pump_id, one.infusion_id)


def _all(decisions: Sequence[Decision]) -> Decision:
    whole = Decision()
    for each in decisions:
        whole = whole.and_(each)
    return whole
