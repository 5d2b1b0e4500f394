"""May this order change what runs: is it this very infusion, and is its rate all that changes? (PCD-03 XO, changed FHIR orders; D-17, D-20, SR-37)"""

from collections.abc import Iterator

from interop.domain.channel import Channel, ChannelState, Running
from interop.domain.finding import Finding, Owner, PivError, Sub
from interop.domain.library import LibraryEntry
from interop.domain.order import ByDoseRate, ByRate, Order
from interop.domain.quantity import show
from interop.domain.ucum import UCUM, same_but_for_scale
from interop.stages.checks.facts import Facts
from interop.stages.checks.weight import difference
from interop.stages.titration import run_to_change, runs_this_order

BY_HAND = "Change the rate by hand at the pump."


def the_running_order(facts: Facts) -> Iterator[Finding]:
    """SR-02, D-20: the channel runs this order, for this patient, and says which infusion that is. What it does not say is not taken as equal."""
    order, channel = facts.order, facts.channel
    if not facts.is_titration or channel is None:
        return
    if order.placer_order_number and not order.order_number:
        text = "ORC-2 of this sender numbers an administration, and the message does not say which order that belongs to"
        action = "Name the order's place in the sender's profile (places.running_order), and send it; change the rate by hand until then."
        yield Finding.against(PivError.MISSING_PARAMETER, order.order_number_field or "running_order", text, action=action)
    if channel.state is not ChannelState.INFUSING:
        return  # said by ready_for_a_program
    running = channel.running
    if running is None:
        text = f"{channel.name} infuses and does not say what: the change cannot be tied to it"
        yield Finding.against(Sub.TITRATION_ORDER, "channel", text, action=BY_HAND)
        return
    if not running.placer_order_number:
        action = "Associate what runs with its order first, or change the rate by hand at the pump."
        yield Finding.against(
            Sub.TITRATION_ORDER, "order number", f"{_what(running)} on {channel.name} runs without an order", action=action
        )
    elif order.order_number and not runs_this_order(order, running):
        yield Finding.against(Sub.TITRATION_ORDER, order.order_number_field or "order number", _other_order(order, running, channel))
    if not running.infusion_id:
        text = f"{channel.name} does not say which infusion it runs: the change cannot be bound to it"
        yield Finding.against(Sub.TITRATION_ORDER, "infusion", text, action=BY_HAND)
    if channel.patient is None:
        text = f"{channel.name} infuses and does not say for which patient"
        action = "Scan wristband and channel, so that the pump knows its patient; then send the change again."
        yield Finding.against(PivError.PATIENT_DIFFERS, "patient id", text, action=action)


def the_running_drug(facts: Facts) -> Iterator[Finding]:
    """Drug, concentration, entry and dosing unit of what runs are the order's: anything else that changes is a new programme, never a titration."""
    order, channel, entry, program = facts.order, facts.channel, facts.entry, facts.program
    if not facts.is_titration or channel is None or channel.running is None or channel.state is not ChannelState.INFUSING:
        return
    running = channel.running
    field = order.codes[0].field if order.codes else "give code"
    if facts.match.drug and facts.match.drug != running.drug:
        text = f"{channel.name} runs {_what(running)}, the order is for {facts.match.drug}"
        yield Finding.against(Sub.TITRATION_DRUG, field, text)
        return
    if program is not None and program.concentration != running.concentration:
        hangs = running.concentration if running.concentration is not None else "of a concentration that the pump does not say"
        text = f"the container that runs is {hangs}, the order's {program.concentration or 'a plain fluid'}"
        yield Finding.against(Sub.TITRATION_CONCENTRATION, order.container.field or "strength", text)
    elif entry is not None and entry.key != running.entry_key:
        by = f"under entry {running.entry_key}" if running.entry_key else "without an entry of the drug library"
        yield Finding.against(Sub.TITRATION_ENTRY, field, f"{_what(running)} runs {by}, the order fits {entry.key} {entry.title}")
    if entry is not None:
        yield from _unit(entry, running, channel)


