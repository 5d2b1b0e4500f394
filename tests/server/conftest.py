"""One folder made by ``interop init`` for all tests; each test gets a copy of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.postgres_server import PostgresServer
from tests.server import machine


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return machine.init(tmp_path_factory.mktemp("made") / "server", by=machine.interop)


@pytest.fixture
def config(made: Path, tmp_path: Path) -> Path:
    """A server's interop.toml with a store, a release and an administrator behind it."""
    return machine.copied(made, tmp_path / "server")


@pytest.fixture(scope="session")
def standing(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[machine.Running]:
    """A server that runs while the tests go on, for those that leave it as they found it: to start one takes two seconds of a core."""
    with machine.serving(machine.copied(made, tmp_path_factory.mktemp("standing") / "server")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except RuntimeError as reason:
        pytest.skip(str(reason))
    yield server
    server.remove()


@pytest.fixture
def until() -> Callable[[Callable[[], bool], float], None]:
    """Wait for something that another process does."""
    import time

    def wait(holds: Callable[[], bool], within_s: float = 60) -> None:
        end = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)

    return wait
