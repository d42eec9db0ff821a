"""T7: thousands of random damages to leaves, proofs, checkpoints and tiles; every one is found, nothing good is refused.

EBB_FULL=1 makes it 100,000. The seed is printed; EBB_SEED repeats a run.
"""

import os
import random

import pytest

from archive.ledger import LedgerError, checkpoint, merkle, proof, tiles, verify
from archive.ledger.tests import cases

MUTANTS = 100_000 if os.environ.get("EBB_FULL") == "1" else 2_000
SIZES = (1, 2, 3, 8, 13, 37)
LOGS = [cases.make_log(size) for size in SIZES]
TILED = cases.TileStore()
TILED_SIZE = TILED.append(0, cases.number_hashes(700))
TILED_ROOT = merkle.root(cases.number_hashes(700))


@pytest.fixture
def rng():
    seed = int(os.environ.get("EBB_SEED") or random.SystemRandom().randrange(2**32))
    print(f"EBB_SEED={seed}")  # pytest shows it with a failure
    return random.Random(seed)


def survives_in_a_proof(log, rng):
    index = rng.randrange(len(log.leaves))
    mutant = cases.mutate(log.prove(index).encode(), rng)
    proof.verify(mutant, cases.VKEY, log.leaves[index], index=index)


def survives_in_a_proved_leaf(log, rng):
    index = rng.randrange(len(log.leaves))
    proof.verify(log.prove(index), cases.VKEY, cases.mutate(log.leaves[index], rng), index=index)


def survives_in_a_checkpoint(log, rng):
    checkpoint.open_(cases.mutate(log.checkpoint.encode(), rng), cases.VKEY)


def survives_in_the_leaves(log, rng):
    leaves = rng.choice([change_leaf, drop_leaf, repeat_leaf, swap_leaves, cut_leaves])(list(log.leaves), rng)
    if leaves == log.leaves:
        raise LedgerError("nothing was damaged")  # two leaves to swap there are not in a log of one
    report = verify.verify_log(leaves, log.checkpoint, cases.VKEY)
    if not report.ok:
        raise LedgerError(report.faults[0])


def survives_in_the_tiles(_log, rng):
    place = rng.choice(sorted(TILED.tiles))
    damaged = cases.TileStore()
    damaged.tiles = TILED.tiles | {place: cases.mutate(TILED.tiles[place], rng)}
    tiles.verify_tiles(damaged.read, TILED_SIZE, TILED_ROOT)


def change_leaf(leaves, rng):
    at = rng.randrange(len(leaves))
    return [*leaves[:at], cases.mutate(leaves[at], rng), *leaves[at + 1 :]]


def drop_leaf(leaves, rng):
    leaves.pop(rng.randrange(len(leaves)))
    return leaves


def repeat_leaf(leaves, rng):
    leaves.insert(rng.randrange(len(leaves) + 1), rng.choice(leaves))
    return leaves


def swap_leaves(leaves, rng):
    a, b = rng.randrange(len(leaves)), rng.randrange(len(leaves))
    leaves[a], leaves[b] = leaves[b], leaves[a]
    return leaves


def cut_leaves(leaves, rng):
    return leaves[: rng.randrange(len(leaves))]


ATTACKS = {
    survives_in_a_proof: 0.4,
    survives_in_a_proved_leaf: 0.2,
    survives_in_a_checkpoint: 0.2,
    survives_in_the_leaves: 0.1,
    survives_in_the_tiles: 0.1,
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_mutant(attack, rng):
    for number in range(int(MUTANTS * ATTACKS[attack])):
        log = rng.choice(LOGS)
        state = rng.getstate()
        try:
            attack(log, rng)
        except LedgerError:
            continue
        pytest.fail(f"mutant {number} of a log of {len(log.leaves)} was accepted (state {hash(state)})")


def test_nothing_good_is_refused():
    for log in LOGS:
        assert verify.verify_log(log.leaves, log.checkpoint, cases.VKEY).ok
        for index, leaf in enumerate(log.leaves):
            proof.verify(log.prove(index), cases.VKEY, leaf, index=index)
    tiles.verify_tiles(TILED.read, TILED_SIZE, TILED_ROOT)
