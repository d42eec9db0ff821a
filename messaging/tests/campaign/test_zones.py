"""T12, the pure half: wall times in every zone of the world, days on which clocks change, leap days, rules in words."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from messaging.rules import recurrence, schedule
from portal.kernel.errors import Refusal

ALL = sorted(available_timezones() - {"localtime", "Factory"})
SOME = (
    "Etc/GMT+12",
    "Pacific/Pago_Pago",
    "America/New_York",
    "UTC",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
)


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "wall", "instant", "shown"),
    [
        (
            "America/New_York",
            "2026-03-08T02:30",
            "2026-03-08T07:00Z",
            "2026-03-08T03:00",
        ),  # an hour that does not exist
        ("America/New_York", "2026-03-08T01:59", "2026-03-08T06:59Z", "2026-03-08T01:59"),
        ("America/New_York", "2026-03-08T03:00", "2026-03-08T07:00Z", "2026-03-08T03:00"),
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00Z", "2026-03-29T03:00"),  # its first and its last minute
        ("Europe/Berlin", "2026-03-29T02:59", "2026-03-29T01:00Z", "2026-03-29T03:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30Z", "2026-10-25T02:30"),  # twice: the first
        ("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00Z", "2026-10-25T03:00"),
        (
            "Australia/Lord_Howe",
            "2026-10-04T02:10",
            "2026-10-03T15:30Z",
            "2026-10-04T02:30",
        ),  # half an hour is left out
        ("America/Sao_Paulo", "2018-11-04T00:00", "2018-11-04T03:00Z", "2018-11-04T01:00"),  # a day that began at one
        ("Pacific/Apia", "2011-12-30T09:00", "2011-12-30T10:00Z", "2011-12-31T00:00"),  # a day that was not
        ("Pacific/Kiritimati", "2027-01-01T00:00", "2026-12-31T10:00Z", "2027-01-01T00:00"),  # +14
        ("Etc/GMT+12", "2026-12-31T23:59", "2027-01-01T11:59Z", "2026-12-31T23:59"),  # −12
        ("Asia/Kathmandu", "2028-02-29T09:00", "2028-02-29T03:15Z", "2028-02-29T09:00"),  # a leap day, +05:45
    ],
)
def test_a_wall_time_has_one_instant(zone, wall, instant, shown):
    there = ZoneInfo(zone)
    found = schedule.instant(at(wall), there)
    assert found == at(instant)
    assert schedule.wall_of(found, there) == at(shown)


def test_two_instants_of_the_same_wall_are_told_apart():
    berlin = ZoneInfo("Europe/Berlin")
    assert schedule.is_twice(at("2026-10-25T02:30"), berlin)
    assert not schedule.is_twice(at("2026-10-25T03:30"), berlin)
    assert not schedule.exists(at("2026-03-29T02:30"), berlin)


def test_every_zone_of_the_world_through_a_year_of_half_hours():
    """Where a wall time exists its instant shows it, the first of two; where not, the first instant after the gap does."""
    chance = random.Random(12)
    for zone in ALL:
        there = ZoneInfo(zone)
        start = at(f"{chance.choice((2011, 2018, 2026, 2028))}-01-01")
        for step in chance.sample(range(366 * 48), 40):
            wall = start + timedelta(minutes=30 * step)
            found = schedule.instant(wall, there)
            shown = schedule.wall_of(found, there)
            assert shown >= wall
            if shown == wall:
                earlier = schedule.wall_of(found - timedelta(hours=1), there)
                assert earlier != wall, (zone, wall)
            else:
                just_before = schedule.wall_of(found - timedelta(seconds=1), there)
                assert just_before < wall, (zone, wall)


def test_the_change_of_clocks_is_found_to_the_second_in_every_zone():
    found = 0
    for zone in ALL:
        there = ZoneInfo(zone)
        days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(366)]
        for day, following in itertools.pairwise(days):
            before, after = day.astimezone(there).utcoffset(), following.astimezone(there).utcoffset()
            if before is None or after is None or after <= before:
                continue
            shown = day.astimezone(there).replace(tzinfo=None)
            gap = next(at for n in range(48 * 60) if not schedule.exists(at := shown + timedelta(minutes=n), there))
            instant = schedule.instant(gap, there)
            assert instant.astimezone(there).utcoffset() == after
            assert (instant - timedelta(seconds=1)).astimezone(there).utcoffset() == before
            found += 1
    assert found > 100


def test_everybody_gets_nine_o_clock_of_their_own():
    dues = schedule.instants(at("2026-06-01T09:00"), ["", "Nowhere/Town", *SOME], "Europe/Berlin")
    assert max(dues.values()) - min(dues.values()) == timedelta(hours=26)
    assert dues[""] == dues["Nowhere/Town"] == dues["Europe/Berlin"] == at("2026-06-01T07:00Z")
    assert {schedule.wall_of(due, ZoneInfo(zone)) for zone, due in dues.items() if zone in SOME} == {
        at("2026-06-01T09:00")
    }


@pytest.mark.parametrize(
    "wall",
    [
        "",
        "9:00",
        "2026-10-25",
        "2026-10-25T09:00Z",
        "2026-10-25T09:00+02:00",
        "2026-13-01T09:00",
        "1900-01-01T09:00",
        "x" * 40,
    ],
)
def test_what_is_no_wall_time_is_refused(wall):
    with pytest.raises(Refusal) as refused:
        schedule.parse_wall(wall)
    assert refused.value.code == "bad_wall_time"


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "Europe", "\x00", "x" * 300])
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(Refusal) as refused:
        schedule.zone(name)
    assert refused.value.code == "bad_time_zone"


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
START = at("2028-02-29T09:00")


@pytest.mark.parametrize(
    ("rule", "words", "first"),
    [
        ("FREQ=DAILY", "every day at 09:00", "2028-02-29"),
        ("RRULE:FREQ=DAILY;INTERVAL=3;COUNT=1", "every 3 days at 09:00, once", "2028-02-29"),
        ("FREQ=WEEKLY", "every week on Tuesday at 09:00", "2028-02-29"),
        ("freq=weekly;byday=fr,we,mo,tu,th", "every weekday at 09:00", "2028-02-29"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH,MO", "every 2 weeks on Monday and Thursday at 09:00", "2028-03-02"),
        ("FREQ=MONTHLY", "on the 29th of every month at 09:00, in months that have one", "2028-02-29"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "on the last day of every month at 09:00", "2028-02-29"),
        ("FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=15,1", "on the 1st and 15th of every 3 months at 09:00", "2028-05-01"),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "on the last Friday of every month at 09:00, 3 times", "2028-03-31"),
        ("FREQ=YEARLY", "every year on the 29th of February at 09:00, in leap years", "2028-02-29"),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=2SU;UNTIL=20310101",
         "every year on the second Sunday of May at 09:00, until 1 January 2031", "2028-05-14"),
    ],
)  # fmt: skip
def test_a_rule_is_told_in_words_and_has_a_first_day(rule, words, first):
    read = recurrence.parse(rule)
    assert recurrence.words(read, START) == words
    assert recurrence.first(read, START) == datetime.fromisoformat(first) + timedelta(hours=9)
    assert recurrence.parse(read.to_text()) == read


def test_the_next_five_days_know_leap_years_and_short_months():
    days = recurrence.next_days(recurrence.parse("FREQ=YEARLY"), START)
    assert [day.year for day in days] == [2028, 2032, 2036, 2040, 2044]
    days = recurrence.next_days(recurrence.parse("FREQ=MONTHLY;BYMONTHDAY=31"), at("2027-01-31T09:00"))
    assert [day.month for day in days] == [1, 3, 5, 7, 8]
    century = recurrence.next_days(recurrence.parse("FREQ=YEARLY"), at("2096-02-29T09:00"), 2)
    assert [day.year for day in century] == [2096, 2104]


def test_a_rule_that_is_over_has_no_next_day():
    rule = recurrence.parse("FREQ=DAILY;COUNT=2")
    assert recurrence.after(rule, START, START) == START + timedelta(days=1)
    assert recurrence.after(rule, START, START + timedelta(days=1)) is None
    with pytest.raises(Refusal):
        recurrence.first(recurrence.parse("FREQ=DAILY;UNTIL=20270101"), START)


@pytest.mark.parametrize(
    "rule",
    ["", "FREQ=HOURLY", "FREQ=SECONDLY", "INTERVAL=1", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=1001", "FREQ=DAILY;COUNT=١",
     "FREQ=DAILY;INTERVAL=100", "FREQ=DAILY;FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=MO",
     "FREQ=MONTHLY;BYDAY=5MO",
     "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYDAY=1MO", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=32",
     "FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=1", "FREQ=DAILY;BYSETPOS=1", "FREQ=DAILY;COUNT=3;UNTIL=20300101", "FREQ=DAILY;UNTIL=2030",
     "FREQ=DAILY;UNTIL=20300101T000000Z", "FREQ=DAILY;BYHOUR=1", "FREQ=DAILY\nDTSTART:20260101T000000", "x" * 10_000,
     "FREQ=DAILY;BYDAY=MO"],
)  # fmt: skip
def test_what_is_no_rule_is_refused(rule):
    with pytest.raises(Refusal) as refused:
        recurrence.parse(rule)
    assert refused.value.code == "bad_repeat"
