"""Figures of part 2: orders accepted and durable, beside a ceiling. ``python benchmarks/receive.py [--json] [--seconds N] [--in-clear]``

The server is a process of its own on one core, the load generator this one on the other. The ceiling is a bare ``asyncio.Protocol`` that answers
a fixed acknowledgement after the store's commit of the same message rows (message, key, intent, audit; not the feed's timer and projection), under the same load.
Targets: at least half of the ceiling; 5,000/s over 64 connections and 800/s over one; under 150 us of CPU an acceptance; listeners ready in 2.5 s
with a site of 1,200 entries; under 150 MB idle; a lane of at least 400 messages/s.

Accepting is measured twice: a burst that fits the planning queue, and the long run, in which every accepted order is planned as well.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from planning import a_large_site  # noqa: E402

from interop.wire.hl7v2.mllp import frame  # noqa: E402
from tests.server import ehr, machine  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")
END = b"\x1c\r"
PLANNING = 8192
OPEN_LIMITS = """
max_connections = 512
max_connections_per_peer = 128
max_in_flight = 4096
max_in_flight_per_connection = 16
max_messages_per_s = 1000000
burst_messages = 1000000
"""


class Load(asyncio.Protocol):
    """One connection that sends the next order when the one before was answered."""

    def __init__(self, orders: list[bytes], until: float, done: asyncio.Future[None]) -> None:
        self.orders, self.until, self.done = orders, until, done
        self.answered = self.refused = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if self.orders and time.perf_counter() < self.until:
            self.transport.write(self.orders.pop())  # type: ignore[attr-defined]
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while END in self.buffer:
            answer, _, self.buffer = self.buffer.partition(END)
            if b"\rMSA|CA|" in answer:
                self.answered += 1
            else:
                self.refused += 1
            self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def orders(count: int, name: str) -> list[bytes]:
    """Different messages of different orders: one built, the rest by replacing its ids."""
    template = frame(ehr.an_order("MSGNUMBER", "ORDNUMBER", datetime.now(UTC)))
    return [template.replace(b"MSGNUMBER", f"{name}{n}".encode()).replace(b"ORDNUMBER", f"O{name}{n}".encode()) for n in range(count)]


async def offered(
    at: tuple[str, int], tls: ssl.SSLContext | None, connections: int, count: int, seconds: float, name: str
) -> tuple[int, int, float]:
    """(accepted, refused, seconds) of ``count`` orders at most, over so many connections."""
    loop = asyncio.get_running_loop()
    share = -(-count // connections)
    shares = [orders(share, f"{name}C{n}N") for n in range(connections)]
    loads: list[Load] = []
    start = time.perf_counter()
    for mine in shares:
        load = Load(mine, start + seconds, loop.create_future())
        loads.append(load)
    await asyncio.gather(*(loop.create_connection(lambda load=load: load, *at, ssl=tls) for load in loads))
    await asyncio.gather(*(load.done for load in loads))
    return sum(load.answered for load in loads), sum(load.refused for load in loads), time.perf_counter() - start


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


BARE = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from interop.adapters.store import open_record
from interop.service.world import SystemClock, TimeOrderedIds
from interop.ports import AuditRow, Commit, Direction, Intent, JournalEntry, MessageKey, Projected, Timer
import hashlib, ssl

async def main(url, tls):
    clock, ids = SystemClock(), TimeOrderedIds()
    record = await open_record(url, node="bare", clock=clock, migrate=True)
    context = None
    if tls:
        from interop.doors.mllp_tls import server_context
        folder = Path(tls)
        context = server_context(certificate=folder / "server.pem", key=folder / "server.key", client_authorities=folder / "ca.pem")
    body = '{"a": "' + "x" * 220 + '"}'

    class Bare(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.buffer = transport, b""
        def data_received(self, data):
            self.buffer += data
            while b"\\x1c\\r" in self.buffer:
                message, _, self.buffer = self.buffer.partition(b"\\x1c\\r")
                asyncio.get_running_loop().create_task(self.take(message[1:]))
        async def take(self, message):
            id, now = ids.new(), clock.now()
            key = MessageKey("pcd03-demo", id, hashlib.sha256(message).digest())
            await record.commit(Commit(
                journal=(JournalEntry(id, Direction.IN, "peer", "RGV^O15", id, now, message, key=key),),
                intents=(Intent(id, "plan", "pcd03-demo", body, now + timedelta(seconds=60)),),
                audit=(AuditRow(now, "pcd03-demo", "message.accept", "committed", subject=id),),
            ))
            self.transport.write(b"\\x0bMSH|^~\\\\&|A|B|C|D|20260302||ACK^O15^ACK|" + id.encode() + b"|P|2.6\\rMSA|CA|" + id.encode() + b"\\r\\x1c\\r")

    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
"""


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


