"""The real things: two businesses in one database, one keyring in a folder, a clock that is moved, and death at any write.

Nothing here is a stand-in but the instants: `Steady` runs with the fake wall clock, and the keyring's fsync is left out (what a
power cut does to a keyring file is `portal/sealing/tests`' business; here processes die, not disks).
"""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from archive.flows import batch, listing
from archive.ledger import canonical, merkle
from archive.queries import promise, rules
from messaging.flows import body, lane
from messaging.queries import policy
from portal.kernel import clock, ids, keys, tenancy, wake
from portal.sealing.keyring import business as ringfile
from portal.sealing.keyring import disk
from portal.testing import cast

BIRTH = datetime(2030, 1, 1, 12, tzinfo=UTC)
_numbers = itertools.count(1)


class Crash(BaseException):
    """The process dies here. No flow may catch it."""


@dataclass
class Bomb:
    """Goes off before the nth write, statement or commit from now on, or right after a commit. What is dead writes no more: its
    connection is cut, and every further write raises again."""

    left: int = 0
    went_off: bool = False

    def tick(self) -> None:
        if self.left == 1:
            self.went_off = True
            if connection.connection is not None:
                connection.connection.close()
        self.left = max(0, self.left - 1)
        if self.went_off:
            raise Crash

    def around_statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.tick()
        return execute(sql, params, many, context)


class Steady:
    """The machine's own count of seconds, which no wrong wall clock moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


class Silent:
    """A wake-up layer that goes nowhere."""

    def send(self, event: wake.Event) -> None:
        pass


@dataclass(frozen=True)
class Copy:
    """Everything of one business at one moment: rows as COPY writes them, and its ring (never the live one)."""

    rows: dict[str, bytes]
    ring: bytes
    id: UUID = field(default_factory=ids.uuid7)


@dataclass
class World:
    casts: list[cast.Cast]
    wall: clock.Fake
    steady: Steady
    bomb: Bomb

    def advance(self, seconds: float) -> None:
        self.wall.advance(seconds=seconds)
        self.steady.seconds += seconds

    def set_back(self, seconds: float) -> None:
        self.wall.advance(seconds=-seconds)

    def rewind(self) -> None:
        """Back to the birth, as if nothing had been seen since. The birth itself was seen, as in the model: a clock that is
        set back right after it runs into the mark."""
        self.restart()
        self.wall.at = BIRTH
        lose_live_ring(BIRTH.timestamp())

    def restart(self) -> None:
        """What a process that died leaves behind: the database and the keyring's files. Nothing else."""
        self.bomb.left, self.bomb.went_off = 0, False
        _drop_connection()
        reopen_keyring()
        forget_caches()


def _drop_connection() -> None:
    """However deep in transactions it was cut: the next use connects anew."""
    if connection.connection is not None:
        connection.connection.close()
    connection.connection, connection.search_path_set_schemas = None, None
    connection.in_atomic_block = connection.closed_in_transaction = connection.needs_rollback = False
    connection.savepoint_ids, connection.atomic_blocks, connection.run_on_commit = [], [], []


def reopen_keyring() -> None:
    keys.keyring.cache_clear()
    keys.keyring()


def forget_caches() -> None:
    batch.forget()
    for memory in (batch._unsaved, batch._sealed_to, body._wheel_keys, lane._lanes, policy._known):
        memory.clear()
    listing.forget()
    rules.forget()
    tenancy.directory().forget()


# ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """Two newborn businesses with a keyring of their own: the mark that a simulated year leaves must not meet other tests."""
    wall, steady, bomb = clock.Fake(BIRTH), Steady(), Bomb()
    with ExitStack() as stack:
        stack.enter_context(_keyring_in(folder))
        stack.enter_context(clock.use(wall))
        stack.enter_context(mock.patch.object(clock, "time", steady))
        stack.enter_context(_quiet())
        casts = [cast.build(f"sim-{next(_numbers)}-{secrets.token_hex(3)}", name) for name in ("First", "Second")]
        stack.callback(_remove, casts)
        stack.enter_context(_known_here_only(casts))
        stack.enter_context(_fragile(bomb))
        yield World(casts, wall, steady, bomb)


@contextmanager
def _keyring_in(folder: Path) -> Iterator[None]:
    before = settings.EBB_KEYRING
    settings.EBB_KEYRING = str(folder)
    reopen_keyring()
    try:
        yield
    finally:
        settings.EBB_KEYRING = before
        forget_caches()
        reopen_keyring()


