"""D-22, D-09, D-10 on Tasks: whatever a pump, a person and the server tell, in whatever order, a Task moves as it may, and says unknown for what nobody knows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import event as outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.events.association import AssociationEvent
from interop.domain.events.event import ToldByPump
from interop.domain.events.infusion import EndCause, InfusionEvent
from interop.domain.events.programme import NeverSeen, ProgrammeEvent, RefusedByPump
from interop.domain.lifecycle import infusion as infusions
from interop.domain.lifecycle import programme as programmes
from interop.domain.lifecycle.programme import State
from interop.domain.lifecycle.table import NoRow
from interop.domain.task import CORRECTIONS, MOVES, Standing, Status, Task
from tests.wards.infusions import (
    OTHER_PATIENT,
    associated,
    changed,
    dissociated,
    ended,
    in_doubt,
    kvo,
    lost,
    no_doubt,
    paused,
    regained,
    resumed,
    started,
    voided,
    volume_done,
)
from tests.wards.tasked import (
    ATTESTED,
    CONFIRMED,
    EDITED,
    EXPIRED,
    LOST,
    NOT_SENT,
    OPENED,
    PLANNED,
    REASONS,
    RECALLED,
    REFUSED,
    REJECTED,
    RUNS,
    SENT,
    SHOWN,
    WITHDRAWN,
    read,
    told,
)

PROGRAMME: dict[str, ProgrammeEvent] = {
    "sent": SENT,
    "shown": SHOWN,
    "opened": OPENED,
    "confirmed": CONFIRMED,
    "edited": EDITED,
    "rejected": REJECTED,
    "expired": EXPIRED,
    "withdrawn": WITHDRAWN,
    "never seen": NeverSeen(**told(61)),
    "refused by the pump": RefusedByPump(**told(5), reasons=REASONS),
    "refused": REFUSED,
    "not sent": NOT_SENT,
    "lost": LOST,
    "recalled": RECALLED,
    "attested": ATTESTED,
}
INFUSION: dict[str, Any] = {
    "associated": lambda minute: associated(minute, id=f"A-{minute}"),
    "somebody else's": lambda minute: associated(minute, id="B-1", patient=OTHER_PATIENT),
    "paused": lambda minute: paused(minute, None),
    "resumed": lambda minute: resumed(minute, None),
    "rate": lambda minute: changed(minute, None, "20"),
    "kvo": lambda minute: kvo(minute, None),
    "volume": lambda minute: volume_done(minute, None),
    "ended": lambda minute: ended(minute, None),
    "completed": lambda minute: ended(minute, None, EndCause.COMPLETED),
    "idle": lambda minute: ended(minute, None, EndCause.IDLE),
    "dissociated": dissociated,
    "merge": in_doubt,
    "confirmed by a person": lambda minute: no_doubt(minute, *range(1, minute)),
    "void": voided,
    "silent": lambda minute: lost(minute, minute - 1),
    "heard": regained,
}
STARTS = ("starts", "starts as nobody's")
START = st.sampled_from(
    [
        [],
        ["sent"],
        ["sent", "shown"],
        ["sent", "shown", "confirmed", "starts"],
        ["sent", "starts as nobody's"],
        ["sent", "starts as nobody's", "somebody else's"],
        ["sent", "starts", "dissociated", "somebody else's"],
    ]
)
acts = st.builds(lambda first, rest: first + rest, START, st.lists(st.sampled_from([*PROGRAMME, *INFUSION, *STARTS]), max_size=20))


class Story:
    """Two streams, committed as the shells do: what has no row reaches a person, and a start brings its confirmation with it."""

    def __init__(self) -> None:
        self.events: list[ProgrammeEvent] = [PLANNED]
        self.infusion: list[InfusionEvent] = []
        self.minute = 0

    @property
    def task(self) -> Task:
        return read(self.events, self.infusion)

    def happens(self, act: str) -> tuple[object, ...]:
        """What was committed; nothing where the record has no row for it."""
        self.minute += 1
        events, infusion = [*self.events], [*self.infusion]
        if act in PROGRAMME:
            events.append(PROGRAMME[act])
        elif act in STARTS:
            if infusion:
                return ()
            if programmes.fold(events).state is not State.CONFIRMED:  # type: ignore[union-attr]
                events.append(RUNS)
            infusion.append(started(self.minute, None))
            infusion += [associated(self.minute)] if act == "starts" else []
        elif infusion:
            infusion.append(INFUSION[act](self.minute))
        try:
            programmes.fold(events)
            infusions.fold(infusion)
        except NoRow:
            return ()
        new = (*events[len(self.events) :], *infusion[len(self.infusion) :])
        self.events, self.infusion = events, infusion
        return new


@settings(max_examples=300, deadline=None)
@given(acts)
def test_d_22_a_task_moves_as_it_may_and_out_of_an_end_only_by_the_pumps_or_a_persons_word(plan: list[str]) -> None:
    story = Story()
    before = story.task
    assert (before.status, before.standing) == (Status.REQUESTED, Standing.QUEUED)
    for act in plan:
        new = story.happens(act)
        now = story.task
        if not new:
            assert now == before
            continue
        assert now.version > before.version
        if now.status is not before.status and now.status not in MOVES.get(before.status, frozenset()):
            outcome(f"corrected: {before.status.value} to {now.status.value}")
            assert now.status in CORRECTIONS[before.status], (before.status, now.status, act)
            assert any(isinstance(event, ToldByPump | AssociationEvent) for event in new)
        before = now
    outcome(before.status.value)


@settings(max_examples=200, deadline=None)
@given(acts)
def test_d_10_what_nobody_knows_is_never_told_as_not_given_or_as_anything_but_failed(plan: list[str]) -> None:
    story = Story()
    for act in plan:
        story.happens(act)
        task, state = story.task, programmes.fold(story.events).state  # type: ignore[union-attr]
        if state in (State.UNCERTAIN, State.ATTESTED) and not story.infusion:
            assert task.status is Status.FAILED
            assert task.standing in (Standing.OUTCOME_UNKNOWN, Standing.ATTESTED_UNKNOWN)
        assert not any("not given" in note.text.lower() for note in task.notes)
        assert (task.open_until is not None) == (state is State.OFFERED)
        assert task.notes


@settings(max_examples=200, deadline=None)
@given(acts)
def test_sr_50_only_what_is_this_orders_has_a_place_in_the_chart(plan: list[str]) -> None:
    story = Story()
    for act in plan:
        story.happens(act)
        task = story.task
        stream = infusions.fold(story.infusion)
        if task.administration_id:
            assert stream is not None
            one = stream.associations[int(task.administration_id.rpartition("-")[2]) - 1]
            assert (one.patient, one.placer_order_number) == (PLANNED.patient, PLANNED.placer_order_number)
        if task.status in (Status.IN_PROGRESS, Status.ON_HOLD, Status.COMPLETED):
            assert task.administration_id


def test_sr_50_what_runs_for_somebody_else_is_told_as_not_as_offered_and_leads_to_no_chart() -> None:
    theirs = read([PLANNED, SENT, RUNS], [started(1, None), associated(2, patient=OTHER_PATIENT)])
    assert (theirs.status, theirs.standing, theirs.administration_id) == (Status.FAILED, Standing.NOT_AS_OFFERED, "")
    left = read([PLANNED, SENT, RUNS], [started(1, None), associated(1), dissociated(5), associated(6, id="B-1", patient=OTHER_PATIENT)])
    assert (left.status, left.standing) == (Status.COMPLETED, Standing.NO_LONGER_ASSOCIATED)
    assert left.administration_id.endswith("-1")


def test_d_12_while_a_merge_puts_the_patient_in_doubt_a_task_stays_as_it_was() -> None:
    held = [started(1, None), associated(1), in_doubt(10), paused(20, None)]
    assert read([PLANNED, SENT, RUNS], held).status is Status.IN_PROGRESS
    assert read([PLANNED, SENT, RUNS], [*held, no_doubt(30, 10)]).status is Status.ON_HOLD


def test_a_move_that_is_not_allowed_can_happen_where_the_table_is_not_kept() -> None:
    """The invariant is not empty: the corrections are needed, and none of them is an ordinary move."""
    assert not any(MOVES.get(status, frozenset()) & to for status, to in CORRECTIONS.items())
    late = read([PLANNED, SENT, SHOWN, EXPIRED, replace(CONFIRMED, at=EXPIRED.at + timedelta(seconds=1))])
    assert (read([PLANNED, SENT, SHOWN, EXPIRED]).status, late.status) == (Status.FAILED, Status.READY)
