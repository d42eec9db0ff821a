"""Disposal as people look at it: what is due, runs, months, what waits for review. Counts and codes only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from archive.models import Bucket, DisposalPolicy, DisposalRun, Record, Review, Rule
from archive.queries import holds
from archive.rules import disposal
from portal.kernel import errors
from portal.kernel.actors import Actor
from tenants.queries import backups


@dataclass(frozen=True, slots=True)
class Due:
    """Records whose promised end has passed: all, those that holds keep, those that wait for people."""

    ended: int
    held: int
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Month:
    """A disposal bucket: how many records end in it, and what became of it."""

    month: str
    count: int
    state: str
    disposed: int = 0
    decided_at: datetime | None = None
    decided_index: int | None = None
    destroyed_at: datetime | None = None


def get_due_for(actor: Actor, now: datetime) -> Due:
    actor.require("retention.view")
    ended = Record.objects.filter(archived_until__lte=now)
    sums = ended.aggregate(n=Count("pk"), oldest=Min("sent_at"))
    waiting = Review.objects.filter(is_approved=False).count()
    return Due(sums["n"], ended.filter(holds.held()).count() if sums["n"] else 0, waiting, sums["oldest"])


def get_runs_for(actor: Actor) -> "QuerySet[DisposalRun]":
    actor.require("retention.view")
    return DisposalRun.objects.all()


def get_run_for(actor: Actor, run_id: object) -> DisposalRun:
    found = get_runs_for(actor).filter(id=run_id).first()
    if found is None:
        raise errors.not_found("run")
    return found


def rate_of(run: DisposalRun) -> int:
    """Records looked at a second, since it began."""
    spent = ((run.ended_at or run.beat_at) - run.started_at).total_seconds()
    return round(run.seen / spent) if spent > 0 else 0


def get_months_for(actor: Actor, now: datetime) -> list[Month]:
    """Every month that holds a record or held one, oldest first; `keep`, if anything is in it, last."""
    actor.require("retention.view")
    counts = dict(Record.objects.values_list("disposal_bucket").annotate(n=Count("pk")).order_by("disposal_bucket"))
    rows = {row.month: row for row in Bucket.objects.all()}
    return [_month(month, counts.get(month, 0), rows.get(month), now) for month in sorted(counts.keys() | rows.keys())]


def is_waiting_for_backup() -> bool:
    """Whether a month is empty and its key lives on until a backup says so."""
    return Bucket.objects.filter(state=Bucket.State.DECIDED).exists()


def get_policy() -> DisposalPolicy:
    return DisposalPolicy.objects.filter(id=1).first() or DisposalPolicy()


def last_backup() -> datetime | None:
    """The instant of the newest verified backup."""
    newest = backups.newest_verified()
    return newest.as_of if newest else None


def get_groups_for(actor: Actor) -> list[dict[str, Any]]:
    """What waits for people, by rule and month: {rule, rule_name, month, count, waiting_since, oldest_sent, newest_sent}."""
    actor.require("retention.view")
    names = dict(Rule.objects.values_list("code", "name"))
    rows = Review.objects.filter(is_approved=False).values("rule", "month")
    groups = rows.annotate(count=Count("pk"), waiting_since=Min("since")).order_by("month", "rule")
    return [{**group, "rule_name": names.get(group["rule"], group["rule"]), **_span(group)} for group in groups]


def _span(group: dict[str, Any]) -> dict[str, Any]:
    """When the group's records were sent: for a hold that covers them."""
    ids = Review.objects.filter(is_approved=False, rule=group["rule"], month=group["month"]).values("message_id")
    return Record.objects.filter(message_id__in=ids).aggregate(oldest_sent=Min("sent_at"), newest_sent=Max("sent_at"))


def _month(month: str, count: int, row: Bucket | None, now: datetime) -> Month:
    if row is None:
        return Month(month, count, Bucket.State.DECIDING if disposal.is_over(month, now) else Bucket.State.OPEN)
    state = row.state
    if state == Bucket.State.OPEN and disposal.is_over(month, now):
        state = Bucket.State.DECIDING
    return Month(month, count, state, row.disposed, row.decided_at, row.decided_index, row.destroyed_at)
