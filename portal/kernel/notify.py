"""Wake-ups by PostgreSQL's LISTEN/NOTIFY.

NOTIFY takes a lock of the whole cluster at commit, so it never rides in a business's transaction: one thread of its own
sends what gathered in 2 ms over an autocommit connection, as one statement. A payload must stay under 8,000
bytes. A LISTEN connection can be deaf without an error (a lost connection, a fail-over), so each listener sends itself
a beat and connects anew when it stops hearing it; after every (re)connection everyone hears `resync`.
"""

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import psycopg
from django.db import connections

from portal.kernel import wake
from portal.kernel.notify_format import Packer, unpack

log = logging.getLogger("ebb.wake")

CHANNEL = "ebb_wake"
GATHER_FOR = 0.002  # all that one commit says goes together, and after this process's own sockets were written to
BACKLOG = 20_000  # events kept while the database is away; beyond it everyone resyncs instead
BEAT_EVERY = 5.0
DEAF_AFTER = 12.0
BEAT = "beat"
_NOTIFY = b"SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"


def dsn() -> str:
    """Django's own settings, as libpq reads them."""
    settings = connections.settings["default"]
    options: dict[str, Any] = {
        k: v for k, v in settings["OPTIONS"].items() if isinstance(v, (str, int)) and k != "pool"
    }
    return psycopg.conninfo.make_conninfo(
        dbname=settings["NAME"], user=settings["USER"] or None, password=settings["PASSWORD"] or None,
        host=settings["HOST"] or None, port=settings["PORT"] or None, application_name="ebb-wake",
        connect_timeout=5, **options,
    )  # fmt: skip


class Notify:
    """The transport of one process. A forked child starts its own thread under its own name."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self.origin = uuid4().hex[:12]
        self._queue: queue.Queue[wake.Event] = queue.Queue(BACKLOG)
        self._overflowed = False
        self._thread: threading.Thread | None = None
        self._heard: float | None = None

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────────
    def send(self, event: wake.Event) -> None:
        with self._guard:
            if self._pid != os.getpid():
                self._begin()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_for_ever, name="wake-sender", daemon=True)
                self._thread.start()
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            self._overflowed = True

    def _send_for_ever(self) -> None:
        connection: psycopg.Connection | None = None
        while True:
            payloads = self._gather()
            while connection is None or not self._flushed(connection, payloads):
                connection = self._connect()

    def _gather(self) -> list[str]:
        packer = Packer(self.origin)
        packer.add(self._queue.get())
        time.sleep(GATHER_FOR)
        with suppress(queue.Empty):
            while True:
                packer.add(self._queue.get_nowait())
        if self._overflowed:
            self._overflowed = False
            packer.add(wake.Event(wake.EVERYONE, wake.RESYNC))
        return packer.payloads()

    def _flushed(self, connection: psycopg.Connection, payloads: list[str]) -> bool:
        """One call into libpq: psycopg's own `execute` would take Python's turn from the request that just committed and
        from the loop that writes to its sockets."""
        try:
            answer = connection.pgconn.exec_params(_NOTIFY, [CHANNEL.encode(), _array(payloads)])
            if answer.status == psycopg.pq.ExecStatus.TUPLES_OK:
                return True
            name = "not taken"
        except psycopg.Error as error:
            name = type(error).__name__
        log.warning("wake_up_not_sent", extra={"name_of": name})
        connection.close()
        return False

    def _connect(self) -> psycopg.Connection:
        pause = 0.1
        while True:
            try:
                return psycopg.connect(dsn(), autocommit=True, prepare_threshold=None)
            except psycopg.Error:
                time.sleep(pause)
                pause = min(pause * 2, 5.0)

    # ── hearing ───────────────────────────────────────────────────────────────────────────────────────────────
    async def run(self, act: wake.Act) -> None:
        """Hear until cancelled. Every connection begins with `resync`: what came while nobody listened is unknown."""
        while True:
            try:
                await self._hear(act)
            except (psycopg.Error, OSError) as error:
                log.warning("wake_up_listener_lost", extra={"name_of": type(error).__name__})
            self._heard = None
            await asyncio.sleep(0.5)

    async def _hear(self, act: wake.Act) -> None:
        async with await psycopg.AsyncConnection.connect(dsn(), autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._heard = time.monotonic()
            act(wake.Event(wake.EVERYONE, wake.RESYNC))
            while time.monotonic() - self._heard < DEAF_AFTER:
                self.send(wake.Event(self.origin, BEAT))
                async for note in connection.notifies(timeout=BEAT_EVERY, stop_after=None):
                    self._take(note.payload, act)
                    if self._is_beat_due():
                        break
            log.warning("the wake-up listener was deaf and connects anew")

    def _is_beat_due(self) -> bool:
        """Under a steady stream `notifies` never times out, so the beat goes out between two events."""
        return self._heard is not None and time.monotonic() - self._heard > BEAT_EVERY

    def _take(self, payload: str, act: wake.Act) -> None:
        origin, events = unpack(payload)
        if origin == self.origin:
            self._heard = time.monotonic()  # whatever this process said came back: the line is good
            return
        for event in events:
            if event.kind != BEAT:
                act(event)

    def listen(self, timeout: float) -> Iterator[wake.Event | None]:
        """Each event of any process, this one's too; None after `timeout` seconds; `resync` after a reconnection."""
        while True:
            try:
                with psycopg.connect(dsn(), autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    yield wake.Event(wake.EVERYONE, wake.RESYNC)
                    yield from self._listen_on(connection, timeout)
            except psycopg.Error as error:
                log.warning("wake_up_listener_lost", extra={"name_of": type(error).__name__})
                time.sleep(min(timeout, 0.5))
                yield None

    def _listen_on(self, connection: psycopg.Connection, timeout: float) -> Iterator[wake.Event | None]:
        while True:
            for note in connection.notifies(timeout=timeout, stop_after=1):
                yield from (event for event in unpack(note.payload)[1] if event.kind != BEAT)
            yield None

    # ── health ────────────────────────────────────────────────────────────────────────────────────────────────
    def health(self, timeout: float) -> wake.Health:
        """Sent through this process's sender and heard on a connection made for it."""
        mark = uuid4().hex
        with psycopg.connect(dsn(), autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            started = time.monotonic()
            self.send(wake.Event(mark, BEAT))
            while (left := started + timeout - time.monotonic()) > 0:
                for note in connection.notifies(timeout=left, stop_after=1):
                    if any(event.schema == mark for event in unpack(note.payload)[1]):
                        return wake.Health(time.monotonic() - started, self._heard_ago())
        raise TimeoutError("the wake-up did not come back")

    def _heard_ago(self) -> float | None:
        return None if self._heard is None else time.monotonic() - self._heard


def _array(payloads: list[str]) -> bytes:
    """PostgreSQL's literal of a text array."""
    quoted = (payload.replace("\\", "\\\\").replace('"', '\\"') for payload in payloads)
    return ("{" + ",".join(f'"{payload}"' for payload in quoted) + "}").encode()
