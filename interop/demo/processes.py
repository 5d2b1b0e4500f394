"""The processes of the demonstration: each started by command, with a log file of its own, and ended by its pid."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

STARTS_WITHIN_S: Final = 30
ENDS_WITHIN_S: Final = 15
LAST_LINES: Final = 3


class Missing(Exception):
    """The demonstration cannot go on: one sentence that says what is missing and where it is told."""


class Stopped(Exception):
    """Ctrl-C, or whoever started us wants us gone."""


class Stopping:
    """Ends what is under way, but never between a process that has been started and the place it is ended from: ``with stopping.later(): …``."""

    def __init__(self) -> None:
        self._held = 0
        self._is_asked = False

    def ask(self) -> None:
        """From a signal handler, in the main thread. Raises: Stopped: nothing is held."""
        self._is_asked = True
        if not self._held:
            raise Stopped

    @contextmanager
    def later(self) -> Iterator[None]:
        """Hold it for a moment. Raises: Stopped: at the end, if it was asked for meanwhile."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._is_asked and not self._held:
            raise Stopped


class Child:
    """A process that runs until it is ended. What it says on both streams is in ``log``; its standard output is also kept in ``said``."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        """Starts it, in a session of its own: Ctrl-C is ours to pass on. Raises: Missing."""
        self.name, self.log = name, log
        self.said: list[str] = []
        self._heard = threading.Condition()
        with log.open("ab") as file:
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file, env=environment(), start_new_session=True
                )
            except OSError as fault:
                raise Missing(f"{name} cannot be started: {command[0]}: {fault.strerror}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def address(self, kind: str, within_s: float = STARTS_WITHIN_S) -> str:
        """The rest of the line that begins with ``kind``, once it is said. Raises: Missing: it ended first, or took too long."""
        until = time.monotonic() + within_s
        with self._heard:
            while True:
                for line in self.said:
                    first, _, rest = line.partition(" ")
                    if first == kind:
                        return rest
                if not self._reader.is_alive():
                    raise Missing(self.why_ended())
                if time.monotonic() > until:
                    raise Missing(f"{self.name} did not say its address ({kind}) within {within_s:.0f} s; its log: {self.log}")
                self._heard.wait(0.2)

    def why_ended(self) -> str:
        """One sentence for a process that ended by itself."""
        code = self._process.wait()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told = next((line for line in reversed(lines[-LAST_LINES:]) if line.strip()), "it said nothing")
        return f"{self.name} ended with exit code {code}: {told.strip()[:300]} (its log: {self.log})"

    def kill(self) -> None:
        """As when the power goes."""
        self._process.kill()
        self._gone()

    def end(self) -> None:
        """As a service manager does: SIGTERM, and after a while SIGKILL."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self.log.open("ab") as file:
            for line in self._process.stdout:
                file.write(line)
                file.flush()
                with self._heard:
                    self.said.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


def finished(name: str, command: Sequence[str], log: Path, within_s: float = 60) -> str:
    """Run a command to its end, and give its standard output. Raises: Missing: it failed."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=within_s, check=False, start_new_session=True
        )
    except OSError as fault:
        raise Missing(f"{name} cannot be started: {command[0]}: {fault.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"{name} did not end within {within_s:.0f} s; its log: {log}") from None
    errors = done.stderr.decode("utf-8", "replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(errors)
    if done.returncode:
        told = next((line for line in reversed(errors.splitlines()) if line.strip()), "it said nothing")
        raise Missing(f"{name} failed with exit code {done.returncode}: {told.strip()[:300]} (its log: {log})")
    return done.stdout.decode("utf-8", "replace")


def environment() -> dict[str, str]:
    """This process's own, but for what would set the server's settings from outside the demonstration's folder."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith("INTEROP_")}, "PYTHONUNBUFFERED": "1"}


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens at now. They are fixed for this run, so that a server that was killed is found again at the same address."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
