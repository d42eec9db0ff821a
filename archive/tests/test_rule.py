"""Retention rules: written, simulated, in force, locked, retired; what they never do to records that are there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.flows import approval, hold, rule, ruleapply, sweep
from archive.flows.rulecheck import Wanted
from archive.models import Approval, Entry, Record, Rule
from archive.queries import ends, rules, simulation
from archive.rules import events, scopes
from archive.tests.conftest import NOON, Home, Team, fail_after, keep, snapshot
from portal.kernel import actors, clock, ids, keys, tenancy
from portal.kernel.errors import Refusal
from portal.sealing import record as sealing

WHY = "Nobody needs them any longer"


@pytest.fixture(autouse=True)
def _alone(fake: clock.Fake) -> Iterator[None]:
    """The archive without messaging: no other events, nobody who shows ends, two categories."""
    before, sources = scopes._categories, (dict(events._sources), list(events._fields), list(events._listeners))
    events._sources.clear(), events._fields.clear(), events._listeners.clear()
    scopes.register_categories(lambda: {"visits": "Visits", "offers": "Offers"})
    yield
    scopes.register_categories(before)
    events._sources.update(sources[0]), events._fields.extend(sources[1]), events._listeners.extend(sources[2])


def wanted(**changes: Any) -> Wanted:
    return Wanted(**{"name": "Visits", "keep_for": "P30D", "category": "visits", **changes})


def draft(home: Home, follows: UUID | None = None, **changes: Any) -> Rule:
    return rule.create(actor=home.officer, now=clock.now(), wanted=wanted(**changes), follows=follows)


def tried(home: Home, follows: UUID | None = None, **changes: Any) -> Rule:
    row = draft(home, follows, **changes)
    rule.simulate(actor=home.officer, now=clock.now(), rule_id=row.id)
    return row


def activate(home: Home, row: Rule, **asked: Any) -> rule.Changed:
    return rule.activate(actor=home.officer, now=clock.now(), rule_id=row.id, **{"reason": WHY, **asked})


def in_force(home: Home, follows: UUID | None = None, **changes: Any) -> Rule:
    row = tried(home, follows, **changes)
    assert activate(home, row).state == "active"
    return row


def agree(home: Home, changed: rule.Changed) -> approval.Decided:
    assert changed.approval
    return approval.approve(actor=home.owner, now=clock.now(), approval_id=changed.approval)


def make(**changes: Any) -> UUID:
    """A record, promised what the rules in force promise."""
    values: dict[str, Any] = {
        "category": "visits",
        "sent_at": clock.now(),
        "gone_at": clock.now() + timedelta(hours=1),
    } | changes
    found = rules.retention_for(
        category=values["category"], kind="message.sent", at=values["sent_at"], gone_at=values["gone_at"]
    )
    one = snapshot(archived_until=found.until, rule=found.rule, **values)
    keep(one)
    return one.message_id


def end_of(pk: UUID) -> ends.Ending:
    return ends.ends_of([Record.objects.get(message_id=pk)], clock.now())[pk]


def opens(pk: UUID) -> bool:
    """Whether the outer wrap opens under the bucket that the row names."""
    row = Record.objects.get(message_id=pk)
    key = keys.business().get(f"disposal/{row.disposal_bucket}")
    place = {"business": tenancy.here().id, "record": pk, "batch": row.batch_id, "disposal_bucket": row.disposal_bucket}
    return len(sealing.peel(key, bytes(row.outer_wrap), **place)) > 0


# ── writing one ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_rule_in_force_decides_for_what_is_sent_from_then_on(home: Home, team: Team) -> None:
    old = make()
    row = in_force(home)
    new, other = make(), make(category="offers")
    assert row.code == "rule-1"
    assert (end_of(new).rule, end_of(new).end) == ("rule-1", NOON + timedelta(days=30))
    assert (end_of(old).rule, end_of(other).rule) == ("default", "default")
    assert end_of(old).end == NOON.replace(year=2038)
    assert [one.kind for one in Entry.objects.filter(kind__startswith="rule.").order_by("index")] == [
        "rule.created", "rule.simulated", "rule.activated",
    ]  # fmt: skip
    assert b"Visits" not in b"".join(bytes(leaf) for leaf in Entry.objects.values_list("leaf", flat=True))


def test_a_rule_that_keeps_longer_holds_for_what_is_there(home: Home) -> None:
    old = make()
    in_force(home, keep_for="P10Y")
    assert (end_of(old).rule, end_of(old).end) == ("rule-1", NOON.replace(year=2041))


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": " "}, "bad_name", "name"),
        ({"keep_for": "30 days"}, "bad_keep_for", "keep_for"),
        ({"keep_for": "P0D"}, "bad_keep_for", "keep_for"),
        ({"keep_for": "PT5H"}, "bad_keep_for", "keep_for"),
        ({"keep_for": "P9999Y"}, "bad_keep_for", "keep_for"),
        ({"event": "opened"}, "bad_event", "from"),
        ({"event": "field:"}, "bad_event", "from"),
        ({"action": "shred"}, "bad_action", "action"),
        ({"category": "nothing"}, "unknown_category", "scope.category"),
        ({"category": "", "kind": "staff.added"}, "bad_scope", "scope.kind"),
        ({"purpose": "fun"}, "bad_scope", "scope.purpose"),
    ],
)
def test_what_no_rule_can_say_is_refused_beside_its_field(home: Home, changes: dict, code: str, field: str) -> None:
    with pytest.raises(Refusal, match=code) as refused:
        draft(home, **changes)
    assert refused.value.fields["field"] == field
    assert Rule.objects.count() == 1


def test_nobody_without_the_permission_writes_tries_or_reads_one(home: Home) -> None:
    row = draft(home)
    author = actors.staff(ids.uuid7(), "author")
    for act in (rule.simulate, rule.activate, rule.retire, rule.lock):
        with pytest.raises(Refusal, match="not_allowed"):
            act(actor=author, now=clock.now(), rule_id=row.id)
    with pytest.raises(Refusal, match="not_allowed"):
        rule.create(actor=author, now=clock.now(), wanted=wanted())
    with pytest.raises(Refusal, match="not_allowed"):
        rule.change(actor=author, now=clock.now(), rule_id=row.id, wanted=wanted())


def test_another_business_does_not_find_it(home: Home, found: Any) -> None:
    row = draft(home)
    with found("globex").scope(), pytest.raises(Refusal, match="not_found"):
        rule.activate(actor=home.officer, now=clock.now(), rule_id=row.id)


def test_what_was_not_simulated_since_its_last_change_is_not_activated(home: Home) -> None:
    row = draft(home)
    with pytest.raises(Refusal, match="rule_not_simulated"):
        activate(home, row)
    rule.simulate(actor=home.officer, now=clock.now(), rule_id=row.id)
    rule.change(actor=home.officer, now=clock.now(), rule_id=row.id, wanted=wanted(keep_for="P2D"))
    with pytest.raises(Refusal, match="rule_not_simulated"):
        activate(home, row)


def test_activating_and_retiring_again_changes_nothing(home: Home) -> None:
    row = in_force(home)
    before = Entry.objects.count()
    assert activate(home, row).state == "active"
    assert Entry.objects.count() == before
    for _ in range(2):
        assert rule.retire(actor=home.officer, now=clock.now(), rule_id=row.id).state == "retired"
    assert Entry.objects.filter(kind="rule.retired").count() == 1


def test_a_version_follows_the_one_in_force_and_leaves_a_history(home: Home) -> None:
    first = in_force(home)
    second = in_force(home, follows=first.id, keep_for="P60D")
    first.refresh_from_db()
    assert (first.state, second.code, second.follows_id) == ("retired", "rule-1.2", first.id)
    with pytest.raises(Refusal, match="rule_superseded"):
        draft(home, follows=first.id)
    with pytest.raises(Refusal, match="rule_not_draft"):
        rule.change(actor=home.officer, now=clock.now(), rule_id=second.id, wanted=wanted())


def test_a_draft_that_was_thrown_away_does_not_stand_in_the_way(home: Home) -> None:
    first = in_force(home)
    for _ in range(2):
        thrown = draft(home, follows=first.id)
        assert rule.retire(actor=home.officer, now=clock.now(), rule_id=thrown.id).state == "retired"
    assert in_force(home, follows=first.id, keep_for="P60D").code == "rule-1.4"


def test_the_default_stays_and_has_versions(home: Home) -> None:
    default = Rule.objects.get(is_default=True)
    with pytest.raises(Refusal, match="last_default"):
        rule.retire(actor=home.officer, now=clock.now(), rule_id=default.id)
    with pytest.raises(Refusal, match="default_has_no_scope"):
        draft(home, follows=default.id)
    in_force(home, follows=default.id, category="", keep_for="P10Y")
    assert Rule.objects.get(is_default=True, state="active").code == "default.2"
    assert end_of(make()).rule == "default.2"


# ── a second person ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_without_a_second_person_a_shorter_rule_touches_nothing_that_is_there(home: Home, team: Team) -> None:
    pk = make()
    before = Record.objects.values().get(message_id=pk)
    row = tried(home)
    changed = activate(home, row, retroactive=True)
    assert changed.state == "approving"
    sweep.sweep(now=clock.now())
    row.refresh_from_db()
    assert (row.state, Record.objects.values().get(message_id=pk)) == ("draft", before)
    with pytest.raises(Refusal, match="own_request"):
        approval.approve(actor=home.officer, now=clock.now(), approval_id=changed.approval)
    assert activate(home, row).state == "active"  # for what is sent from now on: nobody else is needed
    sweep.sweep(now=clock.now())
    assert Record.objects.values().get(message_id=pk) == before


def test_with_one_it_moves_ends_wraps_and_promises_but_of_nothing_that_is_held(home: Home, team: Team) -> None:
    customer = ids.uuid7()
    free, kept, other = make(), make(customer_id=customer), make(category="offers")
    hold.place(actor=home.officer, now=clock.now(), name="Case", reason=WHY, query=f"customer:{customer}")
    assert agree(home, activate(home, tried(home), retroactive=True)).state == "done"
    assert ruleapply.apply_due(now=clock.now()) == 1
    row = Record.objects.get(message_id=free)
    assert (row.archived_until, row.disposal_bucket, row.rule) == (NOON + timedelta(days=30), "2031-06", "rule-1")
    assert opens(free)
    for pk in (kept, other):
        row = Record.objects.get(message_id=pk)
        assert (row.archived_until, row.disposal_bucket, row.rule) == (NOON.replace(year=2038), "2038-05", "default")
    told = Entry.objects.get(kind="rule.applied")
    assert b'"count":1' in bytes(told.leaf)
    assert ruleapply.apply_due(now=clock.now()) == 0


def test_a_retroactive_rule_goes_on_where_a_crash_left_it(
    home: Home, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make() for _ in range(5)]
    monkeypatch.setattr(ruleapply, "SLICE", 2)
    agree(home, activate(home, tried(home), retroactive=True))
    ruleapply.apply_due(now=clock.now(), most=1)
    with monkeypatch.context() as broken:
        broken.setattr(ruleapply, "_tell", lambda *_: (_ for _ in ()).throw(RuntimeError()))
        with pytest.raises(RuntimeError):
            ruleapply.apply_due(now=clock.now())
    assert Record.objects.filter(rule="rule-1").count() == 2
    ruleapply.apply_due(now=clock.now())
    assert Record.objects.filter(rule="rule-1").count() == len(made)
    assert Rule.objects.get(code="rule-1").applied_count == len(made)
    assert all(map(opens, made))


def test_a_month_that_is_over_takes_no_new_record(home: Home, team: Team, fake: clock.Fake) -> None:
    pk = make()
    fake.advance(days=90)
    agree(home, activate(home, tried(home), retroactive=True))
    ruleapply.apply_due(now=clock.now())
    row = Record.objects.get(message_id=pk)
    assert (row.archived_until, row.disposal_bucket) == (NOON + timedelta(days=30), "2031-08")


def test_retiring_what_kept_records_longer_than_promised_takes_a_second_person(home: Home, team: Team) -> None:
    pk = make()
    row = in_force(home, keep_for="P10Y")
    changed = rule.retire(actor=home.officer, now=clock.now(), rule_id=row.id, reason=WHY)
    assert changed.state == "approving"
    assert end_of(pk).end == NOON.replace(year=2041)
    agree(home, changed)
    assert end_of(pk).end == NOON.replace(year=2038)


def test_a_shorter_version_that_frees_older_records_takes_a_second_person(home: Home, team: Team) -> None:
    make()
    row = in_force(home, keep_for="P10Y")
    assert activate(home, tried(home, follows=row.id, keep_for="P8Y")).state == "approving"
    assert activate(home, tried(home, follows=row.id, keep_for="P12Y")).state == "active"


@pytest.mark.parametrize("other", [{"keep_for": "P1D"}, {"category": ""}, {"purpose": "service"}])
def test_what_changed_while_it_waited_is_not_what_was_agreed_to(home: Home, team: Team, other: dict) -> None:
    make()
    row = tried(home)
    changed = activate(home, row, retroactive=True)
    rule.change(actor=home.officer, now=clock.now(), rule_id=row.id, wanted=wanted(**other))
    rule.simulate(actor=home.officer, now=clock.now(), rule_id=row.id)
    decided = agree(home, changed)
    assert (decided.state, decided.failure) == ("failed", "rule_changed")
    row.refresh_from_db()
    assert row.state == "draft"


# ── the lock ──────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def locked(home: Home) -> Rule:
    row = in_force(home, keep_for="P6Y", action="review")
    for _ in range(2):
        rule.lock(actor=home.officer, now=clock.now(), rule_id=row.id)
    assert Entry.objects.filter(kind="rule.locked").count() == 1
    row.refresh_from_db()
    return row


@pytest.mark.parametrize(
    "weaker",
    [
        {"keep_for": "P5Y"}, {"keep_for": "P2191D"}, {"event": "customer.closed"}, {"action": "dispose"},
        {"category": "offers"}, {"purpose": "service"}, {"kind": "message.sent"},
    ],
)  # fmt: skip
def test_nothing_weaker_follows_a_locked_rule(home: Home, locked: Rule, weaker: dict) -> None:
    said = {"keep_for": "P6Y", "action": "review", **weaker}
    for who in (home.officer, home.owner, actors.SYSTEM):
        with pytest.raises(Refusal, match="rule_locked"):
            rule.create(actor=who, now=clock.now(), wanted=wanted(**said), follows=locked.id)


def test_a_locked_rule_is_not_retired_and_its_draft_not_weakened(home: Home, team: Team, locked: Rule) -> None:
    with pytest.raises(Refusal, match="rule_locked"):
        rule.retire(actor=home.owner, now=clock.now(), rule_id=locked.id, reason=WHY)
    row = tried(home, follows=locked.id, keep_for="P7Y", action="review", category="")
    with pytest.raises(Refusal, match="rule_locked"):
        rule.change(actor=home.owner, now=clock.now(), rule_id=row.id, wanted=wanted(keep_for="P1Y", action="review"))
    assert activate(home, row).state == "active"
    row.refresh_from_db()
    assert row.is_locked  # or one step more would be the way out
    with pytest.raises(Refusal, match="rule_locked"):
        rule.retire(actor=home.owner, now=clock.now(), rule_id=row.id, reason=WHY)


def test_a_lock_that_comes_while_a_weaker_version_waits_stops_it(home: Home, team: Team) -> None:
    make()
    row = in_force(home, keep_for="P10Y")
    waiting = activate(home, tried(home, follows=row.id, keep_for="P8Y"))
    leaving = rule.retire(actor=home.officer, now=clock.now(), rule_id=row.id, reason=WHY)
    rule.lock(actor=home.officer, now=clock.now(), rule_id=row.id)
    for changed in (waiting, leaving):
        assert agree(home, changed).failure == "rule_locked"
    row.refresh_from_db()
    assert row.state == "active"


def test_a_narrow_retroactive_rule_does_not_undercut_a_locked_default(home: Home, team: Team) -> None:
    pk = make()
    rule.lock(actor=home.officer, now=clock.now(), rule_id=Rule.objects.get(is_default=True).id)
    agree(home, activate(home, tried(home, keep_for="P1D"), retroactive=True))
    ruleapply.apply_due(now=clock.now())
    assert end_of(pk).end == end_of(make()).end == NOON.replace(year=2038)


# ── simulation ────────────────────────────────────────────────────────────────────────────────────────────────────────
def ends_now() -> list[datetime | None]:
    found = ends.ends_of(Record.objects.all(), clock.now())
    return sorted((one.end for one in found.values()), key=str)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.tuples(st.integers(0, 4000), st.sampled_from(["visits", "offers"])), min_size=1, max_size=6),
    keep_for=st.sampled_from(["P1D", "P3M", "P6Y", "P9Y"]), retroactive=st.booleans(), is_held=st.booleans(),
)  # fmt: skip
def test_what_is_foretold_is_what_happens(
    found: Any, team: Team, fake: clock.Fake, made, keep_for, retroactive, is_held
) -> None:  # type: ignore[no-untyped-def]
    home = found(f"acme{ids.uuid4().hex[:6]}")
    with home.scope():
        customer = ids.uuid7()
        for days, category in made:
            make(category=category, sent_at=NOON - timedelta(days=days), gone_at=NOON, customer_id=customer)
        if is_held:
            hold.place(actor=home.officer, now=clock.now(), name="Case", reason=WHY, query=f"customer:{customer}")
        row = draft(home, keep_for=keep_for)
        told = rule.simulate(actor=home.officer, now=clock.now(), rule_id=row.id)
        before = ends_now()
        changed = activate(home, row, retroactive=retroactive)
        if changed.approval:
            assert agree(home, changed).state == "done"
        ruleapply.apply_due(now=clock.now())
        count = sum(category == "visits" for _, category in made)
        assert (told.matched, told.held, told.is_estimate) == (count, count * is_held, False)
        is_retroactive = Rule.objects.get(id=row.id).is_retroactive
        after = ends.ends_of(Record.objects.filter(category="visits"), clock.now())
        months: dict[str, int] = {}
        for one in after.values():
            month = simulation.retention.bucket_of(one.end)
            months[month] = months.get(month, 0) + 1
        place = 2 if is_retroactive else 1
        assert {month: n[place] for month, n in told.months.items() if n[place]} == months
        moved = sum(a is not None and (b is None or a < b) for a, b in zip(ends_now(), before, strict=True))
        assert (told.freed if is_retroactive else told.sooner) >= 0
        assert bool(moved) == bool(told.freed if is_retroactive else told.sooner)


def test_a_simulation_writes_its_entry_and_nothing_else(home: Home) -> None:
    make()
    row = draft(home)
    before, count = Record.objects.values().get(), Entry.objects.count()
    told = rule.simulate(actor=home.officer, now=clock.now(), rule_id=row.id)
    assert (told.matched, told.held, told.freed, told.size > 0) == (1, 0, 1, True)
    assert told.samples[0].retroactive == NOON + timedelta(days=30)
    assert (Record.objects.values().get(), Entry.objects.count() - count) == (before, 1)


def test_a_large_archive_is_sampled_and_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(*[snapshot(category="visits") for _ in range(300)])
    monkeypatch.setattr(simulation, "EXACT", 100)
    told = rule.simulate(actor=home.officer, now=clock.now(), rule_id=draft(home).id)
    assert told.matched == 300
    assert told.is_estimate
    assert 40 < told.looked_at < 200
    assert sum(n[0] for n in told.months.values()) == pytest.approx(300, abs=3)


def test_a_change_half_way_leaves_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    row = tried(home)
    fail_after(lambda u: activate(home, row))
    row.refresh_from_db()
    assert row.state == "draft"
    assert rules.retention_for(category="visits", kind="message.sent", at=NOON).rule == "default"
    assert not Approval.objects.exists()