@contextmanager
def _quiet() -> Iterator[None]:
    before, wake._layer = wake._layer, Silent()  # type: ignore[assignment]
    try:
        yield
    finally:
        wake._layer = before


class _Directory(tenancy.Directory):
    """These two and nobody else."""

    def __init__(self, places: list[tenancy.Place]) -> None:
        self._places = places

    def by_id(self, business_id: UUID) -> tenancy.Place | None:
        return next((place for place in self._places if place.id == business_id), None)

    def all_ready(self) -> list[tenancy.Place]:
        return list(self._places)

    def forget(self) -> None:
        """Nothing is remembered."""


@contextmanager
def _known_here_only(casts: list[cast.Cast]) -> Iterator[None]:
    """The clock of another process of this run lives years earlier: it must not find these two, and end what it finds."""
    from tenants.models import Business

    connection.set_schema_to_public()
    Business.objects.filter(id__in=[one.place.id for one in casts]).update(state=Business.State.PROVISIONING)
    before = tenancy.directory()
    tenancy.set_directory(_Directory([one.place for one in casts]))
    try:
        yield
    finally:
        tenancy.set_directory(before)


@contextmanager
def _fragile(bomb: Bomb) -> Iterator[None]:
    """Every statement, every commit and every write of a keyring is a moment at which the process may die."""
    write, commit = disk.Disk.pwrite, connection._commit

    def fragile_write(self: disk.Disk, fd: int, data: bytes, offset: int) -> None:
        bomb.tick()
        write(self, fd, data, offset)

    def fragile_commit() -> None:
        bomb.tick()
        commit()
        bomb.tick()

    with (
        mock.patch.object(disk.Disk, "pwrite", fragile_write),
        mock.patch.object(disk.Disk, "fsync", lambda self, fd: None),
        mock.patch.object(connection, "_commit", fragile_commit),
        connection.execute_wrapper(bomb.around_statement),
    ):
        yield


def _remove(casts: list[cast.Cast]) -> None:
    """As if they had never been: other tests of this run walk over all businesses."""
    from django_q.models import OrmQ

    from tenants.models import Business, Domain

    connection.close()
    connection.set_schema_to_public()
    for one in casts:
        Domain.objects.filter(tenant_id=one.place.id).delete()
        with connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA "{one.place.schema}" CASCADE')
            cursor.execute("DELETE FROM tenants_business WHERE id = %s", [one.place.id])
        for row in OrmQ.objects.all():
            if one.place.id.hex in str(row.task):
                row.delete()
    assert not Business.objects.filter(id__in=[one.place.id for one in casts]).exists()


# ── copies ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def copy() -> Copy:
    """Rows first, then the ring, as the real backup does (archive.flows.backup). Of the business at hand."""
    rows = {}
    with connection.cursor() as cursor:
        for table in _tables():
            with cursor.copy(f'COPY "{table}" TO STDOUT') as out:
                rows[table] = b"".join(bytes(part) for part in out)
    return Copy({table: text for table, text in rows.items() if text}, keys.business().copy())


def put_back(old: Copy) -> None:
    """The rows of a copy in the place of those that are here. Foreign keys are looked at when it commits."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in _tables()))
        for table, text in old.rows.items():
            with cursor.copy(f'COPY "{table}" FROM STDIN') as into:
                into.write(text)


def marked(old: Copy) -> bytes:
    """The copy's ring, with the mark of the real restore (archive.flows.restore): its log knows of no later promise."""
    values = ringfile.decode(old.ring)
    last = values.get(promise.CHECKPOINT) or promise.Held(1, 0, merkle.EMPTY_ROOT, "").encode()
    mark = promise.Restored(canonical.parse(last)["epoch"], old.id, clock.now(), clock.now())
    return ringfile.encode(values | {promise.CHECKPOINT: last, promise.RESTORED: mark.encode()})


def replace_ring(payload: bytes) -> None:
    place = tenancy.here().id
    keys.keyring().remove(place)
    keys.keyring().rebirth(place, payload)


def lose_live_ring(mark: float) -> None:
    """Another machine: no bucket of before has a key here. Time goes on from `mark`."""
    (Path(settings.EBB_KEYRING) / "live.ring").unlink()
    reopen_keyring()
    keys.keyring().live.mark(mark)


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'django_migrations'"
            " ORDER BY tablename",
            [tenancy.here().schema],
        )
        return [row[0] for row in cursor.fetchall()]
