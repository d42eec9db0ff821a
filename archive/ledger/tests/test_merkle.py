"""T6: hashing and both proofs, against the values of RFC 6962 test trees and every small tree there is."""

import pytest

from archive.ledger import merkle
from archive.ledger.tests import cases

ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
SMALL = 41
HASHES = cases.number_hashes(SMALL)


def derive_root(hashes):
    """RFC 6962 §2.1 word for word, as slow as it stands there."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return merkle.hash_node(derive_root(hashes[:k]), derive_root(hashes[k:]))


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_the_ct_test_tree(size):
    assert merkle.root(map(merkle.hash_leaf, cases.CT_LEAVES[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(SMALL))
def test_roots_are_those_of_the_definition(size):
    expected = derive_root(HASHES[:size])
    assert merkle.root(HASHES[:size]) == expected
    assert merkle.root_at(merkle.over_leaves(HASHES[:size]), size) == expected


def test_leaves_and_nodes_are_kept_apart():
    left, right = HASHES[:2]
    assert merkle.hash_leaf(left + right) != merkle.hash_node(left, right)


def inclusions():
    for size in range(1, SMALL):
        hash_at, root = merkle.over_leaves(HASHES[:size]), merkle.root(HASHES[:size])
        for index in range(size):
            yield index, size, HASHES[index], merkle.inclusion_path(hash_at, index, size), root


def consistencies():
    for n in range(SMALL):
        hash_at, new_root = merkle.over_leaves(HASHES[:n]), merkle.root(HASHES[:n])
        for m in range(n + 1):
            yield m, n, merkle.root(HASHES[:m]), new_root, merkle.consistency_path(hash_at, m, n)


def refuse(verify, *claim):
    with pytest.raises(merkle.ProofError):
        verify(*claim)


def flipped(value, bit):
    return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(32, "big")


def damaged_paths(path, stranger):
    """The classes of transparency-dev/merkle: truncated, trailing garbage, leading garbage, swapped, bit flips."""
    yield [*path, stranger]
    yield [stranger, *path]
    yield [*path, b""]
    if path:
        yield path[:-1]
        yield path[1:]
        yield []
        yield [path[0][:-1], *path[1:]]
        yield [*path, path[-1]]
    if len(path) > 1:
        yield path[::-1]
    for at, step in enumerate(path):
        for bit in (0, 127, 255):
            yield [*path[:at], flipped(step, bit), *path[at + 1 :]]


def test_every_inclusion_in_every_small_tree_holds():
    for index, size, leaf_hash, path, root in inclusions():
        merkle.verify_inclusion(index, size, leaf_hash, path, root)


def test_every_consistency_of_every_small_tree_holds():
    for claim in consistencies():
        merkle.verify_consistency(*claim)


def test_no_damaged_inclusion_holds():
    for index, size, leaf_hash, path, root in inclusions():
        for damaged in damaged_paths(path, root):
            refuse(merkle.verify_inclusion, index, size, leaf_hash, damaged, root)
        refuse(merkle.verify_inclusion, index, size, root if size > 1 else HASHES[1], path, root)
        refuse(merkle.verify_inclusion, index, size, flipped(leaf_hash, 3), path, root)
        refuse(merkle.verify_inclusion, index, size, leaf_hash, path, flipped(root, 3))
        refuse(merkle.verify_inclusion, index, size, leaf_hash, path, root[:31])
        refuse(merkle.verify_inclusion, index, size, leaf_hash, path, b"")


def test_no_inclusion_holds_at_another_index():
    """Another size may fit the same path by the shape of both trees, but never another index of this one."""
    for index, size, leaf_hash, path, root in inclusions():
        for other in (-1, index + 1, index ^ 1, size, size + 1):
            if other != index:
                refuse(merkle.verify_inclusion, other, size, leaf_hash, path, root)
        for other in (0, index, size * 2 + 1, -size):
            refuse(merkle.verify_inclusion, index, other, leaf_hash, path, root)


def test_no_damaged_consistency_holds():
    for m, n, old_root, new_root, path in consistencies():
        for damaged in damaged_paths(path, old_root):
            refuse(merkle.verify_consistency, m, n, old_root, new_root, damaged)
        refuse(merkle.verify_consistency, m, n, flipped(old_root, 9), new_root, path)
        if m:
            refuse(merkle.verify_consistency, m, n, old_root, flipped(new_root, 9), path)
        if 0 < m < n:
            refuse(merkle.verify_consistency, m, n, new_root, old_root, path)
            refuse(merkle.verify_consistency, m, n, old_root, old_root, path)
            refuse(merkle.verify_consistency, m, n, new_root, new_root, path)


def test_no_consistency_holds_for_other_sizes():
    for m, n, old_root, new_root, path in consistencies():
        refuse(merkle.verify_consistency, n + 1, n, old_root, new_root, path)
        refuse(merkle.verify_consistency, -1, n, old_root, new_root, path)
        if 0 < m < n:
            refuse(merkle.verify_consistency, m, m, old_root, new_root, path)
            refuse(merkle.verify_consistency, 0, n, old_root, new_root, path)
            refuse(merkle.verify_consistency, n, m, old_root, new_root, path)
            refuse(merkle.verify_consistency, m, n * 2 + 1, old_root, new_root, path)


def test_an_empty_tree_is_a_prefix_of_all_and_has_one_root():
    root = merkle.root(HASHES)
    merkle.verify_consistency(0, SMALL, merkle.EMPTY_ROOT, root, [])
    refuse(merkle.verify_consistency, 0, SMALL, HASHES[0], root, [])
    refuse(merkle.verify_consistency, 0, SMALL, merkle.EMPTY_ROOT, root, [HASHES[0]])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (5, 4)])
def test_a_path_outside_the_tree_is_refused(index, size):
    refuse(merkle.inclusion_path, merkle.over_leaves(HASHES), index, size)


@pytest.mark.parametrize(("m", "n"), [(-1, 3), (4, 3)])
def test_a_proof_from_no_prefix_is_refused(m, n):
    refuse(merkle.consistency_path, merkle.over_leaves(HASHES), m, n)


def test_a_proof_between_equal_or_empty_trees_is_empty():
    hash_at = merkle.over_leaves(HASHES)
    assert merkle.consistency_path(hash_at, 0, 7) == merkle.consistency_path(hash_at, 7, 7) == []


def test_no_byte_moves_between_two_hashes():
    """A node hashes two hashes one behind the other: without their lengths a byte could pass from one to the other."""
    one, two = HASHES[:2]
    root = merkle.hash_node(one, two)
    refuse(merkle.verify_inclusion, 1, 2, two[1:], [one + two[:1]], root)
    refuse(merkle.verify_consistency, 1, 2, one + two[:1], root, [two[1:]])


def test_a_longer_path_to_a_higher_root_is_refused():
    """Whoever states the root can state one above the tree, too."""
    for index, size, leaf_hash, path, root in inclusions():
        refuse(merkle.verify_inclusion, index, size, leaf_hash, [*path, HASHES[0]], merkle.hash_node(HASHES[0], root))
    for m, n, *roots, path in consistencies():
        higher = [merkle.hash_node(HASHES[0], root) for root in roots]
        refuse(merkle.verify_consistency, m, n, *higher, [*path, HASHES[0]])
