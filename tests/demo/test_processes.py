"""The processes of the demonstration: logged apart, ended by their pid, and told in one sentence where one is missing."""

import socket
import sys
from pathlib import Path

import pytest

from interop.demo.processes import Child, Missing, Stopped, Stopping, environment, finished, free_ports


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_a_process_says_is_in_its_log_and_its_address_is_found(tmp_path: Path):
    code = "import sys, time; print('trouble', file=sys.stderr, flush=True); print('mllp 127.0.0.1:1', flush=True); time.sleep(600)"
    child = Child("the server", python(code), tmp_path / "log")
    assert child.address("mllp") == "127.0.0.1:1"
    assert child.is_running
    child.end()
    assert not child.is_running
    assert sorted((tmp_path / "log").read_text(encoding="utf-8").splitlines()) == ["mllp 127.0.0.1:1", "trouble"]


def test_a_process_that_does_not_end_when_it_is_asked_to_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("interop.demo.processes.ENDS_WITHIN_S", 0.2)
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up x', flush=True); time.sleep(600)"
    child = Child("the server", python(code), tmp_path / "log")
    child.address("up")
    child.end()
    assert not child.is_running


def test_a_process_that_ends_by_itself_is_told_with_its_last_words_and_its_log(tmp_path: Path):
    child = Child("the server", python("import sys; sys.exit('mllp cannot listen on 127.0.0.1:2575: in use')"), tmp_path / "log")
    with pytest.raises(Missing, match=r"the server ended with exit code 1: mllp cannot listen .*: in use \(its log: .*log\)"):
        child.address("mllp")
    child.end()


def test_a_process_that_says_nothing_is_not_waited_for_for_ever(tmp_path: Path):
    child = Child("the server", python("import time; time.sleep(600)"), tmp_path / "log")
    with pytest.raises(Missing, match="did not say its address"):
        child.address("mllp", within_s=0.1)
    child.end()


def test_a_command_that_fails_or_is_not_there_is_told_in_one_sentence(tmp_path: Path):
    assert finished("a command", python("print('done')"), tmp_path / "log") == "done\n"
    with pytest.raises(Missing, match="a command failed with exit code 3: no such site"):
        finished("a command", python("import sys; print('no such site', file=sys.stderr); sys.exit(3)"), tmp_path / "log")
    with pytest.raises(Missing, match="a command did not end within"):
        finished("a command", python("import time; time.sleep(600)"), tmp_path / "log", within_s=0.2)
    with pytest.raises(Missing, match="a command cannot be started"):
        finished("a command", [str(tmp_path / "nothing")], tmp_path / "log")
    with pytest.raises(Missing, match="pump-sim cannot be started"):
        Child("pump-sim", [str(tmp_path / "nothing")], tmp_path / "log")


def test_settings_of_another_server_do_not_reach_this_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("INTEROP_STORE_URL", "postgresql://somewhere")
    assert not [name for name in environment() if name.startswith("INTEROP_")]


def test_the_ports_of_one_run_are_all_different_and_free():
    ports = free_ports(6)
    assert len(set(ports)) == 6
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_ctrl_c_falls_never_between_a_process_and_the_place_it_is_ended_from():
    stopping, started = Stopping(), list[str]()
    with pytest.raises(Stopped), stopping.later():  # noqa: PT012
        with stopping.later():
            stopping.ask()
            started.append("the server")
        started.append("its place")
    assert started == ["the server", "its place"]
    with pytest.raises(Stopped):
        stopping.ask()
    with Stopping().later():
        started.append("another")
