"""Figures of the pump link: statuses in and durable, beside a bare echo. ``python benchmarks/status.py [--json] [--seconds N] [--links N…] [--in-clear]``

Each link says so many statuses of two running channels, then one word of its log, and waits until that is acknowledged; words of one pump are taken in
their order, so all statuses before it have been taken as well. Three servers stand the same load in turn, each a process of its own on one core, the
load generator this one on the other:

- ``interop serve``: conduct keeps the newest status of each pump and puts it on file soon after; it is waited until the last of every pump is in the
  database, and that wait is within the time.
- a stand-in for conduct behind the same door, which takes no status before its row is committed by our own store: every status durable by itself.
- a bare ``websockets`` server that echoes each frame.

Target: 3,000 statuses/s. A million additions take 30 ms on the quiet machine for which it is meant; the time that they took is told beside.
"""

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from receive import CORES, LOAD_CORE, cpu_s, pinned, settle  # noqa: E402
from timing import busy  # noqa: E402

from tests.server import machine  # noqa: E402

T = TypeVar("T")

SERVER_CORE = CORES[0]
TARGET = 3000
STATUSES = 20  # for one word of the log: four status periods of a pump without a key press
AT = "2026-03-02T10:15:12+01:00"
LAST = "the last one"
OPEN_LIMITS = "max_before_hello = 8192\nmax_before_hello_per_address = 8191\nmax_frames_per_s = 1000000\nburst_frames = 1000000\n"

STAND_IN = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from interop.conduct.pump_state import PumpNow
from interop.domain import pump as said
from interop.ports import Commit, Priority
from interop.service.listeners import open_pumps
from interop.service.opening import opened
from interop.service.settings_load import load_settings
from interop.service.world import SystemClock

SKEW_LIMIT = timedelta(seconds=30)

class StandIn:
    def __init__(self, record, clock):
        self.record, self.clock, self.links, self.now = record, clock, {}, {}
    async def hello(self, hello, link, arrived_at):
        self.links[hello.pump_id] = link
        self.now[hello.pump_id] = PumpNow.of(hello, arrived_at, None, SKEW_LIMIT)
        await link.send(said.Ack(hello.log.log_id, 0, self.clock.now()))
    async def heard(self, pump_id, word, arrived_at):
        if isinstance(word, said.Status):
            self.now[pump_id] = now = self.now[pump_id].told(word).timed(word.clock, arrived_at, SKEW_LIMIT)
            await self.record.commit(Commit(projections=(now.row(),), priority=Priority.PUMP))
        elif isinstance(word, said.LogWord):
            await self.links[pump_id].send(said.Ack(word.log_id, word.number, self.clock.now()))
    def gone(self, pump_id, link):
        pass

async def main(config):
    settings, clock = load_settings(Path(config)), SystemClock()
    async with opened(settings, clock) as record:
        door = await open_pumps(settings, StandIn(record, clock), record, clock)
        print(door.address, flush=True)
        await asyncio.Event().wait()

import uvloop
uvloop.run(main(sys.argv[1]))
"""

ECHO = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from interop.doors.mllp_tls import server_context

async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass

async def main(folder):
    tls = None
    if folder:
        folder = Path(folder)
        tls = server_context(certificate=folder / "server.pem", key=folder / "server.key", client_authorities=folder / "pump-ca.pem")
    server = await serve(echo, "127.0.0.1", 0, ssl=tls, compression=None, ping_interval=None, subprotocols=["interop.pump-link.1"])
    port = server.sockets[0].getsockname()[1]
    print(f"pumps {'wss' if tls else 'ws'}://127.0.0.1:{port}/pump-link/1", flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else ""))
"""


def run_on_load_core(story: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story)


