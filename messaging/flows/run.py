"""Runs of campaigns: planned, begun, opened chunk by chunk, finished.

The rows are the truth, jobs are hints: whoever comes (a job, the clock, twice, late) looks at the rows, takes what is there under
a lock, and goes. A run begins in one transaction that writes its whole ledger down, in the database (`INSERT … SELECT`); from then
on nobody joins it and nobody leaves it unexplained.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Max, Min, Q, QuerySet

from messaging.flows import campaigntext, recipient, telling
from messaging.models import Campaign, Run, RunChunk
from messaging.queries import campaigns, eligible, policy
from messaging.rules import campaign as rules
from messaging.rules import recurrence, schedule
from portal.kernel import ids, jobs, tenancy, unit, wake
from portal.kernel.actors import CLOCK

CHUNK = settings.EBB_CHUNK  # customers a transaction: some 150 ms, in a part of which other senders wait for the ledger
GROUP = 1_000_000  # chunks of one instant are numbered from here on
JOB = "messaging.jobs.work_run"
LOST_AFTER = timedelta(seconds=5)  # without a word of a run that has work: somebody is asked again


@dataclass(frozen=True, slots=True)
class When:
    """A time to send: an instant, or a wall time that each zone in the audience gives its own."""

    due_at: datetime
    wall: datetime | None = None


def plan(u: unit.Unit, *, campaign: Campaign, when: When, passed_over: int = 0) -> Run:
    """The next run, in the caller's unit. Numbers are given under the campaign's lock."""
    last = Run.objects.filter(campaign=campaign).aggregate(last=Max("number"))["last"] or 0
    run = Run.objects.create(
        id=ids.uuid7(), campaign=campaign, number=last + 1, due_at=when.due_at, passed_over=passed_over,
        wall=when.wall.isoformat() if when.wall else "",
    )  # fmt: skip
    recipient.wake_at(run.due_at)
    return run


def locked(run_id: UUID) -> Run | None:
    """A run with its campaign, both locked, the campaign first: so does whoever pauses or cancels."""
    campaign_id = Run.objects.filter(id=run_id).values_list("campaign_id", flat=True).first()
    if campaign_id is None:
        return None
    campaign = Campaign.objects.select_for_update().get(id=campaign_id)
    run = Run.objects.select_for_update().get(id=run_id)
    run.campaign = campaign
    return run


# ── beginning ─────────────────────────────────────────────────────────────────────────────────────────────────────────
_ZONES = "SELECT DISTINCT c.time_zone FROM messaging_customer c WHERE c.state <> 'erased' AND ({where})"
_EXPAND = """
    INSERT INTO messaging_runrecipient (run_id, customer_id, chunk, outcome, reason)
    SELECT %s, a.id,
           CASE WHEN a.reason = ''
                THEN a.place * %s + (row_number() OVER (PARTITION BY a.place, a.reason = '' ORDER BY a.id) - 1) / %s
                ELSE -1 END,
           CASE WHEN a.reason = '' THEN '' ELSE 'excluded' END, a.reason
      FROM (SELECT c.id, {reason} AS reason, coalesce(z.place, 0) AS place
              FROM messaging_customer c LEFT JOIN unnest(%s::text[], %s::int[]) AS z (zone, place) ON z.zone = c.time_zone
             WHERE c.state <> 'erased' AND ({where})) AS a
"""
_CUT = """
    INSERT INTO messaging_runchunk (run_id, number, state, due_at, first_id, last_id, size, sent, suppressed, failed, attempts)
    SELECT %s, r.chunk, 'waiting', z.due_at, min(r.customer_id::text)::uuid, max(r.customer_id::text)::uuid, count(*), 0, 0, 0, 0
      FROM messaging_runrecipient r JOIN unnest(%s::int[], %s::timestamptz[]) AS z (place, due_at) ON z.place = r.chunk / %s
     WHERE r.run_id = %s AND r.chunk >= 0 GROUP BY r.chunk, z.due_at
"""
_COUNT = """
    SELECT count(*) FILTER (WHERE chunk >= 0), count(*) FILTER (WHERE chunk < 0) FROM messaging_runrecipient WHERE run_id = %s
