"""The world clock that the processes of a demonstration read from one file: the pumps live in it, their sockets do not, and time never goes back."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from interop.demo.clock import Stretch as DemoStretch
from interop.demo.clock import WorldClock as DemoClock
from pump_sim.clock import LOOK_S, FileClock

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = EIGHT

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "world-clock"
    path.write_text(DemoStretch(EIGHT, EIGHT, 1).line(), encoding="ascii")
    return path


def test_sr_77_sr_45_the_monotonic_clock_and_the_links_follow_the_world_that_the_server_lives_in_too(file, wall):
    clock = FileClock(file, wall=wall)
    before = clock.now()
    with file.open("a", encoding="ascii") as growing:
        growing.write(DemoStretch(EIGHT + timedelta(seconds=1), EIGHT + timedelta(seconds=1), 600).line())
    wall.pass_(2)
    now = clock.now()
    assert now.wall == EIGHT + timedelta(seconds=601)
    assert now.mono_us - before.mono_us == 601_000_000
    assert now.link_us - before.link_us == 601_000_000  # or the server would find every report too old while the world hurries
    assert clock.link_seconds(10_000_000) == 10 / 600
    assert clock.factor == Fraction(600)


def test_pumps_and_ehr_agree_on_every_moment(file, wall):
    pumps, ehr = FileClock(file, wall=wall), DemoClock(file, wall=wall)
    with file.open("a", encoding="ascii") as growing:
        growing.write(DemoStretch(EIGHT + timedelta(seconds=3), EIGHT + timedelta(seconds=3), 60).line())
        growing.write(DemoStretch(EIGHT + timedelta(seconds=5), EIGHT + timedelta(seconds=123), 1).line())
    for _ in range(40):
        assert pumps.now().wall == ehr.now()
        wall.pass_(0.25)


def test_a_wall_that_steps_back_holds_the_world_still(file, wall):
    clock = FileClock(file, wall=wall)
    wall.pass_(10)
    ten = clock.now()
    wall.pass_(-5)
    assert (clock.now().wall, clock.now().mono_us) == (ten.wall, ten.mono_us)
    wall.pass_(6)
    assert clock.now().wall == ten.wall + timedelta(seconds=1)


def test_a_timer_never_sleeps_past_a_line_that_may_come(file, wall):
    clock = FileClock(file, wall=wall)
    assert LOOK_S <= 0.25
    assert clock.real_seconds(3_600_000_000) == LOOK_S
    assert clock.real_seconds(100_000) == 0.1


def test_a_line_that_is_still_being_written_and_a_damaged_file_leave_the_time_as_it_was_told(file, wall, caplog):
    clock = FileClock(file, wall=wall)
    with file.open("a", encoding="ascii") as growing:
        growing.write(DemoStretch(EIGHT, EIGHT, 600).line().rstrip("\n")[:-1])
    wall.pass_(1)
    assert clock.now().wall == EIGHT + timedelta(seconds=1)
    file.write_text("this is no clock\n", encoding="ascii")
    wall.pass_(1)
    assert clock.now().wall == EIGHT + timedelta(seconds=2)
    assert "cannot be read" in caplog.text


def test_a_pump_whose_clock_is_wrong_still_counts_the_worlds_time(file, wall):
    wrong = FileClock(file, timedelta(minutes=-10), wall)
    wall.pass_(30)
    assert (wrong.now().wall, wrong.now().mono_us) == (EIGHT + timedelta(minutes=-10, seconds=30), 30_000_000)


@pytest.mark.parametrize(
    "text", ["", "\n", "2026-03-02T08:00:00+00:00 2026-03-02T08:00:00+00:00 0\n", "2026-03-02T08:00:00 2026-03-02T08:00:00 1\n"]
)
def test_no_fleet_starts_on_a_file_that_is_no_clock(tmp_path, wall, text):
    (tmp_path / "clock").write_text(text, encoding="ascii")
    with pytest.raises(ValueError):
        FileClock(tmp_path / "clock", wall=wall)
