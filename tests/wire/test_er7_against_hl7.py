"""Second opinions on the tokenizer: ``hl7`` 0.4.5 and ``hl7apy`` 1.3.5 must read the same, but for the faults of theirs that are listed here.

Every listed fault is asserted to be there still, so a new version that mends one makes its row fail and the row goes.
"""

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.wire.hl7v2.er7 import Message, Presence, Segment, Unreadable

SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "hl7"
SAMPLE_FILES = sorted(SAMPLES.glob("*.hl7"))

Leaves = dict[
    tuple[int, str, int, int, int, int], str
]  # (segment, name, field, repetition, component, subcomponent) → what holds something


def header(version: str = "2.5", encoding: str = "^~\\&", kind: str = "ORU^R01^ORU_R01") -> str:
    return f"MSH|{encoding}|A|B|C|D|20260302||{kind}|1|P|{version}"


def with_note(text: str, encoding: str = "^~\\&") -> str:
    return f"{header(encoding=encoding)}\rNTE|1||{text}\rZZZ|end\r"


def outcome_of(ask: object) -> object:
    """What a call gives, or the name of the exception it raises."""
    assert callable(ask)
    try:
        return ask()
    except Exception as error:  # these libraries raise whatever comes
        return type(error).__name__


# ---------------------------------------------------------------- how each reads a message