def channel(name: str, delivered: str, care_area: str) -> dict[str, Any]:
    amounts = {"rate": ("30", "mL/h"), "set_rate": ("30", "mL/h"), "dose_rate": ("10", "ug/kg/min"), "weight": ("80", "kg")}
    amounts |= {"vtbi": ("250", "mL"), "vtbi_left": ("200.4", "mL"), "delivered": (delivered, "mL"), "concentration": ("1.6", "mg/mL")}
    run = {"infusion_id": f"I-{name}", "drug": "dopamine", "tallman": "DOPamine"}
    return {
        "channel_id": name,
        "mode": "LVP",
        "state": "infusing",
        "care_area": care_area,
        "alarms": [],
        "run": {**run, **{key: {"value": value, "unit": unit} for key, (value, unit) in amounts.items()}},
    }


def status(number: int, care_area: str = "ICU") -> str:
    delivered = f"{number // 10}.{number % 10}" if number % 10 else f"{number // 10}"
    channels = [channel(name, delivered, care_area) for name in "AB"]
    return json.dumps({"frame": "status", "clock": AT, "power": "mains", "channels": channels})


SAID = [status(number) for number in range(1, 200)]


def hello(pump: str, log: str) -> str:
    told = {"frame": "hello", "protocol": 1, "pump_id": pump, "model": "demo-lvp", "clock": AT, "library": None, "can": []}
    idle = [{"channel_id": name, "mode": "LVP", "state": "idle", "alarms": []} for name in "AB"]
    return json.dumps({**told, "log": {"log_id": log, "first": 1, "next": 1}, "channels": idle})


class Pump:
    """One link that says its statuses in batches and waits for the acknowledgement, or for its echoes."""

    def __init__(self, socket: ClientConnection, pump: str, log: str, is_echoed: bool) -> None:
        self.socket, self.pump, self.log, self.is_echoed = socket, pump, log, is_echoed
        self.said = self.number = 0

    async def greet(self) -> None:
        await self.socket.send(hello(self.pump, self.log))
        await self.answered(0)

    async def answered(self, number: int) -> None:
        while True:
            text = str(await self.socket.recv())
            if self.is_echoed or (text.startswith('{"frame":"ack"') and f'"up_to":{number},' in text):
                return

    async def batch(self, *texts: str) -> None:
        self.number += 1
        event = json.dumps({"frame": "event", "kind": "network_regained", "log_id": self.log, "number": self.number, "at": AT})
        for text in (*texts, event):
            await self.socket.send(text)
        for _ in range(len(texts) if self.is_echoed else 0):
            await self.socket.recv()
        await self.answered(self.number)
        self.said += len(texts)

    async def until(self, end: float) -> None:
        while time.perf_counter() < end:
            first = self.said % (len(SAID) - STATUSES)
            await self.batch(*SAID[first : first + STATUSES])
        await self.batch(status(1, LAST))


async def told(
    address: str, contexts: list[ssl.SSLContext | None], seconds: float, name: str, is_echoed: bool, database: Path | None
) -> tuple[int, float]:
    """(statuses, seconds): from the first status until the last of every pump has been taken and, with ``database``, is in it."""
    pumps: list[Pump] = []
    try:
        for number, tls in enumerate(contexts, 1):
            more: dict[str, Any] = {} if tls is None else {"ssl": tls}
            socket = await connect(address, subprotocols=["interop.pump-link.1"], compression=None, ping_interval=None, **more)  # type: ignore[list-item]
            pumps.append(Pump(socket, f"PUMP-{number}", f"{name}-{number}", is_echoed))
            await pumps[-1].greet()
        start = time.perf_counter()
        await asyncio.gather(*(pump.until(start + seconds) for pump in pumps))
        while database is not None and on_file(database) < len(pumps):
            await asyncio.sleep(0.002)
        return sum(pump.said for pump in pumps), time.perf_counter() - start
    finally:
        for pump in pumps:
            pump.socket.transport.abort()


