"""Acknowledgements: what we answer whatever came in, and what we take for an answer."""

from datetime import UTC, datetime, timedelta, timezone

import hl7
import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from interop.wire.hl7v2.ack import (
    AckCode,
    AckError,
    Answer,
    AnsweredError,
    ErrorCode,
    NotAnAnswer,
    ReceivedHeader,
    Severity,
    Us,
    read_answer,
    write_ack,
)
from interop.wire.hl7v2.committed import write_committed
from interop.wire.hl7v2.er7 import Message, Unreadable
from tests.wards.samples import SAMPLES, needs_samples

AT = datetime(2026, 3, 2, 10, 15, 1, 999_999, tzinfo=timezone(timedelta(hours=1)))
ORDER = (
    b"MSH|^~\\&|BEDSIDE^0000000000000001^EUI-64|NORTH|GATEWAY^0000000000000002^EUI-64|SOUTH|20260302101500+0100||RGV^O15^RGV_O15|M-1|T|2.6"
    b"|||AL|AL||ASCII\rPID|||4711\r"
)
MISSING = AckError(ErrorCode.REQUIRED_FIELD_MISSING, "ORC-2 is missing")


def ours(received: bytes, code: AckCode = AckCode.CA, error: AckError | None = None, us: Us | None = None) -> bytes:
    return write_ack(ReceivedHeader.salvaged(received), code, new_id=lambda: "A1", at=AT, error=error, us=us or Us())


def header(*, encoding: str = "^~\\&", separator: str = "|", control_id: str = "M-1", version: str = "2.6", charset: str = "") -> bytes:
    fields = ["MSH", encoding, "EHR", "N", "GW", "S", "20260302", "", f"RGV{encoding[:1]}O15", control_id, "P", version, *[""] * 5, charset]
    return (separator.join(fields) + "\r").encode("latin-1")


# ---------------------------------------------------------------- what we answer


ODD_HEADERS = (
    ORDER,
    ORDER.replace(b"M-1", b""),
    ORDER.replace(b"M-1", b"M\\F\\1"),
    ORDER.replace(b"M-1", b"0PLACE0OF0OUR0ID"),
    ORDER.replace(b"NORTH", b"0PLACE0OF0THEIR0ID"),
    ORDER.replace(b"SOUTH", b"10000101000000+0000"),
    ORDER.replace(b"\r", b"\n"),
    ORDER.replace(b"\r", b"\r\n"),
    ORDER.replace(b"|", b"-"),
    ORDER.replace(b"|", b"A"),
    ORDER.replace(b"|", b""),
    ORDER.replace(b"|2.6", b"|2.3"),
    ORDER.replace(b"M-1", b"M" * 300),
    ORDER.replace(b"NORTH", b"N" * 2000),
    ORDER.replace(b"NORTH", b"\xc4RZTE"),
    ORDER.rstrip(b"\r").split(b"\r")[0],
    b"MSH|",
    b"",
)


@pytest.mark.parametrize("received", ODD_HEADERS)
@pytest.mark.parametrize("us", [Us(), Us(("INTEROP",), ("ICU",))])
@pytest.mark.parametrize("at", [AT, AT.astimezone(UTC)])
def test_d_08_the_short_way_to_ca_gives_the_bytes_of_the_long_way(received: bytes, us: Us, at: datetime):
    for control_id in ("A1", "B2"):  # the second from what was kept of the first
        long = write_ack(ReceivedHeader.salvaged(received), AckCode.CA, new_id=lambda given=control_id: given, at=at, us=us)
        assert write_committed(received, new_id=control_id, at=at, us=us) == long


@given(at=st.integers(0, len(ORDER) - 1), byte=st.integers(0, 255), cut=st.integers(0, 4))
def test_d_08_the_short_way_to_ca_gives_the_bytes_of_the_long_way_for_any_damage(at: int, byte: int, cut: int):
    received = ORDER[:at] + bytes([byte]) + ORDER[at + cut :]
    assert write_committed(received, new_id="A1", at=AT) == ours(received)


def test_d_08_the_short_way_to_ca_is_as_strict_about_what_is_ours():
    with pytest.raises(ValueError, match="letters and digits"):
        write_committed(ORDER, new_id="A|1", at=AT)
    with pytest.raises(ValueError, match="offset"):
        write_committed(ORDER, new_id="A1", at=AT.replace(tzinfo=None))


