"""The commands about people and systems: ``interop users …`` and ``interop clients …``, and the first administrator of ``interop init``.

Each takes an open record and writes what it did to ``out``; a secret comes from a file or a prompt and never from the command line (SEC-31).
They return 0: done, 2: wrong use, 3: refused, with the reason as the last line of ``out``.
"""

import getpass
import os
import pwd
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from interop.adapters.identity.clients import Clients
from interop.adapters.identity.documents import USERS, Client, User
from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Passwords
from interop.adapters.identity.sessions import SessionTimes
from interop.adapters.identity.users import Users
from interop.adapters.store.chain import verify_audit
from interop.domain.actor import PERSONAL, Actor, Kind, Proof, Role
from interop.domain.errors import SenderError
from interop.ports import Clock, Record
from interop.service.settings import Identity
from interop.service.settings_load import SecretUnreadable, read_secret

DONE: Final = 0
WRONG_USE: Final = 2
REFUSED: Final = 3
MOST_DAYS: Final = 3660

Prompt = Callable[[str], str]
"""Asks for a secret without showing it, as ``getpass.getpass`` does."""


def console_actor(role: Role = Role.ADMINISTRATOR) -> Actor:
    """Who runs a command on this machine: whoever may read its secrets may manage its users, and its pumps as ``Role.BIOMED``.

    The id is the operating system's, not the environment's.
    """
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user without a name
        name = str(os.geteuid())
    return Actor(f"console-{re.sub(r'[^A-Za-z0-9]', '-', name).strip('-') or 'user'}", Kind.SYSTEM, frozenset({role}), Proof.CONSOLE)


def keys_from(secret_file: Path) -> Keys:
    """The keys of identity. Raises: SecretUnreadable, ValueError: too short."""
    return Keys.of_secret(read_secret(secret_file))


def identity_of(record: Record, clock: Clock, settings: Identity) -> LocalIdentity:
    """Identity as the doors need it. Raises: SecretUnreadable; ValueError: the secret is too short, or ``secret_file`` is not set."""
    if settings.secret_file is None:
        raise ValueError("identity.secret_file is not set")
    times = SessionTimes(settings.log_off_after_idle_s, settings.bedside_log_off_after_idle_s, settings.session_s)
    return LocalIdentity(record, clock, keys_from(settings.secret_file), times=times)


async def has_administrator(record: Record) -> bool:
    """Whether somebody can manage users already; asks for no secret."""
    return any(user.is_enabled and Role.ADMINISTRATOR in user.roles for user in await USERS.all(record))


async def add_administrator(record: Record, clock: Clock, secret_file: Path, user: str, password: str) -> None:
    """The first administrator. Raises: BadUser, BadPassword, UserThere, SecretUnreadable, ValueError."""
    users = Users(record, clock, keys_from(secret_file), Passwords())
    await users.add(console_actor(), user, user, {Role.ADMINISTRATOR}, password=password)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """The options of ``users add``. A password comes from its file or, with ``has_password``, from the prompt; a badge from its file or the prompt."""

    id: str
    name: str
    roles: Sequence[str]
    password_file: Path | None = None
    badge_file: Path | None = None
    has_password: bool = True
    has_badge: bool = False


async def users_add(record: Record, clock: Clock, secret_file: Path, new: NewUser, *, out: TextIO, prompt: Prompt = getpass.getpass) -> int:
    """``interop users add ID --name NAME --role ROLE…``."""

    async def run() -> str:
        roles = _roles_of(new.roles)
        password = _secret(new.password_file, prompt, f"Password of {new.id}", twice=True) if new.password_file or new.has_password else ""
        badge = _secret(new.badge_file, prompt, f"Badge of {new.id}: scan it", twice=False) if new.badge_file or new.has_badge else ""
        users = Users(record, clock, keys_from(secret_file), Passwords())
        user = await users.add(console_actor(), new.id, new.name, roles, password=password, badge=badge)
        return f"added {_line_of_user(user)}"

    return await _told(run, out)


async def users_disable(record: Record, clock: Clock, secret_file: Path, user: str, *, out: TextIO) -> int:
    """``interop users disable ID``: no log-in from now on, and open sessions end."""

    async def run() -> str:
        disabled = await Users(record, clock, keys_from(secret_file), Passwords()).disable(console_actor(), user)
        return f"disabled {_line_of_user(disabled)}"

    return await _told(run, out)