def the_bare_one(folder: Path, tls: Path | None) -> tuple["subprocess.Popen[str]", tuple[str, int]]:
    arguments = [*pinned(SERVER_CORE), sys.executable, "-c", BARE, f"sqlite:///{folder / 'bare.db'}", *([str(tls)] if tls else [])]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdout is not None
    return process, ("127.0.0.1", int(process.stdout.readline()))


def prepared(folder: Path, in_clear: bool) -> Path:
    """A server with a site of 1,200 entries and limits that one load generator cannot reach."""
    site = a_large_site(folder, 1200)
    config = machine.init(folder / "server", "--site", str(site), *(["--demo", "--clear-text"] if in_clear else []))
    text = config.read_text(encoding="utf-8").replace("\n[mllp]\n", f"\n[mllp]\n{OPEN_LIMITS}", 1)
    config.write_text(text.replace("\n[limits]\n", f"\n[limits]\nplanning_orders = {PLANNING}\n", 1), encoding="utf-8")
    return config


def median_of(figures: list[dict[str, float]]) -> dict[str, float]:
    return sorted(figures, key=lambda each: each["per_s"])[len(figures) // 2]


def receive(config: Path, folder: Path, seconds: float, rounds: int, in_clear: bool) -> list[dict[str, object]]:
    """The server and its ceiling in turn, for 1, 8 and 64 connections."""
    tls = None if in_clear else ehr.tls_of(config)
    bare, bare_at = the_bare_one(folder, None if in_clear else config.parent / "certificates")
    server = machine.start(config, before=pinned(SERVER_CORE)).ready()
    rows: list[dict[str, object]] = []
    run = 0
    try:
        for connections in (1, 8, 64):
            ours: list[dict[str, float]] = []
            ceiling: list[dict[str, float]] = []
            for _ in range(rounds):
                for at, into, pid in ((bare_at, ceiling, bare.pid), (server.mllp, ours, server.process.pid)):
                    run += 1
                    before = cpu_s(pid)
                    accepted, refused, took = asyncio.run(offered(at, tls, connections, PLANNING // 2, seconds, f"R{run}"))
                    into.append({"per_s": accepted / took, "cpu_us": (cpu_s(pid) - before) * 1e6 / max(1, accepted), "refused": refused})
                    settle(server.process.pid)
            mine, bound = median_of(ours), median_of(ceiling)
            rows.append(
                {
                    "what": f"accepted and durable, {connections} connection{'s' if connections > 1 else ''}",
                    "per_s": round(mine["per_s"]),
                    "ceiling_per_s": round(bound["per_s"]),
                    "share": round(mine["per_s"] / bound["per_s"], 2),
                    "cpu_us": round(mine["cpu_us"]),
                    "ceiling_cpu_us": round(bound["cpu_us"]),
                    "refused": int(sum(each["refused"] for each in ours)),
                    "target_per_s": {1: 800, 64: 5000}.get(connections),
                }
            )
        accepted, _, took = asyncio.run(offered(server.mllp, tls, 64, 200_000, seconds * 5, "L"))
        rows.append({"what": "the long run, 64 connections, planning included", "per_s": round(accepted / took)})
    finally:
        bare.send_signal(signal.SIGKILL)
        bare.wait()
        if bare.stdout is not None:
            bare.stdout.close()
        server.kill()
    return rows


def settle(pid: int) -> None:
    """Until the process has nothing left to do."""
    last = cpu_s(pid)
    while True:
        time.sleep(0.5)
        now = cpu_s(pid)
        if now - last < 0.03:
            return
        last = now


def readiness(config: Path) -> dict[str, object]:
    """Seconds from the command to the last listener, and the memory of a server that waits."""
    took = []
    for _ in range(3):
        start = time.perf_counter()
        server = machine.start(config, before=pinned(SERVER_CORE)).ready()
        took.append(time.perf_counter() - start)
        settle(server.process.pid)
        idle = resident_mb(server.process.pid)
        server.stop()
    return {"ready_s": round(sorted(took)[1], 2), "idle_mb": round(idle, 1)}


def lane(config: Path, count: int) -> dict[str, object]:
    """One infusion's answers, which go over one connection in strict order, to a listener that answers at once; all of them wait when it opens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    context = None if b"tls = false" in config.read_bytes() else ehr.listener_tls(config)
    machine.with_listener(config, port, more="" if context is not None else "tls = false")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("\n[lanes]\n", "\n[lanes]\nmost_back_off_s = 1\nrrg_worth_s = 86400\n", 1), encoding="utf-8")
    tls = ehr.tls_of(config) if context is not None else None
    server = machine.start(config, before=pinned(SERVER_CORE)).ready()
    try:
        template = [frame(ehr.an_order(f"LANE{n}", "ORD-LANE")) for n in range(count)]

        async def send() -> None:
            loop = asyncio.get_running_loop()
            load = Load(template[::-1], time.perf_counter() + 600, loop.create_future())
            await loop.create_connection(lambda: load, *server.mllp, ssl=tls)
            await load.done

        asyncio.run(send())
        settle(server.process.pid)
        with ehr.Listener(context, at_port=port) as listener:
            while not listener.received:
                time.sleep(0.005)
            start, first = time.perf_counter(), len(listener.received)
            while len(listener.received) < count:
                time.sleep(0.005)
            took = time.perf_counter() - start
            numbers = [int(each.answers.removeprefix("LANE")) for each in listener.first_seen]
        return {"lane_per_s": round((count - first) / took), "in_order": numbers == sorted(numbers), "connections": listener.connections}
    finally:
        server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-clear", action="store_true", help="without TLS, as the prototype was measured")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "second").mkdir()
        config = prepared(Path(folder), arguments.in_clear)
        started = readiness(config)
        rows = receive(config, Path(folder), arguments.seconds, arguments.rounds, arguments.in_clear)
        sent = lane(machine.copied(prepared(Path(folder) / "second", arguments.in_clear), Path(folder) / "lane"), 1000)
    result = {"cores": len(CORES), "tls": not arguments.in_clear, "figures": rows, **started, **sent}
    if arguments.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{'':<52}{'a second':>9}{'ceiling':>9}{'share':>7}{'target':>8}{'CPU us':>8}{'ceiling':>9}")
    for row in rows:
        cells = [str(row.get(name) or "") for name in ("per_s", "ceiling_per_s", "share", "target_per_s", "cpu_us", "ceiling_cpu_us")]
        print(f"{row['what']:<52}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, (9, 9, 7, 8, 8, 9), strict=True)))
    print(f"listeners ready with 1,200 entries: {started['ready_s']} s (target 2.5); idle: {started['idle_mb']} MB (target 150)")
    print(f"one lane, strict order, durable: {sent['lane_per_s']} messages/s (target 400), in order: {sent['in_order']}")


if __name__ == "__main__":
    main()
