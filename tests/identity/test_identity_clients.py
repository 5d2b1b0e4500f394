"""Bearer tokens of EHR systems: shown once, bound to a sender, worthless from the moment they are revoked."""

from datetime import timedelta

import pytest
from persons import AT_TERMINAL_3, CONSOLE, SECRET, Hospital, detail_of

from interop.adapters.identity.clients import BadClient, ClientThere, UnknownClient
from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.identity.users import NotAllowed
from interop.domain.actor import Actor, Kind, Proof, Role
from interop.ports import StoreUnavailable

pytestmark = pytest.mark.anyio


async def test_sec_01_a_token_says_which_system_and_which_sender(hospital: Hospital):
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    actor = await hospital.identity.of_token(new.token, AT_TERMINAL_3)
    assert actor == Actor("epic", Kind.SYSTEM, frozenset({Role.EHR_SYSTEM}), Proof.TOKEN, sender="epic-r4")
    assert new.token not in repr(new)


async def test_sec_08_two_tokens_are_never_the_same(hospital: Hospital):
    first = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    second = await hospital.identity.clients.add(CONSOLE, "epic-2", "epic-r4")
    assert first.token != second.token
    assert len(first.token) == len("interop_") + 43


async def test_a_revoked_token_is_worthless_at_once_and_on_every_node(hospital: Hospital):
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    other = LocalIdentity(hospital.record, hospital.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(1, 8, 1)))
    assert await other.of_token(new.token, AT_TERMINAL_3) is not None
    await hospital.identity.clients.revoke(CONSOLE, "epic")
    assert await hospital.identity.of_token(new.token, AT_TERMINAL_3) is None
    assert await other.of_token(new.token, AT_TERMINAL_3) is None
    with pytest.raises(UnknownClient):
        await hospital.identity.clients.revoke(CONSOLE, "epic")
    with pytest.raises(ClientThere):
        await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")


async def test_a_token_expires_to_the_second(hospital: Hospital):
    until = hospital.clock.now() + timedelta(days=1)
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4", expires_at=until)
    hospital.clock.goes_on(hours=23, minutes=59, seconds=59)
    assert await hospital.identity.of_token(new.token, AT_TERMINAL_3) is not None
    hospital.clock.goes_on(seconds=1)
    assert await hospital.identity.of_token(new.token, AT_TERMINAL_3) is None


async def test_when_a_token_was_last_used_is_known_to_the_minute(hospital: Hospital):
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    first = hospital.clock.now()
    for _ in range(3):
        assert await hospital.identity.of_token(new.token, AT_TERMINAL_3) is not None
        hospital.clock.goes_on(seconds=25)
    (client,) = await hospital.identity.clients.all()
    assert client.used_at == first
    await hospital.identity.of_token(new.token, AT_TERMINAL_3)
    (client,) = await hospital.identity.clients.all()
    assert client.used_at == hospital.clock.now()


@pytest.mark.parametrize(
    "token", ["", "interop_", "interop_" + "x" * 43, "x" * 51, "interop_" + "ä" * 43, "interop_" + "x" * 10**6, "Bearer x"]
)
async def test_a_made_up_token_is_nobodys(hospital: Hospital, token: str):
    await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    assert await hospital.identity.of_token(token, AT_TERMINAL_3) is None


@pytest.mark.parametrize(("client", "sender"), [("", "a"), ("a b", "a"), ("a", ""), ("a", "a/b"), ("a" * 65, "a"), ("a\n", "a")])
async def test_a_client_has_a_name_and_a_sender(hospital: Hospital, client: str, sender: str):
    with pytest.raises(BadClient):
        await hospital.identity.clients.add(CONSOLE, client, sender)


async def test_a_token_that_has_expired_is_not_made(hospital: Hospital):
    with pytest.raises(BadClient):
        await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4", expires_at=hospital.clock.now())


async def test_sec_11_sec_33_only_who_manages_clients_makes_and_revokes_them(hospital: Hospital):
    await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    for role in Role:
        if role in (Role.ADMINISTRATOR, Role.EHR_SYSTEM, Role.PUMP):
            continue
        anna = Actor("anna", Kind.PERSON, frozenset({role}), Proof.PASSWORD)
        for attempt in (hospital.identity.clients.add(anna, "mine", "epic-r4"), hospital.identity.clients.revoke(anna, "epic")):
            with pytest.raises(NotAllowed):
                await attempt
            row = await hospital.last_row()
            assert (row.actor, row.outcome, detail_of(row)["right"]) == ("person/anna", "failure", "manage clients")
    assert [client.id for client in await hospital.identity.clients.all()] == ["epic"]


async def test_sr_52_who_made_and_revoked_a_client_is_on_record(hospital: Hospital):
    await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    await hospital.identity.clients.revoke(CONSOLE, "epic")
    rows = await hospital.audit()
    assert [(row.action, row.actor, row.subject) for row in rows] == [
        ("client added", CONSOLE.key, "client/epic"),
        ("client revoked", CONSOLE.key, "client/epic"),
    ]
    assert detail_of(rows[0])["sender"] == "epic-r4"


async def test_where_tokens_cannot_be_looked_up_nobody_is_let_in(hospital: Hospital):
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    await hospital.record.close()
    with pytest.raises(StoreUnavailable):
        await hospital.identity.of_token(new.token, AT_TERMINAL_3)
