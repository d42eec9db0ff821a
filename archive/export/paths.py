"""Inclusion paths for many leaves of one tree, in order, from stored tiles: neighbours share nearly all of their path.

A node at (level, i) is the hash over the leaves [i << level, (i + 1) << level), cut off at the tree's size; so the path of
a leaf is its sibling at each level, where there is one. `archive.ledger.tiles` finds one path with less work, and a
thousand with fifty times as much.
"""

import base64
from collections.abc import Callable, Iterator
from hashlib import sha256

from archive.export.leaves import PROOF_HEADER, HashTree

ReadTile = Callable[[int, int], bytes]
_WIDTH, _HEIGHT = 256, 8
_CACHED = 8192


class Paths:
    """`proof(index)` over a tree of `size` leaves. Remembers one tile a level and the edge: ask in order."""

    def __init__(self, read_tile: ReadTile, size: int, checkpoint: str) -> None:
        self._read, self._size, self._checkpoint = read_tile, size, checkpoint
        self._tiles: dict[int, tuple[int, HashTree]] = {}
        self._edge: dict[int, bytes] = {}
        self._texts: dict[tuple[int, int], str] = {}
        self._above: tuple[int, str] = (-1, "")
        self._height = max(size - 1, 0).bit_length()

    def proof(self, index: int) -> str:
        block = index >> _HEIGHT
        if self._above[0] != block:
            self._above = (block, "".join(self._path(index, _HEIGHT, self._height)))
        below = "".join(self._path(index, 0, min(_HEIGHT, self._height)))
        return f"{PROOF_HEADER}\nindex {index}\n{below}{self._above[1]}\n{self._checkpoint}"

    def root(self) -> bytes:
        return self._node(self._height, 0) if self._size else sha256(b"").digest()

    def _path(self, index: int, low: int, high: int) -> Iterator[str]:
        for level in range(low, high):
            sibling = index >> level ^ 1
            if sibling << level < self._size:
                yield self._text(level, sibling)

    def _text(self, level: int, at: int) -> str:
        found = self._texts.get((level, at))
        if found is None:
            if len(self._texts) > _CACHED:
                self._texts.clear()
            found = self._texts[level, at] = base64.b64encode(self._node(level, at)).decode() + "\n"
        return found

    def _node(self, level: int, at: int) -> bytes:
        if (at + 1) << level <= self._size:
            tile_level, inner = divmod(level, _HEIGHT)
            n, start = divmod(at << inner, _WIDTH)
            return self._tile(tile_level, n).levels[inner][32 * (start >> inner) :][:32]
        if level not in self._edge:
            left, right = self._node(level - 1, 2 * at), 2 * at + 1
            has_right = right << (level - 1) < self._size
            self._edge[level] = sha256(b"\x01" + left + self._node(level - 1, right)).digest() if has_right else left
        return self._edge[level]

    def _tile(self, level: int, n: int) -> HashTree:
        held = self._tiles.get(level)
        if held is None or held[0] != n:
            width = min(_WIDTH, (self._size >> _HEIGHT * level) - n * _WIDTH)
            held = self._tiles[level] = (n, HashTree(self._read(level, n)[: 32 * width]))
        return held[1]
