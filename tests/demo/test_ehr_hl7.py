"""The stand-in EHR's own HL7 against python-hl7, which neither it nor interop shares."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import hl7
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from interop.demo.ehr.hl7 import Deframer, Message, Unreadable, acknowledgement, dtm, frame

GOLDEN = Path(__file__).parents[1] / "golden"
MESSAGES = sorted([*(GOLDEN / "rgv").glob("*.hl7"), *(GOLDEN / "rrg").glob("*.hl7")])
NOW = datetime(2026, 3, 2, 8, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_it_reads_every_field_as_python_hl7_does(path: Path):
    body = path.read_bytes().replace(b"\n", b"\r")
    ours, oracle = Message.read(body), hl7.parse(body.decode("ascii"))
    assert len(ours.segments) == len(oracle) > 1
    compared = 0
    for segment, theirs in zip(ours.segments, oracle, strict=True):
        name, occurrence = segment[0], sum(other[0] == segment[0] for other in ours.segments[: ours.segments.index(segment)]) + 1
        for number in range(1, 30):
            if name == "MSH" and number < 3:
                continue
            expected = str(theirs[number]) if number < len(theirs) else ""
            assert ours.raw(name, number, occurrence) == expected, f"{name}-{number}"
            compared += bool(expected)
    assert compared > 10


@given(st.lists(st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "\\X41\\", "a", " ", "1.5", "ug/kg"]), max_size=8))
def test_it_reads_escapes_as_python_hl7_does(pieces: list[str]):
    text = "".join(pieces)
    body = f"MSH|^~\\&|A|B|C|D|20260302||RRG^O16|1|P|2.6\rERR|||||9001^{text}\r"
    event("with an escape" if "\\" in text else "without")
    assert Message.read(body.encode()).text("ERR", 5, 2) == hl7.parse(body).unescape(text)


def test_it_reads_a_text_in_the_character_set_that_the_message_names():
    head = "MSH|^~\\&|A|B|C|D|20260302||RRG^O16|1|P|2.6||||||{}\rERR|||||9001^für Ångström\r"
    for charset, codec in (("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1")):
        assert Message.read(head.format(charset).encode(codec)).text("ERR", 5, 2) == "für Ångström"
    for charset, codec in (("ASCII", "utf-8"), ("UNICODE UTF-8", "latin-1"), ("KS X 1001", "utf-8")):
        with pytest.raises(Unreadable):
            Message.read(head.format(charset).encode(codec))


@pytest.mark.parametrize("kind", ["RRG^O16^RRG_O16", "ORU^R42^ORU_R01", "ORU^R01^ORU_R01", "ORU^R40^ORU_R40"])
@pytest.mark.parametrize("code", ["CA", "CE", "CR"])
def test_it_acknowledges_each_message_with_the_ack_of_its_event(kind: str, code: str):
    body = f"MSH|^~\\&|INTEROP^1.2.3^ISO|DEMO|EHR1|WARD|20260302080000+0100||{kind}|N42|P|2.6|||AL|NE||UNICODE UTF-8\rMSA|AA|1\r".encode()
    answer = hl7.parse(acknowledgement(body, code, control_id="EHR1", at=NOW, why="später").decode("utf-8"))
    msh, msa = answer.segment("MSH"), answer.segment("MSA")
    assert str(msh[9]) == f"ACK^{kind.split('^')[1]}^ACK"
    assert [str(msh[number]) for number in (3, 4, 5, 6)] == ["EHR1", "WARD", "INTEROP^1.2.3^ISO", "DEMO"]
    assert [str(msh[number]) for number in (7, 10, 11, 12, 15, 16, 18)] == [
        *("20260302080000.250+0100", "EHR1", "P", "2.6", "NE", "NE", "UNICODE UTF-8")
    ]
    assert (str(msa[1]), str(msa[2])) == (code, "N42")
    errors = [str(err[8]) for err in answer.segments("ERR")] if code != "CA" else []
    assert errors == ([] if code == "CA" else ["später"])


def test_what_is_no_message_is_rejected_without_a_name():
    answer = hl7.parse(acknowledgement(b"hello", "CR", control_id="EHR1", at=NOW, why="no").decode())
    assert (str(answer.segment("MSA")[1]), str(answer.segment("MSH")[9])) == ("CR", "ACK")


def test_a_time_has_its_offset():
    assert dtm(datetime(2026, 3, 2, 8, 0, tzinfo=UTC)) == "20260302080000.000+0000"
    with pytest.raises(ValueError):
        dtm(datetime(2026, 3, 2, 8, 0))  # noqa: DTZ001


BODIES = st.lists(st.binary(min_size=1, max_size=20).filter(lambda body: not set(body) & {0x0B, 0x1C}), max_size=4)


@given(bodies=BODIES, garbage=st.binary(max_size=5).filter(lambda data: 0x0B not in data), size=st.integers(1, 9))
def test_every_byte_comes_off_the_line_again_whole_and_in_order_however_it_is_cut(bodies: list[bytes], garbage: bytes, size: int):
    stream = b"".join(garbage + frame(body) for body in bodies) + garbage
    deframer = Deframer()
    pieces = [piece for at in range(0, len(stream), size) for piece in deframer.feed(stream[at : at + size])]
    assert [piece.content for piece in pieces if piece.is_message] == bodies
    assert b"".join(piece.content for piece in pieces if not piece.is_message) + deframer.rest() == garbage * (len(bodies) + 1)
    event("with garbage" if garbage else "clean")


def test_a_frame_that_never_ends_is_given_up():
    deframer = Deframer()
    with pytest.raises(Unreadable):
        list(deframer.feed(b"\x0b" + bytes(2 * 1024 * 1024)))
