"""The whole server when its store fails: CE or a closed connection and never CA, nothing new is programmed, an alert, and it heals by itself (D-08)."""

import asyncio
import http.client
import itertools
import resource
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interop.wire.hl7v2.ack import AckCode
from tests.contract.postgres_server import PostgresServer
from tests.server import ehr, machine, trouble
from tests.server.machine import serving

Until = Callable[..., None]
NUMBERS = itertools.count(1)
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def hospital(postgres_server: PostgresServer) -> str:
    """The address of an empty database."""
    name = f"hospital_{next(NUMBERS)}"
    asyncio.run(trouble.in_postgres(postgres_server.url("postgres"), f"CREATE DATABASE {name}"))
    return postgres_server.url(name)


def stored(config: Path, server: machine.Running, token: str) -> int:
    """What a MedicationRequest that is sent to the FHIR door is answered."""
    at = server.address("fhir").removeprefix("https://").partition("/")[0]
    connection = http.client.HTTPSConnection(at, context=ehr.tls_of(config), timeout=30)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        connection.request("POST", "/fhir/r4/MedicationRequest", (GOLDEN / "fhir" / "dopamine-dose-rate.json").read_bytes(), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def a_token(config: Path) -> str:
    return machine.command("clients", "add", "ehr-fhir", "--sender", "fhir-demo", "--config", config).stdout.splitlines()[-1]


def test_d_08_on_postgresql_from_init_to_an_answer_through_a_killed_server_and_a_database_that_crashes_under_load(
    hospital: str, postgres_server: PostgresServer, tmp_path: Path, until: Until
):
    config = machine.init(tmp_path / "server", "--store", hospital)
    rows, at = trouble.rows_of_postgres(hospital), datetime.now(UTC)

    async def code(control_id: str) -> AckCode:
        line = await ehr.Line.open(server.mllp, ehr.tls_of(config))
        answer = await line.ask(ehr.an_order(control_id, "ORD-1", at))
        await line.close()
        return answer.code

    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        token = a_token(config)
        server = machine.start(config).ready()
        assert asyncio.run(code("M-1")) is AckCode.CA
        until(lambda: bool(listener.received))
        assert (listener.received[0].code, listener.received[0].error) == ("AR", "9001"), "no pump is known here"
        assert asyncio.run(code("M-2")) is AckCode.CA
        server.kill()
        with serving(config) as server:
            assert asyncio.run(code("M-1")) is AckCode.CA, "a resend is acknowledged as the first was"
            assert asyncio.run(code("M-3")) is AckCode.CA
            assert stored(config, server, token) == 201
            until(lambda: len(listener.first_seen) == 3 and trouble.is_done(rows))
            assert [each.answers for each in listener.first_seen] == ["M-1", "M-2", "M-3"]

            def during() -> None:
                assert stored(config, server, token) == 503

            heard = trouble.endures(config, server, lambda: postgres_server.stop("immediate"), during, postgres_server.start)
            until(lambda: trouble.is_done(rows))
            until(lambda: trouble.was_told(server))
            assert stored(config, server, token) == 201
        trouble.is_whole(heard, rows, listener)


def test_d_08_a_full_disk_under_load_loses_nothing_acknowledged(made: Path, small_disk: Path, until: Until):
    config = machine.copied(made, small_disk / "server")
    rows = trouble.rows_of_file(config)
    ballast = small_disk / "ballast"

    def fill() -> None:
        """To the last byte."""
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):  # noqa: PT012 - by which write is open
            while True:
                file.write(bytes(4096))

    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        with serving(config) as server:
            token = a_token(config)
            heard = trouble.endures(config, server, fill, lambda: None, ballast.unlink)
            until(lambda: trouble.is_done(rows))
            until(lambda: trouble.was_told(server))
            assert stored(config, server, token) == 201
        assert any("StoreFull" in line for line in server.logged)
        trouble.is_whole(heard, rows, listener)
        assert "StoreFull" in rows("SELECT outcome FROM audit WHERE action = 'store.failed'")[0][0]


@pytest.mark.slow
def test_d_08_a_store_that_can_write_no_more_under_load_loses_nothing_acknowledged_and_plans_nothing_meanwhile(config: Path, until: Until):
    """As a full disk is, for one process alone, so that it can be tried without rights: no file may grow or change beyond its first page."""
    rows = trouble.rows_of_file(config)

    with ehr.Listener(ehr.listener_tls(config)) as listener:
        machine.with_listener(config, listener.port)
        with serving(config) as server:
            token = a_token(config)
            pid = server.process.pid
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

            def during() -> None:
                assert stored(config, server, token) == 503
                counted = rows("SELECT count(*) FROM events")
                until(lambda: sum("a message was not stored" in line for line in server.logged) >= 10)
                assert rows("SELECT count(*) FROM events") == counted, "nothing new is programmed"

            heard = trouble.endures(
                config,
                server,
                breaks=lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, before[1])),
                during=during,
                mends=lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, before),
            )
            until(lambda: trouble.is_done(rows))
            until(lambda: trouble.was_told(server))
        trouble.is_whole(heard, rows, listener)


@pytest.mark.slow
def test_d_08_a_file_that_another_process_locks_under_load_loses_nothing_acknowledged(config: Path, until: Until):
    rows = trouble.rows_of_file(config)
    locker = sqlite3.connect(config.parent / "interop.db", isolation_level=None, check_same_thread=False)
    try:
        with ehr.Listener(ehr.listener_tls(config)) as listener:
            machine.with_listener(config, listener.port)
            with serving(config) as server:
                heard = trouble.endures(
                    config,
                    server,
                    breaks=lambda: locker.execute("BEGIN IMMEDIATE"),
                    during=lambda: None,
                    mends=lambda: locker.execute("ROLLBACK"),
                )
                until(lambda: trouble.is_done(rows))
                until(lambda: trouble.was_told(server))
            trouble.is_whole(heard, rows, listener)
            assert "StoreLocked" in rows("SELECT outcome FROM audit WHERE action = 'store.failed'")[0][0]
    finally:
        locker.close()
