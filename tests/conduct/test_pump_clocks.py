"""A pump's clock that is wrong, or drifts: its times are corrected without a jump, and never told backwards (SR-11, D-24)."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from interop.conduct.infusions import infusion_at
from interop.conduct.pump_clock import PumpClock
from interop.conduct.pump_state import PUMPS, PumpNow, read_pump
from interop.domain import pump as said
from interop.domain.events.event import ToldByPump
from interop.ports import Commit, Committed, Priority
from interop.wire.hl7v2.er7 import Message
from tests.conduct.pump import APump, ml_per_h
from tests.conduct.test_offers_and_runs import a_hospital, offered
from tests.conduct.virtual import MORNING, run
from tests.conduct.ward import Hospital

LIMIT = timedelta(seconds=30)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


async def running(hospital: Hospital, pump: APump) -> str:
    """An infusion from an offer; the pump's own id of it."""
    offer_id = await offered(hospital, pump)
    await pump.confirms(offer_id)
    return await pump.starts(offer_id)


async def told_of(hospital: Hospital, own: str) -> list[ToldByPump]:
    """What the pump said of the infusion, as it is on file."""
    events = (await infusion_at(hospital.record, f"LVP-0001/{own}")).events
    return [each for each in events if isinstance(each, ToldByPump) and each.pump is not None]


async def corrected_by(hospital: Hospital, own: str) -> list[float]:
    """By how many seconds each word was moved."""
    return [each.pump.correction.total_seconds() for each in await told_of(hospital, own) if each.pump and each.pump.correction is not None]


async def changes_rate(pump: APump, rate: int) -> None:
    await pump.event(said.Kind.RATE_CHANGED, "A", "1", rate=ml_per_h(str(rate)), old_rate=ml_per_h("30"), cause="clinician", by="NURSE7")


async def drifts(pump: APump, *skews_s: float, every_s: float = 120) -> None:
    """Its clock goes to each of these errors; a status says so, and a moment later a nurse changes the rate."""
    for number, skew_s in enumerate(skews_s):
        await asyncio.sleep(every_s)
        pump.skew = s(skew_s)
        await pump.tells_status()
        await asyncio.sleep(1)
        await changes_rate(pump, 31 + number)


def charted(hospital: Hospital) -> list[str]:
    """OBR-7 of what the chart got, in the order in which it got it; all of one width and offset, so that they sort as text."""
    times = [Message.parse(message).first("OBR").text(7) or "" for message in dict.fromkeys(hospital.chart.received)]
    assert len({(len(each), each[-5:]) for each in times}) == 1, times
    return times


@pytest.mark.parametrize("sign", [1, -1])
def test_d_24_an_error_about_the_limit_does_not_turn_the_correction_on_and_off(sign: int) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, *(sign * each for each in (29, 31, 29, 31, 20, 16, 31)))
        moved = await corrected_by(hospital, own)
        assert moved[0] == 0
        assert moved[2:] == [-sign * each for each in (31, 29, 31, 20, 16, 31)]

    run(story())


def test_d_24_a_clock_that_is_right_again_is_told_as_it_is() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, 31, 15, 14, 29)
        assert (await corrected_by(hospital, own))[1:] == [-31, -15, 0, 0]

    run(story())


def test_d_24_a_new_log_begins_as_it_is_until_its_error_is_beyond_the_limit() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, 31, 20)
        pump.drop()
        await pump.connect()
        await asyncio.sleep(120)
        await changes_rate(pump, 40)
        assert (await corrected_by(hospital, own))[-1] == -20  # it came back with the log that it had
        pump.drop()
        pump.log_id, pump.log, pump.acked = "L2", [], 0
        await pump.connect()
        await asyncio.sleep(120)
        await changes_rate(pump, 41)
        assert (await corrected_by(hospital, own))[-1] == 0

    run(story())


def test_d_24_a_log_that_is_corrected_stays_so_when_the_server_starts_again() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, 31, 20)
        await hospital.restart()
        await pump.connect()
        await changes_rate(pump, 40)
        assert (await corrected_by(hospital, own))[-1] == -20

    run(story())


def test_sr_11_d_24_a_start_of_the_server_does_not_turn_the_told_time_back() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, 29)
        await hospital.restart()
        pump.skew = s(31)
        await pump.connect()
        await changes_rate(pump, 40)
        *_, before, after = await told_of(hospital, own)
        assert after.pump is not None
        assert after.pump.correction != timedelta(0)
        assert after.happened_at >= before.happened_at

    run(story())


