"""What a disposal has to look at, in the one order in which it walks: bucket by bucket, by end, by id.

    a month still open   the records whose promised end has passed
    a month that is over every record that is left in it, whatever its row says: the key dies next
    keep                 every record: an end that nobody knew may be known by now

Keyset throughout: a place is a bucket, an end and an id, and stays right whatever was deleted or moved behind it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from archive.models import Record
from archive.rules import disposal, retention

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(column: str) -> RawSQL:
    """A time as whole microseconds, which are read in a tenth of what the text of one takes: a third of a slice."""
    return RawSQL(f"(extract(epoch FROM {column}) * 1000000)::bigint", [])  # noqa: S611 - a name of the code


TIMES = {f"{name}_us": _micros(name) for name in ("sent_at", "gone_at", "archived_until")}
COLUMNS = ("message_id", "kind", "category", "purpose", *TIMES, "rule", "batch_id")


class Candidate(NamedTuple):
    """A record to be judged, without its content."""

    message_id: UUID
    kind: str
    category: str
    purpose: str
    sent_at: datetime
    gone_at: datetime | None
    archived_until: datetime | None
    rule: str
    batch_id: UUID


@dataclass(frozen=True, slots=True)
class Place:
    """Right after this record of this bucket; `in_unknown` in the part whose ends nobody knows, which comes last. An empty
    bucket is before the first."""

    bucket: str = ""
    until: datetime | None = None
    message: UUID | None = None
    in_unknown: bool = False


def next_slice(place: Place, now: datetime, size: int) -> tuple[list[Candidate], Place]:
    """The next candidates, and the place after them. No candidates: the walk is over. Never of two buckets at once."""
    if not place.bucket:
        place = Place(_bucket_after(""))
    while place.bucket:
        found = [_candidate(*row) for row in _rows(place, now)[:size]]
        if found:
            last = found[-1]
            return found, replace(place, until=last.archived_until, message=last.message_id)
        place = _onward(place, now)
    return [], place


def count_due(now: datetime) -> int:
    """About how many candidates there are: for a progress bar."""
    over = Q(disposal_bucket__lt=_first_open(now)) | Q(disposal_bucket=disposal.KEEP)
    return Record.objects.filter(over | Q(archived_until__lte=now)).count()


def is_looked_at_whole(bucket: str, now: datetime) -> bool:
    return bucket == disposal.KEEP or disposal.is_over(bucket, now)


def _onward(place: Place, now: datetime) -> Place:
    if not place.in_unknown and is_looked_at_whole(place.bucket, now):
        return Place(place.bucket, in_unknown=True)
    return Place(_bucket_after(place.bucket))


def _bucket_after(bucket: str) -> str:
    """By the index alone: a look-up a bucket, however many records each holds."""
    found = Record.objects.filter(disposal_bucket__gt=bucket).order_by("disposal_bucket")
    return found.values_list("disposal_bucket", flat=True).first() or ""


def _rows(place: Place, now: datetime) -> "QuerySet[Record, tuple[Any, ...]]":
    rows = Record.objects.filter(disposal_bucket=place.bucket)
    if place.in_unknown:
        rows = rows.filter(archived_until__isnull=True)
        if place.message:
            rows = rows.filter(message_id__gt=place.message)
        rows = rows.order_by("message_id")
    else:
        rows = rows.filter(archived_until__isnull=False)
        if not is_looked_at_whole(place.bucket, now):
            rows = rows.filter(archived_until__lte=now)
        if place.until and place.message:
            rows = rows.filter(archived_until__gte=place.until).exclude(
                archived_until=place.until, message_id__lte=place.message
            )
        rows = rows.order_by("archived_until", "message_id")
    return rows.annotate(**TIMES).values_list(*COLUMNS)


def _candidate(
    message: UUID, kind: str, category: str, purpose: str, sent: int, gone: int | None, until: int | None, rule: str, batch: UUID
) -> Candidate:  # fmt: skip
    return Candidate(message, kind, category, purpose, _instant(sent), _maybe(gone), _maybe(until), rule, batch)


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _maybe(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + timedelta(microseconds=micros)


def _first_open(now: datetime) -> str:
    return retention.month_of(now - retention.GRACE)
