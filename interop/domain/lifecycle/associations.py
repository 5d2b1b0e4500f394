"""Whose an infusion was and is: associations with their times and doubts, never two at one time (SR-03, SR-50, D-11, D-12)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from interop.domain.events.association import (
    AssociationBackfilled,
    AssociationBasis,
    AssociationEndCause,
    AssociationEnded,
    AssociationEvent,
    AssociationMade,
    AssociationRestored,
    AssociationSuspended,
    AssociationVoided,
    SuspensionCause,
)
from interop.domain.events.nouns import PatientNumber


class Contradiction(ValueError):
    """The event does not fit the associations that the stream holds."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """One doubt, and the message that raised it: a person's confirmation or that message's cancellation lifts it."""

    message_id: str
    cause: SuspensionCause


@dataclass(frozen=True, slots=True)
class Association:
    """One patient and order for a time. ``until`` None: it still is. ``is_void``: it never was true, and its documents, which
    go no further than ``until``, are entered in error.

    ``left_because`` None: it still is, or it was back-filled with its end.
    """

    id: str
    patient: PatientNumber
    placer_order_number: str
    basis: AssociationBasis
    by: str
    since: datetime
    until: datetime | None = None
    suspensions: tuple[Suspension, ...] = ()
    is_void: bool = False
    left_because: AssociationEndCause | None = None

    @property
    def is_live(self) -> bool:
        return self.until is None and not self.is_void

    def overlaps(self, since: datetime, until: datetime | None) -> bool:
        """Both hold at some moment; one may begin when the other ends. What is void holds at none."""
        return not self.is_void and (until is None or self.since < until) and (self.until is None or since < self.until)


Associations = tuple[Association, ...]


def after(known: Associations, event: AssociationEvent) -> Associations:
    """The associations after the event.

    Raises: Contradiction: a second one at one time, an id that is not known or known already, or a doubt that was not raised.
    """
    match event:
        case AssociationMade():
            return _opened(known, event, event.at, None)
        case AssociationBackfilled():
            return _opened(known, event, event.since, event.until)
        case AssociationSuspended():
            doubt = Suspension(event.message_id, event.cause)
            return _changed(known, event, lambda one: not one.is_void, lambda one: replace(one, suspensions=(*one.suspensions, doubt)))
        case AssociationRestored():
            return _restored(known, event)
        case AssociationEnded():
            cause = event.cause
            return _changed(known, event, lambda one: one.is_live, lambda one: replace(one, until=event.at, left_because=cause))
        case AssociationVoided():
            at = event.at  # it says no more than it had said by then: what comes later is another's, or nobody's
            return _changed(known, event, lambda one: not one.is_void, lambda one: _void(one, at))
        case _:
            raise Contradiction("no event of an association that is known here")


def _void(one: Association, at: datetime) -> Association:
    return replace(one, is_void=True, until=one.until or max(one.since, at))


def _opened(known: Associations, event: AssociationMade | AssociationBackfilled, since: datetime, until: datetime | None) -> Associations:
    if any(one.id == event.association_id for one in known):
        raise Contradiction("this association is known already")
    if any(one.overlaps(since, until) for one in known):
        raise Contradiction("another association holds at that time")
    if until is not None and until <= since:
        raise Contradiction("it ends before it begins")
    return (*known, Association(event.association_id, event.patient, event.placer_order_number, event.basis, event.by, since, until))


def _restored(known: Associations, event: AssociationRestored) -> Associations:
    lifted = set(event.lifts)

    def without(one: Association) -> Association:
        return replace(one, suspensions=tuple(doubt for doubt in one.suspensions if doubt.message_id not in lifted))

    return _changed(known, event, lambda one: lifted <= {doubt.message_id for doubt in one.suspensions}, without)


def _changed(
    known: Associations, event: AssociationEvent, fits: Callable[[Association], bool], change: Callable[[Association], Association]
) -> Associations:
    if not any(one.id == event.association_id and fits(one) for one in known):
        raise Contradiction("no association of this id to which that could happen")
    return tuple(change(one) if one.id == event.association_id else one for one in known)
