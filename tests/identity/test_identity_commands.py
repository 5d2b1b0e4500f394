"""The commands about people and systems, as they are typed."""

import io
from pathlib import Path
from typing import Any

import pytest
from persons import AT_TERMINAL_3, BADGE, EARLY, PASSWORD, SECRET, Hospital, WardClock

from interop.adapters.store.memory import MemoryRecord
from interop.domain.actor import LoggedIn, Role
from interop.ports import AuditRow, Commit
from interop.service import people
from interop.service.people import DONE, REFUSED, WRONG_USE, NewUser
from interop.service.settings import Identity

pytestmark = pytest.mark.anyio


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "identity.secret"
    path.write_text(SECRET + "\n", encoding="utf-8")
    return path


def answers(*given: str) -> Any:
    waiting = list(given)
    return lambda _question: waiting.pop(0)


async def adds(hospital: Hospital, secret_file: Path, new: NewUser, *given: str) -> tuple[int, str]:
    out = io.StringIO()
    code = await people.users_add(hospital.record, hospital.clock, secret_file, new, out=out, prompt=answers(*given))
    return code, out.getvalue()


ANNA = NewUser(id="anna", name="Maria Berg", roles=("nurse",))


async def test_a_user_is_added_with_a_password_from_the_prompt_and_logs_in(hospital: Hospital, secret_file: Path):
    code, told = await adds(hospital, secret_file, ANNA, PASSWORD, PASSWORD)
    assert (code, told) == (DONE, "added anna  enabled  nurse  by password  Maria Berg\n")
    identity = people.identity_of(hospital.record, hospital.clock, Identity(secret_file=secret_file))
    assert isinstance(await identity.log_in_with_password("anna", PASSWORD, AT_TERMINAL_3), LoggedIn)


async def test_sec_31_password_and_badge_come_from_files(hospital: Hospital, secret_file: Path, tmp_path: Path):
    password, badge = tmp_path / "password", tmp_path / "badge"
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    badge.write_text(BADGE + "\n", encoding="utf-8")
    new = NewUser(id="anna", name="Maria Berg", roles=("nurse",), password_file=password, badge_file=badge)
    code, told = await adds(hospital, secret_file, new)
    assert (code, told) == (DONE, "added anna  enabled  nurse  by password and badge  Maria Berg\n")
    identity = people.identity_of(hospital.record, hospital.clock, Identity(secret_file=secret_file))
    assert isinstance(await identity.log_in_with_badge(BADGE, AT_TERMINAL_3), LoggedIn)


async def test_a_user_may_have_a_badge_alone(hospital: Hospital, secret_file: Path):
    new = NewUser(id="anna", name="Maria Berg", roles=("nurse",), has_password=False, has_badge=True)
    assert await adds(hospital, secret_file, new, BADGE) == (DONE, "added anna  enabled  nurse  by badge  Maria Berg\n")


