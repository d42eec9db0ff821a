"""Finding campaigns, their runs, how far they are, and the ledger of a run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from messaging.models import Audience, Campaign, Run
from messaging.queries import audiences
from messaging.rules import campaign as rules
from portal.kernel import keys
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

NAME = "campaign.name"
FILTER = "campaign.filter"


def get_campaign_for(actor: Actor, campaign_id: UUID) -> Campaign:
    actor.require("campaign.view")
    found = Campaign.objects.filter(id=campaign_id).first()
    if found is None:
        raise not_found("campaign")
    return found


def get_campaigns_for(actor: Actor, *, state: str = "") -> QuerySet[Campaign]:
    actor.require("campaign.view")
    rows = Campaign.objects.all()
    if state:
        if state not in list(rules.State):
            raise Refusal(
                "unknown_state", "There is no such state.", field="state", states=[str(s) for s in rules.State]
            )
        rows = rows.filter(state=state)
    return rows


def get_run_for(actor: Actor, campaign_id: UUID, run_id: UUID | None) -> Run | None:
    """A run of this campaign, by default the newest that has begun, else the newest; None for one without runs."""
    rows = Run.objects.filter(campaign_id=get_campaign_for(actor, campaign_id).id)
    if run_id is None:
        return rows.filter(started_at__isnull=False).order_by("-number").first() or rows.order_by("-number").first()
    found = rows.filter(id=run_id).first()
    if found is None:
        raise not_found("run")
    return found


def get_any_run_for(actor: Actor, run_id: UUID) -> Run:
    """By its own id, of whatever campaign."""
    actor.require("campaign.view")
    found = Run.objects.filter(id=run_id).first()
    if found is None:
        raise not_found("run")
    return found


def get_numbered_run_for(actor: Actor, campaign_id: UUID, number: int) -> Run:
    """As people count them: the first is 1."""
    in_bounds = 0 < number < 2**31
    found = (
        Run.objects.filter(campaign_id=get_campaign_for(actor, campaign_id).id, number=number).first()
        if in_bounds
        else None
    )
    if found is None:
        raise not_found("run")
    return found


def runs_of(campaign_ids: list[UUID], most: int = 20) -> dict[UUID, list[Run]]:
    """The newest runs of each campaign, newest first."""
    found: dict[UUID, list[Run]] = {}
    for one in Run.objects.filter(campaign_id__in=campaign_ids).order_by("campaign_id", "-number"):
        listed = found.setdefault(one.campaign_id, [])
        if len(listed) < most:
            listed.append(one)
    return found


def run_ids_of(campaign_ids: list[UUID]) -> list[UUID]:
    """For the archive, whose entries and records name runs."""
    return list(Run.objects.filter(campaign_id__in=campaign_ids).values_list("id", flat=True))


def of_runs(run_ids: list[UUID]) -> dict[UUID, UUID]:
    return dict(Run.objects.filter(id__in=run_ids).values_list("id", "campaign_id"))


def name_of(row: Campaign) -> str:
    return keys.open_field(NAME, row.id, row.sealed_name).decode()


def filter_of(row: Campaign) -> dict[str, Any]:
    """Whom it is for: the filter of its audience as it is now, or its own."""
    if row.sealed_filter is not None:
        return dict(json.loads(keys.open_field(FILTER, row.id, row.sealed_filter)))
    saved = audience_named(row)
    if saved is None:
        raise no_audience()
    return saved.filter


def audience_named(row: Campaign) -> audiences.Opened | None:
    """The saved audience it is for, by name; None where it has a filter of its own, or it was deleted."""
    saved = Audience.objects.filter(id=row.audience_id).first()
    return audiences.open_(saved) if saved else None


def audience_of(row: Campaign) -> audiences.Condition:
    """A condition over `messaging_customer c`."""
    return audiences.where(filter_of(row))


def no_audience() -> Refusal:
    return Refusal("unknown_audience", "There is no such audience (any more).", field="audience")


# ── how far ───────────────────────────────────────────────────────────────────────────────────────────────────────────
_CHUNKS = """
    SELECT run_id, count(*) FILTER (WHERE state IN ('waiting', 'ready', 'asking')),
           coalesce(sum(sent), 0), coalesce(sum(suppressed), 0), coalesce(sum(failed), 0),
           coalesce(sum(size) FILTER (WHERE state = 'skipped'), 0),
           coalesce(sum(size) FILTER (WHERE state = 'failed'), 0),
           coalesce(sum(size) FILTER (WHERE state IN ('waiting', 'ready', 'asking')), 0),
           coalesce(sum(size) FILTER (WHERE state = 'asking'), 0),
           min(done_at), max(done_at), min(due_at) FILTER (WHERE state = 'waiting')
      FROM messaging_runchunk WHERE run_id = ANY(%s) GROUP BY run_id
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one run, counted by its chunks. `left` waits; `asking` of these wait for a person; `missed` were left out, being
    late; `failed` has those of chunks that could not be sent at all. recipients = sent + suppressed + failed + missed + left."""

    open_chunks: int = 0
    sent: int = 0
    suppressed: int = 0
    failed: int = 0
    missed: int = 0
    left: int = 0
    asking: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    next_at: datetime | None = None

    @property
    def rate(self) -> float | None:
        """Customers a second so far."""
        if self.first_at is None or self.last_at is None or self.last_at <= self.first_at:
            return None
        return self.sent / (self.last_at - self.first_at).total_seconds()

    @property
    def done(self) -> int:
        """Customers whose turn is over, whatever came of it."""
        return self.sent + self.suppressed + self.failed + self.missed

    @property
    def seconds_left(self) -> int | None:
        """At this rate; None where there is none, or nobody left."""
        return round(self.left / self.rate) if self.rate and self.left else None


def progress(run_ids: Iterable[UUID]) -> dict[UUID, Progress]:
    """Reads the chunks only: some dozens of rows for a hundred thousand customers."""
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS, [list(run_ids)])
        rows = cursor.fetchall()
    return {
        run: Progress(is_open, sent, suppressed, failed + broken, missed, left, asking, first, last, next_)
        for run, is_open, sent, suppressed, failed, missed, broken, left, asking, first, last, next_ in rows
    }


# ── the ledger of a run ───────────────────────────────────────────────────────────────────────────────────────────────
# What became of a customer: who was left out says so; whose message is there is as it is; all others are as their chunk is.
_LEFT_OUT = "CASE r.outcome WHEN 'failed' THEN 'failed' ELSE 'suppressed' END"
_IS_OVER = "coalesce(m.ended_at, m.gone_at) <= %(now)s"
_SENT = """
    CASE WHEN m.outcome <> '' THEN m.outcome
         WHEN m.ended_reason = 'recalled' THEN 'recalled'
         WHEN {is_over} THEN 'expired_unread'
         ELSE 'sent' END
