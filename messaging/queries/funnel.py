"""How a run's messages were taken: sent, delivered, opened, read, over time. Counts only.

One walk over a run's messages, and none for what was sent: its chunks know. Counted finely first, over all the time there was, then
folded to the steps that are drawn: the axis ends where something last happened, which is known only after the walk.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection

from messaging.models import Run

STEPS = 48
FINE = 16  # parts of a step, over all the time there was
LINES = ("sent", "delivered", "opened", "read")
_SENT = "SELECT done_at, sent, gone_at FROM messaging_runchunk WHERE run_id = %s AND sent > 0"
# Of each row one of the three is not NULL, or all are: of what did not come yet.
_TAKEN = """
    SELECT delivered, opened, read, count(*)
      FROM (SELECT date_bin(make_interval(secs => %(seconds)s), delivered_at, %(start)s) AS delivered,
                   date_bin(make_interval(secs => %(seconds)s), least(revealed_at, read_at), %(start)s) AS opened,
                   date_bin(make_interval(secs => %(seconds)s), read_at, %(start)s) AS read
              FROM messaging_message WHERE run_id = %(run)s) AS m
     GROUP BY GROUPING SETS ((delivered), (opened), (read))
"""
Counted = dict[str, Counter[int]]


@dataclass(frozen=True, slots=True)
class Funnel:
    """`lines` names each of LINES with how many had come so far by the end of each step; `step` seconds long, from `start`.
    `is_over`: what was sent has ended, but for what was extended since."""

    start: datetime
    step: float
    lines: dict[str, list[int]]
    is_over: bool

    @property
    def most(self) -> int:
        return max(self.lines["sent"], default=0)

    def at(self, number: int) -> datetime:
        """The end of a step."""
        return self.start + timedelta(seconds=self.step * (number + 1))


def of(run: Run, now: datetime) -> Funnel | None:
    """None while nothing was sent."""
    if run.started_at is None:
        return None
    start = run.started_at
    with connection.cursor() as cursor:
        cursor.execute(_SENT, [run.id])
        sent = cursor.fetchall()
        if not sent:
            return None
        end = max(gone_at for _, _, gone_at in sent)  # little comes after it: of what was extended
        seconds = max(1, math.ceil((min(now, end) - start).total_seconds() / (STEPS * FINE)))
        part = timedelta(seconds=seconds)
        cursor.execute(_TAKEN, {"seconds": seconds, "start": start, "run": run.id})
        counted = _by_part(cursor.fetchall(), start, part)
    counted["sent"] = Counter()
    for done_at, count, _ in sent:
        counted["sent"][(done_at - start) // part] += count
    return _folded(counted, start, part, is_over=now >= end)


def _by_part(rows: Iterable[tuple[Any, ...]], start: datetime, part: timedelta) -> Counted:
    """How many came in each part, by line."""
    counted: Counted = {line: Counter() for line in LINES}
    for *instants, count in rows:
        for line, at in zip(LINES[1:], instants, strict=True):
            if at is not None:
                counted[line][(at - start) // part] += count
    return counted


def _folded(counted: Counted, start: datetime, part: timedelta, *, is_over: bool) -> Funnel:
    """To as many steps as are drawn, up to the last part in which something came."""
    last = max(part for line in counted.values() for part in line)
    size = last // STEPS + 1
    lines = {line: _so_far(counted[line], size) for line in LINES}
    return Funnel(start, (size * part).total_seconds(), lines, is_over)


def _so_far(counted: Counter[int], size: int) -> list[int]:
    steps: Counter[int] = Counter()
    for part, count in counted.items():
        steps[max(0, part // size)] += count
    return list(accumulate(steps[step] for step in range(STEPS)))