"""


def begin(*, now: datetime, run_id: UUID) -> bool:
    """Write the ledger of a run that is due, and plan the one after it. False where there is nothing to begin (any more)."""
    with unit.work() as u:
        run = locked(run_id)
        if run is None or run.state != Run.State.WAITING or run.due_at > now:
            return False
        campaign = run.campaign
        _expand(run, campaign)
        run.state, run.started_at = Run.State.RUNNING, now
        run.save()
        u.entry(draft("campaign.started", CLOCK.label, run, recipients=run.recipients, excluded=run.excluded))
        campaign.state = Campaign.State.RUNNING
        campaign.save(update_fields=["state"])
        _plan_next(u, campaign, run, now)
        _ask_for_help(run)
    return True


def _ask_for_help(run: Run) -> None:
    """Whoever begins a run works on it; with several chunks others do, too."""
    chunks = RunChunk.objects.filter(run_id=run.id).count()
    for _ in range(min(settings.EBB_BULK_WORKERS, chunks) - 1):
        jobs.enqueue(JOB, run.id, queue="bulk")


def _expand(run: Run, campaign: Campaign) -> None:
    """The ledger's rows and its chunks. Three statements, none of which brings a customer to Python."""
    where, values = campaigns.audience_of(campaign)
    reason, reason_values = eligible.reason(policy.get_policy().purpose_of(campaign.category))
    places, dues = _places(run, campaign)
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPAND.format(reason=reason, where=where),
            [run.id, GROUP, CHUNK, *reason_values, list(places), list(places.values()), *values],
        )
        cursor.execute(_CUT, [run.id, list(range(len(dues))), dues, GROUP, run.id])
        cursor.execute(_COUNT, [run.id])
        run.recipients, run.excluded = cursor.fetchone()


def _places(run: Run, campaign: Campaign) -> tuple[dict[str, int], list[datetime]]:
    """Zones that share an instant share a place; the instants by place. Never before the run's own time, which a person may
    have moved. Place 0 is the business's zone: whoever is in one that appears meanwhile goes with it."""
    if not campaign.send_at_local:
        return {}, [run.due_at]
    wall, own = datetime.fromisoformat(run.wall), policy.get_policy().time_zone
    found = schedule.instants(wall, _zones(campaign) | {""}, own)
    found = {zone: max(due, run.due_at) for zone, due in found.items()}
    dues = sorted(set(found.values()), key=lambda due: (due != found[""], due))
    return {zone: dues.index(due) for zone, due in found.items()}, dues


def _plan_next(u: unit.Unit, campaign: Campaign, run: Run, now: datetime) -> None:
    """The next occurrence that lies ahead. Those that nobody could start meanwhile are counted and told, never sent at once."""
    if not campaign.repeat:
        return
    start = start_of(campaign)
    rule, wall, passed = recurrence.parse(campaign.repeat), datetime.fromisoformat(run.wall), 0
    while (found := recurrence.after(rule, start, wall)) is not None:
        when = when_of(campaign, found)
        if when.due_at > now:
            plan(u, campaign=campaign, when=when, passed_over=passed)
            break
        wall, passed = found, passed + 1
    if passed:
        u.entry(draft("campaign.missed", CLOCK.label, run, policy=rules.Missed.SKIP, occurrences=passed))


def when_of(campaign: Campaign, wall: datetime) -> When:
    """An occurrence: in the business's zone, or from the first zone on earth where it may come."""
    if campaign.send_at_local:
        return When(min(instants_of(campaign, wall).values()), wall)
    return When(schedule.instant(wall, schedule.zone(policy.get_policy().time_zone)), wall)


def instants_of(campaign: Campaign, wall: datetime) -> dict[str, datetime]:
    """The instants of a wall time, by the zones of the audience as it is now. Who moves further east later is late, and the
    policy says what becomes of them."""
    zones = _zones(campaign) or {""}
    return schedule.instants(wall, zones, policy.get_policy().time_zone)


def _zones(campaign: Campaign) -> set[str]:
    where, values = campaigns.audience_of(campaign)
    with connection.cursor() as cursor:
        cursor.execute(_ZONES.format(where=where), values)
        return {row[0] for row in cursor.fetchall()}


