"""The command: what it says, and what it refuses to run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pump_sim.cli import main
from pump_sim.faults import FAULTS
from tests.pump_sim.ward import document

REPOSITORY = Path(__file__).parents[2]


def test_a_library_document_is_checked(tmp_path, capsys):
    (tmp_path / "library.json").write_bytes(document())
    assert main(["library", str(tmp_path / "library.json")]) == 0
    assert "WARD 42 (abababababab): 6 entries in 2 care areas" in capsys.readouterr().out
    (tmp_path / "damaged.json").write_bytes(document().replace(b"dopamine", b"dopamime"))
    assert main(["library", str(tmp_path / "damaged.json")]) == 1
    assert "its sha256 does not match" in capsys.readouterr().err
    assert main(["library", str(tmp_path / "missing.json")]) == 1


def test_the_faults_are_listed_by_name(capsys):
    assert main(["faults"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in FAULTS)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--server", "ws://192.0.2.1:1/pump-link/1"], "clear text only to this machine"),
        (["--server", "wss://127.0.0.1:1/pump-link/1"], "--certificates"),
        (["--server", "ws://127.0.0.1:1/pump-link/1", "--fault", "drop-everything"], "there is no fault"),
        (["--server", "ws://127.0.0.1:1/pump-link/1", "--fault", "drop-offer@PUMP-9"], "there is no pump PUMP-9"),
        (["--server", "ws://127.0.0.1:1/pump-link/1", "--library", "missing.json"], "missing.json"),
        (["--server", "ws://127.0.0.1:1/pump-link/1", "--pump", "P=drip"], "the models are"),
        (["--server", "ws://127.0.0.1:1/pump-link/1", "--panel", "0.0.0.0:0"], "this machine only"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(given, why, capsys):
    assert main(["run", *given]) == 1
    err = capsys.readouterr().err
    assert why in err
    assert err.count("\n") == 1


def running(tmp_path: Path, code: str) -> "subprocess.Popen[str]":
    """``pump-sim run`` of three pumps whose server is not there, as a process of its own: ``code`` runs it."""
    (tmp_path / "library.json").write_bytes(document())
    given = ["--server", "ws://127.0.0.1:9/pump-link/1", "--pumps", "3", "--model", "mixed", "--library", str(tmp_path / "library.json")]
    command = [sys.executable, "-c", code, "run", *given, "--state", str(tmp_path / "state")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": "."})


def test_it_runs_prints_a_line_a_pump_at_once_and_ends_when_it_is_told_to(tmp_path):
    with running(tmp_path, "import sys; from pump_sim.cli import main; sys.exit(main())") as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(3)]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert lines == ["pump PUMP-1 demo-lvp simulated\n", "pump PUMP-2 demo-lvp simulated\n", "pump PUMP-3 demo-syringe simulated\n"]
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["PUMP-1.jsonl", "PUMP-2.jsonl", "PUMP-3.jsonl"]


ENDED_AT_ITS_FIRST_WORD = """
import builtins, os, signal, sys
from pump_sim.cli import main
say = builtins.print
def said(*words, **how):
    say(*words, **how)
    if words[0].startswith("pump PUMP-1"):
        os.kill(os.getpid(), signal.SIGTERM)
builtins.print = said
sys.exit(main())
"""


def test_it_ends_in_good_order_although_it_is_told_to_at_its_first_line(tmp_path):
    with running(tmp_path, ENDED_AT_ITS_FIRST_WORD) as process:
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        assert len(process.stdout.readlines()) == 3
