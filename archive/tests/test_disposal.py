"""Disposal: what goes, what stays, and that it stays whole (I8, design 6)."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from archive.flows import approval, bucket, disposal, hold, limits, reading, review, searchindex, sweep, unlock
from archive.ledger import entry
from archive.models import Approval, Batch, Bucket, DisposalRun, Disposed, Entry, Record, Rule, SearchRow
from archive.queries import sealed, verification
from archive.rules import events
from archive.tests.conftest import PASSPHRASE, Home, Team, allow, fail_after, happen, keep, snapshot
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal


@pytest.fixture(autouse=True)
def _short(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of a day, so that promises decide; no ceiling but where a test sets one; nobody above who hears of ends."""
    monkeypatch.setattr(events, "_listeners", [])
    if "home" in request.fixturenames:
        request.getfixturevalue("home")
        open_wide()


def open_wide(keep_for: str = "P1D") -> None:
    Rule.objects.filter(is_default=True).update(keep_for=keep_for)
    allow()


def over(body: str = "over", *, days: int = 5, **changes: Any) -> Any:
    """A record whose promised end will have passed after so many days."""
    now = clock.now()
    return snapshot(body, archived_until=now + timedelta(days=days), gone_at=now + timedelta(hours=1), **changes)


def run(actor: actors.Actor = actors.CLOCK, size: int = 2) -> DisposalRun:
    begun = disposal.begin(actor=actor, now=clock.now())
    disposal.plan(run_id=begun.id, now=clock.now())
    while disposal.step(run_id=begun.id, now=clock.now(), slice_rows=size):
        pass
    return DisposalRun.objects.get(id=begun.id)


def left() -> set[object]:
    return set(Record.objects.values_list("message_id", flat=True))


def hold_all(home: Home, query: str) -> hold.Placed:
    return hold.place(actor=home.officer, now=clock.now(), name="Matter", reason="suit", query=query)


def read(home: Home, index: int) -> Any:
    now = clock.now()
    half = unlock.open_(actor=home.officer, now=now, passphrase=PASSPHRASE, session_key="s").half
    return reading.open_record(actor=home.officer, now=now, index=index, session_key="s", half=half).content


def test_what_is_over_goes_and_the_rest_stays(home: Home, fake: clock.Fake) -> None:
    gone, stays = [over() for _ in range(5)], [snapshot(), snapshot(archived_until=None, gone_at=None)]
    keep(*gone, *stays)
    searchindex.take_in()
    fake.advance(days=6)
    done = run()
    assert left() == {one.message_id for one in stays}
    assert set(SearchRow.objects.values_list("message_id", flat=True)) == left(), "its words are looked for no more"
    assert (done.state, done.disposed) == ("finished", 5)
    assert set(Disposed.objects.values_list("message_id", flat=True)) == {one.message_id for one in gone}


@pytest.mark.parametrize("days", [6, 40], ids=["in its month", "after its month"])
def test_nothing_goes_before_its_end_whatever_its_row_promises(home: Home, fake: clock.Fake, days: int) -> None:
    """The latest end wins: rules that keep longer now, keep. Who shows ends elsewhere hears of it."""
    one, heard = over(), []
    events.register_moved(heard.extend)
    (draft,) = keep(one)
    open_wide("P7Y")
    fake.advance(days=days)
    assert run().disposed == 0
    row = Record.objects.get()
    assert row.archived_until == one.sent_at.replace(year=2038)
    assert row.disposal_bucket == "2038-05"
    assert heard == [(one.message_id, row.archived_until, "default")]
    assert read(home, draft.index)["body"] == "over"


def test_each_slice_is_an_entry_whose_ids_hash_to_what_went(home: Home, fake: clock.Fake) -> None:
    gone = [over() for _ in range(5)]
    keep(*gone)
    fake.advance(days=6)
    done = run(size=3)
    leaves = [entry.decode(bytes(row.leaf)) for row in Entry.objects.filter(kind="archive.disposed").order_by("index")]
    assert [leaf.count for leaf in leaves] == [3, 2]
    for leaf in leaves:
        went = Disposed.objects.filter(entry_id=leaf.id).values_list("message_id", flat=True)
        assert (leaf.count, leaf.ids_sha256) == entry.digest_ids(went)
        assert leaf.codes == {"run": str(done.id), "bucket": "2031-05"}
    kinds = set(Entry.objects.filter(kind__startswith="disposal.").values_list("kind", flat=True))
    assert kinds == {"disposal.started", "disposal.finished"}


def test_what_is_held_stays_and_goes_once_nothing_holds_it(home: Home, fake: clock.Fake) -> None:
    held, free = over(category="billing"), over()
    keep(held, free)
    placed = hold_all(home, "category:billing")
    fake.advance(days=6)
    assert run().held == 1
    assert left() == {held.message_id}
    asked = hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="settled")
    approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id)
    assert run().disposed == 0
    fake.advance(days=1)
    hold.sweep(now=clock.now())
    assert run().disposed == 1
    assert left() == set()


