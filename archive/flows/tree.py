"""Integration and signing: the clock's part of the ledger. What is signed here can never be unsigned.

1  grow      entries past the tiles, in order of index, become tiles; committed chunk by chunk. Tiles only repeat what the
             entries say: losing or redoing this step changes nothing.
2  compare   the keyring's last checkpoint must be a prefix of this tree. A database with fewer entries (`log_behind`, a
             restored backup) or another root at that size (`log_forked`) is refused: signing it would be the fork that
             a log exists to make impossible. A keyring that came from a backup itself (`log_restored`) knows no last checkpoint.
             Only an officer goes on, in a new epoch (`epoch.begin`).
3  promise   sign, and compare-and-swap the checkpoint into the keyring.
4  publish   the checkpoint's row, which every door reads. So nothing is published that the keyring does not know.

A crash after 1 or 2 signs at the next run, after 3 publishes the keyring's note at the next run. Two clocks: both hold
the epoch's row in turn, and of two swaps one fails. Why this order: docs/decisions/0002-checkpoint-order.md.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from archive.flows import signing
from archive.ledger import checkpoint, merkle, tiles
from archive.models import Checkpoint, Epoch, Tile
from archive.queries import promise, tree
from portal.kernel import tenancy, wake
from portal.kernel.errors import Kind, Refusal

CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Integrated:
    """The size that is published now, and whether this call signed it."""

    size: int
    is_new: bool


def integrate(*, now: datetime) -> Integrated:
    """Bring the tree up to the committed entries, sign and publish. Refuses rather than sign over a mismatch."""
    grow()
    with transaction.atomic():
        done = _promise(now)
    if done.is_new:
        wake.publish(tenancy.here().schema, "checkpoint")
    return done


def grow() -> int:
    """Tiles for every committed entry. The size of the tree after it."""
    while True:
        with transaction.atomic():
            _lock_epoch()
            size = tree.size()
            _check_edge(size)
            leaves = tree.leaves(size, CHUNK)
            if not leaves:
                return size
            _check_dense(size, leaves)
            hashes = [merkle.hash_leaf(leaf) for _, leaf in leaves]
            _store(tiles.integrate(tree.read_tile, size, hashes))
        if len(leaves) < CHUNK:
            return size + len(leaves)


def rebuild() -> int:
    """Tiles made anew from the entries alone, for an epoch that begins on a ledger whose entries were cut off or changed."""
    with transaction.atomic():
        _lock_epoch()
        Tile.objects.all().delete()
    return grow()


def compare(epoch: Epoch, size: int, held: promise.Held | None) -> None:
    """Raise unless the tree of `size` entries continues what the keyring promised and what this epoch published."""
    if held is None:
        return
    if held.epoch < epoch.number:
        raise signing.refuse(
            "log_unfinished",
            "A new epoch was begun and not finished. An officer must begin it again.",
            epoch=epoch.number,
        )
    if promise.restored() is not None:
        raise signing.refuse(
            "log_restored", "This archive was restored from a backup, and what was signed after that backup is not known "
            "here, so nothing more is signed. An officer must open a new epoch.", size=size, promised=held.size,
        )  # fmt: skip
    if held.epoch > epoch.number or size < held.size:
        raise signing.refuse(
            "log_behind", "This database is older than the last signed checkpoint, so nothing more is signed. "
            "If it was restored from a backup, an officer must open a new epoch.", size=size, promised=held.size,
        )  # fmt: skip
    if tree.root_at(held.size) != held.root:
        raise signing.refuse(
            "log_forked", "This database holds another history than the last signed checkpoint, so nothing more is signed. "
            "An officer must find out why, and open a new epoch.", size=size, promised=held.size,
        )  # fmt: skip


def current_epoch() -> Epoch:
    """The epoch in force."""
    return _found(Epoch.objects.order_by("-number").first())


def _promise(now: datetime) -> Integrated:
    epoch, held = _lock_epoch(), promise.held()
    size = tree.size()
    compare(epoch, size, held)
    _compare_published(epoch, size)
    if held is not None and held.size == size:
        return Integrated(size, bool(held.note) and _publish(held, now))
    new = _sign(epoch, size)
    if not signing.swap(held, new):
        raise Refusal("signed_elsewhere", "Another clock signed at the same moment.", Kind.CONFLICT)
    return Integrated(size, _publish(new, now))


def _compare_published(epoch: Epoch, size: int) -> None:
    """A keyring that was restored from an older backup must not lead to a second history either."""
    last = Checkpoint.objects.filter(epoch=epoch.number).order_by("-size").first()
    if last and (last.size > size or tree.root_at(last.size) != bytes(last.root)):
        raise signing.refuse(
            "log_forked", "The stored tree disagrees with a published checkpoint, so nothing more is signed.",
            size=size, promised=last.size,
        )  # fmt: skip


def _sign(epoch: Epoch, size: int) -> promise.Held:
    root = tree.root_at(size)
    stated = checkpoint.Checkpoint(epoch.origin, size, root)
    return promise.Held(epoch.number, size, root, checkpoint.sign(stated, promise.key(epoch.number, epoch.origin)))


def _publish(held: promise.Held, now: datetime) -> bool:
    values = {"root": held.root, "note": held.note, "signed_at": now}
    return Checkpoint.objects.get_or_create(epoch=held.epoch, size=held.size, defaults=values)[1]


def _store(writes: list[tiles.TileWrite]) -> None:
    Tile.objects.bulk_create(
        [Tile(level=write.level, n=write.n, hashes=write.hashes) for write in writes],
        update_conflicts=True, unique_fields=["level", "n"], update_fields=["hashes"], batch_size=500,
    )  # fmt: skip


def _check_edge(size: int) -> None:
    if not tree.edge_holds(size):
        raise signing.refuse(
            "log_forked", "The last entry of the tree was changed or is gone, so nothing more is signed. "
            "An officer must find out why, and open a new epoch.", size=size,
        )  # fmt: skip


def _check_dense(size: int, leaves: list[tuple[int, bytes]]) -> None:
    if leaves[0][0] != size or leaves[-1][0] != size + len(leaves) - 1:
        raise signing.refuse("log_gap", "Entries are missing from the ledger, so nothing more is signed.", size=size)


def _lock_epoch() -> Epoch:
    return _found(Epoch.objects.select_for_update().order_by("-number").first())


def _found(epoch: Epoch | None) -> Epoch:
    if epoch is None:
        raise Refusal("no_archive", "This business has no ledger yet.", Kind.UNAVAILABLE)
    return epoch
