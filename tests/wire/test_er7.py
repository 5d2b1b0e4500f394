"""The tokenizer of HL7 v2: what it reads, what it refuses, and what it never loses."""

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from interop.wire.hl7v2.charset import ASCII, CARRIED, UTF_8, Charset
from interop.wire.hl7v2.er7 import Message, Presence, Reason, Segment, Unreadable, Unwritable
from interop.wire.hl7v2.er7_builder import NULL, Builder, Field, Null
from interop.wire.hl7v2.er7_errors import Er7Error
from interop.wire.hl7v2.escapes import STANDARD, Delimiters, escape, unescape

# An order of our own: norepinephrine at 5 ug/min, two pump ids' worth of OBX, two patient ids, a duration in two parts.
ORDER = "\r".join(
    [
        "MSH|^~\\&|BEDSIDE^0000000000000001^EUI-64||GATEWAY||20260302101500+0100||RGV^O15^RGV_O15|M-1|P|2.6|||AL|AL||ASCII",
        "PID|||4711^^^WARD&1.2.3&ISO^MR~99^^^CITY||Muster^Maxi||19700101",
        "ORC|RE|O-77^BEDSIDE|||||||20260302101455+0100||||||||||N42",
        'RXG|1|||NOR1^Norepinephrine \\T\\ glucose||""|||||||||5|265491^MDC_DIM_MICRO_G_PER_MIN^MDC',
        "TQ1|||||||||||||2^264384&MDC_DIM_HR&MDC~45^264352&MDC_DIM_MIN&MDC",
        "OBX|1||69986^MDC_DEV_PUMP_INFUS_VMD^MDC||||||||X|||||||PUMP9^^00AA000000000001^EUI-64",
        "OBX|2|NM|68063^MDC_ATTR_PT_WEIGHT^MDC||81.5|263875^MDC_DIM_KILO_G^MDC",
    ]
).encode()


def header(charset: str = "", encoding: str = "^~\\&") -> str:
    return f"MSH|{encoding}|A|B|C|D|20260302101500+0100||ADT^A08^ADT_A01|1|P|2.8||||||{charset}"


def note(text: str, charset: str = "", encoding: str = "^~\\&") -> Segment:
    """The NTE of a message whose NTE-3 is ``text``, sent in the character set named."""
    codec = CARRIED[charset].codec
    return Message.parse(f"{header(charset, encoding)}\rNTE|1||{text}\r".encode(codec)).first("NTE")


def refusal(data: bytes, **bounds: int) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        Message.parse(data, **bounds)
    return caught.value


# ---------------------------------------------------------------- reading


def test_an_order_is_read_field_by_field():
    order = Message.parse(ORDER)
    give = order.first("RXG")
    assert (give.text(15), give.text(16, 1), give.text(16, component=2)) == ("5", "265491", "MDC_DIM_MICRO_G_PER_MIN")
    assert give.text(4, component=2) == "Norepinephrine & glucose"
    assert give.raw(4, component=2) == "Norepinephrine \\T\\ glucose"
    assert [segment.name for segment in order] == ["MSH", "PID", "ORC", "RXG", "TQ1", "OBX", "OBX"]
    assert [segment.number for segment in order] == [1, 2, 3, 4, 5, 6, 7]
    assert [observation.text(3, 1) for observation in order.all("OBX")] == ["69986", "68063"]
    assert order.segment("OBX", 2).text(5) == "81.5"


def test_the_header_counts_its_field_separator_as_msh_1():
    msh = Message.parse(ORDER).first("MSH")
    assert (msh.text(1), msh.text(2), msh.text(3, 2), msh.text(9, 2), msh.text(10)) == ("|", "^~\\&", "0000000000000001", "O15", "M-1")
    assert (msh.text(2, 1), msh.text(2, 2), msh.text(2, repetition=2)) == ("^~\\&", None, None)
    assert msh.value(2).unknown_escapes == ()
    assert (msh.repetitions(1), msh.repetitions(2)) == (range(1, 2), range(1, 2))
    assert msh.fields == range(1, 19)


