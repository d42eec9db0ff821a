"""Moving records to another disposal bucket: the outer layer is taken off under one month's key and put on under another's.

No private key is needed and no word is seen; the inner wrap keeps the hash that its leaf states. What was wrapped before
stays readable in older copies of the row for as long as the old bucket's key lives: that key dies with its own month.

W1  Runs in the caller's unit, under the guard; the rows are locked, so that nobody's change is lost.
W2  The new key is durable in the keyring before a row names it.
W3  A record that does not open is left as it is and told: its bucket cannot be decided, so nothing hides it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection

from archive.flows import monthkey
from archive.models import Record
from portal.kernel import keys, tenancy
from portal.sealing import errors
from portal.sealing import record as sealing

_UPDATE = """
    UPDATE archive_record AS r SET disposal_bucket = n.bucket, outer_wrap = n.wrap, archived_until = n.until
      FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::timestamptz[]) AS n (id, bucket, wrap, until)
     WHERE r.message_id = n.id
"""


@dataclass(frozen=True, slots=True)
class Target:
    """`until` is written as the record's end; None leaves the end that it has."""

    bucket: str
    until: datetime | None = None


@dataclass(slots=True)
class Moved:
    """How many were moved, and which could not be."""

    count: int = 0
    stuck: list[UUID] = field(default_factory=list)


def move(targets: Mapping[UUID, Target]) -> Moved:
    """Wrap each record for its target. Runs in the caller's unit."""
    done = Moved()
    if not targets:
        return done
    rows = Record.objects.select_for_update().filter(message_id__in=list(targets)).order_by("message_id")
    changed, wrapped = [], _Keys()
    for row in rows.only("message_id", "batch_id", "disposal_bucket", "outer_wrap", "archived_until"):
        target = targets[row.message_id]
        try:
            wrap = bytes(row.outer_wrap) if row.disposal_bucket == target.bucket else wrapped.move(row, target.bucket)
        except (errors.KeyGone, errors.Unsealable):
            done.stuck.append(row.message_id)
            continue
        changed.append((row.message_id, target.bucket, wrap, target.until or row.archived_until))
    if changed:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, [list(column) for column in zip(*changed, strict=True)])
    done.count = len(changed)
    return done


class _Keys:
    """The disposal keys that one call meets, each asked for once."""

    def __init__(self) -> None:
        self.old: dict[str, bytes] = {}
        self.new: dict[str, bytes] = {}

    def move(self, row: Record, bucket: str) -> bytes:
        if bucket not in self.new:
            self.new[bucket] = monthkey.disposal(bucket)
        if row.disposal_bucket not in self.old:
            self.old[row.disposal_bucket] = keys.business().get(monthkey.DISPOSAL + row.disposal_bucket)
        return sealing.rewrap_outer(
            self.old[row.disposal_bucket], self.new[bucket], bytes(row.outer_wrap), business=tenancy.here().id,
            record=row.message_id, batch=row.batch_id, old_bucket=row.disposal_bucket, new_bucket=bucket,
        )  # fmt: skip
