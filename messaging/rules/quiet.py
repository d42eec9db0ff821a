"""Quiet hours: when the business's notices leave people alone, by the clock on each recipient's own wall. Pure.

They hold notices, not messages: a message in the inbox wakes nobody.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from messaging.rules import schedule
from portal.kernel.errors import Refusal

DAY = 24 * 60


@dataclass(frozen=True)
class Quiet:
    """Minutes after midnight; over midnight where `until` is not after `since`. None and None: no quiet hours."""

    since: int | None = None
    until: int | None = None

    @property
    def is_set(self) -> bool:
        return self.since is not None and self.until is not None


def check(quiet: Quiet) -> None:
    """Both or none, within a day, and some of the day left."""
    given = [one for one in (quiet.since, quiet.until) if one is not None]
    if len(given) == 1 or any(not 0 <= one < DAY for one in given) or (given and quiet.since == quiet.until):
        raise Refusal(
            "bad_quiet_hours", "Quiet hours have a beginning and another end, such as 20:00 and 08:00.",
            field="quiet_from",
        )  # fmt: skip


def opens_at(at: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    """`at`, or the end of the quiet hours it falls into."""
    if not _is_quiet(at, quiet, zone):
        return at
    assert quiet.since is not None
    assert quiet.until is not None
    wall = schedule.wall_of(at, zone)
    is_tomorrow = quiet.until <= quiet.since <= _minute(wall)
    end = _at(wall + timedelta(days=is_tomorrow), quiet.until)
    return next((found for found in _instants(end, zone) if found > at), at)


def holds_until_end(sent_at: datetime, gone_at: datetime, quiet: Quiet, zone: ZoneInfo) -> bool:
    """Whether a message would be over before anybody there may be told of it."""
    return opens_at(sent_at, quiet, zone) >= gone_at


def last_before(at: datetime, quiet: Quiet, zone: ZoneInfo) -> datetime:
    """`at`, or the last instant before the quiet hours it falls into."""
    if not _is_quiet(at, quiet, zone):
        return at
    assert quiet.since is not None
    assert quiet.until is not None
    wall = schedule.wall_of(at, zone)
    was_yesterday = _minute(wall) < quiet.until <= quiet.since
    begin = _at(wall - timedelta(days=was_yesterday), quiet.since)
    found = [one for one in _instants(begin, zone) if one <= at]
    return (found[-1] if found else at) - timedelta(seconds=1)


def _is_quiet(at: datetime, quiet: Quiet, zone: ZoneInfo) -> bool:
    if quiet.since is None or quiet.until is None:
        return False
    minute = _minute(schedule.wall_of(at, zone))
    if quiet.since < quiet.until:
        return quiet.since <= minute < quiet.until
    return minute >= quiet.since or minute < quiet.until


def _minute(wall: datetime) -> int:
    return wall.hour * 60 + wall.minute


def _at(day: datetime, minute: int) -> datetime:
    return day.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Each instant at which clocks there show `wall`: two where they go back over it."""
    first = schedule.instant(wall, zone)
    return [first, wall.replace(tzinfo=zone, fold=1).astimezone(UTC)] if schedule.is_twice(wall, zone) else [first]
