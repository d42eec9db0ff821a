"""The clock process: it does nothing irreversible on a wall clock that leapt ahead."""

from datetime import UTC, datetime, timedelta

from messaging import clock as loops
from portal.kernel.clock import Fake

START = datetime(2030, 1, 1, tzinfo=UTC)


class Steady:
    at = 1000.0

    def __call__(self) -> float:
        return self.at


def both(wall: Fake, steady: Steady, seconds: float) -> None:
    wall.advance(seconds=seconds)
    steady.at += seconds


def test_time_that_passes_is_plausible_however_long():
    wall, steady = Fake(START), Steady()
    leap = loops.Leap(wall, steady)
    both(wall, steady, 5 * 86400)
    assert leap.is_plausible()


def test_a_wall_clock_that_leaps_ahead_stops_the_clock_until_it_is_mended():
    wall, steady = Fake(START), Steady()
    leap = loops.Leap(wall, steady)
    wall.advance(days=3650)
    both(wall, steady, 10)
    assert not leap.is_plausible()
    assert not leap.is_plausible()
    wall.at = START + timedelta(seconds=20)
    assert leap.is_plausible()


def test_small_corrections_are_followed_and_a_step_back_is_the_marks_business():
    wall, steady = Fake(START), Steady()
    leap = loops.Leap(wall, steady)
    for _ in range(10):
        wall.advance(minutes=30)
        assert leap.is_plausible()
    wall.advance(hours=-2)
    assert leap.is_plausible()


def test_a_loop_does_not_act_on_a_leap(monkeypatch):
    """The whole way: no turn is taken while the time is not plausible."""
    turns = []
    answers = iter([True, False, True])

    class Stop:
        def wait(self, seconds: float) -> bool:
            return len(turns) >= 2

    class Told:
        def is_plausible(self) -> bool:
            return next(answers)

    monkeypatch.setattr(loops, "LEAP", Told())
    loops.run_loop(loops.Loop("test", 1.0, turns.append), Stop())
    assert len(turns) == 2
    assert next(answers, "all asked") == "all asked"
