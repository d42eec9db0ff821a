"""Who is alive: each long-running process says so every few seconds; `/readyz` reads how long ago.

Rows of the cache table in `public`. They are a sign of life and no lock: losing one costs a warning until the next.
The clock beats by itself. The workers are asked through the queue they serve, which shows that it is served at all: a
cluster that hangs has living processes.
"""

import time

from django.core.cache import caches
from django_q.tasks import async_task

EXPECTED = ("worker", "clock")
KEPT_FOR = 3600  # seconds; older signs are as good as none
STALE_AFTER = 60.0
ASK_AGAIN_AFTER = 10


def beat(name: str) -> None:
    """Say that `name` is alive: outside any business, from the loop that does the work, not from a thread beside it."""
    caches["default"].set(_key(name), time.time(), KEPT_FOR)


def ask_workers() -> None:
    """For the clock: let the urgent queue carry a beat. A queue that nobody serves gets one question a minute."""
    if caches["default"].add("heartbeat:asked", 1, ASK_AGAIN_AFTER if is_fresh(ages()["worker"]) else STALE_AFTER):
        async_task("portal.kernel.heartbeat.beat", "worker", cluster="urgent", task_name="heartbeat")


def ages() -> dict[str, float | None]:
    """Seconds since each expected process was heard; None for one that never was."""
    heard = caches["default"].get_many([_key(name) for name in EXPECTED])
    now = time.time()
    return {name: max(0.0, now - heard[_key(name)]) if _key(name) in heard else None for name in EXPECTED}


def is_fresh(age: float | None) -> bool:
    return age is not None and age < STALE_AFTER


def _key(name: str) -> str:
    return f"heartbeat:{name}"
