"""When a day's account adds up, and what a difference means. Pure."""

from dataclasses import dataclass
from datetime import timedelta

OUTCOMES = ("delivered", "expired_unread", "recalled", "suppressed", "failed")
GRACE = timedelta(hours=1)  # what ended a moment ago gets its outcome by the next rounds of the clock


@dataclass(frozen=True, slots=True)
class Figures:
    """One day, or several added up. `sent` counts both directions: everything the archive must hold."""

    composed: int = 0
    pending: int = 0
    delivered: int = 0
    expired_unread: int = 0
    recalled: int = 0
    suppressed: int = 0
    failed: int = 0
    received: int = 0
    sent: int = 0
    archived: int = 0
    overdue: int = 0
    orphaned: int = 0
    changed: int = 0

    @property
    def decided(self) -> int:
        return sum(int(getattr(self, name)) for name in OUTCOMES)

    @property
    def unaccounted(self) -> int:
        """composed = pending + outcomes (I3); `overdue` is what has neither."""
        return self.composed - self.pending - self.decided

    @property
    def unarchived(self) -> int:
        """archived = sent (I5)."""
        return self.sent - self.archived

    @property
    def differences(self) -> int:
        return abs(self.unaccounted) + abs(self.unarchived) + self.orphaned + self.changed

    @property
    def is_settled(self) -> bool:
        """Nothing of it can change any more, and it adds up."""
        return self.pending == 0 and self.unaccounted == 0 and self.unarchived == 0


@dataclass(frozen=True, slots=True)
class Difference:
    """One alarm, in words: how many, what, and what to do."""

    count: int
    what: str
    todo: str


def alarms(day: Figures) -> list[Difference]:
    found = [
        Difference(
            day.unaccounted, "over, and without an outcome",
            "The clock is away or behind. Look at its process; the outcomes follow once it runs.",
        ),
        Difference(
            day.unarchived, "sent, and not in the archive's ledger",
            "That cannot happen by itself. Run manage.py verify_archive, and keep the logs.",
        ),
        Difference(
            day.orphaned, "in the archive's ledger, and not among the messages",
            "Rows were taken out of the database, or it was put back in parts. What was said is in the archive.",
        ),
        Difference(
            day.changed, "changed after the day was settled",
            "Outcomes are set once. Somebody wrote to the database past the product; look at who could.",
        ),
    ]  # fmt: skip
    return [one for one in found if one.count]


def drift(before: Figures, after: Figures) -> int:
    """By how much a settled day differs from what was reckoned then."""
    if not before.is_settled:
        return 0
    names = ("composed", "sent", "archived", "received", *OUTCOMES)
    return max(abs(int(getattr(before, name)) - int(getattr(after, name))) for name in names)