"""
_UNSENT = """
    CASE WHEN k.state = 'failed' THEN 'failed'
         WHEN k.state = 'skipped' OR %(run_state)s = 'cancelled' THEN 'suppressed'
         ELSE 'pending' END
"""
_UNSENT_WHY = """
    CASE WHEN k.state = 'failed' THEN 'error'
         WHEN k.state = 'skipped' THEN 'missed'
         WHEN %(run_state)s = 'cancelled' THEN 'cancelled'
         ELSE '' END
"""
_SO_FAR = _SENT.format(is_over=_IS_OVER)
_STATE = f"CASE WHEN r.outcome <> '' THEN {_LEFT_OUT} WHEN m.id IS NOT NULL THEN {_SO_FAR} ELSE {_UNSENT} END"
_REASON = f"CASE WHEN r.outcome <> '' THEN r.reason WHEN m.id IS NOT NULL THEN m.ended_reason ELSE {_UNSENT_WHY} END"
_LINE = f"""
    r.customer_id, m.id, {_STATE} AS state, {_REASON}, coalesce(k.due_at, %(run_due_at)s), m.sent_at, m.delivered_at,
    m.revealed_at, m.read_at, m.gone_at, coalesce(m.ended_at, m.outcome_at)
"""
# Of a run that has just begun PostgreSQL's statistics know nothing: it expects one row where there are a hundred thousand, and one
# loop within another seems cheap. So neither statement leaves it that choice. A page is cut before it is joined, by keys that are
# whole. All of a run are joined in full, which is never done by loops; whoever has a message or a chunk has a line, so a full join
# finds what a left one would. (A plain condition on a line's own columns would let PostgreSQL make a left one of it: `coalesce`.)
_PAGE = """
      FROM (SELECT * FROM messaging_runrecipient WHERE run_id = %(run)s AND customer_id > %(after)s
             ORDER BY customer_id LIMIT %(limit)s) AS r
      LEFT JOIN messaging_runchunk k ON k.run_id = r.run_id AND k.number = r.chunk
      LEFT JOIN messaging_message m ON m.run_id = r.run_id AND m.customer_id = r.customer_id
     ORDER BY r.customer_id
