"""How many records end when, as pairs of bars: as things are, and as they would be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive.rules import retention

WIDTH, HEIGHT = 720, 140
MOST_MONTHS = 24  # beyond that, years
GAP = 4.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of time: counts, and where its two bars stand in the drawing."""

    label: str
    now: int
    after: int
    retroactive: int
    x: float
    width: float
    now_height: float
    then_height: float

    @property
    def now_y(self) -> float:
        return HEIGHT - self.now_height

    @property
    def then_y(self) -> float:
        return HEIGHT - self.then_height

    @property
    def then_x(self) -> float:
        return round(self.x + self.width, 2)


def bars(months: Mapping[str, Sequence[int]]) -> list[Bar]:
    """`months` maps YYYY-MM, or `keep`, to three counts: now, after, retroactive. Spans without a record are left out."""
    known = [month for month in months if month != retention.KEEP]
    by_year = len(known) > MOST_MONTHS
    sums: dict[str, list[int]] = {}
    for month in sorted(known) + [retention.KEEP] * (retention.KEEP in months):
        label = month[:4] if by_year and month != retention.KEEP else month
        sums[label] = [a + b for a, b in zip(sums.get(label, [0, 0, 0]), months[month], strict=True)]
    most = max((max(counts) for counts in sums.values()), default=0)
    return [_bar(n, len(sums), label, counts, most) for n, (label, counts) in enumerate(sums.items())]


def _bar(n: int, all_: int, label: str, counts: Sequence[int], most: int) -> Bar:
    each = min(WIDTH / all_, 160.0)
    now, after, retroactive = counts
    name = "not known" if label == retention.KEEP else label
    width = round((each - GAP) / 2, 2)
    return Bar(name, now, after, retroactive, round(n * each, 2), width, _height(now, most), _height(retroactive, most))


def _height(count: int, most: int) -> float:
    return round(max(2.0, HEIGHT * count / most), 2) if count else 0.0
