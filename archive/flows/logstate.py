"""How the log stands, for a person: does it sign, and if not, why, what is lost, and what opening a new epoch would do.
Looks only: nothing is written, and the tiles are taken as the clock left them."""

from dataclasses import dataclass
from datetime import datetime

from archive.flows import epoch as epochs
from archive.flows import tree
from archive.ledger import tiles
from archive.models import Epoch
from archive.queries import promise
from archive.queries import tree as stored
from archive.queries.summary import Summary
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal


@dataclass(frozen=True, slots=True)
class Broken:
    """Why it refuses (`code`). `lost_from` to `lost_to` both included, None where nothing that was promised is missing; what
    came after a restored keyring's last promise nobody here knows (`is_open`: there may be more)."""

    code: str
    why: str
    lost_from: int | None
    lost_to: int | None
    is_open: bool
    as_of: datetime | None


def look(actor: Actor) -> Broken | None:
    """None while the log signs."""
    actor.require("archive.list")
    held = promise.held()
    if held is None:
        return None
    epoch, size = tree.current_epoch(), stored.size()
    if size < held.size <= stored.entry_count() and stored.edge_holds(size):
        return None  # the tiles are only behind: the clock integrates them in a moment
    try:
        if not stored.edge_holds(size):
            raise Refusal("log_forked", "The last signed entry was changed or is gone, so nothing more is signed.")
        tree.compare(epoch, size, held)
    except Refusal as refusal:
        return _told(refusal, epoch, size, held)
    except tiles.TileError:
        return Broken("log_damaged", "Parts of the stored tree are missing.", None, None, is_open=False, as_of=None)
    return None


def seems_broken(seen: Summary) -> bool:
    """For a banner: the same question of what was seen at a glance and of the keyring; a fork within the tree it misses."""
    held = promise.held()
    if held is None:
        return False
    return seen.size < held.size or held.epoch != seen.epoch or promise.restored() is not None


def _told(refusal: Refusal, epoch: Epoch, size: int, held: promise.Held) -> Broken:
    mark = promise.restored()
    gap = epochs.measure(epoch, size, held)
    lost = gap.lost_from <= gap.lost_to
    return Broken(
        refusal.code, refusal.message, gap.lost_from if lost else None, gap.lost_to if lost else None,
        is_open=mark is not None, as_of=mark.as_of if mark else None,
    )  # fmt: skip
