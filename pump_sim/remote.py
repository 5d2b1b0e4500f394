"""What the server asks of the pump: an offer goes onto the screen or is refused with every reason, a withdrawal is answered, and nothing starts (SR-01)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from pump_sim import wire
from pump_sim.amounts import Amount, NotAnAmount, OtherMeasure, ml_per_h
from pump_sim.delivery import hindrances
from pump_sim.library import Entry
from pump_sim.machine import Machine
from pump_sim.programme import OVERFILL, Reason, is_dosed, judge, unit_of
from pump_sim.programme import CannotSet as _CannotSet
from pump_sim.state import Caution, Channel, Programme, Run
from pump_sim.states import WITH_RUN, Event, Shadow, State
from pump_sim.wire import Associate, Dissociate, LibraryAvailable, Offer, Told, Withdraw

WEIGHT_TOLERANCE = Fraction(5, 100)  # D-17
TEN_TIMES = 10  # D-18


@dataclass(slots=True)
class Reading:
    """An offer's amounts as this pump reads them, with what cannot be read."""

    concentration: Amount | None = None
    container: tuple[Amount | None, Amount | None] = (None, None)
    settings: dict[str, Amount] = field(default_factory=dict)
    faults: list[Reason] = field(default_factory=list)

    def amount(self, told: Told | None, what: str) -> Amount | None:
        if told is None:
            return None
        try:
            return Amount.read(told.value, told.unit)
        except NotAnAmount as error:
            self.faults.append(Reason("9008" if "unit" in str(error) else "9004", f"{what}: {error}"))
            return None


# ── offer ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def take_offer(m: Machine, offer: Offer) -> None:
    """Show it, or refuse it with every reason at once; either way its id is used up for ever."""
    channel = m.channel(offer.channel_id)
    if offer.offer_id in m.tombstones:
        _refuse(m, offer, [Reason("9016.replayed", "This pump was offered this program before")])
        return
    if channel is None:
        m.bury(offer.offer_id, offer.channel_id, "refused")
        _refuse(m, offer, [Reason("9001", f"This pump has no channel {offer.channel_id}")])
        return
    reading = _read(offer)
    programme = _programme(m, offer, reading)
    if offer.attempt == "titration" and channel.run is not None:
        _as_it_would_run(programme, channel.run)
    reasons = [*reading.faults, *_against(m, channel, offer, programme)]
    if reasons:
        m.bury(offer.offer_id, offer.channel_id, "refused")
        _refuse(m, offer, list(dict.fromkeys(reasons)))
        return
    is_change = offer.attempt == "titration"
    if not (m.shadow(channel, Event.OFFER) if is_change else m.step(channel, Event.OFFER)):
        m.bury(offer.offer_id, offer.channel_id, "refused")
        _refuse(m, offer, [Reason("9017", f"The channel is {channel.state.value}")])
        return
    programme.cautions += _own_cautions(m, channel, programme)
    if is_change:
        channel.change = programme
    else:
        channel.programme = programme
    channel.note = ""
    m.bury(offer.offer_id, offer.channel_id, "")
    m.tell("offer_shown", offer_id=offer.offer_id, channel_id=offer.channel_id)


def _refuse(m: Machine, offer: Offer, reasons: list[Reason]) -> None:
    told = [{"code": reason.code, "text": reason.text} for reason in reasons]
    m.tell("offer_refused", offer_id=offer.offer_id, channel_id=offer.channel_id, reasons=told)


def _read(offer: Offer) -> Reading:
    reading = Reading()
    reading.concentration = reading.amount(offer.concentration, "concentration")
    reading.container = (reading.amount(offer.container[0], "container"), reading.amount(offer.container[1], "container"))
    for told in offer.settings:
        value = reading.amount(told.set, told.name)
        if told.name in reading.settings:
            reading.faults.append(Reason("9004", f"{told.name} stands there twice"))
        if value is not None:
            reading.settings[told.name] = value
    for name, unit in (("rate", "mL/h"), ("vtbi", "mL")):
        try:
            if name in reading.settings:
                reading.settings[name] = reading.settings[name].to(unit)
        except OtherMeasure as error:
            reading.faults.append(Reason("9008", f"{name}: {error}"))
            del reading.settings[name]
    return reading


