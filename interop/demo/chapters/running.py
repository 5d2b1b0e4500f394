"""What runs: simulated delivery, a titration beside the old value, pause, resume, the end of its volume, and the chart of all of it."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from interop.demo import witnesses
from interop.demo.chapters.starting import BADGE, HERE, ORDER, VTBI_ML, is_answered_aa, must_be
from interop.demo.hospital import Hospital
from interop.demo.processes import Missing
from interop.demo.step import Seen, Step, Who, Witness

Say = Callable[[str], None]

FIRST_STRETCH: Final = timedelta(minutes=2)
NEARLY: Final = timedelta(seconds=1)
"""The last of a volume is given at the pace of the wall."""


def deliver(hospital: Hospital, say: Say) -> None:
    say(f"{FIRST_STRETCH.seconds // 60} minutes pass, {hospital.speed} times as fast as at the wall")
    hospital.hurry(FIRST_STRETCH)
    say(f"{HERE} has given {hospital.pumps.channel(HERE)['run']['delivered']} by its own counter")


def volume_is_told(hospital: Hospital) -> Seen:
    """The periodic status, with a volume that grew and that the pump has given by now."""
    given = Decimal(hospital.pumps.channel(HERE)["exact"]["run"]["delivered"]["value"])
    totals = [Decimal(total) for message in witnesses.pcd_01(hospital, ORDER) if (total := message.observation(witnesses.TOTAL))]
    latest = totals[-1] if totals else Decimal(0)
    return Seen(0 < latest <= given and totals == sorted(totals), f"PCD-01: {latest} mL given so far; {len(totals)} statuses")


def still_in_progress(hospital: Hospital) -> Seen:
    whole = witnesses.parent(hospital, ORDER)
    return Seen(whole is not None and whole["status"] == "in-progress", f"MedicationAdministration: {whole['status'] if whole else 'none'}")


# ── titration ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def order_change(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["titration"] = hospital.ehr.order("pcd03", order=ORDER, pump=str(HERE), control="XO", dose_rate="12")
    say(f"PCD-03 XO {order.control_id}, 12 ug/kg/min: {order.verdict}")
    must_be("CA", order.verdict)


def old_beside_new(hospital: Hospital) -> Seen:
    """SR-37: on the screen, while the old rate runs on."""
    channel = hospital.pumps.channel(HERE)
    change, running = channel["change"], channel["run"]["rate"]
    if change is None:
        return Seen(False, "no change is on the screen")
    values = {value["name"]: (value["old"], value["text"]) for value in change["values"]}
    holds = values.get("dose rate") == ("10 ug/kg/min", "12 ug/kg/min") and values.get("rate") == ("30 mL/h", "36 mL/h")
    shown = witnesses.logged(hospital, HERE, "offer_shown")
    words = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in values.items() if old != new and old)
    return Seen(holds and running == "30 mL/h" and len(shown) == 2, f"log: {len(shown)} offer_shown; screen: {words}; it runs at {running}")


def still_at_the_old_dose(hospital: Hospital) -> Seen:
    parts = witnesses.children(hospital, ORDER)
    return Seen([witnesses.rate_of(each) for each in parts] == ["10 ug/kg/min"], f"{', '.join(witnesses.all_of(parts))}: the old dose")


def confirm_change(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "open_offer", channel=HERE.channel, badge=BADGE)
    hospital.pumps.press(HERE.pump, "confirm", channel=HERE.channel, badge=BADGE)
    say(f"{BADGE} opens and confirms it: {HERE} runs at {hospital.pumps.channel(HERE)['run']['rate']}")


def rate_changed(hospital: Hospital) -> Seen:
    changes = [
        (witnesses.amount(frame["old"]), witnesses.amount(frame["new"]), frame["cause"], frame.get("by"))
        for frame in witnesses.logged(hospital, HERE, "rate_changed")
    ]
    return Seen(changes == [("30 mL/h", "36 mL/h", "offer", BADGE)], f"log: rate_changed {changes}")


def change_is_told(hospital: Hospital) -> Seen:
    """A STOP of the old rate with what it gave, and a START of the new (IHE DEV TF-2, 3.10)."""
    given = _logged_volume(hospital, "rate_changed")
    stop = witnesses.told(hospital, ORDER, witnesses.STOP, witnesses.CHANGING, rate="30", total=given)
    start = witnesses.told(hospital, ORDER, witnesses.START, witnesses.DELIVERING, rate="36", dose_rate="12", total=given)
    return Seen(stop is not None and start is not None, f"PCD-10: 30 mL/h ends{_yes(stop)}, 36 mL/h begins{_yes(start)}, at {given} mL")


def change_is_charted(hospital: Hospital) -> Seen:
    parts = witnesses.children(hospital, ORDER)
    first = Decimal(_logged_volume(hospital, "rate_changed"))
    holds = [(each["status"], witnesses.rate_of(each)) for each in parts] == [
        ("completed", "10 ug/kg/min"),
        ("in-progress", "12 ug/kg/min"),
    ]
    return Seen(holds and witnesses.dose_of(parts[0]) == first, f"two intervals: {'; '.join(witnesses.all_of(parts))}")


# ── pause and resume ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def pause(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "pause", channel=HERE.channel, badge=BADGE)
    say(f"{HERE} stands still")


def was_paused(hospital: Hospital) -> Seen:
    paused = witnesses.logged(hospital, HERE, "paused")
    holds = [(frame["cause"], frame.get("by")) for frame in paused] == [("clinician", BADGE)]
    return Seen(
        holds,
        f"log: {len(paused)} paused" + (f" by {paused[-1].get('by')} at {witnesses.amount(paused[-1]['delivered'])}" if paused else ""),
    )


def pause_is_told(hospital: Hospital) -> Seen:
    given = _logged_volume(hospital, "paused")
    message = witnesses.told(hospital, ORDER, witnesses.STOP, witnesses.STANDING, rate="36", total=given)
    return Seen(message is not None, f"PCD-10: delivery stops at {given} mL{_yes(message)}")


def pause_is_charted(hospital: Hospital) -> Seen:
    whole, given = witnesses.parent(hospital, ORDER), Decimal(_logged_volume(hospital, "paused"))
    status, dose = (whole["status"], witnesses.dose_of(whole)) if whole is not None else ("none", None)
    return Seen(status == "on-hold" and dose == given, f"MedicationAdministration: {status}, {dose} mL given")


def resume(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "resume", channel=HERE.channel, badge=BADGE)
    say(f"start pressed again: {HERE} runs at {hospital.pumps.channel(HERE)['run']['rate']}")


def was_resumed(hospital: Hospital) -> Seen:
    resumed = [(witnesses.amount(frame["rate"]), frame.get("by")) for frame in witnesses.logged(hospital, HERE, "resumed")]
    return Seen(resumed == [("36 mL/h", BADGE)], f"log: resumed {resumed}")


def resume_is_told(hospital: Hospital) -> Seen:
    given = _logged_volume(hospital, "resumed")
    starts = [
        message
        for message in witnesses.pcd_10(hospital, ORDER)
        if witnesses.kind_of(message) == (witnesses.START, witnesses.DELIVERING) and message.observation(witnesses.RATE) == "36"
    ]
    totals = [message.observation(witnesses.TOTAL) for message in starts]
    return Seen(len(starts) == 2 and totals[-1] == given, f"PCD-10: delivery starts again at {given} mL; starts at 36 mL/h: {totals}")


def resume_is_charted(hospital: Hospital) -> Seen:
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    statuses = [each["status"] for each in parts]
    holds = whole is not None and whole["status"] == "in-progress" and statuses == ["completed", "completed", "in-progress"]
    return Seen(holds, f"MedicationAdministration: {whole['status'] if whole else 'none'}; {'; '.join(witnesses.all_of(parts))}")


# ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_to_the_end(hospital: Hospital, say: Say) -> None:
    run = hospital.pumps.channel(HERE)["exact"]["run"]
    left = Decimal(VTBI_ML) - Decimal(run["delivered"]["value"])
    seconds = left / Decimal(run["rate"]["value"]) * 3600
    hospital.hurry(timedelta(seconds=int(seconds)) - NEARLY)
    say(f"{int(seconds)} s pass, {hospital.speed} times as fast as at the wall; the last of the {VTBI_ML} mL at the wall's own pace")


def volume_was_given(hospital: Hospital) -> Seen:
    kinds = [frame.get("kind") for frame in witnesses.logged(hospital, HERE)]
    given = [witnesses.amount(frame["delivered"]) for frame in witnesses.logged(hospital, HERE, "volume_completed")]
    holds = given == [f"{VTBI_ML} mL"] and kinds.count("kvo_entered") == 1
    return Seen(
        holds, f"log: volume_completed at {given}, {kinds.count('kvo_entered')} kvo_entered; {hospital.pumps.channel(HERE)['state']}"
    )


def completion_is_told(hospital: Hospital) -> Seen:
    kvo_rate = _kvo_rate(hospital)
    done = witnesses.told(hospital, ORDER, witnesses.COMPLETE, witnesses.CHANGING, rate="36", total=VTBI_ML)
    kvo = witnesses.told(hospital, ORDER, witnesses.START, witnesses.KVO, rate=kvo_rate)
    return Seen(
        done is not None and kvo is not None, f"PCD-10: {VTBI_ML} mL are given{_yes(done)}; KVO at {kvo_rate} mL/h begins{_yes(kvo)}"
    )


def kvo_is_charted(hospital: Hospital) -> Seen:
    """D-22: a continuous infusion stays in progress through KVO."""
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    holds = whole is not None and whole["status"] == "in-progress" and len(parts) == 4
    holds = holds and witnesses.rate_of(parts[-1]) == f"{_kvo_rate(hospital)} mL/h" and parts[-1]["status"] == "in-progress"
    return Seen(holds, f"MedicationAdministration: {whole['status'] if whole else 'none'}; {'; '.join(witnesses.all_of(parts))}")


def clear(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "pause", channel=HERE.channel, badge=BADGE)
    hospital.pumps.press(HERE.pump, "clear", channel=HERE.channel, badge=BADGE)
    say(f"{BADGE} ends it: pause, clear; {HERE} is {hospital.pumps.channel(HERE)['state']}")


def was_ended(hospital: Hospital) -> Seen:
    ended = [(frame["cause"], frame.get("by"), witnesses.amount(frame["delivered"])) for frame in witnesses.logged(hospital, HERE, "ended")]
    holds = [each[:2] for each in ended] == [("cleared", BADGE)] and hospital.pumps.channel(HERE)["state"] == "IDLE"
    return Seen(holds, f"log: ended {ended}")


def end_is_told(hospital: Hospital) -> Seen:
    given = _logged_volume(hospital, "ended")
    message = witnesses.told(hospital, ORDER, witnesses.STOP, witnesses.STANDING, rate=_kvo_rate(hospital), total=given)
    return Seen(message is not None, f"PCD-10: delivery stops at {given} mL{_yes(message)}")


def end_is_charted(hospital: Hospital) -> Seen:
    """The intervals add up to the whole, and the whole is what the pump counted (SR-51)."""
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    if whole is None:
        return Seen(False, "no MedicationAdministration")
    given, doses = Decimal(_logged_volume(hospital, "ended")), [witnesses.dose_of(each) for each in parts]
    total = sum((dose for dose in doses if dose is not None), Decimal(0))
    holds = [each["status"] for each in (whole, *parts)] == ["completed"] * 5 and None not in doses
    holds = holds and total == given == witnesses.dose_of(whole)
    return Seen(holds, f"MedicationAdministration: {whole['status']}; {' + '.join(str(dose) for dose in doses)} = {total} mL")


def every_document_is_there_once(hospital: Hospital) -> Seen:
    """PCD-10 in the order of the pump's log, and PCD-01 that never fall back; each report under an id of its own."""
    events = [witnesses.kind_of(message) for message in witnesses.pcd_10(hospital, ORDER)]
    reports = [message.text("OBR", 3) for message in (*witnesses.pcd_10(hospital, ORDER), *witnesses.pcd_01(hospital, ORDER))]
    totals = [Decimal(total) for message in witnesses.pcd_01(hospital, ORDER) if (total := message.observation(witnesses.TOTAL))]
    start, stop = (witnesses.START, witnesses.DELIVERING), (witnesses.STOP, witnesses.STANDING)
    told = [start, (witnesses.STOP, witnesses.CHANGING), start, stop, start]
    told += [(witnesses.COMPLETE, witnesses.CHANGING), (witnesses.START, witnesses.KVO), stop]
    holds = events == told and len(set(reports)) == len(reports) and totals == sorted(totals) and len(totals) > 3
    return Seen(
        holds,
        f"{len(events)} PCD-10 in their order, {len(totals)} PCD-01, {len(set(reports))} of {len(reports)} report ids; up to {max(totals, default=0)} mL",
    )


