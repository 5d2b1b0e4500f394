"""Kill the server at any moment: nothing it acknowledged is lost, planned twice, or told in another order (D-04, D-08, SR-53)."""

from pathlib import Path

import pytest

from tests.server import killing


def test_d_08_what_was_acknowledged_outlives_a_killed_server_once_and_in_order(config: Path):
    verdict = killing.kill_rounds(config, rounds=3, seed=20261123)
    assert verdict.is_sound, str(verdict)
    assert verdict.acknowledged > 10, "the server was killed under load"


@pytest.mark.slow
def test_d_08_what_was_acknowledged_outlives_thirty_kills(config: Path):
    verdict = killing.kill_rounds(config, rounds=30, seed=30)
    assert verdict.is_sound, str(verdict)
    assert verdict.killed_with_work_left, "no kill found the server at work"
