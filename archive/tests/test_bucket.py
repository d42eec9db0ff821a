"""The end of a disposal bucket: decided when it is empty, destroyed once a backup is past that, certified after (I8)."""

from datetime import timedelta

import pytest

from archive.flows import bucket, certificate, disposal, hold, monthkey, sweep, tree
from archive.ledger import canonical, note
from archive.models import Bucket, Certificate, DisposalRun, Entry, Record
from archive.queries import certificates, promise, sealed, verification
from archive.rules import events
from archive.tests.conftest import Home, fail_after, keep, snapshot
from archive.tests.test_disposal import left, open_wide, over, run
from portal.kernel import clock, ids, keys, stores, tenancy
from portal.kernel.errors import Refusal
from portal.sealing import errors
from portal.sealing import record as sealing
from tenants.models import Backup

MAY = "2031-05"


@pytest.fixture(autouse=True)
def _quiet(home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_listeners", [])
    open_wide()


@pytest.fixture(autouse=True)
def _no_backups(house: None):  # type: ignore[no-untyped-def]
    Backup.objects.all().delete()
    yield
    Backup.objects.all().delete()


def back_up(size: int | None = None, *, verified: bool = True) -> Backup:
    """A backup that holds so many entries of this business: all there are, or `size`."""
    now = clock.now()
    held = Entry.objects.count() if size is None else size
    return Backup.objects.create(
        id=ids.uuid7(), started_at=now, as_of=now, verified_at=now if verified else None,
        ledgers={tenancy.here().id.hex: {"size": held, "root": "", "decided": -1}},
    )  # fmt: skip


def empty_may(fake: clock.Fake) -> None:
    """Two records of May are disposed of, and May is over."""
    keep(over(), over())
    fake.advance(days=30)
    run()


def has_key(month: str = MAY) -> bool:
    return monthkey.DISPOSAL + month in keys.business().names()


def test_a_month_is_decided_only_when_it_is_over_and_empty(home: Home, fake: clock.Fake) -> None:
    keep(over())
    assert not bucket.decide(month=MAY, now=clock.now())
    fake.advance(days=27)
    assert not bucket.decide(month=MAY, now=clock.now())  # the first of June: its day of grace
    fake.advance(days=1)
    assert not bucket.decide(month=MAY, now=clock.now())
    assert Bucket.objects.get().state == "deciding"
    run()
    assert bucket.decide(month=MAY, now=clock.now())
    assert bucket.decide(month=MAY, now=clock.now())
    row = Bucket.objects.get(month=MAY)
    assert Entry.objects.get(kind="bucket.decided").index == row.decided_index


def test_the_key_waits_for_a_verified_backup_past_the_decision(home: Home, fake: clock.Fake) -> None:
    empty_may(fake)
    bucket.sweep(now=clock.now())
    decided = Bucket.objects.get(month=MAY).decided_index
    assert decided is not None
    for made in (lambda: None, lambda: back_up(decided), lambda: back_up(verified=False)):
        made()
        bucket.sweep(now=clock.now())
        assert has_key()
    fake.advance(seconds=1)
    back_up(decided + 1)
    bucket.sweep(now=clock.now())
    assert not has_key()
    assert Bucket.objects.get(month=MAY).state == "destroyed"
    assert Entry.objects.get(kind="bucket.destroyed").index == Bucket.objects.get(month=MAY).destroyed_index


def test_a_destruction_says_whether_it_has_happened(home: Home, fake: clock.Fake) -> None:
    empty_may(fake)

    def destroy() -> bool:
        return bucket.destroy(month=MAY, now=clock.now())

    assert destroy() is False, "nobody decided it"
    bucket.decide(month=MAY, now=clock.now())
    assert destroy() is False, "no backup is past that"
    back_up()
    assert (destroy(), destroy()) == (True, True)


def test_another_businesss_backup_is_not_ours(home: Home, fake: clock.Fake) -> None:
    empty_may(fake)
    bucket.sweep(now=clock.now())
    now = clock.now()
    Backup.objects.create(
        id=ids.uuid7(), started_at=now, as_of=now, verified_at=now, ledgers={ids.uuid4().hex: {"size": 10**6}}
    )
    bucket.sweep(now=now)
    assert has_key()


def test_after_destruction_nothing_opens_and_before_it_does(home: Home, fake: clock.Fake) -> None:
    """A thief with an old backup of the row. The control: with the key it peels."""
    keep(over())
    row = Record.objects.get()

    def peel() -> bytes:
        key = keys.business().get(monthkey.DISPOSAL + MAY)
        return sealing.peel(
            key, bytes(row.outer_wrap), business=home.place.id, record=row.message_id, batch=row.batch_id, disposal_bucket=MAY
        )  # fmt: skip

    fake.advance(days=30)
    run()
    bucket.sweep(now=clock.now())
    assert peel()
    back_up()
    bucket.sweep(now=clock.now())
    with pytest.raises(errors.KeyGone):
        peel()
    with pytest.raises(Refusal, match="record_disposed"):
        sealed.peel(row)


def test_a_record_that_turns_up_keeps_the_key(home: Home, fake: clock.Fake) -> None:
    keep(over("by mistake"))
    lost = Record.objects.get()
    fake.advance(days=30)
    run()
    bucket.sweep(now=clock.now())
    lost.save(force_insert=True)
    back_up()
    assert bucket.destroy(month=MAY, now=clock.now()) is False
    assert has_key()
    assert Bucket.objects.get(month=MAY).state == "deciding"


def test_killed_after_the_key_and_before_the_entry_it_goes_on(home: Home, fake: clock.Fake) -> None:
    empty_may(fake)
    bucket.sweep(now=clock.now())
    back_up()
    fail_after(lambda u: bucket.destroy(month=MAY, now=clock.now()))
    assert not has_key()
    assert (Bucket.objects.get(month=MAY).state, Entry.objects.filter(kind="bucket.destroyed").count()) == (
        "decided",
        0,
    )
    bucket.sweep(now=clock.now())
    bucket.sweep(now=clock.now())
    assert Entry.objects.filter(kind="bucket.destroyed").count() == 1


def test_nothing_is_sealed_into_a_month_that_is_over(home: Home, fake: clock.Fake) -> None:
    keep(snapshot(archived_until=clock.now() - timedelta(days=60), gone_at=None))
    assert Record.objects.get().disposal_bucket == MAY
    assert not has_key("2031-03")


def certified(fake: clock.Fake) -> Certificate:
    empty_may(fake)
    bucket.sweep(now=clock.now())
    back_up()
    bucket.sweep(now=clock.now())
    assert certificate.sweep(now=clock.now()) == 1
    return Certificate.objects.get()


def test_a_certificate_verifies_with_the_logs_key_and_no_other(home: Home, fake: clock.Fake) -> None:
    row = certified(fake)
    epoch = tree.current_epoch()
    vkey = promise.key(epoch.number, epoch.origin).verifier.encode()
    said = certificates.verify(row.note, vkey)
    assert (said["bucket"], said["business"]) == (MAY, str(home.place.id))
    with pytest.raises(note.NoteError):
        certificates.verify(row.note.replace('"disposed":2', '"disposed":3'), vkey)
    with pytest.raises(note.NoteError):
        certificates.verify(row.note, note.generate(epoch.origin).verifier.encode())
    with pytest.raises(note.NoteError):
        certificates.read(note.sign("ebb.log/x/1\n1\nAAAA\n", note.generate("ebb.log/x/1")))


def test_a_certificate_names_every_store_the_backups_and_the_entries(home: Home, fake: clock.Fake) -> None:
    said = certificates.read(certified(fake).note)
    assert {one["where"] for one in said["stores"]} == {one.where for one in stores.declared().stores}
    assert said["backups"]["oldest_kept"] == clock.text(clock.now())
    assert said["records"] == {"bytes": said["records"]["bytes"], "disposed": 2, "moved_to_later_months": 0}
    assert said["rules"] == {"default": 2}
    kinds = {index: Entry.objects.get(index=index).kind for index in said["entries"]["disposed"]}
    assert set(kinds.values()) == {"archive.disposed"}
    assert Entry.objects.get(index=said["entries"]["destroyed"]).kind == "bucket.destroyed"
    assert len(said["limits"]) == len(certificate.LIMITS)


def test_a_certificate_is_issued_once_and_its_entry_has_its_digest(home: Home, fake: clock.Fake) -> None:
    row = certified(fake)
    assert certificate.sweep(now=clock.now()) == 0
    assert not certificate.issue(month=MAY, now=clock.now())
    leaf = canonical.parse(bytes(Entry.objects.get(kind="certificate.issued").leaf))
    assert leaf["codes"]["sha256"] == certificates.digest(row.note)


def test_the_clocks_round_does_all_of_it(home: Home, fake: clock.Fake) -> None:
    keep(over(), over(category="billing"))
    hold.place(actor=home.officer, now=clock.now(), name="n", reason="r", query="category:billing")
    fake.advance(days=30)
    sweep.sweep(now=clock.now())
    disposal.work(run_id=DisposalRun.objects.get().id)
    sweep.sweep(now=clock.now())
    back_up()
    sweep.sweep(now=clock.now())
    assert Certificate.objects.count() == 1
    assert len(left()) == 1
    tree.integrate(now=clock.now())
    assert verification.verify().faults == []
