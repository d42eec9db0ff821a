"""Sealed records: byte-exact, bound to their leaf, and closed to the portal itself (I5, design 6)."""

import hashlib
import json

import pytest

from archive.flows import batch, monthkey, reading, record, unlock, wordindex
from archive.ledger import entry
from archive.models import Batch, Entry, Recipient, Record
from archive.queries import promise, sealed
from archive.tests.conftest import PASSPHRASE, Home, fail_after, keep, snapshot
from portal.kernel import clock, keys
from portal.kernel.errors import Refusal
from portal.sealing import errors as sealing_errors
from portal.sealing import record as sealing

ODD = 'naïve\u0000 \u202eright\u200b 👩‍👩‍👧 e\u0301 \ufeff \r\n\t\\ " \u2028 \U0010ffff'


def read(home: Home, index: int, **changes: str) -> reading.Opened:
    now = clock.now()
    half = unlock.open_(actor=home.officer, now=now, passphrase=PASSPHRASE, session_key="s").half
    given = {"session_key": "s", "half": half, **changes}
    return reading.open_record(actor=home.officer, now=now, index=index, **given)


def test_what_was_said_comes_back_byte_for_byte(home: Home) -> None:
    (draft,) = keep(snapshot(ODD))
    assert read(home, draft.index).content["body"] == ODD


def test_every_record_has_its_entry_in_the_same_commit(home: Home) -> None:
    drafts = keep(*[snapshot(f"number {n}") for n in range(60)])
    assert [draft.index for draft in drafts] == list(range(1, 61))
    assert set(Record.objects.values_list("entry_id", flat=True)) == {draft.id for draft in drafts}


def test_half_way_failure_leaves_neither(home: Home) -> None:
    fail_after(lambda u: record.keep(u, [snapshot()]))
    assert (Record.objects.count(), Entry.objects.count()) == (0, 1)


def test_a_rolled_back_first_transaction_does_not_lose_the_envelope(home: Home) -> None:
    fail_after(lambda u: record.keep(u, [snapshot()]))
    assert Batch.objects.count() == 0
    (draft,) = keep()
    assert Batch.objects.count() == 1
    assert read(home, draft.index).content["subject"] == "Hello"


def test_no_row_and_no_leaf_holds_the_words(home: Home) -> None:
    (draft,) = keep(snapshot("xylophone quarterly"))
    row, leaf = Record.objects.get(), Entry.objects.get(index=draft.index)
    at_rest = bytes(row.sealed) + bytes(row.outer_wrap) + bytes(leaf.leaf)
    assert b"xylophone" not in at_rest


def test_the_leaf_names_the_hashes_of_what_is_stored(home: Home) -> None:
    (draft,) = keep()
    row = Record.objects.get()
    leaf = entry.decode(bytes(Entry.objects.get(index=draft.index).leaf))
    assert leaf.sealed_sha256 == hashlib.sha256(bytes(row.sealed)).hexdigest()
    assert leaf.wrap_sha256 == hashlib.sha256(sealed.peel(row)).hexdigest()
    assert leaf.batch_sha256 == hashlib.sha256(bytes(Batch.objects.get().envelope)).hexdigest()


def test_database_and_keyring_together_do_not_open_a_record(home: Home) -> None:
    """Every byte of both in hand, no passphrase: no value of the keyring is a batch key, and no private key is at rest."""
    (draft,) = keep()
    batch.forget(home.place.id)
    parts = sealed.load(draft.index)
    ring = keys.business()
    for name in ring.names():
        with pytest.raises(sealing_errors.Unsealable):
            sealing.open_(
                ring.get(name)[:32].ljust(32, b"\0"), parts.inner_wrap, parts.sealed, business=home.place.id,
                record=parts.message_id, batch=parts.batch_id,
            )  # fmt: skip
        for recipient in Recipient.objects.all():
            with pytest.raises(sealing_errors.Unsealable):
                sealing.open_batch_key(
                    parts.envelope, str(recipient.id), ring.get(name)[:32].ljust(32, b"\0"), business=home.place.id,
                    batch=parts.batch_id,
                )  # fmt: skip


