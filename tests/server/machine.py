"""One server as an operator has it: a folder made by ``interop init``, and real processes on loopback that can be stopped and killed."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from interop import cli

REPOSITORY = Path(__file__).parents[2]
STARTS_WITHIN_S = 300  # on a machine that does much else; nothing is measured by it
STOPS_WITHIN_S = 300


def interop(*arguments: str | Path, check: bool = True, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """One command, to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "interop", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=_environment(environment),
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def command(*arguments: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """One command within this process, where what it imports is there already; what is told by a process of its own is ``interop``'s to try."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main([*map(str, arguments)])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    done = subprocess.CompletedProcess(["interop", *map(str, arguments)], code, out.getvalue(), err.getvalue())
    if check:
        assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def _environment(further: dict[str, str] | None = None) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # an installed server has its bytecode
    return {**given, "PYTHONPATH": str(REPOSITORY), **(further or {})}


def init(folder: Path, *options: str, by: Callable[..., object] = command) -> Path:
    """A server's folder with free ports; gives its interop.toml."""
    by("init", folder, "--mllp-port", "0", "--fhir-port", "0", "--pages-port", "0", "--pumps-port", "0", *options)
    return folder / "interop.toml"


def copied(made: Path, folder: Path) -> Path:
    """The same server's files at another place: what ``init`` made names them by relative paths."""
    shutil.copytree(made.parent, folder)
    return folder / made.name


@dataclass
class Running:
    """A server process. ``said`` is its standard output, line by line, ``logged`` its standard error."""

    process: "subprocess.Popen[str]"
    config: Path
    said: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)
    heard: threading.Condition = field(default_factory=threading.Condition)

    def address(self, listener: str) -> str:
        """``127.0.0.1:40001`` or ``https://…`` once it listens."""
        until = time.monotonic() + STARTS_WITHIN_S
        with self.heard:
            while True:
                for line in self.said:
                    kind, _, where = line.partition(" ")
                    if kind == listener:
                        return where
                assert self.process.poll() is None or self.readers[0].is_alive(), "".join(self.logged)
                assert time.monotonic() < until, f"{listener} does not listen:\n" + "\n".join(self.logged)
                self.heard.wait(0.2)

    @property
    def mllp(self) -> tuple[str, int]:
        host, _, port = self.address("mllp").rpartition(":")
        return host, int(port)

    def ready(self) -> "Running":
        """Once every listener listens; a server that does not come up is ended. Raises: AssertionError."""
        try:
            for listener in ("mllp", "fhir", "pages", "pumps"):
                self.address(listener)
        except BaseException:
            if self.process.poll() is None:
                self.kill()
            raise
        return self

    def kill(self) -> None:
        """The power goes."""
        self.process.send_signal(signal.SIGKILL)
        self._ended()

    def stop(self) -> int:
        """As the service manager stops it; gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._ended()
        return self.process.returncode

    @property
    def output(self) -> str:
        return "\n".join([*self.said, *self.logged])

    def _ended(self) -> None:
        try:
            self.process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end:\n" + "\n".join(self.logged)) from None
        for reader in self.readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def start(config: Path, environment: dict[str, str] | None = None, before: Sequence[str] = ()) -> Running:
    """``interop serve``; ``before``: what the process is started through."""
    process = subprocess.Popen(
        [*before, sys.executable, "-m", "interop", "serve", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(environment),
    )
    running = Running(process, config)

    def read(stream: Iterator[str], into: list[str]) -> None:
        for line in stream:
            with running.heard:
                into.append(line.rstrip("\n"))
                running.heard.notify_all()

    for stream, into in ((process.stdout, running.said), (process.stderr, running.logged)):
        assert stream is not None
        reader = threading.Thread(target=read, args=(stream, into))
        reader.start()
        running.readers.append(reader)
    return running


@contextmanager
def serving(config: Path, environment: dict[str, str] | None = None) -> Iterator[Running]:
    running = start(config, environment)
    try:
        yield running.ready()
    finally:
        running.stop()


def with_listener(config: Path, port: int, *, name: str = "ehr1", sender: str = "pcd03-demo", more: str = "", tls: bool = True) -> None:
    """The EHR's listener for RRG at ``port`` of this machine, told over mutual TLS unless it is a demonstration in clear text."""
    files = """
ca_file = "certificates/ca.pem"
certificate_file = "certificates/interop-send.pem"
key_file = "certificates/interop-send.key"
"""
    config.write_text(
        config.read_text(encoding="utf-8")
        + f"""
[lanes.destinations.{name}]
sender = "{sender}"
host = "127.0.0.1"
port = {port}
{files if tls else "tls = false"}
{more}
""",
        encoding="utf-8",
    )