def test_repetitions_and_subcomponents_are_counted_from_one():
    order = Message.parse(ORDER)
    pid, tq1 = order.first("PID"), order.first("TQ1")
    assert [pid.text(3, 1, repetition=n) for n in pid.repetitions(3)] == ["4711", "99"]
    assert pid.text(3, 4, 2, repetition=1) == "1.2.3"
    assert [(tq1.text(13, 1, repetition=n), tq1.text(13, 2, 1, repetition=n)) for n in tq1.repetitions(13)] == [
        ("2", "264384"),
        ("45", "264352"),
    ]


def test_a_second_dose_in_one_field_is_never_dropped_in_silence():
    give = Message.parse(f"{header()}\rRXG|1~2|5^6|a&b|7\\S\\8|~9\r".encode()).first("RXG")
    assert (give.text(1), give.text(2), give.text(3), give.text(5)) == ("1~2", "5^6", "a&b", "~9")
    assert give.text(1, component=1) == "1~2"  # which of the two repetitions is not said
    assert all(give.value(field).compound for field in (1, 2, 3, 5))
    assert give.text(4) == "7^8"
    assert not give.value(4).compound


def test_delimiters_that_end_a_value_add_nothing_to_it():
    give = Message.parse(f"{header()}\rRXG|5^^|6~|7&|8^~&|^^~|9\r".encode()).first("RXG")
    assert [give.text(field) for field in give.fields] == ["5", "6", "7", "8", "", "9"]
    assert [give.text(field, 1, 1) for field in give.fields] == ["5", "6", "7", "8", "", "9"]
    assert [len(give.repetitions(field)) for field in give.fields] == [1, 1, 1, 1, 0, 1]
    assert give.value(5).presence is Presence.EMPTY
    assert give.raw(1) == "5^^"


def test_absent_empty_null_and_a_value_are_four_things():
    give = Message.parse(ORDER).first("RXG")
    assert (give.value(99).presence, give.text(99), give.raw(99)) == (Presence.ABSENT, None, None)
    assert (give.value(5).presence, give.text(5)) == (Presence.EMPTY, "")
    assert (give.value(6).presence, give.text(6)) == (Presence.NULL, '""')
    assert (give.value(15).presence, give.text(15)) == (Presence.VALUE, "5")
    assert (give.value(4, 9).presence, give.value(15, 1, 2).presence, give.value(15, repetition=2).presence) == (Presence.ABSENT,) * 3


def test_two_quotes_that_are_a_text_are_not_hl7s_null():
    assert note("\\X2222\\").value(3).presence is Presence.VALUE
    assert note("\\X2222\\").text(3) == '""'


def test_a_segment_that_was_not_sent_is_falsy_and_everything_in_it_absent():
    order = Message.parse(ORDER)
    for absent in (order.first("NTE"), order.segment("OBX", 3), order.segment("MSH", 2)):
        assert not absent
        assert (absent.text(1), absent.raw(2, 1), absent.value(3).presence) == (None, None, Presence.ABSENT)
        assert (len(absent.fields), len(absent.repetitions(1)), absent.number, absent.sent) == (0, 0, 0, None)
    assert order.all("NTE") == ()
    assert order.first("PID")


def test_a_finding_can_name_every_place():
    order = Message.parse(ORDER)
    pid, weight = order.first("PID"), order.segment("OBX", 2)
    assert order.first("RXG").place(15) == "RXG-15"
    assert order.first("RXG").place(16, 2) == "RXG-16.2"
    assert order.first("RXG").place(16, 2, repetition=1) == "RXG-16.2"
    assert weight.place(5) == "OBX[2]-5"
    assert order.first("OBX").place(18, 1) == "OBX[1]-18.1"
    assert pid.place(3, 4, 2, repetition=2) == "PID-3(2).4.2"
    assert pid.value(3, 4, repetition=1).place == "PID-3(1).4"
    assert order.first("NTE").place(3) == "NTE-3"
    assert pid.place(9, repetition=2) == "PID-9(2)"
    assert weight.place() == "OBX[2]"


