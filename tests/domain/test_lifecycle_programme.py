"""One attempt to put an order on a channel: what can become of an offer, and what a person is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import event as outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.events.event import PumpSaid
from interop.domain.events.nouns import Edit, Reason, Setting
from interop.domain.events.programme import (
    AnswerLost,
    Attempt,
    Attested,
    Confirmed,
    Evidence,
    Expired,
    NeverSeen,
    OfferNotSent,
    OfferOpened,
    OfferSent,
    OfferShown,
    Planned,
    ProgrammeEvent,
    RecallCause,
    Recalled,
    RefusedByChecks,
    RefusedByPump,
    RejectCause,
    Rejected,
    Seen,
    Withdrawn,
)
from interop.domain.finding import Finding, PivError
from interop.domain.lifecycle.programme import (
    ATTESTED_OTHERWISE,
    RECALLED,
    TABLE,
    TOLD_OTHERWISE,
    TRANSITIONS,
    State,
    Stream,
    alert,
    apply,
    fold,
)
from interop.domain.lifecycle.table import NoRow
from interop.domain.quantity import Quantity

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
SAID: dict[str, Any] = {"at": AT, "pump": PumpSaid(AT - timedelta(seconds=42), timedelta(seconds=40), "LOG-7", 12)}
SETTINGS = (Setting("rate", Quantity.of("14.1", "mL/h")), Setting("vtbi", Quantity.of("250", "mL")))

PLANNED = Planned(
    at=AT,
    programme_id="PRG-5",
    attempt=Attempt.START,
    order_id="WARD/ORD-123",
    placer_order_number="ORD-123",
    order_version=1,
    pump_id="PUMP-3",
    channel_id="A",
    patient=None,
    requested_by="RN-99",
    requested_at=AT,
    message_id="J-1",
    effect_key="5eed",
    plan_digest="b1ab",
    case_digest="ca5e",
    library=None,
    mapping_digest="3a9",
    drug="dopamine",
    entry_key="DOP-400-250",
    settings=SETTINGS,
    weight_source="order",
    cautions=(),
)
SENT = OfferSent(at=AT, offer_id="OFF-5", untouched_s=300, idle_s=180, total_s=900)
SHOWN = OfferShown(**SAID)
OPENED = OfferOpened(**SAID, by="RN-17")
LOST = AnswerLost(at=AT, waited_s=30)
RECALL = Recalled(at=AT, cause=RecallCause.ORDER_ENDED, by="J-2")
REFUSED_BY_PUMP = RefusedByPump(**SAID, reasons=(Reason.of(Finding.against(PivError.SET_NOT_INSTALLED, "channel", "No set is loaded.")),))
CONFIRMED = Confirmed(**SAID, evidence=Evidence.DECISION, by="RN-17", second_check_by="RN-21", settings=SETTINGS, edits=(), overrides=())
RUNS = Confirmed(**SAID, evidence=Evidence.RUNNING, by="", second_check_by="", settings=(), edits=(), overrides=())
REJECTED = Rejected(**SAID, cause=RejectCause.BY_CLINICIAN, by="RN-17", words="")
EXPIRED = Expired(**SAID)
WITHDRAWN = Withdrawn(**SAID)
NEVER_SEEN = NeverSeen(**SAID)
ATTESTED = Attested(at=AT, by="RN-17", seen_at=AT, saw=Seen.NOTHING, words="the channel is idle")
OFFERED = (PLANNED, SENT)
UNCERTAIN = (*OFFERED, LOST)


def after(*events: ProgrammeEvent) -> Stream:
    stream = fold(events)
    assert stream is not None
    return stream


def told(*events: ProgrammeEvent) -> str:
    """What a person is told of the last of the events."""
    return alert(after(*events[:-1]), events[-1])


def test_the_ordinary_way_planned_shown_opened_confirmed() -> None:
    assert after(PLANNED).state is State.PLANNED
    assert not after(PLANNED).holds_channel
    offered = after(*OFFERED)
    assert (offered.state, offered.offer_id, offered.shown) == (State.OFFERED, "OFF-5", False)
    assert offered.holds_channel
    assert after(*OFFERED, SHOWN).shown
    assert not after(*OFFERED, SHOWN).opened
    assert after(*OFFERED, SHOWN, OPENED).opened
    confirmed = after(*OFFERED, SHOWN, OPENED, CONFIRMED)
    assert confirmed.state is State.CONFIRMED
    assert not confirmed.holds_channel
    assert confirmed.settings == SETTINGS
    assert not confirmed.is_edited
    assert confirmed.confirmed_at == AT - timedelta(seconds=2)  # the pump's time, corrected
    assert [told(PLANNED, SENT), told(*OFFERED, SHOWN), told(*OFFERED, SHOWN, OPENED), told(*OFFERED, SHOWN, OPENED, CONFIRMED)] == [""] * 4


def test_nobody_is_alerted_that_an_order_was_planned() -> None:
    assert alert(None, PLANNED) == ""


def test_d_13_the_one_who_asked_is_not_the_one_who_confirmed() -> None:
    confirmed = after(*OFFERED, CONFIRMED)
    assert confirmed.confirmed_by == "RN-17"
    assert confirmed.second_check_by == "RN-21"
    assert after(*OFFERED).confirmed_by == ""
    assert after(*OFFERED).second_check_by == ""
    assert after(*OFFERED).confirmed_at is None


def test_d_23_a_confirmation_with_another_dose_is_marked_edited() -> None:
    edited = replace(CONFIRMED, edits=(Edit("rate", Quantity.of("14.1", "mL/h"), Quantity.of("12", "mL/h")),))
    assert after(*OFFERED, edited).is_edited
    assert not after(*OFFERED).is_edited


def test_d_23_another_drug_at_the_pump_ends_the_offer() -> None:
    other = after(*OFFERED, OPENED, replace(REJECTED, cause=RejectCause.OTHER_DRUG))
    assert other.state is State.REJECTED
    assert other.last_reason == "drug or concentration changed at the pump"
    assert other.confirmed is None


def test_a_plan_with_a_refusal_offers_nothing_and_keeps_every_reason() -> None:
    reasons = (Finding.against(PivError.HARD_LIMIT, "RXG-15", "Too much."), Finding.against(PivError.WEIGHT_MISSING, "OBX", "No weight."))
    refused = after(PLANNED, RefusedByChecks(at=AT, reasons=tuple(map(Reason.of, reasons))))
    assert refused.state is State.REFUSED
    assert refused.last_reason == "Too much. No weight."


def test_sr_47_a_planned_programme_can_still_be_refused_by_the_new_check_after_a_restart_and_an_offered_one_cannot() -> None:
    again = RefusedByChecks(at=AT, reasons=())
    assert after(PLANNED, again).state is State.REFUSED
    with pytest.raises(NoRow):
        after(*OFFERED, again)


def test_an_offer_that_never_left_is_refused_with_its_reason() -> None:
    offline = OfferNotSent(at=AT, reason=Reason.of(Finding.against(PivError.OFFLINE, "channel", "The pump is offline.")))
    for before in ((PLANNED,), OFFERED):
        assert after(*before, offline).state is State.REFUSED
        assert after(*before, offline).last_reason == "The pump is offline."
    with pytest.raises(NoRow):  # once it is not known, it is not known
        after(*UNCERTAIN, offline)


def test_the_pump_may_refuse_and_says_why() -> None:
    refused = after(*OFFERED, REFUSED_BY_PUMP)
    assert (refused.state, refused.last_reason) == (State.REFUSED, "No set is loaded.")


def test_sr_10_an_offer_expires_on_the_pumps_clock_and_the_pump_says_so() -> None:
    assert after(*OFFERED, SHOWN, EXPIRED).state is State.EXPIRED


def test_a_story_that_does_not_begin_with_a_plan_reaches_a_person() -> None:
    with pytest.raises(NoRow) as caught:
        after(SENT)
    assert caught.value.state is None


def test_sr_12_there_is_one_way_to_the_pump_and_it_is_taken_once() -> None:
    assert [state for (state, event) in TRANSITIONS if event is OfferSent] == [State.PLANNED]
    assert State.PLANNED not in {after for (before, _), after in TRANSITIONS.items() if before is not None}
    for state in set(State) - {State.PLANNED}:
        with pytest.raises(NoRow):
            TABLE.step(state, SENT)


def test_sr_01_nothing_but_the_pumps_word_confirms() -> None:
    assert {event for (before, event), after in TRANSITIONS.items() if after is State.CONFIRMED and before is not after} == {Confirmed}


def test_sr_13_without_an_answer_the_offer_is_uncertain_and_somebody_is_sent_to_the_pump() -> None:
    uncertain = after(*UNCERTAIN)
    assert uncertain.state is State.UNCERTAIN
    assert uncertain.holds_channel
    assert uncertain.last_reason == "no answer within 30 s"
    assert told(*OFFERED, LOST) == "The pump did not answer. Look at the pump before programming by hand."
    with pytest.raises(NoRow):
        apply(uncertain, SENT)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (CONFIRMED, State.CONFIRMED),
        (RUNS, State.CONFIRMED),
        (REJECTED, State.REJECTED),
        (EXPIRED, State.EXPIRED),
        (REFUSED_BY_PUMP, State.REFUSED),
        (WITHDRAWN, State.WITHDRAWN),
        (NEVER_SEEN, State.WITHDRAWN),
        (ATTESTED, State.ATTESTED),
    ],
)
def test_d_10_uncertain_ends_by_the_pumps_word_or_a_named_clinicians(word: ProgrammeEvent, state: State) -> None:
    settled = after(*UNCERTAIN, word)
    assert settled.state is state
    assert not settled.holds_channel


def test_d_10_until_then_the_channel_takes_no_offer_whatever_else_is_told() -> None:
    still = after(*UNCERTAIN, SHOWN, OPENED, RECALL)
    assert still.state is State.UNCERTAIN
    assert still.holds_channel
    assert (still.shown, still.opened) == (True, True)


def test_d_10_attested_closes_as_unknown_and_stays_so() -> None:
    attested = after(*UNCERTAIN, ATTESTED)
    assert (attested.attested_by, attested.attested, attested.last_reason) == ("RN-17", Seen.NOTHING, "the channel is idle")
    for word in (WITHDRAWN, NEVER_SEEN, REJECTED, EXPIRED, REFUSED_BY_PUMP):
        assert apply(attested, word).state is State.ATTESTED
        assert alert(attested, word) == ""
    with pytest.raises(NoRow):
        after(*OFFERED, ATTESTED)  # while an answer may come, nobody needs to swear


def test_d_10_the_pump_that_denies_what_a_clinician_saw_is_told_to_a_person() -> None:
    saw_it_run = (*UNCERTAIN, replace(ATTESTED, saw=Seen.RUNS_AS_OFFERED))
    for word in (WITHDRAWN, NEVER_SEEN, REJECTED, EXPIRED, REFUSED_BY_PUMP):
        assert told(*saw_it_run, word) == ATTESTED_OTHERWISE.words


@pytest.mark.parametrize("word", [CONFIRMED, RUNS])
@pytest.mark.parametrize(
    "ending",
    [(EXPIRED,), (WITHDRAWN,), (NEVER_SEEN,), (REFUSED_BY_PUMP,), (REJECTED,), (LOST, ATTESTED)],
)
def test_d_09_a_confirmation_after_the_end_is_the_truth_and_an_alert(ending: tuple[ProgrammeEvent, ...], word: Confirmed) -> None:
    confirmed = after(*OFFERED, *ending, word)
    assert confirmed.state is State.CONFIRMED
    assert confirmed.confirmed == word
    assert told(*OFFERED, *ending, word).endswith("Look at the pump.")


@pytest.mark.parametrize("ending", [(), (RefusedByChecks(at=AT, reasons=()),), (RECALL,)])
def test_a_confirmation_of_what_was_never_sent_reaches_a_person(ending: tuple[ProgrammeEvent, ...]) -> None:
    with pytest.raises(NoRow):
        after(PLANNED, *ending, CONFIRMED)


def test_sr_07_an_offer_whose_order_stops_is_recalled_and_is_open_until_the_pump_answers() -> None:
    recalled = after(*OFFERED, SHOWN, RECALL)
    assert recalled.state is State.OFFERED
    assert recalled.holds_channel
    assert recalled.recalled is RecallCause.ORDER_ENDED
    assert apply(recalled, WITHDRAWN).state is State.WITHDRAWN
    assert apply(recalled, NEVER_SEEN).state is State.WITHDRAWN
    assert apply(recalled, WITHDRAWN).last_reason == "order ended"


def test_a_recall_before_the_offer_left_ends_it_at_once() -> None:
    assert after(PLANNED, RECALL).state is State.WITHDRAWN


def test_sr_07_a_clinician_who_confirms_while_the_recall_is_under_way_is_told_of() -> None:
    assert told(*OFFERED, RECALL, CONFIRMED) == RECALLED.words
    assert told(*OFFERED, RECALL, LOST, CONFIRMED) == RECALLED.words
    assert told(*OFFERED, CONFIRMED) == ""


def test_the_answer_to_a_withdrawal_that_crossed_the_decision_says_the_same_again() -> None:
    answer = replace(CONFIRMED, evidence=Evidence.WITHDRAWAL_ANSWER)
    assert after(*OFFERED, RECALL, CONFIRMED, answer).state is State.CONFIRMED
    assert told(*OFFERED, RECALL, CONFIRMED, answer) == ""
    assert after(*OFFERED, CONFIRMED, answer).confirmed == CONFIRMED


def test_the_decision_says_more_than_a_channel_that_was_seen_running() -> None:
    confirmed = after(*UNCERTAIN, RUNS, CONFIRMED)
    assert confirmed.confirmed == CONFIRMED
    assert told(*UNCERTAIN, RUNS, CONFIRMED) == ""


def test_the_same_program_confirmed_twice_with_other_values_is_told_to_a_person() -> None:
    other = replace(CONFIRMED, settings=(Setting("rate", Quantity.of("141", "mL/h")),))
    assert told(*OFFERED, CONFIRMED, other) == TOLD_OTHERWISE.words
    same = replace(CONFIRMED, settings=(Setting("rate", Quantity.of("0.0141", "L/h")), SETTINGS[1]))
    assert told(*OFFERED, CONFIRMED, same) == ""


def test_a_program_that_was_confirmed_and_cleared_before_it_ran_is_rejected() -> None:
    cleared = after(*OFFERED, CONFIRMED, replace(REJECTED, cause=RejectCause.CLEARED, words="Program cleared"))
    assert (cleared.state, cleared.last_reason) == (State.REJECTED, "Program cleared")
    assert after(*OFFERED, CONFIRMED, EXPIRED).state is State.EXPIRED


def test_a_program_that_was_confirmed_and_recalled_before_it_ran_is_withdrawn() -> None:
    assert after(*OFFERED, CONFIRMED, WITHDRAWN).state is State.WITHDRAWN
    assert told(*OFFERED, CONFIRMED, WITHDRAWN) == ""


@pytest.mark.parametrize("evidence", [Evidence.RUNNING, Evidence.WITHDRAWAL_ANSWER])
def test_what_runs_or_ran_cannot_have_been_taken_back(evidence: Evidence) -> None:
    with pytest.raises(NoRow, match="it runs, or ran"):
        after(*UNCERTAIN, replace(RUNS, evidence=evidence), WITHDRAWN)


@pytest.mark.parametrize("ending", [WITHDRAWN, NEVER_SEEN, replace(RUNS, evidence=Evidence.WITHDRAWAL_ANSWER), RUNS])
def test_sr_46_the_log_is_replayed_after_the_answer_to_a_withdrawal_that_overtook_it(ending: ProgrammeEvent) -> None:
    state = after(*UNCERTAIN, ending).state
    replayed = after(*UNCERTAIN, ending, SHOWN, OPENED)
    assert (replayed.state, replayed.shown, replayed.opened) == (state, True, True)
    assert told(*UNCERTAIN, ending, SHOWN) == told(*UNCERTAIN, ending, SHOWN, OPENED) == ""


@pytest.mark.parametrize("ending", [(REFUSED_BY_PUMP,), (LOST, ATTESTED)])
def test_a_pump_that_shows_what_was_taken_for_gone_is_told_to_a_person(ending: tuple[ProgrammeEvent, ...]) -> None:
    assert after(*OFFERED, *ending, SHOWN, OPENED).state is after(*OFFERED, *ending).state
    assert told(*OFFERED, *ending, SHOWN).startswith("The pump shows a program that ")
    assert told(*OFFERED, *ending, OPENED).startswith("The pump shows a program that ")


@pytest.mark.parametrize("word", [NEVER_SEEN, REFUSED_BY_PUMP, LOST])
def test_a_pump_that_confirmed_and_then_denies_it_reaches_a_person(word: ProgrammeEvent) -> None:
    with pytest.raises(NoRow):
        after(*OFFERED, CONFIRMED, word)


@pytest.mark.parametrize(("first", "state"), [(REJECTED, State.REJECTED), (EXPIRED, State.EXPIRED), (REFUSED_BY_PUMP, State.REFUSED)])
@pytest.mark.parametrize("answer", [WITHDRAWN, NEVER_SEEN])
def test_a_withdrawal_and_the_pumps_own_end_may_cross_in_either_order(first: ProgrammeEvent, answer: ProgrammeEvent, state: State) -> None:
    assert after(*UNCERTAIN, first, answer).state is state
    assert after(*UNCERTAIN, answer, first).state is state  # replayed after the link came back (SR-46)


def test_a_withdrawal_carried_out_twice_after_a_crash_is_answered_twice() -> None:
    assert after(*UNCERTAIN, WITHDRAWN, WITHDRAWN).state is State.WITHDRAWN
    assert after(*UNCERTAIN, NEVER_SEEN, WITHDRAWN).state is State.WITHDRAWN


WORDS: tuple[ProgrammeEvent, ...] = (
    SENT,
    SHOWN,
    OPENED,
    LOST,
    RECALL,
    REFUSED_BY_PUMP,
    CONFIRMED,
    RUNS,
    REJECTED,
    EXPIRED,
    WITHDRAWN,
    NEVER_SEEN,
    ATTESTED,
    RefusedByChecks(at=AT, reasons=()),
    OfferNotSent(at=AT, reason=Reason.of(Finding.against(PivError.OFFLINE, "channel"))),
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_whatever_is_told_in_whatever_order_the_fold_follows_the_table_and_an_offer_leaves_at_most_once(
    words: list[ProgrammeEvent],
) -> None:
    stream, sent = after(PLANNED), 0
    for word in words:
        before = stream
        try:
            stream = apply(before, word)
        except NoRow:
            continue
        assert stream.state is TABLE.step(before.state, word)
        if stream.state is State.CONFIRMED and not before.holds_channel and before.state is not State.CONFIRMED:
            assert alert(before, word)  # D-09: nothing is confirmed after its end without a person knowing
        sent += word is SENT
    assert sent <= 1
    assert sent or stream.confirmed is None
    outcome(stream.state.value)
