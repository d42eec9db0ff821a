"""How a run was taken, over time: every message once in each line, at its step, whatever the run's age."""

from datetime import timedelta

import pytest

from messaging.flows import launch
from messaging.models import Message
from messaging.queries import funnel
from portal.kernel import clock


def _taken(desk, made, *, delivered, read):
    """Some messages of a run are delivered, and of these some read, so long after it began."""
    with desk.cast.inside():
        start = desk.runs(made)[0].started_at
        rows = [row.id for row in sorted(desk.messages(made), key=lambda row: row.id)]
        for pk, seconds in zip(rows, delivered, strict=False):
            Message.objects.filter(id=pk).update(delivered_at=start + timedelta(seconds=seconds))
        for pk, seconds in zip(rows, read, strict=False):
            Message.objects.filter(id=pk).update(read_at=start + timedelta(seconds=seconds))
    return start


def _drawn(desk, made, now=None):
    with desk.cast.inside():
        return funnel.of(desk.runs(made)[0], now or clock.now())


def test_each_message_counts_once_in_each_line_by_the_end_of_its_step(desk):
    made = desk.send()
    start = _taken(desk, made, delivered=[10, 10, 3000, 40_000], read=[20, 47_000])
    desk.move(start + timedelta(seconds=48_000))
    found = _drawn(desk, made)
    assert {name: line[-1] for name, line in found.lines.items()} == {"sent": 5, "delivered": 4, "opened": 2, "read": 2}
    for name, times in (("delivered", [10, 10, 3000, 40_000]), ("opened", [20, 47_000]), ("read", [20, 47_000])):
        ends = [(found.at(step) - start).total_seconds() for step in range(funnel.STEPS)]
        assert found.lines[name] == [sum(at < end for at in times) for end in ends]


@pytest.mark.parametrize("age", [timedelta(minutes=1), timedelta(hours=20)])
def test_the_axis_ends_where_something_last_happened(desk, age):
    """Not where the messages end: a day later what came in a minute is still told apart."""
    made = desk.send()
    start = _taken(desk, made, delivered=[1, 30, 50], read=[])
    desk.move(start + age)
    found = _drawn(desk, made)
    assert found.at(funnel.STEPS - 1) >= start + timedelta(seconds=50)
    assert found.step <= max(2, age.total_seconds() / funnel.STEPS / funnel.FINE + 2)
    assert found.lines["delivered"][-1] == 3


def test_what_comes_after_the_end_is_still_counted(desk):
    """A message that was extended is read after its run's end."""
    made = desk.send()
    long_after = timedelta(days=300)
    start = _taken(desk, made, delivered=[5], read=[long_after.total_seconds()])
    found = _drawn(desk, made, start + long_after + timedelta(days=1))
    assert found.lines["read"][-1] == 1
    assert found.at(funnel.STEPS - 1) > start + long_after


def test_whether_somebody_may_still_come_is_told(desk):
    made = desk.send()
    start = _taken(desk, made, delivered=[5], read=[])
    assert [_drawn(desk, made, start + timedelta(minutes=minutes)).is_over for minutes in (1, 59, 61)] == [
        False,
        False,
        True,
    ]


def test_before_anything_was_sent_there_is_nothing_to_draw(desk):
    made = desk.write()
    desk.do(launch.send, made)
    assert _drawn(desk, made) is None
