"""Each fault strikes the step of the handshake that it is named for, between the pump and its link, and off by default (SR-98)."""

import pytest

from pump_sim.faults import FAULTS, Faults, UnknownFault

OFFER = {"frame": "offer", "offer_id": "O-1"}
SHOWN = {"frame": "offer_shown", "number": 3}
DECISION = {"frame": "decision", "number": 4}
STARTED = {"frame": "event", "kind": "started", "number": 5}
WITHDRAWN = {"frame": "withdrawn"}
STATUS = {"frame": "status"}
HELLO = {"frame": "hello", "pump_id": "PUMP-1"}


def test_sr_98_without_faults_everything_goes_through():
    faults = Faults()
    frames = [HELLO, SHOWN, DECISION, STARTED, WITHDRAWN, STATUS, {"frame": "heartbeat"}]
    sent = faults.says(frames)
    assert (sent.now, sent.late, sent.cut, sent.crash) == (frames, [], False, False)
    assert faults.hears(OFFER).arrives
    assert not faults.loses_before_writing([DECISION])


def test_an_unknown_fault_is_said_at_once():
    with pytest.raises(UnknownFault):
        Faults(("drop-everything",))


@pytest.mark.parametrize(
    ("name", "frame", "arrives", "cut", "crash"),
    [
        ("drop-offer", OFFER, False, False, False),
        ("cut-before-shown", OFFER, False, True, False),
        ("crash-before-shown", OFFER, False, False, True),
        ("drop-withdraw", {"frame": "withdraw"}, False, False, False),
        ("drop-read-back", {"frame": "read_back"}, False, False, False),
        ("drop-ack", {"frame": "ack"}, False, False, False),
    ],
)
def test_what_is_lost_on_the_way_in_is_lost_once(name, frame, arrives, cut, crash):
    faults = Faults((name,))
    heard = faults.hears(frame)
    assert (heard.arrives, heard.cut, heard.crash) == (arrives, cut, crash)
    assert faults.hears(frame).arrives


@pytest.mark.parametrize(
    ("name", "frames", "now", "late", "cut", "crash"),
    [
        ("cut-after-shown", [SHOWN, STATUS], [], [], True, False),
        ("late-shown", [SHOWN, STATUS], [STATUS], [SHOWN], False, False),
        ("crash-after-shown", [SHOWN, STATUS], [SHOWN], [], False, True),
        ("cut-before-decision", [DECISION, STATUS], [], [], True, False),
        ("crash-after-decision", [DECISION, STATUS], [], [], False, True),
        ("crash-after-start", [STARTED, STATUS], [], [], False, True),
        ("late-withdraw", [WITHDRAWN], [], [WITHDRAWN], False, False),
        ("cut-after-withdraw", [WITHDRAWN], [], [], True, False),
        ("duplicate-log", [SHOWN, STATUS], [SHOWN, SHOWN, STATUS], [], False, False),
        ("reorder-log", [SHOWN, STATUS, DECISION], [DECISION, STATUS, SHOWN], [], False, False),
        ("gap-log", [SHOWN, DECISION], [DECISION], [], False, False),
        ("silent", [{"frame": "heartbeat"}, STATUS], [STATUS], [], False, False),
        ("bad-frame", [STATUS], [STATUS, {"frame": "start", "channel_id": "A"}], [], False, False),
        ("other-name", [HELLO], [{"frame": "hello", "pump_id": "PUMP-1-X"}], [], False, False),
    ],
)
def test_what_is_lost_late_doubled_or_out_of_order_on_the_way_out(name, frames, now, late, cut, crash):
    sent = Faults((name,)).says(frames)
    assert (sent.now, sent.late, sent.cut, sent.crash) == (now, late, cut, crash)


def test_a_decision_that_was_never_written_never_was():
    faults = Faults(("crash-before-decision",))
    assert not faults.loses_before_writing([SHOWN])
    assert faults.loses_before_writing([DECISION])
    assert not faults.loses_before_writing([DECISION])


def test_every_fault_has_words():
    assert all(FAULTS.values())
