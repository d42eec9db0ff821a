"""The wake-up layer: tells every process of the installation that something changed. Ids and codes only, never content.

A wake-up is a hint. It is published after commit, may be lost, and losing it only delays: devices also ask every
minute. Whoever was deaf for a moment hears `resync` (schema "" means every business) and looks at the database again.

    wake.publish(place.schema, "arrived", messages=[…], customers=[…])     any thread, never blocks
    stop = wake.subscribe(place.schema, act)                               this process's own events too, at once
    await wake.run()                                                       a web process: hears the others until
    cancelled for event in wake.listen(timeout=1.0): …                               the clock; None when the time is
    over

The transport behind it is PostgreSQL's NOTIFY (`notify.py`); another one (Redis) fits by having the same four methods.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

log = logging.getLogger("ebb.wake")

RESYNC = "resync"
PROGRESS = "progress"  # long work went on, and wrote no entry of it
EVERYONE = ""

Value = UUID | str | list[UUID]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened (`kind`) in which business; lists of one event run in parallel (message n belongs to customer
    n)."""

    schema: str
    kind: str
    ids: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Health:
    """`round_trip` in seconds; `heard_ago` is None where this process does not listen."""

    round_trip: float
    heard_ago: float | None


Act = Callable[[Event], None]


class Layer(Protocol):
    """What a transport does. `send` never blocks; `run` calls `act` for the events of other processes, for ever."""

    def send(self, event: Event) -> None: ...
    async def run(self, act: Act) -> None: ...
    def listen(self, timeout: float) -> Iterator[Event | None]: ...
    def health(self, timeout: float) -> Health: ...


_lock = threading.Lock()
_numbers = itertools.count()
_subscribers: dict[str, dict[int, Act]] = {}
_layer: Layer | None = None


def layer() -> Layer:
    """The process's transport, made at first use: a connection before a fork would be shared."""
    global _layer
    with _lock:
        if _layer is None:
            from portal.kernel import notify

            _layer = notify.Notify()
        return _layer


def use(other: Layer | None) -> None:
    """Another transport (tests, Redis)."""
    global _layer
    _layer = other


def publish(schema: str, kind: str, **ids: Value) -> None:
    """Tell this process at once and the others within milliseconds. Call it after commit only."""
    event = Event(schema, kind, ids)
    deliver(event)
    layer().send(event)


def subscribe(schema: str, act: Act) -> Callable[[], None]:
    """Hear the events of one business, and `resync`. `act` runs in whichever thread brings the news: it must be quick
    and must not raise. → a function that ends it."""
    number = next(_numbers)
    with _lock:
        _subscribers.setdefault(schema, {})[number] = act
    return lambda: _unsubscribe(schema, number)


def _unsubscribe(schema: str, number: int) -> None:
    with _lock:
        acts = _subscribers.get(schema, {})
        acts.pop(number, None)
        if not acts:
            _subscribers.pop(schema, None)


def deliver(event: Event) -> None:
    for act in _acts(event.schema):
        try:
            act(event)
        except Exception:  # one subscriber's fault must not deafen the others; it is told, without ids
            log.exception("subscriber_failed", extra={"kind": event.kind})


def _acts(schema: str) -> list[Act]:
    with _lock:
        if schema == EVERYONE:
            return [act for acts in _subscribers.values() for act in acts.values()]
        return list(_subscribers.get(schema, {}).values())


async def run() -> None:
    """For a web process: hear the others until cancelled."""
    await layer().run(deliver)


def listen(timeout: float) -> Iterator[Event | None]:
    """For a process without an event loop: each event, or None after `timeout` seconds of silence."""
    return layer().listen(timeout)


def health(timeout: float = 2.0) -> Health:
    """One event sent and heard again. Raises when it does not come back in time."""
    return layer().health(timeout)


async def start() -> asyncio.Task[None]:
    """`run` as a task of this loop, for whoever starts a web process."""
    return asyncio.create_task(run(), name="wake")
