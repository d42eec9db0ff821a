"""The stored tree: how far it reaches and what its tiles hold."""

from archive.ledger import tiles
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
    """(index, exact bytes) of up to `count` entries from `start` on, in order."""
    rows = Entry.objects.filter(index__gte=start, index__lt=start + count).order_by("index")
    return [(index, bytes(leaf)) for index, leaf in rows.values_list("index", "leaf")]
