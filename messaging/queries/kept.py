"""What the business keeps of each kind of message, and for how long at least: told before first use, without any key
(I10)."""

from datetime import date, datetime

from archive.queries import rules
from messaging.models import Category
from messaging.queries import policy

SENT = "message.sent"


def rows(now: datetime) -> list[dict[str, object]]:
    """A line for each category, or one for all: {"what", "gone_after", "keep_for", "keep_for_words"}."""
    categories = list(Category.objects.order_by("name").values_list("key", "name", "gone_after"))
    usual = policy.get_policy().limits.gone_after
    return [_row(key, name, life or usual, now) for key, name, life in categories or [("", "", None)]]


def until(now: datetime) -> date | None:
    """Until when a message sent now is kept at least; None where no end is set."""
    end = rules.retention_for(category="", kind=SENT, at=now).until
    return end.date() if end else None


def _row(key: str, name: str, life: int, now: datetime) -> dict[str, object]:
    keep = rules.retention_for(category=key, kind=SENT, at=now)
    months = _months(now, keep.until) if keep.until else 0
    return {
        "what": name or keep.name or keep.rule, "gone_after": life,
        "keep_for": _iso(months), "keep_for_words": _words(months),
    }  # fmt: skip


def _months(start: datetime, end: datetime) -> int:
    return (end.year - start.year) * 12 + end.month - start.month


def _iso(months: int) -> str | None:
    """ISO 8601, in years where it is whole years."""
    if months <= 0:
        return None
    return f"P{months}M" if months % 12 else f"P{months // 12}Y"


def _words(months: int) -> str:
    number, unit = (months, "month") if months % 12 else (months // 12, "year")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
