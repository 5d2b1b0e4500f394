"""Why one order maps as it does: a plan told stage by stage, as text for people or as JSON for programs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from interop.domain.finding import Finding, Severity
from interop.domain.order import Reading
from interop.domain.plan import Offer, Plan
from interop.domain.program import Changes, Program, Rounded
from interop.domain.quantity import Quantity, show
from interop.domain.release import Release
from interop.domain.request import CodeAsSent

WIDTH = 100
MARK = {Severity.REFUSE: "✗", Severity.CAUTION: "!", Severity.NOTE: "·"}


def as_text(plan: Plan, release: Release, what: str, now: datetime) -> str:
    """The whole plan in words, in the order in which it was made."""
    return as_lines(_lines(plan, release, what, now))


def as_lines(lines: Iterable[str]) -> str:
    """Lines for a terminal, every one shown with ``visible``."""
    return "".join(f"{visible(line)}\n" for line in lines)


def visible(text: str) -> str:
    """The text with everything that does not print as one visible character written out (``\\x0A``, ``\\u202E``).

    Texts of a message may hold line ends, control sequences and marks that turn the direction of writing: none may pass for a line of ours.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _written_out(ord(character)) for character in text)


def _written_out(code: int) -> str:
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _lines(plan: Plan, release: Release, what: str, now: datetime) -> Iterator[str]:
    yield f"{what}, planned for {now.isoformat()}"
    yield f"site {release.site}, library {release.library.ref}, mapping {release.mapping_hash[:12]}"
    if plan.assumptions:
        yield from ("", "Supposed")
        yield from (f"  {line}" for line in plan.assumptions)
    yield from ("", "1 Read and understood")
    yield from _table(plan.order.readings)
    kind = plan.kind.value if plan.kind is not None else "not known"
    yield f"  kind of order: {kind}"
    yield from ("", "2 Drug library")
    yield from _match(plan, release)
    if plan.match.derivation:
        yield from ("", "3 Arithmetic")
        yield from (f"  {line}" for line in plan.match.derivation)
    yield from ("", "4 Checks")
    if not plan.findings:
        yield "  nothing against it"
    for finding in plan.findings:
        yield from finding_lines(finding)
    yield from ("", "5 Offer")
    if plan.offer is None:
        refusals = len(plan.refusals)
        yield f"  NOT OFFERED: {refusals} reason{'s' if refusals != 1 else ''}"
    else:
        yield from _offer(plan.offer)


def _table(readings: tuple[Reading, ...]) -> Iterator[str]:
    if not readings:
        yield "  nothing could be read"
        return
    first = min(max(len(reading.what) for reading in readings), 40)
    second = min(max(len(reading.field) for reading in readings), 48)
    for reading in readings:
        arrow = f" → {reading.understood}" if reading.understood and reading.understood != reading.as_sent else ""
        yield visible(f"  {reading.what:<{first}}  {reading.field:<{second}}  {reading.as_sent}{arrow}")


def _match(plan: Plan, release: Release) -> Iterator[str]:
    for row in plan.match.codes:
        therapy = f", therapy {row.therapy}" if row.therapy else ""
        yield f"  code {row.code} ({row.system}) is {row.drug}{therapy}, by {row.place}"
    for code in passed_over(plan, release):
        yield f"  code {code.code} ({code.system or 'no system'}) is not in formulary.csv, passed over"
    if not plan.match.drug:
        yield "  no drug"
        return
    for candidate in plan.match.candidates:
        mark = "✓" if candidate.stayed else "–"
        yield f"  {mark} {candidate.entry.key} {candidate.entry.title}: {candidate.reason}"


def passed_over(plan: Plan, release: Release) -> tuple[CodeAsSent, ...]:
    """The codes of the drug and its ingredients that were sent and that the formulary does not have, each once."""
    order = plan.order
    sent = (*order.codes, *(code for component in order.components for code in component.codes))
    unknown = {(code.system, code.code): code for code in reversed(sent) if code.code and (code.system, code.code) not in release.formulary}
    return tuple(reversed(unknown.values()))


def finding_lines(finding: Finding) -> Iterator[str]:
    """``✗ 9024 DL-010 hard high: dose rate 100 ug/kg/min is above …`` and, below it, what to do and whose move it is."""
    code = f"{finding.code_text} " if finding.code_text else ""
    yield visible(f"  {MARK[finding.severity]} {code}{finding.field}: {finding.sentence}")
    if finding.severity is not Severity.NOTE:
        yield visible(f"      {finding.owner.value}: {_action(finding)}")


def _action(finding: Finding) -> str:
    """What to do. A caution for which nobody wrote it down is at least to be looked at, or answered; a note asks for nothing."""
    if finding.action or finding.severity is not Severity.CAUTION:
        return finding.action
    return "Answer it at the pump." if finding.must_confirm else "Look at it before confirming."


