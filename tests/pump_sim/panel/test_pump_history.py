"""Every log frame a pump ever numbered stays on file, in order, through acknowledgement, power loss and a file that was cut off."""

import json

import pytest

from pump_sim.history import MOST_AT_ONCE, History


def frames(first: int, last: int, log_id: str = "L-1") -> list[dict]:
    return [{"frame": "event", "kind": "power_on", "log_id": log_id, "number": number} for number in range(first, last + 1)]


def test_frames_are_read_back_in_their_order_and_by_place(tmp_path):
    history = History(tmp_path / "P.jsonl")
    history.add(frames(1, 3))
    history.add(frames(1, 2, "L-2"))  # the pump lost its log and began another
    assert [(frame["log_id"], frame["number"]) for frame in history.after(2)] == [("L-1", 3), ("L-2", 1), ("L-2", 2)]
    assert (history.count, history.after(5)) == (5, [])
    history.close()


def test_what_the_pump_kept_and_the_file_lost_is_added_once(tmp_path):
    history = History(tmp_path / "P.jsonl")
    history.add(frames(1, 2))
    history.close()
    with (tmp_path / "P.jsonl").open("ab") as file:
        file.write(b'{"frame":"event","log_id":"L-1","numb')  # the process was killed in the middle of a line
    again = History(tmp_path / "P.jsonl")
    again.catch_up(frames(1, 4))
    again.catch_up(frames(1, 4))
    assert [frame["number"] for frame in again.after(0)] == [1, 2, 3, 4]
    again.close()
    assert [json.loads(line)["number"] for line in (tmp_path / "P.jsonl").read_text().splitlines()] == [1, 2, 3, 4]


def test_a_long_log_is_read_a_thousand_at_a_time(tmp_path):
    history = History(tmp_path / "P.jsonl")
    history.add(frames(1, 2 * MOST_AT_ONCE + 1))
    assert [len(history.after(place)) for place in (0, MOST_AT_ONCE, 2 * MOST_AT_ONCE)] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    history.close()


def test_a_file_that_is_no_history_is_refused(tmp_path):
    (tmp_path / "P.jsonl").write_text("no frame\n")
    with pytest.raises(ValueError):
        History(tmp_path / "P.jsonl")
