"""Figures of part 2: orders accepted and durable, beside a ceiling. ``python benchmarks/receive.py [--json] [--seconds N] [--in-clear]``

The server is a process of its own on one core, the load generator this one on the other. The ceiling is a bare prototype under the same load: an
``asyncio.Protocol`` that reads nothing of a message but its MSH-10 and answers a fixed acknowledgement, and a thread that writes the same rows (message,
key, intent, audit, counters) into the same tables by the raw driver, all that queued during the last commit in one, with synchronous=FULL; it asks
nothing of the record first. Beside it stands the same prototype over our own ``record.commit``. Saturation is shown as what share of the server's core
and of the generator's was used.

Targets: at least half of the ceiling; 5,000/s over 64 connections and 800/s over one; under 150 us of CPU an acceptance; listeners ready in 2.5 s
with a site of 1,200 entries; under 150 MB idle; a lane of at least 400 messages/s. A million additions take 30 ms on the quiet machine for which they
are meant; the time that they took is told beside them.

Accepting is measured twice: a burst that fits the planning queue, in which accepting goes before planning, and the long run, in which every accepted
order is planned as well.
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
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import uvloop

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from planning import a_large_site  # noqa: E402
from timing import busy  # noqa: E402

from interop.wire.hl7v2.mllp import frame  # noqa: E402
from tests.server import ehr, machine  # noqa: E402

T = TypeVar("T")

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
    """One connection that sends the next order when the one before was answered, from ``begin`` on."""

    def __init__(self, orders: list[bytes], done: asyncio.Future[None]) -> None:
        self.orders, self.until, self.done = orders, 0.0, done
        self.answered = self.refused = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def begin(self, until: float) -> None:
        self.until = until
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
    at: tuple[str, int],
    tls: ssl.SSLContext | None,
    connections: int,
    count: int,
    seconds: float,
    name: str,
    begins: Callable[[], None] = lambda: None,
) -> tuple[int, int, float]:
    """(accepted, refused, seconds) of ``count`` orders at most, over so many connections, which stand before the first order leaves, when ``begins`` is
    called: an EHR keeps its connections, and 64 handshakes with certificates on both sides cost as much as some hundred orders."""
    loop = asyncio.get_running_loop()
    share = -(-count // connections)
    shares = [orders(share, f"{name}C{n}N") for n in range(connections)]
    loads = [Load(mine, loop.create_future()) for mine in shares]
    await asyncio.gather(*(loop.create_connection(lambda load=load: load, *at, ssl=tls) for load in loads))
    await asyncio.sleep(0.2)  # the other side has its end of the last handshake
    begins()
    start = time.perf_counter()
    for load in loads:
        load.begin(start + seconds)
    await asyncio.gather(*(load.done for load in loads))
    return sum(load.answered for load in loads), sum(load.refused for load in loads), time.perf_counter() - start


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


BARE = """
import asyncio, hashlib, queue, sys, threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from interop.service.world import SystemClock, TimeOrderedIds

clock, ids = SystemClock(), TimeOrderedIds()
BODY = '{"a": "' + "x" * 220 + '"}'