DRIFTS = [
    pytest.param((0, 29, 31, 29, 31), id="ahead"),
    pytest.param((0, -29, -31, -29, -31), id="behind"),
    pytest.param((40, 20, 14, -14, -31, 0), id="from ahead to behind"),
    pytest.param((29.9, 30.1, 14.9, 30.1), id="by a hair"),
    pytest.param((0, 3600, 0), id="an hour too far and back"),
    pytest.param((0, -3600, 0), id="an hour back and right again"),
]


@pytest.mark.parametrize("skews_s", DRIFTS)
def test_sr_11_d_24_no_document_of_an_infusion_goes_back_in_time_while_the_pumps_clock_drifts(skews_s: tuple[float, ...]) -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        for _ in range(6):
            await drifts(pump, *skews_s, every_s=7)
        await hospital.settled()
        words = await told_of(hospital, own)
        assert len(words) == 1 + 6 * len(skews_s)
        times = [each.happened_at for each in words]
        assert times == sorted(times)
        documents = charted(hospital)
        assert len(documents) > len(words)  # the words, and what is told each minute between them
        assert documents == sorted(documents)
        assert all(abs(each.happened_at - each.at) <= LIMIT + s(1) for each in words)

    run(story())


def test_d_24_the_pumps_own_time_is_kept_beside_ours() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        await drifts(pump, 29, 31)
        words, logged = await told_of(hospital, own), [each for each in pump.log if isinstance(each, said.Event)]
        assert [each.pump.said_at for each in words if each.pump] == [each.at for each in logged]
        for each in words:
            assert each.pump is not None
            assert each.pump.correction is not None
            assert each.happened_at == each.pump.said_at + each.pump.correction

    run(story())


def test_d_24_a_clock_is_judged_by_when_its_word_arrived_and_not_by_when_it_is_handled() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        arrived = hospital.clock.now()
        status = said.Status(pump.clock, tuple(pump.states.values()), said.Power.MAINS)
        shown = said.Event("L1", 1, pump.clock, kind=said.Kind.PATIENT_CHANGED, channel_id="")
        await asyncio.sleep(45)  # a database that takes its time
        await hospital.bedside.heard(pump.pump_id, status, arrived)
        after_status: PumpNow = await hospital.bedside.now(pump.pump_id)
        assert (after_status.clock_skew, after_status.heard_at) == (timedelta(0), arrived)
        await hospital.bedside.heard(pump.pump_id, shown, arrived)
        after_word: PumpNow = await hospital.bedside.now(pump.pump_id)
        assert (after_word.clock_skew, after_word.heard_at) == (timedelta(0), arrived)
        await hospital.bedside.heard(pump.pump_id, said.Heartbeat(arrived), arrived)
        after_all: PumpNow = await hospital.bedside.now(pump.pump_id)
        assert (after_all.clock_skew, after_all.heard_at) == (timedelta(0), arrived)  # SR-45: it is as old as it is

    run(story())


def test_d_24_a_hello_that_had_to_wait_for_the_older_link_is_judged_by_when_it_arrived() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        arrived = hospital.clock.now()
        line = pump.line
        hello = said.Hello(
            pump.pump_id, pump.model, pump.clock, None, said.LogRange("L1", 1, 1), frozenset(), tuple(pump.states.values()), simulated=True
        )
        pump.drop()
        await asyncio.sleep(40)
        await hospital.bedside.hello(hello, line, arrived)
        now: PumpNow = await hospital.bedside.now(pump.pump_id)
        assert (now.clock_skew, now.heard_at) == (timedelta(0), arrived)

    run(story())


def test_sr_46_d_24_what_is_told_again_after_a_cut_keeps_the_time_at_which_it_happened() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        own = await running(hospital, pump)
        pump.skew = s(10)
        pump.drop()
        happened = []
        for rate in (31, 32, 33):
            await asyncio.sleep(60)
            happened.append(pump.clock)
            await changes_rate(pump, rate)
        await asyncio.sleep(120)
        await pump.connect()
        times = [each.happened_at for each in await told_of(hospital, own)]
        assert times[-3:] == happened

    run(story())


