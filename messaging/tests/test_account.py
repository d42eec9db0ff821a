"""composed = pending + outcomes, archived = sent, by day of composition; every way of breaking it is found, and the night's entry
is written once."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from archive.models import Entry
from messaging.clock import LOOPS, sweep_all
from messaging.flows import account, expiry, message
from messaging.models import AccountDay, Body, Message
from messaging.queries import account as queries
from messaging.rules import account as rules
from portal.kernel import clock
from portal.kernel.errors import Refusal


@pytest.fixture
def told(fresh, at):
    """A business with a day behind it: one received, one unread, one live, one recalled, one still to be sent, one reply."""
    here = fresh()
    customer = here.customer()
    with here.inside():
        unread = here.send(customer, gone_after=60)
        received, recalled = here.send(customer), here.send(customer, gone_after=7 * 86400)
        here.send(customer, gone_after=7 * 86400)
        here.send(customer, send_at=clock.now() + timedelta(days=3))
        Message.objects.filter(id=received.id).update(
            outcome="delivered", outcome_at=clock.now(), delivered_at=clock.now()
        )
        message.recall(actor=here.author, now=clock.now(), message_id=recalled.id)
        assert unread.id
    return here


def night(at) -> datetime:
    """The next night, after what is over was purged."""
    at.at = datetime.combine(at.at.date() + timedelta(days=1), datetime.min.time(), UTC) + timedelta(minutes=5)
    while expiry.purge(now=at.at).bodies:
        pass
    return at.at


def entered() -> list[dict]:
    rows = Entry.objects.filter(kind="reconciled").order_by("index")
    return [json.loads(bytes(row.leaf))["codes"] for row in rows]


def test_a_day_adds_up_and_is_entered_once(told, at):
    day = at.at.date()
    with told.inside():
        now = night(at)
        assert account.nightly(now=now)
        assert not account.nightly(now=now + timedelta(minutes=1))
        (codes,) = entered()
        row = AccountDay.objects.get(day=day)
    figures = {name: codes[name] for name in ("composed", "pending", "expired_unread", "delivered", "recalled")}
    assert figures == {"composed": 5, "pending": 2, "expired_unread": 1, "delivered": 1, "recalled": 1}
    assert (codes["day"], codes["sent"], codes["archived"], codes["differences"]) == (day.isoformat(), 4, 4, 0)
    assert row.entered_at


def test_the_clock_does_it(told, at):
    assert any(loop.act is sweep_all for loop in LOOPS)
    with told.inside():
        night(at)
    sweep_all(at.at)
    sweep_all(at.at)
    with told.inside():
        assert len(entered()) == 1


def test_a_day_that_was_open_is_reckoned_again_and_follows_its_messages(told, at):
    day = at.at.date()
    with told.inside():
        account.nightly(now=night(at))
        at.advance(days=40)
        account.nightly(now=night(at))
        figures = queries.figures_of(AccountDay.objects.get(day=day))
        assert figures.pending == 0
        assert figures.expired_unread + figures.failed == 3
        assert figures.is_settled
        assert not rules.alarms(figures)
        assert [one["day"] for one in entered()] == [day.isoformat(), (at.at.date() - timedelta(days=1)).isoformat()]


def test_a_lost_outcome_is_an_alarm(told, at):
    with told.inside():
        now = night(at)
        Message.objects.filter(outcome="expired_unread").update(outcome="", outcome_at=None)
        account.nightly(now=now + timedelta(hours=2))
        (codes,) = entered()
    assert (codes["overdue"], codes["differences"]) == (1, 1)


def test_a_sent_message_that_is_not_in_the_ledger_is_an_alarm(told, at):
    with told.inside():
        now = night(at)
        Entry.objects.filter(kind="message.sent").order_by("index").first().delete()
        account.nightly(now=now)
        (codes,) = entered()
    assert codes["sent"] - codes["archived"] == 1
    assert codes["differences"] == 1


def test_a_message_that_vanished_is_an_alarm_that_does_not_heal(told, at):
    day = at.at.date()
    with told.inside():
        now = night(at)
        gone = Message.objects.filter(send_at__isnull=False).get()
        Body.objects.filter(message_id=gone.id).delete()
        gone.delete()
        account.nightly(now=now)
        at.advance(days=1)
        account.nightly(now=night(at))
        assert [one["differences"] for one in entered()] == [1, 1]
        assert AccountDay.objects.get(day=day).orphaned == 1


def test_a_settled_day_that_changes_is_an_alarm(told, at):
    """A night looks at one settled day, the one it saw longest ago."""
    day = at.at.date()
    with told.inside():
        at.advance(days=40)
        account.nightly(now=night(at))
        Message.objects.filter(outcome="recalled").update(outcome="delivered")
        AccountDay.objects.filter(day=day).update(reckoned_at=at.at - timedelta(days=1))
        at.advance(days=1)
        account.nightly(now=night(at))
        assert entered()[-1]["differences"] == 1
        assert AccountDay.objects.get(day=day).changed == 1


def test_the_night_that_dies_half_way_is_done_again(told, at, monkeypatch):
    with told.inside():
        now = night(at)
        with monkeypatch.context() as patched:
            patched.setattr(queries, "orphans", lambda *_: (_ for _ in ()).throw(RuntimeError("half-way")))
            with pytest.raises(RuntimeError):
                account.nightly(now=now)
        assert entered() == []
        assert account.nightly(now=now)
        assert len(entered()) == 1


def test_nothing_before_the_first_day_is_over(fresh, at):
    here = fresh()
    with here.inside():
        assert not account.nightly(now=night(at))
        assert entered() == []


def test_a_person_may_reckon_now_and_an_author_may_not(told, at):
    with told.inside():
        assert account.reckon(actor=told.officer, now=at.at) == 1
        assert AccountDay.objects.get(day=at.at.date()).composed == 5
        with pytest.raises(Refusal, match="not_allowed"):
            account.reckon(actor=told.author, now=at.at)


def test_a_day_is_found_by_its_index(told, at):
    with told.inside(), connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT count(*) FROM messaging_message WHERE composed_at >= now() - interval '1 day'")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert "message_by_composition" in plan