@pytest.mark.parametrize(
    ("field", "path"),
    [(0, {}), (-1, {}), (3, {"component": 0}), (3, {"repetition": 0}), (3, {"component": 1, "subcomponent": 0}), (99, {"component": -1})],
)
def test_counting_from_nought_is_a_mistake_of_the_caller(field: int, path: dict[str, int]):
    with pytest.raises(ValueError, match="from 1"):
        Message.parse(ORDER).first("PID").text(field, **path)


def test_a_subcomponent_needs_its_component_and_an_occurrence_counts_from_one():
    order = Message.parse(ORDER)
    with pytest.raises(ValueError, match="component"):
        order.first("PID").text(3, subcomponent=1)
    with pytest.raises(ValueError, match="from 1"):
        order.segment("PID", 0)


def test_what_is_printed_of_a_message_names_no_patient():
    order = Message.parse(ORDER)
    assert "Muster" not in repr(order) + "".join(repr(segment) for segment in order)


# ---------------------------------------------------------------- delimiters


def test_the_message_chooses_its_delimiters():
    order = Message.parse(b"MSH$*!/%$A$B\rPID$$$4711***W%1.2!99$|~^&\\$5/F/6/T/7\r")
    pid = order.first("PID")
    assert (pid.text(3, 4, 2, repetition=1), pid.text(3, 1, repetition=2), pid.text(4), pid.text(5)) == ("1.2", "99", "|~^&\\", "5$6%7")


def test_a_delimiter_that_msh_2_leaves_out_is_plain_text():
    assert note("a&b\\T\\", encoding="^~\\").value(3).unknown_escapes == ("\\T\\",)
    assert note("a&b", encoding="^~\\").text(3, 1, 1) == "a&b"
    assert note("a\\F\\b", encoding="^~").text(3) == "a\\F\\b"
    assert note("a~b", encoding="^").text(3, 1) == "a~b"


def test_a_text_that_its_sender_has_cut_off_says_so():
    assert note("Norepineph#", encoding="^~\\&#").value(3).truncated
    assert note("Norepineph#", encoding="^~\\&#").text(3) == "Norepineph#"
    assert not note("bed \\P\\", encoding="^~\\&#").value(3).truncated
    assert note("bed \\P\\", encoding="^~\\&#").text(3) == "bed #"
    assert not note("Norepineph#").value(3).truncated


@pytest.mark.parametrize(
    "start",
    [
        "MSH",
        "MSH|",
        "MSH||A",
        "MSH|^~\\&#!|A",
        "MSH|^^\\&|A",
        "MSH|^|\r",
        "MSHA^~\\&A",
        "MSH |~\\& A",
        'MSH|^~"&|A',
        "MSH|^~.&|A",
        "MSH|^~\xe9&|A",
    ],
)
@pytest.mark.requirement("SR-53")
def test_sr_53_delimiters_that_cannot_delimit_are_refused(start: str):
    if start == "MSH|^|\r":
        assert Message.parse(start.encode("latin-1")).delimiters == Delimiters.of("|", "^")  # the least there is
        return
    error = refusal(start.encode("latin-1"))
    assert (error.reason, error.place[:4]) == (Reason.DELIMITERS, "MSH-")


# ---------------------------------------------------------------- line ends


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("tail", ["", "end", "end and blank lines"])
def test_segments_may_end_with_cr_lf_or_crlf_and_the_last_with_nothing(end: str, tail: str):
    data = ORDER.replace(b"\r", end.encode()) + {"": "", "end": end, "end and blank lines": end + "\r\n\n"}[tail].encode()
    order = Message.parse(data)
    assert order.raw == data
    assert [segment.sent for segment in order] == [segment.sent for segment in Message.parse(ORDER)]


@pytest.mark.parametrize(("end", "stray"), [("\r", "\n"), ("\r", "\r\n"), ("\n", "\r"), ("\n", "\r\n"), ("\r\n", "\n"), ("\r\n", "\r")])
def test_sr_53_a_line_break_inside_a_field_cannot_make_a_segment(end: str, stray: str):
    weight = "OBX|3|NM|68063^MDC_ATTR_PT_WEIGHT^MDC||8.15|263875^MDC_DIM_KILO_G^MDC"
    data = ORDER.replace(b"\r", end.encode()) + f"{end}NTE|1||give slowly{stray}{weight}{end}".encode()
    assert refusal(data).reason is Reason.MIXED_LINE_ENDS


