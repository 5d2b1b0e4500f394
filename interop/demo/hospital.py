"""The hospital of the demonstration: one folder, a server that `interop init` made, a ward of simulated pumps, a stand-in EHR.

All of it is started here and ended here, by its pid. What a start costs is mostly imports, so what need not wait for each other starts side by side.
"""

import re
import secrets
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from interop.demo.browser import Nurse
from interop.demo.clock import WorldClock
from interop.demo.ehr_desk import EhrDesk, Order
from interop.demo.fhir import Chart
from interop.demo.processes import STARTS_WITHIN_S, Child, Missing, Stopping, finished, free_ports
from interop.demo.pump_desk import PumpDesk

INTEROP: Final = (sys.executable, "-m", "interop")
LOOK_EVERY_S: Final = 0.05
NURSE: Final = "nurse"
LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another

WARD: Final = {"LVP-0001": "demo-lvp", "LVP-0002": "demo-lvp", "LVP-0003": "demo-lvp", "SYR-0001": "demo-syringe"}
"""Pumps and their models."""
CARE_AREA: Final = "ICU"

DESTINATIONS: Final = {"ehr": "rrg", "ehr-documents": "documents"}
DESTINATION: Final = """
[lanes.destinations.{name}]
sender = "pcd03-demo"
purpose = "{purpose}"
host = "127.0.0.1"
port = {port}
ca_file = "certificates/ca.pem"
certificate_file = "certificates/interop-send.pem"
key_file = "certificates/interop-send.key"
"""


@dataclass(frozen=True)
class Places:
    """Where everything of one run is."""

    folder: Path

    @property
    def server(self) -> Path:
        return self.folder / "server"

    @property
    def config(self) -> Path:
        return self.server / "interop.toml"

    @property
    def certificates(self) -> Path:
        return self.server / "certificates"

    @property
    def ehr(self) -> Path:
        return self.folder / "ehr"

    @property
    def clock(self) -> Path:
        return self.folder / "world-clock"

    @property
    def pumps(self) -> Path:
        return self.folder / "pumps"

    @property
    def library(self) -> Path:
        return self.pumps / "library.json"

    @property
    def token(self) -> Path:
        return self.folder / "secrets" / "ehr-token"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def password(self, user: str) -> Path:
        return self.folder / "secrets" / f"{user}-password"


@dataclass
class Hospital:
    """What the story is played in.

    Attributes:
        orders: those that were sent, by the name that the story gives them.
        marks: how far a log had got, by the name that the story gives it.
        lives: how often the server was started.
        speed: how many times as fast the world runs while a pump only delivers.
    """

    places: Places
    clock: WorldClock
    ports: dict[str, int]
    server: Child
    ehr_process: Child
    fleet: Child
    ehr: EhrDesk
    pumps: PumpDesk
    chart: Chart
    stopping: Stopping
    orders: dict[str, Order] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    lives: int = 1
    speed: int = 60
    _nurse: Nurse | None = None

    @property
    def nurse(self) -> Nurse:
        """Her browser at the bedside; she logs in when she is asked to. Raises: OSError."""
        if self._nurse is None:
            password = self.places.password(NURSE).read_text(encoding="ascii").strip()
            self._nurse = Nurse(self.server.address("pages"), self.chart.context, NURSE, password)
        return self._nurse

    def hurry(self, passes: timedelta) -> None:
        """Let time pass, while pumps only deliver."""
        self.clock.hurry(passes, self.speed)

    def kill_server(self) -> None:
        """SIGKILL; nothing of it is left but what is on the disk."""
        self.server.kill()

    def start_server(self) -> None:
        """Another life of the same server. Raises: Missing."""
        self.lives += 1
        with self.stopping.later():
            self.server = _serve(self.places)
        _ready(self.server)

    def trouble(self) -> str:
        """Which process ended by itself, in one sentence; empty: none."""
        return next((child.why_ended() for child in (self.server, self.fleet, self.ehr_process) if not child.is_running), "")

    def addresses(self) -> list[tuple[str, str]]:
        """For a person: what is where, and the log-in."""
        password = self.places.password(NURSE).read_text(encoding="ascii").strip()
        return [
            ("pumps", self.fleet.address("panel")),
            ("bedside", f"{self.server.address('pages').rstrip('/')}/bedside"),
            ("log-in", f"{NURSE} / {password}"),
            ("EHR", self.ehr_process.address("page")),
            ("FHIR", self.server.address("fhir")),
            ("folder", str(self.places.folder)),
        ]


