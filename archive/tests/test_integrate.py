"""Tree, signature and the promise in the keyring: what is signed can never be unsigned (I6, T16)."""

import pytest

from archive.flows import epoch, signing, tree
from archive.ledger import checkpoint, merkle, proof, tiles
from archive.models import Checkpoint, Entry, Epoch, Tile
from archive.queries import promise, proofs
from archive.queries import tree as stored
from archive.tests.conftest import Home, happen
from portal.kernel import clock, keys, unit
from portal.kernel.errors import Refusal


def many(count: int) -> None:
    with unit.work() as u:
        for _ in range(count):
            u.entry(unit.Draft("staff.signed_in", "system"))


def integrate() -> tree.Integrated:
    return tree.integrate(now=clock.now())


def roll_back_to(size: int) -> None:
    """The database as a backup of that time has it; the keyring stays as it is."""
    Entry.objects.filter(index__gte=size).delete()
    Checkpoint.objects.filter(size__gt=size).delete()
    Tile.objects.all().delete()
    tree.grow()


def test_every_entry_is_proved_against_the_signed_checkpoint(home: Home) -> None:
    many(700)
    assert integrate() == tree.Integrated(701, is_new=True)
    vkey = proofs.get_key_for(home.officer)
    for index in (0, 1, 255, 256, 511, 512, 700):
        text = proofs.get_proof_for(home.officer, index)
        leaf = bytes(Entry.objects.get(index=index).leaf)
        assert proof.verify(text, vkey, leaf, index=index).size == 701


def test_the_root_is_that_of_the_leaves_however_they_came(home: Home) -> None:
    for count in (1, 254, 3, 300):
        many(count)
        integrate()
    leaves = [merkle.hash_leaf(bytes(leaf)) for leaf in Entry.objects.order_by("index").values_list("leaf", flat=True)]
    assert promise.held().root == merkle.root(leaves)


def test_nothing_new_signs_nothing(home: Home) -> None:
    integrate()
    assert integrate() == tree.Integrated(1, is_new=False)
    assert Checkpoint.objects.count() == 1


