"""The short form of the demo's story, quick enough to be told each time: one order to the pump, once, seen, confirmed and started.

All processes are the demo's own; only the commands that prepare them run in this one, where what they import is there already.
"""

import threading
from pathlib import Path

import pytest

from interop.demo import hospital as opening
from interop.demo.chapters import running, scanning, starting
from interop.demo.hospital import Hospital, Opening, Places
from interop.demo.processes import Stopping
from interop.demo.step import Step, Who
from interop.demo.telling import Teller
from tests.server import machine

ONE_AT_A_TIME = threading.Lock()


def in_this_process(name: str, places: Places, *arguments: str | Path) -> str:
    config = ("--config", places.config) if arguments[0] in ("users", "clients", "pumps") else ()
    with ONE_AT_A_TIME:
        return machine.command(*arguments, *config).stdout


def test_sr_01_sr_08_an_order_reaches_the_screen_once_is_seen_confirmed_and_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "_interop", in_this_process)
    lines: list[str] = []
    with Opening(tmp_path / "demo", lines.append, Stopping()) as hospital:
        slip = next(step for step in scanning.STEPS if step.name == "tenfold slip")
        without_page = [witness for witness in slip.witnesses if witness.who is not Who.PAGE]
        story = [*starting.STEPS, Step(**{**vars(slip), "witnesses": tuple(without_page)})]
        told = Teller[Hospital](lines.append, hospital.trouble, lambda: True).tell(story, hospital)
        assert told.failure is None, "\n".join(lines)
        assert told.proven == ["on the screen", "repeat", "review", "start", "tenfold slip"]
        # the witnesses speak of what is, and not of what was wished for
        assert not starting.nothing_is_given(starting.ORDER)(hospital).holds
        assert not running.was_paused(hospital).holds
        assert starting.screen_differs(hospital, starting.HERE, starting.SHOWN) == ["no program is on it"]
        assert not scanning.it_was_started(hospital).holds
