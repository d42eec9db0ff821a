"""The whole-ledger check: what it finds in a log that was changed, and that it finds nothing in one that was not."""

import pytest

from archive.ledger import checkpoint, entry, merkle, note, verify
from archive.ledger.tests import cases

SIZE = 40
LOG = cases.make_log(SIZE)
EARLIER = [cases.make_log(size).checkpoint for size in (1, 7, 32)]
EMPTY = cases.sign_tree(0, merkle.EMPTY_ROOT)


def check(leaves, text=LOG.checkpoint, vkey=cases.VKEY, known=()):
    return verify.verify_log(leaves, text, vkey, known=known)


def resign(leaves):
    """What an insider with the log's key can do: sign a changed past anew."""
    return cases.sign_tree(len(leaves), merkle.root(map(merkle.hash_leaf, leaves)))


def test_a_good_log_has_no_faults():
    report = check(iter(LOG.leaves), known=[EMPTY, *EARLIER, LOG.checkpoint])
    assert report.ok
    assert (report.size, report.root) == (SIZE, merkle.root(map(merkle.hash_leaf, LOG.leaves)))
    assert report.checkpoint == checkpoint.open_(LOG.checkpoint, cases.VKEY)
    assert report.kinds == {"message.sent": SIZE}
    assert report.first_time == "2026-03-01T10:00:00.000000Z"
    assert report.last_time == "2026-03-01T10:00:39.000000Z"


def test_an_empty_log_has_no_faults():
    report = check([], EMPTY, known=[EMPTY])
    assert (report.ok, report.size, report.first_time) == (True, 0, None)


CHANGED = {
    "a leaf lost": LOG.leaves[:5] + LOG.leaves[6:],
    "the last leaf lost": LOG.leaves[:-1],
    "all leaves lost": [],
    "a leaf twice": [*LOG.leaves[:6], *LOG.leaves[5:]],
    "a leaf added": [*LOG.leaves, LOG.leaves[-1]],
    "two leaves swapped": [LOG.leaves[1], LOG.leaves[0], *LOG.leaves[2:]],
    "a leaf replaced": [entry.encode(cases.make_leaf(99)), *LOG.leaves[1:]],
}


@pytest.mark.parametrize("leaves", CHANGED.values(), ids=CHANGED.keys())
def test_a_changed_log_is_found(leaves):
    assert not check(leaves).ok


@pytest.mark.parametrize("leaves", CHANGED.values(), ids=CHANGED.keys())
def test_a_changed_log_signed_anew_is_found_by_a_checkpoint_kept_outside(leaves):
    assert not check(leaves, resign(leaves), known=[LOG.checkpoint]).ok or leaves[:SIZE] == LOG.leaves


def test_a_log_rolled_back_is_found():
    old = cases.make_log(7)
    assert check(old.leaves, old.checkpoint, known=EARLIER[:2]).ok
    assert check(old.leaves, old.checkpoint, known=[LOG.checkpoint]).faults == (
        "known checkpoint 1 states 40 leaves, 7 are here: some were lost or rolled back",
    )


def test_a_fork_is_found_at_the_size_where_the_histories_differ():
    fork = [*LOG.leaves[:20], *(entry.encode(cases.make_leaf(number)) for number in range(100, 130))]
    report = check(fork, resign(fork), known=EARLIER)
    assert [fault.split()[2] for fault in report.faults] == ["3"]


def test_times_that_run_backwards_are_found():
    leaves = [entry.encode(cases.make_leaf(number)) for number in (0, 5, 4, 6)]
    assert check(leaves, resign(leaves)).faults == ("leaf 2: its time is before that of a leaf before it",)


def test_equal_times_are_in_order():
    leaves = [entry.encode(cases.make_leaf(1)), entry.encode(cases.make_leaf(2, time=cases.make_leaf(1).time))]
    assert check(leaves, resign(leaves)).ok


def test_a_leaf_that_is_no_leaf_is_found_though_it_was_signed():
    leaves = [LOG.leaves[0], b"hello", LOG.leaves[1] + b"\n", LOG.leaves[2]]
    faults = check(leaves, resign(leaves)).faults
    assert [fault[:7] for fault in faults] == ["leaf 1:", "leaf 2:"]


def test_another_key_or_another_log_is_found():
    assert check(LOG.leaves, vkey=note.generate(cases.ORIGIN).verifier).checkpoint is None
    other = note.SigningKey("ebb.example/log/7c0f/2", cases.KEY.seed)
    assert not check(LOG.leaves, vkey=other.verifier).ok
    assert not check(LOG.leaves, known=["not a checkpoint"]).ok
    assert not check(LOG.leaves, "not a checkpoint").ok


def test_the_report_does_not_grow_without_end():
    leaves = [b"x"] * 500
    assert len(check(leaves, resign(leaves)).faults) == verify.MAX_FAULTS


def test_leaves_known_by_their_hash_alone_count():
    """An export shows the leaves of its range, and hashes for the others."""
    verifier = verify.Verifier(watch=frozenset({0, 7}))
    for number, leaf in enumerate(LOG.leaves):
        if 10 <= number < 20:
            verifier.add(leaf)
        else:
            verifier.add_hash(merkle.hash_leaf(leaf))
    for text in (EMPTY, EARLIER[1], LOG.checkpoint):
        verifier.compare(checkpoint.open_(text, cases.VKEY), "it")
    assert verifier.report(None).ok
    assert verifier.kinds == {"message.sent": 10}


@pytest.mark.parametrize("size", range(41))
def test_the_running_root_is_the_root(size):
    verifier = verify.Verifier()
    for leaf_hash in cases.number_hashes(size):
        verifier.add_hash(leaf_hash)
    assert verifier.root() == merkle.root(cases.number_hashes(size))
