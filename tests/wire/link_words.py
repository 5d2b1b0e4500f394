"""Words of pumps for the tests: any that the contract allows, and what a pump would write for each, made here by hand and not by the product."""

from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from interop.domain import pump as said
from interop.domain.channel import ChannelState
from interop.domain.delivery import Mode
from interop.domain.events.nouns import Edit, Override, Setting
from interop.domain.library import LibraryRef
from interop.domain.patient import PatientId
from interop.domain.quantity import Quantity
from interop.domain.ucum import UCUM

Json = dict[str, Any]


# ── as a pump writes them ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def amount(quantity: Quantity | None) -> Json | None:
    if quantity is None:
        return None
    scaled = quantity.value * 10**9
    assert scaled.denominator == 1
    digits = f"{scaled.numerator:010d}"
    return {"value": f"{digits[:-9]}.{digits[-9:]}".rstrip("0").rstrip("."), "unit": quantity.unit}


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def library(ref: LibraryRef | None) -> Json | None:
    return None if ref is None else {"id": ref.id, "version": ref.version, "hash": ref.hash}


def patient(who: PatientId | None) -> Json | None:
    return None if who is None else {"id": who.value, **({"authority": who.authority} if who.authority else {})}


def alarm(each: said.Alarm) -> Json:
    told = {"alarm_id": each.alarm_id, "code": each.code, "priority": each.priority, "text": each.text, "since": instant(each.since)}
    return {name: value for name, value in told.items() if value is not None}


def run(what: said.Run | None) -> Json | None:
    if what is None:
        return None
    amounts = ("concentration", "rate", "set_rate", "dose_rate", "weight", "vtbi", "vtbi_left", "delivered")
    texts = {"infusion_id": what.infusion_id, "offer_id": what.offer_id, "order": what.placer_order_number, "entry_key": what.entry_key}
    texts |= {"drug": what.drug, "tallman": what.tallman, "second_check_by": what.second_check_by}
    told: Json = {**texts, **{name: amount(getattr(what, name)) for name in amounts}, "started_at": instant(what.started_at)}
    return without_nothing(told)


def channel(report: said.ChannelReport) -> Json:
    told: Json = {
        "channel_id": report.channel_id,
        "mode": report.mode.value,
        "state": STATES[report.state],
        "care_area": report.care_area,
        "patient": patient(report.patient),
        "weight": amount(report.weight),
        "set_installed": report.set_installed,
        "door_open": report.door_open,
        "air": report.air,
        "syringe_volume": amount(report.syringe_volume),
        "offer_id": report.offer_id,
        "run": run(report.run),
    }
    return {**without_nothing(told), "alarms": [alarm(each) for each in report.alarms]}


STATES = {
    ChannelState.IDLE: "idle",
    ChannelState.PROGRAMMING: "programming",
    ChannelState.PENDING: "pending",
    ChannelState.INFUSING: "infusing",
    ChannelState.PAUSED: "paused",
    ChannelState.KVO: "kvo",
    ChannelState.ENDED: "ended",
    ChannelState.DELAYED_START: "delayed_start",
    ChannelState.FAULT: "fault",
}


def without_nothing(told: Json) -> Json:
    """What is not known is left out."""
    return {name: value for name, value in told.items() if value is not None and value != "" and value != []}


def values(of: said.Decision | said.ConfirmedAfterAll) -> Json:
    return {
        "settings": [{"name": each.name, "set": amount(each.set)} for each in of.settings],
        "edits": [edit(each) for each in of.edits],
        "overrides": [
            {
                "name": each.name,
                "attempted": amount(each.attempted),
                "limit": amount(each.limit),
                "final": amount(each.final),
                "reason": each.reason,
                "by": each.by,
            }
            for each in of.overrides
        ],
    }


def edit(each: Edit) -> Json:
    return {"name": each.name, "was": amount(each.was), "now": amount(each.now)}


