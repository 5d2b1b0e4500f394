"""Stage 5: an offer for one channel, or none. One refusal is enough, and without a program there is nothing to offer."""

from datetime import datetime

from interop.domain.case import Case
from interop.domain.finding import Finding, Severity, Sub, gravest_first
from interop.domain.order import Kind, Order
from interop.domain.plan import Match, Offer, Plan


def make_plan(order: Order, match: Match, findings: list[Finding], case: Case, now: datetime) -> Plan:
    """The plan with all findings, gravest first. ``now`` bounds nothing here: an offer's life is counted on the pump's own clock (D-09)."""
    said = _without_repeats(findings)
    refused = any(finding.severity is Severity.REFUSE for finding in said)
    program, channel = match.program, case.channel
    if program is not None and (program.changes is not None) is not order.is_titration:
        program = None  # a change that names no running infusion is no change of it
    if not refused and (program is None or channel is None or case.association is None):
        said.append(Finding.against(Sub.CHECK_FAILED, "program", "no program could be worked out, and no check said why"))
        refused = True
    offer = None
    if not refused and program is not None and channel is not None and case.association is not None:
        rules = case.release.rules
        offer = Offer(
            placer_order_number=order.placer_order_number,
            pump_id=channel.pump_id,
            channel_id=channel.channel_id,
            patient=case.association.patient,
            requested_by=order.requested_by or (case.scan.clinician if case.scan is not None else ""),
            program=program,
            cautions=tuple(finding for finding in said if finding.severity is Severity.CAUTION),
            notes=tuple(finding for finding in said if finding.severity is Severity.NOTE),
            untouched_s=rules.offer_untouched_s,
            idle_s=rules.offer_idle_s,
            total_s=rules.offer_total_s,
        )
    return Plan(order, match, gravest_first(said), offer, kind_planned(order, match), case.assumptions)


def kind_planned(order: Order, match: Match) -> Kind | None:
    """A rate of what the library calls a plain fluid is a fluid order; only the match can tell."""
    if order.kind is Kind.CONTINUOUS_RATE and match.entry is not None and match.entry.is_plain_fluid:
        return Kind.FLUID
    return order.kind


def _without_repeats(findings: list[Finding]) -> list[Finding]:
    """The same reason found at two stages is told once."""
    return list(dict.fromkeys(findings))
