"""The writer of the ledger: gives a unit's entries their place, as the last thing before COMMIT.

Lock the head row, read the last index in the NEXT statement (a statement that waits for a lock keeps the snapshot from
before its wait), number densely, never go back in time, insert. Whoever holds the head commits before anyone else
reads it: order of index = order of time = order of commit, and a rollback leaves no gap (I5, I6). The head is never
updated: an updated row decays while old snapshots are open.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db import transaction

from archive.flows import batch, detail
from archive.ledger import LedgerError, entry, stencil
from archive.models import Entry
from portal.kernel import bulk, clock, ids, planned, rows, tenancy, unit, wake
from portal.kernel.errors import Kind, Refusal

LOCK = "SELECT id FROM archive_head WHERE id = 1 FOR UPDATE"
# The officers' key in force is read with the place: whoever sealed to an older one is refused (`batch.check`).
LAST = (
    'SELECT "index", "time", (SELECT id FROM archive_recipient WHERE kind = \'officers\' AND retired_at IS NULL)'
    ' FROM archive_entry ORDER BY "index" DESC LIMIT 1'
)
TABLE = "archive_entry"
COLUMNS = (
    "index", "id", "kind", "time", "actor", "subject_id", "customer_id", "message_id", "run_id", "leaf", "detail",
)  # fmt: skip
STENCIL_FROM = 24  # leaves of one shape; cutting a stencil costs as much as some leaves
HOLES = ("id", "subject", "message", "commitment", "sealed_sha256", "wrap_sha256")


def append(drafts: list[unit.Draft], alike: Sequence[unit.Alike] = ()) -> None:
    """Write the entries of one transaction, in order, and tell each draft its index and time. The caller's transaction."""
    details = detail.seal(drafts)
    batches = _batches(drafts, details) + [many.like.batch_sha256 for many in alike]
    batch.save(batches)
    index, time, officers = _take_place()
    batch.check(batches, officers)
    for many in alike:
        many.like.index, many.like.time = index + 1, time
        _write_alike(many, index, time)
        index += len(many.rows)
    written = []
    for draft, sealed, leaf in zip(drafts, details, _leaves(drafts, details, entry.format_time(time)), strict=True):
        index += 1
        draft.index, draft.time = index, time
        written.append(_row(draft, sealed, leaf))
    bulk.insert(TABLE, COLUMNS, written)
    _announce()


def _write_alike(many: unit.Alike, index: int, time: datetime) -> None:
    """A chunk's entries, leaf by leaf into the table: what they share was checked once, when their stencil was cut."""
    like = many.like
    leaves = _cut(like, entry.format_time(time))
    table = rows.cut(Entry, {
        "index": rows.HOLE, "id": rows.HOLE, "kind": like.kind, "time": time, "actor": like.actor, "subject_id": rows.HOLE,
        "customer_id": rows.HOLE, "message_id": rows.HOLE, "run_id": like.run, "leaf": rows.HOLE,
    })  # fmt: skip
    rows.copy(table, _alike(many, leaves, table, index))


def _alike(many: unit.Alike, leaves: stencil.Stencil, table: rows.Stencil, index: int) -> Iterator[bytes]:
    text, fill, put, big, sized = ids.text_of, leaves.fill, table.fill, rows.big, rows.sized
    for pk, subject, message, customer, commitment, sealed, wrap in many.rows:
        index += 1
        leaf = fill(text(pk), text(subject), text(message), commitment.hex(), sealed.hex(), wrap.hex())
        yield put(big(index), pk, subject, customer, message, sized(leaf))


def _batches(drafts: Sequence[unit.Draft], details: Sequence[detail.Sealed | None]) -> list[str]:
    named = [draft.batch_sha256 for draft in drafts if draft.batch_sha256]
    return named + [sealed.batch_sha256 for sealed in details if sealed]


def lock_head() -> int:
    """Hold the ledger until COMMIT: the last index, -1 for none. For a flow that must know its place before it writes."""
    return _take_place()[0]


