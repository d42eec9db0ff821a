"""T6: a verifier that others wrote (Go's x/mod/sumdb) accepts what we make, and refuses it damaged.

Needs the Debian packages golang-go and golang-golang-x-mod-dev; without them the test says so and is skipped.
"""

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from archive.ledger import encoding, merkle, note, tiles
from archive.ledger.tests import cases

SOURCE = Path(__file__).parent / "independent" / "main.go"
GOPATH = Path("/usr/share/gocode")
SIZE = 600

pytestmark = pytest.mark.skipif(
    not shutil.which("go") or not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir(),
    reason="the independent verifier needs the Debian packages golang-go and golang-golang-x-mod-dev",
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """Builds the Go program; returns a function that says whether it accepts."""
    built = tmp_path_factory.mktemp("independent")
    settings = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOCACHE": str(built / "cache"), "GOFLAGS": ""}
    program = built / "independent"
    subprocess.run(["go", "build", "-o", program, SOURCE], env=os.environ | settings, check=True, timeout=300)

    def accepts(act, *given, vkey=cases.VKEY):
        paths = []
        for number, data in enumerate(given):
            if isinstance(data, Path):
                paths.append(data)
            else:
                paths.append(built / str(number))
                paths[-1].write_bytes(data)
        command = [program, act, vkey, *paths]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout[:8]) in ((0, "accepted"), (1, "refused:")), done.stderr
        return done.returncode == 0

    return accepts


@pytest.fixture(scope="module")
def log():
    return cases.make_log(SIZE)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 512, 599])
def test_it_accepts_our_proofs(judge, log, index):
    assert judge("inclusion", log.prove(index).encode(), log.leaves[index])


def test_it_accepts_the_proof_of_an_only_leaf(judge):
    log = cases.make_log(1)
    assert judge("inclusion", log.prove(0).encode(), log.leaves[0])


def test_it_refuses_another_leaf_and_damaged_proofs(judge, log):
    rng = random.Random(6962)
    text, leaf = log.prove(300).encode(), log.leaves[300]
    assert not judge("inclusion", text, log.leaves[301])
    for _ in range(40):
        assert not judge("inclusion", cases.flip(text, rng), leaf)
        assert not judge("inclusion", text, cases.flip(leaf, rng))


@pytest.mark.parametrize(("m", "n"), [(1, 2), (3, 7), (255, 256), (256, 600), (300, 600), (599, 600)])
def test_it_accepts_our_proofs_of_growth_and_no_others(judge, log, m, n):
    old, new = (cases.sign_tree(size, tiles.root(log.store.read, size)).encode() for size in (m, n))
    steps = tiles.consistency_path(log.store.read, m, n)
    assert judge("consistency", old, new, spell(steps))
    assert not judge("consistency", old, new, spell(steps[:-1]))
    assert not judge("consistency", old, new, spell([*steps, merkle.EMPTY_ROOT]))
    forked = cases.sign_tree(n, merkle.hash_leaf(b"fork")).encode()
    assert not judge("consistency", old, forked, spell(steps))


def test_it_refuses_a_checkpoint_under_another_key(judge, log):
    other = note.generate(cases.ORIGIN)
    signed = cases.sign_tree(SIZE, tiles.root(log.store.read, SIZE), other)
    assert not judge("consistency", signed.encode(), signed.encode(), b"")


def test_it_reads_our_tiles(judge, log, tmp_path):
    for tile in tiles.tiles_of(SIZE):
        path = tmp_path / tiles.format_path(tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log.store.tiles[tile.level, tile.n])
    assert judge("tiles", log.checkpoint.encode(), tmp_path, log.leaves[0])
    first = tmp_path / "tile/0/000"
    first.write_bytes(cases.flip(first.read_bytes(), random.Random(1)))
    assert not judge("tiles", log.checkpoint.encode(), tmp_path, log.leaves[0])


def spell(steps):
    return "".join(encoding.encode_base64(step) + "\n" for step in steps).encode()
