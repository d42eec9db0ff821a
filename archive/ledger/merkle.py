"""Merkle tree hashing and proofs: RFC 6962 §2.1, the same as RFC 9162 §2.1, with SHA-256.

    leaf hash   SHA-256(0x00 || entry)
    node hash   SHA-256(0x01 || left || right)
    empty tree  SHA-256("")

A tree of n > 1 leaves splits at k, the largest power of two smaller than n. Every hash is 32 bytes. The two prefixes
are what keeps an inner node from passing as an entry.

Proofs are built over a `HashAt`: a function that gives the hash of the complete subtree number `index` at `level`,
that is, of the leaves [index << level, (index + 1) << level). They are verified with nothing but the values handed in.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from hmac import compare_digest

from archive.ledger import LedgerError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"

HashAt = Callable[[int, int], bytes]


class ProofError(LedgerError):
    """A proof does not show what it is said to show."""


def hash_leaf(entry: bytes) -> bytes:
    """The leaf hash of an entry: 32 bytes."""
    return sha256(LEAF_PREFIX + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children: 32 bytes."""
    return sha256(NODE_PREFIX + left + right).digest()


def pair_up(hashes: Sequence[bytes]) -> list[bytes]:
    """The next level above `hashes`; an odd last one moves up as it is. The hot loop of integration."""
    pairs = iter(hashes)
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(hashes) % 2:
        above.append(hashes[-1])
    return above


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes in order (RFC 9162 §2.1.1). Moving an odd one up is the same as splitting."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = pair_up(level)
    return level[0]


def over_leaves(leaf_hashes: Sequence[bytes]) -> HashAt:
    """A `HashAt` over leaf hashes held in memory: for tests and small trees."""
    return lambda level, index: root(leaf_hashes[index << level : (index + 1) << level])


def root_at(hash_at: HashAt, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _hash_range(hash_at, 0, size) if size else EMPTY_ROOT


def inclusion_path(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            path.append(_hash_range(hash_at, middle, high))
            high = middle
        else:
            path.append(_hash_range(hash_at, low, middle))
            low = middle
    return path[::-1]


def consistency_path(hash_at: HashAt, m: int, n: int) -> list[bytes]:
    """The proof that the tree of `m` leaves is a prefix of that of `n` (RFC 9162 §2.1.4.1). Empty for m = 0 and n."""
    if not 0 <= m <= n:
        raise ProofError(f"a tree of {m} is no prefix of a tree of {n}")
    path: list[bytes] = []
    low, high = 0, n
    while m not in (0, high):
        middle = low + split(high - low)
        if m <= middle:
            path.append(_hash_range(hash_at, middle, high))
            high = middle
        else:
            path.append(_hash_range(hash_at, low, middle))
            low = middle
    if low:  # the old tree ends in a subtree that its root alone does not show
        path.append(_hash_range(hash_at, low, high))
    return path[::-1]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, path: Sequence[bytes], root: bytes) -> None:
    """Accept that `leaf_hash` is leaf `index` of the tree (`size`, `root`), or raise ProofError (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    _check_sizes(leaf_hash, root, *path)
    fn, sn, computed = index, size - 1, leaf_hash
    for sibling in path:
        if sn == 0:
            raise ProofError("the inclusion path is too long")
        if fn & 1 or fn == sn:
            computed = hash_node(sibling, computed)
            fn, sn = _climb(fn, sn)
        else:
            computed = hash_node(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the inclusion path is too short")
    _check_equal(computed, root, "the inclusion path leads to another root")


def verify_consistency(m: int, n: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Accept that the tree (`m`, `old_root`) is a prefix of (`n`, `new_root`), or raise ProofError (RFC 9162 §2.1.4.2).

    m = 0 takes an empty path and the empty root, as C2SP tlog-witness has it.
    """
    if not 0 <= m <= n:
        raise ProofError(f"a tree of {m} is no prefix of a tree of {n}")
    _check_sizes(old_root, new_root, *path)
    if m in (0, n):
        _verify_trivial(m, n, old_root, new_root, path)
    else:
        _verify_growth(m, n, old_root, new_root, path)


def split(size: int) -> int:
    """The largest power of two smaller than `size` (> 1): where a tree divides."""
    return 1 << (size - 1).bit_length() - 1


def _hash_range(hash_at: HashAt, low: int, high: int) -> bytes:
    """The hash of leaves [low, high), where low is a multiple of the largest power of two that fits."""
    parts = []
    while low < high:
        level = (high - low).bit_length() - 1
        parts.append(hash_at(level, low >> level))
        low += 1 << level
    computed = parts.pop()
    while parts:
        computed = hash_node(parts.pop(), computed)
    return computed


def _verify_trivial(m: int, n: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if path:
        raise ProofError("the consistency path should be empty")
    if m == 0:
        _check_equal(old_root, EMPTY_ROOT, "an empty tree has another root")
    if m == n:
        _check_equal(old_root, new_root, "two roots for one size")


def _verify_growth(m: int, n: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    if not path:
        raise ProofError("the consistency path is empty")
    steps = list(path) if m & (m - 1) else [old_root, *path]
    fn, sn = _strip(m - 1, n - 1)
    old = new = steps[0]
    for step in steps[1:]:
        if sn == 0:
            raise ProofError("the consistency path is too long")
        if fn & 1 or fn == sn:
            old, new = hash_node(step, old), hash_node(step, new)
            fn, sn = _climb(fn, sn)
        else:
            new = hash_node(new, step)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ProofError("the consistency path is too short")
    _check_equal(old, old_root, "the consistency path leads to another old root")
    _check_equal(new, new_root, "the consistency path leads to another new root")


def _climb(fn: int, sn: int) -> tuple[int, int]:
    """Skip the levels at which a right-edge node has no sibling."""
    while not (fn & 1 or fn == 0):
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _strip(fn: int, sn: int) -> tuple[int, int]:
    """Skip the levels that lie wholly inside the old tree."""
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return fn, sn


def _check_sizes(*hashes: bytes) -> None:
    if any(len(value) != HASH_SIZE for value in hashes):
        raise ProofError("a hash is not 32 bytes long")


def _check_equal(computed: bytes, expected: bytes, complaint: str) -> None:
    if not compare_digest(computed, expected):
        raise ProofError(complaint)
