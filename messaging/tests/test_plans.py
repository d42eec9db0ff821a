"""What pages ask is found by an index, however many rows are over: plans are looked at where PostgreSQL may not read all."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.models import Run
from messaging.queries import audiences, campaigns, desk
from portal.kernel import clock, tally
from portal.testing import cast
from portal.testing.cast import Cast


@pytest.fixture(scope="module")
def home(house) -> Cast:
    return cast.build("plans", "Plans")


def _plans(look) -> str:
    """Of every statement that `look` asks."""
    with CaptureQueriesContext(connection) as caught:
        look()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_bitmapscan = off")
        try:
            found = []
            for query in (one for one in caught.captured_queries if not one["sql"].startswith("SET")):
                cursor.execute(f"EXPLAIN {query['sql']}")
                found += [row[0] for row in cursor.fetchall()]
        finally:
            cursor.execute("RESET enable_seqscan")
            cursor.execute("RESET enable_bitmapscan")
    return "\n".join(found)


def test_what_ends_next_is_read_from_now_on(home):
    with home.inside():
        plan = _plans(lambda: desk.ending_next(home.author, clock.now()))
    assert "message_by_end" in plan
    assert "Index Cond: (gone_at >" in plan
    assert "Sort" not in plan


def test_the_overview_counts_by_indexes(home):
    with home.inside():
        plan = _plans(lambda: tally.count(desk.totals(home.author, clock.now())))
    for name in ("message_by_end", "message_due", "customer_by_state"):
        assert name in plan, plan
    assert "Limit" in plan  # a glance asks for no more than MOST_LIVE


def test_everybody_is_counted_by_an_index(home):
    with home.inside():
        assert "customer_by_state" in _plans(lambda: audiences.count({}))


def test_a_run_is_counted_without_a_join(home):
    run = Run(id=home.place.id, state="finished", due_at=clock.now())
    with home.inside():
        plan = _plans(lambda: campaigns.counts(run, now=clock.now()))
    assert "recipient_left_out" in plan
    assert "Join" not in plan
    assert "Nested Loop" not in plan
