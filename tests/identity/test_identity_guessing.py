"""Guessing is slowed down, and nobody fills the audit by failing."""

import asyncio
from dataclasses import replace

import pytest
from persons import AT_TERMINAL_3, BADGE, EARLY, PASSWORD, Hospital, WardClock

from interop.adapters.identity.throttle import FOR_USER, Meter, Patience, Recent, Stop, Throttle
from interop.domain.actor import Denial, LoggedIn, NotLoggedIn

pytestmark = pytest.mark.anyio


def at(peer: int) -> object:
    return replace(AT_TERMINAL_3, peer=f"10.20.{peer // 250}.{peer % 250}")


async def test_after_five_failures_each_further_one_doubles_the_wait(hospital: Hospital):
    await hospital.employs()
    for _ in range(5):
        assert await hospital.fails_to_log_in() == NotLoggedIn()
    for wait_s in (1, 2, 4, 8):
        assert await hospital.fails_to_log_in() == NotLoggedIn(wait_s)
        assert await hospital.fails_to_log_in(password=PASSWORD) == NotLoggedIn(wait_s)  # the right one waits as well
        hospital.clock.goes_on(seconds=wait_s)
        assert await hospital.fails_to_log_in() == NotLoggedIn()
    hospital.clock.goes_on(seconds=16)
    await hospital.logs_in()
    for _ in range(5):
        assert await hospital.fails_to_log_in() == NotLoggedIn()


async def test_guessing_one_user_from_many_places_is_slowed_too(hospital: Hospital):
    await hospital.employs()
    answers = [await hospital.identity.log_in_with_password("anna", "wrong", at(peer)) for peer in range(8)]
    assert [answer for answer in answers if isinstance(answer, NotLoggedIn) and answer.wait_s]


async def test_guessing_many_users_from_one_place_is_slowed_too(hospital: Hospital):
    await hospital.employs("boris")
    answers = [await hospital.fails_to_log_in(f"user{number}") for number in range(33)]
    assert [bool(answer.wait_s) for answer in answers] == [False] * 30 + [True] * 3
    assert (await hospital.fails_to_log_in("boris", PASSWORD)).wait_s
    assert isinstance(await hospital.identity.log_in_with_password("boris", PASSWORD, at(9)), LoggedIn)  # elsewhere the ward goes on


async def test_badges_are_not_to_be_guessed_either(hospital: Hospital):
    await hospital.employs(badge=BADGE)
    for number in range(30):
        assert await hospital.identity.log_in_with_badge(f"{number:010}", AT_TERMINAL_3) == NotLoggedIn()
    assert await hospital.identity.log_in_with_badge(BADGE, AT_TERMINAL_3) == NotLoggedIn(1)


async def test_a_user_whom_somebody_locks_out_still_has_a_badge(hospital: Hospital):
    await hospital.employs(badge=BADGE)
    for _ in range(7):
        await hospital.fails_to_log_in(asking=at(1))
    assert isinstance(await hospital.identity.log_in_with_badge(BADGE, AT_TERMINAL_3), LoggedIn)


async def test_a_thousand_guesses_at_once_are_not_a_thousand_guesses(hospital: Hospital):
    await hospital.employs()
    answers = await asyncio.gather(*(hospital.identity.log_in_with_password("anna", f"guess {n}", at(n)) for n in range(100)))
    assert sum(isinstance(answer, NotLoggedIn) and not answer.wait_s for answer in answers) == FOR_USER.free


async def test_one_good_account_does_not_pay_for_many_guesses(hospital: Hospital):
    await hospital.employs("mallory")
    refused = 0
    for number in range(40):
        refused += bool((await hospital.fails_to_log_in(f"user{number}")).wait_s)
        if number % 5 == 4 and number < 25:
            await hospital.logs_in("mallory")
    assert refused


async def test_sec_33_every_failed_log_in_is_on_record_and_a_wait_once(hospital: Hospital):
    await hospital.employs()
    before = len(await hospital.audit())
    for _ in range(20):
        await hospital.fails_to_log_in()
    rows = (await hospital.audit())[before:]
    assert [(row.action, row.outcome) for row in rows] == [("log-in", "failure")] * 6
    assert ['"wrong"' in row.body for row in rows] == [True] * 5 + [False]
    assert {row.actor for row in rows} == {"person/anna", "nobody"}


async def test_sec_30_what_was_typed_as_a_user_is_not_written_down_unless_it_is_one(hospital: Hospital):
    await hospital.employs()
    await hospital.fails_to_log_in("my secret password typed into the wrong field")
    row = await hospital.last_row()
    assert (row.actor, row.outcome) == ("nobody", "failure")
    assert "typed" not in row.body


async def test_sec_33_refusals_of_one_peer_are_written_so_often_a_minute_and_the_rest_is_counted(hospital: Hospital):
    for _ in range(100):
        await hospital.identity.refused(None, None, Denial.TOKEN, AT_TERMINAL_3)
    assert len(await hospital.audit()) == 30
    await hospital.identity.refused(None, None, Denial.TOKEN, at(7))
    assert len(await hospital.audit()) == 31
    hospital.clock.goes_on(minutes=1)
    await hospital.identity.refused(None, None, Denial.TOKEN, AT_TERMINAL_3)
    row = await hospital.last_row()
    assert '"valueString":"70"' in row.body


def test_a_wait_never_grows_beyond_its_bound_and_is_forgotten_in_time():
    clock = WardClock(EARLY)
    throttle = Throttle(clock, Patience(free=1, longest_s=60, forget_s=900))
    longest = 0
    for _ in range(50):
        stop = throttle.enter("anna")
        if stop is not None:
            longest = max(longest, stop.wait_s)
            clock.goes_on(seconds=stop.wait_s)
    assert longest == 60
    clock.goes_on(seconds=901)
    assert [throttle.enter("anna") for _ in range(2)] == [None, Stop(1, True)]


def test_what_is_remembered_is_bounded_and_the_quietest_is_forgotten_first():
    clock = WardClock(EARLY)
    throttle = Throttle(clock, FOR_USER, most=100)
    for number in range(1000):
        throttle.enter(f"user{number}")
    assert len(throttle._counts) == 100
    recent: Recent[list[int]] = Recent(list, 2)
    for key in ("a", "b", "a", "c"):
        recent[key].append(1)
    assert recent.peek("b") is None
    assert recent.peek("a") == [1, 1]


def test_a_clock_that_goes_back_does_not_stop_the_meter():
    clock = WardClock(EARLY)
    meter = Meter(clock, per_minute=1)
    assert meter.take("a") == 0
    assert meter.take("a") is None
    clock.goes_on(hours=-1)
    assert meter.take("a") == 1
