"""The way back, byte for byte: each golden document is written again, its README holds, and others' libraries read it as we do."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from interop.wire.hl7v2 import mdc
from interop.wire.hl7v2.er7 import Message, Segment
from tests.wards.documented import ADMINISTRATIONS, PCD_01, PCD_10
from tests.wards.tasked import TASKS

GOLDEN = Path(__file__).parent.parent / "golden"
RESOURCES: Mapping[str, Mapping[str, Any]] = {"medication_administration": ADMINISTRATIONS, "task": TASKS}
STORIES = [("pcd10", PCD_10), ("pcd01", PCD_01), *RESOURCES.items()]
HL7 = [("pcd10", name) for name in PCD_10] + [("pcd01", name) for name in PCD_01]
ROW = re.compile(r"\| `(?P<name>[^`]+)` \| (?P<field>[^|]+) \| (?:`(?P<holds>[^`]*)`)? ?\| (?P<shows>[^|]+) \|")
PLACE = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\[(?P<code>\d+)\])?(?:-(?P<field>\d+)(?:\((?P<repetition>\d+)\))?(?:\.(?P<part>\d+)(?:\.(?P<sub>\d+))?)?)?"
)


def golden(folder: str, name: str) -> bytes:
    (path,) = (GOLDEN / folder).glob(f"{name}.*")
    return path.read_bytes()


def rows(folder: str) -> Iterator[tuple[str, str, str, str]]:
    for line in (GOLDEN / folder / "README.md").read_text(encoding="utf-8").splitlines():
        if match := ROW.fullmatch(line):
            yield match["name"], match["field"].strip(), match["holds"] or "", match["shows"]


def of_code(message: Message, name: str, code: str | None) -> list[Segment]:
    return [each for each in message.all(name) if code is None or each.text(3, 1) == code]


def held(message: Message, place: str) -> str:
    """What stands there as sent; empty where there is no such segment, or nothing in it."""
    match = PLACE.fullmatch(place)
    assert match, place
    found = of_code(message, match["segment"], match["code"])
    if not found:
        return ""
    assert match["field"], f"{place} is there"
    field, part, sub = int(match["field"]), match["part"], match["sub"]
    if part is None:
        return found[0].raw(field) or ""
    return found[0].text(field, int(part), int(sub) if sub else None, repetition=int(match["repetition"] or 1)) or ""


# ── the bytes ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("folder", "stories"), STORIES)
def test_every_golden_document_has_its_story_and_every_row_its_document(folder: str, stories: Mapping[str, Any]) -> None:
    assert {path.stem for path in (GOLDEN / folder).iterdir() if path.suffix != ".md"} == set(stories)
    assert {name for name, *_ in rows(folder)} == set(stories)
    assert all(shows.strip() for *_, shows in rows(folder))


@pytest.mark.parametrize(("folder", "name"), HL7)
def test_a_message_is_written_byte_for_byte_as_the_golden_one(folder: str, name: str) -> None:
    assert {**PCD_10, **PCD_01}[name]() == golden(folder, name)


@pytest.mark.parametrize(("folder", "name"), [(folder, name) for folder, stories in RESOURCES.items() for name in stories])
def test_a_resource_is_written_byte_for_byte_as_the_golden_one(folder: str, name: str) -> None:
    assert RESOURCES[folder][name]() == golden(folder, name)


@pytest.mark.parametrize(("folder", "name", "place", "holds"), [(f, *row[:3]) for f in ("pcd10", "pcd01") for row in rows(f)])
def test_a_golden_message_holds_what_its_table_says(folder: str, name: str, place: str, holds: str) -> None:
    assert held(Message.parse(golden(folder, name)), place) == holds


@pytest.mark.parametrize(("folder", "name", "place", "holds"), [(folder, *row[:3]) for folder in RESOURCES for row in rows(folder)])
def test_a_golden_resource_holds_what_its_table_says(folder: str, name: str, place: str, holds: str) -> None:
    at: Any = json.loads(golden(folder, name), parse_float=Decimal, parse_int=Decimal)
    for step in re.findall(r"\w+|\[\d+\]", place):
        if step.startswith("["):
            at = at[int(step[1:-1])]
        else:
            at = at.get(step) if isinstance(at, dict) else None
        if at is None:
            break
    assert ("" if at is None else str(at)) == holds


# ── the standard ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

REQUIRED = {"184519", "158014", "158016", "158005", "158008", "158012"}  # Table M.1.2.1-1 and -2: start, stop, complete
DELIVERIES = {"197288", "197290", "197292"}


@pytest.mark.parametrize(("folder", "name"), HL7)
def test_a_message_keeps_to_the_profile(folder: str, name: str) -> None:
    """IHE DEV TF-2, B.1, B.5 to B.8, 3.1, 3.10 and M.1.2.1."""
    message = Message.parse(golden(folder, name))
    assert [each.name for each in message][:4] == ["MSH", "PID", "PV1", "OBR"]
    assert {each.name for each in list(message)[4:]} <= {"OBX", "NTE"}
    msh, pid, obr = message.first("MSH"), message.first("PID"), message.first("OBR")
    assert re.fullmatch(r"\d{14}(\.\d{3})?[+-]\d{4}", msh.text(7) or "")
    assert (msh.text(12), msh.raw(15), msh.raw(16), msh.text(21, 4)) == ("2.6", "AL", "NE", "ISO")
    assert msh.text(10)
    assert pid.text(3, 1)
    assert pid.text(5, 7) in ("L", "U")
    assert re.fullmatch(r"\d{14}(\.\d{3})?[+-]\d{4}", obr.text(7) or "")
    assert all(obr.raw(number) for number in (1, 2, 3, 4))
    observations = message.all("OBX")
    assert [each.text(1) for each in observations] == [str(number) for number in range(1, len(observations) + 1)]
    places = [tuple(map(int, (each.text(4) or "").split("."))) for each in observations]
    assert places == sorted(set(places)), "unique, and in the order of the dictionary"
    for each, place in zip(observations, places, strict=True):
        above = {place[:level] + (0,) * (4 - level) for level in range(1, 4) if any(place[level:])}
        assert above <= set(places), "every level above is there"
        if place[3] == 0:
            assert (each.raw(2), each.raw(5), each.raw(6), each.raw(11)) == ("", "", "", "X")
        elif each.raw(11) == "X":
            assert (each.raw(2), each.raw(5)) == ("", "")
        else:
            assert each.raw(2) in ("NM", "CWE", "ST")
            assert each.raw(5)
            assert each.raw(11) == ("W" if name == "wrong-patient" else "R")
        if each.raw(2) == "NM":
            assert re.fullmatch(r"\d+(\.\d+)?", each.text(5) or "")
            assert mdc.ucum_of(each.text(6, 1) or "") == each.text(6, 4)
    (system,) = (each for each, place in zip(observations, places, strict=True) if place[1:] == (0, 0, 0))
    assert system.text(18, 1)
    codes = {each.text(3, 1) for each in observations}
    events = [each.text(5, 1) for each in observations if each.text(3, 1) == "68487"]
    assert len(events) == (1 if folder == "pcd10" else 0)
    if folder == "pcd01" or set(events) <= DELIVERIES:
        assert codes >= REQUIRED
        status = next(each.text(5, 2) for each in observations if each.text(3, 1) == "158005")
        assert ("158006" in codes) == (status == "pump-delivery-status-not-delivering")
    if set(events) & (DELIVERIES - {"197288"}):
        assert codes & {"157992", "157993"}, "of segment and cumulative volume one is required"
    if source := [each.text(5) for each in observations if each.text(3, 1) == "68488"]:
        assert source[0] in {each.text(4) for each in observations if each.raw(11) == "X"}


# ── second opinions ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("folder", "name"), HL7)
def test_hl7_reads_the_same(folder: str, name: str) -> None:
    text = golden(folder, name).decode()
    theirs, ours = hl7.parse(text), Message.parse(text.encode())
    assert [str(each[0]) for each in theirs] == [each.name for each in ours]
    for segment, segment_of_ours in zip(list(theirs)[1:], list(ours)[1:], strict=True):
        assert [str(field) for field in list(segment)[1:]] == [segment_of_ours.raw(n) or "" for n in range(1, len(segment))]


@pytest.mark.parametrize(("folder", "name"), HL7)
def test_hl7apy_finds_the_groups_and_writes_the_same(folder: str, name: str) -> None:
    text = golden(folder, name).decode()
    message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
    assert message.name == "ORU_R01"
    (result,) = [each for each in message.children if each.name == "ORU_R01_PATIENT_RESULT"]
    assert {each.name for each in result.children} == {"ORU_R01_PATIENT", "ORU_R01_ORDER_OBSERVATION"}
    assert message.to_er7().rstrip("\r") == text.rstrip("\r")


@pytest.mark.parametrize("name", ADMINISTRATIONS)
def test_fhir_resources_finds_the_resource_valid_and_no_digit_is_a_float(name: str) -> None:
    from fhir.resources.R4B.medicationadministration import MedicationAdministration

    body = golden("medication_administration", name)
    MedicationAdministration.model_validate_json(body)
    said = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    assert all(extension["url"].startswith("urn:interop:fhir:") for extension in said.get("extension", []))
    if "dosage" in said:
        assert said["dosage"].keys() & {"dose", "rateQuantity"}, "mad-1"
    assert not _empty(said)


@pytest.mark.parametrize("name", TASKS)
def test_d_22_fhir_resources_finds_the_task_valid_and_nothing_says_not_given(name: str) -> None:
    from fhir.resources.R4B.task import Task

    body = golden("task", name)
    Task.model_validate_json(body)
    said = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    assert (said["intent"], said["code"]["coding"][0]["code"]) == ("order", "fulfill")
    assert said["lastModified"] >= said["authoredOn"], "inv-1"
    assert not _empty(said)
    assert b"not given" not in body
    assert b"not-done" not in body


def _empty(value: Any) -> bool:
    """FHIR allows nothing empty."""
    if isinstance(value, dict):
        return not value or any(map(_empty, value.values()))
    return not value or any(map(_empty, value)) if isinstance(value, list) else value in (None, "")
