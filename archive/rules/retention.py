"""How long: calendar arithmetic of retention, and the disposal bucket that a record's end falls into. Pure."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KEEP = "keep"
GRACE = timedelta(days=1)  # a transaction that sealed or hashed into a month before its end has committed by then
_ISO = re.compile(r"P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?")


class DurationError(ValueError):
    """Not a duration this product keeps records for."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Years and months count on the calendar, weeks and days by the clock (ISO 8601: PnYnMnWnD, no hours)."""

    months: int
    days: int = 0


def parse(text: str) -> Duration:
    """
    >>> parse("P7Y6M")
    Duration(months=90, days=0)
    """
    match = _ISO.fullmatch(text)
    if not match:
        raise DurationError("a duration looks like P7Y, P18M, P2W or P90D")
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return Duration(12 * years + months, 7 * weeks + days)


def words(duration: Duration) -> str:
    """
    >>> words(Duration(90, 1))
    '7 years, 6 months, 1 day'
    """
    years, months = divmod(duration.months, 12)
    counted = ((years, "year"), (months, "month"), (duration.days, "day"))
    return ", ".join(f"{number} {unit}" if number == 1 else f"{number} {unit}s" for number, unit in counted if number)


def end_of(start: datetime, duration: Duration) -> datetime:
    """The instant `duration` after `start`. A day that the month lacks becomes its last: 31 January + P1M is 28 February.

    A record is kept *at least* that long; where the calendar ends (year 9999) it is kept until there.
    """
    month = start.year * 12 + start.month - 1 + duration.months
    year, month = month // 12, month % 12 + 1
    if year > 9998:
        return datetime.max.replace(tzinfo=UTC)
    day = min(start.day, calendar.monthrange(year, month)[1])
    return start.replace(year=year, month=month, day=day) + timedelta(days=duration.days)


def latest(*ends: datetime | None) -> datetime | None:
    """The latest end wins; an unknown end (None) means keep."""
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) and known else None


def bucket_of(end: datetime | None) -> str:
    """The disposal bucket, a month of UTC: `2033-11`; `keep` for an end nobody knows."""
    return month_of(end) if end else KEEP


def month_of(at: datetime) -> str:
    """The month of UTC whose index key hashes the words of what is written `at`."""
    utc = at.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}"
