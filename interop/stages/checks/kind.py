"""Is this a kind of order that is planned? The others are understood and refused by name, until their part is built."""

from collections.abc import Iterator

from interop.domain.channel import ChannelState
from interop.domain.delivery import InfusionType, Mode
from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.order import Kind
from interop.domain.request import Purpose
from interop.stages.checks.facts import Facts

PLANNED = frozenset({Kind.CONTINUOUS_RATE, Kind.CONTINUOUS_DOSE_RATE, Kind.DOSE_OVER_TIME, Kind.FLUID, Kind.TITRATION})


def a_planned_kind(facts: Facts) -> Iterator[Finding]:
    """9038 says it for a bolus; for the others IHE has no code that means "not here" and nothing else."""
    kind = Kind.NEXT_CONTAINER if _is_next_container(facts) else Kind.PCA if _is_for_pca(facts) else facts.order.kind
    if kind is Kind.PCA and facts.order.purpose is Purpose.CHANGE:
        text = "a change of rate (XO) is not for patient-controlled analgesia"
        action = "Change it by hand at the pump, as the PCA order says."
        yield Finding.against(PivError.INVALID_PARAMETER, "ORC-1", text, action=action, owner=Owner.NURSE)
        return
    if kind is Kind.TITRATION and facts.entry is not None and facts.entry.infusion_type is InfusionType.INTERMITTENT:
        text = f"{facts.entry.tallman} is given as a dose over time: a change of its rate is not programmed automatically"
        yield Finding.against(Sub.KIND_NOT_PLANNED, "kind of order", text, action="Change the rate by hand at the pump.")
    if kind is None or kind in PLANNED:
        return
    code = PivError.BOLUS_UNSUPPORTED if kind is Kind.BOLUS else Sub.KIND_NOT_PLANNED
    yield Finding.against(code, "kind of order", f"this is {kind.value}: it is not programmed automatically here yet")


def _is_for_pca(facts: Facts) -> bool:
    """SR-27, SR-42: whatever an order looks like, a PCA entry or a PCA channel is programmed with its lockout and window, or not at all."""
    entry, channel = facts.entry, facts.channel
    return (entry is not None and entry.infusion_type is InfusionType.PCA) or (channel is not None and channel.mode is Mode.PCA)


def _is_next_container(facts: Facts) -> bool:
    """D-19: a start of the very order that this channel runs, or has just run."""
    channel, order = facts.channel, facts.order
    if channel is None or channel.running is None or order.purpose is not Purpose.START or facts.is_titration:
        return False
    occupied = channel.state in (ChannelState.INFUSING, ChannelState.PAUSED, ChannelState.KVO, ChannelState.ENDED)
    return occupied and bool(order.placer_order_number) and channel.running.placer_order_number == order.placer_order_number
