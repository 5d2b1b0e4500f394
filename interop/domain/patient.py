"""Who the infusion is for: ids with their authority, and the facts a dose may depend on, each with its age."""

from dataclasses import dataclass
from datetime import date, datetime

from interop.domain.quantity import Quantity


@dataclass(frozen=True, slots=True)
class PatientId:
    """One identifier and who issued it. Two ids are the same patient only if value and authority are the same (IHE DEV TF-2, B.5)."""

    value: str
    authority: str

    def __str__(self) -> str:
        return f"{self.value} ({self.authority})" if self.authority else self.value


@dataclass(frozen=True, slots=True)
class Weight:
    """A body weight in kg or g, when it was taken (None: age unknown), and whether it was declared the dosing weight (never expires; D-17)."""

    quantity: Quantity
    taken_at: datetime | None = None
    is_dosing_weight: bool = False


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What the record knows of the patient at the moment of the decision; None is "not known", never zero."""

    ids: frozenset[PatientId]
    birth_date: date | None = None
    location: str = ""
    charted_weight: Weight | None = None  # for plausibility against the order's weight (SR-34), never as a substitute for it
