"""Figures of the main job: from an order sent to its offer on a pump's screen. ``python benchmarks/offers.py [--json] [--rate 50] [--seconds 60] [--in-clear]``

One process is the EHR and all the pumps, on one core; ``interop serve`` is another, on the other. An order leaves over MLLP with mutual TLS at its
moment, whatever became of those before; the pump that it names gets the offer over its own link, with its own certificate, says that it shows it and
then rejects it, so that its channel is free again. The time counts from the moment at which the order should have left to that at which the pump has
its offer. Beside it, in the same run, the ceiling: the same orders through the same sockets and TLS, with a server that decides and keeps nothing but
forwards each as a frame of the size of an offer.

Target: p99 under 50 ms at 50 orders a second for 60 s. A million additions take 30 ms on the quiet machine for which it is meant.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from receive import LOAD_CORE, SERVER_CORE, cpu_s, pinned  # noqa: E402
from status import Script, shown  # noqa: E402
from timing import busy  # noqa: E402

from interop.wire.hl7v2.mllp import frame  # noqa: E402
from tests.server import ehr, machine  # noqa: E402
from tests.wards.ward import demo_release  # noqa: E402

PUMPS = 64
LINES = 4
TARGET_MS = 50
OFFER = '{"frame":"offer"'

BARE = """
import asyncio, json, re, sys
from pathlib import Path
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from interop.doors.mllp_tls import server_context

PUMP, ORDER = re.compile(rb"PUMP-[0-9]+"), re.compile(rb"ORC\\|RE\\|([^^|]+)")
sockets = {}

async def pump(connection):
    try:
        async for message in connection:
            said = json.loads(message)
            if said["frame"] == "hello":
                sockets[said["pump_id"]] = connection
                await connection.send('{"frame":"ack","log_id":"x","up_to":0,"clock":"","heartbeat_s":10}')
    except ConnectionClosed:
        pass

