"""SR-51: against a pump whose true volume is known, the count is never above it, never negative, and exact when every word arrived."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import event as outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    BolusStarted,
    BolusStopped,
    ChannelEvent,
    CountersReset,
    InfusionEvent,
    NotDelivering,
    Paused,
    RateCause,
    RateChanged,
    Resumed,
    SegmentClosed,
    Source,
    Started,
)
from interop.domain.lifecycle.counters import NOTHING, Counted, opened_at
from interop.domain.lifecycle.infusion import State, Stream, apply
from interop.domain.lifecycle.table import NoRow
from interop.domain.quantity import Quantity

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
RATE = Quantity.of("60", "mL/h")


def ml(value: Fraction) -> Quantity:
    return Quantity(value, "mL")


@dataclass
class Pump:
    """A channel with a true volume, a counter that may be cleared, and words that may get lost on the way or come twice."""

    boluses_in_cumulative: bool
    counter: Fraction = Fraction(0)
    truth: Fraction = Fraction(0)
    minute: int = 0
    running: bool = True
    words: list[InfusionEvent] = field(default_factory=list)

    def gives(self, volume: Fraction) -> None:
        if self.running:
            self.counter += volume
            self.truth += volume

    def says(self, told: bool) -> dict[str, Any]:
        self.minute += 1
        at = START + timedelta(minutes=self.minute)
        return {"at": at, "pump": PumpSaid(at, timedelta(0), "LOG-7", self.minute), "delivered": ml(self.counter) if told else None}

    def bolus(self, volume: Fraction, told: bool) -> None:
        self.words.append(BolusStarted(**self.says(told), source=Source.PCA, rate=None, dose=None, vtbi=None, programme_id="", by=""))
        self.truth += volume
        if self.boluses_in_cumulative:
            self.counter += volume
        over = BolusStopped(
            **self.says(told),
            volume=ml(volume),
            dose=None,
            in_cumulative=self.boluses_in_cumulative,
            whole=True,
            rate_after=None,
        )
        self.words.append(over)

    def clears(self, told: bool) -> None:
        before, self.counter = self.counter, Fraction(0)
        self.words.append(CountersReset(**self.says(told), before=ml(before) if told else None))

    def toggles(self, told: bool) -> None:
        self.running = not self.running
        if self.running:
            self.words.append(Resumed(**self.says(told), rate=RATE, dose_rate=None, by=""))
        else:
            self.words.append(Paused(**self.says(told), reason=NotDelivering.BY_CLINICIAN, by=""))

    def changes_rate(self, told: bool) -> None:
        said = self.says(told)
        self.words.append(RateChanged(**said, old=None, new=RATE, dose_rate=None, cause=RateCause.NOT_SAID, programme_id="", by=""))


def start(pump: Pump) -> Started:
    return Started(
        **pump.says(told=True),
        infusion_id="INF-9",
        pump_id="PUMP-3",
        channel_id="A",
        source=Source.PRIMARY,
        programme_id="",
        entry_key="",
        drug="",
        concentration=None,
        rate=RATE,
        dose_rate=None,
        vtbi=None,
        dosing_weight=None,
        by="",
    )


volumes = st.fractions(min_value=0, max_value=50, max_denominator=30)
acts = st.tuples(st.sampled_from(["run", "bolus", "clear", "toggle", "rate", "hour"]), volumes, st.booleans())


def run(pump: Pump, plan: list[tuple[str, Fraction, bool]]) -> None:
    for act, volume, told in plan:
        pump.gives(volume)
        match act:
            case "bolus" if pump.running:
                pump.bolus(volume, told)
            case "clear":
                pump.clears(told)
            case "toggle":
                pump.toggles(told)
            case "rate" if pump.running:
                pump.changes_rate(told)
            case "hour" if pump.running:
                pump.words.append(SegmentClosed(**pump.says(told)))


def follow(words: list[InfusionEvent]) -> Stream:
    """Folds the words; what reaches a person is left out, as the shell would."""
    first, *rest = words
    stream = apply(None, first)
    for word in rest:
        try:
            stream = apply(stream, word)
        except NoRow:
            outcome("reached a person")
    return stream


def known(stream: Stream) -> Fraction:
    return sum((segment.volume.value for segment in stream.segments if segment.volume is not None), Fraction(0))


@settings(deadline=None)
@given(st.booleans(), st.lists(acts, max_size=20))
def test_sr_51_a_pump_that_tells_every_reading_is_followed_to_the_last_drop(
    in_cumulative: bool, plan: list[tuple[str, Fraction, bool]]
) -> None:
    pump = Pump(in_cumulative)
    pump.words.append(start(pump))
    run(pump, [(act, volume, True) for act, volume, _ in plan])
    if pump.running:
        pump.toggles(told=True)
    stream = follow(pump.words)
    assert stream.volume_is_exact
    assert stream.volume == ml(pump.truth)
    assert all(segment.volume is not None for segment in stream.segments)
    assert known(stream) == pump.truth


@settings(deadline=None)
@given(st.booleans(), st.lists(acts, max_size=20), st.lists(st.integers(0, 40), max_size=6), st.sets(st.integers(1, 40), max_size=4))
def test_sr_51_with_words_lost_repeated_and_unsaid_it_is_never_too_much_and_never_negative(
    in_cumulative: bool, plan: list[tuple[str, Fraction, bool]], repeated: list[int], lost: set[int]
) -> None:
    pump = Pump(in_cumulative)
    pump.words.append(start(pump))
    run(pump, plan)
    words = [word for place, word in enumerate(pump.words) if place not in lost]
    for place in repeated:  # resent later, out of order
        if place < len(pump.words):
            words.append(pump.words[place])
    stream = follow(words)
    assert NOTHING <= stream.volume <= ml(pump.truth)
    assert known(stream) <= pump.truth
    for segment in stream.segments:
        assert segment.volume is None or segment.volume >= NOTHING
    outcome(f"exact: {stream.volume_is_exact}")


@settings(deadline=None)
@given(st.lists(volumes, min_size=1, max_size=10))
def test_sr_51_readings_in_any_order_count_up_to_the_highest(readings: list[Fraction]) -> None:
    counted = opened_at(NOTHING)
    for reading in readings:
        counted = counted.read(ml(reading))
    assert counted.total == ml(max(readings))
    assert (counted.gaps == 0) == (readings == sorted(readings))


def test_sr_51_a_lower_reading_adds_nothing_and_the_total_says_at_least() -> None:
    counted = opened_at(ml(Fraction(10))).read(ml(Fraction(30))).read(ml(Fraction(20)))
    assert (counted.total, counted.gaps, counted.is_current) == (ml(Fraction(20)), 1, False)
    assert counted.read(ml(Fraction(35))).total == ml(Fraction(25))


def test_a_counter_that_was_not_told_at_the_start_begins_with_its_first_reading() -> None:
    counted = opened_at(None).read(ml(Fraction(30))).read(ml(Fraction(40)))
    assert (counted.total, counted.gaps) == (ml(Fraction(10)), 1)


def test_a_counter_in_litres_is_the_same_counter() -> None:
    counted = opened_at(NOTHING).read(Quantity.of("0.25", "L"))
    assert counted.total == ml(Fraction(250))
    assert counted.total.unit == "mL"


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (opened_at(None), opened_at(NOTHING)),
        (opened_at(NOTHING), opened_at(NOTHING).read(None)),
        (opened_at(NOTHING), opened_at(NOTHING).apart(None).read(NOTHING)),
    ],
)
def test_what_cannot_be_told_is_not_zero(earlier: Counted, later: Counted) -> None:
    assert later.since(earlier) is None


def test_the_pumps_own_words_are_told_apart_by_number_then_by_time() -> None:
    word = PumpSaid(START, timedelta(0), "LOG-7", 12)
    assert not word.is_after(word)
    assert replace(word, number=13).is_after(word)
    assert not replace(word, said_at=START + timedelta(hours=1)).is_after(word)  # the same number is the same word
    assert replace(word, log_id="LOG-8", number=1, said_at=START + timedelta(seconds=1)).is_after(word)
    assert not replace(word, log_id="LOG-8", number=99).is_after(word)
    assert replace(word, number=None, said_at=START + timedelta(seconds=1)).is_after(word)
    assert not replace(word, number=None, correction=timedelta(seconds=1)).is_after(word)  # said once, corrected better
    assert replace(word, number=None, said_at=START - timedelta(minutes=1), correction=timedelta(minutes=2)).is_after(
        word
    )  # clock set back


def test_the_simulated_pump_of_this_page_does_run_pause_and_clear() -> None:
    pump = Pump(boluses_in_cumulative=False)
    pump.words.append(start(pump))
    ten = Fraction(10)
    run(
        pump,
        [("run", ten, True), ("bolus", ten, True), ("clear", ten, True), ("toggle", ten, True), ("run", ten, True), ("toggle", ten, True)],
    )
    stream = follow(pump.words)
    assert stream.state is State.RUNNING
    assert (stream.volume, pump.truth) == (ml(Fraction(50)), Fraction(50))
    assert all(isinstance(word, ChannelEvent) for word in pump.words)
