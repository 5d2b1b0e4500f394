"""Stage 4: every reason not to. One module a question; all checks run, and one that fails refuses (SR-29)."""

from datetime import datetime

from interop.domain.case import Case
from interop.domain.finding import Finding, Sub
from interop.domain.order import Order
from interop.domain.plan import Match
from interop.stages.checks.agreement import values_agree
from interop.stages.checks.change import not_ten_times
from interop.stages.checks.channel_state import ready_for_a_program
from interop.stages.checks.container import the_scanned_container
from interop.stages.checks.facts import Check, Facts
from interop.stages.checks.fit import the_entrys_concentration, the_entrys_route, the_entrys_unit, the_ordered_device, what_the_volume_needs
from interop.stages.checks.identity import (
    a_bedside_request,
    a_known_channel,
    a_named_clinician,
    a_scanned_wristband,
    nobody_doubts_it,
    one_live_association,
    one_patient_per_pump,
)
from interop.stages.checks.kind import a_planned_kind
from interop.stages.checks.library_in_force import a_known_model, the_care_area, the_pumps_own_library
from interop.stages.checks.limits import a_hard_high, within_limits, within_the_total, within_the_volume_limit
from interop.stages.checks.live_order import (
    a_verified_order,
    an_active_order,
    as_needed_is_said,
    asked_for_once,
    live_on_one_channel,
    nothing_on_hold,
)
from interop.stages.checks.prescribed import not_more_than_allowed, within_the_orders_time
from interop.stages.checks.pump_range import rounding_is_small, the_container_holds_it, within_the_pumps_range
from interop.stages.checks.timing import a_fresh_request, a_live_report, clocks_together
from interop.stages.checks.titration import a_change_of_rate_alone, the_running_drug, the_running_order, the_running_weight
from interop.stages.checks.warnings import what_the_entry_says
from interop.stages.checks.weight import a_plausible_weight, a_recent_weight, a_surface_that_fits, the_pumps_weight, what_the_dose_needs

CHECKS: tuple[Check, ...] = (
    # is it to be given at all
    an_active_order,
    within_the_orders_time,
    a_verified_order,
    a_planned_kind,
    asked_for_once,
    nothing_on_hold,
    as_needed_is_said,
    # who, and on what
    a_bedside_request,
    a_known_channel,
    a_named_clinician,
    a_scanned_wristband,
    one_live_association,
    one_patient_per_pump,
    nobody_doubts_it,
    live_on_one_channel,
    the_running_order,
    # when
    a_fresh_request,
    clocks_together,
    a_live_report,
    # where
    ready_for_a_program,
    the_pumps_own_library,
    a_known_model,
    the_care_area,
    # does it fit
    the_scanned_container,
    the_running_drug,
    the_entrys_unit,
    the_entrys_concentration,
    the_entrys_route,
    the_ordered_device,
    what_the_volume_needs,
    a_change_of_rate_alone,
    # how much
    the_running_weight,
    what_the_dose_needs,
    a_surface_that_fits,
    a_plausible_weight,
    the_pumps_weight,
    a_recent_weight,
    values_agree,
    not_more_than_allowed,
    within_limits,
    a_hard_high,
    within_the_volume_limit,
    within_the_total,
    within_the_pumps_range,
    rounding_is_small,
    the_container_holds_it,
    not_ten_times,
    what_the_entry_says,
)
"""In the order in which a person would ask; the first refusal is the one an RRG has room for."""


def run_checks(order: Order, match: Match, case: Case, now: datetime) -> list[Finding]:
    """The findings of all checks. A check that raises becomes a finding that refuses: what could not be checked is not offered (SR-29)."""
    facts = Facts.of(order, match, case, now)
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings.extend(check(facts))
        except Exception as fault:  # whatever it is: an unchecked order must not pass
            findings.append(not_finished(check.__name__, fault))
    return findings


def not_finished(what: str, fault: Exception) -> Finding:
    """The type of the fault only: its text may hold what must not be shown (SEC-30)."""
    return Finding.against(Sub.CHECK_FAILED, what, f"{what.replace('_', ' ')} could not be finished ({type(fault).__name__})")