@pytest.mark.parametrize(
    ("new", "given", "code", "says"),
    [
        (ANNA, (PASSWORD, "another"), WRONG_USE, "not the same"),
        (ANNA, ("short", "short"), REFUSED, "12 to 256"),
        (NewUser(id="anna", name="x", roles=("doctor",)), (), WRONG_USE, "a role is one of administrator, analyst"),
        (NewUser(id="anna", name="x", roles=("pump",)), (), WRONG_USE, "a role is one of"),
        (NewUser(id="anna", name="x", roles=("analyst", "pharmacist")), (PASSWORD, PASSWORD), REFUSED, "no single person may both"),
        (NewUser(id="Anna", name="x", roles=("nurse",)), (PASSWORD, PASSWORD), REFUSED, "small letters"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(
    hospital: Hospital, secret_file: Path, new: NewUser, given: tuple[str, ...], code: int, says: str
):
    found, told = await adds(hospital, secret_file, new, *given)
    assert found == code
    assert says in told
    assert PASSWORD not in told
    assert await hospital.identity.users.get("anna") is None


async def test_sec_08_without_a_secret_nothing_is_done(hospital: Hospital, tmp_path: Path):
    code, told = await adds(hospital, tmp_path / "not there", ANNA, PASSWORD, PASSWORD)
    assert code == WRONG_USE
    assert "identity" not in told
    with pytest.raises(ValueError, match="secret_file is not set"):
        people.identity_of(hospital.record, hospital.clock, Identity())


async def test_users_are_listed_and_disabled(hospital: Hospital, secret_file: Path):
    out = io.StringIO()
    assert await people.users_list(hospital.record, out=out) == DONE
    assert out.getvalue() == "no users yet: interop users add\n"
    await hospital.employs("anna")
    out = io.StringIO()
    assert await people.users_disable(hospital.record, hospital.clock, secret_file, "anna", out=out) == DONE
    assert await people.users_disable(hospital.record, hospital.clock, secret_file, "boris", out=out) == REFUSED
    assert await people.users_list(hospital.record, out=out) == DONE
    assert out.getvalue().splitlines() == [
        "disabled anna  disabled  nurse  by password  Maria Berg",
        "refused: there is no user of this id",
        "anna  disabled  nurse  by password  Maria Berg",
    ]


async def test_sec_08_a_clients_token_is_shown_once_and_never_again(hospital: Hospital):
    out = io.StringIO()
    assert await people.clients_add(hospital.record, hospital.clock, "epic", "epic-r4", out=out, expires_in_days=30) == DONE
    *_, token = out.getvalue().splitlines()
    assert await hospital.identity.of_token(token, AT_TERMINAL_3) is not None
    out = io.StringIO()
    await people.clients_list(hospital.record, hospital.clock, out=out)
    assert out.getvalue() == (
        "epic  holds  until 2026-04-01T07:00+00:00  sender epic-r4  last used 2026-03-02T07:00+00:00\n"
    )  # fmt: skip
    assert await people.clients_revoke(hospital.record, hospital.clock, "epic", out=out) == DONE
    assert await people.clients_revoke(hospital.record, hospital.clock, "epic", out=out) == REFUSED
    assert await people.clients_add(hospital.record, hospital.clock, "epic", "epic-r4", out=out) == REFUSED
    assert await people.clients_add(hospital.record, hospital.clock, "other", "epic-r4", out=out, expires_in_days=10**9) == WRONG_USE
    assert token not in out.getvalue()
    assert await hospital.identity.of_token(token, AT_TERMINAL_3) is None


async def test_an_empty_list_of_clients_says_what_to_do(hospital: Hospital):
    out = io.StringIO()
    await people.clients_list(hospital.record, hospital.clock, out=out)
    assert out.getvalue() == "no clients yet: interop clients add\n"


async def test_the_first_administrator_is_there_once(hospital: Hospital, secret_file: Path):
    assert not await people.has_administrator(hospital.record)
    await people.add_administrator(hospital.record, hospital.clock, secret_file, "admin", PASSWORD)
    assert await people.has_administrator(hospital.record)
    there = await hospital.identity.users.get("admin")
    assert there is not None
    assert there.roles == (Role.ADMINISTRATOR,)


async def test_sr_06_a_command_is_done_by_somebody(hospital: Hospital, secret_file: Path):
    await adds(hospital, secret_file, ANNA, PASSWORD, PASSWORD)
    row = await hospital.last_row()
    assert row.actor.startswith("system/console-")


async def test_sec_35_the_audit_of_every_node_is_verified_and_a_broken_one_named(hospital: Hospital):
    await hospital.employs("anna")
    out = io.StringIO()
    assert await people.audit_verify(hospital.record, out=out) == DONE
    assert out.getvalue().startswith("node-a  1 rows  sound  ")


async def test_sec_35_an_audit_that_was_edited_is_broken():
    record = MemoryRecord("node-a", WardClock(EARLY))
    await record.commit(Commit(audit=(AuditRow(EARLY, "person/anna", "log-in", "success"),)))
    rows = record.audit_rows

    async def edited(*asked: Any) -> Any:
        from dataclasses import replace

        return tuple(replace(row, actor="person/boris") for row in await rows(*asked))

    record.audit_rows = edited  # type: ignore[method-assign]
    out = io.StringIO()
    assert await people.audit_verify(record, out=out) == REFUSED
    assert "BROKEN at row 1: changed" in out.getvalue()
    await record.close()
