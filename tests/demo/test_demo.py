"""`interop demo` as its user meets it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.demo.processes import free_ports
from interop.demo.run import Options, demo
from interop.demo.story import STORY
from tests.server.machine import REPOSITORY

ENDS_WITHIN_S = 240


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "-m", "interop", "demo", *map(str, options)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}


def left_over(folder: Path) -> Iterator[str]:
    """The processes that have this folder in their command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            yield line


@pytest.mark.slow
def test_sec_31_the_story_is_proven_nothing_of_it_is_left_running_and_its_secrets_are_its_owners(tmp_path: Path):
    folder = tmp_path / "demo"
    told = subprocess.run(
        command("--once", "--dir", folder), capture_output=True, text=True, timeout=ENDS_WITHIN_S, env=environment(), check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("SIMULATED")
    for number, step in enumerate(STORY, 1):
        assert f"{number:2}  {step.sentence}" in told.stdout
    assert f"{len(STORY)} steps proven in" in told.stdout
    assert list(left_over(folder)) == []
    logs = {path.name for path in (folder / "logs").iterdir()}
    assert {"server.log", "ehr.log", "init.log", "pumps.log"} <= logs
    secrets = [*(folder / "secrets").iterdir(), folder / "ehr" / "key", folder / "pumps" / "key", folder / "ehr" / "journal.jsonl", folder]
    assert len(secrets) > 4
    assert [path.name for path in secrets if path.stat().st_mode & 0o077] == []


@pytest.mark.slow
def test_ctrl_c_at_any_moment_ends_every_process(tmp_path: Path):
    for moment in ("starting the server", " 1  The EHR", "12  Order, pump and chart", "SIGKILL to the server"):
        folder = tmp_path / moment.strip().replace(" ", "-")
        running = subprocess.Popen(
            command("--once", "--dir", folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
        assert running.stdout is not None
        for line in running.stdout:
            if moment in line:
                break
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=ENDS_WITHIN_S)
        assert (running.returncode, errors) == (1, "interop: stopped\n"), moment
        assert list(left_over(folder)) == [], moment


@pytest.mark.slow
def test_a_port_that_somebody_else_took_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("interop.demo.hospital.free_ports", lambda count: [port, *free_ports(count - 1)])
        assert demo(Options(once=True, folder=tmp_path / "demo"), out=sys.stdout, err=sys.stderr) == 1
    (told,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"interop: the server ended with exit code 1: .*{port}.* \(its log: .*server\.log\)", told)
    assert list(left_over(tmp_path)) == []


@pytest.mark.slow
def test_without_once_the_nurse_is_played_by_a_person_and_it_stays_open_until_ctrl_c_and_its_folder_is_gone_then(tmp_path: Path):
    where = {**environment(), "TMPDIR": str(tmp_path)}
    person, terminal = os.openpty()
    running = subprocess.Popen(command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=terminal, text=True, env=where)
    assert running.stdout is not None
    told, asked = [], 0
    for line in running.stdout:
        told.append(line)
        if line.startswith("      you   "):
            asked += 1
            os.write(person, b"\n")  # Enter: her part is played
        if "stays open" in line:
            break
    assert asked == sum(bool(step.by_hand) for step in STORY) > 5
    for address in (
        "pumps   http://127.0.0.1:",
        "bedside https://127.0.0.1:",
        "log-in  nurse / ",
        "EHR     http://127.0.0.1:",
        "FHIR    https://127.0.0.1:",
    ):
        assert any(line.startswith(address) for line in told), address
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=ENDS_WITHIN_S)
    os.close(person)
    os.close(terminal)
    assert (running.returncode, errors) == (0, ""), "".join(told)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path):
    (tmp_path / "interop.toml").touch()
    told = subprocess.run(command("--once", "--dir", tmp_path), capture_output=True, text=True, timeout=60, env=environment(), check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"interop: {tmp_path} is not an empty folder; name one that is empty or not there yet\n"
    assert [path.name for path in tmp_path.iterdir()] == ["interop.toml"]


@pytest.mark.parametrize("speed", ["0", "3601"])
def test_a_speed_that_the_world_does_not_have_is_told(speed: str, capsys: pytest.CaptureFixture[str]):
    from interop.cli import main

    assert main(["demo", "--once", "--speed", speed]) == 2
    assert capsys.readouterr().err == "interop: --speed is a whole number from 1 to 3600\n"


def test_every_step_of_the_story_has_its_own_name_and_its_sentence():
    assert len({step.name for step in STORY}) == len(STORY) > 0
    assert all(step.sentence.endswith(".") for step in STORY)
