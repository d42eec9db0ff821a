"""The account, reckoned: by day of composition composed = pending + outcomes (I3), archived = sent (I5), and no entry without
its message. Once a night, by the clock; any time, by a person.

A night reckons yesterday, every day that was not settled, the days that nobody looked at yet, and of the settled ones the one
that was looked at longest ago: nothing of it may have changed. Each day is a transaction of its own; the night's entry is
written once, by whoever claims yesterday's row.
"""

import logging
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import F

from messaging.models import AccountDay
from messaging.queries import account as queries
from messaging.rules import account as rules
from portal.kernel import unit
from portal.kernel.actors import CLOCK, Actor

log = logging.getLogger("ebb.account")
DAY = timedelta(days=1)


def nightly(*, now: datetime) -> bool:
    """Yesterday's account, once. True if this call wrote its entry."""
    yesterday = now.astimezone(UTC).date() - DAY
    if AccountDay.objects.filter(day=yesterday, entered_at__isnull=False).exists():
        return False
    first = queries.first_day()
    if first is None or first > yesterday:
        return False
    days = _due(first, yesterday)
    for day in days:
        _reckon(day, now)
    return _enter(yesterday, len(days), now)


def reckon(*, actor: Actor, now: datetime) -> int:
    """Today, and all days that are not settled, as they are now. How many days were reckoned."""
    actor.require("archive.list")
    today, first = now.astimezone(UTC).date(), queries.first_day()
    days = _due(first, today) if first else []
    for day in days:
        _reckon(day, now)
    return len(days)


def _due(first: date, last: date) -> list[date]:
    known = set(AccountDay.objects.values_list("day", flat=True))
    missing = {first + DAY * n for n in range((last - first).days + 1)} - known
    unsettled = set(queries.open_days().values_list("day", flat=True))
    longest = AccountDay.objects.filter(day__lt=last).order_by("reckoned_at").values_list("day", flat=True)[:1]
    return sorted(missing | unsettled | set(longest) | {last})


def _reckon(day: date, now: datetime) -> None:
    """What was found before of entries without a message, and of changes, stays: neither heals by itself."""
    with transaction.atomic():
        row = AccountDay.objects.select_for_update().filter(day=day).first()
        found = queries.reckon(day, now)
        values = {name: value for name, value in asdict(found).items() if name not in {"orphaned", "changed"}}
        if row is not None:
            values["changed"] = max(row.changed, rules.drift(queries.figures_of(row), found))
        AccountDay.objects.update_or_create(day=day, defaults={**values, "reckoned_at": now})


def _enter(yesterday: date, days: int, now: datetime) -> bool:
    with unit.work() as u:
        if AccountDay.objects.filter(day=yesterday, entered_at=None).update(entered_at=now) != 1:
            return False
        _compare_ledger(yesterday, now)
        figures = queries.figures_of(AccountDay.objects.get(day=yesterday))
        differences = queries.totals().differences
        codes: dict[str, str | int | bool] = {"day": yesterday.isoformat(), "days": days, "differences": differences}
        u.entry(unit.Draft("reconciled", CLOCK.label, codes=codes | asdict(figures)))
        if differences:
            u.after_commit(lambda: log.error("account_differs", extra={"count": differences}))
    return True


def _compare_ledger(yesterday: date, now: datetime) -> None:
    """Entries since the last night: each must have its message. Runs in the caller's unit, under yesterday's row."""
    last = AccountDay.objects.filter(entries_upto__isnull=False).order_by("-entries_upto")
    before, upto = last.values_list("entries_upto", flat=True).first(), queries.last_index()
    for day, count in queries.orphans(-1 if before is None else before, upto).items():
        AccountDay.objects.get_or_create(day=day, defaults={"reckoned_at": now})
        AccountDay.objects.filter(day=day).update(orphaned=F("orphaned") + count)
    AccountDay.objects.filter(day=yesterday).update(entries_upto=upto)
