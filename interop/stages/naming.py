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
    """The drug of an order: by its own codes and by its ingredients, which must name the same one where both are sent (SR-16).

    A code that is not in the formulary is passed over only if another code of the same thing is in it; an ingredient may never be passed over.
    """
    if not codes and not components:
        missing = Finding.against(PivError.MISSING_PARAMETER, "give code", "the order names no drug code")
        return Naming((), "", "", (missing,))
    by_codes = _by_codes(codes, release) if codes else None
    by_components = _by_components(components, release) if components else None
    if by_components is None or by_codes is None:
        return by_codes or by_components or Naming((), "", "", ())
    rows = by_codes.rows + by_components.rows
    if not by_codes.rows and by_components.drug:  # the whole has a code of its own that nobody here knows; its parts are known
        return by_components
    findings = by_codes.findings + by_components.findings
    if findings:
        return Naming(rows, "", "", findings)
    if by_codes.drug != by_components.drug:
        field = components[0].field
        text = f"the order's code names {by_codes.drug}, its ingredients {by_components.drug}"
        return Naming(rows, "", "", (Finding.against(Sub.AMBIGUOUS, field, text),))
    if by_codes.therapy and by_components.therapy and by_codes.therapy != by_components.therapy:
        text = f"the order's code says therapy {by_codes.therapy}, its ingredients {by_components.therapy}"
        return Naming(rows, by_codes.drug, "", (Finding.against(Sub.THERAPY, components[0].field, text),))
    return Naming(rows, by_codes.drug, by_codes.therapy or by_components.therapy, ())


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
    """The ingredients that are the drug itself: their strength is the drug's. A base fluid, and the parts of a compound of several drugs, are not."""
    return tuple(component for component in components if _by_codes(component.codes, release).drug == drug)


def _unknown(codes: Iterable[CodeAsSent], field: str) -> Finding:
    sent = ", ".join(f"{code.code or '(no code)'}{f' ({code.system})' if code.system else ' (no code system)'}" for code in codes)
    return Finding.against(PivError.DRUG_NOT_MATCHED, field, f"{sent} is not in formulary.csv")


def products(rows: tuple[FormularyRow, ...]) -> tuple[FormularyRow, ...]:
    """The rows that say strength and container, not only the drug."""
    return tuple(row for row in rows if row.kind is not CodeKind.INGREDIENT)