def test_sr_53_a_blank_line_within_a_message_is_refused():
    assert (refusal(ORDER.replace(b"\rORC", b"\r\rORC")).reason, refusal(ORDER.replace(b"\rORC", b"\r\rORC")).place) == (
        Reason.SEGMENT_NAME,
        "line 3",
    )


# ---------------------------------------------------------------- character sets


def test_texts_are_read_in_the_character_set_of_msh_18():
    assert note("Größe µg", "UNICODE UTF-8").text(3) == "Größe µg"
    assert note("Größe µg", "8859/1").text(3) == "Größe µg"
    assert note("Dávka 5 mg ž", "8859/2").text(3) == "Dávka 5 mg ž"
    assert note("5 €", "8859/15").text(3) == "5 €"
    assert note("no accent").text(3) == "no accent"


def test_the_first_repetition_of_msh_18_is_the_character_set():
    assert Message.parse(f"{header('UNICODE UTF-8~ISO IR87')}\rNTE|1||é\r".encode()).charset is UTF_8
    assert Message.parse(header("ISO IR6").encode()).charset is ASCII
    assert Message.parse(b"MSH|^~/&||||||||||||||||8859/1").charset.name == "8859/1"  # its own escape character is in the name
    assert Message.parse(b"MSH|^~/&||||||||||||||||8859/E/1").charset.name == "8859/1"


@pytest.mark.parametrize("name", ["UNICODE UTF-16", "UNICODE UTF-32", "UNICODE", "ISO IR87", "GB 18030-2000", "BIG-5"])
def test_sr_53_a_character_set_that_er7_cannot_carry_is_refused_by_name(name: str):
    error = refusal(header(name).encode())
    assert (error.reason, error.place) == (Reason.CHARSET_NOT_CARRIED, "MSH-18")
    assert name in error.detail


@pytest.mark.parametrize("name", ["8859/12", "8859/16", "Latin1", "unicode utf-8", " ASCII", "Muster^Maxi"])
def test_sr_53_an_unknown_character_set_is_refused_and_not_quoted(name: str):
    error = refusal(header(name).encode())
    assert (error.reason, error.place) == (Reason.CHARSET_NOT_CARRIED, "MSH-18")
    assert name.strip() not in str(error)


@pytest.mark.parametrize(
    ("charset", "name", "place"),
    [
        ("", "Größe".encode(), "PID-5"),
        ("ASCII", "Größe".encode("latin-1"), "PID-5"),
        ("UNICODE UTF-8", "Größe".encode("latin-1"), "PID-5"),
        ("8859/6", b"\xa1", "PID-5"),  # unassigned in this part
        ("8859/1", "“ICU”".encode("cp1252"), "PID-5"),  # Windows-1252 under another name
        ("UNICODE UTF-8", "a\x85b".encode(), "PID-5"),
    ],
)
def test_sr_53_bytes_that_contradict_msh_18_are_refused_with_the_field(charset: str, name: bytes, place: str):
    error = refusal(header(charset).encode() + b"\rPID|||1||" + name + b"||\r")
    assert (error.reason, error.place) == (Reason.CHARSET_CONTRADICTED, place)


def test_sr_53_the_field_of_a_wrong_byte_is_named_in_any_segment():
    assert refusal(header("").replace("|B|", "|\xe9|").encode("latin-1")).place == "MSH-4"
    assert refusal(ORDER + b"\rOBX|3|ST|x||\xe9\r").place == "OBX[3]-5"
    assert refusal(ORDER.replace(b"PUMP9", b"PUMP\xe9")).place == "OBX[1]-18"
    assert refusal(ORDER.replace(b"\r", b"\r\n").replace(b"N42", b"N\xe9")).place == "ORC-19"
    assert refusal(ORDER + b"\r\xe9BX|3\r").place == "line 8"


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("control", [0x00, 0x0B, 0x1C, 0x1B, 0x09, 0x0C, 0x7F])
@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_sec_24_control_characters_and_mllp_bytes_are_refused(control: int):
    error = refusal(ORDER.replace(b"O-77", b"O-" + bytes([control]) + b"77"))
    assert (error.reason, error.place) == (Reason.CONTROL_CHARACTER, "ORC-2")
    assert f"0x{control:02X}" in error.detail


