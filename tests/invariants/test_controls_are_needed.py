"""Take one check away at a time: a scenario must go red each time, or the check is not shown by any test (SR-57)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interop.stages import checks

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", [check.__name__ for check in checks.CHECKS])
def test_sr_57_a_scenario_goes_red_when_this_control_is_removed(name):
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.wards.without_check", "tests/scenarios"]
    environment = {**os.environ, "CHECK_TAKEN_AWAY": name, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 1, f"without {name} every scenario still passes:\n{run.stdout[-400:]}{run.stderr[-400:]}"
