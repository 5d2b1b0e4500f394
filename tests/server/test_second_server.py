"""A second `interop serve` on the same store is refused in one sentence, the first goes on undisturbed, and one that is killed keeps nobody out."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.adapters.store.postgres_serving import LOCK, THIS_LOCK
from interop.wire.hl7v2.ack import AckCode
from tests.contract.postgres_server import PostgresServer
from tests.server import ehr, machine, trouble
from tests.server.machine import command, interop, serving

Until = Callable[..., None]
NUMBERS = itertools.count(1)


@pytest.fixture
def hospital(postgres_server: PostgresServer) -> str:
    """The address of an empty database."""
    name = f"owned_{next(NUMBERS)}"
    asyncio.run(trouble.in_postgres(postgres_server.url("postgres"), f"CREATE DATABASE {name}"))
    return postgres_server.url(name)


def accepts(server: machine.Running, control_id: str) -> bool:
    """Whether the server stores an order."""

    async def asked() -> AckCode:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(server.config))
        try:
            return (await line.ask(ehr.an_order(control_id, f"ORD-{control_id}"))).code
        finally:
            await line.close()

    return asyncio.run(asked()) is AckCode.CA


def refused(config: Path, owner: machine.Running) -> str:
    """The one line that a second server ends with."""
    done = interop("serve", "--config", config, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == "", "it opened no listener"
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("interop: "))
    assert "this store is served already by node node-1, " in sentence
    assert f"process {owner.process.pid}" in sentence
    assert ", since 20" in sentence
    assert sentence.endswith(" — do: leave that one in charge, or stop it and start this one again")
    assert "Traceback" not in done.stderr
    return sentence


def test_a_second_server_is_refused_and_the_first_goes_on(standing: machine.Running):
    errors = sum('"level": "error"' in line for line in standing.logged)
    refused(standing.config, standing)
    assert accepts(standing, f"M-{time.monotonic_ns()}")
    assert sum('"level": "error"' in line for line in standing.logged) == errors, standing.output


@pytest.mark.slow
def test_a_server_that_is_killed_keeps_nobody_out(config: Path):
    with serving(config) as first:
        assert accepts(first, "M-1")
        first.kill()
    with serving(config) as second:
        assert accepts(second, "M-2")
        refused(config, second)
    assert second.process.returncode == 0


@pytest.mark.slow
def test_a_server_that_was_stopped_keeps_nobody_out_and_commands_work_beside_one_that_runs(config: Path):
    with serving(config) as first:
        for words in (("users", "list"), ("clients", "list"), ("pumps", "list"), ("release", "build"), ("rebuild",), ("store", "migrate")):
            assert command(*words, "--config", config).returncode == 0, words
        assert accepts(first, "M-1")
    with serving(config) as second:
        assert accepts(second, "M-2")


@pytest.mark.slow
def test_a_second_server_on_another_host_of_the_same_postgresql_is_refused_too(hospital: str, tmp_path: Path):
    config = machine.init(tmp_path / "server", "--store", hospital)
    elsewhere = machine.copied(config, tmp_path / "elsewhere")
    with serving(config) as first:
        assert accepts(first, "M-1")
        refused(elsewhere, first)
        assert accepts(first, "M-2")
        first.kill()
    with serving(elsewhere) as second:
        assert accepts(second, "M-3")
        refused(config, second)


@pytest.mark.slow
def test_a_server_that_is_cut_off_from_postgresql_goes_on_when_nobody_took_its_place_and_else_stops_without_planning(
    hospital: str, tmp_path: Path, until: Until
):
    config = machine.init(tmp_path / "server", "--store", hospital)
    rows = trouble.rows_of_postgres(hospital)

    def cut_off() -> None:
        rows(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {THIS_LOCK}")

    async def taken_over(server: machine.Running) -> None:
        """By a server that waited for it, until the one that had it is gone."""
        other = await trouble.asyncpg.connect(hospital, server_settings={"application_name": "interop serve 4711 icu-2"})
        taking = asyncio.ensure_future(other.execute(f"SELECT pg_advisory_lock({LOCK})"))
        while not await trouble.in_postgres(hospital, f"SELECT FROM pg_locks WHERE NOT granted AND objid = {LOCK}"):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(cut_off)
        await taking
        await asyncio.to_thread(server.process.wait, 60)
        await other.close()

    with serving(config) as server:
        assert accepts(server, "M-1")
        cut_off()
        until(lambda: any("holds the store again" in line for line in server.logged))
        until(lambda: accepts(server, f"M-{time.monotonic_ns()}"))
        until(lambda: not rows("SELECT count(*) FROM intents")[0][0])
        counted = rows("SELECT count(*) FROM events")
        asyncio.run(taken_over(server))
    assert server.process.returncode == 1
    assert any("another server owns the store now; this one stops" in line for line in server.logged)
    assert "is served now by node icu-2, process 4711" in server.logged[-1]
    assert rows("SELECT count(*) FROM events") == counted, "nothing was planned without the lock"
    assert "Traceback" not in server.output
    with serving(config) as again:
        assert accepts(again, "M-9")
