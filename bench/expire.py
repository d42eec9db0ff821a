"""The end of 100,000 live messages: how late each bucket's key is gone from the ring file, how fast the rows go, and
what a sender notices meanwhile.

The messages are sent through the real flow; the end is the work of a real `clock` process. All end at one instant, and
their buckets at 20 different seconds after it (any whole second may be a bucket; only the rounding is the bench's own).
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID

from bench import _house, _report, _texts
from bench._report import Figure

MESSAGES, BATCH = 100_000, 1000
BUCKETS = 20
SETTLE = 5  # seconds between the last send and the end
LOOK_EVERY = 0.002


def main() -> list[dict[str, object]]:
    with _house.opened() as house:
        from portal.kernel import tenancy

        with tenancy.tenant_scope(house.place):
            return _report.show(_measure(house))


def _measure(house: _house.House) -> list[Figure]:
    people = house.customers(200)
    limit_lives = _send(house, people, MESSAGES)
    limit = _raw_delete()
    house.start("clock")
    quiet = Probe(house, people[0])
    quiet.run_for(3.0)
    busy = Probe(house, people[0])
    lags = _watch(limit_lives, busy)
    rate, slices = _purge_rate()
    before, during = _report.percentile(quiet.spent, 50), _report.percentile(busy.spent, 50)
    return [
        Figure(name="key gone after its bucket's end, p99", value=_report.percentile(lags, 99), unit="s", gate=1, aim=1, less=True,
               note=f"p50 {_report.median(lags):.3f} s, most {max(lags):.3f} s over {len(lags)} buckets"),
        Figure(name="purge", value=rate, unit="rows/s", limit=limit, limit_of="batched DELETE", gate=50_000, aim=100_000,
               note=f"{slices} slices"),
        Figure(name="a send while rows are purged, median", value=during, unit="ms", limit=before, limit_of="while nothing ends",
               less=True, note=f"p99 {_report.percentile(busy.spent, 99):.0f} and {_report.percentile(quiet.spent, 99):.0f} ms"),
    ]  # fmt: skip


@dataclass
class Lives:
    """When all messages end, and when each bucket does."""

    end: datetime
    buckets: list[int]


def _send(house: _house.House, people: list[UUID], count: int) -> Lives:
    """Seal and store them through the flow; the end is far enough that all are sent before."""
    from messaging.flows import body, message
    from messaging.rules.compose import Compose
    from portal.kernel import clock

    texts = _texts.bodies(BATCH)
    end = clock.now().replace(microsecond=0) + timedelta(seconds=_enough(house, people, texts))
    lives = Lives(end, [int(end.timestamp()) + n for n in range(1, BUCKETS + 1)])
    choice, whole = cycle(lives.buckets), body.bucket_for
    body.bucket_for = lambda now, gone_at: next(choice)  # type: ignore[assignment]
    try:
        for _ in range(count // BATCH):
            now = clock.now()
            left = int((end - now).total_seconds()) + 1
            asked = [
                Compose(body=text, customer=people[n % len(people)], gone_after=left) for n, text in enumerate(texts)
            ]
            message.send_many(actor=house.author, now=now, composed=asked)
    finally:
        body.bucket_for = whole
    _end_together(end)
    return lives


def _enough(house: _house.House, people: list[UUID], texts: list[str]) -> int:
    """Seconds that sending all will take here and now, judged by a few batches (which live a day)."""
    from messaging.flows import message
    from messaging.rules.compose import Compose
    from portal.kernel import clock

    started = time.perf_counter()
    for _ in range(3):
        asked = [Compose(body=text, customer=people[n % len(people)], gone_after=86400) for n, text in enumerate(texts)]
        message.send_many(actor=house.author, now=clock.now(), composed=asked)
    return int((time.perf_counter() - started) / 3 * (MESSAGES / BATCH) * 1.4) + 20


def _end_together(end: datetime) -> None:
    """Lives are whole seconds from the send: bring the ends, spread over a second, to one instant."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("messaging_message", "messaging_body"):
            cursor.execute(f"UPDATE {table} SET gone_at = %s WHERE gone_at < %s", [end, end + timedelta(hours=1)])
    connection.set_autocommit(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM messaging_message")
        cursor.execute("VACUUM messaging_body")
        cursor.execute("CHECKPOINT")


def _raw_delete() -> float:
    """The same bodies in a table of the same shape: deleted in slices, by the same condition, and nothing else."""
    from django.db import connection

    from messaging.flows import expiry

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_body (LIKE messaging_body INCLUDING ALL)")
        cursor.execute("INSERT INTO bench_body SELECT * FROM messaging_body")
        cursor.execute("SELECT count(*) FROM bench_body")
        total = cursor.fetchone()[0]
        cursor.execute("VACUUM ANALYZE bench_body")
        started = time.perf_counter()
        for _ in range(total // expiry.SLICE + 1):
            cursor.execute(
                "DELETE FROM bench_body WHERE message_id = ANY(ARRAY("
                "SELECT message_id FROM bench_body ORDER BY gone_at LIMIT %s))", [expiry.SLICE],
            )  # fmt: skip
        spent = time.perf_counter() - started
        cursor.execute("DROP TABLE bench_body")
    return total / spent


def _watch(lives: Lives, probe: "Probe") -> list[float]:
    """Look at the ring file until every bucket's key is gone; → seconds after each bucket's end."""
    from portal.kernel import keys

    live, lags, left = keys.keyring().live, {}, set(lives.buckets)
    time.sleep(max(0.0, lives.end.timestamp() - time.time()))
    sender = threading.Thread(target=probe.run_for, args=(8.0,))
    sender.start()
    while left and time.time() < lives.buckets[-1] + 30:
        time.sleep(LOOK_EVERY)
        there, now = set(live.buckets()), time.time()
        for bucket in left - there:
            lags[bucket] = now - bucket
        left &= there
    sender.join()
    if left or min(lags.values()) < 0:
        raise RuntimeError("a bucket's key outlived its end by half a minute, or was gone before it")
    return [lags[bucket] for bucket in lives.buckets]


def _purge_rate() -> tuple[float, int]:
    """From the ledger: each slice is an entry with its count, stamped as it commits."""
    import json

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM messaging_body WHERE gone_at < now() LIMIT 1")
        if cursor.fetchone():
            raise RuntimeError("rows that have ended are still there")
        cursor.execute("SELECT time, leaf FROM archive_entry WHERE kind = 'messages.ended' ORDER BY index")
        slices = [(at, json.loads(bytes(leaf))["count"]) for at, leaf in cursor.fetchall()]
    big = [one for one in slices if one[1] >= 100]
    seconds = (big[-1][0] - big[0][0]).total_seconds()
    return sum(count for _, count in big[1:]) / seconds, len(big)


@dataclass
class Probe:
    """Someone of the same business who sends one message every 50 ms, in a thread; `spent` in ms."""

    house: _house.House
    customer: UUID
    spent: list[float] = field(default_factory=list)

    def run_for(self, seconds: float) -> None:
        from django.db import connection

        from messaging.flows import message
        from messaging.rules.compose import Compose
        from portal.kernel import clock, tenancy

        until = time.monotonic() + seconds
        with tenancy.tenant_scope(self.house.place):
            while time.monotonic() < until:
                started = time.perf_counter()
                asked = Compose(body="Are you still there?", customer=self.customer, gone_after=86400)
                message.send(actor=self.house.author, now=clock.now(), asked=asked)
                self.spent.append((time.perf_counter() - started) * 1000)
                time.sleep(0.05)
        if threading.current_thread() is not threading.main_thread():
            connection.close()
