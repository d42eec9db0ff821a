"""A new epoch: how the log goes on after it refused to sign (a restored backup, a fork). Irreversible, and an officer's act.

The entries stay one tree with one numbering: the new epoch signs them under another name and another key, and its first
leaf, `epoch.opened`, commits to the last checkpoint the keyring knows and names the gap. Whoever holds an old checkpoint
can show what was lost; nobody can say that nothing was.

Order: rows and leaf commit first, the keyring's checkpoint is swapped after. A row alone must not move the keyring
(whoever can write the database would have a fork signed), so what died in between is finished by an officer who begins
again, not by the clock.
"""

from dataclasses import dataclass
from datetime import datetime

from archive.flows import ledger, signing, tree
from archive.models import Checkpoint, Epoch
from archive.queries import outside, promise
from archive.queries import tree as stored
from portal.kernel import clock, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal


@dataclass(frozen=True, slots=True)
class Gap:
    """What the last promise covers and this database cannot show: entries `lost_from` to `lost_to`, both included (lost_to
    below lost_from: none). `trusted` is the largest published size whose root still holds."""

    trusted: int
    lost_from: int
    lost_to: int


@dataclass(frozen=True, slots=True)
class Begun:
    """The epoch in force now."""

    number: int
    origin: str
    first_index: int


def begin(*, actor: Actor, now: datetime, known: str = "") -> Begun:
    """Open a new epoch, or finish one that was opened half-way. Refuses while the log is whole. `known` is the newest
    checkpoint that somebody outside kept: where the keyring itself was restored, nobody else knows how far the log was."""
    actor.require("archive.open")
    _grow()
    held = promise.held()
    if held is None:
        raise _whole()
    epoch = tree.current_epoch()
    if held.epoch >= epoch.number:
        epoch = _open(actor, now, epoch, held, outside.read(known) if known.strip() else None)
    _swap(epoch, held)
    return Begun(epoch.number, epoch.origin, epoch.first_index)


def measure(epoch: Epoch, size: int, held: promise.Held) -> Gap:
    """What is missing in this tree of `size` entries against what was promised."""
    trusted = _trusted(epoch, size, held)
    lost_from = size if size < held.size else trusted
    return Gap(trusted, lost_from, held.size - 1)


def _grow() -> None:
    """The tree of what this database holds now; where its tiles no longer fit its entries, the entries count."""
    try:
        tree.grow()
    except Refusal as refusal:
        if refusal.code != "log_forked":
            raise
        tree.rebuild()


def _open(actor: Actor, now: datetime, epoch: Epoch, held: promise.Held, known: outside.Known | None) -> Epoch:
    number = held.epoch + 1
    origin = f"{epoch.origin.rpartition('/')[0]}/{_name(number)}"
    vkey = signing.make_key(number, origin).verifier.encode()
    with unit.work() as u:
        first = ledger.lock_head() + 1 + len(u.drafts)
        size = stored.size()
        _check_broken(epoch, size, held)
        opened = Epoch.objects.create(number=number, origin=origin, vkey=vkey, started_at=now, first_index=first)
        last = _last(held, known)
        u.entry(_leaf(actor, opened, last, measure(epoch, size, last)))
    return opened


def _name(number: int) -> str:
    """Where the keyring was restored, an epoch of that number may have been opened and lost since: never the same name."""
    mark = promise.restored()
    return f"{number}-{mark.backup.hex[-8:]}" if mark else str(number)


def _last(held: promise.Held, known: outside.Known | None) -> promise.Held:
    """The furthest that is known to have been promised: by the keyring, or by a checkpoint that was kept outside."""
    if known is None or (known.epoch, known.size) <= (held.epoch, held.size):
        return held
    return promise.Held(known.epoch, known.size, known.root, "")


def _leaf(actor: Actor, opened: Epoch, held: promise.Held, gap: Gap) -> unit.Draft:
    codes: dict[str, str | int | bool] = {
        "epoch": opened.number, "origin": opened.origin, "previous_epoch": held.epoch, "previous_size": held.size,
        "previous_root": held.root.hex(), "trusted_size": gap.trusted, "lost_from": gap.lost_from, "lost_to": gap.lost_to,
    }  # fmt: skip
    mark = promise.restored()
    if mark is not None:  # how far the log was is known at least up to `lost_to`, and not whether there was more
        codes |= {"restored": str(mark.backup), "as_of": clock.text(mark.as_of)}
    return unit.Draft("epoch.opened", actor.label, codes=codes)


def _swap(epoch: Epoch, held: promise.Held) -> None:
    """From here on the keyring promises the tree as it stood before `epoch.opened`, in the new epoch, with no note yet."""
    size = epoch.first_index
    if not signing.swap(held, promise.Held(epoch.number, size, stored.root_at(size), "")):
        raise Refusal("signed_elsewhere", "Somebody else opened the epoch at the same moment.", Kind.CONFLICT)


def _check_broken(epoch: Epoch, size: int, held: promise.Held) -> None:
    try:
        tree.compare(epoch, size, held)
    except Refusal:
        return
    raise _whole()


def _trusted(epoch: Epoch, size: int, held: promise.Held) -> int:
    if held.epoch == epoch.number and held.size <= size and stored.root_at(held.size) == held.root:
        return held.size
    for row in Checkpoint.objects.filter(size__lte=size).order_by("-size"):
        if stored.root_at(row.size) == bytes(row.root):
            return int(row.size)
    return 0


def _whole() -> Refusal:
    return Refusal(
        "log_is_whole", "The log agrees with its last checkpoint, so there is nothing to begin anew.", Kind.CONFLICT
    )