def test_sr_46_d_24_a_word_that_is_older_than_the_report_that_was_documented_keeps_its_time() -> None:
    clock = PumpClock().measured(s(10), LIMIT)
    at, clock = clock.documented(MORNING + s(610), MORNING + s(600), LIMIT)
    assert at == MORNING + s(610)
    correction, clock = clock.word(MORNING + s(310), MORNING + s(601), LIMIT, is_new=False)
    assert (correction, clock.word_at) == (timedelta(0), MORNING + s(310))


def test_sr_11_d_24_after_our_own_clock_was_ahead_what_pumps_do_is_told_when_it_happens() -> None:
    _, clock = PumpClock().word(MORNING + s(3600), MORNING + s(3600), LIMIT, is_new=True)  # an hour ahead of the truth, as it turned out
    _, clock = clock.documented(MORNING + s(3600), MORNING + s(3600), LIMIT)
    for minute in (1, 10, 59):
        now = MORNING + s(60 * minute)
        correction, clock = clock.word(now, now, LIMIT, is_new=True)
        assert correction == timedelta(0)
        at, clock = clock.documented(now, now, LIMIT)
        assert at == now


def test_sr_11_d_24_a_stop_is_not_told_before_reports_that_were_documented_when_the_pumps_clock_was_set_back() -> None:
    clock = PumpClock().measured(s(3600), LIMIT)
    _, clock = clock.word(MORNING + s(3600), MORNING, LIMIT, is_new=True)
    at, clock = clock.documented(MORNING + s(3600 + 1800), MORNING + s(1800), LIMIT)
    assert at == MORNING + s(1800)
    correction, clock = clock.word(
        MORNING + s(1808), MORNING + s(1808), LIMIT, is_new=True
    )  # its clock is right, and no report has said so yet
    assert MORNING + s(1808) + correction >= at


def test_sr_11_d_24_a_document_and_how_far_its_pumps_time_was_told_are_one_commit() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        await running(hospital, pump)
        seen: list[Commit] = []
        commits = hospital.life.commit

        async def watched(commit: Commit) -> Committed:
            seen.append(commit)
            return await commits(commit)

        hospital.life.commit = watched
        await asyncio.sleep(61)
        await hospital.settled()
        reports = [commit for commit in seen if commit.messages and commit.priority is Priority.DOCUMENTS]
        assert reports
        for commit in reports:
            (row,) = [read_pump(row.document) for row in commit.projections if row.name == PUMPS and row.document is not None]
            assert row.clock.report_at is not None

    run(story())


STEPS = st.tuples(st.integers(1, 120_000), st.integers(-400_000, 400_000), st.sampled_from(["status", "word", "again", "document"]))


@given(st.lists(STEPS, min_size=5, max_size=60))
def test_d_24_whatever_a_pumps_clock_does_its_time_is_told_forward_and_never_far_ahead(story: list[tuple[int, int, str]]) -> None:
    """So many ms later, with a clock that is off by so many ms, one more thing is told. A word may come before a report has said the error."""
    clock, now = PumpClock(), MORNING
    words, documents = [MORNING - timedelta(days=1)], [(MORNING - timedelta(days=1), MORNING - timedelta(days=1))]
    for passes_ms, skew_ms, what in story:
        now += s(passes_ms / 1000)
        skew = s(skew_ms / 1000)
        if what in ("word", "again"):
            is_new = what == "word"
            correction, clock = clock.word(now + skew, now, LIMIT, is_new=is_new)
            at = now + skew + correction
            report_clock, report_at = documents[-1]
            assert words[-1] <= at <= now + LIMIT
            assert at >= report_at or (not is_new and now + skew < report_clock)  # as one that is told again after a cut
            words.append(at)
            event("moved" if correction else "as it is")
            continue
        clock = clock.measured(skew, LIMIT)
        if what == "document":
            at, clock = clock.documented(now + skew, now, LIMIT)
            assert max(words[-1], documents[-1][1]) <= at <= now + LIMIT
            documents.append((now + skew, at))


def test_d_24_a_report_that_was_kept_before_clocks_were_followed_is_read_and_goes_on_as_it_is() -> None:
    async def story() -> None:
        hospital, pump = await a_hospital()
        now: PumpNow = await hospital.bedside.now(pump.pump_id)
        row = now.row().document
        assert row is not None
        older = row.partition(', "clock": ')[0] + "}"
        assert "log_id" in older
        assert read_pump(older).clock == PumpClock()

    run(story())
