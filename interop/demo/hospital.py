"""The hospital of the demonstration: one folder, a server that `interop init` made, a stand-in EHR; all started here and ended here, by their pid."""

import re
import secrets
import ssl
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from interop.demo.clock import WorldClock
from interop.demo.ehr_desk import EhrDesk, Order
from interop.demo.fhir import Chart
from interop.demo.processes import Child, Missing, Stopping, finished, free_ports

INTEROP: Final = (sys.executable, "-m", "interop")
NURSE: Final = "nurse"
LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another

DESTINATION: Final = """
[lanes.destinations.ehr]
sender = "pcd03-demo"
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
    def token(self) -> Path:
        return self.folder / "secrets" / "ehr-token"

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def password(self, user: str) -> Path:
        return self.folder / "secrets" / f"{user}-password"


@dataclass
class Hospital:
    """What the story is played in. ``orders`` are those that were sent, by the name that the story gives them."""

    places: Places
    clock: WorldClock
    ports: dict[str, int]
    server: Child
    ehr_process: Child
    ehr: EhrDesk
    chart: Chart
    stopping: Stopping
    orders: dict[str, Order] = field(default_factory=dict)
    lives: int = 1
    """How often the server was started."""

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
        return next((child.why_ended() for child in (self.server, self.ehr_process) if not child.is_running), "")

    def addresses(self) -> list[tuple[str, str]]:
        """For a person: what is where, and the log-in."""
        password = self.places.password(NURSE).read_text(encoding="ascii").strip()
        return [
            ("pages", self.server.address("pages")),
            ("log-in", f"{NURSE} / {password}"),
            ("EHR", self.ehr_process.address("page")),
            ("FHIR", self.server.address("fhir")),
            ("folder", str(self.places.folder)),
        ]


class Opening:
    """Starts a hospital and ends what it started, whatever happens: ``with Opening(folder, say, stopping) as hospital``."""

    def __init__(self, folder: Path, say: Callable[[str], None], stopping: Stopping) -> None:
        self._places, self._say, self._stopping = Places(folder), say, stopping
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
        current = [] if hospital is None else [hospital.server, hospital.ehr_process]
        for child in [*current, *(each for each in reversed(self._started) if each not in current)]:
            child.end()

    def _open(self) -> Hospital:
        places = self._places
        for folder in (places.folder, places.folder / "logs", places.folder / "secrets"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        clock = WorldClock.begin(places.clock)
        ports = dict(zip(("mllp", "fhir", "pages"), free_ports(3), strict=True))
        self._say("making a server's folder, with keys and passwords of its own")
        _write_secret(places.password("admin"), _new_password())
        _write_secret(places.password(NURSE), _new_password())
        port_options = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
        _interop("init", places, "init", places.server, "--demo", *port_options, "--password-file", places.password("admin"))
        self._say("starting the stand-in EHR and the server")
        ehr = self._start(lambda: _ehr(places, ports))
        with places.config.open("a", encoding="utf-8") as file:
            file.write(DESTINATION.format(port=ehr.address("hl7").rpartition(":")[2]))
        server = self._start(lambda: _serve(places))
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(_add_nurse, places), pool.submit(_add_client, places), pool.submit(_ready, server)]
            for job in jobs:
                job.result()
        desk = EhrDesk(ehr.address("page"), places.ehr / "key")
        chart = Chart(("127.0.0.1", ports["fhir"]), ssl.create_default_context(cafile=str(places.certificates / "ca.pem")), places.token)
        return Hospital(places, clock, ports, server, ehr, desk, chart, self._stopping)

    def _start(self, start: Callable[[], Child]) -> Child:
        with self._stopping.later():
            self._started.append(start())
        return self._started[-1]


def _serve(places: Places) -> Child:
    return Child("the server", [*INTEROP, "serve", "--config", str(places.config)], places.log("server"))


def _ready(server: Child) -> None:
    for kind in ("mllp", "fhir", "pages"):
        server.address(kind)


def _ehr(places: Places, ports: dict[str, int]) -> Child:
    command = [sys.executable, "-m", "interop.demo.ehr", "--folder", str(places.ehr), "--certificates", str(places.certificates)]
    command += ["--world-clock", str(places.clock), "--token-file", str(places.token)]
    command += ["--mllp", f"127.0.0.1:{ports['mllp']}", "--fhir", f"127.0.0.1:{ports['fhir']}"]
    return Child("the stand-in EHR", command, places.log("ehr"))


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
    config: Sequence[str] = () if arguments[0] == "init" else ("--config", str(places.config))
    return finished(f"interop {name}", [*INTEROP, *map(str, arguments), *config], places.log(str(arguments[0])))


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(f"{text}\n", encoding="ascii")


def _new_password() -> str:
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(3))