def _offer(offer: Offer) -> Iterator[str]:
    program = offer.program
    entry = program.entry
    changes = program.changes
    what = "to be confirmed and started there" if changes is None else "to be confirmed there; until then the infusion goes on as it is"
    yield f"  OFFERED on {offer.pump_id}{f' channel {offer.channel_id}' if offer.channel_id else ''}, {what}"
    rows = [
        ("patient", str(offer.patient)),
        ("order", offer.placer_order_number),
        ("drug", entry.title),
        ("concentration", str(program.concentration) if program.concentration is not None else "plain fluid"),
        ("changes infusion", changes.infusion_id if changes is not None else ""),
        ("dose rate", _beside(changes.dose_rate if changes is not None else None, program.dose_rate)),
        ("dose", _rounded(program.dose) if program.dose is not None else ""),
        ("rate", _beside(changes.rate if changes is not None else None, program.rate)),
        (
            "volume to be infused",
            _rounded(program.vtbi) if program.vtbi is not None else "not set" if changes is None else "stays as it is",
        ),
        ("duration", f"{show(program.duration.value, 1)} {program.duration.unit}" if program.duration is not None else ""),
        ("weight", f"{program.weight} (from the {program.weight_source})" if program.weight is not None else ""),
        ("care area", entry.care_area),
        ("library", str(program.library)),
        ("second check", program.second_check.value if program.second_check.value != "none" else ""),
        (
            "good for",
            f"{offer.untouched_s // 60} min untouched, {offer.idle_s // 60} min idle once opened, {offer.total_s // 60} min in all",
        ),
    ]
    yield from (f"    {name:<22}{value}" for name, value in rows if value)
    confirm = [caution for caution in offer.cautions if caution.must_confirm]
    if confirm:
        yield f"    {len(confirm)} caution{'s' if len(confirm) != 1 else ''} to answer at the pump"


def _rounded(rounded: Rounded) -> str:
    return str(rounded.set) if rounded.set.value == rounded.asked.value else f"{rounded.set} (ordered: {rounded.asked})"


def _beside(old: Quantity | None, new: Rounded | None) -> str:
    """``10 ug/kg/min now → 12.5 ug/kg/min`` (SR-37)."""
    if new is None:
        return ""
    return _rounded(new) if old is None else f"{old} now → {_rounded(new)}"


def json_text(told: Mapping[str, Any]) -> str:
    """JSON for programs that a person may print all the same: what does not print is written as ``\\uXXXX``."""
    text = json.dumps(told, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def as_json(plan: Plan, release: Release, what: str, now: datetime) -> dict[str, Any]:
    """The same as plain values. Amounts are ``{"text", "value", "unit"}`` with ``value`` an exact fraction as text: no number here is a float."""
    return {
        "what": what,
        "at": now.isoformat(),
        "release": {
            "site": release.site,
            "library": {"id": release.library.ref.id, "version": release.library.ref.version, "hash": release.library.ref.hash},
            "mapping": release.mapping_hash,
        },
        "outcome": "offered" if plan.offer is not None else "refused",
        "supposed": list(plan.assumptions),
        "kind": plan.kind.value if plan.kind is not None else None,
        "readings": [
            {"what": reading.what, "field": reading.field, "as_sent": reading.as_sent, "understood": reading.understood}
            for reading in plan.order.readings
        ],
        "codes": [
            {"system": row.system, "code": row.code, "drug": row.drug, "therapy": row.therapy, "place": row.place}
            for row in plan.match.codes
        ],
        "passed_over": [{"system": code.system, "code": code.code, "field": code.field} for code in passed_over(plan, release)],
        "drug": plan.match.drug or None,
        "candidates": [
            {"entry": each.entry.key, "title": each.entry.title, "stayed": each.stayed, "reason": each.reason, "question": each.question}
            for each in plan.match.candidates
        ],
        "arithmetic": [str(line) for line in plan.match.derivation],
        "findings": [finding_as_json(finding) for finding in plan.findings],
        "offer": _offer_as_json(plan.offer) if plan.offer is not None else None,
    }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "code": finding.code_text or None,
        "field": finding.field,
        "sentence": finding.sentence,
        "action": _action(finding),
        "owner": finding.owner.value,
        "must_confirm": finding.must_confirm,
    }


def _offer_as_json(offer: Offer) -> dict[str, Any]:
    return {
        "pump": offer.pump_id,
        "channel": offer.channel_id,
        "patient": {"id": offer.patient.value, "authority": offer.patient.authority},
        "order": offer.placer_order_number,
        "requested_by": offer.requested_by,
        "program": _program_as_json(offer.program),
        "cautions": [finding_as_json(finding) for finding in offer.cautions],
        "untouched_s": offer.untouched_s,
        "idle_s": offer.idle_s,
        "total_s": offer.total_s,
    }


def _program_as_json(program: Program) -> dict[str, Any]:
    return {
        "entry": program.entry.key,
        "drug": program.entry.drug,
        "tallman": program.entry.tallman,
        "care_area": program.entry.care_area,
        "concentration": _quantity(program.concentration),
        "container_volume": _quantity(program.container_volume),
        "rate": _rounded_as_json(program.rate),
        "dose_rate": _rounded_as_json(program.dose_rate),
        "dose": _rounded_as_json(program.dose),
        "vtbi": _rounded_as_json(program.vtbi),
        "duration": _quantity(program.duration),
        "weight": _quantity(program.weight),
        "weight_source": program.weight_source or None,
        "body_surface_area": _quantity(program.body_surface_area),
        "total_dose": _quantity(program.total_dose),
        "second_check": program.second_check.value,
        "changes": _changes_as_json(program.changes),
    }


def _changes_as_json(changes: Changes | None) -> dict[str, Any] | None:
    """The infusion that a titration changes, and what it is set to now."""
    if changes is None:
        return None
    return {"infusion": changes.infusion_id, "rate": _quantity(changes.rate), "dose_rate": _quantity(changes.dose_rate)}


def _rounded_as_json(rounded: Rounded | None) -> dict[str, Any] | None:
    if rounded is None:
        return None
    return {"set": _quantity(rounded.set), "asked": _quantity(rounded.asked)}


def _quantity(quantity: Quantity | None) -> dict[str, str] | None:
    return None if quantity is None else {"text": str(quantity), "value": str(quantity.value), "unit": quantity.unit}
