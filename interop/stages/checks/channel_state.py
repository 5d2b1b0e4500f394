"""Can the channel take a program now, or a change of what it runs? (9002, 9006, 9007, 9017, 9028, 9032, 9033)"""

from collections.abc import Iterator

from interop.domain.channel import Channel, ChannelState
from interop.domain.finding import Finding, PivError, Sub
from interop.stages.checks.facts import Facts

NOTHING_TO_CHANGE = {
    ChannelState.IDLE: ("is idle: it runs nothing that could be changed", ""),
    ChannelState.PAUSED: (
        "is paused, and a new rate would run only when somebody resumes it:",
        "Resume it at the pump and send the change again, or change the rate by hand there.",
    ),
    ChannelState.KVO: (
        "has infused its volume and keeps the vein open, and a change of rate brings no volume:",
        "Hang a new container and program it first.",
    ),
    ChannelState.ENDED: (
        "has ended its infusion: nothing of it runs that could be changed:",
        "Hang a new container and program it first.",
    ),
}
"""A titration changes what runs (ORC-1 XO: "rate or dose change of a running program"), so that a channel must infuse. What it says, what to do."""


def ready_for_a_program(facts: Facts) -> Iterator[Finding]:
    """Every reason at once; a new start needs an idle channel (what runs is changed by titration or a next container, D-19)."""
    channel = facts.channel
    if channel is None:
        return
    if not channel.online:
        yield Finding.against(PivError.OFFLINE, "channel", f"{channel.name} is not connected")
    if not channel.powered:
        yield Finding.against(PivError.POWERED_OFF, "channel", f"{channel.name} is switched off")
    if not channel.set_installed:
        what = "syringe" if channel.mode.value == "SYRINGE" else "set"
        yield Finding.against(PivError.SET_NOT_INSTALLED, "channel", f"{channel.name} has no {what} loaded")
    if channel.alarming:
        yield Finding.against(PivError.ALARMING, "channel", f"{channel.name} is alarming")
    if facts.is_titration and channel.state in NOTHING_TO_CHANGE:
        said, action = NOTHING_TO_CHANGE[channel.state]
        yield Finding.against(Sub.NOT_RUNNING, "channel", f"{channel.name} {said}{_of(channel)}", action=action)
        return
    match channel.state:
        case ChannelState.IDLE:
            return
        case ChannelState.INFUSING if facts.is_titration:
            return  # whether it is this order's infusion is the_running_order's question
        case ChannelState.DELAYED_START:
            yield Finding.against(PivError.DELAYED_START, "channel", f"{channel.name} is in a delayed start")
        case ChannelState.INFUSING | ChannelState.PAUSED | ChannelState.KVO:
            yield Finding.against(PivError.NOW_INFUSING, "channel", f"{channel.name} is {channel.state.value}{_of(channel)}")
        case state:
            yield Finding.against(PivError.CANNOT_ACCEPT, "channel", f"{channel.name} is {state.value}")


def _of(channel: Channel) -> str:
    running = channel.running
    return f" {running.drug} for order {running.placer_order_number or '(none)'}" if running is not None else ""