def _take_place() -> tuple[int, datetime, UUID | None]:
    """(last index, this transaction's time, the officers' key in force) with the head locked until COMMIT."""
    if not planned.fetch(LOCK, []):
        raise Refusal("no_archive", "The archive is not there, so nothing can be written.", Kind.UNAVAILABLE)
    found = planned.fetch(LAST, [])
    now = clock.now()
    return (found[0][0], max(now, found[0][1]), found[0][2]) if found else (-1, now, None)


def _row(draft: unit.Draft, sealed: detail.Sealed | None, leaf: bytes) -> tuple[object, ...]:
    return (
        draft.index, draft.id, draft.kind, draft.time, draft.actor, draft.subject, draft.customer, draft.message, draft.run,
        leaf, sealed.box if sealed else None,
    )  # fmt: skip


def _leaves(drafts: Sequence[unit.Draft], details: Sequence[detail.Sealed | None], stamp: str) -> Iterator[bytes]:
    """The leaves in order; those of a shape that many share through a stencil: the same bytes, a third of the time."""
    shapes = [_shape(draft) for draft in drafts] if len(drafts) >= STENCIL_FROM else [None] * len(drafts)
    many = {shape for shape, count in Counter(shapes).items() if count >= STENCIL_FROM} - {None}
    stencils: dict[Hashable, stencil.Stencil] = {}
    for draft, sealed, shape in zip(drafts, details, shapes, strict=True):
        if shape not in many:
            yield encode(draft, stamp, sealed.commitment if sealed else None)
        else:
            if shape not in stencils:
                stencils[shape] = _cut(draft, stamp)
            yield _fill(stencils[shape], draft)


def _shape(draft: unit.Draft) -> Hashable:
    """What leaves have in common that differ in `HOLES` only; None for one that has other parts, or lacks one of those."""
    if not (draft.commitment and draft.subject and draft.message) or draft.codes or draft.detail or draft.ids_sha256:
        return None
    return draft.kind, draft.actor, draft.run, draft.retention, draft.gone_at, draft.batch_sha256, draft.count


def _cut(draft: unit.Draft, stamp: str) -> stencil.Stencil:
    try:
        return stencil.cut(_leaf(draft, stamp, None), *HOLES)
    except LedgerError as error:
        raise _refused(draft, error) from error


def _fill(shared: stencil.Stencil, draft: unit.Draft) -> bytes:
    try:
        return shared.fill(
            str(draft.id), str(draft.subject), str(draft.message),
            draft.commitment, draft.sealed_sha256, draft.wrap_sha256,
        )  # fmt: skip
    except LedgerError as error:
        raise _refused(draft, error) from error


def encode(draft: unit.Draft, stamp: str, detail_commitment: str | None) -> bytes:
    """The exact bytes of a draft's leaf. A flow that hands in words instead of codes is refused here."""
    try:
        return entry.encode(_leaf(draft, stamp, detail_commitment))
    except LedgerError as error:
        raise _refused(draft, error) from error


def _refused(draft: unit.Draft, error: LedgerError) -> Refusal:
    return Refusal("entry_invalid", f"This cannot be written to the archive: {error}.", entry=draft.kind)


def _leaf(draft: unit.Draft, stamp: str, detail_commitment: str | None) -> entry.Leaf:
    return entry.Leaf(
        id=str(draft.id), kind=draft.kind, time=stamp, actor=draft.actor,
        subject=_text(draft.subject), message=_text(draft.message), run=_text(draft.run),
        retention=draft.retention or None, gone_at=_stamp(draft.gone_at) if draft.gone_at else None,
        codes=draft.codes or None, commitment=draft.commitment or None, sealed_sha256=draft.sealed_sha256 or None,
        wrap_sha256=draft.wrap_sha256 or None, batch_sha256=draft.batch_sha256 or None,
        detail_commitment=detail_commitment, count=draft.count, ids_sha256=draft.ids_sha256 or None,
    )  # fmt: skip


@lru_cache(maxsize=64)
def _stamp(at: datetime) -> str:
    """A campaign's messages share their end."""
    return entry.format_time(at)


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None


def _announce() -> None:
    schema = tenancy.here().schema
    transaction.on_commit(lambda: wake.publish(schema, "entries"))
