"""T5: a crash at every single write of a creation, a destruction and a mark. Nothing resurrected, nothing lost."""

import os
import shutil
import uuid

import pytest

from portal.sealing import errors
from portal.sealing.keyring import business, layout, live
from portal.sealing.keyring.ring import Keyring
from portal.sealing.tests import carve, crash

MASTER = bytes(range(32))
KEPT, DOOMED, FRESH = 1_800_000_060, 1_800_000_120, 1_800_000_180
CALLS_OF_A_COMMIT = 6

ACTS = {
    "create": lambda ring: ring.live.create(FRESH),
    "destroy": lambda ring: ring.live.destroy(DOOMED),
    "destroy_past": lambda ring: ring.live.destroy_past(DOOMED),
}


@pytest.fixture
def root(tmp_path):
    ring = Keyring(tmp_path / "ring", MASTER)
    ring.live.create(KEPT + 10**6)
    ring.live.create(KEPT)
    ring.live.create(DOOMED)
    return tmp_path / "ring"


def idle_slot(image: bytes) -> bytes:
    header = layout.unpack_header(image[: layout.SECTOR_BYTES])
    start = layout.slot_offset(header.idle, header.capacity)
    return image[start : start + header.capacity]


def state(root) -> dict[int, bytes]:
    return state_by(Keyring(root, MASTER))


def state_by(ring: Keyring) -> dict[int, bytes]:
    return {bucket: ring.live.get(bucket) for bucket in ring.live.buckets()}


@pytest.mark.parametrize("act", ACTS)
def test_a_commit_is_six_calls(root, act):
    counting = crash.Counting()
    counting.pwrite = lambda *args: (counting._is_due(), crash.disk.DISK.pwrite(*args))
    counting.fsync = lambda *args: (counting._is_due(), crash.disk.DISK.fsync(*args))
    ring = Keyring(root, MASTER, io=counting)
    ACTS[act](ring)
    assert counting.calls == CALLS_OF_A_COMMIT


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("at", range(CALLS_OF_A_COMMIT + 1))
def test_a_crash_at_any_call_leaves_the_old_state_or_the_new(root, act, at):
    before = state(root)
    ring = Keyring(root, MASTER, io=crash.Stopping(at))
    if at < CALLS_OF_A_COMMIT:
        with pytest.raises(crash.PowerCut):
            ACTS[act](ring)
    else:
        ACTS[act](ring)
    after = state(root)
    gone = {bucket for bucket in before if bucket not in after}
    assert {bucket: before[bucket] for bucket in before if bucket not in gone} == {
        bucket: after[bucket] for bucket in after if bucket in before
    }
    assert gone in ([set()] if act == "create" else [set(), {DOOMED}, {KEPT, DOOMED}])
    image = (root / live.__name__.rsplit(".")[-1]).with_suffix(".ring").read_bytes()
    assert not any(idle_slot(image))
    dead = {before[bucket] for bucket in gone}
    assert not carve.keys_found(image, MASTER, live.FILE_ID, dead)
    assert carve.keys_found(image, MASTER, live.FILE_ID, set(after.values())) == set(after.values())
    if at >= 4:  # the flip is durable from here on: no crash may bring the old state back
        assert (FRESH in after) if act == "create" else (DOOMED not in after)


@pytest.mark.parametrize("act", ACTS)
def test_any_image_a_power_cut_can_leave_opens_to_the_old_state_or_the_new(root, act, tmp_path):
    """Sectors that were in flight reach the disk in any combination; after each fsync they have."""
    before = state(root)
    recording = crash.Recording(root / "live.ring")
    ACTS[act](Keyring(root, MASTER, io=recording))
    after = state(root)
    seen = []
    for number, image in enumerate(recording.images):
        copy = tmp_path / f"cut-{number}"
        shutil.copytree(root, copy)
        (copy / "live.ring").write_bytes(image)
        found = state(copy)
        assert found in (before, after)
        seen.append(found)
        assert not any(idle_slot((copy / "live.ring").read_bytes()))
    assert seen[0] == before
    assert seen[-1] == after
    assert recording.images[-1] == (root / "live.ring").read_bytes()


@pytest.mark.parametrize("at", range(CALLS_OF_A_COMMIT))
def test_a_survivor_does_not_live_on_with_what_a_killed_writer_left(root, at):
    """Another process was open all the time: it must not serve what it cached, and its next write scrubs."""
    survivor = Keyring(root, MASTER)
    before = {bucket: survivor.live.get(bucket) for bucket in survivor.live.buckets()}
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(at)).live.destroy(DOOMED)
    assert survivor.live.destroy(DOOMED)
    image = (root / "live.ring").read_bytes()
    assert not any(idle_slot(image))
    assert not carve.keys_found(image, MASTER, live.FILE_ID, {before[DOOMED]})
    with pytest.raises(errors.KeyGone):
        survivor.live.get(DOOMED)
    assert survivor.live.get(KEPT) == before[KEPT]


