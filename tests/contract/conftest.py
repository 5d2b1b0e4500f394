"""The contract tests run once for every store; what a test needs of it is its place, or a record opened there."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from places import MemoryPlace, Place, PostgresPlace, SqlitePlace, postgres_template, sqlite_template
from postgres_server import PostgresServer


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer()
    except RuntimeError as reason:
        pytest.skip(str(reason))
    try:
        postgres_template(server)
        yield server
    finally:
        server.remove()


async def _place(name: str, request: pytest.FixtureRequest) -> Place:
    if name == "memory":
        return MemoryPlace()
    if name == "sqlite":
        return SqlitePlace(request.getfixturevalue("empty_file"), request.getfixturevalue("tmp_path"))
    place = PostgresPlace(request.getfixturevalue("postgres_server"))
    await place.make()
    return place


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Every store."""
    there = await _place(request.param, request)
    yield there
    await there.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Every store that outlives its process."""
    there = await _place(request.param, request)
    yield there
    await there.close()


@pytest.fixture
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    there = await _place("sqlite", request)
    yield there
    await there.close()


@pytest.fixture
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    there = await _place("postgres", request)
    yield there
    await there.close()


@pytest.fixture
async def record(place: Place) -> Any:
    return await place.open()