def test_d_08_what_is_committed_is_answered_ca_with_the_number_of_the_message():
    assert ours(ORDER) == (
        b"MSH|^~\\&|GATEWAY^0000000000000002^EUI-64|SOUTH|BEDSIDE^0000000000000001^EUI-64|NORTH|20260302101501+0100||ACK^O15^ACK|A1|T|2.6"
        b"|||NE|NE||ASCII\rMSA|CA|M-1\r"
    )


def test_d_08_what_is_refused_says_why_in_code_and_words():
    *_, err = ours(ORDER, AckCode.CR, MISSING).split(b"\r")[:-1]
    assert err == b"ERR|||101^Required field missing^HL70357|E||||ORC-2 is missing"


def test_d_08_what_could_not_be_stored_is_answered_ce():
    answer = Message.parse(ours(ORDER, AckCode.CE, AckError(ErrorCode.APPLICATION_INTERNAL_ERROR)))
    assert (answer.first("MSA").text(1), answer.first("ERR").text(3, 1), answer.first("ERR").text(8)) == ("CE", "207", None)


def test_an_error_may_carry_an_infusion_code_and_its_severity():
    error = AckError(ErrorCode.APPLICATION_INTERNAL_ERROR, severity=Severity.FATAL, infusion=("9010", "Medication not matched"))
    err = Message.parse(ours(ORDER, AckCode.AR, error)).first("ERR")
    assert (err.text(4), err.text(5, 1), err.text(5, 2)) == ("F", "9010", "Medication not matched")


def test_the_header_of_a_message_that_was_read_is_the_one_that_is_made_out_of_its_bytes():
    assert ReceivedHeader.of(Message.parse(ORDER)) == ReceivedHeader.salvaged(ORDER)


def test_an_answer_to_a_message_that_names_no_receiver_says_who_we_are():
    sent_to_nobody = b"MSH|^~\\&|EHR|N|||20260302||ADT^A01|7|P|2.5\r"
    msh = Message.parse(ours(sent_to_nobody, us=Us(("IOC", "0000000000000002", "EUI-64"), ("NORTH & SOUTH",)))).first("MSH")
    assert (msh.raw(3), msh.text(4), msh.text(5), msh.raw(9)) == ("IOC^0000000000000002^EUI-64", "NORTH & SOUTH", "EHR", "ACK^A01^ACK")


def test_the_number_is_echoed_byte_by_byte_also_where_it_should_have_been_escaped():
    for control_id in ("A&B", "A\\T\\B", "A~B", "A^B", " 7 "):
        assert f"MSA|CA|{control_id}\r".encode() in ours(header(control_id=control_id))


def test_the_answer_is_written_as_the_message_was():
    received = header(separator="!", encoding="*+?=", charset="8859/1", control_id="N\u00e4")
    assert ours(received) == b"MSH!*+?=!GW!S!EHR!N!20260302101501+0100!!ACK*O15*ACK!A1!P!2.6!!!NE!NE!!8859/1\rMSA!CA!N\xe4\r"


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4"])
def test_a_sender_whose_version_knows_no_text_in_err_gets_it_in_msa_3(version: str):
    answer = Message.parse(ours(header(version=version), AckCode.CR, MISSING))
    assert (answer.first("MSA").text(3), bool(answer.first("ERR"))) == ("ORC-2 is missing", False)


def test_a_text_is_fitted_to_its_field():
    error = AckError(ErrorCode.DATA_TYPE_ERROR, "5 \u00b5g | 10^2\r\n" + "x" * 300)
    assert Message.parse(ours(ORDER, AckCode.CR, error)).first("ERR").text(8) == ("5 ?g | 10^2  " + "x" * 300)[:250]
    in_utf_8 = Message.parse(ours(header(charset="UNICODE UTF-8"), AckCode.CR, error)).first("ERR").text(8)
    assert in_utf_8 is not None
    assert in_utf_8.startswith("5 \u00b5g")


def test_a_text_that_cannot_be_escaped_is_left_out():
    error = AckError(ErrorCode.DATA_TYPE_ERROR, "10^2")
    assert Message.parse(ours(header(encoding="^"), AckCode.CR, error)).first("ERR").text(8) is None


@pytest.mark.parametrize("code", AckCode)
def test_a_refusal_says_why_and_an_acceptance_does_not(code: AckCode):
    with pytest.raises(ValueError, match="says why"):
        ours(ORDER, code, MISSING if code.is_positive else None)


