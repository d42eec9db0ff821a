"""A figure, the limit of the same run, their ratio, and what was promised."""

import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`gate` and `aim` are least values, or most where `less` is better. `limit_of` says what the limit is."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    limit_of: str = ""
    gate: float | None = None
    aim: float | None = None
    less: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None

    def meets(self, wanted: float | None) -> bool | None:
        if wanted is None:
            return None
        return self.value <= wanted if self.less else self.value >= wanted

    def line(self) -> str:
        parts = [f"  {self.name:<46} {number(self.value):>9} {self.unit:<9}"]
        if self.limit is not None and self.ratio is not None:
            parts.append(f"limit {number(self.limit):>9} ({self.limit_of}), ratio {self.ratio:.3g}")
        for word, wanted in (("gate", self.gate), ("aim", self.aim)):
            if wanted is not None:
                sign = "≤" if self.less else "≥"
                parts.append(f"{word} {sign} {number(wanted)} {'met' if self.meets(wanted) else 'MISSED'}")
        return "; ".join(parts) + (f"; {self.note}" if self.note else "")

    def to_json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio, "gate_met": self.meets(self.gate), "aim_met": self.meets(self.aim)}


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def show(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """Print each as it comes; → what goes into the JSON file."""
    shown = []
    for figure in figures:
        print(figure.line(), flush=True)
        shown.append(figure.to_json())
    print(f"  ({os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f})", flush=True)
    return shown


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, round(percent / 100 * len(ordered) + 0.5) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
