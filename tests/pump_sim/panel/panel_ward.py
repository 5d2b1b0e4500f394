"""A running fleet with its panel and its control on ports of their own, in a thread of its own; the test speaks for the server and moves the time."""

import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

from pump_sim import panel
from pump_sim.clock import MICROSECONDS, Now, WorldClock
from pump_sim.fleet import Fleet, Setup, Unit
from pump_sim.library import Library
from pump_sim.panel.control import KEY_HEADER, controlling
from pump_sim.pump import Connected, Disconnected, Received, Tick
from pump_sim.view import ChannelView
from tests.pump_sim.ward import NURSE, dopamine_offer, library

T = TypeVar("T")
NOWHERE = "ws://127.0.0.1:9/pump-link/1"


class MovedClock:
    """The real time, and as much more as the test says."""

    factor = Fraction(1)

    def __init__(self) -> None:
        self._world, self._more_us = WorldClock(), 0

    def move(self, seconds: int) -> None:
        self._more_us += seconds * MICROSECONDS

    def now(self) -> Now:
        now = self._world.now()
        return replace(now, wall=now.wall + timedelta(microseconds=self._more_us), mono_us=now.mono_us + self._more_us)

    def real_seconds(self, world_us: int) -> float:
        return world_us / MICROSECONDS

    link_seconds = real_seconds


class PanelWard:
    """``PUMP-1`` has two channels, ``PUMP-2`` is a syringe pump."""

    def __init__(self, folder: Path, lib: Library | None = None, *, care_area: str = "ICU", **setup: Any) -> None:
        self.key_file = folder / "key"
        pumps = {"PUMP-1": "demo-lvp", "PUMP-2": "demo-syringe"}
        settings = {"library": lib or library(), "history": folder / "history", "injectable": True, "care_area": care_area, **setup}
        self._setup = Setup(NOWHERE, pumps, **settings)
        self._loop = asyncio.new_event_loop()
        self._is_up, self._ending = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()))
        self._thread.start()
        if not self._is_up.wait(20):
            raise RuntimeError("the fleet did not start")
        self.key = self.key_file.read_text(encoding="ascii").strip()

    async def _serve(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            self.fleet = Fleet(self._setup)
            self.clock = MovedClock()
            for unit in self.fleet.units.values():
                unit.clock = self.clock
            self.fleet.start()
            stack.push_async_callback(self.fleet.stop)
            self.panel = await stack.enter_async_context(panel.serving(self.fleet, "127.0.0.1", 0))
            self.control = await stack.enter_async_context(controlling(self.fleet, "127.0.0.1", 0, self.key_file))
            self._is_up.set()
            await self._ending.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(20)
        self._loop.close()

    # ── on the fleet's loop ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def on_loop(self, do: Callable[[], T]) -> T:
        async def doing() -> T:
            return do()

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(20)

    def unit(self, pump_id: str = "PUMP-1") -> Unit:
        return self.fleet.units[pump_id]

    def connect(self, pump_id: str = "PUMP-1") -> None:
        """The server is there, and has nothing of the log."""
        unit = self.unit(pump_id)
        self.on_loop(lambda: unit.handle(Connected()))
        self.acknowledge(0, pump_id)

    def disconnect(self, pump_id: str = "PUMP-1") -> None:
        self.on_loop(lambda: self.unit(pump_id).handle(Disconnected()))

    def acknowledge(self, up_to: int, pump_id: str = "PUMP-1") -> None:
        clock = "2026-03-02T08:00:00+00:00"
        self.hear({"frame": "ack", "log_id": self.unit(pump_id).pump.log_id, "up_to": up_to, "clock": clock, "heartbeat_s": 10}, pump_id)

    def hear(self, frame: dict[str, Any], pump_id: str = "PUMP-1") -> None:
        self.on_loop(lambda: self.unit(pump_id).handle(Received(json.dumps(frame))))

    def press(self, key: str, pump_id: str = "PUMP-1", /, **values: str) -> str:
        return self.on_loop(lambda: self.fleet.press(pump_id, key, values))

    def wait(self, seconds: int) -> None:
        """So much time passes for the pumps, at once."""
        self.clock.move(seconds)
        for unit in self.fleet.units.values():
            self.on_loop(lambda unit=unit: unit.handle(Tick()))

    def channel(self, channel_id: str = "A", pump_id: str = "PUMP-1") -> ChannelView:
        view = self.on_loop(lambda: self.fleet.view(pump_id))
        return next(each for each in view.channels if each.channel_id == channel_id)

    def anew(self) -> None:
        """Every pump as it was at first: nobody's, idle, on mains, connected."""
        for pump_id, unit in self.fleet.units.items():
            for channel_id in unit.pump.channels:
                for key in ("close_door", "clear_air", "release_occlusion", "load_set"):
                    self.press(key, pump_id, channel=channel_id)
                self.press("pause", pump_id, channel=channel_id, badge=NURSE)
            self.press("new_patient", pump_id, badge=NURSE)
            self.press("plug", pump_id)
            self.connect(pump_id)
            assert all(channel.state.name == "IDLE" for channel in unit.pump.channels.values())

    def running(self, offer: dict[str, Any] | None = None, pump_id: str = "PUMP-1") -> None:
        """An offer that was opened, confirmed and started."""
        offer = dopamine_offer() if offer is None else offer
        self.hear(offer, pump_id)
        for key in ("open_offer", "confirm", "start"):
            assert self.press(key, pump_id, channel=offer["channel_id"], badge=NURSE) == ""

    # ── by the control ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, method: str, path: str, body: dict[str, Any] | bytes | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and answer; with the key of this run unless ``headers`` say another."""
        connection = http.client.HTTPConnection(self.control.removeprefix("http://"), timeout=20)
        try:
            sent = json.dumps(body).encode() if isinstance(body, dict) else body
            connection.request(
                method, path, sent, {KEY_HEADER: self.key, **{name.replace("_", "-"): text for name, text in headers.items()}}
            )
            response = connection.getresponse()
            text = response.read()
            is_json = response.headers["Content-Type"] == "application/json"
            return response.status, json.loads(text) if is_json else {"error": text.decode()}
        finally:
            connection.close()

    def key_pressed(self, name: str, pump_id: str = "PUMP-1", /, **values: str) -> str:
        """One key by the control; the words why it did nothing."""
        status, said = self.ask("POST", f"/pumps/{pump_id}/keys", {"key": name, "values": values})
        assert status == 200, said
        refused: str = said["refused"]
        return refused
