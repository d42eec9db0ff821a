"""A Merkle tree stored as tiles: C2SP tlog-tiles, height 8.

    tile (L, N)   up to 256 hashes of 32 bytes: the subtrees N*256 .. N*256+255 at tree level 8*L
                  full: 8,192 bytes, never changes again; partial: the right edge, W < 256 hashes
    bundle N      the entries under tile (0, N), each with a big-endian uint16 length before it
    path          tile/<L>/<N>[.p/<W>], tile/entries/<N>[.p/<W>]; 1234067 is written x001/x234/067

Hashes between two tile levels are not stored: they are computed again from a tile's hashes. Appending touches the
right edge only: one partial tile a level is read, every changed tile is written whole.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archive.ledger import LedgerError, merkle

HEIGHT = 8
WIDTH = 1 << HEIGHT
ENTRIES = -1  # the level of an entry bundle, whose path says "entries" where a tile's has its level
MAX_LEVEL = 63
MAX_ENTRY = 0xFFFF
PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")

ReadTile = Callable[[int, int], bytes]
"""(level, n) -> the stored hashes of that tile, in order. It may hold more than the tree size in question needs."""


class TileError(LedgerError):
    """A tile, a bundle or a path is not what it should be."""


class Tile(NamedTuple):
    """Where a tile lies and how many hashes (or entries, at level ENTRIES) it holds."""

    level: int
    n: int
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class TileWrite:
    """A tile as it must be stored now, whole: replaces what stood at (level, n)."""

    level: int
    n: int
    hashes: bytes


def format_path(tile: Tile) -> str:
    """`tile/0/x001/x234/067.p/8`: the path of a tile or bundle below the log's prefix."""
    groups = [f"{tile.n % 1000:03d}"]
    rest = tile.n // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03d}")
        rest //= 1000
    level = "entries" if tile.level == ENTRIES else str(tile.level)
    partial = "" if tile.width == WIDTH else f".p/{tile.width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def parse_path(path: str) -> Tile:
    """The tile that a path names; TileError unless it is exactly what `format_path` writes."""
    match = PATH.fullmatch(path) if path.isascii() else None
    if not match:
        raise TileError("not the path of a tile")
    level = ENTRIES if match[1] == "entries" else int(match[1])
    tile = Tile(level, int(re.sub("[x/]", "", match[2])), int(match[3] or WIDTH))
    if level > MAX_LEVEL or tile.width > WIDTH or format_path(tile) != path:
        raise TileError("not the path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of a tree of `size` leaves, level by level, the partial one of a level last."""
    level, count = 0, size
    while count:
        full, rest = divmod(count, WIDTH)
        yield from (Tile(level, n) for n in range(full))
        if rest:
            yield Tile(level, full, rest)
        level, count = level + 1, full


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries in order as one bundle; TileError for one over 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise TileError("an entry is longer than 65,535 bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(bundle: bytes) -> list[bytes]:
    """The entries of a bundle, at most 256; TileError when it is cut short."""
    entries, at = [], 0
    while at < len(bundle):
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        if start > len(bundle) or at > len(bundle):
            raise TileError("an entry bundle is cut short")
        entries.append(bundle[start:at])
    if len(entries) > WIDTH:
        raise TileError("an entry bundle holds more than 256 entries")
    return entries


def integrate(read_tile: ReadTile, size: int, new_leaf_hashes: Sequence[bytes]) -> list[TileWrite]:
    """Append leaf hashes to a tree of `size` leaves: the tiles to write, level by level. Reads one tile a level.

    Hashes a stored tile holds beyond `size` are dropped: what was never signed does not bind.
    """
    writes: list[TileWrite] = []
    level, start, hashes = 0, size, list(new_leaf_hashes)
    while hashes:
        n, width = divmod(start, WIDTH)
        row = split_hashes(_read(read_tile, level, n, width)) + hashes if width else hashes
        hashes = []
        for at in range(0, len(row), WIDTH):
            tile = row[at : at + WIDTH]
            writes.append(TileWrite(level, n + at // WIDTH, b"".join(tile)))
            if len(tile) == WIDTH:
                hashes.append(merkle.root(tile))
        level, start = level + 1, n
    return writes


def root(read_tile: ReadTile, size: int) -> bytes:
    """The root of the first `size` leaves: 32 bytes."""
    return merkle.root_at(hashes_in(read_tile, size), size)


def inclusion_path(read_tile: ReadTile, index: int, size: int) -> list[bytes]:
    """As `merkle.inclusion_path`, reading at most two tiles a tile level."""
    return merkle.inclusion_path(hashes_in(read_tile, size), index, size)


def consistency_path(read_tile: ReadTile, m: int, n: int) -> list[bytes]:
    """As `merkle.consistency_path`, reading at most two tiles a tile level."""
    return merkle.consistency_path(hashes_in(read_tile, n), m, n)


def verify_tiles(read_tile: ReadTile, size: int, root: bytes) -> None:
    """Accept that the stored tiles are exactly the tree (`size`, `root`), every hash of every tile; else TileError."""
    above: dict[tuple[int, int], bytes] = {}
    for tile in tiles_of(size):
        data = bytes(read_tile(tile.level, tile.n))
        if len(data) != tile.width * merkle.HASH_SIZE:
            raise TileError(f"tile {tile.level}/{tile.n} does not hold {tile.width} hashes")
        hashes = split_hashes(data)
        for at, value in enumerate(hashes if tile.level else []):
            if above.pop((tile.level - 1, tile.n * WIDTH + at)) != value:
                raise TileError(f"tile {tile.level}/{tile.n} is not over the tiles below it")
        if tile.width == WIDTH:
            above[tile.level, tile.n] = merkle.root(hashes)
    if merkle.root_at(hashes_in(read_tile, size), size) != root:
        raise TileError("the tiles have another root")


def hashes_in(read_tile: ReadTile, size: int) -> merkle.HashAt:
    """A `HashAt` over the tiles of a tree of `size` leaves. Reads each tile once; TileError for one too short."""
    known: dict[tuple[int, int], list[bytes]] = {}

    def hash_at(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, HEIGHT)
        n, start = divmod(index << inner, WIDTH)
        if (tile_level, n) not in known:
            width = min(WIDTH, (size >> HEIGHT * tile_level) - n * WIDTH)
            known[tile_level, n] = split_hashes(_read(read_tile, tile_level, n, width))
        return merkle.root(known[tile_level, n][start : start + (1 << inner)])

    return hash_at


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile, 32 bytes each."""
    return [data[at : at + merkle.HASH_SIZE] for at in range(0, len(data), merkle.HASH_SIZE)]


def _read(read_tile: ReadTile, level: int, n: int, width: int) -> bytes:
    """The first `width` hashes of a stored tile."""
    needed = width * merkle.HASH_SIZE
    data = bytes(read_tile(level, n)[:needed])
    if len(data) != needed:
        raise TileError(f"tile {level}/{n} holds less than {width} hashes")
    return data
