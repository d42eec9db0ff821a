"""What the tests of the ledger share: a store of tiles in memory, leaves, a small log with its key, and random damage."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from archive.ledger import checkpoint, entry, merkle, note, proof, tiles

ORIGIN = "ebb.example/log/7c0f/1"
KEY = note.SigningKey(ORIGIN, bytes(range(32)))
VKEY = KEY.verifier.encode()

# The eight leaves of the Certificate Transparency test tree.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]


class TileStore:
    """Tiles in a dict, and which of them were read."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.reads: list[tuple[int, int]] = []

    def read(self, level: int, n: int) -> bytes:
        self.reads.append((level, n))
        return self.tiles.get((level, n), b"")

    def append(self, size: int, leaf_hashes: Sequence[bytes]) -> int:
        """Integrate and store; the new size."""
        for write in tiles.integrate(self.read, size, leaf_hashes):
            self.tiles[write.level, write.n] = write.hashes
        return size + len(leaf_hashes)


def number_hashes(count: int) -> list[bytes]:
    """`count` distinct leaf hashes."""
    return [merkle.hash_leaf(number.to_bytes(8, "big")) for number in range(count)]


def make_leaf(number: int, **changes: object) -> entry.Leaf:
    """The `number`th leaf of a believable log."""
    digest = merkle.hash_leaf(number.to_bytes(8, "big")).hex()
    values: dict[str, object] = {
        "id": str(UUID(int=number + 1)),
        "kind": "message.sent",
        "time": f"2026-03-01T10:{number // 60 % 60:02d}:{number % 60:02d}.000000Z",
        "actor": f"staff:{UUID(int=9)}",
        "subject": str(UUID(int=number + 1000)),
        "message": str(UUID(int=number + 2000)),
        "retention": "default",
        "gone_at": "2026-03-02T10:00:00.000000Z",
        "codes": {"category": "visit", "parts": 1, "tap": True},
        "commitment": digest,
        "sealed_sha256": digest,
        "wrap_sha256": digest,
        "batch_sha256": digest,
    }
    return entry.Leaf(**(values | changes))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Log:
    """Leaves, their tiles, and the signed checkpoint over them."""

    leaves: list[bytes]
    store: TileStore
    checkpoint: str

    def prove(self, index: int) -> str:
        path = tiles.inclusion_path(self.store.read, index, len(self.leaves))
        return proof.encode(proof.Proof(index, tuple(path), self.checkpoint))


def make_log(size: int) -> Log:
    """A log of `size` leaves, signed by KEY."""
    leaves = [entry.encode(make_leaf(number)) for number in range(size)]
    store = TileStore()
    store.append(0, [merkle.hash_leaf(leaf) for leaf in leaves])
    return Log(leaves, store, sign_tree(size, tiles.root(store.read, size)))


def sign_tree(size: int, root: bytes, key: note.SigningKey = KEY) -> str:
    return checkpoint.sign(checkpoint.Checkpoint(key.name, size, root), key)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """`data` with one random damage; never equal to it."""
    while True:
        damaged = rng.choice(DAMAGES)(data, rng)
        if damaged != data:
            return damaged


def flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice([rng.randbytes(1), b"\n", b" ", b"0", b"="]) + data[at:]


def delete(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 1, 1, 32]) :]


def swap(data: bytes, rng: random.Random) -> bytes:
    a, b = sorted(rng.sample(range(len(data)), 2))
    return data[:a] + data[b : b + 1] + data[a + 1 : b] + data[a : a + 1] + data[b + 1 :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, insert, delete, swap, truncate)
