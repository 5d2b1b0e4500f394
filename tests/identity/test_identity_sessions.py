"""Sessions end by themselves, at log-off, and with every change of the user, on all nodes."""

from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from persons import AT_TERMINAL_3, BADGE, CONSOLE, EARLY, PASSWORD, SECRET, Hospital, WardClock, detail_of

from interop.adapters.identity.documents import SESSIONS
from interop.adapters.identity.keys import Keys, token_digest
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.identity.sessions import SessionTimes
from interop.adapters.store.memory import MemoryRecord
from interop.domain.actor import Actor, LoggedIn, NotLoggedIn, Role, View
from interop.ports import StoreFull, StoreUnavailable

pytestmark = pytest.mark.anyio


async def uses(hospital: Hospital, token: str, view: View = View.DESK) -> Actor | None:
    return await hospital.identity.of_session(token, view, AT_TERMINAL_3)


async def is_open(hospital: Hospital, token: str, view: View = View.DESK) -> bool:
    return await uses(hospital, token, view) is not None


async def test_sec_14_an_unused_session_ends_after_fifteen_minutes(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    hospital.clock.goes_on(minutes=14, seconds=59)
    assert await is_open(hospital, token)
    hospital.clock.goes_on(minutes=14, seconds=59)
    assert await is_open(hospital, token)
    hospital.clock.goes_on(minutes=15)
    assert not await is_open(hospital, token)
    row = await hospital.last_row()
    body = row.body
    assert (row.action, row.actor) == ("log-off", "person/anna")
    assert '"outcomeDesc":"idle"' in body
    assert await hospital.record.projections("identity.sessions") == ()


async def test_sec_14_at_the_bedside_it_ends_after_three(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    assert await is_open(hospital, token, View.BEDSIDE)
    hospital.clock.goes_on(seconds=179)
    assert await is_open(hospital, token, View.BEDSIDE)
    hospital.clock.goes_on(seconds=180)
    assert not await is_open(hospital, token, View.DESK)


async def test_sec_14_who_goes_back_to_a_desk_has_fifteen_minutes_again(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    assert await is_open(hospital, token, View.BEDSIDE)
    assert await is_open(hospital, token, View.DESK)
    hospital.clock.goes_on(minutes=14)
    assert await is_open(hospital, token)


async def test_sec_14_no_session_lives_longer_than_a_shift(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    for _ in range(71):
        hospital.clock.goes_on(minutes=10)
        assert await is_open(hospital, token)
    hospital.clock.goes_on(minutes=10)
    assert not await is_open(hospital, token)


async def test_sec_14_a_token_is_worthless_after_log_off(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    await hospital.identity.log_off(token, AT_TERMINAL_3)
    assert not await is_open(hospital, token)
    await hospital.identity.log_off(token, AT_TERMINAL_3)  # once more, as after a lost answer
    assert [row.action for row in await hospital.audit()].count("log-off") == 1


@pytest.mark.parametrize("change", ["disable", "roles", "password", "badge"])
async def test_sec_14_what_changes_about_a_user_ends_their_sessions_at_once(hospital: Hospital, change: str):
    await hospital.employs()
    users = hospital.identity.users
    first, second = (await hospital.logs_in()).token, (await hospital.logs_in()).token
    assert await is_open(hospital, first)
    match change:
        case "disable":
            await users.disable(CONSOLE, "anna")
        case "roles":
            await users.set_roles(CONSOLE, "anna", {Role.ANALYST})
        case "password":
            await users.set_password(CONSOLE, "anna", "another long password")
        case _:
            await users.set_badge(CONSOLE, "anna", BADGE)
    assert not await is_open(hospital, first)
    assert not await is_open(hospital, second)


async def test_a_session_of_somebody_else_goes_on(hospital: Hospital):
    await hospital.employs("anna")
    await hospital.employs("boris")
    token = (await hospital.logs_in("boris")).token
    await hospital.identity.users.disable(CONSOLE, "anna")
    assert await is_open(hospital, token)


async def test_sec_14_two_nodes_know_of_one_log_off(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    other = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(1, 8, 1)))
    assert await other.of_session(token, View.DESK, AT_TERMINAL_3) is not None
    await hospital.identity.log_off(token, AT_TERMINAL_3)
    hospital.clock.goes_on(seconds=60)
    assert await other.of_session(token, View.DESK, AT_TERMINAL_3) is None
    assert await hospital.record.projections("identity.sessions") == ()


async def test_a_use_on_another_node_does_not_bring_back_a_session_that_ended_meanwhile(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    session = await SESSIONS.get(hospital.record, token_digest(token))
    assert session is not None
    hospital.clock.goes_on(seconds=60)
    await hospital.identity.log_off(token, AT_TERMINAL_3)
    other = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(1, 8, 1)))
    use = other.sessions._uses[token_digest(token)]
    await other.sessions._write_use(token_digest(token), session, use, hospital.clock.now())  # it had read the session before the log-off
    assert use.is_over
    assert await hospital.record.projections("identity.sessions") == ()


async def test_after_a_restart_a_session_idles_out_a_little_early_and_never_late(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    hospital.clock.goes_on(seconds=14)
    assert await is_open(hospital, token)  # not worth writing down
    restarted = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(1, 8, 1)))
    hospital.clock.goes_on(seconds=900 - 14)
    assert await restarted.of_session(token, View.DESK, AT_TERMINAL_3) is None


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 100_000, "\udcff" * 43, "../../etc"])
async def test_a_token_that_nobody_gave_is_nobodys(hospital: Hospital, token: str):
    await hospital.employs()
    assert not await is_open(hospital, token)
    await hospital.identity.log_off(token, AT_TERMINAL_3)