@pytest.mark.parametrize("line", ["obx|1", "OB", "OB|1", "1BX|1", "OBXX|1", "OBX^1", "Maxi Muster", "ÖBX|1"])
def test_sr_53_a_line_that_does_not_begin_with_a_segment_name_is_named(line: str):
    data = f"{header('UNICODE UTF-8')}\rPID|||1\r{line}\rORC|RE\r".encode()
    error = refusal(data)
    assert (error.reason, error.place) == (Reason.SEGMENT_NAME, "line 3")
    assert "Muster" not in str(error)


def test_a_segment_name_alone_is_a_segment_without_fields():
    assert len(Message.parse(f"{header()}\rZA1\r".encode()).first("ZA1").fields) == 0


@pytest.mark.parametrize("second", ["MSH", "BHS", "FHS"])
def test_sr_53_two_messages_in_one_are_refused(second: str):
    error = refusal(ORDER + f"\r{second}|^~\\&|A\r".encode())
    assert (error.reason, error.place) == (Reason.SECOND_HEADER, "line 8")


@pytest.mark.parametrize(
    "start", [b"PID|||1\r", b"BHS|^~\\&|\r", b"\xef\xbb\xbf", b"\r", b" ", b"\x0b", "\ufeff".encode("utf-16-be"), b"M"]
)
def test_sr_53_what_does_not_begin_with_msh_is_no_message(start: bytes):
    assert refusal(start + ORDER).reason is Reason.NO_HEADER


def test_sr_53_a_message_in_utf_16_is_refused():
    assert refusal(ORDER.decode().encode("utf-16-le")).reason is Reason.NO_HEADER


def test_no_bytes_are_no_message():
    assert refusal(b"").reason is Reason.EMPTY


def test_sec_24_sizes_are_bounded():
    assert refusal(ORDER, max_bytes=len(ORDER) - 1).reason is Reason.TOO_LARGE
    assert refusal(ORDER, max_segments=6).reason is Reason.TOO_MANY_SEGMENTS
    assert len(Message.parse(ORDER, max_bytes=len(ORDER), max_segments=7).segments) == 7
    assert refusal(ORDER + b"\r" + b"Z" * 300_000).reason is Reason.TOO_LARGE
    assert refusal(ORDER + b"\rZZZ" * 2_000).reason is Reason.TOO_MANY_SEGMENTS


def test_an_error_carries_its_reason_and_place_across_processes():
    error = refusal(ORDER + b"\rOBX|3|ST|x||\xe9\r")
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, again.place, str(again)) == (error.reason, error.place, str(error))
    assert isinstance(error, Er7Error)
    assert isinstance(error, ValueError)


# ---------------------------------------------------------------- escapes


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\"),
        ("\\E\\F\\E\\", "\\F\\"),
        ("one\\.br\\two", "one\ntwo"),
        ("\\X0D\\\\X0A\\\\X09\\", "\r\n\t"),
        ("\\X41\\\\X4243\\", "ABC"),
        ("\\X7C5E\\", "|^"),
    ],
)
def test_escapes_are_decoded_when_a_leaf_is_read(sent: str, text: str):
    value = note(sent).value(3)
    assert (value.text, value.sent, value.unknown_escapes) == (text, sent, ())
    assert note(sent).text(3) == text


@pytest.mark.parametrize(
    ("charset", "sent", "text"),
    [
        ("UNICODE UTF-8", "\\XC2B5\\g", "µg"),
        ("UNICODE UTF-8", "\\XC2\\\\XB5\\g", "µg"),  # one character spread over two sequences
        ("UNICODE UTF-8", "\\xc2b5\\", "\\xc2b5\\"),
        ("UNICODE UTF-8", "\\Xc2b5\\", "µ"),
        ("8859/1", "\\XB5\\g", "µg"),
        ("8859/5", "\\XB5\\", "Е"),
    ],
)
def test_hexadecimal_is_bytes_of_the_messages_character_set(charset: str, sent: str, text: str):
    assert note(sent, charset).text(3) == text


