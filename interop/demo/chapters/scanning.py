"""An order by FHIR, whose wristband, container and channel are scanned at the bedside; and a decimal point that slipped."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from interop.demo import witnesses
from interop.demo.browser import Page
from interop.demo.chapters.starting import must_be, nothing_is_given, press_until_it_runs, screen_differs
from interop.demo.hospital import NURSE, Hospital
from interop.demo.pump_desk import Place
from interop.demo.step import Seen, Step, Who, Witness

Say = Callable[[str], None]

ORDER: Final = "ORD-2001"
SLIPPED: Final = "ORD-5001"
HERE: Final = Place("LVP-0002", "A")
FREE: Final = Place("LVP-0002", "B")
WRISTBAND: Final = "4711002^DEMO"
CONTAINER: Final = f"{ORDER}|LOC-00501"
HARD_LIMIT: Final = "9024"

SHOWN: Final = {
    "patient": "Okafor, Chidi",
    "patient's number": "4711002 (DEMO)",
    "drug": "DOPamine",
    "concentration": "1.6 mg/mL",
    "dose": "8 ug/kg/min",
    "rate": "21.6 mL/h",
    "VTBI": "250 mL",
    "weight": "72 kg",
    "care area": "ICU",
    "library version": "DEMO-ADULT-PED 1.0.0",
    "order": ORDER,
}


def order_by_fhir(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["fhir"] = hospital.ehr.order("fhir", order=ORDER, patient="okafor", dose_rate="8.0")
    say(f"MedicationRequest: HTTP {order.verdict} {order.answer.about['location']}")
    must_be("201", order.verdict)


def answer_names_it(hospital: Hospital) -> Seen:
    order = hospital.orders["fhir"]
    return Seen('"value": 8.0' in order.answer.content.decode("utf-8"), "the answer repeats 8.0 ug/kg/min as it was sent")


def order_is_read(hospital: Hospital) -> Seen:
    where = request_of(hospital)
    resource = hospital.chart.read(where)
    if resource is None:
        return Seen(False, f"{where} is not there")
    dose = resource["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]
    number = resource["identifier"][0]["value"]
    is_it = number == ORDER and (dose["value"], dose["code"]) == (Decimal("8.0"), "ug/kg/min") and str(dose["value"]) == "8.0"
    return Seen(is_it, f"{where}: {number}, {dose['value']} {dose['code']}")


def request_of(hospital: Hospital) -> str:
    """``MedicationRequest/ID``, as the EHR was told."""
    return hospital.orders["fhir"].answer.about["location"].partition("/fhir/r4/")[2].partition("/_history")[0]


# ── scanned ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def scan(hospital: Hospital, say: Say) -> None:
    scan_labels(hospital, WRISTBAND, CONTAINER, str(HERE))
    say(f"scanned {WRISTBAND}, {CONTAINER}, {HERE}")


def scan_labels(hospital: Hospital, *labels: str) -> None:
    """One after another into the scan box, which brings back what it was given. Raises: Missing."""
    page = bedside(hospital)
    for label in labels:
        page = hospital.nurse.press(page, "Enter", holding="scan", scan=label)


def on_the_page(*words: str) -> Callable[[Hospital], Seen]:
    """All these words on the bedside page."""

    def look(hospital: Hospital) -> Seen:
        text = bedside(hospital).text
        gone = [each for each in words if each not in text]
        return Seen(not gone, f"bedside page: {'; '.join(words)}" if not gone else f"bedside page: not there: {'; '.join(gone)}")

    return look


def bedside(hospital: Hospital) -> Page:
    """As the nurse sees it now. Raises: Missing."""
    return hospital.nurse.get("/bedside")


def scanned_is_on_the_panel(hospital: Hospital) -> Seen:
    shown = witnesses.logged(hospital, HERE, "offer_shown")
    wrong = screen_differs(hospital, HERE, SHOWN) if shown else []
    if wrong or len(shown) != 1:
        return Seen(False, f"log: {len(shown)} offer_shown; screen: {'; '.join(wrong)}")
    return Seen(True, f"log: 1 offer_shown on {HERE}; screen: {', '.join(SHOWN.values())}")


def confirm_and_start(hospital: Hospital, say: Say) -> None:
    hospital.pumps.press(HERE.pump, "open_offer", channel=HERE.channel, badge=NURSE)
    press_until_it_runs(hospital, say, HERE, NURSE)


def it_was_started(hospital: Hospital) -> Seen:
    starts = witnesses.starts_of(hospital, HERE, ORDER)
    holds = len(starts) == 1 and starts[0]["by"] == NURSE and witnesses.amount(starts[0]["run"]["rate"]) == "21.6 mL/h"
    return Seen(holds, f"log: {len(starts)} started of {ORDER}" + (f" at {witnesses.amount(starts[0]['run']['rate'])}" if starts else ""))


def it_is_charted(hospital: Hospital) -> Seen:
    """The administration refers to the resource that the EHR sent."""
    whole, parts = witnesses.parent(hospital, ORDER), witnesses.children(hospital, ORDER)
    if whole is None:
        return Seen(False, "no MedicationAdministration yet")
    request = whole["request"].get("reference", "")
    holds = whole["status"] == "in-progress" and [witnesses.rate_of(each) for each in parts] == ["8 ug/kg/min"]
    holds = holds and request == request_of(hospital)
    return Seen(holds, f"MedicationAdministration/{whole['id']}: {whole['status']}, of {request}; {', '.join(witnesses.all_of(parts))}")


# ── a slip ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def order_ten_times(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["slip"] = hospital.ehr.order("pcd03", order=SLIPPED, patient="okafor", dose_rate="80", pump=str(FREE))
    say(f"PCD-03 {order.control_id}, 80 ug/kg/min: {order.verdict}")
    must_be("CA", order.verdict)


def slip_is_refused(hospital: Hospital) -> Seen:
    answers = hospital.ehr.answers(hospital.orders["slip"])
    if not answers:
        return Seen(False, "no RRG has come")
    code, said = answers[0].text("MSA", 1), [answers[0].text("ERR", 5, 1, number) for number, _ in enumerate(answers[0].all("ERR"), 1)]
    sentence = answers[0].text("ERR", 8)
    holds = len(answers) == 1 and code in ("AE", "AR") and HARD_LIMIT in said and "hard limit" in sentence
    return Seen(holds, f"RRG {code} {' '.join(said)}: {sentence}")


def nothing_on_the_free_channel(hospital: Hospital) -> Seen:
    frames = witnesses.logged(hospital, FREE)
    return Seen(not frames, f"log: {len(frames)} words of {FREE}: nothing was offered")


STEPS: Final[Sequence[Step[Hospital]]] = (
    Step(
        name="FHIR order",
        sentence="The EHR sends an order as MedicationRequest: it is stored as it was sent, to the last digit.",
        act=order_by_fhir,
        witnesses=(Witness(Who.EHR, answer_names_it), Witness(Who.FHIR, order_is_read)),
        silent={Who.PUMP: "a resource offers nothing by itself (D-06)"},
    ),
    Step(
        name="scanned",
        sentence="At the bedside the nurse scans wristband, container and channel: the program is on that pump's screen.",
        act=scan,
        witnesses=(
            Witness(Who.PUMP, scanned_is_on_the_panel),
            Witness(
                Who.PAGE,
                on_the_page(f"Waiting on {HERE.pump} channel {HERE.channel}", "21.6 mL/h", "At the pump: confirm, then press start."),
            ),
            Witness(Who.FHIR, nothing_is_given(ORDER), still=True),
        ),
        by_hand=f"at the bedside page: scan (type) {WRISTBAND}, then {CONTAINER}, then {HERE}",
        silent={Who.EHR: "who ordered by FHIR is sent no messages: it reads the chart"},
    ),
    Step(
        name="scanned order runs",
        sentence="She confirms it at the pump and presses start.",
        act=confirm_and_start,
        witnesses=(
            Witness(Who.PUMP, it_was_started),
            Witness(Who.FHIR, it_is_charted),
            Witness(Who.PAGE, on_the_page("Running at 21.6 mL/h")),
        ),
        by_hand=f"at the panel of {HERE.pump}: scan a badge ({NURSE}), open, confirm and start channel {HERE.channel}",
        silent={Who.EHR: "who ordered by FHIR is sent no messages: it reads the chart"},
    ),
    Step(
        name="tenfold slip",
        sentence="The EHR orders ten times the dose: refused in one sentence, to the EHR and at the bedside; no pump hears of it.",
        act=order_ten_times,
        witnesses=(
            Witness(Who.EHR, slip_is_refused),
            Witness(Who.PAGE, on_the_page(f"order {SLIPPED}", "bove the hard limit 30 ug/kg/min", HARD_LIMIT)),
            Witness(Who.PUMP, nothing_on_the_free_channel, still=True),
            Witness(Who.FHIR, nothing_is_given(SLIPPED), still=True),
        ),
    ),
)