def frame(word: said.Word) -> Json:
    """The frame of a word, as docs/pump-link.md has it."""
    match word:
        case said.Hello():
            told: Json = {"maker": word.maker, "serial": word.serial, "firmware": word.firmware, "tombstones": word.tombstones}
            told |= {"power": word.power.value if word.power else None, "battery_percent": word.battery_percent}
            return {
                "frame": "hello",
                "protocol": word.protocol,
                "pump_id": word.pump_id,
                "model": word.model,
                "clock": instant(word.clock),
                "library": library(word.library),
                "log": {"log_id": word.log.log_id, "first": word.log.first, "next": word.log.next},
                "can": sorted(each.value for each in word.can),
                "channels": [channel(each) for each in word.channels],
                "simulated": word.simulated,
                **without_nothing(told),
            }
        case said.Heartbeat():
            return {"frame": "heartbeat", "clock": instant(word.clock)}
        case said.Status():
            told = {"power": word.power.value if word.power else None, "battery_percent": word.battery_percent}
            told |= {"request_id": word.request_id}
            channels = [channel(each) for each in word.channels]
            return {"frame": "status", "clock": instant(word.clock), "channels": channels, **without_nothing(told)}
        case said.Withdrawn() | said.NeverSeen() | said.ConfirmedAfterAll():
            told = {"offer_id": word.offer_id, "channel_id": word.channel_id, "at": instant(word.at)}
            if not isinstance(word, said.ConfirmedAfterAll):
                return {"frame": "withdrawn" if isinstance(word, said.Withdrawn) else "never_seen", **told}
            by = without_nothing({"by": word.by, "second_check_by": word.second_check_by})
            return {"frame": "confirmed", **told, "runs": word.runs, **by, **values(word)}
        case said.OfferShown() | said.OfferRefused() | said.Decision():
            told = {"log_id": word.log_id, "number": word.number, "at": instant(word.at)}
            told |= {"offer_id": word.offer_id, "channel_id": word.channel_id}
            if isinstance(word, said.OfferShown):
                return {"frame": "offer_shown", **told}
            if isinstance(word, said.OfferRefused):
                return {"frame": "offer_refused", **told, "reasons": [{"code": each.code, "text": each.text} for each in word.reasons]}
            by = {"by": word.by, "second_check_by": word.second_check_by, "text": word.text}
            by |= {"cause": word.cause.value if word.cause else None}
            return {"frame": "decision", **told, "decision": word.decision.value, **without_nothing(by), **values(word)}
        case said.Event():
            return event(word)


def event(word: said.Event) -> Json:
    told: Json = {
        "channel_id": word.channel_id,
        "infusion_id": word.infusion_id,
        "delivered": amount(word.delivered),
        "by": word.by,
        "offer_id": word.offer_id,
        "cause": word.cause,
        "run": run(word.run),
        "new" if word.kind is said.Kind.RATE_CHANGED else "rate": amount(word.rate),
        "old": amount(word.old_rate),
        "dose_rate": amount(word.dose_rate),
        "vtbi": amount(word.vtbi),
        "before": amount(word.before),
        "edits": [edit(each) for each in word.edits],
    }
    if word.alarm is not None:
        told |= {"alarm_id": word.alarm.alarm_id, "code": word.alarm.code, "priority": word.alarm.priority, "text": word.alarm.text}
    told = without_nothing(told)
    told |= {"patient": patient(word.patient)} if word.kind is said.Kind.PATIENT_CHANGED or word.patient else {}
    told |= {"care_area": word.care_area or None} if word.kind is said.Kind.CARE_AREA_CHANGED or word.care_area else {}
    told |= {"library": library(word.library)} if word.kind is said.Kind.LIBRARY_CHANGED or word.library else {}
    head = {"log_id": word.log_id, "number": word.number, "at": instant(word.at)}
    return {"frame": "event", "kind": word.kind.value, **head, **told}


# ── any of them ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

ids = st.text(alphabet=[chr(code) for code in range(33, 127)], min_size=1, max_size=64)
line = st.characters(exclude_categories=("Cs", "Cc"))
words = st.text(alphabet=line, min_size=1, max_size=40)
maybe_words = st.just("") | words
sentences = st.text(alphabet=line, max_size=60)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001 - their zones are drawn beside them
counters = st.integers(1, 2**53 - 1)


def quantities(*units: str, above_zero: bool = False) -> st.SearchStrategy[Quantity]:
    billionths = st.integers(1 if above_zero else 0, 10**18 - 1) | st.integers(1, 1000).map(lambda tenths: tenths * 10**8)
    return st.builds(Quantity, billionths.map(lambda count: Fraction(count, 10**9)), st.sampled_from(units))


