"""A stencil writes the bytes that `entry.encode` writes, and refuses what it refuses."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.ledger import entry, stencil
from archive.ledger.tests import cases

HOLES = ("id", "subject", "message", "commitment", "sealed_sha256", "wrap_sha256", "batch_sha256")
LEAF = cases.make_leaf(0, run=str(UUID(int=5)), codes={"share": "5%", "s": "%s", "id": str(UUID(int=1))})
STENCIL = stencil.cut(LEAF, *HOLES)

uuids = st.uuids().map(str)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
values = st.tuples(uuids, uuids, uuids, hashes, hashes, hashes, hashes)


def read(leaf):
    return [getattr(leaf, hole) for hole in HOLES]


@settings(deadline=None)
@given(values, st.permutations(HOLES))
def test_a_filled_stencil_is_the_leaf(filling, order):
    leaf = replace(LEAF, **dict(zip(HOLES, filling, strict=True)))
    assert STENCIL.fill(*filling) == entry.encode(leaf)
    assert stencil.cut(LEAF, *order).fill(*(getattr(leaf, hole) for hole in order)) == entry.encode(leaf)


def test_holes_with_one_value_are_kept_apart():
    same = str(UUID(int=7))
    leaf = replace(LEAF, id=same, subject=same, message=same, run=same)
    assert stencil.cut(leaf, *HOLES).fill(*read(LEAF)) == entry.encode(replace(LEAF, run=same))


@pytest.mark.parametrize("number", range(len(HOLES)))
@pytest.mark.parametrize("value", ["", "x", None, 7, 'a","b', "0" * 36, "G" * 64, str(UUID(int=1)) + "\n"], ids=repr)
def test_a_value_that_does_not_fit_is_refused(number, value):
    filling = read(LEAF)
    filling[number] = value
    with pytest.raises(entry.EntryInvalid):
        STENCIL.fill(*filling)


def test_too_few_and_too_many_values_are_refused():
    filling = read(LEAF)
    for wrong in (filling[:-1], [*filling, filling[-1]], filling[::-1], []):
        with pytest.raises(entry.EntryInvalid):
            STENCIL.fill(*wrong)


@pytest.mark.parametrize("hole", ["time", "kind", "codes", "actor", "detail_commitment", "nothing"])
def test_only_ids_and_hashes_that_stand_in_the_leaf_are_holes(hole):
    with pytest.raises(entry.EntryInvalid, match=hole):
        stencil.cut(LEAF, "id", hole)


def test_an_invalid_leaf_gives_no_stencil():
    with pytest.raises(entry.EntryInvalid):
        stencil.cut(replace(LEAF, kind="x"), "id", "message")