def start_of(campaign: Campaign) -> datetime:
    """The wall time from which a campaign repeats."""
    if campaign.send_at_local:
        return datetime.fromisoformat(campaign.send_at_local)
    assert campaign.send_at is not None
    return schedule.wall_of(campaign.send_at, schedule.zone(policy.get_policy().time_zone))


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def open_due(*, now: datetime, run_id: UUID) -> bool:
    """Open the chunks whose time has come; what came too late is sent, left out or asked about, by the policy. True where
    there is something to send."""
    with unit.work() as u:
        run = locked(run_id)
        if run is None or run.state != Run.State.RUNNING:
            return False
        due = RunChunk.objects.filter(run_id=run.id, state=RunChunk.State.WAITING, due_at__lte=now)
        for due_at in set(due.values_list("due_at", flat=True)):
            _open(u, run, due.filter(due_at=due_at), due_at, now)
        is_ready = RunChunk.objects.filter(run_id=run.id, state=RunChunk.State.READY).exists()
        later = RunChunk.objects.filter(run_id=run.id, state=RunChunk.State.WAITING).aggregate(at=Min("due_at"))["at"]
        if later is not None:
            recipient.wake_at(later)
    return is_ready


def _open(u: unit.Unit, run: Run, chunks: QuerySet[RunChunk], due_at: datetime, now: datetime) -> None:
    current = policy.get_policy().campaigns
    what = schedule.what_now(run.campaign.missed or current.missed, due_at, now, current.missed_after)
    state = {rules.Missed.SEND: "ready", rules.Missed.SKIP: "skipped", rules.Missed.ASK: "asking"}[what]
    late = schedule.is_missed(due_at, now, current.missed_after)
    customers = sum(chunks.values_list("size", flat=True))
    chunks.update(state=state)
    if late:
        u.entry(draft("campaign.missed", CLOCK.label, run, policy=what, customers=customers))
    if what is rules.Missed.ASK:
        stop(run.campaign)


def stop(campaign: Campaign) -> None:
    """Pause a campaign that is locked, and all its runs that are not over: in the caller's unit."""
    Run.objects.filter(campaign=campaign, state__in=[Run.State.WAITING, Run.State.RUNNING]).update(
        state=Run.State.PAUSED
    )
    campaign.state = Campaign.State.PAUSED
    campaign.save(update_fields=["state"])


def finish(*, now: datetime, run_id: UUID) -> bool:
    """The end of a run of which nothing is left. Compare and set: whoever comes second finds it finished."""
    with unit.work() as u:
        run = locked(run_id)
        if run is None or run.state != Run.State.RUNNING:
            return False
        found = campaigns.progress([run.id]).get(run.id, campaigns.Progress())
        if found.open_chunks:
            return False
        run.state = Run.State.FAILED if found.failed and not found.sent else Run.State.FINISHED
        run.finished_at = now
        run.save(update_fields=["state", "finished_at"])
        u.entry(
            draft(
                "campaign.finished", CLOCK.label, run, sent=found.sent, suppressed=found.suppressed, failed=found.failed,
                missed=found.missed, excluded=run.excluded,
            )
        )  # fmt: skip
        settle(run.campaign_id, now)
        tell_over(now, {run: found})
        u.after_commit(told(run.id))
    return True


def tell_over(now: datetime, over: dict[Run, campaigns.Progress]) -> None:
    """The business's programs: these runs are over, and how far they came. In the caller's unit."""
    telling.happened("campaign.finished", now, lambda: [_over(run, found) for run, found in over.items()])


def _over(run: Run, found: campaigns.Progress) -> telling.Told:
    counts = {"sent": found.sent, "suppressed": found.suppressed, "failed": found.failed, "excluded": run.excluded}
    return {"campaign": str(run.campaign_id), "run": run.number, "state": str(run.state), **counts}


def settle(campaign_id: UUID, now: datetime) -> None:
    """What a campaign is, by its runs; and the end of its words once nothing waits for them. In the caller's unit."""
    campaign = Campaign.objects.select_for_update().get(id=campaign_id)
    states = dict(Run.objects.filter(campaign_id=campaign_id).order_by("number").values_list("number", "state"))
    for state, shown in _SHOWN:
        if state in states.values():
            campaign.state = shown
            break
    else:
        newest = states[max(states)]
        campaign.state = Campaign.State(newest)
        campaign.finished_at = now
        campaigntext.end_at(campaign, now, last_end(campaign, now))
    campaign.save(update_fields=["state", "finished_at", *campaigntext.FIELDS])


