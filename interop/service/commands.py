"""The commands that work on a store and end: ``init``, ``release build``, ``store migrate``, ``rebuild``, ``users …``, ``clients …``, ``pumps …``.

Each opens the record of an interop.toml, does its work and says what came of it; what keeps it from that is one sentence and an exit code.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TextIO

from interop.adapters.store import feed
from interop.adapters.store.chain import verify_events
from interop.domain.errors import InteropError, OurError
from interop.domain.sender import Format
from interop.ports import Record, SchemaMismatch
from interop.service import people, pumps, releases
from interop.service.first_start import FirstSteps
from interop.service.init import CERTIFICATES, SiteUnsound, Wishes, init
from interop.service.opening import migrate_store, opened
from interop.service.projections import PROJECTIONS
from interop.service.settings import Settings
from interop.service.settings_load import SecretUnreadable, SettingsUnsound, load_settings
from interop.service.world import SystemClock
from interop.site.places import demo_site

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
REFUSED: Final = 3

Work = Callable[[Record, Settings, SystemClock], Awaitable[int]]


def init_folder(folder: Path, wishes: Wishes, *, out: TextIO, err: TextIO) -> int:
    """``interop init DIR``: exit 0: made or there; 1: the store or the disk failed; 2: wrong use; 3: the site is unsound."""

    async def run() -> int:
        clock = SystemClock()
        await init(folder, wishes, first_start=FirstSteps(clock), say=lambda line: _say(line, out), now=clock.now())
        return DONE

    return _ended(run, err)


def migrate(config: Path, *, out: TextIO, err: TextIO) -> int:
    """``interop store migrate``: brings the schema up, and makes a SQLite file that is missing."""

    async def run() -> int:
        settings, clock = load_settings(config), SystemClock()
        made = await FirstSteps(clock).migrate(settings)
        if not made:
            await migrate_store(settings, clock)  # a newer revision within the same head changes nothing
        _say("migrated the store" if made else "the store was up to date", out)
        return DONE

    return _ended(run, err)


def build_release(config: Path, site: Path | None, *, out: TextIO, err: TextIO) -> int:
    """``interop release build [SITE]``: exit 3 and every fault where the site is unsound."""

    async def work(record: Record, settings: Settings, clock: SystemClock) -> int:
        folder = site if site is not None else settings.site.folder if settings.site.folder is not None else demo_site()
        built = await releases.build(record, folder, clock.now(), people.console_actor().key)
        for warning in built.warnings:
            _say(warning, err)
        ref = built.release.library.ref
        _say(f"library {ref.id} {ref.version} {ref.hash}\nmapping {built.release.mapping_hash}", out)
        on_older = f", also on {built.carried} earlier librar{'y' if built.carried == 1 else 'ies'}" if built.carried else ""
        _say(f"made active{on_older}" if built.is_new else "in force already", out)
        return DONE

    return with_record(config, work, err=err)


def rebuild(config: Path, *, out: TextIO, err: TextIO) -> int:
    """``interop rebuild``: exit 3 where the chain of events is broken, and nothing is folded from it (SEC-27)."""

    async def work(record: Record, settings: Settings, clock: SystemClock) -> int:
        verdict = await verify_events(record)
        if not verdict.sound:
            _say(f"interop: the chain of events is broken at {verdict.broken_at}: {verdict.why}", err)
            return REFUSED
        for projection in PROJECTIONS:
            position = await feed.rebuild(record, projection)
            _say(f"rebuilt {projection.table} from {position} event{'' if position == 1 else 's'}", out)
        return DONE

    return with_record(config, work, err=err)


def clients_add(config: Path, client: str, sender: str, expires_in_days: int | None, *, out: TextIO, err: TextIO) -> int:
    """``interop clients add``: the sender must be a FHIR profile of the release in force."""

    async def work(record: Record, settings: Settings, clock: SystemClock) -> int:
        book = await releases.load_releases(record)
        known = {name for name, profile in book.newest().senders.items() if profile.format is not Format.HL7V2}
        if sender not in known:
            _say(f"interop: {sender} is no FHIR sender profile of the release in force: {', '.join(sorted(known)) or 'it has none'}", err)
            return WRONG_USE
        return await people.clients_add(record, clock, client, sender, out=out, expires_in_days=expires_in_days)

    return with_record(config, work, err=err)


def clients_revoke(config: Path, client: str, *, out: TextIO, err: TextIO) -> int:
    """``interop clients revoke``."""
    return with_record(config, lambda record, settings, clock: people.clients_revoke(record, clock, client, out=out), err=err)


def clients_list(config: Path, *, out: TextIO, err: TextIO) -> int:
    """``interop clients list``."""
    return with_record(config, lambda record, settings, clock: people.clients_list(record, clock, out=out), err=err)


def users_add(config: Path, new: people.NewUser, *, out: TextIO, err: TextIO) -> int:
    """``interop users add``."""

    def work(record: Record, settings: Settings, clock: SystemClock) -> Awaitable[int]:
        return people.users_add(record, clock, _identity_secret(settings), new, out=out)

    return with_record(config, work, err=err)


def users_disable(config: Path, user: str, *, out: TextIO, err: TextIO) -> int:
    """``interop users disable``."""

    def work(record: Record, settings: Settings, clock: SystemClock) -> Awaitable[int]:
        return people.users_disable(record, clock, _identity_secret(settings), user, out=out)

    return with_record(config, work, err=err)


def users_list(config: Path, *, out: TextIO, err: TextIO) -> int:
    """``interop users list``."""
    return with_record(config, lambda record, settings, clock: people.users_list(record, out=out), err=err)


def pumps_enroll(config: Path, models: Mapping[str, str], certificate: Path | None, *, out: TextIO, err: TextIO) -> int:
    """``interop pumps enroll``: ``models`` by the pumps' ids; each must be one of the release in force."""

    async def work(record: Record, settings: Settings, clock: SystemClock) -> int:
        book = await releases.load_releases(record)
        known = sorted(book.newest().pump_models)
        if unknown := [model for model in models.values() if model not in known]:
            _say(f"interop: {unknown[0]} is no pump model of the release in force: {', '.join(known) or 'it has none'}", err)
            return WRONG_USE
        new = pumps.NewPumps(models, config.absolute().parent / CERTIFICATES, certificate)
        return await pumps.enroll(record, clock, settings.pumps, new, out=out)

    return with_record(config, work, err=err)