def _programme(m: Machine, offer: Offer, reading: Reading) -> Programme:
    entry = m.library.entries.get(offer.entry_key) if m.library is not None else None
    second = offer.second_check == "at_pump" or (entry is not None and entry.second_check == "at_pump")
    return Programme(
        offer_id=offer.offer_id,
        order=offer.order,
        requested_by=offer.requested_by,
        weight_source=offer.weight_source,
        patient=offer.patient,
        patient_name=offer.patient_name,
        entry=entry,
        concentration=reading.concentration,
        container=" / ".join(str(part) for part in reading.container if part is not None),
        settings=dict(reading.settings),
        offered=dict(reading.settings),
        cautions=offer.cautions,
        needs_second_check=second,
        changes=offer.changes[0] if offer.changes is not None else "",
        shown_us=m.at_us,
        key_us=m.at_us,
        untouched_s=offer.untouched_s,
        idle_s=offer.idle_s,
        total_s=offer.total_s,
    )


def _as_it_would_run(programme: Programme, run: Run) -> None:
    """A titration leaves alone what it does not name: those values are shown, judged and confirmed with it. The time follows from them."""
    kept = {name: value for name, value in run.programme.settings.items() if name not in ("dose rate", "dose", "duration", "total dose")}
    programme.settings = {**kept, **programme.settings}
    rate, vtbi = programme.settings["rate"], programme.settings.get("vtbi")
    if "duration" not in programme.settings and vtbi is not None and rate.value:
        programme.settings["duration"] = Amount(vtbi.value * 60 / rate.value, "min")
    if vtbi is not None and programme.concentration is not None:
        amount = programme.concentration.unit.partition("/")[0]
        programme.settings.setdefault("total dose", Amount(vtbi.value * programme.concentration.value, amount))
    programme.offered = dict(programme.settings)


def _against(m: Machine, channel: Channel, offer: Offer, programme: Programme) -> Iterator[Reason]:
    """Every reason of the pump's own (SR-65)."""
    if m.config.refuses:
        yield Reason("9017", "The channel takes no program now")
    try:
        yield from _occupied(m, channel, offer, programme)
    except OtherMeasure as error:
        yield Reason("9008", str(error))
    yield from _whose(m, offer)
    if not m.state.care_area:
        yield Reason("9029", "No care area is selected on this pump")
    elif offer.care_area != m.state.care_area:
        yield Reason("9021", f"The offer is for {offer.care_area}, this pump is set to {m.state.care_area}")
    if m.library is None:
        yield Reason("9016.library-version", "This pump has no usable drug library")
        return
    if offer.library != m.library.ref:
        ours = m.library.ref
        yield Reason("9016.library-version", f"This pump has library {ours.id} {ours.version} ({ours.hash[:12]})")
        return
    entry = programme.entry
    if entry is None:
        yield Reason("9010", f"This pump's library has no entry {offer.entry_key}")
        return
    yield from _other_than_the_entry(m, channel, offer, programme, entry)
    try:
        yield from (reason for reason in judge(programme, m.model, channel.syringe_volume).hard)
        yield from _too_much_for_the_container(programme)
        yield from _weight(m, programme)
    except OtherMeasure as error:
        yield Reason("9008", str(error))


def _occupied(m: Machine, channel: Channel, offer: Offer, programme: Programme) -> Iterator[Reason]:
    """Its state, door, set, air and alarms."""
    for hindrance in hindrances(m, channel):
        code = "9028" if hindrance.startswith("No s") else "9033" if hindrance.startswith("Alarm") else "9017"
        yield Reason(code, hindrance)
    if offer.attempt == "titration":
        yield from _not_what_runs(channel, offer, programme)
        return
    if channel.state in WITH_RUN and channel.state is not State.COMPLETE:
        yield Reason("9002", f"The channel is {channel.state.value}")
    elif channel.state is not State.IDLE:
        yield Reason("9017", f"The channel is {channel.state.value}")


