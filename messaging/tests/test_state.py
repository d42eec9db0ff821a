"""The state of a message is derived from its times and the clock: what was decided goes before what the clock says, and the clock
before what a device did."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from messaging.rules import state

NOW = datetime(2031, 5, 5, 12, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(minutes=1), NOW + timedelta(microseconds=1)
SENT = {"sent_at": BEFORE, "gone_at": AFTER}
SEEN = {**SENT, "delivered_at": BEFORE, "revealed_at": BEFORE, "read_at": BEFORE}


@dataclass
class Times:
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    revealed_at: datetime | None = None
    read_at: datetime | None = None
    gone_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: str = ""
    outcome: str = ""


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, "scheduled"),
        ({"gone_at": BEFORE}, "scheduled"),
        (SENT, "sent"),
        ({**SENT, "delivered_at": BEFORE}, "delivered"),
        ({**SENT, "delivered_at": BEFORE, "revealed_at": BEFORE}, "revealed"),
        (SEEN, "read"),
        ({**SENT, "gone_at": None}, "sent"),
        ({**SENT, "gone_at": NOW}, "expired_unread"),
        ({**SEEN, "gone_at": NOW}, "ended"),
        ({**SENT, "ended_at": BEFORE}, "expired_unread"),
        ({**SEEN, "gone_at": None, "ended_at": BEFORE}, "ended"),
        ({**SEEN, "ended_at": BEFORE, "ended_reason": "recalled"}, "recalled"),
        ({**SENT, "ended_at": BEFORE, "ended_reason": "erased", "outcome": "recalled"}, "recalled"),
        ({"outcome": "suppressed"}, "suppressed"),
        ({**SEEN, "outcome": "failed", "ended_reason": "recalled"}, "failed"),
    ],
)  # fmt: skip
def test_its_times_say_what_it_is(times, expected):
    assert state.of(Times(**times), NOW) == expected
    assert expected in state.STATES


@pytest.mark.parametrize(
    ("times", "expected"),
    [(SENT, False), ({**SENT, "gone_at": NOW}, True), ({**SENT, "gone_at": None}, False), ({**SENT, "ended_at": NOW}, True)],
)  # fmt: skip
def test_it_has_ended_at_its_instant_or_when_somebody_ended_it(times, expected):
    assert state.has_ended(Times(**times), NOW) is expected
