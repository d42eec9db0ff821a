"""When something is due. Pure.

A wall time is what a clock on a wall shows: a naive datetime, the same for everyone; each zone gives it an instant. An hour that
does not exist there (clocks go forward) becomes the first instant that does; one that exists twice (clocks go back) is the first
of the two. Both hold for a day that a zone leaves out, too (Samoa had no 30 December 2011).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from messaging.rules.campaign import Missed
from portal.kernel.errors import Refusal

FURTHEST = timedelta(days=366)
SECOND = timedelta(seconds=1)


def zone(name: str) -> ZoneInfo:
    """Refuses what is no name of a zone. Names come from people, files and programs."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refusal("bad_time_zone", "A time zone is a name such as Europe/Berlin.", field="time_zone") from None


def zone_or(name: str, fallback: str) -> ZoneInfo:
    """A customer's zone as it was written down; one that nobody knows (any more) counts as none."""
    try:
        return zone(name or fallback)
    except Refusal:
        return zone(fallback) if name else ZoneInfo("UTC")


def instant(wall: datetime, there: ZoneInfo) -> datetime:
    """The instant, in UTC, at which clocks there show `wall` (naive)."""
    before = _with_offset(wall, there, 0)
    if _shown(before, there) == wall:
        return before  # of two, fold 0 is the first
    return _end_of_gap(_with_offset(wall, there, 1), before, there)


def exists(wall: datetime, there: ZoneInfo) -> bool:
    return _shown(_with_offset(wall, there, 0), there) == wall


def is_twice(wall: datetime, there: ZoneInfo) -> bool:
    """Whether clocks there show it at two instants."""
    return exists(wall, there) and _with_offset(wall, there, 0) < _with_offset(wall, there, 1)


def wall_of(at: datetime, there: ZoneInfo) -> datetime:
    return _shown(at, there)


def instants(wall: datetime, zones: Iterable[str], own: str) -> dict[str, datetime]:
    """The instant of a wall time in each of these zones, by name; '' and unknown ones are the business's `own`."""
    return {name: instant(wall, zone_or(name, own)) for name in zones}


def parse_wall(text: str) -> datetime:
    """`2026-10-25T02:30[:00]`: a wall time, without a zone."""
    try:
        wall = datetime.fromisoformat(text)
    except ValueError:
        raise _bad_wall() from None
    if wall.tzinfo is not None or len(text) < 16 or wall.year < 2000:
        raise _bad_wall()
    return wall.replace(microsecond=0)


def check_ahead(dues: Mapping[str, datetime], now: datetime) -> None:
    """That a time lies ahead, in every zone that somebody is in, and not more than a year."""
    passed = sorted(name or "the business's own zone" for name, due in dues.items() if due <= now)
    if passed:
        raise Refusal(
            "send_at_past", "The time to send lies in the past. Choose a later one.", field="send_at", zones=passed[:10]
        )
    if any(due - now > FURTHEST for due in dues.values()):
        raise Refusal("send_at_far", "The time to send lies more than a year ahead.", field="send_at")


def is_missed(due_at: datetime, now: datetime, missed_after: int) -> bool:
    """So late that nobody may assume it is still wanted."""
    return now - due_at > timedelta(seconds=missed_after)


def what_now(policy: str, due_at: datetime, now: datetime, missed_after: int) -> Missed:
    """Late by less than the policy's seconds is sent; beyond that the policy says."""
    return Missed(policy) if is_missed(due_at, now, missed_after) else Missed.SEND


def _with_offset(wall: datetime, there: ZoneInfo, fold: int) -> datetime:
    return wall.replace(tzinfo=there, fold=fold).astimezone(UTC)


def _shown(at: datetime, there: ZoneInfo) -> datetime:
    return at.astimezone(there).replace(tzinfo=None, fold=0)


def _end_of_gap(low: datetime, high: datetime, there: ZoneInfo) -> datetime:
    """The first instant of the new offset: between what the wall would be by the new and by the old one."""
    old = low.astimezone(there).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // 2
        if middle.astimezone(there).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _bad_wall() -> Refusal:
    return Refusal(
        "bad_wall_time", "A local time is written as 2026-10-25T09:30, without a zone: each recipient's own counts.",
        field="send_at_local",
    )  # fmt: skip