CONCENTRATIONS = [code for code, unit in UCUM.items() if unit.is_concentration]
anything = quantities(*UCUM)
rates, volumes, weights = quantities("mL/h"), quantities("mL"), quantities("kg", "g", above_zero=True)
libraries = st.builds(LibraryRef, words, words, words)
patients = st.builds(PatientId, words, maybe_words)
names = st.text(alphabet=line, min_size=1, max_size=30).filter(lambda name: name not in {"rate", "vtbi", "weight", "duration"})


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def few(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


alarms = st.builds(said.Alarm, ids, words, st.sampled_from(["PH", "PM", "PL", "PN"]), sentences, some(instants))
runs = st.builds(
    said.Run,
    ids,
    st.just("") | ids,
    maybe_words,
    maybe_words,
    maybe_words,
    maybe_words,
    some(quantities(*CONCENTRATIONS, above_zero=True)),
    some(rates),
    some(rates),
    some(anything),
    some(weights),
    some(volumes),
    some(volumes),
    some(volumes),
    maybe_words,
    some(instants),
)
reports = st.builds(
    said.ChannelReport,
    ids,
    st.sampled_from(Mode),
    st.sampled_from(ChannelState),
    maybe_words,
    some(patients),
    some(weights),
    some(st.booleans()),
    some(st.booleans()),
    some(st.booleans()),
    some(quantities("mL", above_zero=True)),
    st.just("") | ids,
    few(alarms),
    some(runs),
)
channels = st.lists(reports, max_size=3, unique_by=lambda report: report.channel_id).map(tuple)
powers, percents = some(st.sampled_from(said.Power)), some(st.integers(0, 100))
log_ranges = st.tuples(ids, counters, counters).map(lambda told: said.LogRange(told[0], min(told[1:]), max(told[1:])))
settings = few(st.builds(Setting, names, anything) | st.builds(Setting, st.just("rate"), rates))
edits = few(st.builds(Edit, names, some(anything), some(anything)))
overrides = few(st.builds(Override, names, anything, anything, anything, sentences, words))
head = (ids, counters, instants)

hellos = st.builds(
    said.Hello,
    pump_id=ids,
    model=ids,
    clock=instants,
    library=some(libraries),
    log=log_ranges,
    can=st.frozensets(st.sampled_from(said.Ability)),
    channels=channels,
    maker=maybe_words,
    serial=maybe_words,
    firmware=maybe_words,
    simulated=st.booleans(),
    tombstones=some(st.integers(0, 2**53 - 1)),
    power=powers,
    battery_percent=percents,
    protocol=st.integers(1, 9),
)
statuses = st.builds(said.Status, instants, channels, powers, percents, st.just("") | ids)


@st.composite
def events(draw: st.DrawFn) -> said.Event:
    """Any event, with any of the fields that some kind has."""
    raised = st.builds(said.Alarm, ids, words, st.sampled_from(["PH", "PM", "PL", "PN"]), sentences)
    return said.Event(
        *(draw(each) for each in head),
        draw(st.sampled_from(said.Kind)),
        draw(st.just("") | ids),
        draw(st.just("") | ids),
        draw(some(volumes)),
        draw(maybe_words),
        draw(st.just("") | ids),
        draw(st.sampled_from(["", "clinician", "cleared"])),
        draw(some(runs)),
        draw(some(rates)),
        draw(some(rates)),
        draw(some(anything)),
        draw(some(volumes)),
        draw(some(volumes)),
        draw(edits),
        draw(some(raised)),
        draw(some(patients)),
        draw(maybe_words),
        draw(some(libraries)),
    )


reasons = few(st.builds(said.PumpReason, ids, sentences))
decisions = st.builds(
    said.Decision,
    *head,
    ids,
    ids,
    st.sampled_from(said.Answer),
    maybe_words,
    maybe_words,
    some(st.sampled_from(said.Cause)),
    sentences,
    settings,
    edits,
    overrides,
)
answers = (
    st.builds(said.Withdrawn, ids, ids, instants)
    | st.builds(said.NeverSeen, ids, ids, instants)
    | st.builds(said.ConfirmedAfterAll, ids, ids, instants, st.booleans(), maybe_words, maybe_words, settings, edits, overrides)
)
logged = st.builds(said.OfferShown, *head, ids, ids) | st.builds(said.OfferRefused, *head, ids, ids, reasons) | decisions | events()
any_word = hellos | st.builds(said.Heartbeat, instants) | statuses | logged | answers
