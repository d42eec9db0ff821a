"""The one clock. A door reads it once and passes `now` on.

It never runs backwards: `now()` is the later of the system's clock and the floor (the keyring's high-water mark), so a
clock that is set back revives nothing (I1). Nor does it stand: behind the floor it runs on from there by the steady clock,
or what is sent then would live until the system's clock has caught up.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Source = Callable[[], datetime]
Floor = Callable[[], float]


def _system() -> datetime:
    return datetime.now(UTC)


def _no_floor() -> float:
    return 0.0


_source: Source = _system
_floor: Floor = _no_floor
# While the system's clock is behind: the time told last, and what the steady clock said then.
_behind: tuple[float, float] | None = None


def now() -> datetime:
    """The instant, aware, in UTC: the later of the clock and the keyring's mark, which runs on."""
    wall = _source()
    floor = _floor()
    if _behind is None and wall.timestamp() >= floor:
        return wall
    return max(wall, datetime.fromtimestamp(_run_on(floor, wall.timestamp()), UTC))


def _run_on(floor: float, wall: float) -> float:
    """The floor, and what has passed since it was first seen here; never less than what was said before."""
    global _behind
    steady = time.monotonic()
    at, since = _behind or (floor, steady)
    reached = max(floor, at + steady - since)
    _behind = (reached, steady) if reached > wall else None
    return reached


def wall() -> datetime:
    """What the system's clock says, floor or not: to measure skew, never to decide an end."""
    return _source()


def set_floor(floor: Floor) -> None:
    """Give the clock the mark it may not fall behind: seconds since the epoch, cheap to read."""
    global _floor, _behind
    _floor, _behind = floor, None


@contextmanager
def use(source: Source) -> Iterator[None]:
    """For tests: another source of time."""
    global _source
    before, _source = _source, source
    try:
        yield
    finally:
        _source = before


class Fake:
    """A clock that a test moves: `Fake(datetime).advance(seconds=5)`; callable as a source."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


def seconds(at: datetime) -> float:
    return at.timestamp()


def text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as answers and leaves carry it."""
    return _utc_text(at) if at.tzinfo is UTC else _utc_text(at.astimezone(UTC))


@lru_cache(maxsize=256)
def _utc_text(at: datetime) -> str:
    """What is sent together shares its times. Of UTC only: two times of another zone can be equal and an hour apart."""
    return at.isoformat(timespec="microseconds")[:-6] + "Z"
