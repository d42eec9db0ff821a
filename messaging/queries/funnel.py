"""How a run's messages were taken: sent, delivered, opened, read, over time. Counts only."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from messaging.models import Run

STEPS = 48
LINES = ("sent", "delivered", "opened", "read")
_COUNTED = """
    SELECT least(floor(extract(epoch FROM (x.at - %(start)s)) / %(step)s), %(last)s)::int, x.line, count(*)
      FROM messaging_message m
     CROSS JOIN LATERAL (VALUES ('sent', m.sent_at), ('delivered', m.delivered_at),
                                ('opened', least(m.revealed_at, m.read_at)), ('read', m.read_at)) AS x (line, at)
     WHERE m.run_id = %(run)s AND x.at IS NOT NULL GROUP BY 1, 2
"""
_LAST = "SELECT max(greatest(sent_at, delivered_at, revealed_at, read_at)) FROM messaging_message WHERE run_id = %s"


@dataclass(frozen=True, slots=True)
class Funnel:
    """`lines` names each of LINES with how many had come so far by the end of each step; `step` seconds long, from `start`."""

    start: datetime
    step: float
    lines: dict[str, list[int]]

    @property
    def most(self) -> int:
        return max(self.lines["sent"], default=0)

    def at(self, number: int) -> datetime:
        """The end of a step."""
        return self.start + timedelta(seconds=self.step * (number + 1))


def of(run: Run) -> Funnel | None:
    """None while nothing was sent."""
    if run.started_at is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [run.id])
        last = cursor.fetchone()[0]
        if last is None:
            return None
        step = max(1.0, math.ceil((last - run.started_at).total_seconds() + 1) / STEPS)
        cursor.execute(_COUNTED, {"start": run.started_at, "step": step, "last": STEPS - 1, "run": run.id})
        counted = {(line, number): count for number, line, count in cursor.fetchall()}
    return Funnel(run.started_at, step, {line: _so_far(counted, line) for line in LINES})


def _so_far(counted: dict[tuple[str, int], int], line: str) -> list[int]:
    total, found = 0, []
    for number in range(STEPS):
        total += counted.get((line, number), 0)
        found.append(total)
    return found
