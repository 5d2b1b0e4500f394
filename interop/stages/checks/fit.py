"""Does what is ordered fit the entry: unit, concentration, route, channel? Asked again after the match, so that no single fault lets an order through."""

from collections.abc import Iterator

from interop.domain.delivery import InfusionType, Mode, Route
from interop.domain.finding import Finding, PivError, Sub
from interop.domain.order import ByDoseRate, DoseOverTime
from interop.domain.ucum import same_but_for_scale
from interop.stages.checks.facts import Facts


def the_entrys_unit(facts: Facts) -> Iterator[Finding]:
    """SR-18, D-02: only the scale of the amount may differ between the order's unit and the entry's."""
    entry = facts.entry
    if entry is None:
        return
    match facts.order.gives:
        case ByDoseRate(dose_rate=given) | DoseOverTime(dose=given):
            if not same_but_for_scale(given.quantity.unit, entry.dosing_unit):
                text = f"ordered in {given.quantity.unit}, the library doses {entry.tallman} in {entry.dosing_unit}"
                yield Finding.against(PivError.DOSE_UNITS_DIFFER, given.field, text)
        case _:
            return


def the_entrys_concentration(facts: Facts) -> Iterator[Finding]:
    """SR-17: equal as a ratio to a fixed entry; inside its limits for a wildcard."""
    entry, program = facts.entry, facts.program
    if entry is None or program is None or entry.is_plain_fluid:
        return
    concentration = program.concentration
    if concentration is None:
        yield Finding.against(PivError.MISSING_PARAMETER, "strength", "the program has no concentration")
        return
    if entry.concentration is not None:
        if concentration != entry.concentration:
            text = f"the container is {concentration}, {entry.key} is {entry.concentration}"
            yield Finding.against(Sub.CONCENTRATION, facts.order.container.field or "strength", text)
        return
    if entry.concentration_limits.is_empty:
        yield Finding.against(Sub.CONCENTRATION, "strength", f"{entry.key} takes any strength, but has no limits for it")
        return
    verdict, limit = entry.concentration_limits.judge(concentration)
    if verdict.is_hard:
        text = f"{concentration} is {verdict.value} {limit} of {entry.key}"
        yield Finding.against(Sub.CONCENTRATION, facts.order.container.field or "strength", text)


def the_entrys_route(facts: Facts) -> Iterator[Finding]:
    """SR-20: epidural and PCA entries only to such channels, an intravenous drug never to an epidural one."""
    entry, channel, order = facts.entry, facts.channel, facts.order
    if entry is None:
        return
    if order.route is not None and order.route is not entry.route:
        text = f"ordered {order.route.value}, {entry.tallman} of {entry.key} is given {entry.route.value}"
        yield Finding.against(Sub.ROUTE, "route", text)
    if order.mode is not None and order.mode is not entry.mode:
        text = f"ordered for {order.mode.value}, {entry.key} is for {entry.mode.value}"
        yield Finding.against(Sub.ROUTE, "device", text)
    if channel is None:
        return
    if channel.mode is not entry.mode:
        text = f"{channel.name} is a {channel.mode.value} channel, {entry.key} is for {entry.mode.value}"
        yield Finding.against(Sub.ROUTE, "channel", text)
    if channel.is_epidural is not (entry.route is Route.EPIDURAL):
        kind = "an epidural" if channel.is_epidural else "no epidural"
        yield Finding.against(Sub.ROUTE, "channel", f"{channel.name} is {kind} channel, {entry.tallman} is given {entry.route.value}")
    kind_of_channel = facts.channel_kind
    if kind_of_channel is not None and entry.route not in kind_of_channel.routes:
        text = f"{channel.model} does not run {entry.route.value} infusions on a {channel.mode.value} channel"
        yield Finding.against(Sub.ROUTE, "channel", text)


def the_ordered_device(facts: Facts) -> Iterator[Finding]:
    """RXR-3 against the scanned channel: an order for a syringe pump does not go onto a volumetric one."""
    if facts.order.mode is not None and facts.channel is not None and facts.order.mode is not facts.channel.mode:
        text = f"ordered for {facts.order.mode.value}, {facts.channel.name} is a {facts.channel.mode.value} channel"
        yield Finding.against(Sub.ROUTE, "RXR-3", text)


def what_the_volume_needs(facts: Facts) -> Iterator[Finding]:
    """IHE DEV TF-2, 3.3.4.4.6: an LVP needs VTBI or a time; the pump model says whether its channel does too. A change of rate sets neither."""
    program, kind = facts.program, facts.channel_kind
    if program is None or program.vtbi is not None or facts.is_titration or {"volume to be infused", "duration"} & facts.order.unread:
        return
    asked_for_lvp = facts.order.bedside and (facts.order.mode or program.entry.mode) is Mode.LVP
    if asked_for_lvp or (kind is not None and kind.needs_vtbi) or program.entry.infusion_type is InfusionType.INTERMITTENT:
        field = "RXG-5" if facts.order.bedside else "volume"
        yield Finding.against(PivError.MISSING_PARAMETER, field, "neither a volume to be infused nor a time was ordered")
