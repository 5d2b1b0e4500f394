"""The state machine of a channel as a table, read beside section 3.1 of the safety requirements (SR-61). What has no row is ignored and logged.

``READY`` is the second half of 3.1's REVIEW: confirmed, and waiting for the start key (SR-63). A change of what runs is a shadow beside the
running channel with a table of its own (SR-37). ``docs/pump-sim-states.md`` is drawn from here:

python -c "from pump_sim.states import page; print(page(), end='')" > docs/pump-sim-states.md
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class State(Enum):
    """What a channel does; the value is what the screen says."""

    OFF = "off"
    POST = "self-test"
    IDLE = "idle"
    PROGRAMMING = "programming"
    PENDING_REMOTE = "program received"
    REVIEW = "review"
    READY = "ready to start"
    INFUSING = "infusing"
    PAUSED = "paused"
    ALARM_STOPPED = "stopped by an alarm"
    KVO = "keeping the vein open"
    COMPLETE = "complete"
    FAULT = "fault"


class Event(Enum):
    """What may happen to a channel. The value says it."""

    POWER_ON = "power comes on"
    POST_PASSED = "every self-test passed, nothing was kept"
    POST_PASSED_HELD = "every self-test passed, an infusion was kept over the power loss"
    POST_FAILED = "a self-test failed"
    POWER_OFF = "power is gone"
    FAULT = "an internal fault is found"
    OFFER = "a program is received and passes the pump's own checks"
    PROGRAM = "a clinician begins to program by hand"
    ENTER = "a clinician enters a value"
    REVIEW = "every value is there and allowed: they are shown for review"
    OPEN = "a clinician opens the received program"
    EDIT = "a clinician changes a value under review"
    OVERRIDE = "a clinician passes a soft limit on purpose, with a reason"
    SECOND_CHECK = "another person's badge is read"
    CONFIRM = "a clinician confirms the values"
    START = "the start key is pressed"
    CANCEL = "a clinician rejects or cancels the program"
    EXPIRE = "nobody acted in time"
    WITHDRAW = "the server takes its offer back"
    PAUSE = "the pause key is pressed"
    RESUME = "the start key is pressed again"
    RESUME_KVO = "the start key is pressed again, and the volume is given"
    CHANGE = "a confirmed change of what runs comes into force"
    ALARM_STOP = "an alarm stops delivery"
    VTBI_DONE_KVO = "the volume is given, and a KVO rate is set"
    VTBI_DONE = "the volume is given, and no KVO rate is set"
    CLEAR = "a clinician ends the infusion"
    NEW_PATIENT = "another patient, or none, is chosen at the pump"


S, E = State, Event

UNSTARTED = (S.PROGRAMMING, S.PENDING_REMOTE, S.REVIEW, S.READY)
STANDING = (S.PAUSED, S.ALARM_STOPPED, S.COMPLETE)
DELIVERING = (S.INFUSING, S.KVO)
WITH_RUN = (*DELIVERING, *STANDING)
ON = tuple(state for state in State if state is not S.OFF)

TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (S.OFF, E.POWER_ON): S.POST,
        (S.POST, E.POST_PASSED): S.IDLE,
        (S.POST, E.POST_PASSED_HELD): S.PAUSED,  # kept, and standing: nothing restarts by itself (SR-69)
        (S.POST, E.POST_FAILED): S.FAULT,  # SR-62
        (S.IDLE, E.OFFER): S.PENDING_REMOTE,  # SR-63
        (S.IDLE, E.PROGRAM): S.PROGRAMMING,
        (S.PROGRAMMING, E.ENTER): S.PROGRAMMING,
        (S.PROGRAMMING, E.REVIEW): S.REVIEW,
        (S.PENDING_REMOTE, E.OPEN): S.REVIEW,
        (S.REVIEW, E.EDIT): S.REVIEW,  # voids the second check (D-13)
        (S.REVIEW, E.OVERRIDE): S.REVIEW,  # SR-24
        (S.REVIEW, E.SECOND_CHECK): S.REVIEW,
        (S.REVIEW, E.CONFIRM): S.READY,
        (S.READY, E.SECOND_CHECK): S.READY,
        (S.READY, E.START): S.INFUSING,  # the one way into delivery of a new program
        **{(state, E.CANCEL): S.IDLE for state in UNSTARTED},
        **{(state, E.EXPIRE): S.IDLE for state in UNSTARTED},  # D-09, SR-67
        **{(state, E.WITHDRAW): S.IDLE for state in (S.PENDING_REMOTE, S.REVIEW, S.READY)},
        (S.INFUSING, E.PAUSE): S.PAUSED,
        (S.INFUSING, E.CHANGE): S.INFUSING,  # from the shadow's table only (SR-37, SR-66)
        (S.INFUSING, E.ALARM_STOP): S.ALARM_STOPPED,
        (S.INFUSING, E.VTBI_DONE_KVO): S.KVO,  # SR-87
        (S.INFUSING, E.VTBI_DONE): S.COMPLETE,
        (S.KVO, E.PAUSE): S.PAUSED,
        (S.KVO, E.ALARM_STOP): S.ALARM_STOPPED,
        (S.PAUSED, E.RESUME): S.INFUSING,
        (S.PAUSED, E.RESUME_KVO): S.KVO,
        (S.ALARM_STOPPED, E.RESUME): S.INFUSING,  # once no high alarm is active (SR-64)
        (S.ALARM_STOPPED, E.RESUME_KVO): S.KVO,
        **{(state, E.CLEAR): S.IDLE for state in STANDING},  # what delivers is paused first
        **{(state, E.NEW_PATIENT): S.IDLE for state in (S.IDLE, *UNSTARTED, *STANDING)},  # SEC-29
        (S.FAULT, E.NEW_PATIENT): S.FAULT,  # cleared all the same, and still latched
        **{(state, E.FAULT): S.FAULT for state in ON},  # SR-93: latched
        **{(state, E.POWER_OFF): S.OFF for state in ON},
    }
)


class Shadow(Enum):
    """A change of what runs, beside the run that goes on unchanged until it is confirmed (SR-37)."""

    NONE = "no change"
    PENDING = "a change is received"
    REVIEW = "a change is under review"


SHADOW_TRANSITIONS: Mapping[tuple[Shadow, Event], Shadow] = MappingProxyType(
    {
        (Shadow.NONE, E.OFFER): Shadow.PENDING,
        (Shadow.NONE, E.EDIT): Shadow.REVIEW,  # by hand: the first of two deliberate steps (SR-66)
        (Shadow.PENDING, E.OPEN): Shadow.REVIEW,
        (Shadow.REVIEW, E.EDIT): Shadow.REVIEW,
        (Shadow.REVIEW, E.OVERRIDE): Shadow.REVIEW,
        (Shadow.REVIEW, E.SECOND_CHECK): Shadow.REVIEW,
        (Shadow.REVIEW, E.CONFIRM): Shadow.NONE,  # in force: CHANGE in the channel's own table
        **{(shadow, event): Shadow.NONE for shadow in (Shadow.PENDING, Shadow.REVIEW) for event in (E.CANCEL, E.EXPIRE, E.WITHDRAW)},
    }
)

LINK_STATES: Mapping[State, str] = MappingProxyType(
    {
        S.OFF: "fault",
        S.POST: "fault",
        S.IDLE: "idle",
        S.PROGRAMMING: "programming",
        S.PENDING_REMOTE: "pending",
        S.REVIEW: "pending",
        S.READY: "pending",
        S.INFUSING: "infusing",
        S.PAUSED: "paused",
        S.ALARM_STOPPED: "paused",
        S.KVO: "kvo",
        S.COMPLETE: "ended",
        S.FAULT: "fault",
    }
)
"""A channel's state as docs/pump-link.md names it; REVIEW and READY of a program made by hand are ``programming`` there."""

HEAD = """# The simulated pump's states

Drawn from the tables in `pump_sim/states.py`; a test fails when this page and the tables differ. An event without a row is ignored and logged (SR-61).
"""


def page() -> str:
    """The whole of ``docs/pump-sim-states.md``."""
    return "\n".join((HEAD, _draw("A channel", TRANSITIONS), _draw("A change of what runs, beside it", SHADOW_TRANSITIONS)))


def _draw(title: str, rows: Mapping[tuple[State, Event], State] | Mapping[tuple[Shadow, Event], Shadow]) -> str:
    lines = [f"## {title}", "", "| state | event | then |", "| --- | --- | --- |"]
    lines += [
        f"| {before.name} | {event.name}: {event.value} | {'stays' if before is after else after.name} |"
        for (before, event), after in rows.items()
    ]
    return "\n".join(lines) + "\n"
