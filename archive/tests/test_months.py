"""The arithmetic of retention: how long, until when, and which month may go. Pure."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from archive.rules import disposal, retention
from archive.rules.retention import Duration

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "now", "expected"),
    [
        ("2031-04", datetime(2031, 5, 1, 23, 59, 59, 999999, tzinfo=UTC), False),
        ("2031-04", datetime(2031, 5, 2, tzinfo=UTC), True),
        ("2031-04", datetime(2031, 4, 30, 23, tzinfo=UTC), False),
        ("2031-05", datetime(2031, 5, 20, tzinfo=UTC), False),
        ("2031-06", datetime(2031, 5, 20, tzinfo=UTC), False),
        ("2030-12", datetime(2031, 5, 20, tzinfo=UTC), True),
        (retention.KEEP, datetime(9998, 5, 20, tzinfo=UTC), False),
    ],
)
def test_a_month_is_over_a_day_after_its_last(month, now, expected):
    assert disposal.is_over(month, now) is expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [((2031, 1, 31), "2031-02"), ((2031, 9, 1), "2031-10"), ((2031, 11, 30), "2031-12"), ((2031, 12, 1), "2032-01")],
)
def test_the_next_month_is_never_over(now, expected):
    assert disposal.next_month(datetime(*now, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("total", "percent", "count", "expected"),
    [(0, 5, 100, 1), (20, 5, 100, 1), (21, 5, 100, 2), (1000, 5, 100, 50), (5000, 5, 100, 100), (10, 100, 3, 3), (7, 100, 50, 7),
     (10_100, 5, 10**6, 505)],
)  # fmt: skip
def test_a_run_may_take_the_smaller_of_a_share_and_a_number_and_one_at_least(total, percent, count, expected):
    assert disposal.ceiling(total, percent=percent, count=count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("P7Y", Duration(84)), ("P1M", Duration(1)), ("P2W", Duration(0, 14)), ("P1Y2M3W4D", Duration(14, 25))],
)  # fmt: skip
def test_a_duration_is_read(text, expected):
    assert retention.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "P", "7Y", "P7", "PT1H", "P-1D", "P1D2Y", "P1.5Y", "p1y", "P12345Y", "P1Y ", "P1Y\n"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(retention.DurationError):
        retention.parse(text)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(Duration(84), "7 years"), (Duration(13), "1 year, 1 month"), (Duration(2, 9), "2 months, 9 days"), (Duration(0, 1), "1 day")],
)  # fmt: skip
def test_a_duration_is_told(duration, expected):
    assert retention.words(duration) == expected


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ((2031, 1, 31), Duration(1), (2031, 2, 28)),
        ((2032, 1, 31), Duration(1), (2032, 2, 29)),
        ((2031, 11, 30), Duration(1), (2031, 12, 30)),
        ((2031, 12, 1), Duration(1), (2032, 1, 1)),
        ((2032, 2, 29), Duration(12), (2033, 2, 28)),
        ((2031, 5, 5), Duration(90, 10), (2038, 11, 15)),
        ((2031, 5, 30), Duration(0, 3), (2031, 6, 2)),
        ((9997, 12, 31), Duration(12), (9998, 12, 31)),
    ],
)
def test_an_end_stands_on_the_calendar(start, duration, expected):
    assert retention.end_of(datetime(*start, 9, 30, tzinfo=UTC), duration) == datetime(*expected, 9, 30, tzinfo=UTC)


def test_an_end_past_the_calendar_is_its_last_instant():
    assert retention.end_of(NOON, Duration(12 * 7968)) == datetime.max.replace(tzinfo=UTC)
    assert retention.end_of(NOON, Duration(12 * 7967)).year == 9998


def test_the_latest_end_wins_and_one_that_nobody_knows_keeps():
    soon, later = NOON, NOON + timedelta(days=1)
    assert retention.latest(soon, later) == retention.latest(later, soon) == later
    assert retention.latest(soon) == soon
    assert retention.latest(soon, None) is retention.latest(None, soon) is retention.latest(None) is None
    assert retention.latest() is None


def test_a_bucket_is_a_month_of_utc():
    east = datetime(2033, 11, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert retention.bucket_of(east) == retention.month_of(east) == "2033-10"
    assert retention.bucket_of(None) == retention.KEEP
