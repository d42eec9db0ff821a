"""The limits of disposal: stricter ones at once, looser ones by two people."""

from collections.abc import Callable

import pytest

from archive.flows import approval, limits
from archive.models import Approval, DisposalPolicy, Entry
from archive.tests.conftest import Home, Team, allow
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal

LOOSER = [(21, 100_000, 2), (20, 100_001, 2), (20, 100_000, 1), (1, 100_001, 3)]


@pytest.fixture(autouse=True)
def _usual(home: Home, fake: clock.Fake) -> None:
    allow(20, 100_000, 2)


def change(home: Home, *wanted: int, reason: str = "The rules were shortened by law") -> approval.Asked | None:
    return limits.change(actor=home.officer, now=clock.now(), limits=limits.Limits(*wanted), reason=reason)


def standing() -> tuple[int, int, int]:
    row = DisposalPolicy.objects.get()
    return row.ceiling_percent, row.ceiling_count, row.review_stages


@pytest.mark.parametrize("wanted", [(20, 100_000, 2), (10, 100_000, 2), (20, 1, 3)])
def test_stricter_ones_act_at_once(home: Home, wanted: tuple[int, int, int]) -> None:
    assert change(home, *wanted, reason="") is None
    assert standing() == wanted
    assert Entry.objects.get(kind="disposal.changed").actor == home.officer.label


@pytest.mark.parametrize("wanted", LOOSER)
def test_looser_ones_wait_for_somebody_else(home: Home, wanted: tuple[int, int, int]) -> None:
    asked = change(home, *wanted)
    assert asked
    assert standing() == (20, 100_000, 2)
    with pytest.raises(Refusal, match="own_request"):
        approval.approve(actor=home.officer, now=clock.now(), approval_id=asked.id)
    assert approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id).state == "done"
    assert standing() == wanted
    assert Entry.objects.get(kind="disposal.changed").actor == home.owner.label


def test_they_need_a_reason_and_wait_once(home: Home) -> None:
    with pytest.raises(Refusal, match="reason_missing"):
        change(home, 50, 1, 2, reason=" ")
    assert not Approval.objects.exists()
    change(home, 50, 1, 2)
    with pytest.raises(Refusal, match="approval_open"):
        change(home, 60, 1, 2)
    assert standing() == (20, 100_000, 2)


def test_refused_they_stay_as_they_were(home: Home) -> None:
    asked = change(home, 100, 10**9, 1)
    assert asked
    approval.refuse(actor=home.owner, now=clock.now(), approval_id=asked.id)
    assert standing() == (20, 100_000, 2)


def test_whoever_agrees_does_so_to_what_stood_then(home: Home) -> None:
    asked = change(home, 50, 100_000, 2)
    assert asked
    assert change(home, 5, 100, 3) is None
    decided = approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id)
    assert (decided.state, decided.failure) == ("failed", "limits_changed")
    assert standing() == (5, 100, 3)


def test_alone_one_waits_72_hours(home: Home, team: Team, fake: clock.Fake) -> None:
    team.leave(home.owner)
    asked = change(home, 50, 100_000, 2)
    assert asked
    assert asked.state == "cooling"
    fake.advance(hours=71)
    approval.sweep(now=clock.now())
    assert standing() == (20, 100_000, 2)
    fake.advance(hours=1)
    approval.sweep(now=clock.now())
    assert standing() == (50, 100_000, 2)


@pytest.mark.parametrize("wanted", [(0, 5, 1), (101, 5, 1), (5, 0, 1), (5, 10**10, 1), (5, 5, 0), (5, 5, 4)])
def test_limits_that_make_no_sense_are_refused(home: Home, wanted: tuple[int, int, int]) -> None:
    with pytest.raises(Refusal, match="bad_"):
        change(home, *wanted)


def test_a_stranger_and_another_business_change_nothing(home: Home, found: Callable[..., Home]) -> None:
    author = actors.staff(ids.uuid7(), "author")
    with pytest.raises(Refusal, match="not_allowed"):
        limits.change(actor=author, now=clock.now(), limits=limits.Limits(1, 1, 1))
    other = found("globex")
    with other.scope():
        change(other, 1, 1, 3)
    assert standing() == (20, 100_000, 2)