_SHOWN = (
    (Run.State.PAUSED, Campaign.State.PAUSED), (Run.State.RUNNING, Campaign.State.RUNNING),
    (Run.State.WAITING, Campaign.State.SCHEDULED),
)  # fmt: skip


def last_end(campaign: Campaign, now: datetime) -> datetime:
    """With the last message; where some could not be sent, as long as one sent now would live, so that it can be tried again."""
    chunks = RunChunk.objects.filter(run_id__in=Run.objects.filter(campaign=campaign).values("id"))
    last = chunks.aggregate(at=Max("gone_at"))["at"] or now
    has_failed = chunks.filter(Q(failed__gt=0) | Q(state="failed")).exists()
    return max(last, now + timedelta(seconds=campaign.gone_after or 0)) if has_failed else last


# ── who works ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def ask(u: unit.Unit, run_ids: Iterable[UUID], now: datetime) -> None:
    """Ask the workers to work on these runs. In the caller's unit."""
    for run_id in run_ids:
        Run.objects.filter(id=run_id).update(queued_at=now)
        jobs.enqueue(JOB, run_id, queue="bulk")


def ask_again(*, now: datetime, run_id: UUID) -> None:
    """A worker's turn is over and the run is not."""
    with unit.work() as u:
        ask(u, [run_id], now)


_ASK = """
    SELECT r.id FROM messaging_run r
     WHERE (r.state = 'waiting' AND r.due_at <= %(now)s
            AND (r.queued_at IS NULL OR r.queued_at < r.due_at OR r.queued_at <= %(lost)s))
        OR (r.state = 'running' AND EXISTS (
                SELECT 1 FROM messaging_runchunk k WHERE k.run_id = r.id AND k.state = 'waiting' AND k.due_at <= %(now)s
                   AND r.queued_at < k.due_at))
        OR (r.state = 'running' AND r.queued_at <= %(lost)s
            AND NOT EXISTS (SELECT 1 FROM messaging_runchunk k WHERE k.run_id = r.id AND k.done_at > %(lost)s)
            AND (EXISTS (SELECT 1 FROM messaging_runchunk k WHERE k.run_id = r.id
                            AND (k.state = 'ready' OR (k.state = 'waiting' AND k.due_at <= %(now)s)))
                 OR NOT EXISTS (SELECT 1 FROM messaging_runchunk k WHERE k.run_id = r.id
                                   AND k.state IN ('waiting', 'ready', 'asking'))))
       FOR UPDATE OF r SKIP LOCKED
"""


def ask_due(*, now: datetime) -> int:
    """For the clock: runs to begin, chunks to open, and runs with work of which nobody heard for a while (a worker died, a job
    was lost). How many were asked for."""
    with unit.work() as u:
        with connection.cursor() as cursor:
            cursor.execute(_ASK, {"now": now, "lost": now - LOST_AFTER})
            due = [row[0] for row in cursor.fetchall()]
        ask(u, due, now)
    return len(due)


def next_due_at(now: datetime) -> datetime | None:
    """When the clock looks again: a run begins, a chunk is due, or one that runs may have been left by whoever worked on it."""
    waiting = Run.objects.filter(state=Run.State.WAITING).aggregate(at=Min("due_at"))["at"]
    running = list(Run.objects.filter(state=Run.State.RUNNING).values_list("id", flat=True))
    chunks = RunChunk.objects.filter(state=RunChunk.State.WAITING, run_id__in=running).aggregate(at=Min("due_at"))["at"]
    return min(filter(None, (waiting, chunks, now + LOST_AFTER if running else None)), default=None)


def draft(kind: str, actor: str, run: Run, **codes: str | int | bool) -> unit.Draft:
    return unit.Draft(kind, actor, run=run.id, codes={"campaign": str(run.campaign_id), "number": run.number, **codes})


def told(run_id: UUID) -> unit.Act:
    """Pages that show a run look again: ids only, after the commit."""
    schema = tenancy.here().schema
    return lambda: wake.publish(schema, "run", run=run_id)
