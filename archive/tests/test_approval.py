"""Acts that need a second person: asked, decided once by somebody else, cooled off where there is nobody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import connection

from archive import jobs
from archive.flows import approval, sweep
from archive.models import Approval, Entry
from archive.queries import approvals
from archive.rules import acts
from archive.tests.conftest import Home, Team
from portal.kernel import actors, clock, ids, tenancy, unit
from portal.kernel.errors import Kind, Refusal

KIND = "hold.release"
WHY = "Kowalski versus Acme is settled"


class Door:
    """An act for the tests: it writes an entry, remembers who did it, and refuses when told to."""

    def __init__(self) -> None:
        self.done: list[tuple[str, UUID, dict[str, Any]]] = []
        self.refuses: Refusal | None = None

    def __call__(self, *, actor: actors.Actor, now: Any, target_id: UUID, codes: Any) -> None:
        with unit.work() as u:
            u.entry(unit.Draft("hold.released", actor.label, codes={"hold": str(target_id)}))
            Approval.objects.filter(kind="other").update(failure="touched")
            if self.refuses is not None:
                raise self.refuses
        self.done.append((actor.label, target_id, dict(codes)))


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    before = acts.get(KIND)
    approval.register(KIND, approval.Act("hold.manage", "Release a hold", made))
    yield made
    if before:
        approval.register(KIND, before)


def ask(actor: actors.Actor, reason: str = WHY, target: UUID | None = None) -> approval.Asked:
    codes = {"reach": 3}
    return approval.ask(
        actor=actor, now=clock.now(), kind=KIND, target=target or ids.uuid7(), codes=codes, reason=reason
    )


def approve(actor: actors.Actor, asked: approval.Asked) -> approval.Decided:
    return approval.approve(actor=actor, now=clock.now(), approval_id=asked.id)


def kinds() -> list[str]:
    return list(Entry.objects.order_by("index").values_list("kind", flat=True))[1:]


def test_another_person_carries_it_out(home: Home, door: Door) -> None:
    target = ids.uuid7()
    asked = ask(home.officer, target=target)
    assert asked.state == "open"
    assert not door.done
    assert approve(home.owner, asked).state == "done"
    assert door.done == [(home.owner.label, target, {"reach": 3})]
    assert kinds() == ["approval.asked", "approval.approved", "hold.released"]


def test_the_reason_is_sealed_and_in_no_leaf(home: Home, door: Door) -> None:
    row = Approval.objects.get(id=ask(home.officer).id)
    leaf = bytes(Entry.objects.get(kind="approval.asked").leaf)
    assert b"Kowalski" not in bytes(row.reason) + leaf
    assert b'"reach":3' in leaf
    assert approvals.reason_of(row) == WHY


@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_missing"), (" \n", "reason_missing"), ("x" * 1001, "reason_too_long")]
)
def test_a_reason_is_required(home: Home, door: Door, reason: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        ask(home.officer, reason)
    assert Approval.objects.count() == 0


def test_nobody_decides_what_they_asked_for(home: Home, door: Door) -> None:
    asked = ask(home.officer)
    for verb in (approval.approve, approval.refuse):
        with pytest.raises(Refusal, match="own_request"):
            verb(actor=home.officer, now=clock.now(), approval_id=asked.id)
    assert not door.done


def test_nor_what_their_own_key_asked_for(home: Home, door: Door, team: Team) -> None:
    key = actors.key(ids.uuid7(), frozenset({"hold.manage"}))
    assert key.id
    assert home.owner.id
    team.makers[key.id] = home.owner.id
    asked = ask(key)
    with pytest.raises(Refusal, match="own_request"):
        approve(home.owner, asked)
    assert approve(home.officer, asked).state == "done"


def test_a_key_only_asks(home: Home, door: Door, team: Team) -> None:
    key = actors.key(ids.uuid7(), frozenset({"hold.manage"}))
    asked, own = ask(home.officer), ask(key)
    for verb in (approval.approve, approval.refuse):
        with pytest.raises(Refusal, match="not_allowed"):
            verb(actor=key, now=clock.now(), approval_id=asked.id)
    with pytest.raises(Refusal, match="not_found"):
        approval.withdraw(actor=key, now=clock.now(), approval_id=own.id)


def test_strangers_neither_ask_nor_decide(home: Home, door: Door) -> None:
    author, reviewer = actors.staff(ids.uuid7(), "author"), actors.staff(ids.uuid7(), "reviewer")
    asked = ask(home.officer)
    for stranger in (author, reviewer):
        with pytest.raises(Refusal, match="not_allowed"):
            ask(stranger)
        with pytest.raises(Refusal, match="not_allowed"):
            approve(stranger, asked)
        with pytest.raises(Refusal, match="not_found"):
            approval.withdraw(actor=stranger, now=clock.now(), approval_id=asked.id)
        assert not approvals.get_waiting_for(stranger).exists()


def test_another_business_sees_none_of_it(home: Home, door: Door, found: Any) -> None:
    asked = ask(home.officer)
    other = found("globex")
    with other.scope(), pytest.raises(Refusal, match="not_found"):
        approve(other.owner, asked)


def test_an_act_waits_once_for_a_target(home: Home, door: Door) -> None:
    target = ids.uuid7()
    first = ask(home.officer, target=target)
    with pytest.raises(Refusal, match="approval_open"):
        ask(home.owner, target=target)
    approval.refuse(actor=home.owner, now=clock.now(), approval_id=first.id)
    assert ask(home.owner, target=target).state == "open"
    assert kinds() == ["approval.asked", "approval.refused", "approval.asked"]


@pytest.mark.parametrize("verb", [approval.approve, approval.refuse, approval.withdraw])
def test_what_is_decided_stays_decided(home: Home, door: Door, verb: Any) -> None:
    asked = ask(home.officer)
    approval.refuse(actor=home.owner, now=clock.now(), approval_id=asked.id)
    with pytest.raises(Refusal, match="approval_decided"):
        verb(actor=home.owner, now=clock.now(), approval_id=asked.id)
    assert not door.done


def test_two_at_once_carry_it_out_once(home: Home, door: Door, team: Team) -> None:
    people = [actors.staff(ids.uuid7(), "owner") for _ in range(6)]
    team.join(*people)
    asked = ask(home.officer)

    def decide(person: actors.Actor) -> str:
        with tenancy.tenant_scope(home.place):
            try:
                return approve(person, asked).state
            except Refusal as refusal:
                return refusal.code
            finally:
                connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(decide, people))
    assert answers == ["approval_decided"] * 5 + ["done"]
    assert len(door.done) == 1
    assert kinds().count("hold.released") == 1


def test_what_is_not_possible_any_more_fails_and_leaves_nothing(home: Home, door: Door) -> None:
    asked = ask(home.officer)
    Approval.objects.filter(id=ask(home.owner).id).update(kind="other")
    door.refuses = Refusal("hold_released", "It was released.", Kind.CONFLICT)
    decided = approve(home.owner, asked)
    assert (decided.state, decided.failure) == ("failed", "hold_released")
    assert Approval.objects.get(kind="other").failure == "", "half of the act stayed"
    assert kinds()[-2:] == ["approval.approved", "approval.failed"]
    assert "hold.released" not in kinds()


def test_what_is_only_away_can_be_tried_again(home: Home, door: Door) -> None:
    asked = ask(home.officer)
    door.refuses = Refusal("keyring_full", "Not now.", Kind.UNAVAILABLE)
    with pytest.raises(Refusal, match="keyring_full"):
        approve(home.owner, asked)
    assert kinds() == ["approval.asked"]
    door.refuses = None
    assert approve(home.owner, asked).state == "done"


def test_it_runs_out_after_a_week(home: Home, door: Door, fake: clock.Fake) -> None:
    asked = ask(home.officer)
    fake.advance(days=7)
    with pytest.raises(Refusal, match="approval_expired"):
        approve(home.owner, asked)
    assert approval.sweep(now=clock.now()) == 1
    assert approval.sweep(now=clock.now()) == 0
    assert Approval.objects.get().state == "expired"
    assert kinds()[-1] == "approval.expired"
    assert not door.done


def test_a_business_of_one_waits_72_hours_and_the_owner_is_told(
    home: Home, door: Door, team: Team, fake: clock.Fake
) -> None:
    team.leave(home.officer)
    asked = ask(home.owner)
    assert asked.state == "cooling"
    assert asked.acts_at == clock.now() + timedelta(hours=72)
    jobs.tell_of_cooling(asked.id)
    (sent,) = mail.outbox
    assert sent.to == team.owner_addresses()
    assert "Kowalski" not in sent.subject + sent.body
    assert "hold" not in (sent.subject + sent.body).lower()
    fake.advance(hours=71, minutes=59)
    sweep.sweep(now=clock.now())
    assert not door.done
    fake.advance(minutes=1)
    sweep.sweep(now=clock.now())
    sweep.sweep(now=clock.now())
    assert [who for who, *_ in door.done] == [home.owner.label]
    own = [kind for kind in kinds() if kind != "index.sealed"]
    assert own == ["approval.asked", "approval.cooling", "approval.approved", "hold.released"]


def test_a_cool_off_cannot_be_cut_short_but_taken_back(home: Home, door: Door, team: Team, fake: clock.Fake) -> None:
    team.leave(home.officer)
    asked = ask(home.owner)
    with pytest.raises(Refusal, match="own_request"):
        approve(home.owner, asked)
    team.join(home.officer)  # a colleague who came since cannot hurry it, but stop it
    with pytest.raises(Refusal, match="approval_cooling"):
        approve(home.officer, asked)
    approval.withdraw(actor=home.officer, now=clock.now(), approval_id=asked.id)
    fake.advance(hours=73)
    approval.sweep(now=clock.now())
    assert not door.done
    assert Approval.objects.get().state == "withdrawn"


def test_whoever_left_meanwhile_does_nothing_any_more(home: Home, door: Door, team: Team, fake: clock.Fake) -> None:
    team.leave(home.officer)
    ask(home.owner)
    team.leave(home.owner)
    fake.advance(hours=72)
    approval.sweep(now=clock.now())
    row = Approval.objects.get()
    assert (row.state, row.failure) == ("failed", "asker_left")
    assert not door.done


def test_an_end_that_breaks_stops_no_other(home: Home, door: Door, team: Team, fake: clock.Fake) -> None:
    team.leave(home.officer)
    ask(home.owner)
    door.refuses = Refusal("keyring_full", "Not now.", Kind.UNAVAILABLE)
    team.join(home.officer)
    ask(home.officer)
    fake.advance(days=8)
    assert approval.sweep(now=clock.now()) == 1
    assert sorted(Approval.objects.values_list("state", flat=True)) == ["cooling", "expired"]
    door.refuses = None
    assert approval.sweep(now=clock.now()) == 1
    assert len(door.done) == 1


def test_the_rail_counts_what_waits_for_this_person(home: Home, door: Door) -> None:
    ask(home.officer)
    assert (approvals.to_decide(home.owner).count(), approvals.to_decide(home.officer).count()) == (1, 0)


@pytest.mark.parametrize("asker", ["officer", "owner"])
def test_the_rail_and_the_rule_agree_on_who_decides(home: Home, door: Door, asker: str) -> None:
    """One says it of a row, the other to the database; also of a request behind which nobody stands."""
    ask(getattr(home, asker))
    for person in (None, home.owner.id):
        Approval.objects.update(person_id=person)
        row = Approval.objects.get()
        for reader in (home.owner, home.officer, home.mirror, actors.SYSTEM):
            assert approvals.to_decide(reader).exists() == acts.may_decide(reader, row), (person, reader.role)
