"""``pump_models/*.toml``: what each model can run: ranges, steps, channel kinds, abilities (SR-30, SR-32)."""

from interop.domain.delivery import Mode, Route
from interop.domain.quantity import Quantity, show
from interop.domain.release import ChannelKind, PumpModel, RateStep
from interop.site.toml_file import Node


def read_pump_model(key: str, top: Node) -> PumpModel | None:
    """One model; ``key`` is its file's name. None where something in it could not be read."""
    title, maker = top.text("title"), top.text("maker")
    top.text("source")  # asked for so that every model says where its figures come from
    channel_ids = top.texts("channel_ids", required=True)
    nodes = top.tables("channels", required=True)
    channels: dict[Mode, ChannelKind] = {}
    sound = bool(title and maker and channel_ids)
    for node in nodes:
        channel = _channel(node)
        if channel is None:
            sound = False
        elif channel.mode in channels:
            node.error("mode", f"{channel.mode.value} channels are described twice", "write one [[channels]] for each mode")
        else:
            channels[channel.mode] = channel
    top.close()
    return PumpModel(key, title, maker, channels, channel_ids) if sound and channels else None


def _channel(node: Node) -> ChannelKind | None:
    mode = node.choice("mode", Mode)
    routes = frozenset(node.choices("routes", Route))
    rate_min, rate_max = node.quantity("rate_min_mL_per_h", "mL/h"), node.quantity("rate_max_mL_per_h", "mL/h")
    vtbi_min, vtbi_max = node.quantity("vtbi_min_mL", "mL"), node.quantity("vtbi_max_mL", "mL")
    vtbi_step = node.quantity("vtbi_step_mL", "mL")
    duration_max = node.quantity("duration_max_min", "min")
    needs_vtbi, bolus, multistep = node.flag("needs_vtbi"), node.flag("bolus"), node.flag("multistep")
    steps = _steps(node)
    node.close()
    if rate_min is None or rate_max is None or vtbi_min is None or vtbi_max is None or vtbi_step is None or duration_max is None:
        return None
    if mode is None or not routes or not steps:
        return None
    sound = _rates_are_sound(node, rate_min, rate_max, steps)
    sound &= _volumes_are_sound(node, vtbi_min, vtbi_max, vtbi_step)
    if not sound:
        return None
    return ChannelKind(
        mode=mode,
        routes=routes,
        rate_min=rate_min,
        rate_max=rate_max,
        rate_steps=steps,
        vtbi_min=vtbi_min,
        vtbi_max=vtbi_max,
        vtbi_step=vtbi_step,
        duration_max=duration_max,
        needs_vtbi=needs_vtbi,
        bolus=bolus,
        multistep=multistep,
    )


def _steps(node: Node) -> tuple[RateStep, ...]:
    """The steps in the order in which they are written; () where one could not be read."""
    steps: list[RateStep | None] = []
    for each in node.tables("rate_steps", required=True):
        up_to, step = each.number("up_to_mL_per_h"), each.number("step_mL_per_h")
        each.close()
        steps.append(RateStep(up_to, step) if up_to is not None and step is not None else None)
    read = tuple(step for step in steps if step is not None)
    return read if len(read) == len(steps) else ()


def _rates_are_sound(node: Node, rate_min: Quantity, rate_max: Quantity, steps: tuple[RateStep, ...]) -> bool:
    """Ranges follow each other without a gap, each counted in its own step, and the last one ends at the maximum."""
    sound = True

    def wrong(index: int, what: str, action: str) -> None:
        nonlocal sound
        sound = False
        node.faults.error(node.place("rate_steps", index), what, action)

    if rate_max < rate_min:
        node.error("rate_max_mL_per_h", f"the largest rate {rate_max} is below the smallest {rate_min}", "correct one of them")
        sound = False
    begins = {rate_min.value}  # the grid of a range may begin at the end of the one before it, or one step above
    last = rate_min.value
    for index, each in enumerate(steps):
        step, end = show(each.step), show(each.up_to)
        ends_well = not each.up_to % each.step
        if each.up_to < last:
            wrong(
                index,
                f"the range up to {end} mL/h does not lie above {show(last)} mL/h",
                "write the ranges from the smallest to the largest",
            )
        elif begins and all(begin % each.step for begin in begins):
            wrong(
                index,
                f"the range begins at {show(last)} mL/h, which is no multiple of its step {step}",
                "correct the step, or where it begins",
            )
        elif not ends_well:
            wrong(index, f"{end} mL/h is no multiple of the step {step}", "end the range on one of its own steps")
        last, begins = each.up_to, {each.up_to, each.up_to + each.step} if ends_well else set()
    if steps[-1].up_to != rate_max.value:
        wrong(len(steps) - 1, f"the steps end at {show(steps[-1].up_to)} mL/h, the rates at {rate_max}", "end both at the same rate")
    return sound


def _volumes_are_sound(node: Node, low: Quantity, high: Quantity, step: Quantity) -> bool:
    if high < low:
        node.error("vtbi_max_mL", f"the largest volume {high} is below the smallest {low}", "correct one of them")
        return False
    if low.value % step.value or high.value % step.value:
        node.error("vtbi_step_mL", f"{low} and {high} are not both multiples of the step {step}", "correct the step or the range")
        return False
    return True
