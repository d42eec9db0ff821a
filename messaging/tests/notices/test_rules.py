"""The pure rooms: quiet hours by the clock on each wall, the next step, the pauses."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules import quiet, telling
from portal.kernel.errors import Refusal

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = quiet.Quiet(20 * 60, 8 * 60)
ZONES = (
    "Etc/GMT+12",
    "Etc/GMT-14",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Europe/Berlin",
    "Africa/Casablanca",
)


def wall(text, zone=BERLIN):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-06-01T19:59", "2026-06-01T19:59"),
        ("2026-06-01T20:00", "2026-06-02T08:00"),
        ("2026-06-01T23:59", "2026-06-02T08:00"),
        ("2026-06-02T00:00", "2026-06-02T08:00"),
        ("2026-06-02T07:59", "2026-06-02T08:00"),
        ("2026-06-02T08:00", "2026-06-02T08:00"),
        ("2028-02-28T21:00", "2028-02-29T08:00"),  # a leap day
        ("2026-03-28T21:00", "2026-03-29T08:00"),  # the night that is an hour short
        ("2026-10-24T21:00", "2026-10-25T08:00"),  # and the one that is an hour long
    ],
)
def test_a_night_ends_by_the_clock_on_the_wall(at, opens):
    assert quiet.opens_at(wall(at), NIGHT, BERLIN) == wall(opens)


def test_an_end_that_does_not_exist_is_the_first_instant_after():
    """02:30 is skipped in Berlin on 29 March 2026: clocks show 03:00 after 01:59."""
    early = quiet.Quiet(22 * 60, 2 * 60 + 30)
    assert quiet.opens_at(wall("2026-03-28T23:00"), early, BERLIN) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_an_end_that_exists_twice_is_the_first_that_lies_ahead():
    """02:30 stands twice on the wall on 25 October 2026."""
    early = quiet.Quiet(22 * 60, 2 * 60 + 30)
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert quiet.opens_at(wall("2026-10-24T23:00"), early, BERLIN) == first
    assert quiet.opens_at(datetime(2026, 10, 25, 1, 10, tzinfo=UTC), early, BERLIN) == second


def test_by_day():
    nap = quiet.Quiet(12 * 60, 14 * 60)
    assert quiet.opens_at(wall("2026-06-01T13:00"), nap, BERLIN) == wall("2026-06-01T14:00")
    assert quiet.opens_at(wall("2026-06-01T14:00"), nap, BERLIN) == wall("2026-06-01T14:00")
    assert quiet.last_before(wall("2026-06-01T13:00"), nap, BERLIN) == wall("2026-06-01T11:59:59")


def test_the_last_moment_before_a_night():
    assert quiet.last_before(wall("2026-06-02T03:00"), NIGHT, BERLIN) == wall("2026-06-01T19:59:59")
    assert quiet.last_before(wall("2026-06-01T21:00"), NIGHT, BERLIN) == wall("2026-06-01T19:59:59")
    assert quiet.last_before(wall("2026-06-02T09:00"), NIGHT, BERLIN) == wall("2026-06-02T09:00")


def test_what_would_end_before_anybody_may_be_told():
    assert quiet.holds_until_end(wall("2026-06-01T21:00"), wall("2026-06-02T08:00"), NIGHT, BERLIN)
    assert not quiet.holds_until_end(wall("2026-06-01T21:00"), wall("2026-06-02T08:01"), NIGHT, BERLIN)
    assert not quiet.holds_until_end(wall("2026-06-01T19:59"), wall("2026-06-01T20:30"), NIGHT, BERLIN)
    assert not quiet.holds_until_end(wall("2026-06-01T21:00"), wall("2026-06-01T21:30"), quiet.Quiet(), BERLIN)


MINUTES = st.integers(0, quiet.DAY - 1)
TIMES = st.integers(0, 30 * 366 * 86400).map(
    lambda seconds: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(at=TIMES, since=MINUTES, until=MINUTES, zone=st.sampled_from(ZONES))
def test_what_opens_is_open_and_never_earlier(at, since, until, zone):
    there, hours = ZoneInfo(zone), quiet.Quiet(since, until)
    if since == until:
        return
    opens = quiet.opens_at(at, hours, there)
    assert at <= opens <= at + timedelta(hours=27)
    assert quiet.opens_at(opens, hours, there) == opens
    before = quiet.last_before(at, hours, there)
    assert before <= at
    assert quiet.opens_at(before, hours, there) == before or before == at


def test_every_zone_there_is():
    for name in available_timezones():
        opens = quiet.opens_at(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), NIGHT, ZoneInfo(name))
        assert quiet.opens_at(opens, NIGHT, ZoneInfo(name)) == opens


@pytest.mark.parametrize("hours", [(None, 5), (5, None), (7, 7), (-1, 5), (5, 1440)])
def test_quiet_hours_that_are_none(hours):
    with pytest.raises(Refusal) as refused:
        quiet.check(quiet.Quiet(*hours))
    assert refused.value.code == "bad_quiet_hours"


# ── the next step ─────────────────────────────────────────────────────────────────────────────────────────────────
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def case(**given):
    usual = {
        "now": NOW, "is_unreceived": True, "is_unread": True, "ways": ("push", "email", "sms"), "told": [],
        "remind_at": None, "fall_back_after": None,
    }  # fmt: skip
    return telling.Case(**{**usual, **given})


def told(*ways, purpose="arrived"):
    return [telling.Told(purpose, way) for way in ways]


def test_the_first_way_and_a_look_before_the_end():
    step = telling.step(case(remind_at=NOW + HOUR))
    assert step == telling.Step(telling.Told("arrived", "push"), NOW + HOUR)


def test_no_way_is_told_once():
    assert telling.step(case(ways=())).tell == telling.Told("arrived", "none")
    assert telling.step(case(ways=(), told=told("none"))).tell is None


def test_a_reminder_takes_another_way_and_comes_once():
    due = case(told=told("push"), remind_at=NOW)
    assert telling.step(due).tell == telling.Told("reminder", "email")
    assert telling.step(case(told=told("push", "email", "sms"), remind_at=NOW)).tell == telling.Told("reminder", "push")
    again = case(told=[*told("push"), *told("email", purpose="reminder")], remind_at=NOW)
    assert telling.step(again) == telling.Step(None, None)


def test_who_read_is_not_reminded():
    assert telling.step(case(told=told("push"), remind_at=NOW, is_unread=False, is_unreceived=False)).tell is None


def test_falling_back_only_where_the_policy_says_so_and_nobody_received():
    assert telling.step(case(told=told("push"))).tell is None
    assert telling.step(case(told=told("push"), fall_back_after=HOUR)).tell == telling.Told("arrived", "email")
    assert telling.step(case(told=told("push"), fall_back_after=HOUR, is_unreceived=False)).tell is None
    last = telling.step(case(told=told("push", "email"), fall_back_after=HOUR))
    assert last == telling.Step(telling.Told("arrived", "sms"), None)


def test_a_reminder_needs_a_life_to_remind_of():
    assert telling.remind_at(NOW, NOW + 2 * HOUR, HOUR) == NOW + HOUR
    assert telling.remind_at(NOW, NOW + HOUR, HOUR) is None
    assert telling.remind_at(NOW, NOW + 2 * HOUR, None) is None


def test_orders():
    assert telling.in_order("", "push,email,sms", {"sms", "email"}) == ("email", "sms")
    assert telling.in_order("sms", "push,email,sms", {"sms", "email"}) == ("sms", "email")
    assert telling.in_order("sms", "email", {"email"}) == ("email",)
    assert telling.check_ways(["sms", "push"]) == "sms,push"
    for wrong in (["fax"], ["sms", "sms"]):
        with pytest.raises(Refusal):
            telling.check_ways(wrong)


def test_pauses_grow_and_stop_with_the_end():
    def again(attempts, **given):
        usual = {"first_at": NOW, "until": NOW + timedelta(days=9), "has_another": False}
        return telling.again_at(now=NOW, attempts=attempts, **{**usual, **given})

    assert [(again(n) - NOW).total_seconds() / 60 for n in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]
    assert again(1, until=NOW + timedelta(seconds=60)) is None
    assert again(1, wait=timedelta(minutes=9)) == NOW + timedelta(minutes=9)
    assert again(5, has_another=True) is None
    assert again(1, first_at=NOW - timedelta(days=2)) is None
