"""Pieces of one long work in as many processes as there are processors, their results in order. Of the standard library, as all
of the verifier; a machine that lets nobody start processes does the work in one."""

import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import Any

_MOST = 61  # Windows waits for no more at once
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def crew() -> Iterator[Mapper]:
    """Like `map`, whose function and pieces must be such that pickle knows them. Nothing is started for a single piece."""
    count = _processors()
    pool = _pool(count) if count > 1 else None
    if pool is None:
        yield map
        return
    try:
        yield partial(_in_order, pool, 2 * count)
    finally:
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    """Those that this process may use."""
    given = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(given, _MOST)


def _pool(count: int) -> ProcessPoolExecutor | None:
    try:
        return ProcessPoolExecutor(count, initializer=gc.disable)
    except (ImportError, NotImplementedError, OSError):
        return None


def _starts(pool: ProcessPoolExecutor) -> bool:
    """Whether a process can be started at all: that shows with the first work only."""
    try:
        return pool.submit(int).result() == 0
    except (OSError, BrokenProcessPool):
        return False


def _in_order(pool: ProcessPoolExecutor, ahead: int, act: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
    """`ahead`: how many are under way at most, so that memory does not grow with the work."""
    coming = iter(pieces)
    first = list(islice(coming, 2))
    if len(first) < 2:
        yield from map(act, first)
        return
    if not _starts(pool):
        yield from map(act, chain(first, coming))
        return
    waiting: deque[Any] = deque()
    for piece in chain(first, coming):
        waiting.append(pool.submit(act, piece))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
