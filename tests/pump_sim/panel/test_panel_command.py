"""``pump-sim run --panel`` and ``--control``: on this machine only unless a name is given, and the addresses are printed when they are served."""

import json
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime

import pytest

from pump_sim.cli import main

pytest.importorskip("uvicorn")

RUN = ["run", "--server", "ws://127.0.0.1:9/pump-link/1", "--pump", "P-1"]


@pytest.mark.requirement("SR-98", "SEC-41")
@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--panel", "0.0.0.0:0"], "--panel 0.0.0.0:0: HOST:PORT on this machine only"),
        (["--panel", "127.0.0.1"], "--panel 127.0.0.1: HOST:PORT on this machine only"),
        (["--panel", "127.0.0.1:70000"], "--panel 127.0.0.1:70000: HOST:PORT on this machine only"),
        (["--control", "0.0.0.0:0", "--control-key", "key"], "--control 0.0.0.0:0: HOST:PORT on this machine only"),
        (["--control", "127.0.0.1:0"], "--control: it needs --control-key FILE, where its key is written"),
        (["--world-clock", "clock", "--speed", "2"], "--world-clock: it tells the time instead of --speed and --epoch"),
        (["--world-clock", "no-such-clock"], "No such file"),
    ],
)
def test_what_cannot_be_run_is_told_in_one_sentence(more, why, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*RUN, *more]) == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "key").exists()


def test_panel_and_control_are_served_side_by_side_until_the_fleet_ends(tmp_path):
    now = datetime.now(UTC).isoformat()
    (tmp_path / "clock").write_text(f"{now} {now} 1\n", encoding="ascii")
    options = ["--panel", "127.0.0.1:0", "--control", "127.0.0.1:0", "--control-key", str(tmp_path / "key")]
    options += ["--history", str(tmp_path / "history"), "--world-clock", str(tmp_path / "clock")]
    run = [sys.executable, "-c", "from pump_sim.cli import main; raise SystemExit(main())", *RUN, *options]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = dict(line.split(" ", 1) for line in (process.stdout.readline().strip() for _ in range(3)))
            assert told["pump"] == "P-1 demo-lvp simulated"
            with urllib.request.urlopen(told["panel"], timeout=20) as answer:
                assert b"NOT FOR CLINICAL USE" in answer.read()
            with urllib.request.urlopen(f"{told['control']}/pumps/P-1/log", timeout=20) as answer:
                assert [frame["kind"] for frame in json.load(answer)["frames"]] == ["power_on", "alarm_raised"]  # there is no library
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