def log_tells_it_too(hospital: Hospital) -> Seen:
    wanted = [
        "offer_opened",
        "started",
        "offer_opened",
        "rate_changed",
        "paused",
        "resumed",
        "volume_completed",
        "kvo_entered",
        "paused",
        "ended",
    ]
    kinds = [frame["kind"] for frame in witnesses.logged(hospital, HERE, "event") if not frame["kind"].startswith("alarm")]
    return Seen(kinds == wanted, f"log: {', '.join(kinds)}")


def read_by_id(hospital: Hospital, say: Say) -> None:
    whole = witnesses.parent(hospital, ORDER)
    if whole is None:
        raise Missing("there is no MedicationAdministration to read")
    say(f"GET MedicationAdministration/{whole['id']}, and each interval of it")


def chart_is_whole(hospital: Hospital) -> Seen:
    """By read, one by one: each names patient, order and pump, is marked as a simulation, and each interval names the whole and follows the last."""
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    if whole is None:
        return Seen(False, "no MedicationAdministration")
    found = [whole, *parts]
    read = [hospital.chart.read(f"MedicationAdministration/{each['id']}") for each in found]
    said = {
        (
            each["subject"]["identifier"]["value"],
            each["request"]["identifier"]["value"],
            each["device"][0]["identifier"]["value"],
            each["meta"]["security"][0]["code"],
        )
        for each in found
    }
    times = [each["effectivePeriod"] for each in parts]
    follow = all(datetime.fromisoformat(one["end"]) <= datetime.fromisoformat(other["start"]) for one, other in pairwise(times))
    whose = all(each["partOf"] == [{"reference": f"MedicationAdministration/{whole['id']}"}] for each in parts)
    holds = len(found) == 5 and read == found and follow and whose and said == {("4711001", ORDER, HERE.pump, "HTEST")}
    return Seen(
        holds, f"{len(read)} resources by read: 1 infusion and {len(parts)} intervals that follow each other, all of {sorted(said)}"
    )


