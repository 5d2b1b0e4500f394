"""What goes wrong: an answer that is lost and settled by the pump, one that a person settles, and a server that is killed with an order in its hands."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from interop.demo import witnesses
from interop.demo.chapters import scanning
from interop.demo.chapters.scanning import bedside, on_the_page
from interop.demo.chapters.starting import BADGE, must_be, nothing_is_given
from interop.demo.hospital import LOOK_EVERY_S, Hospital
from interop.demo.processes import Missing
from interop.demo.pump_desk import Place
from interop.demo.step import Seen, Step, Who, Witness

Say = Callable[[str], None]

HERE: Final = Place("LVP-0003", "A")
BESIDE: Final = Place("LVP-0003", "B")
WRISTBAND: Final = "4711003^DEMO"
LOST: Final = "ORD-6001"
ATTESTED: Final = "ORD-6002"
ANSWER_WITHIN: Final = timedelta(seconds=32)
"""The sender profile's 30 s are over."""

UNKNOWN: Final = "9016"
TRIES: Final = 5
ON_ITS_WAY_S: Final = 0.2
"""What the server had sent when it died is with EHR and pump by then."""
WAITS_S: Final = 30


# ── an answer is lost ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lose_the_answer(hospital: Hospital, say: Say) -> None:
    scanning.scan_labels(hospital, WRISTBAND)
    hospital.pumps.fault(HERE.pump, "late-shown")
    hospital.pumps.fault(HERE.pump, "drop-withdraw")
    order = hospital.orders["lost"] = hospital.ehr.order("pcd03", order=LOST, patient="lindqvist", dose_rate="5", pump=str(HERE))
    say(f"PCD-03 {order.control_id}: {order.verdict}; the pump's answer is held up on its way")
    must_be("CA", order.verdict)
    until(lambda: bool(witnesses.logged(hospital, HERE, "offer_shown")), f"{HERE} does not show the offer")
    hospital.hurry(ANSWER_WITHIN)
    say(f"{ANSWER_WITHIN.seconds} s pass, {hospital.speed} times as fast as at the wall, while {scanning.HERE} delivers")


def is_unknown(name: str) -> Callable[[Hospital], Seen]:
    """AE 9016, once, with what to do."""

    def look(hospital: Hospital) -> Seen:
        answers = hospital.ehr.answers(hospital.orders[name])
        if not answers:
            return Seen(False, "no RRG has come")
        said = (answers[0].text("MSA", 1), answers[0].text("ERR", 5, 1))
        sentence = answers[0].text("ERR", 8)
        holds = len(answers) == 1 and said == ("AE", UNKNOWN) and "Look at the pump" in sentence
        return Seen(holds, f"RRG {' '.join(said)}: {sentence}; {len(answers)} in all")

    return look


def is_shown_and_untouched(hospital: Hospital) -> Seen:
    """The pump has it: it is the answer that was lost."""
    kinds = [str(frame.get("kind", frame["frame"])) for frame in witnesses.logged(hospital, HERE)]
    return Seen(kinds == ["offer_shown"], f"log: {', '.join(kinds)}; the screen of {HERE} is {hospital.pumps.channel(HERE)['state']}")


def line_is_back(hospital: Hospital, say: Say) -> None:
    hospital.pumps.fault(HERE.pump, "cable-out")
    until(lambda: not hospital.pumps.screen(HERE.pump)["connected"], f"{HERE.pump} is still connected")
    hospital.pumps.fault(HERE.pump, "cable-in")
    say(f"the network cable of {HERE.pump} was out, and is in again: the server asks for its offer")


def is_taken_back(hospital: Hospital) -> Seen:
    frames = witnesses.logged(hospital, HERE)
    ran = [frame for frame in frames if frame.get("kind") == "started" or frame.get("decision") == "confirmed"]
    state = hospital.pumps.channel(HERE)["state"]
    shown = len(witnesses.logged(hospital, HERE, "offer_shown"))
    return Seen(not ran and shown == 1 and state == "IDLE", f"log: {shown} offer_shown, {len(ran)} confirmed or started; {HERE} is {state}")


def lose_the_offer(hospital: Hospital, say: Say) -> None:
    hospital.pumps.fault(BESIDE.pump, "drop-offer")
    hospital.pumps.fault(BESIDE.pump, "drop-withdraw")
    order = hospital.orders["attested"] = hospital.ehr.order("pcd03", order=ATTESTED, patient="lindqvist", dose_rate="5", pump=str(BESIDE))
    say(f"PCD-03 {order.control_id}: {order.verdict}; the offer is lost on its way to the pump")
    must_be("CA", order.verdict)
    until(lambda: f"Sending to {BESIDE.pump} channel {BESIDE.channel}" in bedside(hospital).text, "the offer does not leave")
    hospital.hurry(ANSWER_WITHIN)


def never_shown(hospital: Hospital) -> Seen:
    frames = witnesses.logged(hospital, BESIDE)
    return Seen(not frames, f"log: {len(frames)} words of {BESIDE}: it never had the offer")


def attest(hospital: Hospital, say: Say) -> None:
    page = bedside(hospital)
    hospital.nurse.press(page, "Say what I see", holding="saw", saw="nothing", words="The screen is empty.")
    say("the nurse has looked at the pump, and says: nothing of it is there")


