"""What a channel is supposed to run before an order changes it: set as a start at the old rate would have set it, by the same arithmetic."""

from dataclasses import replace

from interop.domain.case import Case
from interop.domain.channel import Channel, ChannelState, Running
from interop.domain.order import ByDoseRate, ByRate, Given, Kind, Order
from interop.domain.patient import Weight
from interop.domain.quantity import Quantity
from interop.stages.map_to_library import map_to_library

INFUSION = "(supposed)"


def run_before(order: Order, idle: Case, at: Quantity, weight: Quantity | None = None) -> Running | None:
    """This order at another rate or dose rate on the channel of ``idle``, dosed by ``weight`` or else by the order's own.

    None: no entry fits, or nothing can be worked out (no weight, another kind of unit).
    """
    given = Given(at, "running", "")
    regimen: ByRate | ByDoseRate = ByRate(given) if at.measure.is_flow else ByDoseRate(given)
    dosed_by = Weight(weight) if weight is not None else order.weight
    start = replace(order, kind=Kind.CONTINUOUS_RATE, regimen=regimen, also=(), vtbi=None, duration=None, weight=dosed_by)
    match = map_to_library(start, idle)
    program = match.program
    if program is None:
        return None
    return Running(
        placer_order_number=order.placer_order_number,
        entry_key=program.entry.key,
        drug=program.entry.drug,
        concentration=program.concentration,
        rate=program.rate.set,
        dose_rate=program.dose_rate.set if program.dose_rate is not None else None,
        dosing_weight=program.weight,
        infusion_id=INFUSION,
        system_group=order.system_group,
        order_number=order.order_number,
    )


def infusing(channel: Channel, running: Running | None) -> Channel:
    """The channel while it infuses that; None: it infuses, and does not say what."""
    return replace(channel, state=ChannelState.INFUSING, running=running)
