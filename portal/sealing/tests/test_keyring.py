"""The keyring as its callers see it: live buckets, several processes, a clock set back, damage, a disk that refuses."""

import errno
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.sealing import errors
from portal.sealing.keyring import disk, layout, live, slots
from portal.sealing.keyring.ring import Keyring
from portal.sealing.tests import crash

MASTER = bytes(range(32))
T = 1_800_000_000
ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)


def test_create_is_get_or_create(ring):
    first = ring.live.create(T)
    assert len(first) == 32
    assert ring.live.create(T) == ring.live.get(T) == first
    assert ring.live.create(T + 60) != first


def test_a_key_survives_a_restart(ring, root):
    key = ring.live.create(T)
    assert Keyring(root, MASTER).live.get(T) == key


def test_a_key_that_was_never_made_is_gone(ring):
    with pytest.raises(errors.KeyGone):
        ring.live.get(T)


def test_destroy_is_for_ever_and_for_every_process(ring, root):
    other = Keyring(root, MASTER)
    key = ring.live.create(T)
    assert other.live.get(T) == key
    assert ring.live.destroy(T) is True
    for each in (ring, other, Keyring(root, MASTER)):
        with pytest.raises(errors.KeyGone):
            each.live.get(T)
    assert ring.live.destroy(T) is True


def test_destroy_past_takes_what_is_over_and_nothing_else(ring):
    kept = ring.live.create(T + 60)
    for bucket in (T, T - 60, T - 120):
        ring.live.create(bucket)
    assert ring.live.destroy_past(T) == [T - 120, T - 60, T]
    assert ring.live.destroy_past(T) == []
    assert ring.live.buckets() == [T + 60]
    assert ring.live.get(T + 60) == kept
    assert ring.live.high_water() == T


def test_the_mark_only_rises(ring, root):
    assert ring.live.high_water() == 0.0
    ring.live.mark(T + 0.5)
    ring.live.mark(T)
    assert ring.live.high_water() == T + 0.5
    ring.live.mark(T + 0.75, durable=False)
    assert Keyring(root, MASTER).live.high_water() == T + 0.75
    assert ring.live.destroy_past(T) == []
    assert ring.live.high_water() == T + 0.75


def test_the_mark_survives_later_commits(ring):
    ring.live.mark(T)
    ring.live.create(T + 60)
    ring.live.destroy(T + 60)
    assert ring.live.high_water() == T


def test_a_clock_that_steps_back_revives_nothing(ring, root):
    """The mark passed the bucket, then the clock went back an hour: neither get nor create nor a restart help."""
    ring.live.create(T)
    ring.live.create(T + 3600)
    ring.live.mark(T)
    for each in (ring, Keyring(root, MASTER)):
        with pytest.raises(errors.KeyGone):
            each.live.get(T)
        with pytest.raises(errors.KeyGone):
            each.live.create(T)
        with pytest.raises(errors.KeyGone):
            each.live.create(T - 3600)
    assert ring.live.destroy_past(T - 3600) == []
    assert ring.live.high_water() == T


def test_past_buckets_are_dropped_at_start(ring, root):
    ring.live.create(T)
    ring.live.create(T + 60)
    ring.live.mark(T)
    assert ring.live.buckets() == [T, T + 60]
    assert Keyring(root, MASTER).live.buckets() == [T + 60]


def test_another_process_sees_the_mark_at_once(ring, root):
    other = Keyring(root, MASTER)
    other.live.create(T)
    ring.live.mark(T)
    assert other.live.high_water() == T
    with pytest.raises(errors.KeyGone):
        other.live.get(T)


def test_time_that_passes_between_the_look_and_the_lock_is_seen(ring, root, monkeypatch):
    """The check is made again under the lock."""
    other = Keyring(root, MASTER)
    update = ring._live_file.update

    def late(change, **kwargs):
        monkeypatch.undo()
        other.live.mark(T)
        return update(change, **kwargs)

    monkeypatch.setattr(ring._live_file, "update", late)
    with pytest.raises(errors.KeyGone):
        ring.live.create(T)
    assert ring.live.buckets() == []


def test_the_live_file_holds_four_thousand_buckets_and_says_when_it_is_full(ring, root):
    full = {T + 60 * n: os.urandom(32) for n in range(4000)}
    ring._live_file.update(lambda _: live.encode(full))
    ring.live.create(T - 60)
    assert len(ring.live.buckets()) == 4001
    most = (live.CAPACITY - layout.SLOT_OVERHEAD_BYTES) // 40
    ring._live_file.update(lambda _: live.encode({T + 60 * n: bytes(32) for n in range(most)}))
    with pytest.raises(errors.KeyringFull):
        ring.live.create(T - 60)
    assert len(ring.live.buckets()) == most
    ring.live.destroy(T)
    assert ring.live.create(T - 60)


