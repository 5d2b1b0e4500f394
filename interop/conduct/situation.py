"""What the bedside looks like to a plan: the channel as its pump reports it, and what the record says of it, of its pump's patient and of the order."""

from asyncio import gather

from interop.conduct import naming
from interop.conduct.infusions import RunAt, infusion_at, runs_of_order, runs_on_pump
from interop.conduct.pump_state import PumpNow, channel_of
from interop.conduct.streams import programme_at
from interop.conduct.to_show import last_program
from interop.conduct.world import Situation
from interop.domain import pump as said
from interop.domain.channel import Running
from interop.domain.events.programme import Planned
from interop.domain.order import Order
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.ports import Expect, Record
from interop.stages.confirm import same_on_the_link


async def look_at(record: Record, pump: PumpNow | None, order: Order, online: bool) -> Situation:
    """For the channel that the order names; nothing where it names none that this pump has. Raises: StoreUnavailable."""
    report = pump.channel(order.channel_id) if pump is not None else None
    if pump is None or report is None:
        return Situation()
    channel_id, key = report.channel_id, naming.channel_key(pump.pump_id, report.channel_id)
    order_id = naming.order_id(order.system_group, order.placer_order_number)
    runs, of_order, held, earlier = await gather(
        runs_on_pump(record, pump.pump_id), runs_of_order(record, order_id), record.effect_key(key), last_program(record, order_id)
    )
    here = next((run for run in runs if run.channel_id == channel_id), None)
    expects: tuple[Expect, ...] = ()
    if here is not None:
        infusion = await infusion_at(record, here.infusion_id)
        expects = (Expect(infusion.stream, infusion.version),)
    elsewhere = [run for run in of_order if (run.pump_id, run.channel_id) != (pump.pump_id, channel_id)]
    open_offer = await programme_at(record, held.reference) if held is not None else None
    running = _running(report, here, await _offered_concentration(record, here))
    return Situation(
        channel=channel_of(pump, report, running, _patient_of(here, runs), online),
        open_offer_on_channel=open_offer.today.placer_order_number if open_offer is not None and open_offer.today is not None else "",
        open_programme=held.reference if held is not None else "",
        live_on=f"{elsewhere[0].pump_id} channel {elsewhere[0].channel_id}" if elsewhere else "",
        in_doubt=await _in_doubt(record, runs),
        earlier=earlier,
        expects=expects,
        channel_key=key,
    )


async def _offered_concentration(record: Record, here: RunAt | None) -> Quantity | None:
    """What runs from an offer has its concentration exactly; the link says it to nine decimals."""
    if here is None or not here.programme_id:
        return None
    events = (await programme_at(record, here.programme_id)).events
    planned = next((event for event in events if isinstance(event, Planned)), None)
    settings = planned.settings if planned is not None else ()
    return next((each.set for each in settings if each.name == "concentration"), None)


async def _in_doubt(record: Record, runs: tuple[RunAt, ...]) -> str:
    """D-12: what put any association of this pump in doubt; empty: nothing."""
    for run in runs:
        today = (await infusion_at(record, run.infusion_id)).today
        association = today.association if today is not None else None
        if association is not None and association.suspensions:
            return association.suspensions[0].cause.value
    return ""


def _running(report: said.ChannelReport, here: RunAt | None, offered: Quantity | None) -> Running | None:
    """What runs there: the amounts by the pump's word, whose it is by the record's alone (SR-50).

    ``offered`` is the exact concentration of the offer that runs; it stands where the pump's word is the same to the link's nine decimals.
    """
    run = report.run
    rate = None if run is None else run.set_rate or run.rate
    if run is None or rate is None:
        return None
    return Running(
        placer_order_number=here.placer_order_number if here is not None else "",
        entry_key=run.entry_key,
        drug=run.drug,
        concentration=offered if offered is not None and same_on_the_link(offered, run.concentration) else run.concentration,
        rate=rate,
        dose_rate=run.dose_rate,
        dosing_weight=run.weight,
        infusion_id=run.infusion_id,
        system_group=naming.group_of(here.order_id) if here is not None else "",
        order_number=here.order_number if here is not None else "",
    )


def _patient_of(here: RunAt | None, runs: tuple[RunAt, ...]) -> PatientId | None:
    """Whose the pump is, by its associations: all channels of one pump have the same patient (SR-03)."""
    number = next((run.patient for run in (here, *runs) if run is not None and run.patient is not None), None)
    return None if number is None else PatientId(number.value, number.authority)
