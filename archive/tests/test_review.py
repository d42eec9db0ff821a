"""The review queue: what a rule wants people to look at waits, goes once they have, or is kept longer (R1 to R3)."""

from datetime import datetime, timedelta

import pytest

from archive.flows import review, rewrap
from archive.models import Record, Review, Rule
from archive.rules import events
from archive.tests.conftest import Home, allow, keep
from archive.tests.test_disposal import hold_all, left, open_wide, over, run
from portal.kernel import actors, clock, unit
from portal.kernel.errors import Refusal


@pytest.fixture(autouse=True)
def _short(home: Home, fake: clock.Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_listeners", [])
    open_wide()


def waiting(home: Home, fake: clock.Fake, stages: int = 1, count: int = 3) -> review.Group:
    allow(stages=stages)
    keep(*[over() for _ in range(count)])
    Rule.objects.update(action="review")
    fake.advance(days=6)
    assert run().waiting == count
    return review.Group("default", Review.objects.all()[0].month, clock.now())


def test_what_a_rule_wants_looked_at_waits_and_goes_once_approved(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake)
    assert len(left()) == 3
    assert review.approve(actor=home.officer, now=clock.now(), group=group) == 3
    assert len(left()) == 3
    assert run().disposed == 3
    assert (left(), Review.objects.count()) == (set(), 0)


def test_it_waits_under_the_month_of_its_end(home: Home, fake: clock.Fake) -> None:
    keep(over())
    Rule.objects.update(action="review")
    fake.advance(days=40)
    run()
    assert Review.objects.get().month == "2031-05"


def test_two_stages_take_two_people(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake, stages=2)
    review.approve(actor=home.officer, now=clock.now(), group=group)
    with pytest.raises(Refusal, match="review_decided"):
        review.approve(actor=home.officer, now=clock.now(), group=group)
    assert run().disposed == 0
    review.approve(actor=home.owner, now=clock.now(), group=group)
    assert run().disposed == 3


def test_what_joined_the_group_after_it_was_seen_waits(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake, count=2)
    keep(over(days=1))
    fake.advance(days=2)
    run()
    assert review.approve(actor=home.officer, now=clock.now(), group=group) == 2
    assert run().disposed == 2
    assert len(left()) == 1


def test_kept_longer_moves_to_its_new_month_and_stays(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake)
    until = datetime(2032, 1, 31, tzinfo=clock.now().tzinfo)
    with pytest.raises(Refusal, match="end_in_the_past"):
        review.extend(actor=home.officer, now=clock.now(), group=group, until=clock.now())
    assert review.extend(actor=home.officer, now=clock.now(), group=group, until=until) == 3
    assert set(Record.objects.values_list("disposal_bucket", "archived_until")) == {("2032-01", until)}
    assert run().disposed == 0
    assert Review.objects.count() == 0
    fake.at = until + timedelta(days=1)
    assert run().waiting == 3


def test_what_may_stay_longer_leaves_the_queue(home: Home, fake: clock.Fake) -> None:
    waiting(home, fake)
    open_wide("P7Y")
    run()
    assert (len(left()), Review.objects.count()) == (3, 0)


def test_approved_and_then_held_stays(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake)
    review.approve(actor=home.officer, now=clock.now(), group=group)
    hold_all(home, "kind:message.sent")
    assert (run().disposed, len(left())) == (0, 3)


def test_a_program_does_not_review(home: Home, fake: clock.Fake) -> None:
    group = waiting(home, fake)
    with pytest.raises(Refusal, match="not_allowed"):
        review.approve(actor=actors.SYSTEM, now=clock.now(), group=group)


def test_rewrapping_into_the_same_month_changes_no_key(home: Home) -> None:
    keep(over())
    row = Record.objects.get()
    with unit.work():
        moved = rewrap.move({row.message_id: rewrap.Target(row.disposal_bucket, row.archived_until)})
    assert (moved.count, bytes(Record.objects.get().outer_wrap)) == (1, bytes(row.outer_wrap))
