"""What a word changes in the chart is what making the whole chart anew would change, whatever happened to the infusion before (SR-46, SR-50, SR-51)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from unittest.mock import patch

from hypothesis import event as outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.conduct.decision import Decision
from interop.domain.document import About, Administration
from interop.domain.events.infusion import InfusionEvent
from interop.domain.quantity import Quantity
from interop.stages.administration import administrations, first_touched
from interop.stages.told import Step, _due_of_all, steps_of
from tests.conduct.test_documenting import NOW, documenting
from tests.wards.histories import ABOUTS, MOVES, OPENINGS, WORDS, Act, before_and_new, history_of

OFTEN = ("rate", "hour", "pause", "resume", "kvo", "bolus", "bolus over")
acts = st.builds(
    Act,
    st.sampled_from(OFTEN) | st.sampled_from(tuple(WORDS)) | st.sampled_from(tuple(MOVES)),
    minutes=st.sampled_from([1, 0, 5, -2]),  # a clock that is set
    tells=st.booleans(),
    number=st.sampled_from([1, 1, 1, 0, -1, 2]),  # said again, late, or lost between
    gave=st.sampled_from([1, 0]),
    log=st.sampled_from(["LOG-7", "LOG-7", "LOG-8"]),
    joins=st.sampled_from([False, False, True]),
)


@contextmanager
def all_made() -> Iterator[None]:
    """Every resource is made anew from the whole story, and every step is asked again whether it is due."""
    with patch("interop.conduct.documenting.first_touched", lambda *_: 0), patch("interop.stages.document.due", _due_of_all):
        yield


def decided(before: Sequence[InfusionEvent], new: Sequence[InfusionEvent], about: About, known: int) -> Decision:
    """The messages, rows and audit of one commit; the steps of the first ``known`` events are the caller's."""
    return documenting().of(before, new, about, NOW, steps_of([*before, *new][:known]))


@settings(max_examples=60)
@given(st.sampled_from(OPENINGS), st.lists(acts, min_size=10, max_size=30), st.integers(0, 40))
def test_a_word_writes_and_sends_what_it_would_if_all_were_made_anew(opening: str, plan: list[Act], known: int) -> None:
    for before, new in before_and_new(history_of(opening, plan)):
        for about in ABOUTS:
            decision = decided(before, new, about, known)
            with all_made():
                assert decision == decided(before, new, about, 0)
            steps = steps_of([*before, *new])
            first = first_touched(steps, len(before), about)
            outcome("none" if not decision.kept else "all made" if not first else "the last made")


@settings(max_examples=60)
@given(st.sampled_from(OPENINGS), st.lists(acts, min_size=10, max_size=30))
def test_the_rows_that_are_written_one_by_one_are_the_chart_of_the_whole_story(opening: str, plan: list[Act]) -> None:
    rows: dict[tuple[str, str], str] = {}
    history = history_of(opening, plan)
    for before, new in before_and_new(history):
        for about in ABOUTS:
            for row in decided(before, new, about, 0).kept:
                if row.document is None:
                    rows.pop((row.name, row.key), None)
                else:
                    rows[row.name, row.key] = row.document
    steps = steps_of([event for new in history.commits for event in new])
    chart = [one for about in ABOUTS for one in administrations(steps, about)]
    kept = {key for name, key in rows if name == "medication-administration"}
    assert kept == {one.id for one in chart}
    for about in ABOUTS:
        for parent in (one for one in chart if one.about is about and not one.parent_id):
            known = given_in(parent, chart)
            assert parent.volume is not None or parent.volume_at_least == (None if known is None else Quantity(known, "mL"))


def given_in(parent: Administration, chart: Sequence[Administration]) -> Fraction | None:
    """What the intervals of a parent add up to, as far as it can be told; None: of none can it."""
    known = [each.volume.to("mL").value for each in chart if each.parent_id == parent.id and each.volume is not None]
    return sum(known, Fraction(0)) if known else None


def test_the_histories_of_this_page_do_make_few_and_all() -> None:
    """Invariants that never meet their subject would be worthless."""

    def touched(*whats: str) -> int:
        history = history_of("an offer's", [Act(what) for what in whats])
        *_, (before, new) = before_and_new(history)
        steps: Sequence[Step] = steps_of([*before, *new])
        return first_touched(steps, len(before), ABOUTS[0])

    assert touched("rate", "pause", "resume", "rate") == 4  # the resumed interval, after start, association, rate and pause
    assert touched("rate", "pause", "resume") == 4  # none went on
    assert touched("rate", "transfer") == touched("rate", "dissociate") == touched("rate", "alarm") == 2
    assert touched("rate", "merge") == touched("rate", "void") == touched("rate", "merge", "confirm") == 0
    assert touched("rate", "dissociate", "back-fill a part") == 0


def test_sr_46_a_word_that_is_said_again_after_another_log_of_the_pump_is_not_sent_again() -> None:
    acts = [Act("rate"), Act("rate", minutes=0, log="LOG-8"), Act("rate", minutes=0, number=-1)]
    history = history_of("an offer's", acts)
    sent = [len(decided(before, new, ABOUTS[0], len(before)).messages) for before, new in before_and_new(history)]
    assert sent == [2, 3, 3, 0]
