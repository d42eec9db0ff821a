"""Months as a row of bars, with what each one is. Pure: numbers of a drawing, in its own units."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, LEAST = 720.0, 96.0, 4.0
LEAST_MONTHS = 6  # one month alone is no wall


@dataclass(frozen=True, slots=True)
class Bar:
    """One month: its count, its state, and where it stands. One that holds nothing keeps a foot, so that it is seen."""

    month: str
    count: int
    state: str
    x: float
    y: float
    width: float
    height: float


def bars(months: Sequence[tuple[str, int, str]]) -> list[Bar]:
    """(month, count, state) in order, drawn side by side."""
    if not months:
        return []
    most, width = max(1, *(count for _, count, _ in months)), WIDTH / max(LEAST_MONTHS, len(months))
    return [_bar(n, one, most, width) for n, one in enumerate(months)]


def _bar(n: int, one: tuple[str, int, str], most: int, width: float) -> Bar:
    month, count, state = one
    height = round(max(LEAST, HEIGHT * count / most), 2)
    return Bar(
        month, count, state, round(n * width, 2), round(HEIGHT - height, 2), round(max(1.0, width - 2), 2), height
    )