class Opening:
    """Starts a hospital and ends what it started, whatever happens: ``with Opening(folder, say, stopping) as hospital``."""

    def __init__(self, folder: Path, say: Callable[[str], None], stopping: Stopping, speed: int = 60) -> None:
        self._places, self._say, self._stopping, self._speed = Places(folder), say, stopping, speed
        self._hospital: Hospital | None = None
        self._started: list[Child] = []

    def __enter__(self) -> Hospital:
        """Raises: Missing: one sentence."""
        try:
            self._hospital = self._open()
        except BaseException:
            self.close()
            raise
        return self._hospital

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process; the server first, so that nothing it sends finds nobody."""
        hospital = self._hospital
        current = [] if hospital is None else [hospital.server, hospital.fleet, hospital.ehr_process]
        for child in [*current, *(each for each in reversed(self._started) if each not in current)]:
            child.end()

    def _open(self) -> Hospital:
        places = self._places
        for folder in (places.folder, places.folder / "logs", places.folder / "secrets", places.pumps):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        clock = WorldClock.begin(places.clock)
        ports = dict(zip(("mllp", "fhir", "pages", "pumps", "ehr"), free_ports(5), strict=True))
        _write_secret(places.password("admin"), _new_password())
        _write_secret(places.password(NURSE), _new_password())
        self._say("making a server's folder, with keys and passwords of its own, and the pumps' drug library")
        with ThreadPoolExecutor() as pool:
            _all(pool.submit(_init, places, ports), pool.submit(_write_library, places))
        with places.config.open("a", encoding="utf-8") as file:
            for name, purpose in DESTINATIONS.items():
                file.write(DESTINATION.format(name=name, purpose=purpose, port=ports["ehr"]))
        self._say("starting the server, the stand-in EHR and the pumps")
        server = self._start(lambda: _serve(places))
        ehr = self._start(lambda: _ehr(places, ports))
        with ThreadPoolExecutor() as pool:
            enrolled, others = pool.submit(_enroll, places), [pool.submit(work, places) for work in (_add_nurse, _add_client)]
            enrolled.result()
            fleet = self._start(lambda: _fleet(places, f"wss://127.0.0.1:{ports['pumps']}/pump-link/1"))
            _all(*others)
        _ready(server)
        desk, pumps = (
            EhrDesk(ehr.address("page"), places.ehr / "key"),
            PumpDesk(fleet.address("panel"), fleet.address("control"), places.pumps / "key"),
        )
        chart = Chart(("127.0.0.1", ports["fhir"]), ssl.create_default_context(cafile=str(places.certificates / "ca.pem")), places.token)
        hospital = Hospital(places, clock, ports, server, ehr, fleet, desk, pumps, chart, self._stopping, speed=self._speed)
        _all_connected(hospital)
        return hospital

    def _start(self, start: Callable[[], Child]) -> Child:
        with self._stopping.later():
            self._started.append(start())
        return self._started[-1]


def _init(places: Places, ports: dict[str, int]) -> None:
    options = [text for name in ("mllp", "fhir", "pages", "pumps") for text in (f"--{name}-port", str(ports[name]))]
    _interop("init", places, "init", places.server, "--demo", *options, "--password-file", places.password("admin"))


def _write_library(places: Places) -> None:
    """Of the demo site, whose release `interop init` builds at the same time: the same files have the same hash."""
    _interop("release library", places, "release", "library", "--out", places.library)


def _serve(places: Places) -> Child:
    command = [*INTEROP, "serve", "--config", str(places.config), "--world-clock", str(places.clock)]
    return Child("the server", command, places.log("server"))


def _ready(server: Child) -> None:
    for kind in ("mllp", "fhir", "pages", "pumps"):
        server.address(kind)


def _ehr(places: Places, ports: dict[str, int]) -> Child:
    command = [sys.executable, "-m", "interop.demo.ehr", "--folder", str(places.ehr), "--certificates", str(places.certificates)]
    command += ["--world-clock", str(places.clock), "--token-file", str(places.token)]
    command += ["--mllp", f"127.0.0.1:{ports['mllp']}", "--fhir", f"127.0.0.1:{ports['fhir']}", "--port", str(ports["ehr"])]
    return Child("the stand-in EHR", command, places.log("ehr"))


def _fleet(places: Places, server: str) -> Child:
    """Idle pumps with a set, in one care area; each remembers on its own disk, and keeps its whole log for the story."""
    command = [sys.executable, "-m", "pump_sim", "run", "--server", server, "--certificates", str(places.certificates / "pumps")]
    command += [text for pump, model in WARD.items() for text in ("--pump", f"{pump}={model}")]
    command += ["--library", str(places.library), "--care-area", CARE_AREA, "--world-clock", str(places.clock), "--faults"]
    command += ["--state", str(places.pumps / "state"), "--history", str(places.pumps / "history"), "--panel", "127.0.0.1:0"]
    command += ["--control", "127.0.0.1:0", "--control-key", str(places.pumps / "key")]
    return Child("pump-sim", command, places.log("pumps"))


def _all_connected(hospital: Hospital) -> None:
    """Raises: Missing."""
    until = time.monotonic() + STARTS_WITHIN_S
    while away := [pump for pump in WARD if not hospital.pumps.screen(pump)["connected"]]:
        if trouble := hospital.trouble():
            raise Missing(trouble)
        if time.monotonic() > until:
            raise Missing(f"{', '.join(away)}: no link to the server within {STARTS_WITHIN_S} s; its log: {hospital.fleet.log}")
        time.sleep(LOOK_EVERY_S)


def _enroll(places: Places) -> None:
    _interop("pumps enroll", places, "pumps", "enroll", *(f"{pump}={model}" for pump, model in WARD.items()))


def _all(*jobs: Future[None]) -> None:
    """Their end. Raises: Missing: what the first of them that failed says."""
    for job in jobs:
        job.result()


def _add_nurse(places: Places) -> None:
    """One person with the role of a nurse, who logs in by password."""
    _interop(
        "users add", places, "users", "add", NURSE, "--name", "Demo Nurse", "--role", "nurse", "--password-file", places.password(NURSE)
    )


def _add_client(places: Places) -> None:
    """The EHR's token for FHIR, in a file of its owner's."""
    said = _interop("clients add", places, "clients", "add", "ehr-fhir", "--sender", "fhir-demo")
    token = re.search(r"^interop_\S+$", said, re.MULTILINE)
    if token is None:
        raise Missing(f"interop clients add showed no token; its log: {places.log('clients')}")
    _write_secret(places.token, token[0])


def _interop(name: str, places: Places, *arguments: str | Path) -> str:
    """One command of interop on the server's folder, to its end. Raises: Missing."""
    config: Sequence[str] = ("--config", str(places.config)) if arguments[0] in ("users", "clients", "pumps") else ()
    return finished(f"interop {name}", [*INTEROP, *map(str, arguments), *config], places.log(str(arguments[0])))


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(f"{text}\n", encoding="ascii")


def _new_password() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(3))