def test_a_small_chunk_gives_the_same_tree(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    many(600)
    monkeypatch.setattr(tree, "CHUNK", 100)
    integrate()
    assert stored.size() == 601
    verified = checkpoint.open_(proofs.newest().note, proofs.get_key_for(home.officer))
    assert verified.root == stored.root_at(601)


def test_a_proof_before_integration_is_a_conflict(home: Home) -> None:
    integrate()
    happen()
    with pytest.raises(Refusal, match="not_integrated"):
        proofs.get_proof_for(home.officer, 1)


def test_a_crash_between_tiles_and_promise_heals(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    many(5)
    monkeypatch.setattr(signing, "swap", _die)
    with pytest.raises(KeyboardInterrupt):
        integrate()
    monkeypatch.undo()
    assert (promise.held(), Checkpoint.objects.count()) == (None, 0)
    assert integrate() == tree.Integrated(6, is_new=True)


def test_a_crash_between_promise_and_row_publishes_the_same_note(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    many(5)
    monkeypatch.setattr(tree, "_publish", _die)
    with pytest.raises(KeyboardInterrupt):
        integrate()
    monkeypatch.undo()
    promised = promise.held()
    assert Checkpoint.objects.count() == 0
    assert integrate() == tree.Integrated(6, is_new=True)
    assert Checkpoint.objects.get().note == promised.note


def test_the_slower_of_two_clocks_signs_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    integrate()
    stale = promise.held()
    many(3)
    integrate()
    many(3)
    monkeypatch.setattr(promise, "held", lambda: stale)
    with pytest.raises(Refusal, match="signed_elsewhere"):
        integrate()
    assert Checkpoint.objects.count() == 2


def test_an_older_database_refuses_to_sign(home: Home) -> None:
    many(20)
    integrate()
    roll_back_to(10)
    with pytest.raises(Refusal, match="log_behind"):
        integrate()


def test_an_older_database_that_caught_up_is_a_fork_and_refuses(home: Home) -> None:
    many(20)
    integrate()
    roll_back_to(10)
    many(40)
    with pytest.raises(Refusal, match="log_forked"):
        integrate()
    assert promise.held().size == 21


def test_only_an_officer_goes_on_in_a_new_epoch_that_names_the_gap(home: Home) -> None:
    many(9)
    integrate()
    before = promise.held()
    many(20)
    integrate()
    lost = promise.held()
    roll_back_to(15)
    with pytest.raises(Refusal, match="not_allowed"):
        epoch.begin(actor=home.owner, now=clock.now())
    begun = epoch.begin(actor=home.officer, now=clock.now())
    assert (begun.number, begun.first_index) == (2, 15)
    leaf = stored.leaves(15, 1)[0][1].decode()
    assert lost.root.hex() in leaf
    for code in (
        '"lost_from":15', '"lost_to":29', '"previous_size":30', f'"trusted_size":{before.size}', '"epoch":2',
    ):  # fmt: skip
        assert code in leaf
    assert integrate() == tree.Integrated(16, is_new=True)
    verified = checkpoint.open_(proofs.newest().note, proofs.get_key_for(home.officer))
    assert verified.origin.endswith("/2")
    assert proofs.get_key_for(home.officer, 1) != proofs.get_key_for(home.officer)


def test_a_fork_goes_on_too_and_names_what_it_cannot_show(home: Home) -> None:
    many(9)
    integrate()
    many(20)
    integrate()
    roll_back_to(15)
    many(50)
    begun = epoch.begin(actor=home.officer, now=clock.now())
    leaf = stored.leaves(begun.first_index, 1)[0][1].decode()
    assert '"lost_from":10' in leaf
    assert integrate().size == begun.first_index + 1


def test_a_whole_log_begins_no_epoch(home: Home) -> None:
    integrate()
    happen()
    with pytest.raises(Refusal, match="log_is_whole"):
        epoch.begin(actor=home.officer, now=clock.now())
    assert Epoch.objects.count() == 1


def test_an_epoch_that_died_half_way_is_finished_by_an_officer_not_by_the_clock(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(20)
    integrate()
    roll_back_to(10)
    monkeypatch.setattr(signing, "swap", _die)
    with pytest.raises(KeyboardInterrupt):
        epoch.begin(actor=home.officer, now=clock.now())
    monkeypatch.undo()
    with pytest.raises(Refusal, match="log_unfinished"):
        integrate()
    assert epoch.begin(actor=home.officer, now=clock.now()).number == 2
    assert integrate().is_new
    assert Epoch.objects.count() == 2


def test_a_database_from_before_an_epoch_refuses_too(home: Home) -> None:
    many(20)
    integrate()
    roll_back_to(10)
    epoch.begin(actor=home.officer, now=clock.now())
    integrate()
    Epoch.objects.filter(number=2).delete()
    roll_back_to(10)
    with pytest.raises(Refusal, match="log_behind"):
        integrate()
    assert epoch.begin(actor=home.officer, now=clock.now()).number == 3
    assert integrate().is_new


def test_a_missing_entry_stops_the_clock(home: Home) -> None:
    many(5)
    Entry.objects.filter(index=3).delete()
    with pytest.raises(Refusal, match="log_gap"):
        integrate()


def test_a_wide_gap_stops_it_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    integrate()
    many(40)
    monkeypatch.setattr(tree, "CHUNK", 5)
    Entry.objects.filter(index__gte=1, index__lt=30).delete()
    with pytest.raises(Refusal, match="log_gap"):
        integrate()


def test_entries_cut_off_under_their_tiles_stop_the_clock_until_a_new_epoch(home: Home) -> None:
    many(20)
    integrate()
    Entry.objects.filter(index__gte=15).delete()
    with pytest.raises(Refusal, match="log_forked"):
        integrate()
    many(40)
    with pytest.raises(Refusal, match="log_forked"):
        integrate()
    begun = epoch.begin(actor=home.officer, now=clock.now())
    assert begun.first_index == 55
    assert integrate().size == 56


def test_an_older_keyring_does_not_lead_to_a_second_history(home: Home) -> None:
    many(5)
    integrate()
    old = promise.held()
    many(5)
    integrate()
    ring = keys.business()
    ring.compare_and_swap(promise.CHECKPOINT, ring.get(promise.CHECKPOINT), old.encode())
    roll_back = Checkpoint.objects.get(size=11)
    Checkpoint.objects.filter(size=11).update(root=bytes(32))
    with pytest.raises(Refusal, match="log_forked"):
        integrate()
    Checkpoint.objects.filter(size=11).update(root=roll_back.root)
    assert integrate().size == 11


def test_tiles_are_served_whole_partial_and_never_beyond_the_checkpoint(home: Home) -> None:
    many(299)
    integrate()
    many(10)
    tree.grow()
    full = proofs.get_tile_for(home.officer, "tile/0/000")
    part = proofs.get_tile_for(home.officer, "tile/0/001.p/44")
    assert (len(full), len(part)) == (8192, 44 * 32)
    bundle = tiles.decode_bundle(proofs.get_tile_for(home.officer, "tile/entries/001.p/44"))
    assert [merkle.hash_leaf(one) for one in bundle] == tiles.split_hashes(part)
    for path in ("tile/0/001.p/45", "tile/0/001", "tile/9/000", "tile/1/000.p/2", "tile/../x"):
        with pytest.raises(Refusal, match="not_found"):
            proofs.get_tile_for(home.officer, path)


def _die(*args: object, **kwargs: object) -> bool:
    """What a kill looks like: no handler of ours catches it."""
    raise KeyboardInterrupt