@pytest.mark.parametrize(
    "unknown",
    [
        "\\Z01\\",
        "\\C2842\\",
        "\\M284242\\",
        "\\H\\",
        "\\N\\",
        "\\.sp3\\",
        "\\.ce\\",
        "\\f\\",
        "\\\\",
        "\\P\\",
        "\\X4\\",
        "\\XZZ\\",
        "\\X\\",
        "\\XB5\\",
        "\\X00\\",
        "\\X0B\\",
        "\\X4100\\",
    ],
)
def test_sr_53_an_escape_that_cannot_be_decoded_stays_in_the_text_and_is_listed(unknown: str):
    value = note(f"5 {unknown} mg").value(3)
    assert value.text == f"5 {unknown} mg"
    assert note(f"5 {unknown} mg").text(3) == value.text
    assert value.unknown_escapes == (unknown,)


def test_an_escape_without_its_end_stays_in_the_text():
    assert note("C:\\temp").value(3).unknown_escapes == ("\\temp",)
    assert note("a\\S\\C:\\temp").value(3).text == "a^C:\\temp"


# ---------------------------------------------------------------- writing


def test_an_acknowledgement_is_written():
    data = Builder().add("MSH", {3: "GATEWAY", 9: ("ACK", "O15", "ACK"), 10: "2", 12: "2.6"}).add("MSA", {1: "CA", 2: "M-1"}).encode()
    assert data == b"MSH|^~\\&|GATEWAY||||||ACK^O15^ACK|2||2.6||||||ASCII\rMSA|CA|M-1\r"


def test_repetitions_components_and_subcomponents_are_written_and_empty_ends_are_not():
    fields: dict[int, Field] = {3: [("4711", None, "", ("W", "1.2", "")), "99", ("", "")], 5: NULL, 7: ('""', "|^~\\&"), 9: "", 8: ()}
    line = Builder().add("MSH", {}).add("PID", fields).encode().split(b"\r")[1]
    assert line == b'PID|||4711^^^W&1.2~99||""||\\X2222\\^\\F\\\\S\\\\R\\\\E\\\\T\\||'


@pytest.mark.parametrize(
    ("text", "charset", "reason"),
    [
        ("µg", ASCII, Reason.NOT_IN_CHARSET),
        ("€", CARRIED["8859/1"], Reason.NOT_IN_CHARSET),
        ("\ud800", UTF_8, Reason.NOT_IN_CHARSET),
        ("a\x0bb", UTF_8, Reason.CONTROL_CHARACTER),
        ("a\x85b", UTF_8, Reason.CONTROL_CHARACTER),
        ("a\x00b", ASCII, Reason.CONTROL_CHARACTER),
    ],
)
def test_a_text_that_no_receiver_would_read_back_is_not_written(text: str, charset: Charset, reason: Reason):
    with pytest.raises(Unwritable) as caught:
        Builder(charset=charset).add("MSH", {}).add("ERR", {5: ("9010", ("x", text))})
    assert (caught.value.reason, caught.value.place) == (reason, "ERR-5.2.2")


@pytest.mark.parametrize(("encoding", "value"), [("^~", "a|b"), ("^~", '""'), ("^~", "a\nb"), ("^", ["a", "b"]), ("^~\\", (("a", "b"),))])
def test_what_needs_a_delimiter_that_the_message_has_not_is_not_written(encoding: str, value: Field):
    with pytest.raises(Unwritable) as caught:
        Builder(delimiters=Delimiters.of("|", encoding)).add("MSH", {}).add("NTE", {3: value})
    assert caught.value.reason is Reason.NO_DELIMITER


def test_a_message_is_built_from_its_header_on():
    with pytest.raises(ValueError, match="MSH"):
        Builder().add("PID", {3: "1"})
    with pytest.raises(ValueError, match="header"):
        Builder().add("MSH", {}).add("MSH", {})
    with pytest.raises(ValueError, match="header"):
        Builder().add("MSH", {}).add("BHS", {})
    with pytest.raises(ValueError, match="name"):
        Builder().add("MSH", {}).add("pid", {})
    with pytest.raises(ValueError, match="from 1"):
        Builder().add("MSH", {}).add("PID", {0: "PID"})
    with pytest.raises(ValueError, match="MSH-18"):
        Builder().add("MSH", {18: "UNICODE UTF-8"})
    with pytest.raises(ValueError, match="at least"):
        Builder().encode()


