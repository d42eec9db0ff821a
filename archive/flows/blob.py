"""Files: sealed once, for a message while it lives and for its record afterwards; uploaded, used, let go.

    put     sealed under a key of its own. Until it is used that key, and the name, stand in the live wheel in a bucket one
            or two minutes ahead; the clock carries them forward (`carry`), for a day
    use     by one call (`look` first): the key goes into what that call seals (messages, a campaign's text), and leaves the row
    open_   by whoever has the key, from a live message or from an opened record
    let_go  with the last record that names it (a disposal); `sweep` for what was never used, or never sent; `mirror.drop_files`
        where all its records are behind the business's own firewall

I2  After the end of a message's bucket nothing but the archive's own keys opens its files. So an upload's bucket is never
    later than that of a message that lives at least a minute and takes it now, and what was used is not carried any more. (A
    file that could be used again for a day would lie open on disk for that day.) The price: while no clock runs for a
    minute, what was uploaded and not used is lost, and has to be attached again.
I6  A record's leaf commits to the files it came with, as they are sealed (`codes_of`): whoever holds a sealed file can tell
    whether it is that one, without a key.
I8  Nothing goes that a record names: a hold keeps its records, and so their files.

Irreversible: the deletion of a row. Never: a key, a name or a type by name in an entry, a log or a URL.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from archive.ledger import entry as ledger
from archive.models import Blob
from portal.kernel import clock, ids, keys, tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import blob as sealing
from portal.sealing import errors, message, wheel

WAITS_FOR = timedelta(days=1)
AHEAD = 60  # seconds: a bucket is one to two of them ahead
CARRY_AT = 55  # seconds before its end
MOST_WAITING = 200  # of one uploader, unless the caller says fewer
SLICE = 200
GRACE = timedelta(days=31)  # after the moment for which something was planned with it: it may be sent late

_FREE = """
    DELETE FROM archive_blob AS b
     WHERE b.id = ANY(%s) AND b.held_until <= %s
       AND NOT EXISTS (SELECT FROM archive_record AS r WHERE r.blobs @> ARRAY[b.id])
 RETURNING octet_length(b.sealed)
"""
_LEFT = """
    SELECT b.id FROM archive_blob AS b
     WHERE b.held_until <= %s AND NOT EXISTS (SELECT FROM archive_record AS r WHERE r.blobs @> ARRAY[b.id])
     ORDER BY b.held_until LIMIT %s FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """An upload, as its uploader is told of it."""

    id: UUID
    type: str
    size: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A file to be used. `entry` is what a message, and its record, hold of it: id, name, type, bytes, sha256, sealed_sha256,
    key."""

    id: UUID
    size: int
    entry: dict[str, Any] = field(repr=False)


def put(*, actor: Actor, now: datetime, name: str, kind: str, data: bytes, most: int = MOST_WAITING) -> Stored:
    """Seal an upload, unless `most` of this uploader wait already. The caller has checked what it is, and that the actor may."""
    row = Blob(
        id=ids.uuid7(), type=kind, size=len(data), author=actor.label, created_at=now, held_until=now + WAITS_FOR
    )
    sealed = sealing.seal(data, business=tenancy.here().id, blob=row.id)
    row.sealed, row.sha256 = sealed.sealed, hashlib.sha256(sealed.sealed).digest()
    entry = {
        "id": str(row.id), "name": name, "type": kind, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        "sealed_sha256": row.sha256.hex(), "key": urlsafe_b64encode(sealed.key).decode(),
    }  # fmt: skip
    row.bucket = _bucket(now)
    made = message.seal(
        _wheel_key(row.bucket, create=True), json.dumps(entry, ensure_ascii=False).encode(), bucket=row.bucket,
        generation=keys.GENERATION, business=tenancy.here().id, message=row.id, recipient=row.id,
    )  # fmt: skip
    row.wrap, row.entry = made.wrap, made.body
    with unit.work():
        if Blob.objects.filter(author=actor.label, bucket__isnull=False).count() >= most:
            raise Refusal(
                "too_many_uploads",
                "Too many files wait to be used. Send some, or wait a day.",
                Kind.TOO_MANY,
                retry_after=60,
            )
        row.save(force_insert=True)
    return Stored(row.id, kind, len(data))


def look(*, actor: Actor, now: datetime, wanted: Iterable[UUID]) -> dict[UUID, Taken | Refusal]:
    """Uploads of this actor, opened and locked in the caller's unit, to be used in it or not. Each is used by one call: the
    next is told `attachment_used`. Of somebody else, or of nobody: `unknown_attachment`."""
    found = (
        Blob.objects.select_for_update().filter(id__in=list(wanted), author=actor.label).order_by("id").defer("sealed")
    )
    rows = {row.id: row for row in found}
    return {pk: _looked_at(rows[pk], now) if pk in rows else unknown() for pk in dict.fromkeys(wanted)}


def use(*, wanted: Iterable[UUID], until: datetime) -> None:
    """These went into what may be sent until then: from here on only what holds their keys opens them."""
    listed = list(wanted)
    Blob.objects.filter(id__in=listed).update(bucket=None, wrap=None, entry=None)
    hold(wanted=listed, until=until)


def hold(*, wanted: Iterable[UUID], until: datetime) -> None:
    """What was taken may still be sent until then, and stays."""
    Blob.objects.filter(id__in=list(wanted), held_until__lt=until + GRACE).update(held_until=until + GRACE)


def ids_of(entries: Iterable[Mapping[str, Any]]) -> list[UUID]:
    """The files that a message names, each once."""
    return list(dict.fromkeys(UUID(str(one["id"])) for one in entries))


def codes_of(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What a record's leaf commits to of its files; nothing where there are none."""
    listed = [(UUID(str(one["id"])), bytes.fromhex(str(one["sealed_sha256"]))) for one in entries]
    return {ledger.FILES: ledger.digest_files(listed)} if listed else {}