def test_a_read_settles_what_a_killed_writer_left(root):
    """Killed between the flip and its fsync, the new header is only in the page cache: a reader may not rely on it."""
    reader = Keyring(root, MASTER, io=(settling := crash.Recording(root / "live.ring")))
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(3)).live.create(FRESH)
    assert reader.live.get(FRESH)
    assert settling.images, "nothing was synced before the key was handed out"
    assert not any(idle_slot((root / "live.ring").read_bytes()))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("forever", [True, False])
def test_a_refused_write_changes_nothing_for_readers(root, act, at, forever):
    reader = Keyring(root, MASTER)
    before = {bucket: reader.live.get(bucket) for bucket in reader.live.buckets()}
    writer = Keyring(root, MASTER, io=crash.Refusing(at, forever=forever))
    with pytest.raises(errors.KeyringUnwritable):
        ACTS[act](writer)
    # The header that was flipped, but refused to sync, can be put back only if the disk takes writes again.
    if not (forever and at == 3):
        assert {bucket: reader.live.get(bucket) for bucket in reader.live.buckets()} == before
        assert state(root) == before
    ACTS[act](Keyring(root, MASTER))
    assert (FRESH in state(root)) if act == "create" else (DOOMED not in state(root))


@pytest.mark.parametrize("at", [4, 5])
def test_destroy_is_true_only_once_the_old_slot_is_zeroed(root, at):
    key = Keyring(root, MASTER).live.get(DOOMED)
    failing = crash.Refusing(at, forever=False)
    ring = Keyring(root, MASTER, io=failing)
    with pytest.raises(errors.KeyringUnwritable):
        ring.live.destroy(DOOMED)
    with pytest.raises(errors.KeyGone):
        ring.live.get(DOOMED)
    assert ring.live.destroy(DOOMED) is True
    image = (root / "live.ring").read_bytes()
    assert not carve.keys_found(image, MASTER, live.FILE_ID, {key})
    assert not any(idle_slot(image))


def test_settling_waits_for_the_flip_before_it_zeroes_what_was_there(root, tmp_path):
    """The killed writer's header may still be in flight: zeroing the old slot first could leave neither state."""
    path = root / "live.ring"
    before = state(root)
    settling = crash.Recording(path)
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(2)).live.create(FRESH)
    settling.durable = bytearray(path.read_bytes())  # slot filled and synced, header not yet flipped
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=_StoppingAfterTheFlip()).live.destroy(DOOMED)
    settling.pending = [(0, path.read_bytes()[: layout.SECTOR_BYTES])]
    settling.durable[layout.SECTOR_BYTES :] = path.read_bytes()[layout.SECTOR_BYTES :]
    after = state_by(Keyring(root, MASTER, io=settling))
    for number, image in enumerate(settling.images):
        copy = tmp_path / f"cut-{number}"
        shutil.copytree(root, copy)
        (copy / "live.ring").write_bytes(image)
        assert state(copy) in (before, after)
    assert DOOMED not in after


class _StoppingAfterTheFlip(crash.Stopping):
    """Settling what was left takes three calls first, then fill, fsync and flip: dies before the flip is synced."""

    def __init__(self) -> None:
        super().__init__(6)


def test_a_start_insists_on_scrubbing(root):
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(4)).live.destroy(DOOMED)
    with pytest.raises(errors.KeyringUnwritable):
        Keyring(root, MASTER, io=crash.Refusing(0))


def test_a_torn_header_is_rebuilt_from_the_newest_slot(root):
    path = root / "live.ring"
    before = state(root)
    for damage in (bytes(layout.SECTOR_BYTES), os.urandom(layout.SECTOR_BYTES)):
        image = bytearray(path.read_bytes())
        image[: layout.SECTOR_BYTES] = damage
        path.write_bytes(image)
        assert state(root) == before
        assert layout.unpack_header(path.read_bytes()[: layout.SECTOR_BYTES]) is not None


def test_a_torn_header_never_takes_the_older_slot(root):
    """Both slots open, as between steps 4 and 5 of a destruction: the older one still holds the key."""
    path = root / "live.ring"
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(4)).live.destroy(DOOMED)
    image = bytearray(path.read_bytes())
    image[: layout.SECTOR_BYTES] = bytes(layout.SECTOR_BYTES)
    path.write_bytes(image)
    assert DOOMED not in state(root)


