"""Reads the unit of an amount as sent: exact and case-sensitive, by the closed UCUM table and the spellings a site has approved (SR-19)."""

from collections.abc import Mapping
from dataclasses import dataclass

from interop.domain.finding import Finding, PivError
from interop.domain.release import Release
from interop.domain.request import UnitAsSent, UnitClaim
from interop.domain.ucum import UCUM


@dataclass(frozen=True, slots=True)
class Spellings:
    """What a site's spellings mean, perhaps for one drug only (``units`` of insulin is [iU] because pharmacy says so for insulin)."""

    general: Mapping[str, str]
    by_drug: Mapping[tuple[str, str], str]
    drug: str = ""

    @classmethod
    def of(cls, release: Release, drug: str) -> "Spellings":
        return cls(release.spellings, release.drug_spellings, drug)

    def ucum(self, spelling: str) -> str | None:
        """The UCUM code that this spelling stands for, or None: it is not approved."""
        if self.drug:
            for_drug = self.by_drug.get((self.drug, spelling))
            if for_drug is not None:
                return for_drug
        return self.general.get(spelling)


@dataclass(frozen=True, slots=True)
class UnitRead:
    """A unit as understood; ``how`` says which spelling was applied, empty when the UCUM code stood there itself."""

    code: str
    how: str


def read_unit(unit: UnitAsSent, spellings: Spellings) -> UnitRead | Finding:
    """All codings of the unit must mean the same. A text for people beside a code may stay unread; a code may not.

    An amount whose unit is in no coding has no unit (9003); one that nobody here has approved is refused (9008), never taken for the likely one.
    """
    if not unit.claims:
        return Finding.against(PivError.MISSING_PARAMETER, unit.field, f"{unit.field} is empty: a number without a unit is not a dose")
    understood: UnitRead | None = None
    from_claim: UnitClaim | None = None
    unread: UnitClaim | None = None
    for claim in unit.claims:
        code, how = _read_claim(claim, spellings)
        if code is None:
            if claim.system != "text" or unread is None:
                unread = claim
            if claim.system != "text":
                return _not_approved(claim)
        elif understood is None:
            understood, from_claim = UnitRead(code, how), claim
        elif from_claim is not None and not _the_same(code, understood.code):
            return Finding.against(
                PivError.INVALID_UNITS,
                unit.field,
                f"the unit was sent twice and differs: {from_claim.as_sent!r} is {understood.code}, {claim.as_sent!r} is {code}",
            )
    if understood is None:
        return _not_approved(unread if unread is not None else unit.claims[0])
    return understood


def _the_same(one: str, other: str) -> bool:
    """``ml/h`` and ``mL/h`` are two codes of UCUM for one unit."""
    if one == other:
        return True
    a, b = UCUM[one], UCUM[other]
    return (a.dimension, a.factor, a.per_time_code) == (b.dimension, b.factor, b.per_time_code)


def _read_claim(claim: UnitClaim, spellings: Spellings) -> tuple[str | None, str]:
    approved = spellings.ucum(claim.spelling) if claim.system != "MDC" else None
    if approved is not None and approved != claim.spelling:
        return approved, f"{claim.spelling} → {approved} (units.csv)"
    if claim.spelling in UCUM:
        how = f"{claim.as_sent} → {claim.spelling} (MDC)" if claim.system == "MDC" else ""
        return claim.spelling, how
    return None, ""


def _not_approved(claim: UnitClaim) -> Finding:
    return Finding.against(PivError.INVALID_UNITS, claim.field, f"{claim.as_sent!r} is not a unit that this site has approved")