def test_an_answer_has_a_time_with_an_offset_and_a_number_of_letters_and_digits():
    with pytest.raises(ValueError, match="offset"):
        write_ack(ReceivedHeader(), AckCode.CA, new_id=lambda: "1", at=AT.replace(tzinfo=None))
    for wrong in ("", "a-b", "a|b", "x" * 200):
        with pytest.raises(ValueError, match="letters and digits"):
            write_ack(ReceivedHeader(), AckCode.CA, new_id=lambda wrong=wrong: wrong, at=AT)


# ---------------------------------------------------------------- to a message that is broken


@pytest.mark.parametrize(
    ("broken", "control_id", "event_code"),
    [
        (ORDER.replace(b"ASCII", b"BIG-5"), "M-1", "O15"),
        (ORDER.replace(b"4711", b"47\x0011"), "M-1", "O15"),
        (ORDER.replace(b"^~\\&", b"^^\\&"), "M-1", "O15"),
        (ORDER.replace(b"NORTH", b"N\xffRTH"), "M-1", "O15"),
        (ORDER[: ORDER.index(b"M-1") + 4], "M-1", "O15"),
        (ORDER[: ORDER.index(b"M-1") + 3], "", "O15"),  # perhaps M-10
        (ORDER[:60], "", ""),
        (ORDER.replace(b"M-1", b"M\x07"), "", "O15"),
        (ORDER.replace(b"M-1", b"M" * 300), "", "O15"),
        (b"MSH|", "", ""),
        (b"MSH", "", ""),
        (b"", "", ""),
        (b"PID|||4711\r", "", ""),
    ],
)
def test_sr_53_a_message_however_broken_is_answered_with_what_can_be_read_of_it(broken: bytes, control_id: str, event_code: str):
    answer = Message.parse(ours(broken, AckCode.CR, MISSING))
    assert (answer.first("MSA").text(1), answer.first("MSA").text(2) or "") == ("CR", control_id)
    assert (answer.first("MSH").text(9, 2) or "") == event_code


def test_sr_53_a_field_that_holds_the_separator_of_the_answer_is_not_echoed():
    # \x07 separates nothing that could be written, so the answer falls back to the standard's delimiters
    broken = b"\x07".join([b"MSH", b"^~\\&", b"A|B", b"", b"", b"", b"", b"", b"ADT^A01", b"1|2", b"P", b"2.6", b""]) + b"\r"
    answer = Message.parse(ours(broken, AckCode.CR, MISSING))
    assert (answer.first("MSA").text(2) or "", answer.first("MSH").text(5)) == ("", "")


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(lambda rest: b"MSH|^~\\&|" + rest), st.just(ORDER)))
@example(b"MSH|^~\\&|A|B|C|D|||X^O15\x1e|1\r")
@example(b"MSH.^~\\&.A\r")
@example(b"MSH/^~\\&/A/B/C/D///R^O15/\xe4/P/2.6//////8859/1\r")
def test_sr_53_whatever_comes_is_answered_with_a_message_that_can_be_read(data: bytes):
    answer = read_answer(ours(data, AckCode.CR, MISSING))
    assert answer.code is AckCode.CR
    event("names the message" if answer.control_id else "cannot name the message")
    try:
        received = Message.parse(data)
    except Unreadable:
        return
    if len(data.split(b"\r")[0]) < 250:
        assert ReceivedHeader.of(received).control_id == ReceivedHeader.salvaged(data + b"\r").control_id


@given(
    separator=st.sampled_from("|!$#%"),
    encoding=st.sampled_from(["^~\\&", "*+?/", "^", "^~", "^~\\", "^~\\&:"]),
    control_id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20),
    text=st.text(max_size=40),
)
def test_an_answer_in_any_delimiters_names_its_message_for_one_who_compares_bytes(
    separator: str, encoding: str, control_id: str, text: str
):
    control_id = control_id.replace(separator, "")
    received = header(separator=separator, encoding=encoding, control_id=control_id)
    answer = ours(received, AckCode.CR, AckError(ErrorCode.DATA_TYPE_ERROR, text))
    assert answer.split(b"\r")[1].split(separator.encode())[2:3] == ([control_id.encode()] if control_id else [])
    Message.parse(answer)


def test_another_library_reads_our_answer_as_we_mean_it():
    answer = hl7.parse(ours(ORDER, AckCode.CR, MISSING).decode())
    assert (str(answer["MSA.1"]), str(answer["MSA.2"]), str(answer["ERR.F3.R1.C1"]), str(answer["MSH.F9.R1.C3"])) == (
        "CR",
        "M-1",
        "101",
        "ACK",
    )


