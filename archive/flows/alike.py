"""Keeping many records that share most, as a chunk of a campaign does: the same boxes and entries as `record.keep` makes, with what
they share prepared once. Memory is the chunk's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from archive.flows import batch, blob, monthkey, wordindex
from archive.models import Record
from archive.rules import retention
from portal.kernel import clock, ids, rows, tenancy, unit
from portal.sealing import record as sealing


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What is the same in all of them; as in `record.Snapshot`."""

    kind: str
    actor: str
    direction: str
    category: str
    purpose: str
    sent_at: datetime
    gone_at: datetime
    archived_until: datetime | None
    rule: str
    run: UUID | None
    files: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """What each has of its own: ids by their 16 bytes, the content as `record.encode` writes it, and its words: `Words`."""

    message: bytes
    customer: bytes
    subject: bytes
    content: bytes
    words: bytes


class Words:
    """The hashed words of contents, as a row of records holds them. The same text is hashed once."""

    def __init__(self, now: datetime) -> None:
        self.month = retention.month_of(now)
        self._business, self._key = tenancy.here().id, monthkey.index(self.month)

    def of(self, content: Mapping[str, object]) -> bytes:
        hashes = wordindex.hash_content(content, business=self._business, month=self.month, key=self._key)
        return rows.field("bigint[]", hashes)


def keep(u: unit.Unit, *, shared: Shared, own: Sequence[Own], month: str) -> None:
    """Seal and write the records and hand their entries to `u`. Runs in the unit of `u`. `month` is that of the words."""
    waiting = iter(own)
    bucket = max(retention.bucket_of(_until(shared)), month)  # never a month whose key may be gone
    disposal = monthkey.disposal(bucket)
    for taken, granted in batch.take(count=len(own), now=clock.now()):
        some = [next(waiting) for _ in range(granted)]
        sealer = sealing.Sealer(
            taken.key, disposal, business=tenancy.here().id, batch=taken.id, disposal_bucket=bucket, count=granted
        )
        sealed = [sealer.seal(one.content, one.message) for one in some]
        entries = ids.uuid7s(granted)
        rows.copy(*_records(shared, some, sealed, entries, _table(shared, taken, bucket, month)))
        u.entries_alike(_entries(shared, some, sealed, entries, taken))


def _until(shared: Shared) -> datetime | None:
    """Never disposed of while it lives."""
    return max(shared.archived_until, shared.gone_at) if shared.archived_until else None


def _table(shared: Shared, taken: batch.Batch, bucket: str, month: str) -> rows.Stencil:
    hole = rows.HOLE
    return rows.cut(Record, {
        "message_id": hole, "entry_id": hole, "customer_id": hole, "kind": shared.kind, "category": shared.category,
        "purpose": shared.purpose, "rule": shared.rule, "direction": shared.direction, "run_id": shared.run,
        "sent_at": shared.sent_at, "gone_at": shared.gone_at, "archived_until": _until(shared), "batch_id": taken.id,
        "disposal_bucket": bucket, "index_month": month, "sealed": hole, "outer_wrap": hole, "words": hole,
        "blobs": blob.ids_of(shared.files) or None,
    })  # fmt: skip


def _records(
    shared: Shared, own: list[Own], sealed: list[sealing.SealedRecord], entries: list[bytes], table: rows.Stencil
) -> tuple[rows.Stencil, Iterator[bytes]]:  # fmt: skip
    fill, sized = table.fill, rows.sized
    spelled = (
        fill(one.message, entry, one.customer, sized(box.sealed), sized(box.outer_wrap), one.words)
        for one, box, entry in zip(own, sealed, entries, strict=True)
    )
    return table, spelled


def _entries(
    shared: Shared, own: list[Own], sealed: list[sealing.SealedRecord], entries: list[bytes], taken: batch.Batch
) -> unit.Alike:  # fmt: skip
    listed = [
        (entry, one.subject, one.message, one.customer, box.commitment, box.sealed_sha256, box.inner_sha256)
        for one, box, entry in zip(own, sealed, entries, strict=True)
    ]
    pk, subject, message, customer, commitment, digest, wrap = listed[0]
    like = unit.Draft(
        kind=shared.kind, actor=shared.actor, id=UUID(bytes=pk), subject=UUID(bytes=subject), message=UUID(bytes=message),
        customer=UUID(bytes=customer), run=shared.run, retention=shared.rule, gone_at=shared.gone_at,
        codes=dict(blob.codes_of(shared.files)),
        commitment=commitment.hex(), sealed_sha256=digest.hex(), wrap_sha256=wrap.hex(), batch_sha256=taken.sha256,
    )  # fmt: skip
    return unit.Alike(like, listed)
