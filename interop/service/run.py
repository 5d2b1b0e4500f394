"""``interop serve``: START HERE for the running server. The right to serve, store, releases, what was left undone, then the doors; and all of it back again.

    the only server of this store ─▶ store ─▶ releases (from the store only) ─▶ Conduct.start: what was left undone ─▶ mllp, fhir, pages, pumps
    SIGTERM ─▶ doors closed ─▶ what is in flight, bounded ─▶ Conduct.stop ─▶ store closed ─▶ another server may start

Each listener's address is printed when it listens, one a line.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

from interop.adapters.identity.local import LocalIdentity
from interop.conduct.hospital import Conduct
from interop.conduct.world import Releases
from interop.domain.errors import OurError
from interop.ports import Clock, Record, RecordError, SchemaMismatch, Serving, ServingLost, StoreClosed, StoreHealth, StoreState
from interop.service import releases, wiring
from interop.service.listeners import CannotListen, Door, open_fhir, open_mllp, open_pages, open_pumps
from interop.service.log import set_up
from interop.service.opening import served
from interop.service.people import identity_of
from interop.service.projections import keep_up
from interop.service.settings import Settings
from interop.service.settings_load import SecretUnreadable, SettingsUnsound, load_settings
from interop.service.world import SystemClock, TimeOrderedIds, WorldClock

log = logging.getLogger(__name__)

STOPPED, FAILED, WRONG_SETTINGS = 0, 1, 2

DOORS_S: Final = 10
"""How long the doors may take to finish what is under way, in seconds."""
PLANNING_S: Final = 5
YOUNG: Final = 10_000
"""How many objects are made, over those let go, before the collector looks for cycles among them."""
LOOK_S: Final = 5
"""How often it is looked whether another release was made active."""

Say = Callable[[str], None]


def serve(config: Path, *, say: Say, fail: Say, world_clock: Path | None = None) -> int:
    """Run the server of ``config`` until SIGTERM or SIGINT. ``say`` gets the addresses, ``fail`` why it did not start, a sentence at a time.

    ``world_clock``: the file of a demonstration's clock; only a demo lives by one (SEC-41).

    Returns: 0: it was stopped; 1: it cannot run now (a port, the store, another server of it); 2: a person must change something first (settings, schema, release).
    """
    try:
        settings = load_settings(config)
    except SettingsUnsound as fault:
        for sentence in fault.faults:
            fail(sentence)
        return WRONG_SETTINGS
    if world_clock is not None and not settings.demo.enabled:
        fail("[demo] enabled is false: only a demonstration lives by a world clock")
        return WRONG_SETTINGS
    with set_up(settings.log):
        try:
            clock = SystemClock() if world_clock is None else WorldClock(world_clock)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(run(settings, say, clock))
        except SchemaMismatch as fault:
            fail(f"{fault}: interop store migrate --config {config}")
            return WRONG_SETTINGS
        except (releases.NoRelease, releases.DamagedRelease, SecretUnreadable, ValueError) as fault:
            fail(str(fault))
            return WRONG_SETTINGS
        except (CannotListen, RecordError, OurError) as fault:
            fail(str(fault))
            return FAILED
        except OSError as fault:
            fail(f"{fault.filename or 'the system'}: {fault.strerror or type(fault).__name__}")
            return FAILED
    return STOPPED


async def run(settings: Settings, say: Say, clock: Clock | None = None) -> None:
    """The server, until it is told to stop. Raises: what keeps it from starting; ServingLost: another server owns the store now."""
    stopping = asyncio.Event()
    clock = clock or SystemClock()
    with _signals(stopping):
        async with served(settings, clock) as (record, serving):
            watch = asyncio.create_task(_watch_over(serving, stopping), name="serving")
            try:
                await _serve_until(stopping, settings, record, say, clock)
            finally:
                watch.cancel()
                await asyncio.wait([watch])
            if not watch.cancelled():
                watch.result()


async def _serve_until(stopping: asyncio.Event, settings: Settings, record: Record, say: Say, clock: Clock) -> None:
    """All that stands on the record, up and down again. Raises: what keeps it from starting."""
    ids = TimeOrderedIds()
    for caution in record.cautions:
        say(f"caution: {caution}")
    if record.cautions:
        log.warning("the store has cautions, which are said at the start", extra={"count": len(record.cautions)})
    end = record.watch(_told)
    ways = wiring.ways_of(settings)
    book = await releases.load_releases(record)
    conduct = wiring.conduct_of(settings, record, clock, ids, book, ways)
    watching: list[asyncio.Task[None]] = []
    doors: list[Door] = []
    try:
        if await _unless_stopped(conduct.start(), stopping):
            for name, runs in (("releases", _follow_releases(record, conduct, book)), ("projections", keep_up(record))):
                watching.append(asyncio.create_task(runs, name=name))
            await _open(settings, conduct, record, clock, ids, doors, say)
            _leave_what_stays()
            log.info("the server is ready", extra={"node": settings.node.name})
            await stopping.wait()
    finally:
        log.info("the server stops", extra={"node": settings.node.name})
        await asyncio.gather(*(door.stop(DOORS_S) for door in doors))
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await conduct.stop(PLANNING_S)
        for way in ways:
            if isinstance(way.send, wiring.ToListener):
                way.send.close()
        end()


async def _watch_over(serving: Serving, stopping: asyncio.Event) -> None:
    """The server stops when another one owns its store, and also when nobody watches over that. Raises: ServingLost."""
    try:
        await serving.lost()
    except ServingLost as other:
        log.critical("another server owns the store now; this one stops", extra={"node": other.holder.node, "since": other.holder.since})
        raise
    finally:
        stopping.set()


def _leave_what_stays() -> None:
    """The collector of cycles no longer walks through releases and modules, and looks at what is young less often: it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