class Raw:
    # the same rows by the raw driver: no key is asked for, no digest chained on, nobody's conflict kept from another
    def __init__(self, path):
        import pysqlite3.dbapi2 as sqlite
        from interop.adapters.store.migrate import migrate_sqlite
        migrate_sqlite(path)
        self.link = sqlite.connect(str(path), isolation_level=None, check_same_thread=False)
        self.link.execute("PRAGMA journal_mode = WAL")
        self.link.execute("PRAGMA synchronous = FULL")
        self.queued, self.busy, self.jobs, self.number = [], False, queue.SimpleQueue(), 0
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self.work, daemon=True).start()

    def commit(self, id, message, key, then):
        self.queued.append((id, message, key, then))
        if not self.busy:
            self.next()

    def next(self):
        group, self.queued = self.queued[:256], self.queued[256:]
        self.busy = bool(group)
        if group:
            self.jobs.put(group)

    def work(self):
        while True:
            group = self.jobs.get()
            self.write(group)
            self.loop.call_soon_threadsafe(self.written, group)

    def written(self, group):
        self.next()
        for *_, then in group:
            then()

    def write(self, group):
        at, first = clock.now().isoformat(timespec="microseconds"), self.number + 1
        self.number += len(group)
        numbered = list(enumerate(group, first))
        put = self.link.executemany
        self.link.execute("BEGIN IMMEDIATE")
        put("INSERT INTO journal_heads VALUES (?,?,'in','peer','RGV^O15',?,?,?,?,'')",
            [(n, id, id, at, len(message), key) for n, (id, message, key, _) in numbered])
        put("INSERT INTO journal_bodies VALUES (?,?,?)", [(n, at, message) for n, (_, message, _, _) in numbered])
        put("INSERT INTO message_keys VALUES (?,?,'pcd03-demo',?,?,?)", [(n, id, id, key, at) for n, (id, _, key, _) in numbered])
        put("INSERT INTO intents VALUES (?,'plan','pcd03-demo',?,?)", [(id, BODY, at) for _, (id, *_) in numbered])
        put("INSERT INTO audit VALUES ('bare',?,?,'pcd03-demo','message.accept','committed','','',?,'',?)",
            [(n, at, id, key) for n, (id, _, key, _) in numbered])
        self.link.execute("INSERT INTO audit_heads VALUES ('bare',?,?) ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
                          (self.number, group[-1][2]))
        self.link.execute("UPDATE counters SET entry = ?", (self.number,))
        self.link.execute("COMMIT")


class Ours:
    # the same rows as one Commit each, through the record
    async def open(self, path):
        from interop.adapters.store import open_record
        self.record = await open_record(f"sqlite:///{path}", node="bare", clock=clock, migrate=True)
        return self

    def commit(self, id, message, key, then):
        asyncio.get_running_loop().create_task(self.write(id, message, key, then))

    async def write(self, id, message, key, then):
        from interop.ports import AuditRow, Commit, Direction, Intent, JournalEntry, MessageKey
        now = clock.now()
        await self.record.commit(Commit(
            journal=(JournalEntry(id, Direction.IN, "peer", "RGV^O15", id, now, message, key=MessageKey("pcd03-demo", id, key)),),
            intents=(Intent(id, "plan", "pcd03-demo", BODY, now + timedelta(seconds=60)),),
            audit=(AuditRow(now, "pcd03-demo", "message.accept", "committed", subject=id),),
        ))
        then()


async def main(way, path, tls):
    store = Raw(Path(path)) if way == "raw" else await Ours().open(path)
    context = None
    if tls:
        from interop.doors.mllp_tls import server_context
        folder = Path(tls)
        context = server_context(certificate=folder / "server.pem", key=folder / "server.key", client_authorities=folder / "ca.pem")

    class Bare(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.buffer = transport, b""

        def data_received(self, data):
            self.buffer += data
            while b"\\x1c\\r" in self.buffer:
                message, _, self.buffer = self.buffer.partition(b"\\x1c\\r")
                self.take(message[1:])

        def take(self, message):
            theirs, id = message.split(b"|", 10)[9], ids.new()
            answer = b"\\x0bMSH|^~\\&|A|B|C|D|20260302||ACK^O15^ACK|" + id.encode() + b"|P|2.6\\rMSA|CA|" + theirs + b"\\r\\x1c\\r"
            store.commit(id, message, hashlib.sha256(message).digest(), lambda: self.transport.write(answer))

    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main(*sys.argv[1:4]))
"""


def run_load(load: Coroutine[None, None, T]) -> T:
    """On the loop that costs the generator least."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(load)


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


def the_bare_one(way: str, folder: Path, tls: Path | None) -> tuple["subprocess.Popen[str]", tuple[str, int]]:
    """``way``: "raw", the ceiling, or "ours", over ``record.commit``."""
    arguments = [*pinned(SERVER_CORE), sys.executable, "-c", BARE, way, str(folder / f"{way}.db"), str(tls) if tls else ""]
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


