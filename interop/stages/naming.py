"""Which library drug the codes of an order name: only through approved ids, never by name (SR-16, D-01; drug_library.md section 2)."""

from collections.abc import Iterable
from dataclasses import dataclass

from interop.domain.finding import Finding, PivError, Sub
from interop.domain.order import Component
from interop.domain.release import CodeKind, FormularyRow, Release
from interop.domain.request import CodeAsSent


@dataclass(frozen=True, slots=True)
class Naming:
    """The rows that the codes led to, the one drug they name ("" if none or several), and the therapy key they carry."""

    rows: tuple[FormularyRow, ...]
    drug: str
    therapy: str
    findings: tuple[Finding, ...]


def name_drug(codes: tuple[CodeAsSent, ...], components: tuple[Component, ...], release: Release) -> Naming:
    """The drug of an order: by its own codes, else by its ingredients (one active drug, perhaps in a base fluid of ``mixtures.csv``).

    Codes that are not in the formulary are passed over only if another code of the same thing is in it.
    """
    if codes:
        naming = _by_codes(codes, release)
        if naming.drug or not components or any(finding.code is not PivError.DRUG_NOT_MATCHED for finding in naming.findings):
            return naming
        by_components = _by_components(components, release)
        return by_components if by_components.drug else Naming((), "", "", naming.findings + by_components.findings)
    if components:
        return _by_components(components, release)
    missing = Finding.against(PivError.MISSING_PARAMETER, "give code", "the order names no drug code")
    return Naming((), "", "", (missing,))


def drug_for_spellings(codes: tuple[CodeAsSent, ...], release: Release) -> str:
    """The drug that ``units`` may mean something for; "" while the codes do not lead to exactly one."""
    drugs = {row.drug for code in codes if (row := release.formulary.get((code.system, code.code))) is not None}
    return drugs.pop() if len(drugs) == 1 else ""


def _by_codes(codes: tuple[CodeAsSent, ...], release: Release) -> Naming:
    rows = tuple(row for code in codes if (row := release.formulary.get((code.system, code.code))) is not None)
    field = codes[0].field
    if not rows:
        return Naming((), "", "", (_unknown(codes, field),))
    drugs = sorted({row.drug for row in rows})
    if len(drugs) > 1:
        several = Finding.against(Sub.AMBIGUOUS, field, f"the codes sent name different drugs: {', '.join(drugs)}")
        return Naming(rows, "", "", (several,))
    therapies = sorted({row.therapy for row in rows if row.therapy})
    if len(therapies) > 1:
        several = Finding.against(Sub.THERAPY, field, f"the codes sent name different therapies: {', '.join(therapies)}")
        return Naming(rows, drugs[0], "", (several,))
    return Naming(rows, drugs[0], therapies[0] if therapies else "", ())


def _by_components(components: tuple[Component, ...], release: Release) -> Naming:
    named = [_by_codes(component.codes, release) for component in components if component.codes]
    unnamed = [component for component in components if not component.codes]
    findings = [finding for naming in named for finding in naming.findings]
    findings += [
        Finding.against(PivError.DRUG_NOT_MATCHED, part.field, "an ingredient without a code cannot be matched") for part in unnamed
    ]
    rows = tuple(row for naming in named for row in naming.rows)
    if findings:
        return Naming(rows, "", "", tuple(findings))
    if len(named) == 1:
        return named[0]
    drugs = [naming.drug for naming in named]
    wholes = {
        mixture.drug
        for index, base in enumerate(drugs)
        if (mixture := release.mixtures.get((base, frozenset(drugs[:index] + drugs[index + 1 :])))) is not None
    }
    place = components[0].field
    if len(wholes) != 1:
        what = " + ".join(drugs)
        why = f"{what} is not a mixture of mixtures.csv" if not wholes else f"{what} is more than one mixture of mixtures.csv"
        return Naming(rows, "", "", (Finding.against(PivError.DRUG_NOT_MATCHED, place, why),))
    therapies = sorted({naming.therapy for naming in named if naming.therapy})
    if len(therapies) > 1:
        several = Finding.against(Sub.THERAPY, place, f"the codes sent name different therapies: {', '.join(therapies)}")
        return Naming(rows, "", "", (several,))
    return Naming(rows, wholes.pop(), therapies[0] if therapies else "", ())


def active_components(components: tuple[Component, ...], drug: str, release: Release) -> tuple[Component, ...]:
    """The ingredients whose strength is the drug's: all but the base fluid of its mixture."""
    if len(components) == 1:
        return components
    drugs = [_by_codes(component.codes, release).drug for component in components]
    for index, base in enumerate(drugs):
        mixture = release.mixtures.get((base, frozenset(drugs[:index] + drugs[index + 1 :])))
        if mixture is not None and mixture.drug == drug:
            return components[:index] + components[index + 1 :]
    return ()


def _unknown(codes: Iterable[CodeAsSent], field: str) -> Finding:
    sent = ", ".join(f"{code.code or '(no code)'}{f' ({code.system})' if code.system else ' (no code system)'}" for code in codes)
    return Finding.against(PivError.DRUG_NOT_MATCHED, field, f"{sent} is not in formulary.csv")


def products(rows: tuple[FormularyRow, ...]) -> tuple[FormularyRow, ...]:
    """The rows that say strength and container, not only the drug."""
    return tuple(row for row in rows if row.kind is not CodeKind.INGREDIENT)
