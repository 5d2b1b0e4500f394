"""A simulated pump on the ward's virtual time: pump_sim's own machine, and a line to the server over the real frames of the link.

Every frame goes through JSON text both ways, written by one side and read by the other. The line breaks where the story says, with or without the
frame having arrived.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from interop.conduct.world import NotConnected, OutcomeUnknown
from interop.domain import pump as said
from interop.ports import RecordError
from interop.wire.link import reader, writer
from pump_sim import keys
from pump_sim.clock import MICROSECONDS, Now
from pump_sim.config import Config
from pump_sim.keys import Key
from pump_sim.library import Library
from pump_sim.machine import Output
from pump_sim.pump import Connected, Disconnected, Input, Pump, Received, Tick
from tests.conduct.ward import Hospital

Frame = dict[str, Any]


@dataclass(eq=False)
class Line:
    """One connection, as the server holds it. What the pump says is heard in its order; what the server says arrives a moment later."""

    pump_id: str
    of: "SimPump"
    server: Any
    frames: "asyncio.Queue[tuple[Frame, datetime]]" = field(default_factory=asyncio.Queue)
    up: bool = True

    async def send(self, frame: said.ToPump) -> None:
        """Raises: NotConnected, OutcomeUnknown."""
        if not self.up:
            raise NotConnected("the line is down")
        text = writer.write(frame)
        how = self.of.breaks("down", type(frame).__name__)
        if how == "before":
            self.of.drop()
            raise NotConnected("the line broke before it")
        self.of.on_frame(self.of, json.loads(text))
        if how != "lost":
            self.of.receive(text, self)
        if how:
            self.of.drop()
            raise OutcomeUnknown("the line broke with it, or behind it")

    def close(self, code: int, why: str) -> None:
        self.of.closed[code] += 1
        self.of.drop()

    async def hear(self) -> None:
        """The server's side of the line: one frame after the other."""
        while self.up:
            frame, arrived_at = await self.frames.get()
            word = reader.read(json.dumps(frame))
            try:
                if isinstance(word, said.Hello):
                    await self.server.hello(word, self, arrived_at)
                else:
                    await self.server.heard(self.pump_id, word, arrived_at)
            except RecordError:
                self.of.drop()


@dataclass
class SimPump:
    """``pressed`` tells every key and the words that it led to; ``truth`` every word that the pump ever noted, in order."""

    hospital: Hospital
    config: Config
    library: Library
    breaks: Callable[[str, str], str] = lambda way, what: ""
    on_word: Callable[["SimPump", Input, Frame], None] = lambda pump, what, word: None
    on_frame: Callable[["SimPump", Frame], None] = lambda pump, frame: None
    pump: Pump = field(init=False)
    line: Line | None = None
    truth: list[Frame] = field(default_factory=list)
    closed: Counter[int] = field(default_factory=Counter)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    reachable: bool = True

    def __post_init__(self) -> None:
        self.pump = Pump(self.config, self.library)

    @property
    def id(self) -> str:
        return self.config.pump_id

    def now(self) -> Now:
        return Now.at(self.hospital.clock.now(), int(asyncio.get_running_loop().time() * MICROSECONDS))

    def switch_on(self) -> None:
        self.do(keys.PowerOn())
        self.tasks.append(asyncio.create_task(self._live(), name=f"ehr pump {self.id}"))

    async def _live(self) -> None:
        """Ticks when something falls due, and calls the server again when the line is down."""
        again_at = 0.0
        while True:
            loop = asyncio.get_running_loop()
            if self.line is None and self.reachable and loop.time() >= again_at and self.hospital.conduct.pumps is not None:
                again_at = loop.time() + 2
                self.connect()
            now = self.now()
            dues = [due for due in (self.pump.next_due(now), self.pump.next_word_due(now)) if due is not None]
            wait = max(0.001, min([*dues, 1 * MICROSECONDS if self.line is None else 60 * MICROSECONDS]) / MICROSECONDS)
            try:
                async with asyncio.timeout(wait):
                    await self.wake.wait()
            except TimeoutError:
                pass
            self.wake.clear()
            self.do(Tick())

    def connect(self) -> None:
        if self.hospital.life.dead:
            return
        self.line = Line(self.id, self, self.hospital.conduct.pumps)
        self.tasks.append(asyncio.create_task(self.line.hear(), name=f"ehr line {self.id}"))
        self.do(Connected())

    def drop(self) -> None:
        """The line is gone, for both."""
        line, self.line = self.line, None
        if line is None:
            return
        line.up = False
        line.server.gone(self.id, line)
        self.do(Disconnected())

    def lose_power(self) -> None:
        """All of it, at this moment; what was noted is kept (SR-69)."""
        self.drop()
        self.pump = self.pump.after_power_loss()
        self.do(keys.PowerOn())

    def receive(self, text: str, line: Line) -> None:
        """A frame of the server arrives, if the line still stands."""
        asyncio.get_running_loop().call_soon(self._arrived, text, line)

    def _arrived(self, text: str, line: Line) -> None:
        self.do(Received(text))

    def press(self, key: Key) -> str:
        """The words why it did nothing; empty: it did."""
        return self.do(key).refused

    def do(self, what: Input) -> Output:
        out = self.pump.handle(what, self.now())
        for word in out.keep:
            self.truth.append(word)
            self.on_word(self, what, word)
        for frame in out.say:
            line = self.line
            if line is None:
                break
            how = self.breaks("up", f"{frame['frame']}")
            if how in ("before", "lost"):
                self.drop()
                break
            line.frames.put_nowait((frame, self.hospital.clock.now()))
            if how == "after":
                self.drop()
                break
        if out.close is not None:
            self.drop()
        if not isinstance(what, Tick):
            self.wake.set()
        return out
