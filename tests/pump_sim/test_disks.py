"""What a pump has written down survives kill -9: a torn last line, a damaged file, a grown file, and a process that is killed at random (SR-69, SR-96)."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from pump_sim import keys
from pump_sim.pump import Pump
from pump_sim.state import PumpState
from pump_sim.store import DamagedStore, FileStore, MemoryStore, line_of
from pump_sim.stored import restored, stored
from tests.pump_sim.ward import NURSE, Ward, dopamine_offer, titration_offer


def written(ward: Ward, store: FileStore | MemoryStore) -> None:
    store.write(line_of(ward.out, ward.pump.kept()))


def test_a_state_is_written_and_read_back_exactly():
    ward = Ward().running()
    ward.wait(777.7)
    ward.hear(titration_offer(ward))
    ward.press(keys.OpenDoor("B"))
    kept = ward.pump.kept()
    assert stored(restored(PumpState, json.loads(json.dumps(kept)))) == kept
    assert restored(PumpState, kept).channels["A"] == ward.channel("A")


def test_sr_69_a_pump_comes_back_from_its_disk(tmp_path):
    store = FileStore(tmp_path / "PUMP-1.jsonl")
    ward = Ward(connected=False)
    written(ward, store)
    ward.connect()
    written(ward, store)
    ward.hear(dopamine_offer())
    written(ward, store)
    for key in (keys.OpenOffer("A", NURSE), keys.Confirm("A", NURSE), keys.Start("A", NURSE)):
        ward.press(key)
        written(ward, store)
    ward.wait(1200)
    written(ward, store)
    ward.ack(2)
    written(ward, store)
    store.close()
    memory = FileStore(tmp_path / "PUMP-1.jsonl").memory
    pump = Pump(ward.pump._m.config, ward.pump._m.library)
    pump.remember(memory.state, memory.frames.values(), memory.forgotten, memory.tombstones.values())
    assert list(pump._m.log.kept) == list(range(3, ward.kept[-1]["number"] + 1))
    out = pump.handle(keys.PowerOn(), ward.now)
    assert [frame.get("kind") for frame in out.keep] == ["power_on", "paused"]
    assert out.keep[0]["number"] == ward.kept[-1]["number"] + 1
    assert pump.counted("A", ward.now) == 10
    assert "O-1" in pump._m.tombstones


@pytest.mark.parametrize("cut", range(1, 200, 11))
def test_a_last_line_that_was_cut_off_is_as_if_it_had_never_been_written(tmp_path, cut):
    path = tmp_path / "PUMP-1.jsonl"
    store = FileStore(path)
    ward = Ward(connected=False)
    written(ward, store)
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:cut])
    again = FileStore(path)
    assert again.memory.state is not None
    written(ward, again)
    again.close()
    assert path.read_bytes().startswith(whole + b'{"')
    FileStore(path).close()


def test_a_damaged_line_in_the_middle_is_said_and_never_passed_over(tmp_path):
    path = tmp_path / "PUMP-1.jsonl"
    path.write_bytes(b'{"state": {"log_id": "x"}}\nnonsense\n{"state": {"log_id": "x"}}\n')
    with pytest.raises(DamagedStore, match=":2:"):
        FileStore(path)


def test_a_file_that_has_grown_is_written_anew_and_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("pump_sim.store.COMPACT_AT_BYTES", 30_000)
    store, beside = FileStore(tmp_path / "PUMP-1.jsonl"), MemoryStore()
    ward = Ward(connected=False)
    written(ward, store), written(ward, beside)
    ward.connect()
    for number in range(60):
        ward.hear(dopamine_offer(f"O-{number}", tallman="x"))
        written(ward, store), written(ward, beside)
    store.close()
    assert (tmp_path / "PUMP-1.jsonl").stat().st_size < 120_000
    again = FileStore(tmp_path / "PUMP-1.jsonl").memory
    assert again.state == beside.memory.state
    assert list(again.frames) == list(beside.memory.frames)
    assert again.tombstones == beside.memory.tombstones


def test_another_log_begins_its_numbers_anew():
    store = MemoryStore()
    ward = Ward(connected=False)
    written(ward, store)
    ward.pump = ward.pump.after_power_loss()
    ward.pump.lose_log()
    ward.now = ward.now.later(1_000_000)
    ward.press(keys.PowerOn())
    written(ward, store)
    assert list(store.memory.frames) == [1]
    assert store.memory.frames[1]["log_id"] == ward.pump.log_id


WRITER = """
import sys
from pathlib import Path
from pump_sim.store import FileStore, line_of
from tests.pump_sim.ward import Ward, dopamine_offer
ward, store = Ward(connected=False), FileStore(Path(sys.argv[1]))
store.write(line_of(ward.out, ward.pump.kept()))
ward.connect()
store.write(line_of(ward.out, ward.pump.kept()))
for number in range(1_000_000):
    ward.hear(dopamine_offer(f"O-{number}", tallman="x"))
    store.write(line_of(ward.out, ward.pump.kept()))
    print(ward.kept[-1]["number"], flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))])
def test_sr_96_what_a_killed_pump_has_said_is_on_its_disk(tmp_path, seed):
    path = tmp_path / "PUMP-1.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert process.stdout is not None
    told = [int(process.stdout.readline())]
    time.sleep(Random(seed).random() / 5)
    process.send_signal(signal.SIGKILL)
    told += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    process.stdout.close()
    memory = FileStore(path).memory
    numbers = list(memory.frames)
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1] >= told[-1]
    assert len(memory.tombstones) >= told[-1] - 1
