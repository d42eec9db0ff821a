"""The stored tree: how far it reaches and what its tiles hold."""

from archive.ledger import merkle, tiles
from archive.models import Entry, Tile


def size() -> int:
    """How many entries the tiles hold."""
    last = Tile.objects.filter(level=0).order_by("-n").values_list("n", "hashes").first()
    return last[0] * tiles.WIDTH + len(last[1]) // 32 if last else 0


def entry_count() -> int:
    """How many entries there are: indexes are dense."""
    last = Entry.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def read_tile(level: int, n: int) -> bytes:
    """As `tiles.ReadTile`; empty for a tile that is not there."""
    found = Tile.objects.filter(level=level, n=n).values_list("hashes", flat=True).first()
    return bytes(found) if found is not None else b""


def root_at(tree_size: int) -> bytes:
    """The root of the first `tree_size` entries. TileError where the tiles do not reach."""
    return tiles.root(read_tile, tree_size)


def leaves(start: int, count: int) -> list[tuple[int, bytes]]:
    """(index, exact bytes) of the next `count` entries from `start` on, in order; a gap shows in the indexes."""
    rows = Entry.objects.filter(index__gte=start).order_by("index")
    return [(index, bytes(leaf)) for index, leaf in rows.values_list("index", "leaf")[:count]]


def edge_holds(tree_size: int) -> bool:
    """Whether the last entry of the tree still is what its tile says: entries cut off behind the tiles' back show here."""
    if not tree_size:
        return True
    found = leaves(tree_size - 1, 1)
    n, at = divmod(tree_size - 1, tiles.WIDTH)
    stored = read_tile(0, n)[at * merkle.HASH_SIZE : (at + 1) * merkle.HASH_SIZE]
    return bool(found) and found[0][0] == tree_size - 1 and merkle.hash_leaf(found[0][1]) == stored
