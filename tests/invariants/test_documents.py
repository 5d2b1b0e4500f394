"""SR-50 and SR-51 on documents: against a pump whose true volume is known, whatever is lost, late, repeated or moved to another patient on the way."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

from hypothesis import event as outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from interop.domain.document import Document, Kind, Status
from interop.domain.events.association import AssociationBasis
from interop.domain.events.event import PumpSaid
from interop.domain.events.infusion import (
    CountersReset,
    InfusionEvent,
    NotDelivering,
    Paused,
    RateCause,
    RateChanged,
    Resumed,
    SegmentClosed,
)
from interop.domain.lifecycle.infusion import State, fold
from interop.domain.lifecycle.table import NoRow
from interop.domain.quantity import Quantity
from interop.stages.administration import administrations
from interop.stages.document import documents
from interop.stages.told import steps_of
from tests.wards.infusions import (
    BEGUN,
    EIGHT,
    ORDER,
    OTHER_PATIENT,
    PATIENT,
    about,
    associated,
    dissociated,
    in_doubt,
    no_doubt,
    rate,
    voided,
)

OTHER_ORDER = "ORD-2"
ABOUTS = {ORDER: about(), OTHER_ORDER: about(placer_order_number=OTHER_ORDER, patient_numbers=(OTHER_PATIENT,))}


def ml(value: Fraction) -> Quantity:
    return Quantity(value, "mL")


@dataclass
class Ward:
    """A channel with a true volume, and the record's story of it, committed event by event."""

    counter: Fraction = Fraction(0)
    truth: Fraction = Fraction(0)
    minute: int = 0
    runs: bool = True
    words: list[InfusionEvent] = field(default_factory=list)
    history: list[InfusionEvent] = field(default_factory=lambda: list(BEGUN))
    told: list[Document] = field(default_factory=lambda: list(documents(steps_of(BEGUN), 0, ABOUTS[ORDER])))

    def gives(self, volume: Fraction) -> None:
        if self.runs:
            self.counter += volume
            self.truth += volume

    def says(self, told: bool) -> dict[str, Any]:
        self.minute += 1
        at = EIGHT + timedelta(minutes=self.minute)
        return {"at": at, "pump": PumpSaid(at, timedelta(0), "LOG-7", self.minute + 1), "delivered": ml(self.counter) if told else None}

    def word(self, act: str, told: bool) -> InfusionEvent:
        match act:
            case "clear":
                before, self.counter = self.counter, Fraction(0)
                return CountersReset(**self.says(told), before=ml(before) if told else None)
            case "toggle" if self.runs:
                self.runs = False
                return Paused(**self.says(told), reason=NotDelivering.BY_CLINICIAN, by="")
            case "toggle":
                self.runs = True
                return Resumed(**self.says(told), rate=rate("15.4"), dose_rate=None, by="")
            case "rate" if self.runs:
                return RateChanged(
                    **self.says(told), old=None, new=rate("20"), dose_rate=None, cause=RateCause.CLINICIAN, programme_id="", by=""
                )
            case _ if self.runs:
                return SegmentClosed(**self.says(told))
            case _:
                return CountersReset(**self.says(told), before=ml(self.counter) if told else None)

    def hears(self, event: InfusionEvent) -> None:
        """One commit, as the shell makes it: an event that has no row reaches a person."""
        try:
            steps = steps_of([*self.history, event])
        except NoRow:
            outcome("reached a person")
            return
        for each in ABOUTS.values():
            self.told += documents(steps, len(self.history), each)
        self.history.append(event)


volumes = st.fractions(min_value=0, max_value=50, max_denominator=30)
acts = st.lists(st.tuples(st.sampled_from(["toggle", "rate", "hour", "clear"]), volumes, st.booleans()), min_size=1, max_size=15)


def segments(told: list[Document]) -> Fraction:
    """What a receiver would add up from the intervals that ended."""
    ends = (Kind.DELIVERY_STOPPED, Kind.DELIVERY_COMPLETED)
    return sum((each.segment_volume.value for each in told if each.kind in ends and each.segment_volume is not None), Fraction(0))


@settings(max_examples=40)
@given(acts)
def test_sr_51_a_pump_that_tells_all_is_documented_to_the_last_drop(plan: list[tuple[str, Fraction, bool]]) -> None:
    ward = Ward()
    for act, volume, _ in plan:
        ward.gives(volume)
        ward.hears(ward.word(act, told=True))
    if ward.runs:
        ward.hears(ward.word("toggle", told=True))
    assert segments(ward.told) == ward.truth
    totals = [each.total.value for each in ward.told if each.total is not None]
    assert totals == sorted(totals)
    assert totals[-1] == ward.truth
    parent, *children = administrations(steps_of(ward.history), ABOUTS[ORDER])
    assert parent.volume == ml(ward.truth)
    assert sum((child.volume.value for child in children if child.volume is not None), Fraction(0)) == ward.truth


moves = st.lists(st.tuples(st.integers(1, 15), st.sampled_from(["dissociate", "associate", "merge", "confirm", "void"])), max_size=5)


