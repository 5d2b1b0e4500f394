"""Who acts: every request and command carries one (SR-06)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clinician:
    """A person at the bedside by their own id; ``name`` may be empty, the id never is."""

    id: str
    name: str = ""
