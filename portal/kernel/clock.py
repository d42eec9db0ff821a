"""The one clock. A door reads it once and passes `now` on.

It never runs backwards: `now()` is the later of the system's clock and the floor (the keyring's high-water mark), so a
clock that is set back revives nothing (I1).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

Source = Callable[[], datetime]
Floor = Callable[[], float]


def _system() -> datetime:
    return datetime.now(UTC)


def _no_floor() -> float:
    return 0.0


_source: Source = _system
_floor: Floor = _no_floor


def now() -> datetime:
    """The instant, aware, in UTC: the later of the clock and the keyring's mark."""
    wall = _source()
    floor = _floor()
    return wall if wall.timestamp() >= floor else datetime.fromtimestamp(floor, UTC)


def wall() -> datetime:
    """What the system's clock says, floor or not: to measure skew, never to decide an end."""
    return _source()


def set_floor(floor: Floor) -> None:
    """Give the clock the mark it may not fall behind: seconds since the epoch, cheap to read."""
    global _floor
    _floor = floor


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
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
