"""Files: sealed once, used once, open to who holds a record, gone with the last one."""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from archive.flows import approval, blob, hold
from archive.models import Blob, Bucket
from archive.rules import events
from archive.tests.conftest import Home, fail_after, keep
from archive.tests.test_disposal import hold_all, open_wide, over, read, run
from portal.kernel import actors, clock, ids, keys, unit
from portal.kernel.errors import Refusal
from portal.testing import thief

DATA = b"%PDF-1.7 " + b"what nobody else should see " * 5000
AUTHOR = actors.staff(ids.uuid7(), "author")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_listeners", [])


def put(data: bytes = DATA, actor: actors.Actor = AUTHOR, most: int = blob.MOST_WAITING) -> UUID:
    return blob.put(actor=actor, now=clock.now(), name="letter.pdf", kind="application/pdf", data=data, most=most).id


def looked(*wanted: UUID, actor: actors.Actor = AUTHOR) -> list[Any]:
    with unit.work():
        found = blob.look(actor=actor, now=clock.now(), wanted=wanted)
    return [found[pk] for pk in wanted]


def used(*wanted: UUID) -> list[dict[str, Any]]:
    with unit.work():
        entries = [one.entry for one in blob.look(actor=AUTHOR, now=clock.now(), wanted=wanted).values()]  # type: ignore[union-attr]
        blob.use(wanted=wanted, until=clock.now())
    return entries


def attached(entries: list[dict[str, Any]], **changes: Any) -> Any:
    content = {"subject": "", "body": "see the letter", "to": {"name": "Anna"}, "attachments": entries}
    return over(content=content, **changes)


def test_what_was_put_opens_for_who_has_its_entry(home: Home, fake: clock.Fake) -> None:
    pk = put()
    (entry,) = used(pk)
    assert blob.read(entry) == DATA
    assert (entry["name"], entry["bytes"], entry["sha256"]) == (
        "letter.pdf",
        len(DATA),
        hashlib.sha256(DATA).hexdigest(),
    )
    row = Blob.objects.get(id=pk)
    assert (row.bucket, row.wrap, row.entry) == (None, None, None)
    assert b"nobody else" not in bytes(row.sealed)


def test_while_it_waits_neither_its_words_nor_its_name_are_plain(home: Home, fake: clock.Fake) -> None:
    row = Blob.objects.get(id=put())
    stored = bytes(row.sealed) + bytes(row.wrap or b"") + bytes(row.entry or b"")
    assert b"nobody else" not in stored
    assert b"letter" not in stored


def test_an_upload_is_used_by_one_call_of_its_uploader(home: Home, fake: clock.Fake) -> None:
    pk = put()
    assert [one.code for one in looked(pk, actor=actors.staff(ids.uuid7(), "author"))] == ["unknown_attachment"]
    assert [one.code for one in looked(ids.uuid7())] == ["unknown_attachment"]
    used(pk)
    assert [one.code for one in looked(pk)] == ["attachment_used"]


def test_a_call_that_fails_leaves_it_to_be_used(home: Home, fake: clock.Fake) -> None:
    pk = put()
    fail_after(
        lambda u: (blob.look(actor=AUTHOR, now=clock.now(), wanted=[pk]), blob.use(wanted=[pk], until=clock.now()))
    )
    assert isinstance(looked(pk)[0], blob.Taken)


def test_it_is_carried_forward_for_a_day_and_then_gone(home: Home, fake: clock.Fake) -> None:
    pk = put()
    first = Blob.objects.get(id=pk).bucket
    for _ in range(30):
        fake.advance(seconds=50)
        blob.carry(now=clock.now())
        at = Blob.objects.get(id=pk).bucket or 0
        assert 0 < at - clock.now().timestamp() <= 120
    assert at > (first or 0)
    assert isinstance(looked(pk)[0], blob.Taken)
    Blob.objects.filter(id=pk).update(held_until=clock.now())
    assert blob.carry(now=clock.now()) == 0
    assert [one.code for one in looked(pk)] == ["attachment_gone"]
    blob.sweep(now=clock.now())
    assert not Blob.objects.exists()


def test_without_a_clock_for_two_minutes_it_is_lost_and_says_so(home: Home, fake: clock.Fake) -> None:
    pk = put()
    fake.advance(seconds=121)
    assert [one.code for one in looked(pk)] == ["attachment_gone"]
    blob.carry(now=clock.now())
    blob.sweep(now=clock.now())
    assert not Blob.objects.exists()


