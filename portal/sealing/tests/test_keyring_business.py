"""The keys of one business: names, compare-and-swap, birth and removal, and nothing of another business (I7)."""

import fcntl
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from portal.sealing import errors
from portal.sealing.keyring import business
from portal.sealing.keyring.ring import Keyring

MASTER = bytes(range(32))
T = 1_800_000_000
ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)


def test_a_business_has_names_of_its_own(ring, root):
    acme, globex = ring.birth(ACME), ring.birth(GLOBEX)
    key = acme.create("business")
    assert acme.create("business") == acme.get("business") == key
    assert len(acme.create("log", length=64)) == 64
    assert globex.create("business") != key
    acme.create("disposal/2026-12")
    acme.create("disposal/2026-11")
    assert acme.names("disposal/") == ["disposal/2026-11", "disposal/2026-12"]
    assert globex.names() == ["business"]
    assert ring.business(ACME) is acme
    assert Keyring(root, MASTER).business(ACME).get("business") == key


def test_a_file_of_one_business_does_not_open_as_that_of_another(ring, root):
    ring.birth(ACME).create("business")
    folder = root / "business"
    (folder / f"{GLOBEX.hex}.ring").write_bytes((folder / f"{ACME.hex}.ring").read_bytes())
    with pytest.raises(errors.KeyringCorrupt):
        ring.business(GLOBEX).get("business")


def test_put_new_never_overwrites(ring):
    acme = ring.birth(ACME)
    acme.put_new("log", b"first")
    acme.put_new("log", b"first")
    with pytest.raises(errors.KeyTaken):
        acme.put_new("log", b"second")
    assert acme.get("log") == b"first"


def test_compare_and_swap_lets_one_through(ring, root):
    acme = ring.birth(ACME)
    assert acme.compare_and_swap("checkpoint", None, b"1") is True
    assert acme.compare_and_swap("checkpoint", None, b"2") is False
    assert acme.compare_and_swap("checkpoint", b"0", b"2") is False
    assert acme.compare_and_swap("checkpoint", b"1", b"2") is True
    assert acme.get("checkpoint") == b"2"
    rings = [Keyring(root, MASTER).business(ACME) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: rings[n].compare_and_swap("checkpoint", b"2", b"by %d" % n), range(8)))
    assert sum(won) == 1
    assert acme.get("checkpoint") == b"by %d" % won.index(True)


def test_a_swap_to_the_same_value_holds(ring):
    acme = ring.birth(ACME)
    acme.put_new("checkpoint", b"1")
    assert acme.compare_and_swap("checkpoint", b"1", b"1") is True


def test_a_destroyed_name_is_gone_everywhere(ring, root):
    other = Keyring(root, MASTER)
    ring.birth(ACME).create("disposal")
    assert other.business(ACME).get("disposal")
    assert ring.business(ACME).destroy("disposal") is True
    for each in (ring, other):
        with pytest.raises(errors.KeyGone):
            each.business(ACME).get("disposal")


def test_a_business_that_was_never_born_has_no_keys(ring, root):
    for act in (lambda keys: keys.get("x"), lambda keys: keys.create("x"), lambda keys: keys.names()):
        with pytest.raises(errors.KeyGone):
            act(ring.business(ACME))
    assert list((root / "business").iterdir()) == []


def test_removal_overwrites_and_other_processes_notice(ring, root):
    other = Keyring(root, MASTER)
    ring.birth(ACME).create("business")
    assert other.business(ACME).get("business")
    path = root / "business" / f"{ACME.hex}.ring"
    with path.open("rb") as kept_open:
        ring.remove(ACME)
        assert not any(kept_open.read())
    assert not path.exists()
    for each in (ring, other):
        with pytest.raises(errors.KeyGone):
            each.business(ACME).get("business")
    ring.remove(ACME)


def test_a_reborn_business_is_not_mistaken_for_the_old_one(ring, root):
    other = Keyring(root, MASTER)
    old = ring.birth(ACME).create("business")
    assert other.business(ACME).get("business") == old
    ring.remove(ACME)
    new = ring.birth(ACME).create("business")
    assert other.business(ACME).get("business") == new != old


def test_birth_of_what_exists_keeps_it(ring):
    key = ring.birth(ACME).create("business")
    assert ring.birth(ACME).get("business") == key


def test_of_two_births_at_once_the_first_file_counts(ring, monkeypatch):
    key = ring.birth(ACME).create("business")
    monkeypatch.setattr(type(ring._live_file.path), "exists", lambda path: False)
    assert ring.birth(ACME).get("business") == key


def test_of_two_creations_at_once_the_first_value_counts(ring, monkeypatch):
    acme = ring.birth(ACME)
    key = acme.create("business")
    monkeypatch.setattr(acme, "_values", dict)
    assert acme.create("business") == key


def test_a_writer_that_waited_for_a_removal_finds_nothing(ring, root, monkeypatch):
    acme = ring.birth(ACME)
    acme.create("business")
    flock = fcntl.flock

    def late(fd, how):
        monkeypatch.undo()
        ring.remove(ACME)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(errors.KeyGone):
        acme.create("other")


def test_a_copy_is_reborn_under_another_master_key_and_never_over_a_file(tmp_path):
    old, new = Keyring(tmp_path / "old", b"o" * 32), Keyring(tmp_path / "new", b"n" * 32)
    kept = old.birth(ACME)
    key, extra = kept.create("business"), kept.create("disposal/2031-05")
    assert not new.holds(ACME)
    new.rebirth(ACME, kept.copy())
    assert new.holds(ACME)
    assert (new.business(ACME).get("business"), new.business(ACME).get("disposal/2031-05")) == (key, extra)
    with pytest.raises(errors.KeyTaken):
        new.rebirth(ACME, business.encode({"business": b"x" * 32}))
    assert new.business(ACME).get("business") == key


def test_a_closed_business_gets_no_ring_again(ring):
    ring.birth(ACME)
    before = ring.business(ACME)
    ring.bury(ACME, "closed on Friday")
    assert ring.buried() == {ACME: "closed on Friday"}
    assert not ring.holds(ACME)
    assert ring.business(ACME) is not before  # nor does what it held stay in memory
    with pytest.raises(errors.KeyTaken):
        ring.birth(ACME)
    with pytest.raises(errors.KeyTaken):
        ring.rebirth(ACME, business.encode({}))
    assert not ring.holds(ACME)