class Mllp(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while b"\\x1c\\r" in self.buffer:
            message, _, self.buffer = self.buffer.partition(b"\\x1c\\r")
            self.transport.write(b"\\x0bMSH|^~\\\\&|A|B|C|D|20260302||ACK^O15^ACK|1|P|2.6\\rMSA|CA|1\\r\\x1c\\r")
            order = ORDER.search(message).group(1).decode()
            offer = json.dumps({"frame": "offer", "offer_id": order, "channel_id": "A", "order": order, "padding": "x" * 1800})
            asyncio.get_running_loop().create_task(sockets[PUMP.search(message).group(0).decode()].send(offer))

async def main(folder):
    def tls(authority):
        if not folder:
            return None
        here = Path(folder)
        return server_context(certificate=here / "server.pem", key=here / "server.key", client_authorities=here / authority)
    server = await serve(pump, "127.0.0.1", 0, ssl=tls("pump-ca.pem"), compression=None, ping_interval=None, subprotocols=["interop.pump-link.1"])
    mllp = await asyncio.get_running_loop().create_server(Mllp, "127.0.0.1", 0, ssl=tls("ca.pem"))
    print(f"pumps {'wss' if folder else 'ws'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/pump-link/1,{mllp.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()

import uvloop
uvloop.run(main(sys.argv[1] if len(sys.argv) > 1 else ""))
"""


def instant() -> str:
    return datetime.now(UTC).isoformat()


class Pump:
    """A pump that shows every offer and rejects it at once."""

    def __init__(self, socket: ClientConnection, number: int, run: str, seen: dict[str, float]) -> None:
        self.socket, self.id, self.log, self.seen = socket, f"PUMP-{number}", f"{run}-{number}", seen
        self.number = 0

    async def greet(self) -> None:
        library = demo_release().library.ref
        idle = {"mode": "LVP", "state": "idle", "care_area": "ICU", "set_installed": True, "door_open": False, "air": False, "alarms": []}
        hello = {
            "frame": "hello",
            "protocol": 1,
            "pump_id": self.id,
            "model": "demo-lvp",
            "clock": instant(),
            "library": {"id": library.id, "version": library.version, "hash": library.hash},
            "log": {"log_id": self.log, "first": 1, "next": 1},
            "can": ["withdraw", "read_back", "titrate", "second_check"],
            "power": "mains",
            "channels": [{"channel_id": name, **idle} for name in "AB"],
        }
        await self.socket.send(json.dumps(hello))
        await self.socket.recv()

    async def live(self) -> None:
        last = time.perf_counter()
        while True:
            try:
                text = str(await asyncio.wait_for(self.socket.recv(), 8))
            except TimeoutError:
                text = ""
            if text.startswith((OFFER, OFFER.replace(":", ": "))):
                at = time.perf_counter()
                offer = json.loads(text)
                self.seen[offer["order"]] = at
                await self.word("offer_shown", offer)
                await self.word("decision", offer, decision="rejected", cause="by_clinician", by="N1")
            if time.perf_counter() - last > 8:
                last = time.perf_counter()
                await self.socket.send(json.dumps({"frame": "heartbeat", "clock": instant()}))

    async def word(self, kind: str, offer: dict[str, Any], **more: str) -> None:
        self.number += 1
        told = {"frame": kind, "log_id": self.log, "number": self.number, "at": instant(), "offer_id": offer["offer_id"]}
        await self.socket.send(json.dumps({**told, "channel_id": offer["channel_id"], **more}))


class Mllp(asyncio.Protocol):
    """A line that sends at its moment and counts what comes back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.accepted = self.others = 0

    def data_received(self, data: bytes) -> None:
        self.accepted += data.count(b"\rMSA|CA|")
        self.others += data.count(b"\rMSA|C") - data.count(b"\rMSA|CA|")


async def run(
    mllp: tuple[str, int], pumps: str, tls: ssl.SSLContext | None, shows: list[ssl.SSLContext | None], rate: int, seconds: float, name: str
) -> dict[str, Any]:
    """One run; the times are in ms."""
    loop = asyncio.get_running_loop()
    seen: dict[str, float] = {}
    linked: list[Pump] = []
    for number, context in enumerate(shows, 1):
        more: dict[str, Any] = {} if context is None else {"ssl": context}
        socket = await connect(pumps, subprotocols=["interop.pump-link.1"], compression=None, ping_interval=None, **more)  # type: ignore[list-item]
        linked.append(Pump(socket, number, name, seen))
        await linked[-1].greet()
    tasks = [asyncio.create_task(pump.live()) for pump in linked]
    lines = [(await loop.create_connection(Mllp, *mllp, ssl=tls))[1] for _ in range(LINES)]
    due: dict[str, float] = {}
    start = time.perf_counter() + 0.5
    late_ms = 0.0
    for number in range(int(rate * seconds)):
        at = start + number / rate
        pump, channel = number % len(linked) + 1, "AB"[number // len(linked) % 2]
        order = f"{name}O{number}"
        message = frame(ehr.an_order(f"{name}M{number}", order, datetime.now(UTC), pump=f"PUMP-{pump}", channel=channel))
        if (wait := at - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        late_ms = max(late_ms, (time.perf_counter() - at) * 1000)
        due[order] = at
        lines[number % LINES].transport.write(message)  # type: ignore[attr-defined]
    until = time.perf_counter() + 10
    while len(seen) < len(due) and time.perf_counter() < until:
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    for pump in linked:
        pump.socket.transport.abort()
    for line in lines:
        line.transport.close()  # type: ignore[attr-defined]
    took = sorted((seen[order] - at) * 1000 for order, at in due.items() if order in seen)
    return {
        "orders": len(due),
        "offered": len(took),
        "accepted": sum(line.accepted for line in lines),
        "not_accepted": sum(line.others for line in lines),
        "p50_ms": round(took[len(took) // 2], 1) if took else None,
        "p99_ms": round(took[int(len(took) * 0.99)], 1) if took else None,
        "most_ms": round(took[-1], 1) if took else None,
        "sent_late_ms": round(late_ms, 1),
    }


def prepared(folder: Path, in_clear: bool) -> Path:
    config = machine.init(folder / "server", "--demo", *(["--clear-text"] if in_clear else []))
    machine.command("pumps", "enroll", *(f"PUMP-{number}" for number in range(1, PUMPS + 1)), "--model", "demo-lvp", "--config", config)
    text = config.read_text(encoding="utf-8")
    limits = "max_before_hello = 8192\nmax_before_hello_per_address = 8191\nmax_frames_per_s = 100000\nburst_frames = 100000\n"
    text = text.replace("\n[pumps]\n", f"\n[pumps]\n{limits}", 1)
    config.write_text(text.replace("\n[mllp]\n", "\n[mllp]\nmax_messages_per_s = 100000\nburst_messages = 100000\n", 1), encoding="utf-8")
    return config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--in-clear", action="store_true", help="without TLS")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = prepared(Path(folder), arguments.in_clear)
        shows = [None] * PUMPS if arguments.in_clear else shown(config, PUMPS)
        tls = None if arguments.in_clear else ehr.tls_of(config)
        server = machine.start(config, before=pinned(SERVER_CORE)).ready()
        bare = Script(BARE, "" if arguments.in_clear else str(config.parent / "certificates"))
        address, _, port = bare.address.rpartition(",")
        ways = [
            ("interop serve", server.mllp, server.address("pumps"), server.process.pid),
            ("the ceiling: forwards, decides nothing", ("127.0.0.1", int(port)), address, bare.process.pid),
        ]
        try:
            for number, (what, mllp, pumps, pid) in enumerate(ways):
                before, start = cpu_s(pid), time.perf_counter()
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    row = runner.run(run(mllp, pumps, tls, shows, arguments.rate, arguments.seconds, f"R{number}"))
                share = (cpu_s(pid) - before) / (time.perf_counter() - start)
                rows.append({"what": what, **row, "server_core": round(share, 2), "additions_ms": round(busy())})
        finally:
            server.kill()
            bare.kill()
    if arguments.json:
        print(json.dumps({"tls": not arguments.in_clear, "rate": arguments.rate, "target_p99_ms": TARGET_MS, "figures": rows}, indent=2))
        return
    print(f"order sent to offer at the pump, {arguments.rate} a second for {arguments.seconds:g} s; target p99 {TARGET_MS} ms")
    for row in rows:
        print(f"{row.pop('what'):<40}" + "  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