def test_after_its_bucket_no_live_key_opens_the_file(home: Home, fake: clock.Fake) -> None:
    """The thief has every row there was, the live keys that are left and the business's ring: the key of the file is in none
    of them. With the bucket's key, which is gone, he would have had it."""
    pk = put()
    row = Blob.objects.get(id=pk)
    assert row.bucket is not None
    before = keys.keyring().live.get(row.bucket)
    stolen = thief.Stolen(home.place.id, pk, pk, row.bucket, bytes(row.wrap or b""), bytes(row.entry or b""))
    (entry,) = used(pk)
    keep(attached([entry]))
    keys.keyring().live.destroy(row.bucket)
    ring, live = keys.business(), keys.keyring().live
    salts = [ring.get(keys.BUSINESS_KEY)]
    left = [live.get(bucket) for bucket in live.buckets() if bucket > clock.now().timestamp()]
    left += [ring.get(name)[:32].ljust(32, b"\0") for name in ring.names()]
    assert thief.opens(stolen, left, salts) is None
    assert entry["key"].encode() in (thief.opens(stolen, [before], salts) or b"")


def test_a_file_that_was_changed_is_lost_and_not_shown(home: Home, fake: clock.Fake) -> None:
    pk = put()
    (entry,) = used(pk)
    row = Blob.objects.get(id=pk)
    row.sealed = bytes(row.sealed)[:-1] + b"x"
    row.save()
    for wrong in (entry, {**entry, "id": str(ids.uuid7())}, {**entry, "sha256": "0" * 64}):
        with pytest.raises(Refusal) as refused:
            blob.read(wrong)
        assert refused.value.code == "attachment_lost"


def test_it_goes_with_the_last_record_that_names_it(home: Home, fake: clock.Fake) -> None:
    open_wide()
    pk = put()
    entries = used(pk)
    Blob.objects.filter(id=pk).update(held_until=clock.now())
    keep(attached(entries), attached(entries, days=40))
    fake.advance(days=6)
    first = run()
    assert first.disposed == 1
    assert Blob.objects.filter(id=pk).exists()
    assert blob.read(entries[0]) == DATA
    fake.advance(days=40)
    assert run().disposed == 1
    assert not Blob.objects.exists()


def test_a_hold_keeps_a_record_and_so_its_file(home: Home, fake: clock.Fake) -> None:
    open_wide()
    pk = put()
    entries = used(pk)
    Blob.objects.filter(id=pk).update(held_until=clock.now())
    (draft,) = keep(attached(entries, category="billing"))
    placed = hold_all(home, "category:billing")
    fake.advance(days=6)
    assert run().held == 1
    blob.sweep(now=clock.now())
    assert blob.read(read(home, draft.index)["attachments"][0]) == DATA
    asked = hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="settled")
    approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id)
    fake.advance(days=1)
    hold.sweep(now=clock.now())
    assert run().disposed == 1
    assert not Blob.objects.exists()


def test_what_may_still_be_sent_stays_though_no_record_names_it_yet(home: Home, fake: clock.Fake) -> None:
    open_wide()
    pk = put()
    entries = used(pk)
    blob.hold(wanted=[pk], until=clock.now() + timedelta(days=60))
    keep(attached(entries))
    fake.advance(days=40)
    assert run().disposed == 1
    blob.sweep(now=clock.now())
    assert Blob.objects.filter(id=pk).exists()
    fake.advance(days=60)
    blob.sweep(now=clock.now())
    assert not Blob.objects.exists()


def test_a_disposal_counts_the_bytes_of_files(home: Home, fake: clock.Fake) -> None:
    open_wide()
    pk = put()
    entries = used(pk)
    Blob.objects.filter(id=pk).update(held_until=clock.now())
    keep(attached(entries))
    fake.advance(days=6)
    run()
    assert Bucket.objects.get(month="2031-05").disposed_bytes > len(DATA)


def test_nobody_fills_the_house_with_uploads(home: Home, fake: clock.Fake) -> None:
    pk = put(most=2)
    put(most=2)
    with pytest.raises(Refusal) as refused:
        put(most=2)
    assert refused.value.code == "too_many_uploads"
    put(actor=actors.staff(ids.uuid7(), "author"), most=2)
    used(pk)
    put(most=2)


def test_the_other_business_opens_nothing(home: Home, found: Any, fake: clock.Fake) -> None:
    pk = put()
    (entry,) = used(pk)
    other = found("globex")
    with other.scope():
        assert [one.code for one in looked(pk)] == ["unknown_attachment"]
        with pytest.raises(Refusal) as refused:
            blob.read(entry)
    assert refused.value.code == "attachment_lost"
