"""T12, the other half: campaigns that go out at an instant, at a wall time in each one's zone, and again; late, missed."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from archive.models import Entry
from messaging.flows import campaign, category, consent, launch
from messaging.models import Customer, Policy, RunChunk
from messaging.queries import policy
from portal.kernel import clock
from portal.kernel.errors import Refusal

ZONES = ("Etc/GMT+12", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Kiritimati")


def say(desk, **changes):
    with desk.cast.inside():
        Policy.objects.update_or_create(id=1, defaults={"time_zone": "Europe/Berlin", **changes})
        policy.forget()


def around_the_world(desk):
    with desk.cast.inside():
        for pk, zone in zip(desk.customers, ZONES, strict=True):
            Customer.objects.filter(id=pk).update(time_zone=zone)


def on(desk, text):
    desk.move(datetime.fromisoformat(text))


def later(desk, year=2028):
    """A year that no test of this run has seen yet: the keyring's mark never goes back."""
    return max(year, clock.now().year + 1)


def test_it_goes_out_at_its_instant_and_not_before(desk):
    due = clock.now() + timedelta(hours=5)
    made = desk.write(send_at=due)
    started = desk.do(launch.schedule, made)
    assert (started.state, started.due_at) == ("scheduled", due)
    desk.move(due - timedelta(microseconds=1))
    desk.work()
    assert not desk.messages(made)
    desk.move(due)
    desk.work()
    assert {one.sent_at for one in desk.messages(made)} == {due}


def test_each_gets_it_at_nine_of_their_own(desk):
    say(desk)
    around_the_world(desk)
    day = (clock.now() + timedelta(days=3)).date()
    made = desk.write(send_at_local=f"{day}T09:00")
    desk.do(launch.schedule, made)
    nine = {pk: datetime.combine(day, time(9), ZoneInfo(zone)) for pk, zone in zip(desk.customers, ZONES, strict=True)}
    for pk, due in sorted(nine.items(), key=lambda item: item[1]):
        desk.move(due.astimezone(UTC) - timedelta(seconds=1))
        desk.work()
        assert pk not in {one.customer_id for one in desk.messages(made)}
        desk.move(due.astimezone(UTC))
        desk.work()
        assert pk in {one.customer_id for one in desk.messages(made)}
    assert desk.state(made) == "finished"


def test_an_hour_that_does_not_exist_is_the_first_that_does(desk):
    """Berlin's clocks go forward on the last Sunday of March: half past two is three o'clock."""
    say(desk)
    year = later(desk)
    sunday = max(datetime(year, 3, day, tzinfo=UTC) for day in range(25, 32) if date(year, 3, day).weekday() == 6)
    desk.move(sunday - timedelta(days=2))
    made = desk.write(send_at_local=f"{sunday:%Y-%m-%d}T02:30")
    assert desk.do(launch.schedule, made).due_at == sunday + timedelta(hours=1)


def test_a_wall_time_must_lie_ahead_for_everybody(desk):
    say(desk)
    around_the_world(desk)
    year = later(desk)
    desk.move(datetime(year, 6, 1, 12, tzinfo=UTC))
    made = desk.write(send_at_local=f"{year}-06-01T23:00")  # in Kiritimati it is two in the morning of the next day
    with pytest.raises(Refusal) as refused:
        desk.do(launch.schedule, made)
    assert (refused.value.code, refused.value.fields["zones"]) == ("send_at_past", ["Pacific/Kiritimati"])
    with pytest.raises(Refusal) as refused:
        desk.write(send_at_local=f"{year}-05-30T09:00")
    assert refused.value.code == "send_at_past"


def test_it_repeats_through_the_change_of_clocks(desk):
    """Every day at nine in Berlin, whatever the offset; each is a run of its own."""
    say(desk)
    year = later(desk)
    sunday = max(datetime(year, 10, day, tzinfo=UTC) for day in range(25, 32) if date(year, 10, day).weekday() == 6)
    desk.move(sunday - timedelta(days=2))
    first = sunday - timedelta(days=1) + timedelta(hours=7)  # nine in summer time
    made = desk.write(send_at=first, repeat="FREQ=DAILY;COUNT=3")
    desk.do(launch.schedule, made)
    sent = []
    for day in range(4):
        desk.move(first + timedelta(days=day, hours=2))
        desk.work()
        assert len(desk.messages(made)) == min(day + 1, 3) * 5
        sent.append(desk.state(made))
    assert [run.due_at for run in desk.runs(made)] == [
        first, first + timedelta(days=1, hours=1), first + timedelta(days=2, hours=1),
    ]  # fmt: skip
    assert [run.number for run in desk.runs(made)] == [1, 2, 3]
    assert sent == ["scheduled", "scheduled", "finished", "finished"]


@pytest.mark.parametrize(
    ("missed", "sent", "state"), [("send", 5, "finished"), ("skip", 0, "finished"), ("ask", 0, "paused")]
)
def test_what_was_missed_while_the_system_was_down_goes_by_the_policy(desk, missed, sent, state):
    say(desk, missed=missed, missed_after=600)
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due)
    desk.do(launch.schedule, made)
    desk.move(due + timedelta(seconds=601))
    desk.work()
    assert len(desk.messages(made)) == sent
    assert desk.state(made) == state
    with desk.cast.inside():
        told = Entry.objects.get(kind="campaign.missed", run_id=desk.runs(made)[0].id)
        assert f'"policy":"{missed}"'.encode() in bytes(told.leaf)
    wanted = {"send": ("sent", ""), "skip": ("suppressed", "missed"), "ask": ("pending", "")}[missed]
    assert {(line.state, line.reason) for line in desk.ledger(made).values()} == {wanted}


