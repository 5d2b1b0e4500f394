"""A witness that could not say no would prove nothing: each is shown what is wrong, and finds it."""

import copy
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from interop.demo import witnesses
from interop.demo.browser import read_page
from interop.demo.chapters import running, scanning, starting, trouble
from interop.demo.ehr.hl7 import Message
from interop.demo.pump_desk import Place
from interop.demo.step import Seen
from interop.demo.story import STORY

GOLDEN = Path(__file__).parents[1] / "golden"
RRG = "MSH|^~\\&|INTEROP|DEMO|EHR1|DEMO|20260302080000+0000||RRG^O16^RRG_O16|R1|P|2.6|||AL|NE||ASCII\r"


def ml(value: str) -> dict[str, str]:
    return {"value": value, "unit": "mL"}


def answer(code: str, error: str = "", sentence: str = "") -> Message:
    err = f"ERR|||207^Application internal error^HL70357|E|{error}^words|||{sentence}\r" if error else ""
    return Message.read(f"{RRG}MSA|{code}|M1\r{err}".encode("ascii"))


def document(name: str, **changed: str) -> Message:
    """A golden PCD-10 with some of its words replaced."""
    body = (GOLDEN / "pcd10" / f"{name}.hl7").read_bytes().decode("ascii")
    for old, new in changed.items():
        assert old in body, old
        body = body.replace(old, new)
    return Message.read(body.encode("ascii"))


class Ward:
    """A hospital of three witnesses who say what they are told to."""

    def __init__(self) -> None:
        self.answers: list[Message] = []
        self.documents: dict[str, list[Message]] = {"ORU^R42": [], "ORU^R01": []}
        self.frames: list[dict[str, Any]] = []
        self.administrations: list[dict[str, Any]] = []
        self.channel: dict[str, Any] = {"program": None, "change": None, "run": None, "state": "IDLE"}
        self.screen: dict[str, Any] = {"library": "DEMO-ADULT-PED 1.0.0"}
        self.page = ""
        self.orders = {name: SimpleNamespace() for name in ("start", "titration", "slip", "lost", "attested", "killed")}
        self.ehr = SimpleNamespace(answers=lambda order: self.answers, received=self._received)
        self.pumps = SimpleNamespace(
            log=lambda pump: self.frames,
            channel=lambda place: self.channel,
            screen=lambda pump: self.screen,
            panel=lambda pump: read_page(200, "/", self.page),
        )
        self.chart = SimpleNamespace(administrations=lambda order: self.administrations)
        self.nurse = SimpleNamespace(get=lambda path: read_page(200, path, self.page))

    def _received(self, kind: str, matching: Callable[[Message], bool]) -> list[Message]:
        return [message for message in self.documents[kind] if matching(message)]


def looks(look: Callable[[Any], Seen], ward: Ward) -> bool:
    return look(ward).holds


def frame(kind: str, place: Place = starting.HERE, **words: Any) -> dict[str, Any]:
    named = {"frame": kind} if kind in ("offer_shown", "decision") else {"frame": "event", "kind": kind}
    return {**named, "channel_id": place.channel, **words}


# ── the EHR ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ([], False),
        ([answer("AA")], True),
        ([answer("AA"), answer("AA")], False),
        ([answer("AE", "9007")], False),
        ([answer("AR", "9024")], False),
    ],
)
def test_aa_is_one_answer_and_no_other(answers: list[Message], holds: bool):
    ward = Ward()
    ward.answers = answers
    assert looks(starting.is_answered_aa("start"), ward) is holds


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ([answer("AE", "9016", "Look at the pump before programming by hand.")], True),
        ([answer("AE", "9016", "Call the analyst.")], False),
        ([answer("AE", "9007", "Look at the pump")], False),
        ([answer("AA")], False),
        ([answer("AE", "9016", "Look at the pump"), answer("AA")], False),
        ([], False),
    ],
)
def test_sr_13_a_lost_answer_is_told_as_unknown_with_what_to_do_and_once(answers: list[Message], holds: bool):
    ward = Ward()
    ward.answers = answers
    assert looks(trouble.is_unknown("lost"), ward) is holds


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (answer("AR", "9024", "80 is above the hard limit 30"), True),
        (answer("AR", "9025", "80 is above the hard limit 30"), False),
        (answer("AR", "9024", "refused"), False),
        (answer("AA"), False),
    ],
)
def test_sr_23_a_slip_is_refused_with_its_code_and_its_sentence(found: Message, holds: bool):
    ward = Ward()
    ward.answers = [found]
    assert looks(scanning.slip_is_refused, ward) is holds


