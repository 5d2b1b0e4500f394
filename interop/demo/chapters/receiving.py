"""Receive and never lose: an answer for every order, one for a repeat, the chart's own bytes, and a server that is killed with an order in its hands."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from interop.demo.hospital import Hospital
from interop.demo.processes import Missing
from interop.demo.step import Seen, Step, Who, Witness

Say = Callable[[str], None]

NO_PUMP: Final = "9001"
TRIES: Final = 5
ON_ITS_WAY_S: Final = 0.2
"""What the server had sent when it died is with the EHR by then."""
NOT_THERE: Final = {
    Who.PUMP: "there is no such pump that could have a log",
    Who.FHIR: "nothing is offered, so nothing is to be read in the chart",
}


def order_for_no_pump(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["nowhere"] = hospital.ehr.order("pcd03", order="ORD-1001", pump="LVP-9999/A")
    say(f"PCD-03 {order.control_id}: {order.verdict}")
    _must_be("CA", order.verdict)


def is_refused(hospital: Hospital) -> Seen:
    answers = hospital.ehr.answers(hospital.orders["nowhere"])
    if not answers:
        return Seen(False, "no RRG has come")
    (msa, code, text) = (answers[0].text("MSA", 1), answers[0].text("ERR", 5, 1), answers[0].text("ERR", 5, 2))
    return Seen((msa, code) == ("AR", NO_PUMP), f"RRG {msa} {code}: {text}")


def repeat(hospital: Hospital, say: Say) -> None:
    order = hospital.ehr.again(hospital.orders["nowhere"])
    say(f"the same bytes again, as after a lost acknowledgement: {order.verdict}")
    _must_be("CA", order.verdict)
    hospital.orders["after the repeat"] = hospital.ehr.order("pcd03", order="ORD-1002", pump="LVP-9999/A")


def later_order_is_answered(hospital: Hospital) -> Seen:
    """Whatever the repeat had set off would have come before: one lane of one sender keeps its order."""
    count = len(hospital.ehr.answers(hospital.orders["after the repeat"]))
    return Seen(count == 1, f"the order that was sent after the repeat has {count} RRG")


def repeat_has_no_second_answer(hospital: Hospital) -> Seen:
    count = len(hospital.ehr.answers(hospital.orders["nowhere"]))
    return Seen(count == 1, f"the order and its repeat have {count} RRG in all")


def order_by_fhir(hospital: Hospital, say: Say) -> None:
    order = hospital.orders["fhir"] = hospital.ehr.order("fhir", order="ORD-2001", dose_rate="10.0")
    say(f"MedicationRequest: HTTP {order.verdict} {order.answer.about['location']}")
    _must_be("201", order.verdict)


def fhir_answer_names_it(hospital: Hospital) -> Seen:
    order = hospital.orders["fhir"]
    return Seen('"value": 10.0' in order.answer.content.decode("utf-8"), "the answer repeats 10.0 ug/kg/min as it was sent")


def fhir_order_is_read(hospital: Hospital) -> Seen:
    where = hospital.orders["fhir"].answer.about["location"].partition("/fhir/r4/")[2].partition("/_history")[0]
    resource = hospital.chart.read(where)
    if resource is None:
        return Seen(False, f"{where} is not there")
    dose = resource["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]
    number = resource["identifier"][0]["value"]
    is_it = number == "ORD-2001" and (dose["value"], dose["code"]) == (Decimal("10.0"), "ug/kg/min") and str(dose["value"]) == "10.0"
    return Seen(is_it, f"{where}: {number}, {dose['value']} {dose['code']}")


def kill_with_an_order_in_hand(hospital: Hospital, say: Say) -> None:
    """Between CA and RRG is a moment of a few milliseconds. If the kill comes too late, it is said, and another order is tried."""
    for number in range(1, TRIES + 1):
        order = hospital.ehr.order("pcd03", order=f"ORD-30{number:02}", pump="LVP-9999/A")
        hospital.kill_server()
        say(f"PCD-03 {order.control_id}: {order.verdict}, and SIGKILL to the server")
        _must_be("CA", order.verdict)
        time.sleep(ON_ITS_WAY_S)
        is_answered = bool(hospital.ehr.answers(order))
        if not is_answered:
            say("no RRG had left: the order is acknowledged and not answered")
        begun = time.monotonic()
        hospital.start_server()
        say(f"the server is back after {time.monotonic() - begun:.1f} s, at the same addresses")
        if not is_answered:
            hospital.orders["killed"] = order
            return
        say("the kill came too late: this order had been answered; another one")
    raise Missing(f"{TRIES} times the server was quicker than the kill: what was to be shown was not shown")


def killed_order_is_answered(hospital: Hospital) -> Seen:
    answers = hospital.ehr.answers(hospital.orders["killed"])
    if not answers:
        return Seen(False, "no RRG has come")
    return Seen(
        len(answers) == 1,
        f"RRG {answers[0].text('MSA', 1)} {answers[0].text('ERR', 5, 1)} by the next life of the server, {len(answers)} in all",
    )


def _must_be(expected: str, verdict: str) -> None:
    """Raises: Missing."""
    if verdict != expected:
        raise Missing(f"the answer is {verdict} and not {expected}")


STEPS: Final[Sequence[Step[Hospital]]] = (
    Step(
        name="unknown pump",
        sentence="The EHR sends a dopamine order for a pump that nobody knows: accepted, then refused with a reason.",
        act=order_for_no_pump,
        witnesses=(Witness(Who.EHR, is_refused),),
        silent=NOT_THERE,
    ),
    Step(
        name="repeat",
        sentence="The EHR did not see the acknowledgement and sends the same message again: it is one order.",
        act=repeat,
        witnesses=(Witness(Who.EHR, later_order_is_answered), Witness(Who.EHR, repeat_has_no_second_answer, still=True)),
        silent=NOT_THERE,
    ),
    Step(
        name="FHIR order",
        sentence="The EHR sends an order as MedicationRequest: it is stored as it was sent, to the last digit.",
        act=order_by_fhir,
        witnesses=(Witness(Who.EHR, fhir_answer_names_it), Witness(Who.FHIR, fhir_order_is_read)),
        silent={Who.PUMP: "a resource offers nothing by itself (D-06)"},
    ),
    Step(
        name="SIGKILL",
        sentence="The server is killed between the acknowledgement of an order and its answer; its next life carries on.",
        act=kill_with_an_order_in_hand,
        witnesses=(Witness(Who.EHR, killed_order_is_answered),),
        silent=NOT_THERE,
        within_s=15,
    ),
)