def test_a_little_late_is_no_miss(desk):
    say(desk, missed="skip", missed_after=600)
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due)
    desk.do(launch.schedule, made)
    desk.move(due + timedelta(seconds=600))
    desk.work()
    assert len(desk.messages(made)) == 5


@pytest.mark.parametrize(
    ("verb", "sent", "state"), [(campaign.resume, 5, "finished"), (campaign.cancel, 0, "cancelled")]
)
def test_who_was_asked_decides(desk, verb, sent, state):
    say(desk, missed="ask")
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due)
    desk.do(launch.schedule, made)
    desk.move(due + timedelta(days=1))
    desk.work()
    desk.do(verb, made)
    desk.work()
    assert (len(desk.messages(made)), desk.state(made)) == (sent, state)


def test_a_campaigns_own_word_stands_over_the_policys(desk):
    say(desk, missed="send")
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due, missed="skip")
    desk.do(launch.schedule, made)
    desk.move(due + timedelta(days=1))
    desk.work()
    assert not desk.messages(made)


def test_of_many_missed_times_one_is_sent_and_the_others_are_told(desk):
    """A week without power does not end in seven reminders at once."""
    say(desk, missed="send")
    due = clock.now().replace(microsecond=0) + timedelta(hours=1)
    made = desk.write(send_at=due, repeat="FREQ=DAILY")
    desk.do(launch.schedule, made)
    desk.move(due + timedelta(days=6, hours=1))
    desk.work()
    assert len(desk.messages(made)) == 5
    assert [(run.number, run.passed_over) for run in desk.runs(made)] == [(1, 0), (2, 6)]
    assert desk.runs(made)[1].due_at == due + timedelta(days=7)
    desk.do(campaign.cancel, made)


def test_a_pause_over_its_time_sends_when_it_is_taken_up(desk):
    say(desk, missed="skip")
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due)
    desk.do(launch.schedule, made)
    desk.do(campaign.pause, made)
    desk.move(due + timedelta(days=2))
    desk.work()
    assert not desk.messages(made)
    desk.do(campaign.resume, made)
    desk.work()
    assert len(desk.messages(made)) == 5


def test_consent_is_looked_at_when_it_is_sent_not_when_it_was_scheduled(desk):
    with desk.cast.inside():
        category.create(
            actor=desk.cast.owner,
            now=clock.now(),
            key=f"n{later(desk)}",
            name="News",
            purpose="marketing",
            gone_after=None,
        )
        said = consent.Given("marketing", "email", "form")
        consent.note(actor=desk.cast.author, now=clock.now(), customer_id=desk.customers[0], given=[said])
    due = clock.now() + timedelta(hours=1)
    made = desk.write(send_at=due, category=f"n{later(desk)}")
    desk.do(launch.schedule, made)
    with desk.cast.inside():
        consent.note(actor=desk.cast.author, now=clock.now(), customer_id=desk.customers[1], given=[said])
    desk.move(due)
    desk.work()
    assert sorted(one.customer_id for one in desk.messages(made)) == desk.customers[:2]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"send_at_local": "soon"}, "bad_wall_time"),
        ({"repeat": "FREQ=DAILY"}, "repeat_needs_time"),
        ({"repeat": "every day"}, "bad_repeat"),
        ({"missed": "later"}, "bad_missed"),
        ({"filter": None}, "audience_missing"),
        ({"filter": {"shoe_size": 44}}, "unknown_filter"),
        ({"name": ""}, "bad_name"),
        ({"name": "two\nlines"}, "bad_name"),
        ({"gone_after": 0}, "bad_lifetime"),
        ({"category": "no-such"}, "unknown_category"),
        ({"format": "html"}, "unknown_format"),
        ({"body": "a\x07b"}, "bad_characters"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(desk, wanted, code):
    with pytest.raises(Refusal) as refused:
        desk.write(**wanted)
    assert refused.value.code == code


def test_a_time_in_the_past_is_refused_when_it_is_written_and_when_it_is_scheduled(desk):
    with pytest.raises(Refusal) as refused:
        desk.write(send_at=clock.now())
    assert refused.value.code == "send_at_past"
    made = desk.write(send_at=clock.now() + timedelta(minutes=1))
    desk.at.advance(minutes=2)
    with pytest.raises(Refusal) as refused:
        desk.do(launch.schedule, made)
    assert refused.value.code == "send_at_past"


def test_two_zones_are_two_chunks_of_one_run(desk):
    say(desk)
    around_the_world(desk)
    day = (clock.now() + timedelta(days=3)).date()
    made = desk.write(send_at_local=f"{day}T09:00")
    desk.do(launch.schedule, made)
    desk.move(desk.runs(made)[0].due_at)
    desk.work()
    with desk.cast.inside():
        chunks = RunChunk.objects.filter(run_id=desk.runs(made)[0].id)
        assert len(set(chunks.values_list("due_at", flat=True))) == 5
        assert sum(chunks.values_list("size", flat=True)) == 5
