"""The batch keys this process holds: one a business, random, forgotten when it sealed enough or is a minute old.

A batch key is what the portal could reopen its own archive with, so it lives in memory only and briefly; what stays is
its envelope, sealed to the archive recipients. Races this module is built around:

- A transaction that rolls back takes its envelope row with it while other records already use the key: the row is
  written again (ON CONFLICT DO NOTHING) in every transaction until one that holds it is known to be committed.
- Two transactions that write the same new envelope wait for one another: they do so in order of id and as the last thing
  before the ledger's head is locked, so nobody who waits holds what the other wants.
- A disposal forgets the envelope that nothing is left under, a day after its making by the wall clock (`disposing`). So a key
  is held for a minute by that clock, too: one that leaps ahead must not find a key in use whose envelope may be gone.
- The officers' key may be rotated while a batch is held, here or in another process: the writer of the ledger, which holds
  the head, says which key is in force at this commit, and what was sealed to an older one is refused (`check`).
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import connection, transaction

from archive.queries import recipients
from portal.kernel import ids, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.sealing import record as sealing

FULL_AT = 4096
HELD_FOR = 60.0
MOST_UNSAVED = 4096  # only batches whose every transaction rolled back stay that long; oldest first

_INSERT = "INSERT INTO archive_batch (id, envelope, sha256, created_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Batch:
    """A key (secret, 32 bytes) and the envelope that opens it for the recipients. `sha256` in hex, as leaves carry it."""

    id: UUID
    key: bytes
    envelope: bytes
    sha256: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"Batch({self.id})"


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What an unsaved batch still has to write: its key may be forgotten by then."""

    id: UUID
    sealed: bytes
    created_at: datetime


@dataclass(slots=True)
class _Held:
    batch: Batch
    left: int
    until: float


_lock = threading.Lock()
_held: dict[UUID, _Held] = {}
_unsaved: dict[str, _Envelope] = {}
_sealed_to: dict[str, frozenset[str]] = {}  # the recipients of each batch that may still be in use, by its SHA-256
_timer: threading.Timer | None = None


def take(*, count: int, now: datetime) -> Iterator[tuple[Batch, int]]:
    """Batches to seal `count` boxes with, each with how many. Runs in the caller's transaction."""
    while count:
        batch, granted = _grant(tenancy.here().id, count, now)
        yield batch, granted
        count -= granted


def save(digests: Iterable[str]) -> None:
    """Write the envelopes of these batches (SHA-256 in hex) unless a commit is known to hold them. The caller's transaction;
    call it right before the head is locked."""
    with _lock:
        waiting = {digest: _unsaved[digest] for digest in set(digests) if digest in _unsaved}
    if not waiting:
        return
    with connection.cursor() as cursor:
        for digest, envelope in sorted(waiting.items(), key=lambda item: item[1].id):
            cursor.execute(_INSERT, [envelope.id, envelope.sealed, bytes.fromhex(digest), envelope.created_at])
    transaction.on_commit(lambda: _committed(waiting))


def check(digests: Iterable[str], officers: UUID | None) -> None:
    """That these batches are sealed to the officers' key in force. The caller holds the ledger's head, so none is rotated
    between this and its commit. Refuses for whoever has to seal again; the next try takes a new batch."""
    if all(str(officers) in _sealed_to.get(digest, (str(officers),)) for digest in set(digests)):
        return
    forget(tenancy.here().id)
    raise Refusal(
        "keys_rotated", "The archive's key was replaced at this moment, so nothing was sent or changed. Try again.",
        Kind.UNAVAILABLE, retry_after=1,
    )  # fmt: skip


def forget(business: UUID | None = None) -> None:
    """Drop the key of one business, or of all, now: a recipient changed, or this is a fresh process."""
    with _lock:
        for owner in [business] if business else list(_held):
            _held.pop(owner, None)


def holds(business: UUID) -> bool:
    """Whether this process could still open what it sealed last for a business."""
    with _lock:
        _drop_old()
        return business in _held


def _grant(business: UUID, wanted: int, now: datetime) -> tuple[Batch, int]:
    with _lock:
        held = _held.get(business)
        if held is None or held.until <= time.monotonic() or now - held.batch.created_at >= timedelta(seconds=HELD_FOR):
            held = _held[business] = _Held(_make(business, now), FULL_AT, time.monotonic() + HELD_FOR)
            _watch()
        granted = min(wanted, held.left)
        held.left -= granted
        if not held.left:
            del _held[business]
        return held.batch, granted


def _make(business: UUID, now: datetime) -> Batch:
    publics = recipients.publics()
    if len(publics) < 2:
        raise Refusal(
            "archive_not_ready", "The archive's keys are not made yet, so nothing can be archived. Finish the set-up first.",
            Kind.UNAVAILABLE,
        )  # fmt: skip
    batch_id, key = ids.uuid7(), os.urandom(32)
    sealed = sealing.seal_batch_key(key, publics, business=business, batch=batch_id)
    batch = Batch(batch_id, key, sealed, sha256(sealed).hexdigest(), now)
    _unsaved[batch.sha256] = _Envelope(batch_id, sealed, now)
    _sealed_to[batch.sha256] = frozenset(publics)
    for kept in (_unsaved, _sealed_to):
        if len(kept) > MOST_UNSAVED:
            del kept[next(iter(kept))]
    return batch


def _committed(digests: Iterable[str]) -> None:
    with _lock:
        for digest in digests:
            _unsaved.pop(digest, None)


def _watch() -> None:
    """A key must not outlive its minute because nobody asked again. One timer for all businesses."""
    global _timer
    if _timer is None:
        _timer = threading.Timer(HELD_FOR + 0.1, _wake)
        _timer.daemon = True
        _timer.start()


def _wake() -> None:
    global _timer
    with _lock:
        _timer = None
        _drop_old()
        if _held:
            _watch()


def _drop_old() -> None:
    at = time.monotonic()
    for owner in [owner for owner, held in _held.items() if held.until <= at]:
        del _held[owner]


def _after_fork() -> None:
    """A child must not seal under its parent's key: each would count to the limit on its own."""
    global _lock, _timer
    _lock, _timer = threading.Lock(), None
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