def the_running_weight(facts: Facts) -> Iterator[Finding]:
    """D-17, SR-35: a running infusion keeps its dosing weight. The order's own is compared: over 5 % apart is refused, any other difference is shown.

    So is a weight that was entered on the pump since: whoever corrected it must see that the infusion goes on with the old one.
    """
    order, entry = facts.order, facts.entry
    running = run_to_change(order, facts.case) if facts.is_titration else None
    if running is None or entry is None:
        return
    per = {UCUM[entry.dosing_unit].dimension.per_body, _per_body(order)}
    if "m2" in per:
        text = f"{entry.tallman} is dosed per m2, and the pump does not say by which body surface it runs"
        yield Finding.against(PivError.BSA_MISSING, "body surface", text, action=BY_HAND)
    if "kg" not in per:
        return
    if running.dosing_weight is None:
        text = f"{entry.tallman} is dosed per kg, and the pump does not say by which weight it runs"
        yield Finding.against(PivError.WEIGHT_MISSING, "dosing weight", text, action=BY_HAND)
        return
    entered = facts.channel.weight if facts.channel is not None else None
    if entered is not None and entered != running.dosing_weight:
        text = f"the pump's weight is now {entered}, the infusion keeps the {running.dosing_weight} that it is dosed by"
        yield Finding.caution("pump weight", text, action="Check that the running weight is still meant.")
    if order.weight is None or order.weight.quantity == running.dosing_weight:
        return
    off = difference(order.weight.quantity, running.dosing_weight)
    apart = f"{show(off * 100, 1)} % apart"
    if off > facts.rules.weight_difference:
        text = f"the infusion is dosed by {running.dosing_weight}, the order by {order.weight.quantity}: {apart}"
        action = "A change keeps the running weight: correct the order's weight, or end what runs and start it anew with the new one."
        yield Finding.against(PivError.WEIGHT_DIFFERS, order.weight_field or "weight", text, action=action)
    else:
        text = (
            f"the infusion keeps the weight that it is dosed by, {running.dosing_weight}; the order says {order.weight.quantity}: {apart}"
        )
        yield Finding.caution("weight", text, action="Check that the running weight is still meant.")


def a_change_of_rate_alone(facts: Facts) -> Iterator[Finding]:
    """XO carries no VTBI and no time (3.3.4.4); what a FHIR order says of them is shown, as nothing of it is set. The rate must really change.

    An unchanged rate is refused, not offered: a clinician would confirm nothing, and the chart would tell of a change that never was.
    """
    if not facts.is_titration:
        return
    order, program, running = facts.order, facts.program, run_to_change(facts.order, facts.case)
    if order.window is None:
        yield Finding.note("titration range", "titrated, range unknown")
    rates = [given for given in order.also if given.quantity.measure.is_flow or given.quantity.measure.is_dose_rate]
    for given in (order.vtbi, order.duration, *order.also):
        if given is None or given in rates:
            continue
        if order.bedside:
            text = f"a change of rate (XO) sets no volume and no time, and {given} was sent"
            action = "Send XO with the rate alone; a new container is an order of its own (RE)."
            yield Finding.against(PivError.INVALID_PARAMETER, given.field, text, action=action)
        else:
            text = f"the order says {given}; a change of rate leaves volume and time on the pump as they are"
            yield Finding.caution(given.field, text, action="Compare it with what the pump still has to infuse.", must_confirm=True)
    if program is None or running is None or program.rate.set != running.rate:
        return
    ordered = (
        order.gives.dose_rate if isinstance(order.gives, ByDoseRate) else order.gives.rate if isinstance(order.gives, ByRate) else None
    )
    doses = f" ({running.dose_rate})" if running.dose_rate is not None else ""
    text = f"{ordered} would be {program.rate.set} on this pump, which it runs at already{doses}: nothing would change"
    action = "" if order.bedside else "Leave the rate as it is; a further container is programmed by hand."
    yield Finding.against(Sub.UNCHANGED, ordered.field if ordered is not None else "rate", text, action=action)


def _what(running: Running) -> str:
    return running.drug or "something that it does not name"


def _other_order(order: Order, running: Running, channel: Channel) -> str:
    number = running.order_number or running.placer_order_number
    runs = f"{channel.name} runs {_what(running)} for order {number}"
    if order.order_number in (running.order_number, running.placer_order_number):
        return f"{runs} of {running.system_group or 'a system that is not known'}, the change is for that number of {order.system_group}"
    return f"{runs}, the change is for order {order.order_number}"


def _per_body(order: Order) -> str:
    return order.gives.dose_rate.quantity.measure.dimension.per_body if isinstance(order.gives, ByDoseRate) else ""


def _unit(entry: LibraryEntry, running: Running, channel: Channel) -> Iterator[Finding]:
    """SR-18: the channel doses in the entry's unit, but for the scale of the amount. A plain fluid runs in mL/h only."""
    if entry.is_plain_fluid:
        return
    if running.dose_rate is None:
        text = f"{channel.name} does not say at which dose rate it runs {entry.tallman}"
        yield Finding.against(Sub.TITRATION_UNIT, "dose rate", text, owner=Owner.NURSE)
    elif not same_but_for_scale(running.dose_rate.unit, entry.dosing_unit):
        text = f"{channel.name} doses {entry.tallman} in {running.dose_rate.unit}, the drug library in {entry.dosing_unit}"
        yield Finding.against(Sub.TITRATION_UNIT, "dose rate", text)