def test_a_whole_header_never_falls_back_to_an_older_slot(root):
    path = root / "live.ring"
    with pytest.raises(crash.PowerCut):
        Keyring(root, MASTER, io=crash.Stopping(4)).live.destroy(DOOMED)
    image = bytearray(path.read_bytes())
    header = layout.unpack_header(bytes(image[: layout.SECTOR_BYTES]))
    image[layout.slot_offset(header.active, header.capacity) + 40] ^= 1
    path.write_bytes(image)
    with pytest.raises(errors.KeyringCorrupt):
        Keyring(root, MASTER)


@pytest.mark.parametrize("at", range(CALLS_OF_A_COMMIT))
def test_a_business_file_survives_the_same_crashes(tmp_path, at):
    name = uuid.UUID(int=7)
    ring = Keyring(tmp_path / "ring", MASTER)
    keys = ring.birth(name)
    kept, doomed = keys.create("business"), keys.create("disposal/2026-11")
    crashing = Keyring(tmp_path / "ring", MASTER, io=crash.Stopping(at)).business(name)
    with pytest.raises(crash.PowerCut):
        crashing.destroy("disposal/2026-11")
    again = Keyring(tmp_path / "ring", MASTER).birth(name)
    assert again.get("business") == kept
    if at >= 4:
        with pytest.raises(errors.KeyGone):
            again.get("disposal/2026-11")
    assert again.destroy("disposal/2026-11")
    image = (tmp_path / "ring" / "business" / f"{name.hex}.ring").read_bytes()
    assert not carve.keys_found(image, MASTER, b"business/" + name.bytes, {doomed})
    assert len(image) == business.CAPACITY * 2 + layout.PAGE_BYTES
    assert not any(idle_slot(image))


@pytest.mark.parametrize("at", range(3))
def test_a_birth_that_was_cut_short_can_be_repeated(tmp_path, at):
    """pwrite, fsync, fsync of the folder: a file that is there is whole."""
    Keyring(tmp_path / "ring", MASTER)
    with pytest.raises(crash.PowerCut):
        Keyring(tmp_path / "ring", MASTER, io=crash.Stopping(at)).birth(uuid.UUID(int=1))
    assert Keyring(tmp_path / "ring", MASTER).birth(uuid.UUID(int=1)).names() == []
    assert not [found for found in (tmp_path / "ring").rglob("*") if found.name.startswith(".")]


@pytest.mark.parametrize("at", range(3))
def test_a_removal_that_was_cut_short_can_be_repeated(tmp_path, at):
    name = uuid.UUID(int=1)
    Keyring(tmp_path / "ring", MASTER).birth(name).create("business")
    with pytest.raises(crash.PowerCut):
        Keyring(tmp_path / "ring", MASTER, io=crash.Stopping(at)).remove(name)
    ring = Keyring(tmp_path / "ring", MASTER)
    ring.remove(name)
    with pytest.raises(errors.KeyGone):
        ring.business(name).get("business")


def test_a_refused_flip_puts_every_byte_back(root):
    path = root / "live.ring"
    before = path.read_bytes()
    for at in range(4):
        ring = Keyring(root, MASTER, io=crash.Refusing(at, forever=False))
        with pytest.raises(errors.KeyringUnwritable):
            ring.live.create(FRESH)
        assert path.read_bytes() == before


def test_birth_of_what_exists_scrubs_it(tmp_path):
    owner, path = uuid.UUID(int=1), tmp_path / "ring" / "business" / f"{uuid.UUID(int=1).hex}.ring"
    Keyring(tmp_path / "ring", MASTER).birth(owner).create("business")
    dying = Keyring(tmp_path / "ring", MASTER, io=crash.Stopping(1))
    with pytest.raises(crash.PowerCut):
        dying.business(owner).create("another")
    assert idle_slot(path.read_bytes()).strip(b"\0")
    Keyring(tmp_path / "ring", MASTER).birth(owner)
    assert not idle_slot(path.read_bytes()).strip(b"\0")


def test_a_business_whose_closing_cannot_be_kept_in_mind_keeps_its_keys(tmp_path):
    owner = uuid.UUID(int=1)
    key = Keyring(tmp_path / "ring", MASTER).birth(owner).create("business")
    refusing = Keyring(tmp_path / "ring", MASTER, io=crash.Refusing(0, forever=False))
    with pytest.raises(errors.KeyringUnwritable):
        refusing.bury(owner, "closed")
    assert Keyring(tmp_path / "ring", MASTER).business(owner).get("business") == key
    assert not refusing.buried()
