"""How many records end when, as pairs of bars: as things are, and as they would be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive.rules import retention

WIDTH, HEIGHT = 720, 140
FEWEST, MOST_MONTHS, MOST_YEARS = 12, 36, 120
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
    def is_any(self) -> bool:
        return bool(self.now or self.after or self.retroactive)

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
    """`months` maps YYYY-MM, or `keep`, to three counts: now, after, retroactive. Every span from the first end to the last,
    and at the end what nobody knows yet."""
    known = sorted(month for month in months if month != retention.KEEP)
    spans = _spans(known)
    sums = {span: [0, 0, 0] for span in spans + [retention.KEEP] * (retention.KEEP in months)}
    for month, counts in months.items():
        label = month if month in sums else month[:4]
        sums[label] = [a + b for a, b in zip(sums[label], counts, strict=True)]
    most = max((max(counts) for counts in sums.values()), default=0)
    return [_bar(n, len(sums), label, counts, most) for n, (label, counts) in enumerate(sums.items())]


def _spans(known: Sequence[str]) -> list[str]:
    """Months, or years where it would be too many; a rule of a thousand years leaves out the empty ones."""
    if not known:
        return []
    first, last = _number(known[0]), max(_number(known[-1]), _number(known[0]) + FEWEST - 1)
    if last - first < MOST_MONTHS:
        return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]
    years = range(first // 12, last // 12 + 1)
    return [f"{year:04}" for year in years] if len(years) <= MOST_YEARS else sorted({month[:4] for month in known})


def _number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _bar(n: int, all_: int, label: str, counts: Sequence[int], most: int) -> Bar:
    each = WIDTH / all_
    now, after, retroactive = counts
    name = "not known" if label == retention.KEEP else label
    width = round((each - min(GAP, each / 4)) / 2, 2)
    return Bar(name, now, after, retroactive, round(n * each, 2), width, _height(now, most), _height(retroactive, most))


def _height(count: int, most: int) -> float:
    return round(max(2.0, HEIGHT * count / most), 2) if count else 0.0