@settings(max_examples=40)
@given(acts, st.lists(st.integers(0, 14), max_size=5), st.sets(st.integers(0, 14), max_size=4), moves)
def test_sr_50_sr_51_whatever_happens_on_the_way_nothing_is_told_twice_too_much_negative_or_to_another(
    plan: list[tuple[str, Fraction, bool]], repeated: list[int], lost: set[int], moved: list[tuple[int, str]]
) -> None:
    ward = Ward()
    count = Counter({"associations": 1})
    for place, (act, volume, told) in enumerate(plan):
        ward.gives(volume)
        word = ward.word(act, told)
        ward.words.append(word)
        if place not in lost:
            ward.hears(word)
        for again in repeated:
            if again == place // 2:
                ward.hears(ward.words[again])  # resent, late
        for _, what in [each for each in moved if each[0] == place]:
            _move(ward, what, count)
    wrong = [each.report_id for each in ward.told if each.is_wrong]
    ward.told = [each for each in ward.told if not each.is_wrong]
    ids = [each.report_id for each in ward.told if each.report_id]
    assert len(wrong) == len(set(wrong)), "and taken back once"
    assert set(wrong) <= set(ids)
    assert len(ids) == len(set(ids)), "a word of the pump is told once"
    assert segments(ward.told) <= ward.truth
    of_patient: dict[str, Fraction] = {}
    for each in ward.told:
        expected = PATIENT if each.about is ABOUTS[ORDER] else OTHER_PATIENT
        assert each.patient == expected
        for amount in (each.segment_volume, each.total, each.total_at_least):
            assert amount is None or 0 <= amount.value <= ward.truth
        if each.total is not None:
            known = of_patient.setdefault(each.patient.value, Fraction(0))
            assert each.total.value >= known
            of_patient[each.patient.value] = each.total.value
    chart = [one for each in ABOUTS.values() for one in administrations(steps_of(ward.history), each)]
    given_to_all = sum((one.volume.value for one in chart if one.parent_id and one.volume is not None), Fraction(0))
    assert given_to_all <= ward.truth
    assert sum((one.volume.value for one in chart if not one.parent_id and one.volume is not None), Fraction(0)) <= ward.truth
    assert all(one.end is None or one.start <= one.end for one in chart)
    assert len({one.id for one in chart}) == len(chart)
    stream = fold(ward.history)
    assert stream is not None
    outcome(f"associations: {len(stream.associations)}, ended: {stream.state is State.ENDED}")


def test_sr_51_what_is_given_after_an_association_was_void_is_in_the_next_ones_chart_alone() -> None:
    ward, count = Ward(), Counter({"associations": 1})
    ward.gives(Fraction(3))
    ward.hears(ward.word("toggle", told=True))
    _move(ward, "void", count)
    _move(ward, "associate", count)
    ward.hears(ward.word("toggle", told=True))
    ward.gives(Fraction(7))
    ward.hears(ward.word("toggle", told=True))
    steps = steps_of(ward.history)
    void, *its = administrations(steps, ABOUTS[ORDER])
    assert {one.status for one in (void, *its)} == {Status.ENTERED_IN_ERROR}
    assert void.end == EIGHT + timedelta(minutes=1), "it ends when it was found to be wrong"
    assert [one.volume for one in its] == [ml(Fraction(3))]
    _, *others = administrations(steps, ABOUTS[OTHER_ORDER])
    assert [one.volume for one in others] == [ml(Fraction(7))]


def _move(ward: Ward, what: str, count: Counter[str]) -> None:
    """Somebody acts at the bedside, or ADT speaks; what does not fit reaches a person."""
    stream = fold(ward.history)
    live = stream.association if stream is not None else None
    minute = ward.minute
    match what:
        case "dissociate" if live is not None:
            ward.hears(dissociated(minute, id=live.id))
        case "void" if live is not None and live.id == "A-1":
            ward.hears(voided(minute))
        case "associate" if live is None:
            count["associations"] += 1
            other = count["associations"] % 2 == 0
            ward.hears(
                associated(
                    minute,
                    basis=AssociationBasis.BEDSIDE_SCAN,
                    id=f"A-{count['associations']}",
                    patient=OTHER_PATIENT if other else PATIENT,
                    order=OTHER_ORDER if other else ORDER,
                )
            )
        case "merge":
            ward.hears(in_doubt(minute))
        case "confirm":
            doubts = [doubt.message_id for one in stream.associations for doubt in one.suspensions] if stream is not None else []
            ward.hears(no_doubt(minute, *(int(doubt.removeprefix("ADT-")) for doubt in doubts)))


def test_the_ward_of_this_page_does_move_patients_hold_and_release() -> None:
    """Invariants that never meet their subject would be worthless."""
    ward = Ward()
    ward.gives(Fraction(10))
    ward.hears(ward.word("rate", told=True))
    ward.hears(in_doubt(ward.minute))
    ward.gives(Fraction(5))
    ward.hears(ward.word("toggle", told=True))
    held = len(ward.told)
    ward.hears(no_doubt(ward.minute, ward.minute - 1))
    assert len(ward.told) > held
    assert segments(ward.told) == ward.truth == 15
    _move(ward, "dissociate", count := Counter({"associations": 1}))
    _move(ward, "associate", count)
    ward.hears(ward.word("toggle", told=True))
    assert ward.told[-1].patient == OTHER_PATIENT