def open_(entry: Mapping[str, Any]) -> Iterator[bytes]:
    """The file of an entry, in pieces, each authentic; whether it *may* be shown the caller checks. Refuses
    `attachment_lost` before the first piece; a file that was changed breaks off with `Unsealable`."""
    pk = ids.parse_uuid(str(entry["id"]))
    sealed = Blob.objects.filter(id=pk).values_list("sealed", flat=True).first() if pk else None
    if pk is None or sealed is None:
        raise lost()
    key = urlsafe_b64decode(str(entry["key"]))
    return sealing.open_(key, bytes(sealed), business=tenancy.here().id, blob=pk)


def read(entry: Mapping[str, Any]) -> bytes:
    """A whole file, held against the digest that was archived. Refuses `attachment_lost`, also for one that was changed."""
    try:
        data = b"".join(open_(entry))
    except errors.SealingError as error:
        raise lost() from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise lost()
    return data


def carry(*, now: datetime) -> int:
    """For the clock, every few seconds: uploads that nobody used yet go to a later bucket, for a day. → how many."""
    due = int(now.timestamp()) + CARRY_AT
    with unit.work():
        rows = list(
            Blob.objects.select_for_update(skip_locked=True)
            .filter(bucket__lte=due, held_until__gt=now)
            .order_by("bucket")
            .defer("sealed", "entry")[:SLICE]
        )
        for row in rows:
            _carry(row, now)
    return len(rows)


def let_go(*, wanted: Iterable[UUID], now: datetime) -> int:
    """Delete what no record names any more and nothing holds. In the caller's unit, after its records went. → bytes."""
    listed = sorted(set(wanted))
    if not listed:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_FREE, [listed, now])
        return sum(size for (size,) in cursor.fetchall())


def sweep(*, now: datetime) -> None:
    """For the clock: what was never used, what was used for something that was never sent."""
    while True:
        with unit.work(), connection.cursor() as cursor:
            cursor.execute(_LEFT, [now, SLICE])
            found = [pk for (pk,) in cursor.fetchall()]
            Blob.objects.filter(id__in=found).delete()
        if len(found) < SLICE:
            return


def unknown() -> Refusal:
    return Refusal("unknown_attachment", "There is no such attachment.", field="attachments")


def lost() -> Refusal:
    return Refusal("attachment_lost", "This file is not there any more, or was changed.", Kind.GONE)


def _looked_at(row: Blob, now: datetime) -> Taken | Refusal:
    if row.bucket is None:
        return Refusal(
            "attachment_used", "This file was sent already. Attach it again, or send to many with one call.", Kind.CONFLICT,
            field="attachments",
        )  # fmt: skip
    entry = _open_entry(row) if row.held_until > now else None
    if entry is None:
        return Refusal(
            "attachment_gone", "This file waited too long and is gone. Attach it again.", Kind.GONE, field="attachments"
        )
    return Taken(row.id, row.size, entry)


def _open_entry(row: Blob) -> dict[str, Any] | None:
    try:
        plain = message.open_(
            _wheel_key(message.header(bytes(row.wrap)).bucket), bytes(row.wrap), bytes(row.entry), business=tenancy.here().id,
            message=row.id, recipient=row.id,
        )  # fmt: skip
    except (errors.KeyGone, errors.Unsealable):
        return None
    entry: dict[str, Any] = json.loads(plain)
    return entry


def _carry(row: Blob, now: datetime) -> None:
    """Where its bucket was over before anyone came it opens for nobody: it ends now."""
    bucket = _bucket(now)
    try:
        old = _wheel_key(message.header(bytes(row.wrap)).bucket)
        row.wrap = message.rewrap(
            old,
            _wheel_key(bucket, create=True),
            bytes(row.wrap),
            message=row.id,
            bucket=bucket,
            generation=keys.GENERATION,
        )
        row.bucket = bucket
        row.save(update_fields=["wrap", "bucket"])
    except (errors.KeyGone, errors.Unsealable):
        Blob.objects.filter(id=row.id).update(held_until=now)


def _bucket(now: datetime) -> int:
    return wheel.bucket_end(now.timestamp(), now.timestamp() + AHEAD)


def _wheel_key(bucket: int, *, create: bool = False) -> bytes:
    """Raises `KeyGone` for a bucket that is over."""
    if wheel.is_over(bucket, clock.now().timestamp()):
        raise errors.KeyGone("The bucket is over.")
    if not create:
        return wheel.wheel_key(keys.keyring().live.get(bucket), keys.business_key(), bucket)
    try:
        return wheel.wheel_key(keys.keyring().live.create(bucket), keys.business_key(), bucket)
    except errors.KeyGone:
        raise
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