def test_a_start_at_another_rate_or_of_another_patient_is_not_this_one():
    ward = Ward()
    right = {"|15.4|": "|30|", "|1.1.2.5|5|": "|1.1.2.5|10|", "|250|": f"|{starting.VTBI_ML}|", "MRN-4711": "4711001"}
    ward.documents["ORU^R42"] = [document("deliv-start", **right)]
    assert looks(starting.start_is_told, ward)
    for wrong in ({"|15.4|": "|31|"}, {"|1.1.2.5|5|": "|1.1.2.5|100|"}, {"MRN-4711": "4711002"}):
        ward.documents["ORU^R42"] = [document("deliv-start", **{**right, **wrong})]
        assert not looks(starting.start_is_told, ward)
    ward.documents["ORU^R42"] = [document("deliv-start", **{**right, "197288": "197290"})]
    assert not looks(starting.start_is_told, ward)


def test_a_document_of_another_order_is_nobodys_witness():
    ward = Ward()
    ward.documents["ORU^R42"] = [document("pause", **{"ORD-1001^EHR1": "ORD-1002^EHR1"})]
    assert witnesses.pcd_10(ward, "ORD-1001") == []  # type: ignore[arg-type]
    assert len(witnesses.pcd_10(ward, "ORD-1002")) == 1  # type: ignore[arg-type]


# ── the pump ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_sr_12_two_offers_on_the_screen_are_not_one():
    ward = Ward()
    ward.frames = [frame("offer_shown"), frame("offer_shown", Place("LVP-0001", "B"))]
    assert looks(starting.is_shown_once, ward)
    ward.frames.append(frame("offer_shown"))
    assert not looks(starting.is_shown_once, ward)


VALUES = {"dose rate": "10 ug/kg/min", "rate": "30 mL/h", "vtbi": f"{starting.VTBI_ML} mL", "weight": "80 kg"}
PROGRAM = {
    "patient_name": "Rivera, Ana",
    "patient": "4711001 (DEMO)",
    "tallman": "DOPamine",
    "concentration": "1.6 mg/mL",
    "care_area": "ICU",
    "order": "ORD-1001",
    "values": [{"name": name, "text": text} for name, text in VALUES.items()],
}
PAGE = "<p>" + "</p><p>".join(starting.SHOWN.values()) + "</p>"


def reviewed() -> Ward:
    ward = Ward()
    ward.channel["program"], ward.page = copy.deepcopy(PROGRAM), PAGE
    ward.frames = [frame("offer_opened", by=starting.BADGE)]
    return ward


def test_sr_08_every_one_of_the_values_must_stand_on_the_panel():
    assert looks(starting.is_all_on_the_panel, reviewed())
    for name in PROGRAM:
        if name != "values":
            ward = reviewed()
            ward.channel["program"][name] = "another"
            assert not looks(starting.is_all_on_the_panel, ward), name
    for number in range(len(VALUES)):
        ward = reviewed()
        ward.channel["program"]["values"][number]["text"] = "1"
        assert not looks(starting.is_all_on_the_panel, ward), number
    for value in starting.SHOWN.values():
        ward = reviewed()
        ward.page = PAGE.replace(f"<p>{value}</p>", "")
        assert not looks(starting.is_all_on_the_panel, ward), value
    ward = reviewed()
    ward.screen["library"] = "DEMO-ADULT-PED 0.9.0"
    assert not looks(starting.is_all_on_the_panel, ward)
    ward = reviewed()
    ward.frames = []
    assert not looks(starting.is_all_on_the_panel, ward)


