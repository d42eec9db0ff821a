"""The business's limits and categories, remembered for a moment in the process: every send asks."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from messaging.models import Category, Policy
from messaging.rules import compose, demands, frontdesk
from messaging.rules.demands import Demands
from messaging.rules.frontdesk import FrontDesk
from messaging.rules.quiet import Quiet
from portal.kernel import tenancy

FRESH_FOR = 2.0
WORDS_HORIZON_DAYS = 30


@dataclass(frozen=True)
class Campaigns:
    """Seconds to take one back unsent; from how many recipients on a second person agrees (None: never); what becomes of a
    send that is late by more than so many seconds: send, skip or ask."""

    undo_for: int = 10
    second_person_from: int | None = None
    missed: str = "send"
    missed_after: int = 600


@dataclass(frozen=True)
class Notices:
    """What goes out to say that there is a message. `sender`: as the business names itself there, "" for its name."""

    quiet: Quiet
    ways: str
    sender: str
    fall_back_after: timedelta | None
    remind_before: timedelta | None


@dataclass(frozen=True)
class Current:
    """`categories` maps a key to its usual life in seconds, or None; `purposes` to what it is for."""

    limits: compose.Limits
    replies_live_days: int
    time_zone: str
    accent: str
    demands: Demands
    notices: Notices
    categories: dict[str, int | None] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)
    campaigns: Campaigns = field(default_factory=Campaigns)
    tells_holds: bool = False  # may a customer see that a hold keeps copies longer
    desk: FrontDesk = field(default_factory=FrontDesk)

    def purpose_of(self, category: str) -> str:
        """A message without a category serves."""
        return self.purposes.get(category, "service")


_known: dict[UUID, tuple[float, Current]] = {}


def get_policy() -> Current:
    place = tenancy.here()
    known = _known.get(place.id)
    if known is None or known[0] < time.monotonic():
        known = _known[place.id] = (time.monotonic() + FRESH_FOR, _load())
    return known[1]


def words_live_until(now: datetime) -> datetime:
    """The end of the bucket for a customer's words while their conversation is open: far enough ahead that an outage of
    the clock, which carries them forward, loses nothing; a closed conversation's shorter life is set when it closes."""
    return now + timedelta(days=max(get_policy().replies_live_days, WORDS_HORIZON_DAYS))


def category_names() -> dict[str, str]:
    """For people: what the business calls each category, by its key. Read now."""
    return dict(Category.objects.order_by("name").values_list("key", "name"))


def forget() -> None:
    _known.pop(tenancy.here().id, None)


def _load() -> Current:
    row = Policy.objects.filter(id=1).first() or Policy()
    categories = list(Category.objects.values_list("key", "gone_after", "purpose"))
    return Current(
        compose.Limits(row.gone_after, row.maximum_gone_after),
        row.replies_live_days,
        row.time_zone,
        row.accent,
        Demands(**{name: getattr(row, name) for name in demands.NAMES}),
        Notices(
            Quiet(row.quiet_from, row.quiet_until),
            row.ways,
            row.sender_name,
            _seconds(row.fall_back_after),
            _seconds(row.remind_before),
        ),
        {key: life for key, life, _ in categories},
        {key: purpose for key, _, purpose in categories},
        Campaigns(row.undo_for, row.second_person_from, row.missed, row.missed_after),
        row.tells_holds,
        FrontDesk(**{name: getattr(row, name) for name in frontdesk.NAMES}),
    )


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)