def pumps_revoke(config: Path, pump: str, *, out: TextIO, err: TextIO) -> int:
    """``interop pumps revoke``."""
    return with_record(config, lambda record, settings, clock: pumps.revoke(record, clock, pump, out=out), err=err)


def pumps_list(config: Path, *, out: TextIO, err: TextIO) -> int:
    """``interop pumps list``."""
    return with_record(config, lambda record, settings, clock: pumps.show(record, clock, out=out), err=err)


def with_record(config: Path, work: Work, *, err: TextIO) -> int:
    """Do ``work`` on the record of ``config``, and give its exit code."""

    async def run() -> int:
        settings, clock = load_settings(config), SystemClock()
        async with opened(settings, clock) as record:
            return await work(record, settings, clock)

    return _ended(run, err, config)


def _identity_secret(settings: Settings) -> Path:
    """Raises: SecretUnreadable: the settings name none."""
    if settings.identity.secret_file is None:
        raise SecretUnreadable("identity.secret_file is not set")
    return settings.identity.secret_file


def _ended(run: Callable[[], Awaitable[int]], err: TextIO, config: Path | None = None) -> int:
    """The exit code, with one sentence a line for whatever went wrong and no trace."""

    async def whole() -> int:
        return await run()

    try:
        return asyncio.run(whole())
    except (SettingsUnsound, SiteUnsound) as fault:
        for sentence in fault.faults:
            _say(f"interop: {sentence}", err)
        return REFUSED if isinstance(fault, SiteUnsound) else WRONG_USE
    except SchemaMismatch as fault:
        _say(f"interop: {fault}: interop store migrate --config {config or 'interop.toml'}", err)
        return WRONG_USE
    except SecretUnreadable as fault:
        _say(f"interop: {fault}", err)
        return WRONG_USE
    except (OurError, ValueError) as fault:
        _say(f"interop: {fault}", err)
        return FAILED
    except InteropError as fault:
        _say(f"interop: refused: {fault}", err)
        return REFUSED
    except OSError as fault:
        _say(f"interop: {fault.filename or 'the system'}: {fault.strerror or type(fault).__name__}", err)
        return FAILED
    except KeyboardInterrupt:
        _say("interop: interrupted", err)
        return FAILED


def _say(text: str, out: TextIO) -> None:
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    out.flush()
