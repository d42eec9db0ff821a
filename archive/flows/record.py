"""Keeping what was said: seals snapshots in three layers and hands their entries to the same transaction (I5).

    content → record key → batch key (forgotten within a minute) → disposal bucket of the month in which retention ends

The portal can close these boxes and not open them: batch keys are sealed to the officers' and the recovery key. This is
the hot path of every send, so it works on whole chunks: keys once, one COPY.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import batch, blob, monthkey, wordindex
from archive.models import Record
from archive.rules import retention
from portal.kernel import bulk, clock, ids, tenancy, unit
from portal.kernel.errors import Kind, Refusal
from portal.sealing import record as sealing

TABLE = "archive_record"
COLUMNS = (
    "message_id", "entry_id", "customer_id", "kind", "category", "purpose", "rule", "direction", "run_id", "sent_at",
    "gone_at", "archived_until", "batch_id", "disposal_bucket", "sealed", "outer_wrap", "index_month", "words",
    "blobs",
)  # fmt: skip

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One message as it is kept: self-contained. `content` is plain JSON: subject, body, attachments, names and
    addresses of both sides as known then. `kind` is message.sent or message.received; `direction` out or in; `actor` a
    label; `purpose` of its category; `rule` the code of the retention rule; `archived_until` None for an end nobody knows yet."""

    message_id: UUID
    customer_id: UUID
    subject_id: UUID
    kind: str
    actor: str
    direction: str
    category: str
    sent_at: datetime
    gone_at: datetime | None
    archived_until: datetime | None
    rule: str
    content: Mapping[str, Any]
    run: UUID | None = None
    purpose: str = "service"
    codes: Mapping[str, str | int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a chunk shares: the business, the month's index key and the disposal keys met so far."""

    business: UUID
    month: str
    index: bytes
    disposal: dict[str, bytes]

    def of_bucket(self, bucket: str) -> bytes:
        key = self.disposal.get(bucket)
        if key is None:
            key = self.disposal[bucket] = monthkey.disposal(bucket)
        return key


def keep(u: unit.Unit, snapshots: Sequence[Snapshot]) -> list[unit.Draft]:
    """Seal and write the records, hand their entries to `u`, and return these in the same order. Runs in the unit of `u`;
    each draft knows its index after the unit's exit."""
    if not snapshots:
        return []
    now = clock.now()
    month = retention.month_of(now)
    shared = _Keys(tenancy.here().id, month, monthkey.index(month), {})
    rows, drafts = [], []
    for snapshot, taken in _with_batches(snapshots, now):
        row, draft = _keep_one(snapshot, taken, shared)
        rows.append(row)
        drafts.append(u.entry(draft))
    bulk.insert(TABLE, COLUMNS, rows)
    return drafts


def set_end(*, message_ids: Sequence[UUID], gone_at: datetime) -> None:
    """The messages' own end is known now, or moved: extended, their conversation closed, erased. Their records stay at least
    as long. Runs in the caller's unit; a disposal that looks at them meanwhile finds them alive before and after."""
    rows = Record.objects.filter(message_id__in=message_ids)
    rows.update(gone_at=gone_at)
    rows.filter(archived_until__lt=gone_at).update(archived_until=gone_at)


def _with_batches(snapshots: Sequence[Snapshot], now: datetime) -> Iterator[tuple[Snapshot, batch.Batch]]:
    waiting = iter(snapshots)
    for taken, granted in batch.take(count=len(snapshots), now=now):
        for _ in range(granted):
            yield next(waiting), taken


def _keep_one(snapshot: Snapshot, taken: batch.Batch, shared: _Keys) -> tuple[tuple[object, ...], unit.Draft]:
    until = snapshot.archived_until
    if until and snapshot.gone_at and until < snapshot.gone_at:
        until = snapshot.gone_at  # never disposed of while it lives
    bucket = max(retention.bucket_of(until), shared.month)  # never a month whose key may be gone
    sealed = sealing.seal(
        taken.key, shared.of_bucket(bucket), encode(snapshot.content),
        business=shared.business, record=snapshot.message_id, batch=taken.id, disposal_bucket=bucket,
    )  # fmt: skip
    words = wordindex.hash_content(snapshot.content, business=shared.business, month=shared.month, key=shared.index)
    array = f"{{{','.join(map(str, words))}}}"  # an array literal: psycopg's own is ten times slower
    entry_id = ids.uuid7()
    row = (
        snapshot.message_id, entry_id, snapshot.customer_id, snapshot.kind, snapshot.category, snapshot.purpose,
        snapshot.rule, snapshot.direction, snapshot.run, snapshot.sent_at, snapshot.gone_at, until, taken.id, bucket,
        sealed.sealed, sealed.outer_wrap, shared.month, array, _blobs(snapshot.content),
    )  # fmt: skip
    return row, _draft(snapshot, entry_id, taken, sealed)


def _blobs(content: Mapping[str, Any]) -> str | None:
    """The ids of the files that came with it: a blob goes with the last record that names it."""
    files = blob.ids_of(content.get("attachments") or ())
    return f"{{{','.join(map(str, files))}}}" if files else None


def _draft(snapshot: Snapshot, entry_id: UUID, taken: batch.Batch, sealed: sealing.SealedRecord) -> unit.Draft:
    return unit.Draft(
        kind=snapshot.kind, actor=snapshot.actor, id=entry_id, subject=snapshot.subject_id, customer=snapshot.customer_id,
        message=snapshot.message_id, run=snapshot.run, retention=snapshot.rule, gone_at=snapshot.gone_at,
        codes={**snapshot.codes, **blob.codes_of(snapshot.content.get("attachments") or ())},
        commitment=sealed.commitment.hex(), sealed_sha256=sealed.sealed_sha256.hex(),
        wrap_sha256=sealed.inner_sha256.hex(), batch_sha256=taken.sha256,
    )  # fmt: skip


def encode(content: Mapping[str, Any]) -> bytes:
    """The bytes that are sealed and committed to: JSON in UTF-8, keys in order, no spaces, every character as it came."""
    try:
        return _write(content).encode()
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError) as error:
        raise Refusal("not_text", "The text holds something that is not Unicode text.", Kind.MALFORMED) from error