def test_the_recovery_key_alone_opens_it(home: Home) -> None:
    from portal.sealing import recovery

    (draft,) = keep(snapshot("found again"))
    parts = sealed.load(draft.index)
    spare = Recipient.objects.get(kind="recovery")
    key = sealing.open_batch_key(
        parts.envelope, str(spare.id), recovery.decode(home.recovery_text), business=home.place.id, batch=parts.batch_id
    )
    opened = sealing.open_(
        key, parts.inner_wrap, parts.sealed, business=home.place.id, record=parts.message_id, batch=parts.batch_id
    )
    assert json.loads(opened.content)["body"] == "found again"


def test_the_batch_key_is_forgotten_when_it_is_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "FULL_AT", 4)
    keep(*[snapshot() for _ in range(10)])
    assert Batch.objects.count() == 3
    keep(snapshot(), snapshot())
    assert not batch.holds(home.place.id)


def test_the_batch_key_is_forgotten_after_its_minute(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep()
    assert batch.holds(home.place.id)
    late = batch.time.monotonic() + batch.HELD_FOR + 1
    monkeypatch.setattr(batch.time, "monotonic", lambda: late)
    assert not batch.holds(home.place.id)


def test_a_clock_that_leaps_ends_the_batch_key_too(home: Home, fake: clock.Fake) -> None:
    """Its envelope may be gone: a disposal drops those that nothing is under a day after their making."""
    keep()
    fake.advance(days=2)
    Record.objects.all().delete()
    Batch.objects.all().delete()
    (draft,) = keep(snapshot("after the leap"))
    assert read(home, draft.index).content["body"] == "after the leap"  # type: ignore[index]


def test_a_fork_does_not_take_the_key_along(home: Home) -> None:
    keep()
    batch._after_fork()
    assert not batch.holds(home.place.id)


def test_the_disposal_bucket_is_the_month_of_the_end_and_its_key_ends_the_record(home: Home, fake: clock.Fake) -> None:
    (draft,) = keep()
    row = Record.objects.get()
    assert row.disposal_bucket == "2038-05"
    keys.business().destroy(monthkey.DISPOSAL + row.disposal_bucket)
    with pytest.raises(Refusal, match="record_disposed"):
        read(home, draft.index)


def test_an_end_nobody_knows_is_kept(home: Home) -> None:
    keep(snapshot(archived_until=None))
    assert Record.objects.get().disposal_bucket == "keep"


def test_what_is_no_text_is_refused(home: Home) -> None:
    with pytest.raises(Refusal, match="not_text"):
        keep(snapshot("half a pair: \ud800"))


def test_words_are_found_by_any_form_under_the_months_key(home: Home, fake: clock.Fake) -> None:
    keep(snapshot("The houses were painted; die Häuser, les maisons"))
    held = set(Record.objects.get().words)
    key = monthkey.index("2031-05")
    for query in ("house", "Houses", "painting", "HÄUSER", "maison"):
        (hashes,) = wordindex.hash_query(query, key=key)
        assert held & set(hashes), query
    (other,) = wordindex.hash_query("xylophone", key=key)
    assert not held & set(other)


def test_without_the_months_key_equal_words_differ(home: Home, fake: clock.Fake) -> None:
    keep(snapshot("invoice"))
    fake.advance(days=40)
    keep(snapshot("invoice"))
    first, second = Record.objects.order_by("sent_at")
    assert not set(first.words) & set(second.words)
    assert (first.index_month, second.index_month) == ("2031-05", "2031-06")


def test_nothing_is_kept_before_the_recovery_key_was_proved(found) -> None:  # type: ignore[no-untyped-def]
    made = found(complete=False)
    with made.scope(), pytest.raises(Refusal, match="archive_not_ready"):
        keep()


def test_the_keyring_holds_no_checkpoint_before_the_first(home: Home) -> None:
    assert promise.held() is None
