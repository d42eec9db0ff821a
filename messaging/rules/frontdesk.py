"""The front desk: when somebody reads what customers write, and what the inbox lets a customer do. Pure.

Opening hours are written as seven parts, Monday first: `480-1080;480-1080;480-1080;480-1080;480-960;;`, in minutes after
midnight by the business's own wall clock; an empty part is a day on which nobody reads. Nothing at all: no hours are told.
"""

import re
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from portal.kernel.errors import Refusal

DAY = 24 * 60
ANSWER_AGAIN_AFTER = timedelta(hours=12)  # an automatic answer is for whoever comes to a closed door, not for each line
ANSWER_LIMIT = 1000  # characters
NUMBER = re.compile(r"^[0-9+*# ()/-]{2,20}$")

Hours = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class FrontDesk:
    """`emergency_number`: whom to call instead, "" where nothing is told of it. `answers`: an automatic answer while closed.
    `lets_extend`: a customer may keep a message longer, once. `watermark`: the reader's name lies over the messages."""

    opening: str = ""
    emergency_number: str = ""
    answers: bool = False
    lets_extend: bool = True
    watermark: bool = False


NAMES = tuple(one.name for one in fields(FrontDesk))


def parse(opening: str) -> Hours:
    """→ seven parts, or none."""
    if not opening:
        return ()
    parts = [_part(part) for part in opening.split(";")]
    if len(parts) != 7 or not any(parts):
        raise bad_hours()
    return tuple(parts)


def check(desk: FrontDesk) -> None:
    parse(desk.opening)
    if desk.emergency_number and not NUMBER.fullmatch(desk.emergency_number):
        raise Refusal("bad_emergency_number", "Write a number to call, such as 112.", field="emergency_number")


def check_answer(text: str) -> None:
    if len(text) > ANSWER_LIMIT:
        raise Refusal(
            "answer_too_long", "An automatic answer has 1,000 characters at most.", field="answer", limit=ANSWER_LIMIT
        )


def bad_hours() -> Refusal:
    return Refusal("bad_hours", "A day has a beginning and a later end, such as 08:00 and 18:00.", field="opening")


def is_open(opening: str, now: datetime, zone: ZoneInfo) -> bool:
    """Without hours somebody always reads."""
    return opens_at(opening, now, zone) is None


def opens_at(opening: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The next instant at which somebody reads; None: now."""
    hours, today = parse(opening), now.astimezone(zone).date()
    if not hours:
        return None
    for ahead in range(8):
        day = today + timedelta(days=ahead)
        span = hours[day.weekday()]
        if span is None:
            continue
        begins, ends = (_instant(day, minute, zone) for minute in span)
        if begins <= now < ends:
            return None
        if now < begins:
            return begins
    return None


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Of a time that the clock's change skips the one an hour later, as a wall clock shows it then."""
    whole = datetime.combine(day + timedelta(days=minute // DAY), time(minute % DAY // 60, minute % 60), zone)
    return datetime.fromtimestamp(whole.timestamp(), zone)


def _part(part: str) -> tuple[int, int] | None:
    if not part:
        return None
    begin, _, end = part.partition("-")
    if not (begin.isdecimal() and end.isdecimal() and len(part) <= 9):
        raise bad_hours()
    span = int(begin), int(end)
    if not 0 <= span[0] < span[1] <= DAY:
        raise bad_hours()
    return span