def test_threads_and_processes_agree_on_one_key(root):
    rings = [Keyring(root, MASTER) for _ in range(4)]
    barrier = threading.Barrier(16)

    def create(number):
        barrier.wait()
        return [rings[number % 4].live.create(T + 60 * n) for n in range(5)]

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(create, range(16)))
    assert all(keys == made[0] for keys in made)
    assert len(set(made[0])) == 5


def test_of_several_clocks_each_bucket_is_told_to_one(root):
    rings = [Keyring(root, MASTER) for _ in range(4)]
    for n in range(8):
        rings[0].live.create(T + n)
    with ThreadPoolExecutor(4) as pool:
        told = [bucket for part in pool.map(lambda ring: ring.live.destroy_past(T + 8), rings) for bucket in part]
    assert sorted(told) == [T + n for n in range(8)]


def test_reading_what_did_not_change_touches_one_sector(ring, monkeypatch):
    ring.live.create(T)
    reads = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, n, at: reads.append(n) or pread(fd, n, at))
    ring.live.get(T)
    ring.live.high_water()
    assert reads == [layout.SECTOR_BYTES] * 2


def test_files_are_for_their_owner_only(ring, root):
    ring.birth(ACME)
    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    assert modes == {"live.ring": 0o600, "business": 0o700, f"business/{ACME.hex}.ring": 0o600}
    assert root.stat().st_mode & 0o777 == 0o700


def test_a_loose_folder_is_tightened_if_it_is_ours_and_refused_if_not(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    Keyring(empty, MASTER)
    assert empty.stat().st_mode & 0o777 == 0o700
    strange = tmp_path / "strange"
    strange.mkdir(mode=0o755)
    (strange / "passwd").touch()
    with pytest.raises(errors.KeyringUnwritable):
        Keyring(strange, MASTER)
    assert strange.stat().st_mode & 0o777 == 0o755


def test_another_master_key_is_told_and_changes_nothing(ring, root):
    ring.live.create(T)
    before = (root / "live.ring").read_bytes()
    with pytest.raises(errors.KeyringCorrupt, match="EBB_MASTER_KEY"):
        Keyring(root, bytes(32))
    assert (root / "live.ring").read_bytes() == before
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(root, b"short")


@pytest.mark.parametrize("part", ["slot", "both", "short"])
def test_damage_is_told_and_never_guessed_around(ring, root, part):
    ring.live.create(T)
    path = root / "live.ring"
    image = bytearray(path.read_bytes())
    header = layout.unpack_header(bytes(image[: layout.SECTOR_BYTES]))
    if part == "short":
        image = image[: layout.PAGE_BYTES]
    else:
        image[layout.slot_offset(header.active, header.capacity) + 30] ^= 1
    if part == "both":
        image[0] ^= 1
    path.write_bytes(image)
    with pytest.raises(errors.KeyringCorrupt):
        Keyring(root, MASTER)
    # A process that holds the state and sees the same header goes on reading, but writes nothing over the damage.
    with pytest.raises(errors.KeyringCorrupt):
        ring.live.create(T + 60)


def test_a_header_of_another_geometry_is_refused(ring, root):
    path = root / "live.ring"
    image = bytearray(path.read_bytes())
    header = layout.unpack_header(bytes(image[: layout.SECTOR_BYTES]))
    image[: layout.SECTOR_BYTES] = layout.pack_header(header._replace(capacity=4096))
    path.write_bytes(image)
    with pytest.raises(errors.KeyringCorrupt):
        Keyring(root, MASTER)


def test_a_header_that_points_at_another_generation_is_refused(ring, root):
    path = root / "live.ring"
    image = bytearray(path.read_bytes())
    header = layout.unpack_header(bytes(image[: layout.SECTOR_BYTES]))
    image[: layout.SECTOR_BYTES] = layout.pack_header(header._replace(generation=header.generation + 1))
    path.write_bytes(image)
    with pytest.raises(errors.KeyringCorrupt):
        Keyring(root, MASTER)


def test_every_changed_bit_of_a_header_is_seen():
    sector = layout.pack_header(layout.Header(generation=7, mark=T, capacity=4096, length=99, active=1))
    assert layout.unpack_header(sector) == layout.Header(7, T, 4096, 99, 1)
    for at in range(layout.SECTOR_BYTES):
        assert layout.unpack_header(sector[:at] + bytes([sector[at] ^ 1]) + sector[at + 1 :]) is None


def test_a_file_is_allocated_whole_at_birth(ring, root):
    """No hole: a destruction must not need a block that a full disk cannot give."""
    ring.birth(ACME)
    for path in (root / "live.ring", root / "business" / f"{ACME.hex}.ring"):
        found = path.stat()
        assert found.st_blocks * 512 >= found.st_size
    assert (root / "live.ring").stat().st_size == layout.file_bytes(live.CAPACITY)


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_lets_readers_read(ring, root, code):
    key = ring.live.create(T)
    acme = ring.birth(ACME).create("business")
    frozen = Keyring(root, MASTER, io=crash.Refusing(0, code=code))
    assert frozen.live.get(T) == key
    assert frozen.business(ACME).get("business") == acme
    for act in (
        lambda: frozen.live.create(T + 60), lambda: frozen.live.destroy(T), lambda: frozen.live.mark(T - 60),
        lambda: frozen.live.destroy_past(T), lambda: frozen.business(ACME).create("x"),
        lambda: frozen.birth(GLOBEX), lambda: frozen.remove(ACME),
    ):  # fmt: skip
        with pytest.raises(errors.KeyringUnwritable):
            act()
    assert ring.live.get(T) == key
    assert ring.business(ACME).get("business") == acme
    assert ring.live.high_water() == 0


def test_probe_writes_nothing(ring, root):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [root, *root.rglob("*")]}
    Keyring(root, MASTER, io=crash.Refusing(0)).probe()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [root, *root.rglob("*")]} == before