async def test_the_tokens_of_two_log_ins_are_two_and_long(hospital: Hospital):
    await hospital.employs()
    first, second = await hospital.logs_in(), await hospital.logs_in()
    assert first.token != second.token
    assert len(first.token) == 43
    assert first.actor.session != second.actor.session
    assert first.token not in repr(first)


async def test_what_was_left_open_is_swept_away(hospital: Hospital):
    await hospital.employs()
    old = (await hospital.logs_in()).token
    hospital.clock.goes_on(minutes=10)
    new = (await hospital.logs_in()).token
    hospital.clock.goes_on(minutes=6)
    assert await hospital.identity.sessions.sweep() == 1
    assert not await is_open(hospital, old)
    assert await is_open(hospital, new)
    assert await hospital.identity.sessions.sweep() == 0


async def test_a_log_in_that_a_change_of_the_user_overtook_is_refused(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    await hospital.employs()
    get = hospital.identity.users.get

    async def get_and_then_disable(user: str) -> Any:
        found = await get(user)
        monkeypatch.setattr(hospital.identity.users, "get", get)
        await hospital.identity.users.disable(CONSOLE, "anna")
        return found

    monkeypatch.setattr(hospital.identity.users, "get", get_and_then_disable)
    assert await hospital.fails_to_log_in(password=PASSWORD) == NotLoggedIn()


async def failing(hospital: Hospital) -> MemoryRecord:
    record = hospital.record
    if not isinstance(record, MemoryRecord):
        pytest.skip("only the memory store fails on request")
    record.fail_with(StoreFull("no room"))
    return record


async def test_sec_35_a_full_store_lets_nobody_in_and_keeps_nobody_from_looking(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    record = await failing(hospital)
    hospital.clock.goes_on(minutes=10)
    assert await is_open(hospital, token)
    hospital.clock.goes_on(minutes=10)
    assert await is_open(hospital, token)  # its use is remembered, though it cannot be written down
    with pytest.raises(StoreUnavailable):
        await hospital.identity.log_in_with_password("anna", PASSWORD, AT_TERMINAL_3)
    with pytest.raises(StoreUnavailable):
        await hospital.identity.log_off(token, AT_TERMINAL_3)
    assert not await is_open(hospital, token)
    record.fail_with(None)


async def test_sr_52_the_log_in_is_on_record_with_who_where_how_and_which_session(hospital: Hospital):
    await hospital.employs()
    actor = (await hospital.logs_in()).actor
    row = await hospital.last_row()
    assert (row.action, row.outcome, row.actor, row.at) == ("log-in", "success", "person/anna", EARLY)
    assert {"proof": "password", "session": actor.session}.items() <= detail_of(row).items()


steps = st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(View)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(steps=steps)
async def test_sec_14_no_session_is_used_beyond_its_time(steps: list[tuple[int, View]]):
    clock = WardClock(EARLY)
    record = MemoryRecord("node-a", clock)
    times = SessionTimes(idle_s=900, bedside_idle_s=180, longest_s=3600)
    identity = LocalIdentity(record, clock, Keys.of_secret(SECRET), times=times, passwords=Passwords(Cost(1, 8, 1)))
    hospital = Hospital(record, clock, identity)
    await hospital.identity.users.add(CONSOLE, "anna", "Maria Berg", {Role.NURSE}, badge=BADGE)
    answer = await identity.log_in_with_badge(BADGE, AT_TERMINAL_3)
    assert isinstance(answer, LoggedIn)
    age, last, alive = 0, View.DESK, True
    for wait_s, view in steps:
        clock.goes_on(seconds=wait_s)
        age += wait_s
        alive = alive and wait_s < (180 if last is View.BEDSIDE else 900) and age < 3600
        assert await is_open(hospital, answer.token, view) is alive
        last = view
    event("alive" if alive else "over")
    await record.close()