@pytest.fixture(autouse=True)
def _hl7_may_complain() -> Iterator[None]:
    """hl7 logs what it drops by a deprecated call; neither is what these tests look at."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield
    logging.disable(logging.NOTSET)


def our_paths(segment: Segment) -> Iterator[tuple[int, int, int, int]]:
    for f in segment.fields:
        for r in segment.repetitions(f):
            c = 1
            while segment.raw(f, c, repetition=r) is not None:
                s = 1
                while segment.raw(f, c, s, repetition=r) is not None:
                    yield f, r, c, s
                    s += 1
                c += 1


def our_leaves(message: Message, *, decoded: bool) -> Leaves:
    read: Leaves = {}
    for segment in message:
        for f, r, c, s in our_paths(segment):
            value = segment.value(f, c, s, repetition=r)
            held = value.text if decoded else value.sent
            if held:
                read[segment.number, segment.name, f, r, c, s] = held
    return read


def hl7_leaf(message: hl7.Message, place: tuple[int, str, int, int, int, int]) -> str:
    number, _, f, r, c, s = place
    return str(message[number - 1].extract_field(1, f, r, c, s)).replace("\r", "\n")


def hl7_size(message: hl7.Message) -> int:
    """How many leaves hold something: every branch of its tree down to a text."""

    def texts(node: object) -> int:
        return sum(map(texts, node)) if isinstance(node, list) else bool(node)

    return sum(map(texts, message)) - len(message)  # a segment's name is a text too


def hl7apy_leaves(message: object) -> tuple[Leaves, list[tuple[int, str]]]:
    """What it numbers; and (segment, text) of the fields that it does not, since its version of the standard ends before them."""
    read: Leaves = {}
    unnumbered = []
    for number, segment in enumerate(message.children, 1):  # type: ignore[attr-defined]
        if segment.name == "MSH":
            continue  # its MSH-2 is split nowhere; the test of the header reads it
        repetition: dict[int, int] = defaultdict(int)
        for field in segment.children:
            if field.name is None:
                unnumbered.append((number, field.to_er7()))
                continue
            f = int(field.name.rsplit("_", 1)[1])
            repetition[f] += 1
            for c, component in enumerate(field.children, 1):
                for s, subcomponent in enumerate(component.children, 1):
                    at = (number_in_name(component.name, c), number_in_name(subcomponent.name, s))
                    read[number, segment.name, f, repetition[f], *at] = subcomponent.to_er7()
    return {place: text for place, text in read.items() if text}, unnumbered


def assert_hl7apy_reads_the_same(message: Message, text: str) -> None:
    theirs, unnumbered = hl7apy_leaves(hl7apy_of(text))
    ours = {place: sent for place, sent in our_leaves(message, decoded=False).items() if place[1] != "MSH"}
    beyond = sorted({(place[0], place[2]) for place in ours.keys() - theirs.keys()})
    assert [(number, message.segments[number - 1].raw(field)) for number, field in beyond] == unnumbered
    assert theirs == {place: sent for place, sent in ours.items() if (place[0], place[2]) not in beyond}


def number_in_name(name: str | None, otherwise: int) -> int:
    """CWE_2 is the second; an element of a simple data type (ST) is counted as it comes."""
    number = (name or "").rpartition("_")[2]
    return int(number) if number.isdigit() else otherwise


def hl7apy_of(text: str, *, groups: bool = False) -> object:
    return parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=groups)


def hl7apy_rewrites(text: str, *, groups: bool = False) -> str:
    return str(hl7apy_of(text, groups=groups).to_er7())  # type: ignore[attr-defined]


# ---------------------------------------------------------------- messages other people wrote


@pytest.mark.skipif(not SAMPLE_FILES, reason="the folder of messages that other people wrote is not beside the repository")
@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: path.stem)
def test_a_message_that_others_wrote_is_read_as_both_libraries_read_it(path: Path):
    data = path.read_bytes()
    ours = Message.parse(data)
    assert ours.raw == data
    leaves = our_leaves(ours, decoded=True)

    theirs = hl7.parse(data.decode("ascii"))
    assert {place: hl7_leaf(theirs, place) for place in leaves} == leaves
    assert hl7_size(theirs) == len(leaves)
    assert str(theirs).encode("ascii") == data

    assert_hl7apy_reads_the_same(ours, data.decode("ascii"))


# ---------------------------------------------------------------- messages made up

PLAIN = st.text(alphabet="aZ09 .-µé", min_size=1, max_size=4).map(lambda text: f"x{text}x")
ESCAPED = st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\", "\\E\\", "a\\E\\S\\E\\b", "\\X41\\", "\\X7C\\b", "\\X0A\\x", '""'])


def joined(parts: st.SearchStrategy[str], delimiter: str, most: int) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=1, max_size=most).map(delimiter.join)


def sent_fields(leaf: st.SearchStrategy[str], delimiters: str = "^~\\&") -> st.SearchStrategy[str]:
    component = joined(leaf, delimiters[3], 3)
    return joined(joined(component, delimiters[0], 3), delimiters[1], 3)


@st.composite
def sent_messages(draw: st.DrawFn, delimiters: str = "|^~\\&") -> str:
    """A message in which every level of structure occurs, written by joining texts and by nothing of ours."""
    mark, encoding = delimiters[0], delimiters[1:]
    leaf = st.just("") | PLAIN | ESCAPED.map(lambda text: text.replace("\\", encoding[2]))
    lines = [mark.join(["MSH", encoding, "A", *[""] * 13, "", "UNICODE UTF-8"])]
    for name in draw(st.lists(st.sampled_from(["PID", "OBX", "ZX9"]), min_size=1, max_size=3)):
        lines.append(mark.join([name, *draw(st.lists(sent_fields(leaf, encoding), min_size=1, max_size=4)), "end"]))
    return "\r".join(lines) + "\r"


@pytest.mark.parametrize("delimiters", ["|^~\\&", "$*!:%", "#@;=,"])
@given(data=st.data())
def test_sr_53_made_up_messages_are_read_as_hl7_reads_them(delimiters: str, data: st.DataObject):
    text = data.draw(sent_messages(delimiters))
    ours, theirs = Message.parse(text.encode()), hl7.parse(text)
    leaves = our_leaves(ours, decoded=True)
    assert {place: hl7_leaf(theirs, place) for place in leaves} == leaves
    assert hl7_size(theirs) == len(leaves)
    assert str(theirs) == text


@st.composite
def sent_with_known_types(draw: st.DrawFn) -> str:
    """PID-3 (CX), PID-5 (XPN), OBX-3 (CE) and TQ1-13 (CQ): fields whose components hl7apy knows. No subcomponent where the type has none."""
    leaf = (
        st.just("")
        | st.text(alphabet="aZ09 .-µé", max_size=3).map(lambda text: f"x{text}x")
        | st.sampled_from(["\\F\\", "\\S\\", "\\T\\", "\\R\\"])
    )
    components = joined(leaf, "^", 3)
    lines = [
        header(),
        f"PID|||{draw(joined(joined(leaf, '^', 3) | st.just('4711^^^W&1.2&ISO^MR'), '~', 3))}||{draw(joined(components, '~', 2))}||end",
        f"OBX|1||{draw(components)}||{draw(joined(leaf, '~', 2))}|end",
        f"TQ1|1||||||||||||{draw(joined(st.just('2^264384&MDC_DIM_HR&MDC') | st.just('45') | st.just(''), '~', 3))}|end",
    ]
    return "\r".join(lines[: draw(st.integers(2, 4))]) + "\r"


@given(text=sent_with_known_types())
@settings(max_examples=25, deadline=None)  # hl7apy takes 20 ms a message
def test_sr_53_made_up_messages_are_read_as_hl7apy_reads_them(text: str):
    text = text.replace("|1|P|2.5", "|1|P|2.5||||||UNICODE UTF-8")
    assert_hl7apy_reads_the_same(Message.parse(text.encode()), text)


# ---------------------------------------------------------------- known faults of hl7 0.4.5

# what stands in NTE-3, what hl7 makes of it, what is right, why
HL7_READS_WRONGLY = [
    ("a\\Z01\\b", "ab", "a\\Z01\\b", "an escape of the site is dropped"),
    ("a\\C2842\\b", "ab", "a\\C2842\\b", "a change of character set is dropped with its character"),
    ("a\\M284242\\b", "ab", "a\\M284242\\b", "so is one of several bytes"),
    ("a\\\\b", "ab", "a\\\\b", "an empty escape is dropped"),
    ("a\\f\\b", "ab", "a\\f\\b", "an unknown escape is dropped"),
    ("a\\XZZ\\b", "ab", "a\\XZZ\\b", "hexadecimal that is none is dropped"),
    ("a\\X\\b", "ab", "a\\X\\b", "hexadecimal without digits is dropped"),
    ("a\\X4\\b", "a\x04b", "a\\X4\\b", "half a byte becomes a control character"),
    ("a\\X00\\b", "a\x00b", "a\\X00\\b", "NUL is let in by its escape"),
    ("\\XC2B5\\g", "Âµg", "µg", "bytes of UTF-8 are read one by one, as Latin-1"),
    ("C:\\temp", "C:", "C:\\temp", "what follows an unclosed escape is dropped"),
    ("\\H\\stop\\N\\", "_stop_", "\\H\\stop\\N\\", "highlighting becomes underlines"),
    ("a\\.sp2\\b", "a\r\rb", "a\\.sp2\\b", "formatting with a count is decoded where it means nothing (an ST)"),
    ("\\.spx\\", "ValueError", "\\.spx\\", "formatting with a wrong count raises"),
    ("5~10", "5", "5~10", "a second repetition is not seen unless asked for"),
    ("5^10", "5", "5^10", "nor is a second component"),
]


@pytest.mark.parametrize(("sent", "theirs", "right", "why"), HL7_READS_WRONGLY, ids=[row[3] for row in HL7_READS_WRONGLY])
def test_a_known_fault_of_hl7_is_there_still_and_is_not_ours(sent: str, theirs: str, right: str, why: str):
    text = with_note(sent).replace("|1|P|2.5", "|1|P|2.5||||||UNICODE UTF-8")
    assert outcome_of(lambda: hl7.parse(text).segment("NTE").extract_field(1, 3)) == theirs
    assert Message.parse(text.encode()).first("NTE").text(3) == right


# MSH-2, what stands in NTE-3, what hl7 finds in NTE-3.1.2 or NTE-3, what is right, why
HL7_INVENTS_DELIMITERS = [
    ("^~\\", "a&b", (1, 1, 2), "b", None, "a subcomponent separator that MSH-2 leaves out is supposed"),
    ("^~", "a\\F\\b", (1, 1, 1), "a|b", "a\\F\\b", "so is an escape character"),
    ("^~\\&#", "a\\P\\b", (1, 1, 1), "ab", "a#b", "the truncation character's escape is dropped"),
]


@pytest.mark.parametrize(
    ("encoding", "sent", "path", "theirs", "right", "why"), HL7_INVENTS_DELIMITERS, ids=[row[-1] for row in HL7_INVENTS_DELIMITERS]
)
def test_hl7_still_invents_delimiters_and_we_do_not(
    encoding: str, sent: str, path: tuple[int, int, int], theirs: str, right: str | None, why: str
):
    text, (r, c, s) = with_note(sent, encoding), path
    assert hl7.parse(text).segment("NTE").extract_field(1, 3, r, c, s) == theirs
    assert Message.parse(text.encode()).first("NTE").text(3, c, s, repetition=r) == right


# what is sent, what hl7 does with it; we refuse each
HL7_ACCEPTS_WRONGLY = [
    (f"{header()}\r{header()}\r", "two messages in one"),
    (f"{header()}\robx|1\r", "a segment's name in small letters"),
    (f"{header()}\rMaxi Muster\r", "a line that is no segment"),
    ("MSH|^^\\&|A\r", "the same character for two delimiters"),
    (f"{header()}\rPID|||\x0b47\x1c11\r", "bytes that frame MLLP"),
    (f"{header()}\rPID|||47\x0011\r", "NUL"),
    (f"{header()}\r\rPID|||1\r", "a blank line"),
    (f"{header()}\rNTE|1||slow\nOBX|3\r", "a line feed in a field of a message of carriage returns"),
]


@pytest.mark.parametrize(("text", "why"), HL7_ACCEPTS_WRONGLY, ids=[row[1] for row in HL7_ACCEPTS_WRONGLY])
def test_sr_53_hl7_still_accepts_what_we_refuse(text: str, why: str):
    assert isinstance(hl7.parse(text), hl7.Message)
    with pytest.raises(Unreadable):
        Message.parse(text.encode())


@pytest.mark.parametrize("text", ["MSH", "MSH|"])
def test_hl7_still_raises_an_indexerror_for_half_a_header(text: str):
    assert outcome_of(lambda: hl7.parse(text)) == "IndexError"
    assert outcome_of(lambda: Message.parse(text.encode())) == "Unreadable"


def test_hl7_still_finds_no_segments_between_line_feeds():
    text = with_note("slow").replace("\r", "\n")
    assert outcome_of(lambda: hl7.parse(text).segment("NTE")) == "KeyError"
    assert Message.parse(text.encode()).first("NTE").text(3) == "slow"


def test_hl7_still_strips_the_blanks_that_end_a_message():
    text = f"{header()}\rNTE|1||slow  "
    assert hl7.parse(text).segment("NTE").extract_field(1, 3) == "slow"
    assert Message.parse(text.encode()).first("NTE").text(3) == "slow  "


def test_hl7_still_writes_a_tab_and_a_euro_so_that_no_one_can_read_them():
    message = hl7.parse(header())
    assert (message.escape("\t"), message.escape("€")) == ("\\X 9\\", "\\X20ac\\")


def test_hl7_still_ignores_the_character_set_of_msh_18():
    data = f"{header()}||||||8859/1\rPID|||||Größe\r".encode("latin-1")
    assert outcome_of(lambda: hl7.parse(data)) == "UnicodeDecodeError"
    assert Message.parse(data).first("PID").text(5) == "Größe"


def test_hl7_still_raises_where_a_part_is_absent():
    message = hl7.parse(f"{header()}\rPID|||a^b\r")
    assert outcome_of(lambda: message.segment("TQ1")) == "KeyError"
    assert outcome_of(lambda: message.segment("PID").extract_field(1, 3, 2, 1)) == "IndexError"
    pid = Message.parse(f"{header()}\rPID|||a^b\r".encode()).first("PID")
    assert pid.value(3, 1, repetition=2).presence is Presence.ABSENT


# ---------------------------------------------------------------- known faults of hl7apy 1.3.5

# version, line as sent, line as hl7apy writes it again, why
HL7APY_REWRITES_WRONGLY = [
    ("2.6", "NTE|1||a\\X0D\\b", "NTE|1||a\\E\\X0D\\E\\b", "hexadecimal is escaped a second time"),
    ("2.6", "NTE|1||a\\.br\\b", "NTE|1||a\\E\\.br\\E\\b", "so is a new line"),
    ("2.6", "PID|||||||||||||^PRN^PH", "PID|||||||||||||PRN^PH", "in v2.6 an empty first component is lost, and the others move up"),
    (
        "2.8.1",
        "RXG|1|||D||||||||||||7|mg|9",
        "RXG|1|||D|||||||||||7|mg|9",
        "in v2.8.1 a field withdrawn from the standard is lost, and RXG-16 becomes RXG-15",
    ),
    ("2.8", "NTE|1||slow#", "NTE|1||slow\\L\\", "a truncation mark becomes an escape that does not exist"),
    ("2.6", "NTE|1||slow  ", "NTE|1||slow", "blanks that end a segment are stripped"),
]


@pytest.mark.parametrize(("version", "sent", "written", "why"), HL7APY_REWRITES_WRONGLY, ids=[row[3] for row in HL7APY_REWRITES_WRONGLY])
def test_a_known_fault_of_hl7apy_is_there_still_and_is_not_ours(version: str, sent: str, written: str, why: str):
    encoding = "^~\\&#" if sent.endswith("#") else "^~\\&"
    text = f"{header(version, encoding)}\r{sent}\r"
    assert hl7apy_rewrites(text).rstrip("\r").split("\r")[1] == written
    ours = Message.parse(text.encode())
    assert ours.raw == text.encode()
    segment = ours.segments[1]
    assert "|".join([segment.name, *(segment.raw(field) or "" for field in segment.fields)]) == sent


def test_hl7apy_still_does_not_number_a_field_beyond_its_version():
    text = f"{header('2.5')}\rNTE|1|||||||x\r"
    assert hl7apy_leaves(hl7apy_of(text))[1] == [(2, "x")]
    assert Message.parse(text.encode()).first("NTE").text(8) == "x"


def test_hl7apy_still_never_decodes_an_escape():
    assert hl7apy_of(with_note("a\\F\\b")).nte.nte_3.value == "a\\F\\b"  # type: ignore[attr-defined]
    assert Message.parse(with_note("a\\F\\b").encode()).first("NTE").text(3) == "a|b"


def test_hl7apy_still_drops_a_z_segment_at_the_end_when_it_groups():
    text = f"{header('2.6')}\rPID|||1\rZZZ|1|2\r"
    assert "ZZZ" not in hl7apy_rewrites(text, groups=True)
    assert Message.parse(text.encode()).first("ZZZ").text(2) == "2"


@pytest.mark.parametrize(("end", "error"), [("\r\n", "InvalidName"), ("\n", "UnsupportedVersion")])
def test_hl7apy_still_reads_no_message_with_line_feeds(end: str, error: str):
    text = f"{header()}\rPID|||1\r".replace("\r", end)
    assert outcome_of(lambda: hl7apy_of(text)) == error
    assert Message.parse(text.encode()).first("PID").text(3) == "1"