async def _open(
    settings: Settings, conduct: Conduct, record: Record, clock: Clock, ids: TimeOrderedIds, doors: list[Door], say: Say
) -> None:
    """Open what is enabled, into ``doors``. Raises: CannotListen."""
    identity: LocalIdentity | None = None
    if settings.fhir.enabled or settings.pages.enabled:
        identity = identity_of(record, clock, settings.identity)
    if settings.mllp.enabled:
        _add(doors, await open_mllp(settings, conduct, clock, ids), say)
    if settings.fhir.enabled and identity is not None:
        _add(doors, await open_fhir(settings, conduct, identity), say)
    if settings.pages.enabled and identity is not None:
        _add(doors, await open_pages(settings, conduct, identity, record, clock), say)
    if settings.pumps.enabled and conduct.pumps is not None:
        _add(doors, await open_pumps(settings, conduct.pumps, record, clock), say)


def _add(doors: list[Door], door: Door, say: Say) -> None:
    doors.append(door)
    say(door.address)


async def _follow_releases(record: Record, conduct: Conduct, book: Releases) -> None:
    """A release that was made active is used from here on, on every node, without a restart."""
    known = releases.Named(book.active.library.ref.hash, book.active.mapping_hash)
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            named = await releases.in_force(record)
        except StoreClosed:
            return
        except RecordError as fault:
            log.warning("it cannot be looked for another release", extra={"error_type": type(fault)})
            continue
        if named is not None and named != known:
            known = await _use(named, known, record, conduct)


async def _use(named: releases.Named, known: releases.Named, record: Record, conduct: Conduct) -> releases.Named:
    """Which release needs no further look: the new one, also when it cannot be used; the former one when the store failed meanwhile."""
    try:
        conduct.use(await releases.load_releases(record))
    except RecordError as fault:
        log.warning("it cannot be looked for another release", extra={"error_type": type(fault)})
        return known
    except OurError:
        log.exception("the release that was made active cannot be used; the former one stays in force")
        return named
    log.info("another release is in force", extra={"library": named.library_hash, "mapping": named.mapping_hash})
    return named


async def _unless_stopped(starting: Coroutine[Any, Any, None], stopping: asyncio.Event) -> bool:
    """Whether it came to its end before the server was told to stop."""
    start = asyncio.ensure_future(starting)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([start, stop], return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            return True
        return False
    finally:
        start.cancel()
        stop.cancel()
        await asyncio.wait([start, stop])


def _told(health: StoreHealth) -> None:
    """The alert that commits fail; that they work again is told by conduct."""
    if health.state is StoreState.FAILING:
        log.error("the record takes no commits; nothing new is programmed", extra={"error_type": type(health.cause), "since": health.since})


@contextlib.contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopping.set)
    try:
        yield
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