def _not_what_runs(channel: Channel, offer: Offer, programme: Programme) -> Iterator[Reason]:
    """A titration changes exactly the run that it names, and that run as it is now."""
    run = channel.run
    if channel.shadow is not Shadow.NONE:
        yield Reason("9017", "Another change waits on this channel")
    if offer.changes is None:
        yield Reason("9003", "A titration must name what it changes")
        return
    if run is None or run.infusion_id != offer.changes[0]:
        yield Reason("9002", "The infusion that this changes does not run here")
        return
    if channel.state is not State.INFUSING:
        yield Reason("9017", f"The channel is {channel.state.value}: only a running infusion is titrated")
    entry = run.programme.entry
    if entry is None or entry.key != offer.entry_key:
        yield Reason("9036", "Another drug runs here")
    yield from _other_values_run(run, offer)
    told, ours = programme.settings.get("weight"), run.programme.settings.get("weight")
    if told is not None and ours is not None and told.to("kg") != ours.to("kg"):
        yield Reason("9011", f"This infusion runs with a dosing weight of {ours}")


def _other_values_run(run: Run, offer: Offer) -> Iterator[Reason]:
    assert offer.changes is not None
    try:
        strength = Amount.read(offer.concentration.value, offer.concentration.unit) if offer.concentration is not None else None
        ours = run.programme.concentration
        if (strength is None) != (ours is None) or (strength is not None and ours is not None and strength.to(ours.unit) != ours):
            yield Reason("9037", "Another concentration runs here")
        for told in offer.changes[1]:
            runs = run.programme.settings.get(told.name)
            value = Amount.read(told.set.value, told.set.unit)
            if runs is None or round(value.to(runs.unit).value, 9) != round(runs.value, 9):
                yield Reason("9002", f"{told.name} runs at {runs if runs is not None else 'no such value'}, not at {value}")
    except (NotAnAmount, OtherMeasure) as error:
        yield Reason("9037", str(error))


def _whose(m: Machine, offer: Offer) -> Iterator[Reason]:
    if not offer.patient.id:
        yield Reason("9031", "The offer names no patient")
        return
    known = m.state.patient
    others = [
        programme.patient
        for other in m.state.channels.values()
        for programme in (other.programme, other.change, other.run.programme if other.run is not None else None)
        if programme is not None and programme.patient is not None
    ]
    if any(patient != offer.patient for patient in ([known] if known is not None else others)):
        yield Reason("9012", "Another patient is on this pump")


def _other_than_the_entry(m: Machine, channel: Channel, offer: Offer, programme: Programme, entry: Entry) -> Iterator[Reason]:
    ours = {"drug": entry.drug, "tallman": entry.tallman, "therapy": entry.therapy, "care area": entry.care_area}
    theirs = {"drug": offer.drug, "tallman": offer.tallman, "therapy": offer.therapy, "care area": offer.care_area}
    for name, value in ours.items():
        if theirs[name] != value:
            yield Reason("9018", f"{name} is {value} in this pump's entry {entry.key}, and {theirs[name]} in the offer")
    if entry.mode != channel.mode:
        yield Reason("9018", f"entry {entry.key} is for a {entry.mode} channel")
    if entry.infusion_type == "pca":
        yield Reason("9018", "this pump runs no PCA")
    strength = programme.concentration
    if is_dosed(entry) and strength is not None and entry.concentration is not None:
        try:
            if strength.to(entry.concentration.unit) != entry.concentration:
                yield Reason("9018", f"{strength} is not the {entry.concentration} of entry {entry.key}")
        except OtherMeasure as error:
            yield Reason("9018", str(error))
    for name, value_set in programme.settings.items():
        if name in ("total dose", "rate"):
            continue
        try:
            value_set.to(unit_of(programme, name))
        except OtherMeasure:
            yield Reason("9009" if name.startswith("dose") else "9008", f"{name} {value_set} is not in {unit_of(programme, name)}")
        except _CannotSet as error:
            yield Reason("9004", str(error))