def test_probe_tells_a_lost_or_damaged_file(ring, root):
    path = root / "live.ring"
    image = path.read_bytes()
    path.write_bytes(bytes(len(image)))
    with pytest.raises(errors.KeyringCorrupt):
        ring.probe()
    path.unlink()
    with pytest.raises(errors.KeyringUnwritable):
        ring.probe()
    with pytest.raises(errors.KeyGone):
        ring.live.create(T)


def test_probe_tells_a_folder_that_cannot_be_written(ring, monkeypatch):
    for missing in (os.R_OK, os.W_OK, os.X_OK):
        monkeypatch.setattr(os, "access", lambda path, mode, missing=missing: not mode & missing)
        with pytest.raises(errors.KeyringUnwritable):
            ring.probe()


def test_a_fork_during_a_write_does_not_keep_the_lock(ring):
    """A descriptor that a child inherits must not hold the lock once the parent let go."""
    forked = []

    def change(state):
        pid = os.fork()
        if pid == 0:
            os.read(gate_read, 1)
            os._exit(0)
        forked.append(pid)

    gate_read, gate_write = os.pipe()
    ring._live_file.update(change)
    done = threading.Thread(target=lambda: ring.live.create(T), daemon=True)
    done.start()
    done.join(10)
    os.write(gate_write, b".")
    os.waitpid(forked[0], 0)
    assert not done.is_alive()


def test_a_short_write_goes_on_where_it_stopped(tmp_path, monkeypatch):
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, data[:3], offset))
    path = tmp_path / "file"
    with path.open("wb") as file:
        disk.DISK.pwrite(file.fileno(), b"0123456789", 5)
    assert path.read_bytes() == bytes(5) + b"0123456789"


def test_the_disk_is_asked_to_keep_what_it_was_given(ring, monkeypatch):
    """A mark that waits asks once; one that does not wait asks never; a commit asks after each of its three writes."""
    asked, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: asked.append(sync(fd)))
    counts = []
    for act in (
        lambda: ring.live.mark(T - 200),
        lambda: ring.live.mark(T - 100, durable=False),
        lambda: ring.live.create(T),
    ):
        asked.clear()
        act()
        counts.append(len(asked))
    assert counts == [1, 0, 3]


def test_what_is_there_already_is_answered_without_the_lock(ring, root, monkeypatch):
    monkeypatch.setattr(ring._live_file, "_load", lambda: pytest.fail("it loaded what it holds"))
    key = ring.live.create(T)
    Keyring(root, MASTER).live.mark(T - 100)
    monkeypatch.setattr(ring._live_file, "update", lambda *_, **__: pytest.fail("it took the lock"))
    assert ring.live.create(T) == ring.live.get(T) == key
    ring.live.mark(T - 100)
    with pytest.raises(errors.KeyGone):
        ring.live.create(T - 200)


def test_probe_tells_a_file_that_cannot_be_opened_for_writing(ring, monkeypatch):
    really = os.open

    def read_only(path, flags, *more):
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return really(path, flags, *more)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(errors.KeyringUnwritable):
        ring.probe()


def test_a_slot_takes_what_fills_it_to_the_last_byte(tmp_path):
    full = layout.PAGE_BYTES - layout.SLOT_OVERHEAD_BYTES
    for size in (full, full + 1):
        file = slots.SlotFile(tmp_path / f"{size}.ring", b"file", MASTER, capacity=layout.PAGE_BYTES)
        if size > full:
            with pytest.raises(errors.KeyringFull):
                file.birth(bytes(size))
        else:
            file.birth(bytes(size))
            assert file.read().payload == bytes(size)


def test_a_slot_cut_down_to_its_name_is_blank():
    assert layout.unpack_slot(bytes(32), b"file", layout.SLOT_MAGIC) is None


def test_a_keyring_is_made_below_folders_that_are_not_there_and_never_below_a_file(tmp_path):
    assert Keyring(tmp_path / "a" / "b" / "ring", MASTER).live.create(T)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.KeyringUnwritable):
        Keyring(tmp_path / "file" / "ring", MASTER)