# ---------------------------------------------------------------- what holds for every message

CHARSETS = st.sampled_from(sorted({*CARRIED.values()}, key=lambda charset: charset.name))
BEYOND_ASCII: dict[str, st.SearchStrategy[str]] = {
    charset.name: st.sampled_from(bytes(range(0xA0, 0x100)).decode(charset.codec, "ignore") or "x") for charset in CARRIED.values()
} | {UTF_8.name: st.characters(min_codepoint=0xA0, exclude_categories=["Cs"])}
DELIMITER_TEXTS = st.permutations("|^~\\&#$%!*/:;<>=+-_").map("".join)


@st.composite
def delimiters(draw: st.DrawFn) -> Delimiters:
    """Usual and unusual delimiters, always with an escape character and one for every level."""
    if draw(st.booleans()):
        return STANDARD
    marks = draw(DELIMITER_TEXTS)
    return Delimiters.of(marks[0], marks[1 : draw(st.sampled_from([5, 6]))])


@st.composite
def manners(draw: st.DrawFn) -> tuple[Delimiters, Charset]:
    return draw(delimiters()), draw(CHARSETS)


def texts(charset: Charset) -> st.SearchStrategy[str]:
    """Texts that a message in ``charset`` can hold, thick with what could be mistaken for structure."""
    hazards = st.sampled_from(['"', '""', "|", "^", "~", "\\", "&", "#", "X41", "\\E", ".br", "\r", "\n", "\t", "PID|||1", " ", "5"])
    return st.lists(hazards | BEYOND_ASCII[charset.name], max_size=5).map("".join)


def leaves(charset: Charset) -> st.SearchStrategy[str | Null | None]:
    return st.none() | st.just(NULL) | texts(charset)


@st.composite
def built(draw: st.DrawFn) -> tuple[bytes, list[dict[tuple[int, int, int, int], str | Null]], list[str]]:
    """A message from the builder; and for each segment what was written, by (field, repetition, component, subcomponent)."""
    marks, charset = draw(manners())
    leaf = leaves(charset)
    component = leaf | st.lists(leaf, max_size=2).map(tuple)
    repetition = leaf | st.lists(component, max_size=3).map(tuple)
    field = repetition | st.lists(repetition, max_size=3)
    builder = Builder(delimiters=marks, charset=charset)
    names = ["MSH", *draw(st.lists(st.sampled_from(["PID", "OBX", "ZX9"]), max_size=3))]
    written = []
    for name in names:
        numbers = st.integers(3, 17) if name == "MSH" else st.integers(1, 20)
        fields = draw(st.dictionaries(numbers, field, max_size=3))
        builder.add(name, fields)
        held = {}
        for number, value in fields.items():
            for r, repeated in enumerate(value if isinstance(value, list) else [value], 1):
                for c, part in enumerate(repeated if isinstance(repeated, tuple) else [repeated], 1):
                    for s, end in enumerate(part if isinstance(part, tuple) else [part], 1):
                        if end:
                            held[number, r, c, s] = end
        written.append(held)
    return builder.encode(), written, names


def paths(segment: Segment) -> Iterator[tuple[int, int, int, int]]:
    """Every leaf of a segment, found by asking until the answer is absent."""
    for f in segment.fields:
        for r in segment.repetitions(f):
            c = 1
            while segment.raw(f, c, repetition=r) is not None:
                s = 1
                while segment.raw(f, c, s, repetition=r) is not None:
                    yield f, r, c, s
                    s += 1
                c += 1