def test_survivors_leave_a_month_that_is_over_and_open_after(home: Home, fake: clock.Fake) -> None:
    held, gone = over("still here", category="billing"), over()
    drafts = keep(held, gone)
    hold_all(home, "category:billing")
    assert run().moved == 0
    fake.advance(days=30)
    assert run().moved == 1
    row = Record.objects.get()
    assert row.disposal_bucket == "2031-07"
    assert row.archived_until == held.archived_until
    assert (
        sha256(sealed.peel(row)).hexdigest() == entry.decode(bytes(Entry.objects.get(id=row.entry_id).leaf)).wrap_sha256
    )
    assert read(home, drafts[0].index)["body"] == "still here"
    assert bucket.decide(month="2031-05", now=clock.now())


def test_an_end_that_became_known_leaves_keep(home: Home, fake: clock.Fake) -> None:
    """Kept without an end, while its conversation was open; then it was closed."""
    one = snapshot(archived_until=None, gone_at=None, rule="default")
    heard: list[Any] = []
    events.register_moved(heard.extend)
    keep(one)
    fake.advance(days=6)
    assert (run().moved, heard) == (0, [])
    Record.objects.update(gone_at=clock.now() + timedelta(days=40))
    assert run().moved == 1
    assert Record.objects.get().disposal_bucket == "2031-06"
    assert (Bucket.objects.get().moved, [pk for pk, _, _ in heard]) == (1, [one.message_id])


def test_an_altered_record_keeps_its_bucket_from_being_decided(home: Home, fake: clock.Fake) -> None:
    keep(over(category="billing"))
    hold_all(home, "category:billing")
    Record.objects.update(outer_wrap=b"\x01" + bytes(80))
    fake.advance(days=30)
    assert run().stuck == 1
    assert not bucket.decide(month="2031-05", now=clock.now())
    assert Bucket.objects.get(month="2031-05").state == "deciding"


def test_an_envelope_goes_with_its_last_record_unless_a_detail_needs_it(home: Home, fake: clock.Fake) -> None:
    from archive.flows import batch

    keep(over())
    batch.forget()
    keep(over())
    happen(detail={"reason": "words"})
    batch.forget()
    keep(over(), snapshot())
    batch.forget()
    assert Batch.objects.count() == 3
    fake.advance(days=6)
    run()
    batch.forget()
    needed = set(Record.objects.values_list("batch_id", flat=True))
    details = [bytes(row.detail)[:16] for row in Entry.objects.exclude(detail=None)]
    assert {row.id for row in Batch.objects.all()} == needed | {
        row.id for row in Batch.objects.all() if row.id.bytes in details
    }
    assert len(needed) == 1
    assert verification.verify().is_whole


def test_a_young_envelope_stays_since_somebody_may_seal_under_it(home: Home, fake: clock.Fake) -> None:
    keep(over(days=0))
    Record.objects.update(gone_at=clock.now(), archived_until=clock.now())
    Rule.objects.update(keep_for="P0D")
    fake.advance(seconds=10)
    assert run().disposed == 1
    assert Batch.objects.exists()


def test_the_ceiling_stops_before_anything_goes_and_asks(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)], snapshot())
    allow(50)
    fake.advance(days=6)
    stopped = run()
    assert (stopped.state, stopped.disposed, len(left())) == ("waiting", 0, 4)
    assert disposal.begin(actor=home.officer, now=clock.now()).id == stopped.id
    approval.approve(actor=home.owner, now=clock.now(), approval_id=stopped.approval_id)
    while disposal.step(run_id=stopped.id, now=clock.now()):
        pass
    stopped.refresh_from_db()
    assert (stopped.state, stopped.disposed, len(left())) == ("finished", 3, 1)


def test_who_began_a_run_does_not_lift_its_ceiling(home: Home, team: Team, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)])
    allow(10)
    fake.advance(days=6)
    mine = run(home.officer)
    with pytest.raises(Refusal, match="own_request"):
        approval.approve(actor=home.officer, now=clock.now(), approval_id=mine.approval_id)
    approval.withdraw(actor=home.officer, now=clock.now(), approval_id=mine.approval_id)
    team.leave(home.owner)
    alone = run(home.officer)
    assert Approval.objects.get(id=alone.approval_id).state == "cooling", "nobody else is there: 72 hours"
    assert left()


def test_more_than_was_approved_never_goes(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)])
    allow(50)
    fake.advance(days=6)
    stopped = run()
    keep(*[over(days=0) for _ in range(2)])
    Record.objects.update(
        gone_at=clock.now() - timedelta(days=2), archived_until=clock.now(), sent_at=clock.now() - timedelta(days=3)
    )
    approval.approve(actor=home.owner, now=clock.now(), approval_id=stopped.approval_id)
    while disposal.step(run_id=stopped.id, now=clock.now(), slice_rows=2):
        pass
    stopped.refresh_from_db()
    assert (stopped.state, stopped.stopped_by, stopped.disposed) == ("stopped", "ceiling", 2)


