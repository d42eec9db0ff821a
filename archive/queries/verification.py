"""Verifying a whole archive from its rows, the way an outsider would: nothing stored is believed that can be computed.

leaves      dense, canonical, never back in time, columns as the leaf says
tree        every tile recomputed from the leaves; every checkpoint of the epoch in force a prefix of it, well signed
keyring     the last promise is a prefix of this tree
records     hashes of every sealed record match its leaf; every sent or received message has a record or was disposed of,
            and the reverse
files       each sealed file has its digest, and the files of each record are those that its leaf commits to
disposed    the tombstones of each entry `archive.disposed` are as many as its leaf says and hash to what it says
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

from archive.ledger import LedgerError, checkpoint, entry, merkle, tiles
from archive.models import Batch, Blob, Checkpoint, Disposed, Entry, Epoch, Record, Tile
from archive.queries import promise, sealed, tree
from portal.kernel import errors as kernel_errors

CHUNK = 2000
WITH_RECORD = frozenset({"message.sent", "message.received"})
MOST_FAULTS = 100
NOTHING = bytes(32)

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Report:
    """What was looked at and what does not hold: `faults` are (code, where), the first hundred of `fault_count`."""

    entries: int = 0
    records: int = 0
    disposed: int = 0
    checkpoints: int = 0
    tree_size: int = 0
    root: str = ""
    fault_count: int = 0
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.fault_count

    def fault(self, code: str, where: object) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append((code, str(where)))

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "is_whole": self.is_whole}


def quiet(what: str, done: int, of: int) -> None:
    """The default listener."""


def verify(progress: Progress = quiet) -> Report:
    """Everything of the business at hand. Reads all of it, changes nothing."""
    report = Report()
    hashes, stated, disposals = _leaves(report, progress)
    _tiles(report, hashes, progress)
    _checkpoints(report, hashes)
    _keyring(report, hashes)
    _records(report, stated, _disposed(report, disposals), progress)
    return report


def _leaves(
    report: Report, progress: Progress
) -> tuple[list[bytes], dict[UUID, entry.Leaf], dict[UUID, entry.Leaf]]:  # fmt: skip
    """Leaf hashes in order, the leaves that must have a record, and those that say which are gone."""
    hashes: list[bytes] = []
    stated: dict[UUID, entry.Leaf] = {}
    disposals: dict[UUID, entry.Leaf] = {}
    total, last = tree.entry_count(), ""
    for row in _entries():
        while len(hashes) < row.index:
            report.fault("entry_missing", len(hashes))
            hashes.append(NOTHING)
        leaf = _leaf(report, row)
        hashes.append(merkle.hash_leaf(bytes(row.leaf)))
        if leaf is not None:
            if leaf.time < last:
                report.fault("time_runs_back", row.index)
            last = leaf.time
            if leaf.kind in WITH_RECORD:
                stated[row.id] = leaf
            elif leaf.kind == "archive.disposed":
                disposals[row.id] = leaf
        if not len(hashes) % CHUNK:
            progress("entries", len(hashes), total)
    report.entries = len(hashes)
    return hashes, stated, disposals


def _entries() -> Iterator[Entry]:
    """By ranges of the key, not one long cursor: memory stays flat and no snapshot stays open."""
    start = 0
    while rows := list(Entry.objects.filter(index__gte=start).order_by("index")[:CHUNK]):
        yield from rows
        start = rows[-1].index + 1


def _leaf(report: Report, row: Entry) -> entry.Leaf | None:
    try:
        leaf = entry.decode(bytes(row.leaf))
    except LedgerError:
        report.fault("leaf_invalid", row.index)
        return None
    # Erasure cuts `customer_id`, which no leaf holds; every other column repeats its leaf.
    columns = (
        str(row.id),
        row.kind,
        entry.format_time(row.time),
        row.actor,
        row.subject_id,
        row.message_id,
        row.run_id,
    )
    said = (leaf.id, leaf.kind, leaf.time, leaf.actor, leaf.subject, leaf.message, leaf.run)
    if tuple(map(_text, columns)) != said or (row.detail is None) != (leaf.detail_commitment is None):
        report.fault("columns_differ", row.index)
    return leaf


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _tiles(report: Report, hashes: list[bytes], progress: Progress) -> None:
    size = report.tree_size = tree.size()
    if size > len(hashes):
        report.fault("tree_beyond_entries", size)
        return
    computed = {(one.level, one.n): one.hashes for one in tiles.integrate(_no_tile, 0, hashes[:size])}
    stored = 0
    for level, n, data in Tile.objects.order_by("level", "n").values_list("level", "n", "hashes").iterator(500):
        stored += 1
        if computed.get((level, n)) != bytes(data):
            report.fault("tile_differs", f"{level}/{n}")
    if stored < len(computed):
        report.fault("tile_missing", len(computed) - stored)
    report.root = merkle.root(hashes[:size]).hex()
    progress("tiles", stored, len(computed))


def _no_tile(level: int, n: int) -> bytes:
    return b""


def _checkpoints(report: Report, hashes: list[bytes]) -> None:
    """Older epochs may have promised what a restore lost: `epoch.opened` says so, so only signatures are checked there."""
    epochs = {epoch.number: epoch for epoch in Epoch.objects.all()}
    prefix = _prefixes(hashes)
    for row in Checkpoint.objects.order_by("size").iterator(500):
        report.checkpoints += 1
        epoch = epochs.get(row.epoch)
        stated = _signed(epoch, row.note) if epoch else None
        if stated is None or (stated.size, stated.root) != (row.size, bytes(row.root)):
            report.fault("checkpoint_invalid", f"{row.epoch}/{row.size}")
        elif row.epoch == max(epochs) and (row.size > len(hashes) or prefix(row.size) != stated.root):
            report.fault("checkpoint_differs", f"{row.epoch}/{row.size}")


def _prefixes(hashes: list[bytes]) -> Callable[[int], bytes]:
    """Roots of prefixes over tiles in memory, so that many checkpoints of a long log stay cheap."""
    made = {(one.level, one.n): one.hashes for one in tiles.integrate(_no_tile, 0, hashes)}
    return lambda size: tiles.root(lambda level, n: made.get((level, n), b""), size)


def _signed(epoch: Epoch, note: str) -> checkpoint.Checkpoint | None:
    try:
        return checkpoint.open_(note, promise.key(epoch.number, epoch.origin).verifier)
    except LedgerError:
        return None


def _keyring(report: Report, hashes: list[bytes]) -> None:
    held, newest = promise.held(), Epoch.objects.order_by("-number").first()
    if held is None or newest is None:
        return
    if held.epoch != newest.number:
        report.fault("epoch_differs", f"{newest.number}, keyring {held.epoch}")
    elif held.size > len(hashes):
        report.fault("log_behind", f"{len(hashes)}, keyring {held.size}")
    elif merkle.root(hashes[: held.size]) != held.root:
        report.fault("log_forked", held.size)


def _disposed(report: Report, disposals: dict[UUID, entry.Leaf]) -> set[str]:
    """The messages whose records were disposed of, as leaves prove it: a tombstone alone proves nothing."""
    found: dict[UUID, list[UUID]] = {}
    for message_id, entry_id in Disposed.objects.values_list("message_id", "entry_id").iterator(CHUNK):
        found.setdefault(entry_id, []).append(message_id)
    proved: set[str] = set()
    for entry_id in found.keys() | disposals.keys():
        leaf, ids = disposals.get(entry_id), found.get(entry_id, [])
        if leaf is None or (leaf.count, leaf.ids_sha256) != entry.digest_ids(ids):
            report.fault("disposal_differs", entry_id)
        else:
            report.disposed += len(ids)
            proved.update(map(str, ids))
    return proved


def _records(report: Report, stated: dict[UUID, entry.Leaf], disposed: set[str], progress: Progress) -> None:
    files = _files(report)
    batches = {batch_id: sha256(bytes(envelope)).hexdigest() for batch_id, envelope in _envelopes()}
    total = len(stated)
    for row in Record.objects.order_by("message_id").iterator(500):
        report.records += 1
        leaf = stated.pop(row.entry_id, None)
        if leaf is None:
            report.fault("record_without_entry", row.message_id)
        else:
            _record(report, row, leaf, batches.get(row.batch_id), files)
        if not report.records % CHUNK:
            progress("records", report.records, total)
    for leaf in stated.values():
        if leaf.message not in disposed:
            report.fault("entry_without_record", leaf.message)


def _envelopes() -> Iterator[tuple[UUID, bytes]]:
    return Batch.objects.values_list("id", "envelope").iterator(500)


def _files(report: Report) -> dict[UUID, bytes]:
    """The digest of every file, as it is and not as its row says."""
    found: dict[UUID, bytes] = {}
    for row in Blob.objects.order_by("id").iterator(5):
        found[row.id] = sha256(bytes(row.sealed)).digest()
        if found[row.id] != bytes(row.sha256):
            report.fault("file_differs", row.id)
    return found


def _record(
    report: Report, row: Record, leaf: entry.Leaf, batch_sha256: str | None, files: dict[UUID, bytes]
) -> None:  # fmt: skip
    if leaf.message != str(row.message_id) or leaf.kind != row.kind:
        report.fault("record_of_another", row.message_id)
    if row.mirrored_at is not None:
        return  # its sealed copy is at a mirror, which verifies it itself
    if sha256(bytes(row.sealed)).hexdigest() != leaf.sealed_sha256:
        report.fault("sealed_differs", row.message_id)
    if not sealed.states_files(leaf.codes, {pk: files.get(pk, NOTHING) for pk in row.blobs or ()}):
        report.fault("files_differ", row.message_id)
    if batch_sha256 != leaf.batch_sha256:
        report.fault("envelope_differs", row.message_id)
    try:
        if sha256(sealed.peel(row)).hexdigest() != leaf.wrap_sha256:
            report.fault("wrap_differs", row.message_id)
    except kernel_errors.Refusal as refusal:
        report.fault(refusal.code, row.message_id)
