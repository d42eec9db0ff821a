"""Leaves, the tree over them, and the proof files that follow from it (RFC 6962 section 2.1, c2sp.org/tlog-proof).

The verifier has every leaf's hash, so it computes the whole tree, and with it each proof file anew: a proof is right if and
only if it is those bytes.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from archive.export.signed import NotVerified, parse_json

LEAF_FIELDS = frozenset({
    "actor", "batch_sha256", "class", "codes", "commitment", "count", "detail_commitment", "gone_at", "id", "ids_sha256",
    "kind", "message", "run", "sealed_sha256", "subject", "time", "v", "wrap_sha256",
})  # fmt: skip
LEAF_REQUIRED = frozenset({"actor", "id", "kind", "time", "v"})
LEAF_LIMIT = 4096
LEAF_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_spell = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_BLOCK = 8  # levels
_MASK = (1 << _BLOCK) - 1


def decode_leaf(raw: bytes, index: int) -> dict[str, Any]:
    """A leaf in its one canonical form (RFC 8785), version 1."""
    try:
        leaf = parse_json(raw)
        is_canonical = isinstance(leaf, dict) and len(raw) < LEAF_LIMIT and _spell(leaf).encode() == raw
    except (ValueError, RecursionError):
        raise NotVerified(f"The leaf of entry {index} is not JSON.") from None
    if not is_canonical or not LEAF_REQUIRED <= leaf.keys() <= LEAF_FIELDS:
        raise NotVerified(f"The leaf of entry {index} is not in the canonical form.")
    if type(leaf["v"]) is not int or leaf["v"] != 1:
        raise NotVerified(f"The leaf of entry {index} is of a version that this verifier does not know.")
    if not _is_time(leaf["time"]):
        raise NotVerified(f"The leaf of entry {index} has no time.")
    return leaf


def _is_time(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(LEAF_TIME.fullmatch(value) and datetime.fromisoformat(value))
    except ValueError:
        return False


def hash_leaf(raw: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + raw).digest()


class HashTree:
    """Levels of hashes, 32 bytes each, from leaf hashes in order. An odd last hash moves up as it is."""

    def __init__(self, leaf_hashes: bytes | bytearray) -> None:
        self.levels = [bytes(leaf_hashes)]
        while len(self.levels[-1]) > 32:
            self.levels.append(b"".join(_pair_up(self.levels[-1])))
        self._above: tuple[int, str] = (-1, "")
        self._texts: list[str] = []  # of the block's own hashes, level by level

    @property
    def size(self) -> int:
        return len(self.levels[0]) // 32

    @property
    def root(self) -> bytes:
        return self.levels[-1] or hashlib.sha256(b"").digest()

    def leaf_hash(self, index: int) -> bytes:
        return self.levels[0][32 * index : 32 * index + 32]

    def proof(self, index: int, checkpoint: str) -> str:
        """The proof file of a leaf (c2sp.org/tlog-proof@v1). Neighbours share most of their path: ask in order."""
        if self._above[0] != index >> _BLOCK:
            self._enter(index >> _BLOCK)
        return f"{PROOF_HEADER}\nindex {index}\n{self._below(index)}{self._above[1]}\n{checkpoint}"

    def _enter(self, block: int) -> None:
        """What all leaves of a block share, and the texts of what they do not."""
        self._above = (
            block,
            "".join(self._line(level, block << _BLOCK) for level in range(_BLOCK, len(self.levels) - 1)),
        )
        self._texts = [
            base64.b64encode(hashes[at : at + 32]).decode() + "\n"
            for level, hashes in enumerate(self.levels[:_BLOCK])
            for at in range((block << _BLOCK - level) * 32, (block + 1 << _BLOCK - level) * 32, 32)
        ]

    def _below(self, index: int) -> str:
        lines, start, at = "", 0, index & _MASK
        for level in range(min(_BLOCK, len(self.levels) - 1)):
            if (index >> level ^ 1) * 32 < len(self.levels[level]):
                lines += self._texts[start + (at >> level ^ 1)]
            start += 1 << _BLOCK - level
        return lines

    def _line(self, level: int, index: int) -> str:
        """The sibling of the node over a leaf at a level; "" for one that has none and moves up as it is."""
        at = 32 * (index >> level ^ 1)
        found = self.levels[level][at : at + 32]
        return base64.b64encode(found).decode() + "\n" if found else ""


def _pair_up(hashes: bytes) -> Iterator[bytes]:
    sha256: Callable[[bytes], Any] = hashlib.sha256
    whole = len(hashes) // 64 * 64
    for at in range(0, whole, 64):
        yield sha256(b"\x01" + hashes[at : at + 64]).digest()
    if whole < len(hashes):
        yield hashes[whole:]
