"""T6: the tree in tiles is the tree; paths and bundles are spelled as C2SP tlog-tiles spells them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.ledger import merkle, tiles
from archive.ledger.tests import cases

HASHES = cases.number_hashes(70_000)
FLAT = merkle.over_leaves(HASHES)
relaxed = settings(deadline=None, max_examples=60)


@pytest.fixture(scope="module")
def store():
    store = cases.TileStore()
    store.append(0, HASHES)
    return store


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (tiles.Tile(0, 0), "tile/0/000"),
        (tiles.Tile(0, 1234067), "tile/0/x001/x234/067"),
        (tiles.Tile(3, 1000), "tile/3/x001/000"),
        (tiles.Tile(0, 999, 1), "tile/0/999.p/1"),
        (tiles.Tile(63, 273, 112), "tile/63/273.p/112"),
        (tiles.Tile(tiles.ENTRIES, 1234067, 255), "tile/entries/x001/x234/067.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(tile, path):
    assert tiles.format_path(tile) == path
    assert tiles.parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/100/000",
        "tile/0/001/234",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/x1/001",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/entry/000",
        "tile/0/٠٠٠",
        "tile/0/../000",
    ],
)
def test_no_other_spelling_is_a_path(path):
    with pytest.raises(tiles.TileError):
        tiles.parse_path(path)


@given(level=st.integers(-1, 63), n=st.integers(0, 2**60), width=st.integers(1, 256))
def test_every_tile_has_a_path_that_leads_back(level, n, width):
    tile = tiles.Tile(level, n, width)
    assert tiles.parse_path(tiles.format_path(tile)) == tile


def test_the_tiles_of_70_000_leaves_are_those_the_specification_counts(store):
    listed = list(tiles.tiles_of(70_000))
    assert [sum(tile.level == level for tile in listed) for level in range(3)] == [274, 2, 1]
    assert [tile.width for tile in listed if tile.width < 256] == [112, 17, 1]
    assert {(tile.level, tile.n): tile.width * 32 for tile in listed} == {
        place: len(hashes) for place, hashes in store.tiles.items()
    }


def test_a_full_tile_has_a_hash_above_it():
    assert list(tiles.tiles_of(256)) == [tiles.Tile(0, 0), tiles.Tile(1, 0, 1)]
    assert list(tiles.tiles_of(0)) == []


def test_a_tile_holds_the_hashes_of_its_level(store):
    second = tiles.split_hashes(store.tiles[1, 0])
    assert second[7] == merkle.root(HASHES[7 * 256 : 8 * 256])
    assert tiles.split_hashes(store.tiles[2, 0]) == [merkle.root(HASHES[:65536])]


@relaxed
@given(batches=st.lists(st.integers(0, 700), max_size=8))
def test_tiles_grow_to_the_same_tree_in_any_batches(batches):
    store, size = cases.TileStore(), 0
    for count in batches:
        size = store.append(size, HASHES[size : size + count])
        assert tiles.root(store.read, size) == merkle.root(HASHES[:size])
    at_once = cases.TileStore()
    at_once.append(0, HASHES[:size])
    assert store.tiles == at_once.tiles


@relaxed
@given(sizes=st.lists(st.integers(0, 70_000), min_size=2, max_size=2).map(sorted), data=st.data())
def test_proofs_from_tiles_verify_at_every_size(store, sizes, data):
    m, n = sizes
    old_root, new_root = tiles.root(store.read, m), tiles.root(store.read, n)
    merkle.verify_consistency(m, n, old_root, new_root, tiles.consistency_path(store.read, m, n))
    if n:
        index = data.draw(st.integers(0, n - 1))
        path = tiles.inclusion_path(store.read, index, n)
        merkle.verify_inclusion(index, n, HASHES[index], path, new_root)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600, 65_535, 65_536, 65_537])
def test_tiles_agree_with_the_flat_tree_at_the_edges(store, size):
    assert tiles.root(store.read, size) == merkle.root(HASHES[:size])
    last = size - 1
    assert tiles.inclusion_path(store.read, last, size) == merkle.inclusion_path(FLAT, last, size)
    assert tiles.consistency_path(store.read, last, size) == merkle.consistency_path(FLAT, last, size)


def test_a_proof_takes_few_reads(store):
    store.reads.clear()
    tiles.inclusion_path(store.read, 33_333, 70_000)
    assert len(store.reads) == len(set(store.reads)) <= 6


def test_appending_touches_the_right_edge_only(store):
    store.reads.clear()
    writes = tiles.integrate(store.read, 70_000, HASHES[:3])
    assert [(write.level, write.n, len(write.hashes)) for write in writes] == [(0, 273, 115 * 32)]
    assert store.reads == [(0, 273)]


def test_appending_to_a_full_edge_reads_nothing_at_that_level():
    store = cases.TileStore()
    store.append(0, HASHES[:256])
    writes = tiles.integrate(store.read, 256, HASHES[256:257])
    assert [(write.level, write.n) for write in writes] == [(0, 1)]
    assert store.reads == []


def test_appending_nothing_writes_nothing(store):
    assert tiles.integrate(store.read, 70_000, []) == []


def test_hashes_beyond_the_size_do_not_bind():
    """A tile that holds more than was signed: an older size is served from it, and appending overwrites."""
    store = cases.TileStore()
    store.append(0, HASHES[:300])
    store.append(290, HASHES[400:500])
    assert tiles.root(store.read, 390) == merkle.root(HASHES[:290] + HASHES[400:500])


def test_a_short_tile_is_an_error_not_another_root():
    store = cases.TileStore()
    store.append(0, HASHES[:300])
    store.tiles[0, 1] = store.tiles[0, 1][:-32]
    with pytest.raises(tiles.TileError):
        tiles.root(store.read, 300)
    with pytest.raises(tiles.TileError):
        tiles.integrate(store.read, 300, HASHES[:1])


@pytest.mark.parametrize("size", [0, 1, 256, 300, 66_000])
def test_whole_tiles_are_verified(size):
    store = cases.TileStore()
    store.append(0, HASHES[:size])
    tiles.verify_tiles(store.read, size, merkle.root(HASHES[:size]))
    with pytest.raises(tiles.TileError):
        tiles.verify_tiles(store.read, size, HASHES[5])


@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 0)])
def test_one_wrong_bit_in_any_tile_is_found(place):
    store = cases.TileStore()
    store.append(0, HASHES[:600])
    store.tiles[place] = bytes([store.tiles[place][0] ^ 1]) + store.tiles[place][1:]
    with pytest.raises(tiles.TileError):
        tiles.verify_tiles(store.read, 600, merkle.root(HASHES[:600]))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_its_entries_back(entries):
    assert tiles.decode_bundle(tiles.encode_bundle(entries)) == entries


def test_a_bundle_is_length_prefixed_in_big_endian():
    assert tiles.encode_bundle([b"ab", b"", b"x" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"x" * 258


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02a", b"\x00\x01a\x00", b"\x00\x00" * 257])
def test_a_damaged_bundle_is_refused(bundle):
    with pytest.raises(tiles.TileError):
        tiles.decode_bundle(bundle)


def test_an_entry_too_long_for_its_length_is_refused():
    assert len(tiles.encode_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(tiles.TileError):
        tiles.encode_bundle([bytes(65_536)])


def test_a_tile_with_a_hash_too_many_is_found():
    store = cases.TileStore()
    store.append(0, HASHES[:300])
    store.tiles[0, 1] += HASHES[300]
    with pytest.raises(tiles.TileError):
        tiles.verify_tiles(store.read, 300, merkle.root(HASHES[:300]))


def test_a_full_bundle_holds_256_entries():
    assert tiles.decode_bundle(tiles.encode_bundle([b""] * 256)) == [b""] * 256
