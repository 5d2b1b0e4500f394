"""Pumps that run: each with its disk, its link and its faults, all on one event loop and one world clock.

A panel attaches here: ``pump-sim run --panel`` enters ``pump_sim.panel.serving(fleet, host, port)``, an async context manager that gives its address.
It asks ``fleet.view(pump_id)``, presses by ``fleet.press(pump_id, name, values)`` and is told of changes by ``fleet.listen``.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, Final

from pump_sim import keys
from pump_sim.clock import Clock, FileClock, WorldClock
from pump_sim.config import Config
from pump_sim.faults import AT_START, FAULTS, LATE_S, SKEW_MIN, Faults
from pump_sim.history import History
from pump_sim.keys import Key
from pump_sim.library import Library
from pump_sim.link import Link, tls_of
from pump_sim.machine import Output
from pump_sim.pump import Connected, Disconnected, Input, NewLibrary, Pump, Received, Tick
from pump_sim.store import DamagedStore, FileStore, MemoryStore, Store, line_of
from pump_sim.view import PumpView

log = logging.getLogger("pump_sim")

Changed = Callable[[str], None]
"""Called with the pump's id whenever its screen may differ."""

LONGEST_SLEEP_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Setup:
    """A fleet before it runs. ``pumps``: id → model. ``faults``: pump id → names. ``state``: folder of the pumps' disks; None: they forget.

    ``history``: folder of what they ever logged; None: it is not kept. ``world_clock``: the file that tells the time, instead of speed and epoch.
    """

    server: str
    pumps: Mapping[str, str]
    certificates: Path | None = None
    library: Library | None = None
    problem: str = ""
    state: Path | None = None
    history: Path | None = None
    care_area: str = ""
    speed: Fraction = Fraction(1)
    epoch: datetime | None = None
    world_clock: Path | None = None
    seed: int = 0
    ripple: bool = False
    faults: Mapping[str, tuple[str, ...]] | None = None
    injectable: bool = False


