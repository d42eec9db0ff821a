"""When a disposal bucket is over, where what survives it goes, and how much goes without asking. Pure."""

import math
from datetime import datetime

from archive.rules import retention

KEEP = retention.KEEP


def is_over(month: str, now: datetime) -> bool:
    """Whether a bucket's month has passed, and a day. `keep` never is.

    >>> from datetime import UTC
    >>> is_over("2031-04", datetime(2031, 5, 1, 23, tzinfo=UTC)), is_over("2031-04", datetime(2031, 5, 2, tzinfo=UTC))
    (False, True)
    """
    return month != KEEP and month < retention.month_of(now - retention.GRACE)


def next_month(now: datetime) -> str:
    """The month after this one: never over before another run has looked."""
    at = retention.month_of(now)
    year, month = int(at[:4]), int(at[5:])
    return f"{year + month // 12:04}-{month % 12 + 1:02}"


def ceiling(total: int, *, percent: int, count: int) -> int:
    """How many records one run may dispose of without asking: the smaller of a share and a number, at least one."""
    return min(count, max(1, math.ceil(total * percent / 100)))
