"""What a verifier asks for: the newest checkpoint, the key, tiles, bundles of entries and proofs.

Everything here is answered for the newest *published* checkpoint, which the keyring knows before any door does.
"""

from django.db.models import OuterRef, Subquery

from archive.ledger import proof, tiles
from archive.models import Checkpoint, Epoch
from archive.queries import tree
from portal.kernel import errors
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

RETRY_AFTER = 2


def get_checkpoint_for(actor: Actor) -> str:
    """The newest signed note. `not_integrated` before the first."""
    actor.require("archive.list")
    return newest().note


def get_key_for(actor: Actor, epoch: int | None = None) -> str:
    """The verifier key (vkey) of an epoch, by default the one in force. Trust it only if it came another way once."""
    actor.require("archive.list")
    rows = Epoch.objects.order_by("-number")
    found = rows.filter(number=epoch).first() if epoch is not None else rows.first()
    if found is None:
        raise errors.not_found("epoch")
    return found.vkey


def get_proof_for(actor: Actor, index: int) -> str:
    """A `c2sp.org/tlog-proof@v1` file for an entry. Refuses `not_integrated` until a checkpoint covers it."""
    actor.require("archive.list")
    last = latest()
    if index < 0 or ((last is None or index >= last.size) and index >= tree.entry_count()):
        raise errors.not_found("entry")
    if last is None or index >= last.size:
        raise _not_yet()
    return lead_to(last, index)


def lead_to(last: Checkpoint, index: int) -> str:
    """The proof file of an entry that this checkpoint covers. For callers that have checked the actor."""
    try:
        path = tiles.inclusion_path(tree.read_tile, index, last.size)
    except tiles.TileError:
        raise Refusal(
            "log_damaged", "Parts of the stored tree are missing, so nothing can be proved. Tell who runs this installation.",
            Kind.UNAVAILABLE,
        ) from None  # fmt: skip
    return proof.encode(proof.Proof(index, tuple(path), last.note))


def get_tile_for(actor: Actor, path: str) -> bytes:
    """The bytes at a path of c2sp.org/tlog-tiles, hash tile or entry bundle, full or partial, within the checkpoint."""
    actor.require("archive.list")
    wanted = _parse(path)
    level = max(wanted.level, 0)
    whole = newest().size >> (tiles.HEIGHT * level)
    if wanted.n * tiles.WIDTH + wanted.width > whole:
        raise errors.not_found("tile")
    if wanted.level == tiles.ENTRIES:
        leaves = tree.leaves(wanted.n * tiles.WIDTH, wanted.width)
        return tiles.encode_bundle(leaf for _, leaf in leaves)
    return tree.read_tile(wanted.level, wanted.n)[: wanted.width * 32]


def newest() -> Checkpoint:
    """The newest published checkpoint."""
    found = latest()
    if found is None:
        raise _not_yet()
    return found


def published_size() -> int:
    """How many entries the newest checkpoint covers; 0 before the first."""
    found = Checkpoint.objects.order_by("-epoch", "-size").values_list("size", flat=True).first()
    return found or 0


def latest() -> Checkpoint | None:
    """The same, with the key of its epoch (`vkey`); None before the first."""
    key = Epoch.objects.filter(number=OuterRef("epoch")).values("vkey")
    return Checkpoint.objects.annotate(vkey=Subquery(key[:1])).order_by("-epoch", "-size").first()


def _parse(path: str) -> tiles.Tile:
    try:
        return tiles.parse_path(path)
    except tiles.TileError:
        raise errors.not_found("tile") from None


def _not_yet() -> Refusal:
    return Refusal(
        "not_integrated", "This entry is not in a signed checkpoint yet. Ask again in a moment.", Kind.CONFLICT,
        retry_after=RETRY_AFTER,
    )  # fmt: skip
