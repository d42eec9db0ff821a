"""100,000 messages that were scheduled singly and are due within one minute: how late each leaves.

They are scheduled through the real flow by program, for customers with a device; the sending is the work of a real `clock`
process. A message has left when another connection sees it as sent, so its commit counts. The limit is what the same clock does
with as many at once: how many a second it could send at most. EBB_BENCH_SCHEDULES makes it smaller.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from bench import _house, _report, _texts
from bench._report import Figure

MESSAGES = int(os.environ.get("EBB_BENCH_SCHEDULES", "100000"))
BATCH = 1000
MINUTE = 60.0
LIFE = 3 * 86400
LOOK_EVERY = 0.01
PATIENCE = 300.0


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        people = house.customers(100)
        house.phones(people)
        with tenancy.tenant_scope(house.place):
            return _report.show(_measure(house, people))


def _measure(house: _house.House, people: list[UUID]) -> Iterator[Figure]:
    house.start("clock")
    few = MESSAGES // 5
    _schedule(house, people, few, datetime.now(UTC) + timedelta(seconds=30), spread=0.0)
    most = few / max(_watch())
    first = datetime.now(UTC) + timedelta(seconds=30 + MESSAGES / 2000)
    _schedule(house, people, MESSAGES, first, spread=MINUTE)
    left = (first - datetime.now(UTC)).total_seconds()
    if left < 0:
        raise RuntimeError("scheduling took longer than there was time before the first is due")
    used, began = house.cpu("clock"), time.monotonic()
    late = _watch()
    spent = house.cpu("clock") - used
    yield Figure(
        name=f"{MESSAGES:,} schedules due in a minute, late at p99", value=_report.percentile(late, 99), unit="s", gate=1,
        less=True, note=f"p50 {_report.percentile(late, 50):.2f} s, most {max(late):.2f} s; the clock used "
        f"{spent / (time.monotonic() - began - max(0.0, left)) * 100:.0f} % of a core",
    )  # fmt: skip
    yield Figure(
        name="schedules sent a second", value=MESSAGES / MINUTE, unit="/s", limit=most, limit_of="as many at once",
        note="asked for, and the most that this clock sends",
    )  # fmt: skip


def _schedule(house: _house.House, people: list[UUID], count: int, first: datetime, *, spread: float) -> None:
    """Evenly over `spread` seconds from `first` on; in no order, as people do."""
    from messaging.flows import message
    from messaging.rules.compose import Compose
    from portal.kernel import clock

    texts, steps = _texts.bodies(BATCH), count // BATCH
    for step in range(steps):
        asked = [
            Compose(
                body=text, customer=people[n % len(people)], gone_after=LIFE,
                send_at=first + timedelta(seconds=spread * (n * steps + step) / count),
            )
            for n, text in enumerate(texts)
        ]  # fmt: skip
        for answer in message.send_many(actor=house.author, now=clock.now(), composed=asked):
            if isinstance(answer, Exception):
                raise answer


def _watch() -> list[float]:
    """Until nothing waits: how late each was seen to have left, in seconds. They leave in the order of their times, so between two
    looks those left that lie between the first that waited at the one and at the other."""
    from django.db import connection

    late: list[float] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM send_at)::float8 FROM messaging_message WHERE sent_at IS NULL AND send_at IS NOT NULL "
            "ORDER BY send_at"
        )
        due = [row[0] for row in cursor.fetchall()]
        deadline, at = due[-1] + PATIENCE, 0
        while at < len(due):
            cursor.execute(
                "SELECT count(*), extract(epoch FROM now())::float8 FROM messaging_message "
                "WHERE sent_at IS NULL AND send_at <= now()"
            )
            waiting, seen = cursor.fetchone()
            is_due = _count_until(due, seen, at)
            left = max(at, is_due - waiting)
            late += [max(0.0, seen - one) for one in due[at:left]]
            at = left
            if seen > deadline:
                raise RuntimeError(f"{len(due) - at:,} did not leave")
            time.sleep(LOOK_EVERY)
    return late


def _count_until(due: list[float], instant: float, start: int) -> int:
    """How many of them are due at an instant; none before `start` is later."""
    at = start
    while at < len(due) and due[at] <= instant:
        at += 1
    return at
