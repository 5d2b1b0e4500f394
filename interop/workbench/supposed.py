"""A case that is supposed, for orders that no real pump stands behind: a matching channel, associated by a scan just made (D-29).

The channel is idle; for a change of rate it infuses this very order.

Everything that is supposed is said aloud in the case's assumptions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from interop.domain.case import Association, BedsideScan, Case
from interop.domain.channel import Channel, ChannelState, Running
from interop.domain.delivery import Mode, Route
from interop.domain.library import LibraryEntry, LibraryRef
from interop.domain.order import ByDoseRate, ByRate, Order
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.domain.release import LocationRule, PumpModel, Release
from interop.domain.request import OrderRequest
from interop.stages.map_to_library import map_to_library
from interop.stages.normalise import normalise
from interop.workbench.running import infusing, run_before

SCANNED_BEFORE = timedelta(seconds=10)


class CannotSuppose(ValueError):
    """What was asked for is not in the site: a care area or pump model that it does not have."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller fixed; empty or None is left to be supposed. ``today`` is the time of an order that says none (a FHIR order has no bedside moment)."""

    at: datetime | None = None
    today: datetime | None = None
    care_area: str = ""
    library: str = ""
    pump_model: str = ""
    pump_weight: Quantity | None = None
    running: Quantity | None = None  # what the channel runs before the order: this order, at this rate or dose rate


def suppose(request: OrderRequest, release: Release, wishes: Wishes, said_before: tuple[str, ...] = ()) -> tuple[Case, datetime]:
    """The case and the time to plan at.

    Raises: CannotSuppose.
    """
    order = normalise(request, release)
    said: list[str] = list(said_before)
    now = _at(order, request, wishes, said)
    mode = order.mode or _mode_of_the_drug(order, release)
    model = _model(release, wishes, mode, said)
    if mode not in model.channels:
        mode = next(iter(model.channels))
    care_area = _care_area(order, release, wishes, model, mode, said)
    channel = _channel(order, release, wishes, model, mode, care_area, now)
    if order.pump_id and not order.channel_id and model.channel_ids:
        said.append(_which_channel(order, model, channel))
    entry = map_to_library(order, _case(order, release, channel, now, ())).entry
    if entry is not None and entry.route is Route.EPIDURAL:
        said.append("the channel is an epidural one")
    changes = order.is_titration or wishes.running is not None
    if changes:
        channel = infusing(channel, _running(order, _case(order, release, channel, now, ()), wishes))
    which = f"{channel.name} is an" if order.pump_id else "an"
    does = "infusing" if changes else "idle"
    said.append(f"{which} {does} {mode.value} channel of a {model.title}, set to {care_area}, its report and clock good")
    if changes:
        said.append(_what_runs(channel.running, wishes))
    said.append(f"the pump has library {channel.library}" if channel.library is not None else "the pump's library is unknown")
    if wishes.pump_weight is None:
        said.append("no weight is entered on the pump")
    else:
        said.append(f"the pump's weight is {wishes.pump_weight}")
    if order.bedside:
        said.append("patient, order and channel are associated by the scan that made this request")
    else:
        said.append("the order was scanned at the bedside 10 s before, by a clinician of their own identity")
    return _case(order, release, channel, now, tuple(said)), now


def _running(order: Order, idle: Case, wishes: Wishes) -> Running | None:
    """This order at the rate that was given; else at half of the new one, as no message says the old one."""
    match order.gives:
        case ByRate(rate=given) | ByDoseRate(dose_rate=given):
            at = wishes.running or Quantity(given.quantity.value / 2, given.quantity.unit)
            return run_before(order, idle, at, wishes.pump_weight)
        case _:
            return None


