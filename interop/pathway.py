"""START HERE: the way of one order, from as sent to an offer, on one page.

1 receive    ``conduct`` commits the message before it is acknowledged; a reader in ``wire`` copies its text into an ``OrderRequest``
2 normalise  as sent → as understood; a start, or a change of what runs ``stages.normalise``, ``stages.titration``
3 map        → one entry of the library on that pump, or none         ``stages.map_to_library``
4 check      every reason not to                                      ``stages.checks``
5 offer      for one channel, to be shown there                       ``stages.offer``
6 confirm    a clinician, at the pump; nothing else can start it
7 document   what the pump then does, into the chart
"""

from datetime import datetime

from interop.domain.case import Case
from interop.domain.order import Order
from interop.domain.plan import Match, Plan
from interop.domain.request import OrderRequest
from interop.stages.checks import not_finished, run_checks
from interop.stages.map_to_library import map_to_library
from interop.stages.normalise import normalise, not_understood
from interop.stages.offer import make_plan
from interop.stages.titration import as_asked_here


def plan(request: OrderRequest, case: Case, now: datetime) -> Plan:
    """Stages 2 to 5 for one order: pure, so that a scenario needs no server, no pump and no waiting.

    Never raises for what is in the request or the case: every reason against the order is a finding of the plan. ``now`` carries an offset.
    """
    order = _understood(request, case)  # as sent → as understood
    match = _matched(order, case)  # → one entry of the library on that pump, rounded to its steps
    findings = [*order.findings, *match.findings, *run_checks(order, match, case, now)]  # every reason not to
    return make_plan(order, match, findings, case, now)  # → an offer for one channel, or none


def _understood(request: OrderRequest, case: Case) -> Order:
    """A fault in the reading refuses like a fault in a check: what could not be finished is not offered (SR-29)."""
    try:
        return as_asked_here(normalise(request, case.release), case)
    except Exception as fault:
        return not_understood(request, not_finished("normalise", fault))


def _matched(order: Order, case: Case) -> Match:
    """As above, for the match."""
    try:
        return map_to_library(order, case)
    except Exception as fault:
        return Match(findings=(not_finished("map_to_library", fault),))
