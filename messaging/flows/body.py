"""Live words: sealing them into the wheel, opening them, moving them to another bucket.

Irreversible: once a bucket's key is destroyed nothing here, or anywhere but the archive, opens its messages (I2).
Never: a body in a log, an exception, a job or a cache. Runs in the caller's transaction.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from portal.kernel import clock, keys, tenancy
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, message, wheel

Content = dict[str, object]
OPENED_AHEAD = 64  # wheel keys remembered in the process; those of ended buckets are dropped first

_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: json.dumps makes one a call
_wheel_keys: dict[tuple[UUID, int], tuple[bytes, bytes]] = {}


@dataclass(frozen=True, slots=True)
class Sealed:
    """The three columns of a body."""

    bucket: int
    wrap: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """What opening needs of a stored body; bytes, as psycopg gives them."""

    message_id: UUID
    customer_id: UUID
    wrap: bytes
    sealed: bytes


def bucket_for(now: datetime, gone_at: datetime) -> int:
    """The bucket of an end. One that is about to end is passed over: its key could die before the commit. The next is
    then as late as I2 allows, since any whole second may be a bucket."""
    start, end = now.timestamp(), gone_at.timestamp()
    bucket = wheel.bucket_end(start, end)
    if not wheel.is_about_to_end(bucket, start):
        return bucket
    return math.floor(end + wheel.granularity(end - start))


class Sealer:
    """Seals the bodies of one transaction. Each bucket's key is asked for once: the ring is a file. Drop it with the
    transaction, or it would outlive the destruction of its buckets."""

    def __init__(self) -> None:
        self._business = tenancy.here().id
        self._keys: dict[int, bytes] = {}

    def seal(self, *, message_id: UUID, customer_id: UUID, content: Content, bucket: int) -> Sealed:
        key = self._keys.get(bucket)
        if key is None:
            key = self._keys[bucket] = _sealing_key(bucket)
        sealed = message.seal(
            key, encode(content),
            bucket=bucket, generation=keys.GENERATION, business=self._business, message=message_id, recipient=customer_id,
        )  # fmt: skip
        return Sealed(bucket, sealed.wrap, sealed.body)


def seal(*, message_id: UUID, customer_id: UUID, content: Content, bucket: int) -> Sealed:
    return Sealer().seal(message_id=message_id, customer_id=customer_id, content=content, bucket=bucket)


def sealer_of(bucket: int, count: int) -> message.Sealer:
    """Seals a chunk's bodies, all of one bucket. Drop it with the transaction."""
    return message.Sealer(
        _sealing_key(bucket), bucket=bucket, generation=keys.GENERATION, business=tenancy.here().id, count=count
    )


def open_(row: Row) -> Content:
    """The words, or a refusal that says they are gone. Whether they *may* be shown at this instant the caller checks."""
    try:
        return _open(row, _opening_key(message.header(row.wrap).bucket), tenancy.here().id)
    except (errors.KeyGone, errors.Unsealable) as error:
        raise Refusal("gone", "This message has ended.", Kind.GONE) from error


def open_many(rows: Iterable[Row]) -> dict[UUID, Content]:
    """What can still be opened; what cannot is absent. Each bucket's key is asked for once: the ring is a file."""
    opened: dict[UUID, Content] = {}
    found: dict[int, bytes | None] = {}
    business = tenancy.here().id
    for row in rows:
        try:
            bucket = message.header(row.wrap).bucket
            if bucket not in found:
                found[bucket] = _opening_key_or_none(bucket)
            if (key := found[bucket]) is not None:
                opened[row.message_id] = _open(row, key, business)
        except errors.Unsealable:
            continue
    return opened


def _open(row: Row, key: bytes, business: UUID) -> Content:
    return decode(
        message.open_(key, row.wrap, row.sealed, business=business, message=row.message_id, recipient=row.customer_id)
    )


def _opening_key_or_none(bucket: int) -> bytes | None:
    try:
        return _opening_key(bucket)
    except errors.KeyGone:
        return None


class Mover:
    """Moves messages' keys to other buckets; each bucket's key is asked for once. Drop it with the transaction."""

    def __init__(self) -> None:
        self._opening = cache(_opening_key)
        self._sealing = cache(_sealing_key)

    def rewrap(self, *, message_id: UUID, wrap: bytes, bucket: int) -> bytes:
        """The body stays as it is."""
        try:
            old = message.header(bytes(wrap)).bucket
            return message.rewrap(
                self._opening(old), self._sealing(bucket), bytes(wrap),
                message=message_id, bucket=bucket, generation=keys.GENERATION,
            )  # fmt: skip
        except (errors.KeyGone, errors.Unsealable) as error:
            raise Refusal("gone", "This message has ended.", Kind.GONE) from error


def rewrap(*, message_id: UUID, wrap: bytes, bucket: int) -> bytes:
    return Mover().rewrap(message_id=message_id, wrap=wrap, bucket=bucket)


def encode(content: Content) -> bytes:
    return _write(content).encode()


def decode(plain: bytes) -> Content:
    content: Content = json.loads(plain)
    return content


def _sealing_key(bucket: int) -> bytes:
    """The wheel key of a bucket, whose own key is durable before this returns."""
    try:
        return _wheel_key(bucket, keys.keyring().live.create(bucket))
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _opening_key(bucket: int) -> bytes:
    if wheel.is_over(bucket, clock.now().timestamp()):
        raise errors.KeyGone("The bucket is over.")
    return _wheel_key(bucket, keys.keyring().live.get(bucket))


def _wheel_key(bucket: int, bucket_key: bytes) -> bytes:
    """Remembered while its bucket key is the very one in the ring, so that a destroyed key is never used from memory."""
    name = (tenancy.here().id, bucket)
    known = _wheel_keys.get(name)
    if known is None or known[0] != bucket_key:
        _forget_some()
        known = _wheel_keys[name] = (bucket_key, wheel.wheel_key(bucket_key, keys.business_key(), bucket))
    return known[1]


def forget_over(now: datetime) -> None:
    """Drop the wheel keys of buckets that are over from this process's memory."""
    for name in [name for name in list(_wheel_keys) if wheel.is_over(name[1], now.timestamp())]:
        _wheel_keys.pop(name, None)


def _forget_some() -> None:
    forget_over(clock.now())
    while len(_wheel_keys) >= OPENED_AHEAD:
        _wheel_keys.pop(next(iter(_wheel_keys)), None)