class Unit:
    """One running pump: carries out what the pure pump says, in its order."""

    def __init__(self, pump_id: str, setup: Setup, number: int, changed: Changed) -> None:
        """Raises: NoLink, UnknownFault, OSError; ValueError: the world clock's file, or the history's, is none."""
        names = (setup.faults or {}).get(pump_id, ())
        self.faults = Faults(names)
        self.config = Config(
            pump_id=pump_id,
            model=setup.pumps[pump_id],
            care_area=setup.care_area,
            serial=f"SIM-{number:05d}",
            ripple=setup.ripple,
            faults=setup.injectable,
            speed="" if setup.world_clock is not None else str(setup.speed),
            refuses="refuse-offer" in names,
        )
        self._setup, self._seed, self._changed = setup, setup.seed * 1_000_003 + number, changed
        self._library, self._problem = _library_under(self.faults, setup)
        minutes = sum(SKEW_MIN[name] for name in names if name in SKEW_MIN)
        skew = timedelta(minutes=minutes)
        world = setup.world_clock
        self.clock: Clock = WorldClock(setup.epoch, setup.speed, skew) if world is None else FileClock(world, skew)
        self._store = self._open_store()
        self.history = History(setup.history / f"{pump_id}.jsonl") if setup.history is not None else None
        if self.history is not None:
            self.history.catch_up(self._store.memory.frames.values())
        self.pump = self._pump_from_disk()
        tls = tls_of(setup.server, setup.certificates, pump_id)
        random = Random(self._seed)
        self.link = Link(setup.server, tls, opened=self._opened, heard=self._heard, lost=self._lost, random=random)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # ── for a panel ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def press(self, key: Key) -> str:
        """One key; the words say why it did nothing, empty: it did."""
        out = self.handle(key)
        if isinstance(key, keys.PowerOff | keys.PowerOn):
            self.link.switch(on=isinstance(key, keys.PowerOn))
        return out.refused

    def view(self) -> PumpView:
        return self.pump.view(self.clock.now())

    def cable(self, *, plugged: bool) -> str:
        """The network cable is out, or in again; a fault, so only where injection is on (SR-98)."""
        if not self.config.faults:
            return "Fault injection is off"
        self.link.switch(on=plugged)
        return ""

    def inject(self, name: str) -> str:
        """A fault by name from now on (``FAULTS``), ``cable-out``, ``cable-in`` or ``power-loss``; the words say why not (SR-98)."""
        if not self.config.faults:
            return "Fault injection is off"
        match name:
            case "cable-out" | "cable-in":
                return self.cable(plugged=name == "cable-in")
            case "power-loss":
                self._lose_power()
            case "no-library":
                self.load_library(None, "taken away by a fault")
            case _ if name in AT_START:
                return f"{name} is only there from the start: pump-sim run --fault {name}"
            case _ if name not in FAULTS:
                return f"there is no fault {name!r}: pump-sim faults lists them"
            case _:
                self.faults.on.add(name)
        return ""

    def load_library(self, library: Library | None, problem: str = "") -> None:
        """Another library, or none, is active from now on; kept over a power loss only by whoever runs the fleet."""
        self._library, self._problem = library, problem
        self.handle(NewLibrary(library, problem))

    # ── one input ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Switch it on and begin to look for the server."""
        self.handle(keys.PowerOn())
        self._spawn(self.link.run())

    def handle(self, what: Input) -> Output:
        """What the pump does with it, made durable and then sent."""
        out = self.pump.handle(what, self.clock.now())
        if self.faults.loses_before_writing(out.keep):
            self._lose_power()
            return out
        counts_told = any(frame["frame"] == "status" for frame in out.say)
        if out.keep or out.forget or out.tombstones or counts_told or not isinstance(what, Tick):
            self._store.write(line_of(out, self.pump.kept()))
        if self.history is not None:
            self.history.add(out.keep)
        for line in out.ignored:
            log.info("%s: ignored: %s", self.config.pump_id, line)
        self._send(out)
        self._schedule()
        if out.keep or out.say or not isinstance(what, Tick):
            self._changed(self.config.pump_id)
        return out

    def _send(self, out: Output) -> None:
        sent = self.faults.says(out.say)
        for frame in sent.now:
            self.link.say(frame)
        for frame in sent.late:
            asyncio.get_running_loop().call_later(LATE_S, self.link.say, frame)
        if sent.crash:
            asyncio.get_running_loop().call_soon(self._lose_power)
        elif sent.cut:
            self.link.cut()
        if out.close is not None:
            self._spawn(self.link.close(out.close))

    def _lose_power(self) -> None:
        """As ``kill -9`` does: what was not written never was, the link is gone, and the pump comes back from its disk."""
        self.link.cut()
        self._store.close()
        if isinstance(self._store, FileStore):
            self._store = self._open_store()
        self.pump = self._pump_from_disk()
        self.handle(keys.PowerOn())

    async def stop(self) -> None:
        """The process ends: to the pump it is as if power went; what it wrote comes back with the next."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self._store.close()
        if self.history is not None:
            self.history.close()

    # ── disk ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_store(self) -> Store:
        if self._setup.state is None:
            return MemoryStore()
        path = self._setup.state / f"{self.config.pump_id}.jsonl"
        try:
            return FileStore(path)
        except DamagedStore as error:
            log.error("%s: its memory is damaged, it begins another log: %s", self.config.pump_id, error)
            path.replace(path.with_suffix(".damaged"))
            return FileStore(path)

    def _pump_from_disk(self) -> Pump:
        pump = Pump(self.config, self._library, self._seed, problem=self._problem)
        memory = self._store.memory
        pump.remember(memory.state, memory.frames.values(), memory.forgotten, memory.tombstones.values())
        if memory.state is not None and self.faults.strikes("lost-log"):
            pump.lose_log()
        return pump

    # ── the link ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _opened(self) -> None:
        self.handle(Connected())

    def _heard(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except ValueError:
            frame = {}
        heard = self.faults.hears(frame if isinstance(frame, dict) else {})
        if heard.arrives:
            self.handle(Received(text))
            self.link.settled()
        if heard.crash:
            self._lose_power()
        elif heard.cut:
            self.link.cut()

    def _lost(self) -> None:
        self.handle(Disconnected())

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        now = self.clock.now()
        waits = [float(LONGEST_SLEEP_S)]
        due, word = self.pump.next_due(now), self.pump.next_word_due(now)
        if due is not None:
            waits.append(self.clock.real_seconds(due))
        if word is not None:
            waits.append(self.clock.link_seconds(word))
        self._timer = asyncio.get_running_loop().call_later(min(waits) + 0.0005, self.handle, Tick())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Fleet:
    """All pumps of one process, by id. Everything happens on the loop that called ``start``; a panel needs no lock."""

    def __init__(self, setup: Setup) -> None:
        """Raises: NoLink, UnknownFault, OSError, KeyError: no such model."""
        self.setup = setup
        self._listeners: list[Changed] = []
        self.units = {pump_id: Unit(pump_id, setup, number, self._tell) for number, pump_id in enumerate(setup.pumps, 1)}

    def listen(self, changed: Changed) -> Callable[[], None]:
        """Be called with a pump's id on every change; call what comes back to leave."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def press(self, pump_id: str, name: str, values: Mapping[str, str]) -> str:
        """A panel's press by name; the words say why it did nothing.

        Raises: KeyError: no such pump. BadKey.
        """
        return self.units[pump_id].press(keys.key_named(name, values))

    def view(self, pump_id: str) -> PumpView:
        """Raises: KeyError: no such pump."""
        return self.units[pump_id].view()

    def start(self) -> None:
        for unit in self.units.values():
            unit.start()

    async def stop(self) -> None:
        for unit in self.units.values():
            await unit.stop()

    def _tell(self, pump_id: str) -> None:
        for listener in tuple(self._listeners):
            listener(pump_id)


def pumps_of(count: int, model: str, ids: Iterable[str]) -> dict[str, str]:
    """``count`` pumps by the ids given, or ``PUMP-1`` on; ``mixed``: every third is a syringe pump."""
    named = [*ids] or [f"PUMP-{number}" for number in range(1, count + 1)]
    kinds = ("demo-lvp", "demo-lvp", "demo-syringe")
    return {pump_id: kinds[place % 3] if model == "mixed" else model for place, pump_id in enumerate(named[:count])}


def ids_in(certificates: Path) -> list[str]:
    """The pumps that have a certificate and a key in the folder."""
    there = sorted(path.stem for path in certificates.glob("*.pem") if path.with_suffix(".key").exists())
    return [name for name in there if name not in ("ca", "server")]


def _library_under(faults: Faults, setup: Setup) -> tuple[Library | None, str]:
    if "no-library" in faults.on:
        return None, "taken away by a fault"
    library = setup.library
    if library is not None and "wrong-library-hash" in faults.on:
        other = "".join("0123456789abcdef"[15 - int(digit, 16)] for digit in library.ref.hash)
        library = replace(library, ref=replace(library.ref, hash=other))
    return library, setup.problem