# ── SIGKILL ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def kill_with_an_order_in_hand(hospital: Hospital, say: Say) -> None:
    """Between CA and offer is a moment of a few milliseconds. If the kill comes too late, it is said, and another order is tried on a free channel."""
    before = len(witnesses.logged(hospital, HERE, "offer_shown"))
    for number in range(1, TRIES + 1):
        order = hospital.ehr.order("pcd03", order=f"ORD-30{number:02}", patient="lindqvist", dose_rate="5", pump=str(HERE))
        hospital.kill_server()
        say(f"PCD-03 {order.control_id}: {order.verdict}, and SIGKILL to the server")
        must_be("CA", order.verdict)
        time.sleep(ON_ITS_WAY_S)
        shown = len(witnesses.logged(hospital, HERE, "offer_shown"))
        is_late = shown > before or bool(hospital.ehr.answers(order))
        if not is_late:
            say("no offer and no RRG had left: the order is acknowledged, and nothing more")
        begun = time.monotonic()
        hospital.start_server()
        say(f"the server is back after {time.monotonic() - begun:.1f} s, at the same addresses")
        if not is_late:
            hospital.orders["killed"] = order
            hospital.marks["killed"] = shown
            return
        if shown == before:
            say("the kill came too late: this order had been answered; another one is tried")
            continue
        say("the kill came too late: this offer had left; the nurse rejects it, and another order is tried")
        hospital.pumps.press(HERE.pump, "reject", channel=HERE.channel, badge=BADGE)
        has_a_free_channel(hospital, order.sent.about["order"])
        before = shown
    raise Missing(f"{TRIES} times the server was quicker than the kill: what was to be shown was not shown")


def has_a_free_channel(hospital: Hospital, rejected: str) -> None:
    """The pump that was cut off with the server is back, and has told of the rejection: until then its channel is held by that order."""
    until(lambda: bool(witnesses.pcd_10(hospital, rejected)), f"the rejection of {rejected} does not reach the record")


def killed_is_answered(hospital: Hospital) -> Seen:
    said = [answer.text("MSA", 1) for answer in hospital.ehr.answers(hospital.orders["killed"])]
    return Seen(said == ["AA"], f"RRG by the next life of the server: {said or 'none yet'}")


def killed_is_shown_once(hospital: Hospital) -> Seen:
    shown = len(witnesses.logged(hospital, HERE, "offer_shown")) - hospital.marks["killed"]
    program = hospital.pumps.channel(HERE)["program"]
    order = program["order"] if program is not None else "nothing"
    return Seen(shown == 1 and order == hospital.orders["killed"].sent.about["order"], f"log: {shown} offer_shown since; screen: {order}")


def what_ran_goes_on(hospital: Hospital) -> Seen:
    """Nothing of what runs is lost or invented by it."""
    whole = witnesses.parent(hospital, scanning.ORDER)
    holds = whole is not None and whole["status"] == "in-progress"
    return Seen(holds, f"{scanning.ORDER} on {scanning.HERE} is {whole['status'] if whole else 'not there'}")


def until(holds: Callable[[], bool], why: str) -> None:
    """Raises: Missing: not within ``WAITS_S``."""
    end = time.monotonic() + WAITS_S
    while not holds():
        if time.monotonic() > end:
            raise Missing(f"{why} within {WAITS_S} s")
        time.sleep(LOOK_EVERY_S)


DOUBT: Final = "Nobody knows whether {} has it"

STEPS: Final[Sequence[Step[Hospital]]] = (
    Step(
        name="lost answer",
        sentence="A pump shows an offer, and its answer is lost: nobody knows, and everybody is told so.",
        act=lose_the_answer,
        witnesses=(
            Witness(Who.EHR, is_unknown("lost")),
            Witness(Who.PUMP, is_shown_and_untouched),
            Witness(Who.PAGE, on_the_page(DOUBT.format(f"{HERE.pump} channel {HERE.channel}"))),
            Witness(Who.FHIR, nothing_is_given(LOST), still=True),
        ),
        within_s=20,
    ),
    Step(
        name="settled by the pump",
        sentence="The line is back: the server asks for its offer, the pump gives it back, and will refuse it for ever.",
        act=line_is_back,
        witnesses=(
            Witness(Who.PUMP, is_taken_back),
            Witness(Who.PAGE, on_the_page("Taken back before it ran")),
            Witness(Who.EHR, is_unknown("lost"), still=True),
            Witness(Who.FHIR, nothing_is_given(LOST), still=True),
        ),
        within_s=40,
    ),
    Step(
        name="lost offer",
        sentence="Another offer never reaches its pump, and again nobody knows.",
        act=lose_the_offer,
        witnesses=(
            Witness(Who.EHR, is_unknown("attested")),
            Witness(Who.PAGE, on_the_page(DOUBT.format(f"{BESIDE.pump} channel {BESIDE.channel}"))),
            Witness(Who.PUMP, never_shown, still=True),
            Witness(Who.FHIR, nothing_is_given(ATTESTED), still=True),
        ),
        within_s=20,
    ),
    Step(
        name="settled by the nurse",
        sentence="The nurse looks at the pump and says what she sees: it is closed, as unknown and not as not given.",
        act=attest,
        witnesses=(
            Witness(Who.PAGE, on_the_page("Closed as unknown: nurse saw")),
            Witness(Who.EHR, is_unknown("attested"), still=True),
            Witness(Who.PUMP, never_shown, still=True),
            Witness(Who.FHIR, nothing_is_given(ATTESTED), still=True),
        ),
        by_hand=f"at the bedside page: look at {BESIDE}, choose what you see, and say it",
    ),
    Step(
        name="SIGKILL",
        sentence="The server is killed between the acknowledgement of an order and its offer; its next life checks it anew and offers it once.",
        act=kill_with_an_order_in_hand,
        witnesses=(
            Witness(Who.PUMP, killed_is_shown_once),
            Witness(Who.EHR, killed_is_answered),
            Witness(Who.FHIR, what_ran_goes_on, still=True),
        ),
        within_s=40,
    ),
)
