"""Dropping what mirrors signed for: the portal's sealed copies, and later the files that came with them.

M2  Dropping empties `record.sealed`, in slices under the guard; the row, its search words, its wrap and its entry stay.
    Irreversible here: from then on the words are behind the firewall only.
M3  A record that a hold keeps is not dropped: it must stay within the reach of those who hold it.
M4  Nothing is dropped that the receipt names as missing. A record is held with all its files, or it is missing.
M5  A file goes once every record that names it was dropped, every message that came with it has ended, and nothing may still be
    sent with it. By then nothing here opens it any more: its key was in those messages and in those records only.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from archive.flows import guard
from archive.ledger import entry
from archive.models import Blob, Entry, Mirror, Record
from archive.queries import bundle, holds
from portal.kernel import unit
from portal.kernel.actors import CLOCK

SLICE = 1000
FILES = 50  # a slice
AGAIN = timedelta(hours=1)  # until a file that is still needed is looked at again

_LOOK = """
    UPDATE archive_blob SET look_at = %s
     WHERE look_at IS NULL
       AND id IN (SELECT unnest(blobs) FROM archive_record WHERE message_id = ANY(%s) AND blobs IS NOT NULL)
"""
_FREE = """
    DELETE FROM archive_blob AS b
     WHERE b.id = ANY(%s) AND b.held_until <= %s
       AND NOT EXISTS (SELECT FROM archive_record AS r WHERE r.blobs @> ARRAY[b.id]
                        AND (r.mirrored_at IS NULL OR r.gone_at IS NULL OR r.gone_at > %s))
 RETURNING b.id
"""


def drop_slice(*, now: datetime, mirror_id: UUID) -> bool:
    """Drop the sealed copies of the next slice. False once there is none."""
    with unit.work() as u:
        guard.lock()
        row = Mirror.objects.select_for_update().filter(id=mirror_id, removed_at=None, drops=True).first()
        if row is None or not row.waiting:
            return False
        (signed, missing), *later = row.waiting
        last = min(signed, row.dropped_to + SLICE - 1)
        gone = list(_droppable(row, set(missing), last))
        Record.objects.filter(message_id__in=gone).update(sealed=b"", mirrored_at=now)
        _look_at_files(gone, now)
        waiting = later if last == signed else row.waiting
        Mirror.objects.filter(id=row.id).update(dropped_to=last + 1, waiting=waiting)
        if gone:
            codes: dict[str, str | int | bool] = {"mirror": str(row.id), "first": row.dropped_to, "last": last}
            u.entry(_draft("mirror.dropped", gone, codes))
    return True


def drop_files(*, now: datetime) -> bool:
    """Drop the next files that only dropped records name (M5). False once there is none to look at."""
    with unit.work() as u:
        guard.lock()
        rows = Blob.objects.select_for_update(skip_locked=True).filter(look_at__lte=now).order_by("look_at")
        wanted = list(rows.values_list("id", flat=True)[:FILES])
        if not wanted:
            return False
        with connection.cursor() as cursor:
            cursor.execute(_FREE, [wanted, now, now])
            gone = [pk for (pk,) in cursor.fetchall()]
        Blob.objects.filter(id__in=wanted).update(look_at=now + AGAIN)
        if gone:
            u.entry(_draft("mirror.files_dropped", gone, {}))
    return True


def _droppable(row: Mirror, missing: set[int], last: int) -> Iterator[UUID]:
    """Messages of the slice that the receipt covers, that are still here and that no hold keeps."""
    span = Entry.objects.filter(index__gte=row.dropped_to, index__lte=last, kind__in=bundle.WITH_RECORD)
    wanted = [message for index, message in span.values_list("index", "message_id") if index not in missing]
    kept = Record.objects.filter(message_id__in=wanted, mirrored_at=None).exclude(holds.held())
    yield from kept.order_by("message_id").values_list("message_id", flat=True)


def _look_at_files(messages: list[UUID], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [now, messages])


def _draft(kind: str, gone: list[UUID], codes: dict[str, str | int | bool]) -> unit.Draft:
    count, digest = entry.digest_ids(gone)
    listed: dict[str, object] = {"ids": [str(one) for one in gone]}
    return unit.Draft(kind, CLOCK.label, codes=codes, count=count, ids_sha256=digest, detail=listed)
