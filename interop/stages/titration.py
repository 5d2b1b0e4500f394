"""Is this a change of what the channel runs, and of which infusion? (ORC-1 XO; a changed FHIR order scanned on the channel that runs it; D-20)"""

from dataclasses import replace

from interop.domain.case import Case
from interop.domain.channel import ChannelState, Running
from interop.domain.order import ByDoseRate, ByRate, Kind, Order, Titration

UNDER_WAY = frozenset({ChannelState.INFUSING, ChannelState.PAUSED})


def as_asked_here(order: Order, case: Case) -> Order:
    """A FHIR order has no word for a change: one by rate or dose rate, scanned on a channel where this very order is under way, is one.

    Every other order is what it says: an RE to a channel that infuses stays a start, or a next container (D-19).
    """
    if order.bedside or case.channel is None or case.channel.running is None or case.channel.state not in UNDER_WAY:
        return order
    if not isinstance(order.regimen, ByRate | ByDoseRate) or not runs_this_order(order, case.channel.running):
        return order
    return replace(order, kind=Kind.TITRATION, regimen=Titration(order.regimen))


def runs_this_order(order: Order, running: Running) -> bool:
    """The same number of the same group of systems (D-04). What is not known is not the same (SR-29)."""
    if not running.system_group or running.system_group != order.system_group or not order.order_number:
        return False
    return order.order_number in (running.order_number, running.placer_order_number)


def run_to_change(order: Order, case: Case) -> Running | None:
    """What a titration would change: the channel infuses, and infuses this order; None: nothing that this order may change."""
    channel = case.channel
    if not order.is_titration or channel is None or channel.running is None or channel.state is not ChannelState.INFUSING:
        return None
    return channel.running if runs_this_order(order, channel.running) else None
