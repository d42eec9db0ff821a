"""Counts by day as bars, by day, week or month so that there are some sixty at most, and where each stands. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT = 720, 96
LONGEST_BY_DAY, LONGEST_BY_WEEK = 62, 420


@dataclass(frozen=True, slots=True)
class Bar:
    """From `start` (included) to `end` (not); x, y, width and height in the drawing's own units."""

    start: date
    end: date
    count: int
    x: float
    y: float
    width: float
    height: float

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)


def bars(days: Sequence[tuple[date, int]]) -> list[Bar]:
    """Every stretch from the first day to the last, the empty ones too."""
    if not days:
        return []
    first, last = days[0][0], days[-1][0]
    step = _step((last - first).days)
    counts: Counter[date] = Counter()
    for day, count in days:
        counts[_start(day, step)] += count
    starts = _starts(_start(first, step), last, step)
    most, width = max(counts.values()), WIDTH / len(starts)
    return [_bar(n, start, _next(start, step), counts[start], most, width) for n, start in enumerate(starts)]


def _bar(n: int, start: date, end: date, count: int, most: int, width: float) -> Bar:
    height = round(max(2.0, HEIGHT * count / most), 2) if count else 0.0
    return Bar(
        start, end, count, round(n * width, 2), round(HEIGHT - height, 2), round(max(1.0, width - 1.5), 2), height
    )


def _step(span: int) -> str:
    if span <= LONGEST_BY_DAY:
        return "day"
    return "week" if span <= LONGEST_BY_WEEK else "month"


def _start(day: date, step: str) -> date:
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday() if step == "week" and day.toordinal() > day.weekday() else 0)


def _next(start: date, step: str) -> date:
    if step == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start + timedelta(days=7 if step == "week" else 1)


def _starts(first: date, last: date, step: str) -> list[date]:
    found = [first]
    while (following := _next(found[-1], step)) <= last:
        found.append(following)
    return found