def _logged_volume(hospital: Hospital, kind: str) -> str:
    """What the pump had given at the last event of that kind, in mL as it wrote it. Raises: LookupError."""
    return str(witnesses.logged(hospital, HERE, kind)[-1]["delivered"]["value"])


def _kvo_rate(hospital: Hospital) -> str:
    return str(witnesses.logged(hospital, HERE, "kvo_entered")[-1]["rate"]["value"])


def _yes(message: object) -> str:
    return "" if message is not None else " (not told)"


STEPS: Final[Sequence[Step[Hospital]]] = (
    Step(
        name="delivery",
        sentence="The pump delivers; time passes faster while it only does that.",
        act=deliver,
        witnesses=(Witness(Who.EHR, volume_is_told), Witness(Who.FHIR, still_in_progress)),
        silent={Who.PUMP: "a volume that grows is no event of its log; the next event there tells how far it has got"},
        within_s=60,
    ),
    Step(
        name="titration offered",
        sentence="The EHR changes the dose to 12 ug/kg/min: the new value is beside the old one, and the old one runs on.",
        act=order_change,
        witnesses=(
            Witness(Who.EHR, is_answered_aa("titration")),
            Witness(Who.PUMP, old_beside_new),
            Witness(Who.FHIR, still_at_the_old_dose, still=True),
        ),
    ),
    Step(
        name="titration confirmed",
        sentence="The nurse compares the two and confirms: the pump goes on at the new rate.",
        act=confirm_change,
        witnesses=(Witness(Who.PUMP, rate_changed), Witness(Who.EHR, change_is_told), Witness(Who.FHIR, change_is_charted)),
        by_hand=f"at the panel of {HERE.pump}: open the change of channel {HERE.channel}, and confirm it",
    ),
    Step(
        name="pause",
        sentence="She pauses it.",
        act=pause,
        witnesses=(Witness(Who.PUMP, was_paused), Witness(Who.EHR, pause_is_told), Witness(Who.FHIR, pause_is_charted)),
        by_hand=f"at the panel of {HERE.pump}: pause channel {HERE.channel}",
    ),
    Step(
        name="resume",
        sentence="She presses start again.",
        act=resume,
        witnesses=(Witness(Who.PUMP, was_resumed), Witness(Who.EHR, resume_is_told), Witness(Who.FHIR, resume_is_charted)),
        by_hand=f"at the panel of {HERE.pump}: press start on channel {HERE.channel}",
    ),
    Step(
        name="volume given",
        sentence="The volume is given: the pump keeps the vein open, and nobody calls that the dose.",
        act=run_to_the_end,
        witnesses=(Witness(Who.PUMP, volume_was_given), Witness(Who.EHR, completion_is_told), Witness(Who.FHIR, kvo_is_charted)),
        within_s=60,
    ),
    Step(
        name="end",
        sentence="The nurse ends it at the pump.",
        act=clear,
        witnesses=(Witness(Who.PUMP, was_ended), Witness(Who.EHR, end_is_told), Witness(Who.FHIR, end_is_charted)),
        by_hand=f"at the panel of {HERE.pump}: pause channel {HERE.channel}, and clear it",
    ),
    Step(
        name="chart",
        sentence="Order, pump and chart tell one story: every event once and in order, every volume the pump's own.",
        act=read_by_id,
        witnesses=(Witness(Who.EHR, every_document_is_there_once), Witness(Who.PUMP, log_tells_it_too), Witness(Who.FHIR, chart_is_whole)),
    ),
)