def test_a_refused_ceiling_ends_the_run(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)])
    allow(10)
    fake.advance(days=6)
    first = run()
    approval.refuse(actor=home.owner, now=clock.now(), approval_id=first.approval_id)
    second = run()
    first.refresh_from_db()
    assert (first.state, second.state, len(left())) == ("stopped", "waiting", 3)
    assert Approval.objects.filter(state="open").count() == 1


def test_held_records_do_not_count_towards_the_ceiling(home: Home, fake: clock.Fake) -> None:
    keep(*[over(category="billing") for _ in range(6)], over())
    hold_all(home, "category:billing")
    allow(20)
    fake.advance(days=6)
    assert (run().state, len(left())) == ("finished", 6)


def test_a_run_can_be_stopped_and_the_next_one_ends_it(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(4)])
    fake.advance(days=6)
    begun = disposal.begin(actor=home.officer, now=clock.now())
    disposal.plan(run_id=begun.id, now=clock.now())
    assert disposal.step(run_id=begun.id, now=clock.now(), slice_rows=2)
    disposal.stop(actor=home.officer, now=clock.now(), run_id=begun.id)
    assert not disposal.step(run_id=begun.id, now=clock.now())
    assert len(left()) == 2
    with pytest.raises(Refusal, match="disposal_over"):
        disposal.stop(actor=home.officer, now=clock.now(), run_id=begun.id)
    run()
    assert left() == set()


def test_a_stranger_does_nothing(home: Home) -> None:
    author = actors.staff(ids.uuid7(), "author")
    group = review.Group("default", "2031-05", clock.now())
    for act in (
        lambda: disposal.begin(actor=author, now=clock.now()),
        lambda: disposal.stop(actor=author, now=clock.now(), run_id=ids.uuid7()),
        lambda: limits.change(actor=author, now=clock.now(), limits=limits.Limits(1, 1, 1)),
        lambda: review.approve(actor=author, now=clock.now(), group=group),
        lambda: review.extend(actor=author, now=clock.now(), group=group, until=clock.now() + timedelta(days=1)),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            act()


def test_another_businesss_records_stay(found: Callable[..., Home], fake: clock.Fake) -> None:
    acme, globex = found("acme"), found("globex")
    for one in (acme, globex):
        with one.scope():
            open_wide()
            keep(over())
    fake.advance(days=6)
    with acme.scope():
        assert run().disposed == 1
    with globex.scope():
        assert len(left()) == 1


def test_again_is_fine(home: Home, fake: clock.Fake) -> None:
    keep(over(), over())
    fake.advance(days=6)
    assert [run().disposed, run().disposed] == [2, 0]
    assert Disposed.objects.count() == 2


def test_half_way_failure_takes_nothing(home: Home, fake: clock.Fake) -> None:
    keep(over(), over())
    fake.advance(days=6)
    begun = disposal.begin(actor=home.officer, now=clock.now())
    disposal.plan(run_id=begun.id, now=clock.now())
    fail_after(lambda u: disposal.step(run_id=begun.id, now=clock.now()))
    assert (len(left()), Disposed.objects.count(), DisposalRun.objects.get().disposed) == (2, 0, 0)
    run()
    assert left() == set()


def test_the_archive_stays_whole_and_a_forged_tombstone_does_not_hide_a_loss(home: Home, fake: clock.Fake) -> None:
    keep(*[over() for _ in range(3)], snapshot(), snapshot())
    fake.advance(days=6)
    run()
    report = verification.verify()
    assert (report.is_whole, report.disposed, report.records) == (True, 3, 2)
    stolen = Record.objects.first()
    assert stolen
    Disposed.objects.create(
        message_id=stolen.message_id, entry_id=Entry.objects.filter(kind="archive.disposed")[0].id, at=clock.now()
    )
    stolen.delete()
    codes = {code for code, _ in verification.verify().faults}
    assert codes == {"disposal_differs", "entry_without_record"}


def test_a_record_that_is_gone_says_so_and_stays_provable(home: Home, fake: clock.Fake) -> None:
    from archive.flows import tree

    (draft,) = keep(over())
    fake.advance(days=6)
    run()
    for act in (lambda: sealed.get_sealed_for(home.mirror, draft.index), lambda: read(home, draft.index)):
        with pytest.raises(Refusal, match="record_disposed"):
            act()
    tree.integrate(now=clock.now())
    assert reading.prove(actor=home.officer, now=clock.now(), index=draft.index)


def test_the_clock_begins_one_a_day_and_gives_a_lost_run_a_worker(home: Home, fake: clock.Fake) -> None:
    keep(over())
    sweep.sweep(now=clock.now())
    sweep.sweep(now=clock.now())
    (first,) = DisposalRun.objects.all()
    assert first.state == "planning"
    disposal.sweep(now=fake.advance(minutes=3))
    first.refresh_from_db()
    assert first.beat_at == clock.now()
    assert not disposal.work(run_id=first.id)
    sweep.sweep(now=fake.advance(days=1))
    assert DisposalRun.objects.count() == 2