def test_sr_37_a_change_without_its_old_value_or_one_that_is_in_force_already_is_found():
    def changing(old: str = "10 ug/kg/min", runs_at: str = "30 mL/h") -> Ward:
        ward = Ward()
        ward.frames = [frame("offer_shown"), frame("offer_shown")]
        values = [("dose rate", old, "12 ug/kg/min"), ("rate", "30 mL/h", "36 mL/h")]
        ward.channel |= {"change": {"values": [{"name": n, "old": o, "text": t} for n, o, t in values]}, "run": {"rate": runs_at}}
        return ward

    assert looks(running.old_beside_new, changing())
    assert not looks(running.old_beside_new, changing(old=""))
    assert not looks(running.old_beside_new, changing(runs_at="36 mL/h"))


def test_sr_13_what_ran_was_not_taken_back():
    ward = Ward()
    ward.frames = [frame("offer_shown", trouble.HERE)]
    assert looks(trouble.is_taken_back, ward)
    for word in (
        frame("started", trouble.HERE, run={}),
        frame("decision", trouble.HERE, decision="confirmed"),
        frame("offer_shown", trouble.HERE),
    ):
        ward.frames = [frame("offer_shown", trouble.HERE), word]
        assert not looks(trouble.is_taken_back, ward)


# ── the chart ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def charted(doses: list[str], whole: str, status: str = "completed") -> list[dict[str, Any]]:
    def one(given: str, **more: Any) -> dict[str, Any]:
        return {"status": status, "dosage": {"dose": {"value": Decimal(given), "code": "mL"}}, **more}

    parts = [one(dose, partOf=[{}], effectivePeriod={"start": f"2026-03-02T08:0{number}:00Z"}) for number, dose in enumerate(doses)]
    return [one(whole, effectivePeriod={"start": "2026-03-02T08:00:00Z"}), *parts]


@pytest.mark.parametrize(
    ("doses", "whole", "status", "holds"),
    [
        (["1", "0.5", "2.5", "0.003"], "4.003", "completed", True),
        (["1", "0.5", "2.5", "0.004"], "4.003", "completed", False),
        (["1", "0.5", "2.5", "0.003"], "4.004", "completed", False),
        (["1", "0.5", "2.5", "0.003"], "4.003", "in-progress", False),
        (["1.5", "2.5", "0.003"], "4.003", "completed", False),
    ],
)
def test_sr_51_intervals_that_do_not_add_up_to_what_the_pump_counted_are_found(doses: list[str], whole: str, status: str, holds: bool):
    ward = Ward()
    ward.frames = [frame("ended", cause="cleared", by="N0001", delivered=ml("4.003"))]
    ward.administrations = charted(doses, whole, status)
    assert looks(running.end_is_charted, ward) is holds


def test_d_07_an_administration_of_what_does_not_run_is_found():
    ward = Ward()
    assert looks(starting.nothing_is_given("ORD-1001"), ward)
    ward.administrations = charted(["1"], "1")
    assert not looks(starting.nothing_is_given("ORD-1001"), ward)


def test_two_infusions_of_one_order_are_no_whole():
    ward = Ward()
    ward.administrations = [*charted(["1"], "1"), *charted(["1"], "1")]
    assert witnesses.parent(ward, "ORD-1001") is None  # type: ignore[arg-type]


# ── the page, and the story itself ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_on_the_page_is_told_by_name():
    ward = Ward()
    ward.page = "<p>Waiting on LVP-0002 channel A</p>"
    assert looks(scanning.on_the_page("Waiting on LVP-0002"), ward)
    seen = scanning.on_the_page("Waiting on LVP-0002", "21.6 mL/h")(ward)  # type: ignore[arg-type]
    assert (seen.holds, seen.what) == (False, "bedside page: not there: 21.6 mL/h")


def test_no_witness_of_the_story_proves_anything_in_a_hospital_where_nothing_happened():
    """But for those that are asked once whether something has not happened."""
    for step in STORY:
        for witness in step.witnesses:
            if witness.still:
                continue
            ward = Ward()
            ward.orders |= {"fhir": SimpleNamespace(answer=SimpleNamespace(content=b"", about={"location": "/fhir/r4/X"}))}
            ward.chart.read = lambda path: None
            try:
                holds = witness.look(ward).holds  # type: ignore[arg-type]
            except (LookupError, AttributeError, TypeError):
                holds = False
            assert not holds, step.name
