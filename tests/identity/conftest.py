"""A small hospital's people on a clock that stands still until it is moved, over each store that needs no server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from persons import EARLY, SECRET, Hospital, WardClock

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.identity.sessions import SessionTimes
from interop.adapters.store import open_record


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
async def hospital(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Hospital]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path / 'record.db'}"
    clock = WardClock(EARLY)
    record = await open_record(url, node="node-a", clock=clock, migrate=True)
    identity = LocalIdentity(record, clock, Keys.of_secret(SECRET), times=SessionTimes(), passwords=Passwords(Cost(1, 8, 1)))
    yield Hospital(record, clock, identity)
    await record.close()