def under_load(pid: int, at: tuple[str, int], tls: ssl.SSLContext | None, connections: int, seconds: float, name: str) -> dict[str, float]:
    """One round: rate, CPU an acceptance, and what share of both cores was used."""
    additions_ms = busy()
    before: list[float] = []
    accepted, refused, took = run_load(
        offered(at, tls, connections, PLANNING // 2, seconds, name, lambda: before.extend((cpu_s(pid), time.process_time())))
    )
    used, ours = cpu_s(pid) - before[0], time.process_time() - before[1]
    return {
        "per_s": accepted / took,
        "cpu_us": used * 1e6 / max(1, accepted),
        "core": used / took,
        "load_core": ours / took,
        "refused": refused,
        "additions_ms": additions_ms,
    }


def receive(config: Path, folder: Path, seconds: float, rounds: int, in_clear: bool) -> list[dict[str, object]]:
    """The server and its ceilings in turn, for 1, 8 and 64 connections."""
    tls = None if in_clear else ehr.tls_of(config)
    certificates = None if in_clear else config.parent / "certificates"
    bare = {way: the_bare_one(way, folder, certificates) for way in ("raw", "ours")}
    server = machine.start(config, before=pinned(SERVER_CORE)).ready()
    at = {way: (process.pid, address) for way, (process, address) in bare.items()} | {"server": (server.process.pid, server.mllp)}
    rows: list[dict[str, object]] = []
    run = 0
    try:
        for connections in (1, 8, 64):
            figures: dict[str, list[dict[str, float]]] = {way: [] for way in at}
            for _ in range(rounds):
                for way, (pid, address) in at.items():
                    run += 1
                    figures[way].append(under_load(pid, address, tls, connections, seconds, f"R{run}"))
                    settle(server.process.pid)
            mine, bound, over = median_of(figures["server"]), median_of(figures["raw"]), median_of(figures["ours"])
            rows.append(
                {
                    "what": f"accepted and durable, {connections} connection{'s' if connections > 1 else ''}",
                    "per_s": round(mine["per_s"]),
                    "ceiling_per_s": round(bound["per_s"]),
                    "share": round(mine["per_s"] / bound["per_s"], 2),
                    "over_our_store_per_s": round(over["per_s"]),
                    "cpu_us": round(mine["cpu_us"]),
                    "ceiling_cpu_us": round(bound["cpu_us"]),
                    "server_core": round(mine["core"], 2),
                    "load_core": round(mine["load_core"], 2),
                    "additions_ms": round(mine["additions_ms"]),
                    "refused": int(sum(each["refused"] for each in figures["server"])),
                    "target_per_s": {1: 800, 64: 5000}.get(connections),
                }
            )
        accepted, _, took = run_load(offered(server.mllp, tls, 64, 200_000, seconds * 5, "L"))
        rows.append({"what": "the long run, 64 connections, planning included", "per_s": round(accepted / took)})
    finally:
        for process, _ in bare.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
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
            load = Load(template[::-1], loop.create_future())
            await loop.create_connection(lambda: load, *server.mllp, ssl=tls)
            load.begin(time.perf_counter() + 600)
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
    names = (
        "per_s", "ceiling_per_s", "share", "target_per_s", "over_our_store_per_s", "cpu_us", "ceiling_cpu_us", "server_core", "load_core",
        "additions_ms",
    )  # fmt: skip
    heads = ("a second", "ceiling", "share", "target", "our store", "CPU us", "ceiling", "server's core", "generator's", "1M additions ms")
    print(f"{'':<50}" + "".join(f"{head:>{len(head) + 3}}" for head in heads))
    for row in rows:
        cells = [str(row.get(name) or "") for name in names]
        print(f"{row['what']:<50}" + "".join(f"{cell:>{len(head) + 3}}" for cell, head in zip(cells, heads, strict=True)))
    print(f"listeners ready with 1,200 entries: {started['ready_s']} s (target 2.5); idle: {started['idle_mb']} MB (target 150)")
    print(f"one lane, strict order, durable: {sent['lane_per_s']} messages/s (target 400), in order: {sent['in_order']}")


if __name__ == "__main__":
    main()
