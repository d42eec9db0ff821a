"""Legal holds: what they refuse, what they keep, who ends them; and erasure under one (I8)."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import close_old_connections

from archive.flows import approval, guard, hold, subject, sweep
from archive.models import Entry, Hold, Record
from archive.queries import holds, predicate
from archive.rules import query as language
from archive.tests.conftest import Home, Team, fail_after, keep, snapshot
from portal.kernel import actors, clock, ids, tenancy, unit
from portal.kernel.errors import Refusal

WHY = "Kowalski versus Acme"


def place(home: Home, query: str = "kind:message.sent", **changes: object) -> hold.Placed:
    given: dict = {"name": "Kowalski", "reason": WHY, "query": query, **changes}
    return hold.place(actor=home.officer, now=clock.now(), **given)


def release(home: Home, placed: hold.Placed) -> None:
    asked = hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="settled")
    assert approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id).state == "done"


def held_ids() -> set[object]:
    return set(Record.objects.filter(holds.held()).values_list("message_id", flat=True))


def test_a_hold_keeps_what_it_selects_and_what_comes_later(home: Home) -> None:
    customer = uuid4()
    first = snapshot(customer_id=customer)
    keep(first, snapshot())
    place(home, f"customer:{customer}")
    later = snapshot(customer_id=customer)
    keep(later)
    assert held_ids() == {first.message_id, later.message_id}


def test_without_a_hold_nothing_is_held(home: Home) -> None:
    keep()
    assert held_ids() == set()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"reason": "  "}, "reason_missing", "reason"),
        ({"name": ""}, "name_missing", "name"),
        ({"query": "kind:message.sent invoice"}, "hold_needs_words", "query"),
        ({"query": '"payment plan"'}, "hold_needs_words", "query"),
        ({"query": ""}, "hold_of_everything", "query"),
        ({"query": "tag:urgent"}, "hold_fleeting", "query"),
        ({"query": "hold:01a20b77-40b6-7000-8000-000000000000"}, "hold_fleeting", "query"),
        ({"query": "customer:nobody-has-this"}, "query_invalid", "query"),
        ({"query": "after:2026-05-01 before:2026-01-01"}, "range_upside_down", "query"),
        ({"query": 'kind:"'}, "query_invalid", "query"),
    ],
)
def test_what_no_hold_may_be_is_refused_beside_its_field(home: Home, changes: dict, code: str, field: str) -> None:
    with pytest.raises(Refusal, match=code) as refused:
        place(home, **changes)
    assert refused.value.fields["field"] == field
    assert not Hold.objects.exists()


def test_everything_is_held_only_if_it_is_meant(home: Home) -> None:
    one = snapshot()
    keep(one)
    place(home, "", everything=True)
    place(home, "kind:message.received")
    assert held_ids() == {one.message_id}


def test_a_query_asks_for_what_a_hold_keeps(home: Home) -> None:
    customer = ids.uuid7()
    one, other = snapshot(customer_id=customer), snapshot()
    keep(one)
    keep(other)
    placed = place(home, f"customer:{customer}")
    asked = language.parse(f"hold:{placed.id}")
    assert {row.message_id for row in predicate.select(predicate.resolve(home.officer, asked))} == {one.message_id}
    everything = place(home, "", everything=True)
    assert predicate.select(language.parse(f"hold:{everything.id}")).count() == 2
    Hold.objects.filter(id=placed.id).update(state=Hold.State.RELEASED)
    assert not predicate.select(asked).exists()
    with pytest.raises(Refusal) as refused:
        predicate.where(language.parse(f"hold:{ids.uuid7()}"))
    assert "there is no such hold" in refused.value.message


def test_only_who_manages_holds_asks_for_what_one_keeps(home: Home) -> None:
    placed = place(home)
    reviewer = actors.staff(ids.uuid7(), "reviewer")
    with pytest.raises(Refusal) as refused:
        predicate.resolve(reviewer, language.parse(f"-hold:{placed.id}"))
    assert "those who may place legal holds" in refused.value.message


def test_a_stranger_neither_places_nor_sees(home: Home) -> None:
    author = actors.staff(ids.uuid7(), "author")
    for act in (
        lambda: hold.place(actor=author, now=clock.now(), name="n", reason="r", query="kind:message.sent"),
        lambda: holds.get_holds_for(author),
        lambda: hold.ask_release(actor=author, now=clock.now(), hold_id=ids.uuid7(), reason="r"),
        lambda: hold.keep(actor=author, now=clock.now(), hold_id=ids.uuid7()),
    ):
        with pytest.raises(Refusal, match="not_allowed"):
            act()


def test_another_business_holds_nothing_here(found: Callable[..., Home]) -> None:
    acme, globex = found("acme"), found("globex")
    with globex.scope():
        placed = place(globex, "", everything=True)
    with acme.scope():
        keep()
        assert held_ids() == set()
        with pytest.raises(Refusal, match="not_found"):
            holds.get_hold_for(acme.officer, placed.id)


def test_name_and_reason_are_sealed(home: Home) -> None:
    placed = place(home)
    row, entry = Hold.objects.get(), Entry.objects.get(kind="hold.placed")
    at_rest = b"".join(bytes(part) for part in (row.sealed_name, row.sealed_reason, entry.leaf, entry.detail))
    assert b"Kowalski" not in at_rest
    assert str(placed.id).encode() in bytes(entry.leaf)
    assert (holds.name_of(row), holds.reason_of(row)) == ("Kowalski", WHY)


def test_half_way_failure_leaves_neither_hold_nor_entry(home: Home) -> None:
    fail_after(lambda u: place(home))
    assert not Hold.objects.exists()
    assert not Entry.objects.filter(kind="hold.placed").exists()


def test_a_release_takes_two_people_and_a_day(home: Home, fake: clock.Fake) -> None:
    one = snapshot()
    keep(one)
    placed = place(home)
    asked = hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="settled")
    with pytest.raises(Refusal, match="own_request"):
        approval.approve(actor=home.officer, now=clock.now(), approval_id=asked.id)
    assert held_ids() == {one.message_id}
    approval.approve(actor=home.owner, now=clock.now(), approval_id=asked.id)
    sweep.sweep(now=fake.advance(hours=23))
    assert Hold.objects.get().state == "releasing"
    assert held_ids() == {one.message_id}
    sweep.sweep(now=fake.advance(hours=1))
    assert Hold.objects.get().state == "released"
    assert held_ids() == set()
    kinds = Entry.objects.filter(kind__startswith="hold.").order_by("index").values_list("kind", flat=True)
    assert list(kinds) == ["hold.placed", "hold.release_asked", "hold.released"]


def test_a_release_can_be_cancelled_in_its_cool_off(home: Home, fake: clock.Fake) -> None:
    placed = place(home)
    release(home, placed)
    hold.keep(actor=home.officer, now=clock.now(), hold_id=placed.id)
    sweep.sweep(now=fake.advance(days=3))
    assert Hold.objects.get().state == "active"
    with pytest.raises(Refusal, match="hold_not_releasing"):
        hold.keep(actor=home.officer, now=clock.now(), hold_id=placed.id)


def test_a_released_hold_stays_released(home: Home, fake: clock.Fake) -> None:
    placed = place(home)
    release(home, placed)
    fake.advance(days=1)
    assert hold.sweep(now=clock.now()) == 1
    assert hold.sweep(now=clock.now()) == 0
    with pytest.raises(Refusal, match="hold_not_releasing"):
        hold.keep(actor=home.officer, now=clock.now(), hold_id=placed.id)
    with pytest.raises(Refusal, match="hold_not_active"):
        hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="again")


def test_one_person_alone_waits_three_days_and_then_the_day(home: Home, team: Team, fake: clock.Fake) -> None:
    team.leave(home.owner)
    placed = place(home)
    asked = hold.ask_release(actor=home.officer, now=clock.now(), hold_id=placed.id, reason="settled")
    assert asked.state == "cooling"
    sweep.sweep(now=fake.advance(hours=72))
    assert Hold.objects.get().state == "releasing"
    sweep.sweep(now=fake.advance(hours=24))
    assert Hold.objects.get().state == "released"


def test_the_page_says_what_it_keeps_and_what_would_go(home: Home, fake: clock.Fake) -> None:
    customer = uuid4()
    over = {"archived_until": clock.now() - timedelta(days=1), "gone_at": None}
    keep(snapshot(customer_id=customer, **over), snapshot(customer_id=customer), snapshot(**over))
    first = Hold.objects.get(id=place(home, f"customer:{customer}").id)
    kept, freed = holds.kept_by(first), holds.freed_by(first, now=clock.now())
    assert (kept.count, freed.count) == (2, 1)
    assert kept.size == sum(len(row.sealed) for row in Record.objects.filter(customer_id=customer))
    assert [count for _, count in kept.months] == [2]
    place(home, "kind:message.sent")
    assert holds.freed_by(first, now=clock.now()).count == 0


def test_a_record_knows_its_holds(home: Home) -> None:
    keep()
    place(home)
    place(home, "kind:message.received", name="Other")
    assert holds.names_of(holds.holds_of(Record.objects.get().message_id)) == ["Kowalski"]


def test_erasure_under_a_hold_keeps_the_tie_until_the_last_hold_ends(home: Home, fake: clock.Fake) -> None:
    customer = uuid4()
    keep(snapshot(customer_id=customer, category="billing"), snapshot(customer_id=customer))
    by_customer, by_category = place(home, f"customer:{customer} category:billing"), place(home, "category:billing")
    with unit.work():
        assert subject.cut(customer_id=customer, now=clock.now()) == subject.Cut(2, 1)
    row = Record.objects.get(category="billing")
    assert row.customer_id == customer
    assert row.words
    assert row.erased_at
    assert Record.objects.get(category="service").customer_id is None
    assert not Entry.objects.filter(customer_id=customer).exists()
    for placed, still in ((by_customer, customer), (by_category, None)):
        assert held_ids() == {row.message_id}
        release(home, placed)
        sweep.sweep(now=fake.advance(days=1))
        row.refresh_from_db()
        assert row.customer_id == still
    assert (row.words, row.erased_at) == ([], None)


def test_a_hold_waits_for_whoever_has_the_guard(home: Home) -> None:
    """Two connections: it stands only after the other one's commit, and its question is asked after it, too."""
    begun, stood = threading.Event(), threading.Event()

    def hold_it() -> None:
        with tenancy.tenant_scope(home.place):
            begun.set()
            place(home)
            stood.set()
        close_old_connections()

    with unit.work():
        guard.lock()
        other = threading.Thread(target=hold_it)
        other.start()
        begun.wait(5)
        assert not stood.wait(0.3)
    other.join(10)
    assert stood.is_set()


def test_the_guard_is_no_use_outside_a_transaction(home: Home) -> None:
    with pytest.raises(RuntimeError):
        guard.lock()
