"""Can the channel take a program now? (9002, 9006, 9007, 9017, 9028, 9032, 9033)"""

from collections.abc import Iterator

from interop.domain.channel import ChannelState
from interop.domain.finding import Finding, PivError
from interop.stages.checks.facts import Facts


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
    match channel.state:
        case ChannelState.IDLE:
            return
        case ChannelState.DELAYED_START:
            yield Finding.against(PivError.DELAYED_START, "channel", f"{channel.name} is in a delayed start")
        case ChannelState.INFUSING | ChannelState.PAUSED | ChannelState.KVO:
            running = channel.running
            what = f" {running.drug} for order {running.placer_order_number or '(none)'}" if running is not None else ""
            yield Finding.against(PivError.NOW_INFUSING, "channel", f"{channel.name} is {channel.state.value}{what}")
        case state:
            yield Finding.against(PivError.CANNOT_ACCEPT, "channel", f"{channel.name} is {state.value}")
