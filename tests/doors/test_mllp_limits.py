"""The bounds of the MLLP door, and as whom a certificate may speak."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from interop.doors.mllp import Limits
from interop.doors.mllp_connection import Connection
from interop.doors.mllp_limits import SECOND_NS, Rate, Slots
from interop.doors.mllp_messages import Shared
from interop.doors.mllp_peer import DEMO_PEER, Bindings, Certificate, Peer, peer_of
from tests.clients.door import ByHand, Intake, StoppedClock

DEMO = Peer("127.0.0.1", None)


def shown_by(*names: str) -> Peer:
    return Peer("10.1.2.3", Certificate(frozenset(names), "f" * 64, datetime(2027, 1, 1, tzinfo=UTC)))


# ---------------------------------------------------------------- as whom


BINDINGS = Bindings.of({"DNS:ehr.example": [("BEDSIDE", "NORTH"), ("ADT", "*")], DEMO_PEER: [("EHR1", "DEMO")]})


@pytest.mark.parametrize(
    ("peer", "application", "facility", "may"),
    [
        (shown_by("DNS:ehr.example"), "BEDSIDE", "NORTH", True),
        (shown_by("CN:other", "DNS:ehr.example"), "BEDSIDE", "NORTH", True),
        (shown_by("DNS:ehr.example"), "BEDSIDE", "SOUTH", False),
        (shown_by("DNS:ehr.example"), "BEDSIDE", "", False),
        (shown_by("DNS:ehr.example"), "BEDSIDE", "*", False),
        (shown_by("DNS:ehr.example"), "ADT", "*", False),
        (shown_by("DNS:ehr.example"), "ADT", "ANYWHERE", True),
        (shown_by("DNS:ehr.example"), "ADT", "", True),
        (shown_by("DNS:ehr.example"), "bedside", "NORTH", False),
        (shown_by("DNS:ehr.example"), "BEDSIDE~ADT", "NORTH", False),
        (shown_by("DNS:ehr.example"), "", "NORTH", False),
        (shown_by("CN:ehr.example"), "BEDSIDE", "NORTH", False),
        (shown_by("DNS:EHR1"), "EHR1", "DEMO", False),
        (shown_by(), "BEDSIDE", "NORTH", False),
        (shown_by(), "EHR1", "DEMO", False),
        (DEMO, "EHR1", "DEMO", True),
        (DEMO, "BEDSIDE", "NORTH", False),
    ],
)
def test_sec_05_a_peer_speaks_only_for_what_its_certificate_is_bound_to(peer: Peer, application: str, facility: str, may: bool):
    assert BINDINGS.speaks_for(peer, application, facility) is may


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_sec_05_nobody_speaks_for_anybody_by_default(name: str, application: str, facility: str):
    allowed = {f"DNS:{name}": [(application or "A", facility)]}
    assert not Bindings.of({}).speaks_for(shown_by(f"DNS:{name}"), application, facility)
    assert not Bindings.of(allowed).speaks_for(shown_by(f"URI:{name}"), application, facility)
    assert not Bindings.of(allowed).speaks_for(DEMO, application, facility)


@pytest.mark.parametrize("allowed", [{"ehr.example": [("A", "B")]}, {"DNS:ehr": [("", "B")]}, {"DNS:ehr": [("*", "B")]}])
def test_a_binding_that_can_bind_nothing_is_an_error_in_it(allowed: dict[str, list[tuple[str, str]]]):
    with pytest.raises(ValueError, match="ehr"):
        Bindings.of(allowed)


class Shown:
    """What a transport says of a TLS connection."""

    def __init__(self, whole: bytes | None, parsed: dict[str, Any]) -> None:
        self._whole, self._parsed = whole, parsed
        self.aborted = False

    def get_extra_info(self, name: str) -> Any:
        return self if name == "ssl_object" else None

    def getpeercert(self, *, binary_form: bool = False) -> Any:
        return self._whole if binary_form else self._parsed

    def abort(self) -> None:
        self.aborted = True


NOT_AFTER = "Jan  1 00:00:00 2027 GMT"


def names(**parsed: Any) -> frozenset[str]:
    return peer_of(Shown(b"der", {"notAfter": NOT_AFTER, **parsed}), "10.1.2.3").names  # type: ignore[arg-type]


def test_sec_05_the_common_name_counts_only_where_there_is_no_other():
    subject = ((("countryName", "DE"),), (("commonName", "ehr"),))
    assert names(subject=subject) == {"CN:ehr"}
    assert names(subject=subject, subjectAltName=(("IP Address", "10.1.2.3"),)) == {"CN:ehr"}
    assert names(subject=subject, subjectAltName=(("DNS", "ehr.example"), ("URI", "urn:x"), ("email", "a@b"))) == {
        "DNS:ehr.example",
        "URI:urn:x",
    }
    assert names() == frozenset()


def test_sec_30_a_name_that_would_break_a_line_of_the_log_is_no_name():
    assert names(subject=((("commonName", "ehr\nroot logged in"),),)) == frozenset()
    assert names(subjectAltName=(("DNS", "x" * 300),)) == frozenset()


def test_sec_05_a_connection_with_tls_and_without_a_certificate_is_turned_away():
    told: list[tuple[str, ...]] = []
    shared = Shared(Intake(), Limits(), StoppedClock(), lambda: "1", ByHand(), lambda *incident: told.append(incident))
    transport = Shown(None, {})
    Connection(shared, "10.1.2.3").connection_made(transport)  # type: ignore[arg-type]
    assert transport.aborted
    assert (shared.tally.turned_away, shared.open) == (1, set())
    assert told == [("turned away", "10.1.2.3", "the client sent no certificate")]


def test_a_certificate_is_known_by_all_of_it():
    one, other = (peer_of(Shown(whole, {"notAfter": NOT_AFTER}), "10.1.2.3") for whole in (b"one", b"other"))  # type: ignore[arg-type]
    assert one.key != other.key
    assert one.certificate is not None
    assert one.certificate.not_after == datetime(2027, 1, 1, tzinfo=UTC)
    assert str(one) == "no name at 10.1.2.3"


# ---------------------------------------------------------------- how much


@pytest.mark.parametrize("bound", ["connections", "in_flight", "message_bytes", "messages_per_s", "burst", "idle_s", "frame_s", "answer_s"])
def test_sec_42_nothing_is_without_a_bound(bound: str):
    with pytest.raises(ValueError, match=bound):
        replace(Limits(), **{bound: 0})


def test_sec_42_one_peer_alone_cannot_take_all_there_is():
    with pytest.raises(ValueError, match="all connections"):
        replace(Limits(), connections_per_peer=256)
    with pytest.raises(ValueError, match="in flight"):
        replace(Limits(), in_flight_per_connection=32)


@given(
    per_s=st.integers(1, 5000),
    burst=st.integers(1, 50),
    steps=st.lists(st.integers(0, 2 * SECOND_NS), min_size=1, max_size=80),
)
def test_sec_42_no_peer_has_more_in_any_time_than_its_burst_and_its_rate(per_s: int, burst: int, steps: list[int]):
    rate = Rate(per_s, burst)
    now, taken = 5 * SECOND_NS, []
    for step in steps:
        now += step
        wait = rate.wait_ns(now)
        if wait:
            event("waits")
            assert rate.wait_ns(now + wait) == 0  # told when to come back, and then it may
            continue
        rate.take(now)
        taken.append(now)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            between = taken[last] - taken[first]
            assert last - first + 1 <= burst + between // (SECOND_NS // per_s)


def test_a_peer_that_rests_has_its_burst_again():
    rate = Rate(10, 2)
    for now in (0, 0):
        assert rate.wait_ns(now) == 0
        rate.take(now)
    assert (rate.wait_ns(0), rate.is_full(0)) == (SECOND_NS // 10, False)
    assert rate.is_full(SECOND_NS // 5)


def test_who_waits_for_a_slot_is_called_once_and_in_turn():
    slots, called = Slots(1), []
    waiting: list[Callable[[], None]] = []
    for name in "abc":

        def come(name: str = name) -> None:
            called.append(name)
            assert slots.take(waiting["abc".index(name)])

        waiting.append(come)
    assert slots.take(waiting[0])
    for each in (*waiting, *waiting):
        assert not slots.take(each)
    assert (slots.taken, slots.waiting) == (1, 3)
    slots.give_back()
    assert called == ["a"]
    slots.forget(waiting[1])
    slots.give_back()
    assert called == ["a", "c"]
    slots.give_back()
    assert (slots.taken, slots.waiting) == (0, 0)


def test_a_slot_that_is_not_taken_by_the_first_goes_to_the_next():
    slots, called = Slots(1), []
    assert slots.take(lambda: None)
    for name in "ab":
        slots.take(lambda name=name: called.append(name))
    slots.give_back()
    assert called == ["a", "b"]
