"""The world clock: all processes of the demonstration live in one time, which may hurry and never goes back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interop.demo.clock import LEAD_S, WorldClock, read_stretches

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Wall:
    """This machine's clock, turned by hand."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def a_clock(folder: Path, wall: Wall) -> WorldClock:
    path = folder / "world-clock"
    if not path.exists():
        path.write_text(f"{START.isoformat()} {START.isoformat()} 1\n", encoding="ascii")
    return WorldClock(path, wall.now)


def test_the_world_begins_at_the_time_of_this_machine(tmp_path: Path):
    before = datetime.now(UTC)
    clock = WorldClock.begin(tmp_path / "world-clock")
    assert before <= clock.now() <= datetime.now(UTC)
    with pytest.raises(OSError):
        WorldClock.begin(tmp_path / "world-clock")


def test_twenty_minutes_pass_in_twenty_seconds_and_then_the_world_goes_on_at_the_walls_pace(tmp_path: Path):
    wall = Wall()
    clock = a_clock(tmp_path, wall)
    clock.hurry(timedelta(minutes=20), 60, wall.sleep)
    assert wall.at - START == timedelta(seconds=20 + LEAD_S)
    assert clock.now() - START == timedelta(minutes=20, seconds=LEAD_S)
    wall.sleep(5)
    assert clock.now() - START == timedelta(minutes=20, seconds=LEAD_S + 5)


@given(st.lists(st.tuples(st.integers(1, 3600), st.integers(1, 900)), min_size=1, max_size=4), st.integers(1, 40))
def test_whoever_reads_when_sees_one_time_that_never_goes_back(
    tmp_path_factory: pytest.TempPathFactory, hurries: list[tuple[int, int]], looks: int
):
    wall = Wall()
    ours = a_clock(tmp_path_factory.mktemp("world"), wall)
    theirs = WorldClock(ours._path, wall.now)
    seen = [theirs.now()]

    def looking(seconds: float) -> None:
        ends = wall.at + timedelta(seconds=seconds)
        while wall.at < ends:
            wall.at = min(ends, wall.at + timedelta(seconds=seconds) / looks)
            assert theirs.now() == ours.now()
            seen.append(theirs.now())

    for factor, seconds in hurries:
        ours.hurry(timedelta(seconds=seconds), factor, looking)
    assert seen == sorted(seen)
    assert seen[-1] - START >= timedelta(seconds=sum(seconds for _, seconds in hurries))


def test_a_line_that_is_still_being_written_does_not_count_yet(tmp_path: Path):
    wall = Wall()
    clock = a_clock(tmp_path, wall)
    with (tmp_path / "world-clock").open("a", encoding="ascii") as file:
        file.write(f"{START.isoformat()} {START.isoformat()} 36")
    assert clock.now() == START
    assert len(read_stretches(tmp_path / "world-clock")) == 1


@pytest.mark.parametrize(
    "line", ["", "now then 1", f"{START.isoformat()} {START.isoformat()} 0", f"2026-03-02T08:00 {START.isoformat()} 1"]
)
def test_a_file_that_tells_no_time_is_no_clock(tmp_path: Path, line: str):
    (tmp_path / "world-clock").write_text(f"{line}\n", encoding="ascii")
    with pytest.raises(ValueError):
        WorldClock(tmp_path / "world-clock")


def test_there_is_a_fastest_pace(tmp_path: Path):
    for factor in (0, 3601):
        with pytest.raises(ValueError):
            a_clock(tmp_path, Wall()).hurry(timedelta(1), factor)
