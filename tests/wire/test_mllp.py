"""MLLP framing: what comes in any pieces is the same frames, and nothing that is not one message is taken for one."""

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from interop.wire.hl7v2.mllp import HEAD_BYTES, Broken, Deframer, Fault, Unframeable, frame

ORDER = b"MSH|^~\\&|BEDSIDE||GATEWAY||20260302101500+0100||RGV^O15^RGV_O15|M-1|P|2.6\rRXG|1|||NOR1\r"
START, END, CR = b"\x0b", b"\x1c", b"\r"


def frames_of(*pieces: bytes, max_bytes: int = 1 << 20) -> tuple[list[bytes | Broken], Deframer]:
    deframer = Deframer(max_bytes=max_bytes)
    got: list[bytes | Broken] = []
    for piece in pieces:
        deframer.feed(piece)
        while (one := deframer.next_frame()) is not None:
            got.append(one)
    return got, deframer


def singly(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


# ---------------------------------------------------------------- frames


def test_a_message_in_a_frame_comes_out_as_it_went_in():
    assert frame(ORDER) == START + ORDER + END + CR
    assert frames_of(frame(ORDER))[0] == [ORDER]


def test_a_message_that_comes_byte_by_byte_is_the_same_message():
    assert frames_of(*singly(frame(ORDER)))[0] == [ORDER]


def test_many_messages_in_one_piece_come_out_one_by_one_in_their_order():
    assert frames_of(frame(b"MSH|1") + frame(b"MSH|2") + frame(b"MSH|3"))[0] == [b"MSH|1", b"MSH|2", b"MSH|3"]


def test_a_message_without_a_return_before_its_end_is_whole():
    assert frames_of(frame(ORDER.rstrip(b"\r")))[0] == [ORDER.rstrip(b"\r")]


def test_an_empty_frame_is_a_frame():
    assert frames_of(frame(b""))[0] == [b""]


def test_nothing_is_given_before_the_end_has_come():
    got, deframer = frames_of(START + ORDER + END)
    assert got == []
    assert deframer.in_frame
    deframer.feed(CR)
    assert deframer.next_frame() == ORDER
    assert not deframer.in_frame


@pytest.mark.parametrize("byte", [START, END])
def test_a_text_that_holds_a_byte_of_the_framing_is_not_framed(byte: bytes):
    with pytest.raises(Unframeable):
        frame(b"MSH|" + byte)


def test_a_frame_has_room_for_something():
    with pytest.raises(ValueError, match="at least one byte"):
        Deframer(max_bytes=0)


# ---------------------------------------------------------------- what is no message


def test_sr_53_garbage_before_and_between_frames_is_dropped_and_counted():
    got, deframer = frames_of(b"GET / HTTP/1.1\r\n" + frame(ORDER) + b"\n\x1c\r" + frame(ORDER) + b"bye")
    assert got == [ORDER, ORDER]
    assert deframer.garbage_bytes == 16 + 3 + 3


def test_sr_53_an_end_without_its_return_does_not_cut_a_message_in_two():
    (broken,), _ = frames_of(START + b"MSH|half of an order" + END + b"the other half" + END + CR)
    assert isinstance(broken, Broken)
    assert (broken.fault, broken.size) == (Fault.END_WITHIN, 35)


def test_sr_53_two_ends_and_a_return_are_not_an_end_of_the_first():
    (broken,), _ = frames_of(START + b"MSH|" + END + END + CR)
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.END_WITHIN


def test_sec_24_a_text_that_looks_like_a_frame_does_not_become_an_order():
    text = b"NTE|1||please read\x0bMSH|^~\\&|BEDSIDE||GATEWAY||20260302101500+0100||RGV^O15^RGV_O15|M-2|P|2.6\r"
    (broken, after), _ = frames_of(START + ORDER + text + END + CR + frame(ORDER))
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.START_WITHIN
    assert broken.head.startswith(b"MSH|^~\\&|BEDSIDE")
    assert after == ORDER


def test_a_frame_that_was_cut_off_takes_only_the_next_one_with_it():
    got, _ = frames_of(START + ORDER[:40] + frame(ORDER) + frame(ORDER))
    assert [type(each) for each in got] == [Broken, bytes]


def test_sec_24_a_frame_that_is_too_large_is_refused_and_the_next_one_is_read():
    (broken, after), _ = frames_of(frame(ORDER + b"x" * 5000), frame(b"MSH|small"), max_bytes=1000)
    assert broken == Broken(Fault.TOO_LARGE, (ORDER + b"x" * 5000)[:1000], len(ORDER) + 5000)
    assert after == b"MSH|small"


def test_the_largest_frame_is_read_and_one_byte_more_is_not():
    largest, more = frame(b"x" * 1000), frame(b"x" * 1001)
    for pieces in ([largest], singly(largest)):
        assert frames_of(*pieces, max_bytes=1000)[0] == [b"x" * 1000]
    for pieces in ([more], singly(more)):
        assert frames_of(*pieces, max_bytes=1000)[0] == [Broken(Fault.TOO_LARGE, b"x" * 1000, 1001)]


def test_sec_24_a_frame_without_end_is_not_kept():
    deframer = Deframer(max_bytes=1000)
    deframer.feed(START + ORDER)
    for _ in range(1000):
        deframer.feed(b"x" * 999 + END)
        assert deframer.next_frame() is None
        assert deframer.held_bytes <= 1000 + 1000
    deframer.feed(CR + frame(ORDER))
    broken = deframer.next_frame()
    assert isinstance(broken, Broken)
    assert (broken.fault, broken.size, len(broken.head)) == (Fault.TOO_LARGE, len(ORDER) + 1_000_000 - 1, 1000)
    assert deframer.next_frame() == ORDER


def test_of_a_large_refused_frame_only_the_beginning_is_kept():
    (broken,), _ = frames_of(START + b"x" * 100_000 + START + END + CR)
    assert isinstance(broken, Broken)
    assert len(broken.head) == HEAD_BYTES


def test_a_refused_frame_does_not_show_whose_it_is():
    assert "Muster" not in repr(Broken(Fault.TOO_LARGE, b"MSH|Muster", 10))


# ---------------------------------------------------------------- whatever the pieces


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:stop] for start, stop in zip([0, *at], [*at, len(data)], strict=True)]


