"""T5: with the master key and the raw disk in hand, a destroyed key is not there any more.

Two ways: the keyring file's own history, image by image, and a real ext4 file system on a loop device (root only).
"""

import contextlib
import os
import random
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from portal.sealing import errors
from portal.sealing.keyring import layout, live
from portal.sealing.keyring.ring import Keyring
from portal.sealing.tests import carve, crash

MASTER = bytes(range(32))
T = 1_800_000_000
ACME = uuid.UUID(int=1)
ROUNDS = 1000 if os.environ.get("EBB_FULL") == "1" else 150


def live_through(ring: Keyring, chance: random.Random, rounds: int) -> tuple[set[bytes], set[bytes]]:
    """Creations and destructions in random order; the keys that are alive and those that are dead after it."""
    alive: dict[int, bytes] = {}
    dead: set[bytes] = set()
    for bucket in range(T, T + rounds):
        alive[bucket] = ring.live.create(bucket)
        if chance.random() < 0.8:
            doomed = chance.choice(list(alive))
            assert ring.live.destroy(doomed)
            dead.add(alive.pop(doomed))
    return set(alive.values()), dead


def ciphertexts(written: list[bytes]) -> list[bytes]:
    """The sealed part of each slot that was ever written, without the head that a new slot may repeat."""
    return [data[layout.SLOT_OVERHEAD_BYTES :] for data in written if data.startswith(layout.SLOT_MAGIC)]


def test_no_piece_of_an_older_state_stays_in_the_file(tmp_path):
    path = tmp_path / "ring" / "live.ring"
    Keyring(tmp_path / "ring", MASTER)
    recording = crash.Recording(path)
    recording.images = _Nothing()
    ring = Keyring(tmp_path / "ring", MASTER, io=recording)
    alive, dead = live_through(ring, random.Random(1), ROUNDS)
    image = path.read_bytes()
    *older, current = ciphertexts(recording.written)
    assert carve.pieces_found(image, older) == 0
    assert carve.pieces_found(image, [current]) > 0
    assert carve.keys_found(image, MASTER, live.FILE_ID, alive) == alive
    assert carve.keys_found(image, MASTER, live.FILE_ID, dead) == set()


class _Nothing(list):
    """The images in between are another test's; here they would fill the memory."""

    def append(self, item: object) -> None: ...

    def extend(self, items: object) -> None: ...


def fill(path: Path) -> None:
    """Write until the disk is full, to the last block."""
    with path.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        list(iter(lambda: file.write(bytes(4096)), 0))


def run(*words: object) -> None:
    subprocess.run([*map(str, words)], check=True, capture_output=True, timeout=60)


@contextlib.contextmanager
def mounted(image: Path, where: Path):
    run("mount", "-o", "loop", image, where)
    try:
        yield where
    finally:
        run("umount", where)


@pytest.fixture
def disk(tmp_path):
    """An empty ext4 image of 64 MiB that can be mounted, and where."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("carving an ext4 image needs root and mkfs.ext4")
    image, where = tmp_path / "disk.img", tmp_path / "mnt"
    where.mkdir()
    with image.open("wb") as file:
        file.truncate(64 * 2**20)
    run("mkfs.ext4", "-q", image)
    try:
        with mounted(image, where):
            pass
    except subprocess.CalledProcessError:
        pytest.skip("carving an ext4 image needs loop devices")
    return image, where


def test_a_dead_key_cannot_be_carved_out_of_an_ext4_image(disk):
    image, where = disk
    with mounted(image, where):
        Keyring(where / "ring", MASTER)
        recording = crash.Recording(where / "ring" / "live.ring")
        recording.images = _Nothing()
        ring = Keyring(where / "ring", MASTER, io=recording)
        alive, dead = live_through(ring, random.Random(2), ROUNDS)
    raw = image.read_bytes()
    *older, _ = ciphertexts(recording.written)
    assert carve.keys_found(raw, MASTER, live.FILE_ID, alive) == alive
    assert len(dead) > ROUNDS // 2
    assert carve.keys_found(raw, MASTER, live.FILE_ID, dead) == set()
    assert carve.pieces_found(raw, older) == 0


def test_a_removed_business_cannot_be_carved_out_of_an_ext4_image(disk):
    image, where = disk
    with mounted(image, where):
        ring = Keyring(where / "ring", MASTER)
        keys = ring.birth(ACME)
        secrets = {keys.create(f"disposal/{n}") for n in range(20)}
        kept = ring.birth(uuid.UUID(int=2)).create("business")
        ring.remove(ACME)
    raw = image.read_bytes()
    assert carve.keys_found(raw, MASTER, b"business/" + ACME.bytes, secrets) == set()
    assert carve.keys_found(raw, MASTER, b"business/" + uuid.UUID(int=2).bytes, {kept}) == {kept}


def test_the_carver_finds_what_a_naive_keyring_leaves(disk):
    """The control: write a new file and rename it over the old one, as one would; the old blocks keep the key."""
    image, where = disk
    key, secret = layout.slot_key(MASTER, live.FILE_ID), os.urandom(32)
    with mounted(image, where):
        for generation, keys in enumerate(({T: secret}, {})):
            slot = layout.pack_slot(key, live.FILE_ID, generation=generation, mark=0, payload=live.encode(keys))
            draft = where / "draft"
            draft.write_bytes(slot.ljust(live.CAPACITY, b"\0"))
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.rename(where / "naive.ring")
    assert carve.keys_found(image.read_bytes(), MASTER, live.FILE_ID, {secret}) == {secret}


def test_a_read_only_mount_is_told_and_readers_read(disk):
    image, where = disk
    with mounted(image, where):
        ring = Keyring(where / "ring", MASTER)
        key, name = ring.live.create(T), ring.birth(ACME).create("business")
        run("mount", "-o", "remount,ro", where)
        frozen = Keyring(where / "ring", MASTER)
        assert (frozen.live.get(T), frozen.business(ACME).get("business")) == (key, name)
        for act in (
            frozen.probe,
            lambda: frozen.live.create(T + 60),
            lambda: frozen.live.destroy(T),
            lambda: frozen.birth(uuid.UUID(int=2)),
            lambda: frozen.remove(ACME),
        ):
            with pytest.raises(errors.KeyringUnwritable):
                act()
        run("mount", "-o", "remount,rw", where)
        frozen.probe()
        assert frozen.live.destroy(T)


def test_a_full_disk_does_not_stop_a_destruction(disk):
    """Both slots are allocated at birth: keys can die when nothing else can be written any more."""
    image, where = disk
    with mounted(image, where):
        ring = Keyring(where / "ring", MASTER)
        for n in range(100):
            ring.live.create(T + n)
        fill(where / "filler")
        assert ring.live.destroy_past(T + 98) == [T + n for n in range(99)]
        assert ring.live.create(T + 1000)