def _what_runs(running: Running | None, wishes: Wishes) -> str:
    if running is None:
        return (
            "what it infuses is not known, as this order at another rate cannot be worked out (without a weight, --pump-weight gives one)"
        )
    doses = f"{running.dose_rate}, " if running.dose_rate is not None else ""
    by = f", dosed by {running.dosing_weight}" if running.dosing_weight is not None else ""
    chosen = (
        "" if wishes.running is not None else "; half of the new rate, as the message does not say the old one (--running gives another)"
    )
    return f"it infuses this order: {running.drug} at {doses}{running.rate}{by}{chosen}"


def _at(order: Order, request: OrderRequest, wishes: Wishes, said: list[str]) -> datetime:
    """D-29: as given, else 10 s after the clinician asked; an order without a bedside moment is taken to be scanned today."""
    if wishes.at is not None:
        return wishes.at
    moment = order.requested_at or order.sent_at
    if moment is None and wishes.today is not None:
        said.append(f"it is now, {wishes.today.isoformat()}: the order itself has no bedside moment")
        return wishes.today
    if moment is None:
        raise CannotSuppose("the order says no time that can be read: give one with --at")
    what = "the clinician asked (ORC-9)" if order.requested_at is not None else f"the message was sent ({request.sent_at.field})"
    said.append(f"it is {(moment + SCANNED_BEFORE).isoformat()}, 10 s after {what}")
    return moment + SCANNED_BEFORE


def _mode_of_the_drug(order: Order, release: Release) -> Mode:
    """The one kind of pump that the library has this drug for; a volumetric pump where that does not decide."""
    drugs = {row.drug for code in order.codes if (row := release.formulary.get((code.system, code.code))) is not None}
    modes = {entry.mode for drug in drugs for entry in release.library.by_drug.get(drug, ())}
    return modes.pop() if len(modes) == 1 else Mode.LVP


def _model(release: Release, wishes: Wishes, mode: Mode, said: list[str]) -> PumpModel:
    if wishes.pump_model:
        if wishes.pump_model not in release.pump_models:
            raise CannotSuppose(f"no pump model {wishes.pump_model!r}; this site has {', '.join(sorted(release.pump_models))}")
        return release.pump_models[wishes.pump_model]
    fitting = [model for model in release.pump_models.values() if mode in model.channels]
    if not fitting:
        raise CannotSuppose(f"this site has no pump model with a {mode.value} channel")
    if len(fitting) > 1:
        said.append(f"pump model {fitting[0].key} of {', '.join(model.key for model in fitting)}")
    return fitting[0]


def _care_area(order: Order, release: Release, wishes: Wishes, model: PumpModel, mode: Mode, said: list[str]) -> str:
    """The one given; else the first of the site's in which one entry fits and where the patient's location may be.

    Where none fits, the pump stands where the patient is all the same: a supposed pump must not refuse an order by a ward that nobody chose.
    """
    if wishes.care_area:
        if wishes.care_area not in release.care_areas:
            raise CannotSuppose(f"no care area {wishes.care_area!r}; this site has {', '.join(release.care_areas)}")
        return wishes.care_area
    at = datetime.fromisoformat("2000-01-01T00:00:00+00:00")  # a match does not look at the time

    def fits(area: str) -> bool:
        channel = _channel(order, release, wishes, model, mode, area, at)
        return map_to_library(order, _case(order, release, channel, at, ())).entry is not None

    fitting = [area for area in release.care_areas if fits(area)]
    there = _where_the_patient_may_be(order, release) or tuple(release.care_areas)
    with_the_drug = [area for area in there if _has_the_drug(order, release, area)]
    chosen = next(iter([*(area for area in there if area in fitting), *with_the_drug, *there]))
    others = [area for area in fitting if area != chosen]
    if chosen in fitting:
        also = f" (it would also fit in {', '.join(others)})" if others else ""
    elif others:
        also = f"; no entry fits there (one would in {', '.join(others)})"
    else:
        also = "; no care area has an entry that fits"
    said.append(f"the pump is set to {chosen}{also}")
    return chosen