# mostly the bytes that frame, so that every order of them comes up
streams = st.lists(st.sampled_from([START, END, CR, END + CR, b"\n", b"MSH|", b"x" * 9, b""]), max_size=40).map(b"".join)


@given(data=streams, cuts=st.lists(st.integers(0, 400), max_size=12), max_bytes=st.sampled_from([1, 5, 20, 400]))
@example(data=START + b"x" * 9 + END + CR, cuts=[10, 11], max_bytes=9)
@example(data=START + b"x" * 9 + END + b"x" + END + CR, cuts=[2, 11], max_bytes=5)
def test_sr_53_any_pieces_of_the_same_bytes_give_the_same_frames(data: bytes, cuts: list[int], max_bytes: int):
    whole, at_once = frames_of(data, max_bytes=max_bytes)
    for pieces in (pieces_of(data, cuts), singly(data)):
        in_pieces, deframer = frames_of(*pieces, max_bytes=max_bytes)
        assert in_pieces == whole
        assert deframer.garbage_bytes == at_once.garbage_bytes
        assert deframer.in_frame == at_once.in_frame
        assert deframer.held_bytes <= 2 * max_bytes + 1
    for each in whole:
        event(each.fault if isinstance(each, Broken) else "frame")
        if isinstance(each, bytes):
            assert START not in each
            assert END not in each
            assert len(each) <= max_bytes


@given(
    contents=st.lists(st.binary(max_size=60).map(lambda content: content.translate(None, START + END)), max_size=6),
    garbage=st.binary(max_size=10).map(lambda between: between.translate(None, START)),
    cuts=st.lists(st.integers(0, 600), max_size=12),
)
def test_every_message_that_was_framed_comes_out_whatever_stands_between(contents: list[bytes], garbage: bytes, cuts: list[int]):
    data = b"".join(garbage + frame(content) for content in contents)
    got, deframer = frames_of(*pieces_of(data, cuts))
    assert got == contents
    assert deframer.garbage_bytes == len(garbage) * len(contents)


class Counting(bytearray):
    """A buffer that counts how many bytes were searched."""

    searched = 0

    def find(self, sought: bytes, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(sought, start)
        self.searched += (len(self) if found < 0 else found + len(sought)) - start
        return found


def test_sec_24_the_work_grows_with_the_bytes_and_not_with_the_pieces():
    data = frame(ORDER + b"x" * 20_000) * 3
    for size in (1, 7, 4096):
        deframer = Deframer()
        counting = deframer._buffer = Counting()
        for at in range(0, len(data), size):
            deframer.feed(data[at : at + size])
            while deframer.next_frame() is not None:
                pass
        assert counting.searched <= 3 * len(data)
