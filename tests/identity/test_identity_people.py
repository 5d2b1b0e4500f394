"""Users, badges and passwords: who may log in, and what of it is kept."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from persons import AT_TERMINAL_3, BADGE, CONSOLE, EARLY, PASSWORD, SECRET, Hospital, WardClock, detail_of

from interop.adapters.identity.documents import USERS, DamagedDocument
from interop.adapters.identity.events import CODEC
from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import LONGEST, BadPassword, Cost, DamagedHash, Passwords, check_new
from interop.adapters.identity.users import BadgeInUse, BadUser, NotAllowed, UnknownUser, UserThere
from interop.adapters.store import open_record
from interop.domain.actor import Actor, Kind, LoggedIn, NotLoggedIn, Proof, Role
from interop.ports import Commit, Projected

pytestmark = pytest.mark.anyio

CHEAP = Cost(1, 8, 1)


async def test_sr_06_a_nurse_logs_in_with_her_password_and_is_known_by_id_role_and_session(hospital: Hospital):
    await hospital.employs("anna", Role.NURSE)
    actor = (await hospital.logs_in()).actor
    assert (actor.key, actor.name, actor.roles, actor.proof) == ("person/anna", "Maria Berg", {Role.NURSE}, Proof.PASSWORD)
    assert actor.session


async def test_a_user_may_write_the_id_in_capitals(hospital: Hospital):
    await hospital.employs("anna")
    assert (await hospital.logs_in(" Anna ")).actor.id == "anna"


async def test_a_nurse_logs_in_with_her_badge_alone(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    answer = await hospital.identity.log_in_with_badge(f" {BADGE}\r", AT_TERMINAL_3)
    assert isinstance(answer, LoggedIn)
    assert (answer.actor.id, answer.actor.proof) == ("anna", Proof.BADGE)


@pytest.mark.parametrize("badge", ["", "1", "0047110816", "x" * 129, "0047\0110815", "\ud800" * 10])
async def test_another_badge_is_nobodys(hospital: Hospital, badge: str):
    await hospital.employs("anna", badge=BADGE)
    assert await hospital.identity.log_in_with_badge(badge, AT_TERMINAL_3) == NotLoggedIn()


@pytest.mark.parametrize(
    ("user", "password"),
    [("anna", "wrong"), ("anna", ""), ("nobody", PASSWORD), ("", ""), ("anna", "x" * 100_000), ("\ud800", PASSWORD), ("anna", "\ud800")],
)
async def test_whatever_is_wrong_the_answer_is_the_same(hospital: Hospital, user: str, password: str):
    await hospital.employs("anna")
    assert await hospital.fails_to_log_in(user, password) == NotLoggedIn()


async def test_a_user_with_a_badge_only_has_no_password_that_fits(hospital: Hospital):
    await hospital.identity.users.add(CONSOLE, "anna", "Maria Berg", {Role.NURSE}, badge=BADGE)
    assert await hospital.fails_to_log_in("anna", "") == NotLoggedIn()


async def test_the_same_work_is_done_for_a_user_who_is_not_there(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    await hospital.employs("anna")
    worked: list[str] = []
    passwords = Passwords(CHEAP)
    verify = passwords._hasher.verify
    monkeypatch.setattr(
        type(passwords._hasher),
        "verify",
        lambda _, stored, given: (worked.append(stored), verify.__func__(passwords._hasher, stored, given))[1],
    )
    there = await hospital.identity.users.get("anna")
    assert there is not None
    for stored, given in ((there.password, "wrong"), ("", "wrong"), (there.password, "x" * (LONGEST + 1))):
        assert not (await passwords.verify(stored, given)).is_right
    assert len(worked) == 3
    assert {text.rsplit("$", 2)[0] for text in worked} == {"$argon2id$v=19$m=8,t=1,p=1"}


async def test_a_password_is_hashed_anew_when_the_cost_has_changed(hospital: Hospital):
    await hospital.employs("anna")
    dearer = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(2, 16, 1)))
    assert isinstance(await dearer.log_in_with_password("anna", PASSWORD, AT_TERMINAL_3), LoggedIn)
    there = await hospital.identity.users.get("anna")
    assert there is not None
    assert "m=16,t=2" in there.password
    assert isinstance(await dearer.log_in_with_password("anna", PASSWORD, AT_TERMINAL_3), LoggedIn)
    events = [CODEC.decode(row.body).type for row in await hospital.record.events("user/anna")]
    assert events == ["identity.user-added", "identity.password-rehashed"]
    await hospital.identity.users.set_roles(CONSOLE, "anna", {Role.ANALYST})  # the stream's version was kept in step


def test_sec_08_the_cost_of_a_hash_is_rfc_9106s_second_recommendation():
    assert Cost() == Cost(3, 64 * 1024, 4)


async def test_a_damaged_hash_lets_nobody_in_and_says_so():
    with pytest.raises(DamagedHash):
        await Passwords(CHEAP).verify("$argon2id$v=19$m=8,t=1,p=1$garbage", PASSWORD)


@pytest.mark.parametrize(
    "password", ["short", "", "x" * 257, "aaaaaaaaaaaaaaaa", "anna likes it here", "BERG is my own name", "twelve chars\n"]
)
def test_a_password_that_is_easily_guessed_is_not_taken(password: str):
    with pytest.raises(BadPassword) as refused:
        check_new(password, "anna", "Maria Berg")
    assert not password or password not in str(refused.value)


async def test_one_password_from_two_keyboards_is_one(hospital: Hospital):
    await hospital.employs("anna", password="quatre caf\u00e9s s'il vous pla\u00eet")
    await hospital.logs_in(password="quatre cafe\u0301s s'il vous plai\u0302t")


async def test_sec_08_sec_31_nothing_that_opens_a_door_is_in_the_record(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    token = (await hospital.logs_in()).token
    client = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    kept = [row.body + row.stream for row in await hospital.record.feed(0)] + [row.body for row in await hospital.audit()]
    for table in ("users", "badges", "sessions", "clients", "tokens"):
        documents = await hospital.record.projections(f"identity.{table}")
        assert documents
        kept += [key + document for key, document in documents]
    for secret in (PASSWORD, BADGE, token, client.token, SECRET):
        assert not [text for text in kept if secret in text]


async def test_sec_08_a_badge_is_hashed_with_the_secret_of_its_own_installation(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    elsewhere = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET + "!"), passwords=Passwords(CHEAP))
    assert await elsewhere.users.by_badge(BADGE) is None
    assert await hospital.identity.users.by_badge(BADGE) is not None


@pytest.mark.parametrize("secret", ["", "changeme", "x" * 31])
def test_sec_08_there_is_no_default_secret_and_none_too_short(secret: str):
    with pytest.raises(ValueError, match="at least 32"):
        Keys.of_secret(secret)


async def test_a_badge_belongs_to_one_user(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    await hospital.employs("boris")
    with pytest.raises(BadgeInUse):
        await hospital.identity.users.set_badge(CONSOLE, "boris", BADGE)
    with pytest.raises(BadgeInUse):
        await hospital.employs("carla", badge=BADGE)
    assert await hospital.identity.users.get("carla") is None


async def test_a_badge_moves_when_it_was_taken_back(hospital: Hospital):
    users = hospital.identity.users
    await hospital.employs("anna", badge=BADGE)
    await hospital.employs("boris")
    await users.set_badge(CONSOLE, "anna", "")
    assert await users.by_badge(BADGE) is None
    await users.set_badge(CONSOLE, "boris", BADGE)
    await users.set_badge(CONSOLE, "boris", BADGE)  # again, as after a lost answer
    found = await users.by_badge(BADGE)
    assert found is not None
    assert found.id == "boris"


async def test_two_give_one_badge_at_once_and_one_of_them_is_told(hospital: Hospital):
    for user in ("anna", "boris"):
        await hospital.employs(user)
    told = await asyncio.gather(
        *(hospital.identity.users.set_badge(CONSOLE, user, BADGE) for user in ("anna", "boris")), return_exceptions=True
    )
    assert sorted(type(answer).__name__ for answer in told) == ["BadgeInUse", "User"]


async def test_two_add_one_user_at_once_and_one_of_them_is_told(hospital: Hospital):
    told = await asyncio.gather(hospital.employs("anna"), hospital.employs("anna"), return_exceptions=True)
    assert {type(answer) for answer in told} == {type(None), UserThere}


async def test_two_change_one_user_at_once_and_both_changes_stand(hospital: Hospital):
    await hospital.employs("anna")
    users = hospital.identity.users
    await asyncio.gather(users.set_roles(CONSOLE, "anna", {Role.PHARMACIST}), users.set_badge(CONSOLE, "anna", BADGE))
    found = await users.by_badge(BADGE)
    assert found is not None
    assert found.roles == (Role.PHARMACIST,)


async def test_sec_13_an_id_is_not_given_twice(hospital: Hospital):
    await hospital.employs("anna")
    await hospital.identity.users.disable(CONSOLE, "anna")
    with pytest.raises(UserThere):
        await hospital.employs("anna")


@pytest.mark.parametrize("id", ["", "Anna", "anna berg", "anna\n", "-anna", "a" * 41, "änna", "anna/../boris", "*"])
async def test_an_id_that_could_be_mistaken_is_not_taken(hospital: Hospital, id: str):
    with pytest.raises(BadUser):
        await hospital.employs(id)


@pytest.mark.parametrize(
    "roles",
    [
        set(),
        {Role.PUMP},
        {Role.EHR_SYSTEM, Role.NURSE},
        {Role.ANALYST, Role.PHARMACIST},
        {Role.BIOMED, Role.PHARMACIST},
        {Role.ADMINISTRATOR, Role.AUDITOR},
    ],
)
async def test_sec_12_no_single_person_gets_roles_that_must_be_two_persons(hospital: Hospital, roles: set[Role]):
    users = hospital.identity.users
    with pytest.raises(BadUser):
        await users.add(CONSOLE, "anna", "Maria Berg", roles, password=PASSWORD)
    await hospital.employs("boris")
    with pytest.raises(BadUser):
        await users.set_roles(CONSOLE, "boris", roles)


async def test_a_user_without_password_and_badge_is_not_made(hospital: Hospital):
    with pytest.raises(BadUser):
        await hospital.identity.users.add(CONSOLE, "anna", "Maria Berg", {Role.NURSE})


async def test_a_disabled_user_does_not_log_in_and_an_enabled_one_does(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    await hospital.identity.users.disable(CONSOLE, "anna")
    assert await hospital.fails_to_log_in(password=PASSWORD) == NotLoggedIn()
    assert await hospital.identity.log_in_with_badge(BADGE, AT_TERMINAL_3) == NotLoggedIn()
    await hospital.identity.users.enable(CONSOLE, "anna")
    await hospital.logs_in()


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMINISTRATOR, Role.EHR_SYSTEM, Role.PUMP)])
async def test_sec_11_sec_33_who_may_not_manage_users_changes_none_and_the_attempt_is_on_record(hospital: Hospital, role: Role):
    await hospital.employs("anna", role)
    anna = Actor("anna", Kind.PERSON, frozenset({role}), Proof.PASSWORD)
    users = hospital.identity.users
    attempts = [
        users.add(anna, "boris", "Boris Klein", {Role.ADMINISTRATOR}, password=PASSWORD),
        users.set_roles(anna, "anna", {Role.ADMINISTRATOR}),
        users.disable(anna, "anna"),
        users.enable(anna, "anna"),
        users.set_password(anna, "anna", "another long password"),
        users.set_badge(anna, "anna", BADGE),
    ]
    for attempt in attempts:
        before = len(await hospital.audit())
        with pytest.raises(NotAllowed):
            await attempt
        row = await hospital.last_row()
        assert len(await hospital.audit()) == before + 1
        assert (row.actor, row.outcome, detail_of(row)["right"]) == ("person/anna", "failure", "manage users")
    assert await hospital.record.version("user/anna") == 1
    assert await users.get("boris") is None


async def test_sec_12_an_administrator_does_not_change_their_own_roles_nor_their_own_state(hospital: Hospital):
    await hospital.employs("adam", Role.ADMINISTRATOR)
    adam = (await hospital.logs_in("adam")).actor
    users = hospital.identity.users
    for attempt in (users.set_roles(adam, "adam", {Role.PHARMACIST}), users.disable(adam, "adam"), users.enable(adam, "adam")):
        with pytest.raises(NotAllowed):
            await attempt
    await users.set_password(adam, "adam", "another long password")


async def test_what_is_not_there_cannot_be_changed(hospital: Hospital):
    for user in ("nobody", "no body", ""):
        with pytest.raises(UnknownUser):
            await hospital.identity.users.disable(CONSOLE, user)


async def test_sr_52_every_change_of_a_user_is_an_event_and_an_audit_row_with_who_did_it(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    users = hospital.identity.users
    await users.set_roles(CONSOLE, "anna", {Role.ANALYST})
    await users.set_password(CONSOLE, "anna", "another long password")
    await users.set_badge(CONSOLE, "anna", "")
    await users.disable(CONSOLE, "anna")
    await users.enable(CONSOLE, "anna")
    events = [CODEC.decode(row.body) for row in await hospital.record.events("user/anna")]
    assert [event.type.removeprefix("identity.") for event in events] == [
        "user-added", "roles-set", "password-set", "badge-set", "user-disabled", "user-enabled"
    ]  # fmt: skip
    assert all(getattr(event, "by", "") == CONSOLE.key for event in events)
    rows = await hospital.audit()
    assert [row.action for row in rows] == ["user added", "roles changed", *["user changed"] * 4]
    assert {(row.actor, row.outcome, row.subject) for row in rows} == {(CONSOLE.key, "success", "user/anna")}


async def test_sec_30_the_audit_holds_no_name_of_a_person(hospital: Hospital):
    await hospital.employs("anna", name="Quendolyn Xaverius")
    await hospital.logs_in()
    assert not [row for row in await hospital.audit() if "Xaverius" in row.body or "Quendolyn" in row.body]


async def test_users_are_still_there_after_a_restart(tmp_path: Path):
    url, clock = f"sqlite:///{tmp_path / 'record.db'}", WardClock(EARLY)
    for is_first in (True, False):
        record = await open_record(url, node="node-a", clock=clock, migrate=True)
        identity = LocalIdentity(record, clock, Keys.of_secret(SECRET), passwords=Passwords(CHEAP))
        hospital = Hospital(record, clock, identity)
        if is_first:
            await hospital.employs("anna")
        await hospital.logs_in()
        await record.close()


async def test_sec_27_a_user_that_somebody_wrote_into_the_store_by_hand_is_not_guessed_at(hospital: Hospital):
    await hospital.employs("anna")
    there = await hospital.identity.users.get("anna")
    assert there is not None
    good = USERS.put("anna", replace(there, is_enabled=False)).document
    assert good is not None
    for damaged in ("{}", "[", good.replace("nurse", "god"), good.replace('"epoch":1', '"epoch":1.0')):
        await hospital.record.commit(Commit(projections=(Projected("identity.users", "anna", damaged),)))
        with pytest.raises(DamagedDocument):
            await hospital.identity.users.get("anna")
