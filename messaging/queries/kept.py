"""What the business keeps of each kind of message, and for how long at least: told before first use, without any key
(I10)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime

from archive.queries import rules
from archive.rules import events, retention
from messaging.models import Category
from messaging.queries import policy

SENT, RECEIVED = "message.sent", "message.received"


@dataclass(frozen=True)
class Terms:
    """What is told before first use, and by which digest a page says that it showed it."""

    digest: str
    rows: list[dict[str, object]]


def terms(now: datetime) -> Terms:
    """The same digest for as long as the same rules hold: it names lengths of time, no days."""
    usual = rules.retention_for(category="", kind=SENT, at=now)
    first: dict[str, object] = {"what": "", "keep_for": usual.keep_for, "from": usual.event}
    told = [first, *rows(now)]
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Terms(hashlib.sha256(canonical.encode()).hexdigest(), told)


def rows(now: datetime) -> list[dict[str, object]]:
    """A line for each category, or one for all: {"what", "gone_after", "keep_for", "keep_for_words"}."""
    return [_row(key, name, life, now) for key, name, life in categories()]


def categories() -> list[tuple[str, str, int]]:
    """(key, name, seconds on the device), or one without a name for all."""
    found = list(Category.objects.order_by("name").values_list("key", "name", "gone_after"))
    usual = policy.get_policy().limits.gone_after
    return [(key, name, life or usual) for key, name, life in found or [("", "", None)]]


def told(key: str, name: str, life: int, now: datetime) -> dict[str, object]:
    """As a line of `rows`, with what the time counts from: {"what", "gone_after", "keep_for", "from"}."""
    keep = _retention(key, now)
    return {"what": name or keep.name or keep.rule, "gone_after": life, "keep_for": keep.keep_for, "from": keep.event}


def until(now: datetime) -> date | None:
    """Until when a message sent now is kept at least; None where no end is set."""
    end = rules.retention_for(category="", kind=SENT, at=now).until
    return end.date() if end else None


def _row(key: str, name: str, life: int, now: datetime) -> dict[str, object]:
    keep = _retention(key, now)
    fixed = keep.keep_for if keep.event in (events.SENT, events.ENDED) else ""  # others have no end until it happens
    return {
        "what": name or keep.name or keep.rule, "gone_after": life,
        "keep_for": fixed or None, "keep_for_words": retention.words(retention.parse(fixed)) if fixed else "",
    }  # fmt: skip


def _retention(key: str, now: datetime) -> rules.Retention:
    return rules.retention_for(category=key, kind=SENT, at=now, purpose=policy.get_policy().purpose_of(key))