def _too_much_for_the_container(programme: Programme) -> Iterator[Reason]:
    entry, vtbi = programme.entry, programme.settings.get("vtbi")
    if entry is None or entry.volume is None or vtbi is None:
        return
    holds = entry.volume.to("mL").value * (1 if entry.mode == "SYRINGE" else OVERFILL)
    if vtbi.value > holds:
        yield Reason("9005", f"VTBI {vtbi} is more than the container of {entry.volume} holds")


def _weight(m: Machine, programme: Programme) -> Iterator[Reason]:
    told, ours = programme.settings.get("weight"), m.state.weight
    if told is None or ours is None:
        return
    if abs(told.to("kg").value - ours.to("kg").value) > WEIGHT_TOLERANCE * ours.to("kg").value:
        yield Reason("9011", f"Weight {told} differs by more than 5 % from the {ours} entered at this pump")


def _own_cautions(m: Machine, channel: Channel, programme: Programme) -> tuple[Caution, ...]:
    """What the pump adds of its own to what is shown before the values can be confirmed."""
    cautions: list[Caution] = []
    told, ours = programme.settings.get("weight"), m.state.weight
    if told is not None and ours is not None and told.to("kg") != ours.to("kg"):
        cautions.append(Caution(f"Weight at this pump is {ours}, in the order {told}", "Choose the weight that is right."))
    if channel.run is not None and programme.changes:
        old, new = channel.run.programme.settings["rate"].value, programme.settings["rate"].value
        if new >= TEN_TIMES * old or old >= TEN_TIMES * new:
            cautions.append(Caution(f"{ml_per_h(new)} beside {ml_per_h(old)}: a possible decimal slip", "Check the order."))
    return tuple(cautions)


# ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def take_withdrawal(m: Machine, asked: Withdraw) -> None:
    """Give an offer back, and refuse its id for ever; the answer to a repeat is the same."""
    stone = m.tombstones.get(asked.offer_id)
    if stone is None:
        stone = m.bury(asked.offer_id, asked.channel_id, "never_seen")
    if not stone.how:
        _take_back(m, asked.offer_id, stone.channel_id)
        stone = m.bury(asked.offer_id, stone.channel_id, "withdrawn")
    answer = {"withdrawn": "withdrawn", "ran": "confirmed"}.get(stone.how, "never_seen")
    values = {"offer_id": asked.offer_id, "channel_id": stone.channel_id, "at": wire.instant(m.wall)}
    if answer != "confirmed":
        m.out.say.append(wire.frame_of(answer, **values))
        return
    channel = m.channel(stone.channel_id)
    run = channel.run if channel is not None else None
    m.out.say.append(
        wire.frame_of(
            "confirmed",
            **values,
            runs=run is not None and run.infusion_id == stone.infusion_id and not run.ended,
            by=stone.by,
            second_check_by=stone.second_check_by,
            settings=wire.settings(stone.settings),
            edits=wire.edits(stone.edits),
            overrides=wire.overrides(stone.overrides),
        )
    )


def _take_back(m: Machine, offer_id: str, channel_id: str) -> None:
    channel = m.channel(channel_id)
    if channel is None:
        return
    for programme, shadow in ((channel.programme, False), (channel.change, True)):
        if programme is not None and programme.offer_id == offer_id and m.drop(channel, Event.WITHDRAW, shadow=shadow):
            channel.note = "The program was taken back by the server"


def take_association(m: Machine, told: Associate) -> None:
    """Whose the channel is, to be shown; another patient on this pump changes nothing (the next status says so)."""
    channel = m.channel(told.channel_id)
    if channel is None or (m.state.patient is not None and m.state.patient != told.patient):
        return
    m.state.patient = told.patient
    channel.association_id, channel.order = told.association_id, told.order


def take_dissociation(m: Machine, told: Dissociate) -> None:
    channel = m.channel(told.channel_id)
    if channel is not None and channel.association_id == told.association_id:
        channel.association_id = channel.order = ""


def take_library_notice(m: Machine, told: LibraryAvailable) -> None:
    notice = f"Biomed: library {told.library.id} {told.library.version} is to be fetched"
    m.state.notices = (notice,)