def _where_the_patient_may_be(order: Order, release: Release) -> tuple[str, ...]:
    """The care areas that the site's table permits for the patient's location (D-03), those without a caution first; none: it permits none."""
    if not order.location:
        return tuple(release.care_areas)
    rules = {area: release.locations.get((order.location, area)) for area in release.care_areas}
    return tuple(area for wanted in (LocationRule.ALLOWED, LocationRule.CAUTION) for area, rule in rules.items() if rule is wanted)


def _has_the_drug(order: Order, release: Release, area: str) -> bool:
    drugs = {row.drug for code in order.codes if (row := release.formulary.get((code.system, code.code))) is not None}
    return any(entry.care_area == area for drug in drugs for entry in release.library.by_drug.get(drug, ()))


def _channel(order: Order, release: Release, wishes: Wishes, model: PumpModel, mode: Mode, care_area: str, now: datetime) -> Channel:
    return Channel(
        pump_id=order.pump_id or "(any)",
        channel_id=_channel_id(order, model, wishes),
        model=model.key,
        mode=mode,
        state=ChannelState.IDLE,
        library=_library(release, wishes),
        care_area=care_area,
        reported_at=now,
        patient=order.patient_ids[0] if order.patient_ids else None,
        weight=wishes.pump_weight,
        is_epidural=_is_epidural(order, release, mode, care_area),
        manufacturer=order.manufacturer,
    )


def _channel_id(order: Order, model: PumpModel, wishes: Wishes) -> str:
    """The channel that matches: as named; the only one; or none beside the pump's id, which then names the channel itself (ihe-pcd.md 3.6).

    On a model that was asked for, with several channels, that cannot be: the first is at hand, and the order does not name it (9001, D-08).
    """
    if order.channel_id and order.pump_id:
        return order.channel_id
    if order.pump_id and len(model.channel_ids) > 1 and not wishes.pump_model:
        return ""
    return model.channel_ids[0] if model.channel_ids else "A"


def _which_channel(order: Order, model: PumpModel, channel: Channel) -> str:
    if len(model.channel_ids) == 1:
        return f"the order names no channel, and {model.key} has one, {channel.channel_id}"
    if not channel.channel_id:
        return f"{order.pump_id} names one channel by itself; on a {model.title} the channel would have to be named too"
    names = ", ".join(model.channel_ids)
    return f"the order names no channel, and {model.key} has {len(model.channel_ids)} ({names}): {channel.channel_id} is at hand"


def _is_epidural(order: Order, release: Release, mode: Mode, care_area: str) -> bool:
    """A matching channel: epidural if all that the library has for this drug, mode and area is."""
    drugs = {row.drug for code in order.codes if (row := release.formulary.get((code.system, code.code))) is not None}
    entries: list[LibraryEntry] = [entry for drug in drugs for entry in release.library.by_drug.get(drug, ())]
    here = [entry for entry in entries if entry.mode is mode and entry.care_area == care_area]
    return bool(here) and all(entry.route is Route.EPIDURAL for entry in here)


def _library(release: Release, wishes: Wishes) -> LibraryRef | None:
    """The site's own, or one that the pump is said to have: by version, or by the first characters of its hash."""
    ours = release.library.ref
    if not wishes.library or wishes.library == ours.version or (len(wishes.library) >= 8 and ours.hash.startswith(wishes.library)):
        return ours
    return LibraryRef(ours.id, wishes.library, "?")


def _case(order: Order, release: Release, channel: Channel, now: datetime, assumptions: tuple[str, ...]) -> Case:
    patient = order.patient_ids[0] if order.patient_ids else PatientId("(none)", "")
    scanned = now - SCANNED_BEFORE
    scan = None
    if not order.bedside:
        scan = BedsideScan("(supposed)", scanned, "(clinician at the bedside)", patient, channel.pump_id, channel.channel_id)
    association = Association(
        patient, order.placer_order_number, channel.pump_id, channel.channel_id, scanned, system_group=order.system_group
    )
    return Case(release=release, channel=channel, association=association, scan=scan, assumptions=assumptions)
