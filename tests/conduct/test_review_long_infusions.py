"""A fold that is kept is what the record says, whatever was committed, refused or lost since (SR-46)."""

import gc
from dataclasses import dataclass, replace
from typing import Any
from weakref import ref

import pytest

from interop.conduct.infusions import infusion_at
from interop.conduct.streams import Folds, all_rows, programme_at
from interop.domain import pump as said
from interop.domain.events.codec import decode
from interop.domain.lifecycle import infusion as infusions
from interop.ports import Commit, Expect, NewEvent, StreamMoved
from tests.conduct.pump import APump, ml_per_h
from tests.conduct.test_bedside import running
from tests.conduct.test_offers_and_runs import a_hospital
from tests.conduct.virtual import run
from tests.conduct.ward import Crash, Hospital


async def as_told(hospital: Hospital, stream: str) -> list[Any]:
    """The stream's events, read anew from the first."""
    return [decode(row.body) for row in await all_rows(hospital.record, stream)]


async def sets_the_rate(pump: APump, number: int) -> None:
    await pump.event(
        *(said.Kind.RATE_CHANGED, "A", str(number)), old_rate=ml_per_h("30"), rate=ml_per_h(str(30 + number % 2)), cause="clinician"
    )


def test_each_word_of_a_long_infusion_reads_only_what_is_new_and_the_fold_is_that_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        for number in range(1, 30):
            await sets_the_rate(pump, number)
        decoded = 0

        def counted(body: str) -> Any:
            nonlocal decoded
            decoded += 1
            return decode(body)

        monkeypatch.setattr("interop.conduct.infusions.decode", counted)
        monkeypatch.setattr("interop.conduct.streams.decode", counted)
        for number in range(30, 40):
            await sets_the_rate(pump, number)
        assert decoded <= 20  # and not 10 × 30
        now = await infusion_at(hospital.life, id)  # type: ignore[arg-type]
        told = await as_told(hospital, now.stream)
        assert (now.version, list(now.events), now.today) == (len(told), told, infusions.fold(told))

    run(story())


def test_what_was_refused_or_never_committed_is_in_no_fold() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        before = await infusion_at(hospital.record, id)
        body = (await all_rows(hospital.record, before.stream))[-1]
        event = NewEvent(before.stream, body.type, body.type_version, body.at, body.body)
        with pytest.raises(StreamMoved):
            await hospital.record.commit(Commit(expects=(Expect(before.stream, before.version - 1),), events=(event,)))
        assert await infusion_at(hospital.record, id) is before

    run(story())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_commit_of_a_word_leaves_the_fold_that_the_record_has(moment: str) -> None:
    async def story() -> None:
        at: list[int] = []

        def dies(number: int, when: str) -> Exception | None:
            return Crash() if at and number == at[0] and when == moment else None

        hospital, pump = await a_hospital(fails=dies)
        id = await running(hospital, pump)
        await sets_the_rate(pump, 1)
        at.append(hospital.life.commits + 1)
        with pytest.raises(Exception, match="this server"):
            await sets_the_rate(pump, 2)
        at.clear()
        await hospital.restart()
        await pump.connect()
        await sets_the_rate(pump, 3)
        now = await infusion_at(hospital.life, id)  # type: ignore[arg-type]
        told = await as_told(hospital, now.stream)
        assert (now.version, list(now.events), now.today) == (len(told), told, infusions.fold(told))
        assert sum(event.type == "infusion.rate-changed" for event in told) == 3
        assert now.today is not None
        assert now.today.rate == ml_per_h("31")

    run(story())


def test_a_programme_is_read_on_from_where_it_was() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        (planned,) = await hospital.planned()
        first = await programme_at(hospital.record, planned.programme_id)
        assert await programme_at(hospital.record, planned.programme_id) is first
        assert list(first.events) == await as_told(hospital, first.stream)
        assert id

    run(story())


def test_the_chart_says_the_same_with_kept_steps_as_from_the_whole_story() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        id = await running(hospital, pump)
        for number in range(1, 6):
            await sets_the_rate(pump, number)
        now = await infusion_at(hospital.record, id)
        charting = hospital.bedside._charting
        kept = charting._known(now)
        earlier = replace(now, version=now.version - 2, events=now.events[:-2], today=infusions.fold(now.events[:-2]))
        charting._steps = Folds()
        assert charting._known(now) == kept
        assert charting._known(earlier) == kept[:-2]

    run(story())


@dataclass(frozen=True)
class _Fold:
    version: int
    weight: int


class _Store:
    pass


def test_kept_folds_are_bounded_and_a_newer_one_stays() -> None:
    folds: Folds[_Fold] = Folds(10)
    store, other = _Store(), _Store()
    for name in "abc":
        folds.put(store, name, _Fold(1, 4))  # type: ignore[arg-type]
    assert [folds.get(store, name) for name in "abc"] == [None, _Fold(1, 4), _Fold(1, 4)]  # type: ignore[arg-type]
    folds.put(store, "b", _Fold(0, 3))  # type: ignore[arg-type]
    assert folds.get(store, "b") == _Fold(1, 4)  # type: ignore[arg-type]
    folds.put(store, "d", _Fold(1, 1))  # type: ignore[arg-type]
    folds.put(store, "e", _Fold(1, 2))  # type: ignore[arg-type]
    assert folds.get(store, "c") is None  # type: ignore[arg-type]
    folds.put(store, "huge", _Fold(1, 11))  # type: ignore[arg-type]
    assert [folds.get(store, name) for name in ("huge", "e")] == [None, _Fold(1, 2)]  # type: ignore[arg-type]
    assert folds.get(other, "b") is None  # type: ignore[arg-type]
    folds.put(store, "f", _Fold(1, 10))  # type: ignore[arg-type]
    assert folds.get(store, "f") == _Fold(1, 10)  # type: ignore[arg-type]
    gone = ref(store)
    del store
    gc.collect()
    assert gone() is None