def on_file(database: Path) -> int:
    """How many pumps have their last status in the database."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM projections WHERE name = 'pump' AND document LIKE ?", (f"%{LAST}%",)).fetchone()
    connection.close()
    return int(count)


def prepared(folder: Path, links: int, in_clear: bool) -> Path:
    config = machine.init(folder / "server", *(["--demo", "--clear-text"] if in_clear else []))
    ids = [f"PUMP-{number}" for number in range(1, links + 1)]
    machine.command("pumps", "enroll", *ids, "--model", "demo-lvp", "--config", config)
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("\n[pumps]\n", f"\n[pumps]\n{OPEN_LIMITS}", 1), encoding="utf-8")
    return config


def shown(config: Path, links: int) -> list[ssl.SSLContext | None]:
    """What each pump shows."""
    contexts: list[ssl.SSLContext | None] = []
    for number in range(1, links + 1):
        context = ssl.create_default_context(cafile=str(config.parent / "certificates/ca.pem"))
        pair = config.parent / f"certificates/pumps/PUMP-{number}"
        context.load_cert_chain(f"{pair}.pem", f"{pair}.key")
        contexts.append(context)
    return contexts


class Script:
    """A server of the benchmark's own."""

    def __init__(self, source: str, argument: str) -> None:
        command = [*pinned(SERVER_CORE), sys.executable, "-c", source, *([argument] if argument else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[1]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def measure(folder: Path, counts: list[int], seconds: float, rounds: int, in_clear: bool) -> list[dict[str, Any]]:
    config = prepared(folder, max(counts), in_clear)
    contexts = [None] * max(counts) if in_clear else shown(config, max(counts))
    apart = machine.copied(config, folder / "apart")
    echo = Script(ECHO, "" if in_clear else str(config.parent / "certificates"))
    stand_in = Script(STAND_IN, str(apart))
    server = machine.start(config, before=pinned(SERVER_CORE)).ready()
    ways = [
        ("interop serve", server.address("pumps"), server.process.pid, False, config.parent / "interop.db"),
        ("stand-in, each status committed", stand_in.address, stand_in.process.pid, False, apart.parent / "interop.db"),
        ("bare echo", echo.address, echo.process.pid, True, None),
    ]
    rows: list[dict[str, Any]] = []
    run = 0
    try:
        for links in sorted(counts):
            found: dict[str, list[dict[str, float]]] = {name: [] for name, *_ in ways}
            for _ in range(rounds):
                for name, address, pid, is_echoed, database in ways:
                    run += 1
                    cpu, own = cpu_s(pid), cpu_s(os.getpid())
                    count, took = run_on_load_core(told(address, contexts[:links], seconds, f"R{run}", is_echoed, database))
                    cpu, own = cpu_s(pid) - cpu, cpu_s(os.getpid()) - own
                    found[name].append(
                        {"per_s": count / took, "cpu_us": cpu * 1e6 / count, "server": cpu / took, "load": own / took, "busy_ms": busy()}
                    )
                    for each in (server.process.pid, stand_in.process.pid, echo.process.pid):
                        settle(each)
            for name in found:
                median = sorted(found[name], key=lambda each: each["per_s"])[len(found[name]) // 2]
                rows.append({"links": links, "what": name, "best_per_s": round(max(each["per_s"] for each in found[name])), **median})
    finally:
        server.kill()
        stand_in.kill()
        echo.kill()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--links", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--in-clear", action="store_true", help="without TLS")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), arguments.links, arguments.seconds, arguments.rounds, arguments.in_clear)
    result = {"cores": len(CORES), "tls": not arguments.in_clear, "target_per_s": TARGET, "figures": rows}
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"statuses a second, {'in clear' if arguments.in_clear else 'mutual TLS'}; target {TARGET}")
    print(f"{'links':>5}  {'':<34}{'median':>8}{'best':>8}{'CPU us':>8}{'server':>8}{'load':>7}{'noise ms':>10}")
    for row in rows:
        print(
            f"{row['links']:>5}  {row['what']:<34}{row['per_s']:>8.0f}{row['best_per_s']:>8}{row['cpu_us']:>8.0f}"
            f"{row['server']:>8.0%}{row['load']:>7.0%}{row['busy_ms']:>10.0f}"
        )


if __name__ == "__main__":
    main()