async def users_list(record: Record, *, out: TextIO) -> int:
    """``interop users list``: one a line: id, state, roles, how they log in, name."""
    users = await USERS.all(record)
    for user in users:
        print(_line_of_user(user), file=out)
    if not users:
        print("no users yet: interop users add", file=out)
    return DONE


async def clients_add(record: Record, clock: Clock, client: str, sender: str, *, out: TextIO, expires_in_days: int | None = None) -> int:
    """``interop clients add ID --sender PROFILE``: the token is the last line of ``out``, this once; who keeps the profiles checks that there is one."""

    async def run() -> str:
        if expires_in_days is not None and not 1 <= expires_in_days <= MOST_DAYS:
            raise WrongUse(f"a token expires in 1 to {MOST_DAYS} days, or not at all")
        expires_at = None if expires_in_days is None else clock.now() + timedelta(days=expires_in_days)
        new = await Clients(record, clock).add(console_actor(), client, sender, expires_at=expires_at)
        return f"added {_line_of_client(new.client, clock.now())}\nits token, shown only now:\n{new.token}"

    return await _told(run, out)


async def clients_revoke(record: Record, clock: Clock, client: str, *, out: TextIO) -> int:
    """``interop clients revoke ID``: the token holds no longer."""

    async def run() -> str:
        return f"revoked {_line_of_client(await Clients(record, clock).revoke(console_actor(), client), clock.now())}"

    return await _told(run, out)


async def clients_list(record: Record, clock: Clock, *, out: TextIO) -> int:
    """``interop clients list``: one a line: id, state, sender profile, when last used; never a token."""
    clients = await Clients(record, clock).all()
    for client in clients:
        print(_line_of_client(client, clock.now()), file=out)
    if not clients:
        print("no clients yet: interop clients add", file=out)
    return DONE


async def audit_verify(record: Record, *, out: TextIO) -> int:
    """Follow every node's audit chain to its head (SEC-35): one line a node, with its number of rows and the digest to keep off this host."""
    is_sound = True
    for node in await record.audit_nodes():
        verdict = await verify_audit(record, node)
        seq, digest = await record.audit_head(node)
        told = "sound" if verdict.sound else f"BROKEN at row {verdict.broken_at}: {verdict.why}"
        print(f"{node}  {seq} rows  {told}  {digest.hex()}", file=out)
        is_sound = is_sound and verdict.sound
    return DONE if is_sound else REFUSED


async def _told(run: Callable[[], Awaitable[str]], out: TextIO) -> int:
    try:
        told = await run()
    except SenderError as refused:
        print(f"refused: {refused}", file=out)
        return REFUSED
    except (SecretUnreadable, WrongUse, ValueError) as wrong:
        print(f"not done: {wrong}", file=out)
        return WRONG_USE
    print(told, file=out)
    return DONE


class WrongUse(Exception):
    """The command was not used as it must be; says how."""


def _roles_of(names: Sequence[str]) -> frozenset[Role]:
    known = {role.value: role for role in PERSONAL}
    for name in names:
        if name not in known:
            raise WrongUse(f"a role is one of {', '.join(sorted(known))}")
    return frozenset(known[name] for name in names)


def _secret(file: Path | None, prompt: Prompt, question: str, *, twice: bool) -> str:
    if file is not None:
        return read_secret(file)
    given = prompt(f"{question}: ")
    if twice and prompt(f"{question}, again: ") != given:
        raise WrongUse("the two were not the same")
    return given


def _line_of_user(user: User) -> str:
    by = " and ".join(word for word, there in (("password", user.password), ("badge", user.badge)) if there)
    state = "enabled" if user.is_enabled else "disabled"
    return f"{user.id}  {state}  {','.join(role.value for role in user.roles)}  by {by}  {user.name}"


def _line_of_client(client: Client, now: datetime) -> str:
    is_over = client.expires_at is not None and client.expires_at <= now
    state = "revoked" if client.revoked_at else "expired" if is_over else "holds"
    until = "" if client.expires_at is None else f"  until {_minute(client.expires_at)}"
    used = "never used" if client.used_at is None else f"last used {_minute(client.used_at)}"
    return f"{client.id}  {state}{until}  sender {client.sender}  {used}"


def _minute(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
