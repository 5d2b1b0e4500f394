"""One stand-in EHR for all tests that only look at it: a process of its own, with certificates that are made here."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interop.demo.clock import WorldClock
from interop.service.certificates import make_certificates
from tests.demo.stand_in import StandIn


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `interop init` makes of certificates."""
    folder = tmp_path_factory.mktemp("demo") / "certificates"
    make_certificates(folder, server_names=("127.0.0.1",), client_name="interop-send", now=datetime.now(UTC))
    return folder


@pytest.fixture
def stand_in(certificates: Path, tmp_path: Path) -> Iterator[StandIn]:
    WorldClock.begin(tmp_path / "world-clock")
    with StandIn(tmp_path, certificates) as running:
        yield running