"""
_ALL = """
      FROM (SELECT * FROM messaging_runrecipient WHERE run_id = %(run)s) AS r
      FULL JOIN (SELECT * FROM messaging_message WHERE run_id = %(run)s) AS m ON m.customer_id = r.customer_id
      FULL JOIN (SELECT * FROM messaging_runchunk WHERE run_id = %(run)s) AS k ON k.number = r.chunk
"""
_LEDGER = f"SELECT {_LINE} {_PAGE}"
_IN_STATE = f"""
    SELECT * FROM (SELECT {_LINE} {_ALL}) AS found
     WHERE state = %(state)s AND coalesce(customer_id > %(after)s, false) ORDER BY customer_id LIMIT %(limit)s
"""  # noqa: S608 - constants of the code
# Nothing is joined to be counted: of a chunk that is not done nobody has a message, of one that is done all others were left out.
_COUNTS = f"""
    SELECT {_LEFT_OUT}, r.reason, count(*) FROM messaging_runrecipient r WHERE r.run_id = %(run)s AND r.outcome <> '' GROUP BY 1, 2
     UNION ALL
    SELECT {_SENT.format(is_over="m.is_over")}, m.ended_reason, sum(m.number)::bigint
      FROM (SELECT m.outcome, m.ended_reason, {_IS_OVER} AS is_over, count(*) AS number
              FROM messaging_message m WHERE m.run_id = %(run)s GROUP BY 1, 2, 3) AS m GROUP BY 1, 2
     UNION ALL
    SELECT {_UNSENT}, {_UNSENT_WHY}, sum(k.size) FROM messaging_runchunk k
     WHERE k.run_id = %(run)s AND k.state <> 'done' GROUP BY 1, 2
"""  # noqa: S608 - constants of the code
FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Line:
    """One customer in the ledger of a run. `ended_at` is the early end, or when the outcome was set."""

    customer: UUID
    message: UUID | None
    state: str
    reason: str
    due_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    revealed_at: datetime | None
    read_at: datetime | None
    gone_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counts:
    """A run's ledger, counted: `states` as the contract calls them, without those who were `excluded` from the beginning."""

    states: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


def ledger(run: Run, *, now: datetime, after: UUID = FIRST, limit: int = 50, state: str = "") -> list[Line]:
    """In the order of customers' ids: a page costs its own rows."""
    if state and state not in list(rules.Recipient):
        raise Refusal(
            "unknown_state", "There is no such state.", field="state", states=[str(s) for s in rules.Recipient]
        )
    values = _values(run, now) | {"after": after, "limit": limit, "state": state}
    with connection.cursor() as cursor:
        cursor.execute(_IN_STATE if state else _LEDGER, values)
        return [Line(*row) for row in cursor.fetchall()]


def counts(run: Run, *, now: datetime) -> Counts:
    """Adds up to the rows of the ledger."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, _values(run, now))
        rows = cursor.fetchall()
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for state, reason, count in rows:
        states[state] = states.get(state, 0) + count
        if reason:
            reasons[reason] = reasons.get(reason, 0) + count
    return Counts(states, reasons)


def _values(run: Run, now: datetime) -> dict[str, Any]:
    return {"run": run.id, "run_state": run.state, "run_due_at": run.due_at, "now": now}
