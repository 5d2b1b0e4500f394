"""An order by PCD-03 reaches a pump's screen, once; a clinician sees all of it there, confirms it and presses start."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from interop.demo import witnesses
from interop.demo.hospital import Hospital
from interop.demo.processes import Missing
from interop.demo.pump_desk import Place
from interop.demo.step import Seen, Step, Who, Witness

Say = Callable[[str], None]

ORDER: Final = "ORD-1001"
HERE: Final = Place("LVP-0001", "A")
BADGE: Final = "N0001"
"""The nurse who asks for it (ORC-19), and whose badge the pump reads."""
VTBI_ML: Final = "4"

SHOWN: Final[Mapping[str, str]] = {
    "patient": "Rivera, Ana",
    "patient's number": "4711001 (DEMO)",
    "drug": "DOPamine",
    "concentration": "1.6 mg/mL",
    "dose": "10 ug/kg/min",
    "rate": "30 mL/h",
    "VTBI": f"{VTBI_ML} mL",
    "weight": "80 kg",
    "care area": "ICU",
    "library version": "DEMO-ADULT-PED 1.0.0",
    "order": ORDER,
}
"""What must stand on the screen before anybody may confirm it (SR-08)."""


# ── on the screen ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def send_order(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["start"] = hospital.ehr.order("pcd03", order=ORDER, pump=str(HERE), vtbi_ml=VTBI_ML)
    say(f"PCD-03 {order.control_id}, 10 ug/kg/min for 80 kg: {order.verdict}")
    must_be("CA", order.verdict)


def is_answered_aa(name: str) -> Callable[[Hospital], Seen]:
    """Whether the order of that name has its one RRG, and it says AA."""

    def look(hospital: Hospital) -> Seen:
        answers = hospital.ehr.answers(hospital.orders[name])
        said = [answer.text("MSA", 1) for answer in answers]
        return Seen(
            said == ["AA"], f"RRG {said[0]}: on the pump's screen, not confirmed" if said == ["AA"] else f"RRG: {said or 'none yet'}"
        )

    return look


def is_shown_once(hospital: Hospital) -> Seen:
    shown = witnesses.logged(hospital, HERE, "offer_shown")
    return Seen(len(shown) == 1, f"log: {len(shown)} offer_shown on {HERE}")


def nothing_is_given(order: str) -> Callable[[Hospital], Seen]:
    """D-07: AA is no administration."""

    def look(hospital: Hospital) -> Seen:
        found = hospital.chart.administrations(order)
        return Seen(not found, f"{len(found)} MedicationAdministration of {order}: nothing runs")

    return look


def repeat(hospital: Hospital, say: Say) -> None:
    order = hospital.ehr.again(hospital.orders["start"])
    say(f"the same bytes again, as after a lost acknowledgement: {order.verdict}")
    must_be("CA", order.verdict)
    last = hospital.orders["after the repeat"] = hospital.ehr.order("pcd03", order="ORD-1099", pump="LVP-9999/A")
    say(f"and an order for a pump that nobody knows, behind it: {last.verdict}")
    must_be("CA", last.verdict)


def later_order_is_answered(hospital: Hospital) -> Seen:
    """Whatever the repeat had set off would have come before: one lane of one sender keeps its order."""
    answers = hospital.ehr.answers(hospital.orders["after the repeat"])
    if len(answers) != 1:
        return Seen(False, f"the order behind the repeat has {len(answers)} RRG")
    said = (answers[0].text("MSA", 1), answers[0].text("ERR", 5, 1), answers[0].text("ERR", 5, 2))
    return Seen(said[:2] == ("AR", "9001"), f"the order behind the repeat: RRG {' '.join(said)}")


# ── seen, confirmed, started ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def review(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "open_offer", channel=HERE.channel, badge=BADGE)
    say(f"{BADGE} opens the program on {HERE}")


def is_all_on_the_panel(hospital: Hospital) -> Seen:
    """Every value by its name on the pump's screen, and on the panel as a browser has it."""
    wrong = screen_differs(hospital, HERE, SHOWN)
    if wrong:
        return Seen(False, f"screen: {'; '.join(wrong)}")
    opened = [frame["by"] for frame in witnesses.logged(hospital, HERE, "offer_opened")]
    return Seen(opened == [BADGE], f"log: opened by {opened}; screen: {', '.join(f'{name} {value}' for name, value in SHOWN.items())}")