@given(built())
@pytest.mark.requirement("SR-53")
def test_sr_53_a_written_message_is_read_back_exactly(message: tuple[bytes, list[dict[tuple[int, int, int, int], str | Null]], list[str]]):
    data, written, names = message
    read = Message.parse(data)
    assert [segment.name for segment in read] == names
    assert read.raw == data
    for segment, held in zip(read, written, strict=True):
        found: dict[tuple[int, int, int, int], str | Null] = {}
        for f, r, c, s in paths(segment):
            value = segment.value(f, c, s, repetition=r)
            assert not value.unknown_escapes
            assert not value.truncated
            assert not value.compound
            if value.presence is Presence.NULL:
                found[f, r, c, s] = NULL
            elif value.presence is Presence.VALUE and not (segment.name == "MSH" and f in (1, 2, 18)):
                assert value.text is not None
                found[f, r, c, s] = value.text
        assert found == held


@given(manners(), st.data())
def test_sr_53_an_escaped_text_is_one_leaf_and_unescapes_to_itself(manner: tuple[Delimiters, Charset], data: st.DataObject):
    marks, charset = manner
    text = data.draw(texts(charset))
    leaf = escape(text, marks, charset, "NTE-3")
    assert unescape(leaf, marks, charset) == (text, ())
    assert not set(leaf) & {marks.field, *marks.inner, "\r", "\n"}


def parsed(data: bytes) -> Message | Unreadable:
    try:
        return Message.parse(data)
    except Unreadable as error:
        return error


def read_everything(message: Message) -> None:
    """Reads all there is in every way there is, and checks that nothing is lost on the way."""
    field_mark = message.delimiters.field
    for segment in message:
        fields = [segment.raw(number) or "" for number in segment.fields]
        rejoined = field_mark.join([segment.name, *(fields[1:] if segment.name == "MSH" else fields)])
        assert rejoined == segment.sent
        for number in segment.fields:
            whole = segment.value(number)
            assert segment.text(number) == whole.text
            assert whole.presence is not Presence.ABSENT
            assert segment.text(number, 1) is not None
            assert segment.text(number, repetition=1) is not None
        for f, r, c, s in paths(segment):
            value = segment.value(f, c, s, repetition=r)
            assert (value.text, value.sent) == (segment.text(f, c, s, repetition=r), segment.raw(f, c, s, repetition=r))
            assert value.text is not None
            assert all(unknown in value.text for unknown in value.unknown_escapes)
    assert sum(len(message.all(name)) for name in {segment.name for segment in message}) == len(message.segments)


MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, len(ORDER)),
        st.integers(0, 4),
        st.binary(max_size=4) | st.sampled_from([b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n", b'""', b"\rMSH|"]),
    ),
    min_size=1,
    max_size=4,
)


def mutated(mutations: list[tuple[int, int, bytes]]) -> bytes:
    data = ORDER
    for at, removed, inserted in mutations:
        data = data[:at] + inserted + data[at + removed :]
    return data


@given(
    st.binary(max_size=60)
    | st.binary(max_size=60).map(lambda tail: b"MSH|^~\\&|" + tail)
    | st.binary(max_size=12).map(lambda tail: b"MSH" + tail)
    | MUTATIONS.map(mutated)
)
@example(b"MSH|^~\\&\r")
@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_sec_24_any_bytes_are_a_message_or_unreadable_and_nothing_else(data: bytes):
    outcome = parsed(data)
    if isinstance(outcome, Unreadable):
        event(f"unreadable: {outcome.reason}")
        assert outcome.place
        assert "Muster" not in str(outcome)
        return
    message = outcome
    event("readable")
    assert message.raw == data
    lines = [segment.sent or "" for segment in message]
    assert any(end.join(lines).encode(message.charset.codec) == data.rstrip(b"\r\n") for end in ("\r", "\n", "\r\n"))
    read_everything(message)


@given(st.text(alphabet="\\XFSTRE.br4C2zZ5&~^", max_size=20), st.sampled_from(["", "UNICODE UTF-8", "8859/1"]))
@pytest.mark.requirement("SR-53", "SEC-24")
def test_sr_53_sec_24_any_escape_is_read_without_an_error_or_a_loss(text: str, charset: str):
    segment = note(text, charset)
    assert segment.raw(3) == text
    read_everything(Message.parse(f"{header(charset)}\rNTE|1||{text}\r".encode()))
