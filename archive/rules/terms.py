"""A retention rule as it decides, and which of two keeps longer. Pure.

The latest end wins among the rules that cover a record. The default rule covers what no other rule covers; once it is locked
it covers everything, so that a narrower rule can never undercut it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from archive.rules import events, retention

T = TypeVar("T")
DISPOSE, REVIEW = "dispose", "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule says. An empty part of the scope means any."""

    code: str
    keep: retention.Duration
    event: str = events.SENT
    action: str = DISPOSE
    category: str = ""
    kind: str = ""
    purpose: str = ""
    name: str = ""
    keep_for: str = ""
    is_default: bool = False
    is_locked: bool = False

    @property
    def scope(self) -> tuple[str, str, str]:
        return self.category, self.kind, self.purpose

    def covers(self, *, category: str, kind: str, purpose: str) -> bool:
        return all(mine in ("", its) for mine, its in zip(self.scope, (category, kind, purpose), strict=True))

    def end(self, start: datetime | None) -> datetime | None:
        return retention.end_of(start, self.keep) if start is not None else None


def covering(rules: Iterable[Terms], *, category: str, kind: str, purpose: str) -> tuple[Terms, ...]:
    """The rules that have a say in a record, in the order of `rules`; never none once there is a default."""
    found = [rule for rule in rules if rule.covers(category=category, kind=kind, purpose=purpose)]
    narrow = [rule for rule in found if not rule.is_default]
    return tuple(rule for rule in found if not rule.is_default or rule.is_locked or not narrow)


def latest(ends: Sequence[tuple[datetime | None, T]]) -> tuple[datetime | None, T]:
    """The latest end and whose it is; an unknown one (None) is later than any; of equals the first."""
    best = ends[0]
    for one in ends[1:]:
        if best[0] is not None and (one[0] is None or one[0] > best[0]):
            best = one
    return best


def keeps_as_long(new: Terms, old: Terms) -> bool:
    """Whether `new` can stand in for `old` with no record of its scope going sooner or with fewer eyes on it."""
    wider = all(mine in ("", its) for mine, its in zip(new.scope, old.scope, strict=True))
    return wider and new.action in {old.action, REVIEW} and outlasts(new, old)


def outlasts(new: Terms, old: Terms) -> bool:
    """Whether `new` never ends before `old` for a record that both cover."""
    later = (new.event, old.event) == (events.ENDED, events.SENT)  # an end follows its sending
    return (new.event == old.event or later) and is_as_long(new.keep, old.keep)


def is_as_long(new: retention.Duration, old: retention.Duration) -> bool:
    """From every start. A year has up to 366 days: P365D is not as long as P1Y, P6Y is longer than P2000D."""
    if new.months >= old.months and new.days >= old.days:
        return True
    return _fewest_days(new) >= _most_days(old)


def _fewest_days(span: retention.Duration) -> float:
    return span.months * 30.436875 - 5 * bool(span.months) + span.days


def _most_days(span: retention.Duration) -> float:
    return span.months * 30.436875 + 5 * bool(span.months) + span.days