def screen_differs(hospital: Hospital, place: Place, expected: Mapping[str, str]) -> list[str]:
    """What does not stand where it should; empty: all of it is there."""
    screen, program = hospital.pumps.screen(place.pump), hospital.pumps.channel(place)["program"]
    if program is None:
        return ["no program is on it"]
    values = {value["name"]: value["text"] for value in program["values"]}
    shown = {
        "patient": program["patient_name"],
        "patient's number": program["patient"],
        "drug": program["tallman"],
        "concentration": program["concentration"],
        "dose": values.get("dose rate", ""),
        "rate": values.get("rate", ""),
        "VTBI": values.get("vtbi", ""),
        "weight": values.get("weight", ""),
        "care area": program["care_area"],
        "library version": screen["library"],
        "order": program["order"],
    }
    page = hospital.pumps.panel(place.pump).text
    wrong = [f"{name} is {shown[name]!r} and not {value!r}" for name, value in expected.items() if shown[name] != value]
    return wrong + [f"the panel does not say {value!r}" for value in expected.values() if value not in page]


def confirm_and_start(hospital: Hospital, say: Say) -> None:
    press_until_it_runs(hospital, say, HERE, BADGE)


def press_until_it_runs(hospital: Hospital, say: Say, place: Place, badge: str) -> None:
    """Confirm, look, start: two keys, and nothing runs between them (SR-63). Raises: Missing."""
    hospital.pumps.press(place.pump, "confirm", channel=place.channel, badge=badge)
    state = hospital.pumps.channel(place)["state"]
    say(f"confirmed: {place} is {state}, and delivers nothing")
    must_be("READY", state)
    hospital.pumps.press(place.pump, "start", channel=place.channel, badge=badge)
    say(f"start pressed: {place} is {hospital.pumps.channel(place)['state']}")


def was_confirmed_and_started(hospital: Hospital) -> Seen:
    decisions = [(frame["decision"], frame.get("by")) for frame in witnesses.logged(hospital, HERE, "decision")]
    starts = witnesses.starts_of(hospital, HERE, ORDER)
    holds = decisions == [("confirmed", BADGE)] and len(starts) == 1 and witnesses.amount(starts[0]["run"]["rate"]) == "30 mL/h"
    return Seen(holds, f"log: {decisions}, {len(starts)} started" + (f" at {witnesses.amount(starts[0]['run']['rate'])}" if starts else ""))


def start_is_told(hospital: Hospital) -> Seen:
    message = witnesses.told(hospital, ORDER, witnesses.START, witnesses.DELIVERING, rate="30", dose_rate="10", vtbi=VTBI_ML, total="0")
    if message is None:
        return Seen(False, "no PCD-10 of a start at 30 mL/h has come")
    return Seen(message.text("PID", 3) == "4711001", f"PCD-10: {message.text('PID', 3)}: delivery starts at 30 mL/h, 10 ug/kg/min")


def start_is_charted(hospital: Hospital) -> Seen:
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    if whole is None:
        return Seen(False, "no MedicationAdministration yet")
    people = [each["actor"]["identifier"]["value"] for each in whole.get("performer", [])]
    holds = whole["status"] == "in-progress" and [witnesses.rate_of(each) for each in parts] == ["10 ug/kg/min"] and people == [BADGE]
    return Seen(holds, f"MedicationAdministration/{whole['id']}: {whole['status']}, by {people}; {', '.join(witnesses.all_of(parts))}")


def must_be(expected: str, found: str) -> None:
    """Raises: Missing."""
    if found != expected:
        raise Missing(f"it is {found} and not {expected}")


STEPS: Final[Sequence[Step[Hospital]]] = (
    Step(
        name="on the screen",
        sentence="The EHR sends a dopamine order by PCD-03: accepted, planned, and on the pump's screen. Nothing runs.",
        act=send_order,
        witnesses=(
            Witness(Who.EHR, is_answered_aa("start")),
            Witness(Who.PUMP, is_shown_once),
            Witness(Who.FHIR, nothing_is_given(ORDER), still=True),
        ),
    ),
    Step(
        name="repeat",
        sentence="The EHR did not see the acknowledgement and sends the same message again: it is one order and one offer.",
        act=repeat,
        witnesses=(
            Witness(Who.EHR, later_order_is_answered),
            Witness(Who.EHR, is_answered_aa("start"), still=True),
            Witness(Who.PUMP, is_shown_once, still=True),
            Witness(Who.FHIR, nothing_is_given(ORDER), still=True),
        ),
    ),
    Step(
        name="review",
        sentence="The nurse opens the program at the pump and sees everything that she must see before she confirms it.",
        act=review,
        witnesses=(Witness(Who.PUMP, is_all_on_the_panel), Witness(Who.FHIR, nothing_is_given(ORDER), still=True)),
        by_hand=f"at the panel of {HERE.pump}: scan a badge ({BADGE}), and open the program of channel {HERE.channel}",
        silent={Who.EHR: "looking is nothing that goes to the EHR"},
    ),
    Step(
        name="start",
        sentence="She confirms it, and presses start: now it runs.",
        act=confirm_and_start,
        witnesses=(Witness(Who.PUMP, was_confirmed_and_started), Witness(Who.EHR, start_is_told), Witness(Who.FHIR, start_is_charted)),
        by_hand=f"at the panel of {HERE.pump}: confirm, then start",
    ),
)