# ---------------------------------------------------------------- what we take for an answer


def answer_of(*segments: str) -> Answer:
    return read_answer("\r".join(["MSH|^~\\&|EHR|N|GW|S|20260302101501+0100||ACK^O16^ACK|9|P|2.6", *segments]).encode())


def test_our_own_answer_is_read_back():
    assert read_answer(ours(ORDER)) == Answer(AckCode.CA, "M-1", "", ())
    refused = read_answer(ours(ORDER, AckCode.CR, MISSING))
    assert (refused.code, refused.text) == (AckCode.CR, "ORC-2 is missing")
    assert refused.errors == (AnsweredError("101", "", "E", "ORC-2 is missing"),)


def test_the_sentence_of_a_refusal_is_found_wherever_a_partner_puts_it():
    for segments, text in (
        (["MSA|AE|1|no such patient"], "no such patient"),
        (["MSA|AR|1", "ERR|||207^Application internal error^HL70357|F|9010^Unable to match"], "Unable to match"),
        (["MSA|AR|1", "ERR|||207|F|9016^Other&more^^^^^^^no pump"], "no pump"),
        (["MSA|CR|1", "ERR|RXG^1^2^102&Data type error"], "Data type error"),
        (["MSA|CR|1", "ERR|||101^Required field missing^HL70357|E||p|look here|tell them"], "tell them"),
        (["MSA|CR|1", 'ERR|||101^Required field missing^HL70357|E|||""|""'], "Required field missing"),
        (["MSA|CR|1"], ""),
    ):
        assert answer_of(*segments).text == text


def test_an_acceptance_with_a_remark_is_an_acceptance():
    answer = answer_of("MSA|AA|1", "ERR|||0^Message accepted|I")
    assert (answer.code, answer.errors) == (AckCode.AA, (AnsweredError("0", "", "I", "Message accepted"),))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no bytes"),
        (b"OK\r", "begin with MSH"),
        (b"MSH|^~\\&|A|B\rPID|||4711\r", "0 MSA segments"),
        (b"MSH|^~\\&|A|B\rMSA|CA|1\rMSA|CR|1\r", "2 MSA segments"),
        (b"MSH|^~\\&|A|B\rMSA|OK|1\r", "MSA-1"),
        (b"MSH|^~\\&|A|B\rMSA||1\r", "MSA-1"),
        (b"MSH|^~\\&|A|B\rMSA|CA~CR|1\r", "MSA-1"),
        (b"MSH|^~\\&|A|B\rMSA", "MSA-1"),
    ],
)
def test_d_08_what_is_no_acknowledgement_is_not_taken_for_one(data: bytes, why: str):
    with pytest.raises(NotAnAnswer, match=why):
        read_answer(data)


def test_an_answer_that_names_no_message_says_so():
    assert answer_of("MSA|CA").control_id == ""
    assert answer_of('MSA|CA|""').control_id == ""


@given(st.binary(max_size=300))
def test_sr_53_no_bytes_from_a_partner_raise_anything_else(data: bytes):
    try:
        read_answer(data)
    except NotAnAnswer:
        event("no answer")


@needs_samples
@pytest.mark.parametrize(
    ("name", "code", "control_id", "infusion_code"),
    [
        ("ihe-r10-pcd03-ack-ca-dopamine", AckCode.CA, "1", ""),
        ("ihe-r10-pcd03-rrg-aa-dopamine", AckCode.AA, "1", ""),
        ("ihe-r10-pcd03-rrg-ar-9010", AckCode.AR, "2", "9010"),
    ],
)
def test_the_answers_that_ihe_prints_are_read(name: str, code: AckCode, control_id: str, infusion_code: str):
    answer = read_answer((SAMPLES / "hl7" / f"{name}.hl7").read_bytes())
    assert (answer.code, answer.control_id) == (code, control_id)
    assert "".join(error.infusion_code for error in answer.errors) == infusion_code


@needs_samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "hl7").glob("*.hl7")), ids=lambda path: path.stem)
def test_every_message_of_others_is_answered_by_its_number(path):
    received = path.read_bytes()
    answer = read_answer(write_ack(ReceivedHeader.salvaged(received), AckCode.CA, new_id=lambda: "A1", at=datetime(2026, 3, 2, tzinfo=UTC)))
    assert answer.control_id == (Message.parse(received).first("MSH").text(10) or "")
