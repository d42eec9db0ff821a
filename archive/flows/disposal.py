"""Disposal: what has reached its end, and is not held, leaves the archive for good (I8, design 6).

    begin ── planning ── running ── finished            begin   by an officer, or by the clock once a day
                 │          └────── stopped             plan    counts what would go; past the ceiling it stops and asks
                 └── waiting ── approved: running       step    one slice, one transaction, until nothing is left

Irreversible: each slice's COMMIT. The rows are gone; what backups still hold of them dies with the key of their month
(`archive.flows.bucket`), or with those backups.

One transaction a slice: guard, then the run's row, then the question (`disposing.judge`), then the act, then the entry and
COMMIT. The run's place is committed with it: killed at any point, it goes on from the last slice, and nothing happens twice.

D1  Nothing goes that a hold in force selects: the guard is held from the question to the commit (I8).
D2  Nothing goes before its end as the rules stand at that instant; an unknown end is kept.
D3  A run never disposes of more than it is allowed: its ceiling, or the number that a second person approved.
D4  One run at a time, and several workers on it are safe: they take turns at the guard.
D5  Every record that goes is in exactly one entry `archive.disposed`; every run that looked at anything has its entries.
D6  Senders are blocked by nothing here but the few milliseconds in which the ledger's head is locked.

Never done: a key destroyed here; a record deleted outside a slice; a slice larger than SLICE; an offset; a run that goes on
after it was stopped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Min

from archive.flows import approval, disposing, guard
from archive.models import Approval, DisposalPolicy, DisposalRun, Record, Review
from archive.queries import colleagues, due, holds
from archive.rules import acts
from archive.rules import disposal as rules
from portal.kernel import clock, errors, ids, jobs, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal

SLICE = 1000  # what one commit writes is what a send may wait for: larger ones are faster and felt (measured)
REST = 0.1  # of the time that a slice took
CEILING = "disposal.ceiling"
JOB = "archive.jobs.dispose"
AT_CEILING = "ceiling"
SILENT_FOR = timedelta(minutes=2)  # a run that nobody has moved for so long lost its worker
DAILY = timedelta(hours=23)  # the clock begins a run when the last is so old

State = DisposalRun.State
NOT_OVER = (*DisposalRun.UNDERWAY, State.WAITING)


@dataclass(frozen=True, slots=True)
class Begun:
    """The run that is under way now: a new one, or the one that was already (`is_new` False)."""

    id: UUID
    state: str
    is_new: bool


def begin(*, actor: Actor, now: datetime) -> Begun:
    """Begin a run, in the background. While one is under way, or waits for a second person, it is that one."""
    actor.require("disposal.manage")
    with unit.work() as u:
        guard.lock()
        found = _current(u, now)
        if found is None:
            found = DisposalRun.objects.create(asked_by=actor.label, started_at=now, beat_at=now)
            jobs.enqueue(JOB, found.id, queue="bulk")
            return Begun(found.id, found.state, True)
        return Begun(found.id, found.state, False)


def work(*, run_id: UUID, now: Callable[[], datetime] = clock.now, until: datetime | None = None) -> bool:
    """For the job: plan, then slice after slice, until nothing is left or `until`. True if there is more to do."""
    plan(run_id=run_id, now=now())
    while _step_and_rest(run_id, now()):
        if until is not None and now() >= until:
            return True
    return False


def plan(*, run_id: UUID, now: datetime) -> None:
    """Count what would go, before anything does. Past the ceiling the run waits for a second person. Again is fine."""
    run = DisposalRun.objects.filter(id=run_id, state=State.PLANNING).first()
    if run is None:
        return
    total, found = Record.objects.count(), due.count_due(now)
    allowed = _ceiling(total)
    wanted = _at_most(now) if found > allowed else found
    exceeds = wanted > allowed and _count_goers(now, allowed) > allowed
    with unit.work() as u:
        guard.lock()
        run = _locked(run_id)
        if run.state != State.PLANNING:
            return
        run.due, run.allowed, run.beat_at = found, allowed, now
        if exceeds:
            _wait(u, run, wanted, total, now)
        else:
            run.state = State.RUNNING
            if found:
                u.entry(_draft("disposal.started", run, due=found, allowed=allowed))
        run.save()


def step(*, run_id: UUID, now: datetime, slice_rows: int = SLICE) -> bool:
    """One slice, one transaction. True if there is more to do."""
    with unit.work() as u:
        guard.lock()
        run = _locked(run_id)
        if run.state != State.RUNNING:
            return False
        place = due.Place(run.bucket, run.after_until, run.after_message, run.in_unknown)
        found, after = due.next_slice(place, now, slice_rows)
        verdict = disposing.judge(found, now)
        if not found:
            _finish(u, run, now)
        elif run.disposed + len(verdict.goes) > run.allowed:
            _stop(u, run, AT_CEILING, now)
        else:
            done = disposing.carry_out(u, run=run.id, bucket=after.bucket, found=found, verdict=verdict, now=now)
            _tally(run, found, verdict, done, after, now)
        run.save()
        _flush()
        return run.state == State.RUNNING


def stop(*, actor: Actor, now: datetime, run_id: UUID) -> None:
    """Stop a run after the slice at hand. What went is gone; a new run looks at the rest."""
    actor.require("disposal.manage")
    with unit.work() as u:
        guard.lock()
        run = _locked(run_id)
        if run.state not in NOT_OVER:
            raise Refusal("disposal_over", "This run is over already.", Kind.CONFLICT, state=run.state)
        _stop(u, run, actor.label, now)
        run.save()


def pass_ceiling(*, actor: Actor, now: datetime, target_id: UUID, codes: acts.Codes) -> None:
    """A second person said yes: the run may dispose of as many as were asked for. Runs in the approval's unit."""
    with unit.work() as u:
        guard.lock()
        run = _locked(target_id)
        if run.state != State.WAITING:
            raise Refusal("disposal_over", "This run is over already.", Kind.CONFLICT, state=run.state)
        if DisposalRun.objects.filter(state__in=DisposalRun.UNDERWAY).exists():
            raise Refusal("disposal_running", "Another run is under way. Wait until it is over.", Kind.CONFLICT)
        run.state, run.allowed, run.beat_at = State.RUNNING, int(codes["due"]), now
        run.save()
        u.entry(_draft("disposal.started", run, due=run.due, allowed=run.allowed))
        jobs.enqueue(JOB, run.id, queue="bulk")


def sweep(*, now: datetime) -> None:
    """For the clock: begin the day's run; give a run that lost its worker another one."""
    last = DisposalRun.objects.order_by("-id").values_list("id", "state", "started_at", "beat_at").first()
    if last is None or (last[1] not in NOT_OVER and now - last[2] >= DAILY):
        begin(actor=CLOCK, now=now)
        return
    silent = DisposalRun.objects.filter(state__in=DisposalRun.UNDERWAY, beat_at__lte=now - SILENT_FOR)
    for run_id in silent.values_list("id", flat=True):
        with unit.work():
            if silent.filter(id=run_id).update(beat_at=now):
                jobs.enqueue(JOB, run_id, queue="bulk")


def describe(target_id: UUID, codes: acts.Codes) -> str:
    return f"Dispose of up to {codes.get('due')} of {codes.get('total')} records"


def register() -> None:
    act = acts.Act("disposal.manage", "Dispose of more than the ceiling", pass_ceiling, describe, "console:archive_run")
    approval.register(CEILING, act)


def _step_and_rest(run_id: UUID, now: datetime) -> bool:
    """A slice, and a pause in its measure: whoever sends or places a hold goes first (D6)."""
    began = time.monotonic()
    more = step(run_id=run_id, now=now)
    if more:
        time.sleep(REST * (time.monotonic() - began))
    return more


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _current(u: unit.Unit, now: datetime) -> DisposalRun | None:
    """The run that is not over. One whose request was refused, taken back or ran out is stopped here."""
    run = DisposalRun.objects.select_for_update().filter(state__in=NOT_OVER).order_by("-id").first()
    if run is None or run.state != State.WAITING:
        return run
    if Approval.objects.filter(id=run.approval_id, state__in=Approval.WAITING).exists():
        return run
    _stop(u, run, AT_CEILING, now)
    run.save()
    return None


def _locked(run_id: UUID) -> DisposalRun:
    run = DisposalRun.objects.select_for_update().filter(id=run_id).first()
    if run is None:
        raise errors.not_found("run")
    return run


def _tally(
    run: DisposalRun, found: list[due.Candidate], verdict: disposing.Verdict, done: disposing.Done, after: due.Place,
    now: datetime,
) -> None:  # fmt: skip
    run.seen += len(found)
    run.disposed += done.disposed
    run.disposed_bytes += done.size
    run.moved += done.moved
    run.stuck += done.stuck
    if not rules.is_over(
        after.bucket, now
    ):  # what was moved out of a month that is over is met again, and counted there
        run.held += len(verdict.held)
        run.waiting += len(verdict.review)
    run.bucket, run.after_until, run.after_message = after.bucket, after.until, after.message
    run.in_unknown, run.beat_at = after.in_unknown, now


def _flush() -> None:
    """Bring what this slice wrote to disk before the ledger's head is locked: COMMIT, which senders wait for, then has only
    the entry left to write. An older server does all of it at COMMIT, which is as safe and a little slower for them (D6)."""
    with connection.cursor() as cursor:
        if connection.pg_version >= 170000:
            cursor.execute("SELECT pg_logical_emit_message(false, 'ebb', '', true)")


def _finish(u: unit.Unit, run: DisposalRun, now: datetime) -> None:
    run.state, run.ended_at, run.beat_at = State.FINISHED, now, now
    if run.seen:
        u.entry(_draft("disposal.finished", run, **_sums(run)))


def _stop(u: unit.Unit, run: DisposalRun, by: str, now: datetime) -> None:
    """`by` is the label of whoever stopped it, or `ceiling`."""
    run.state, run.stopped_by, run.ended_at = State.STOPPED, by, now
    actor = CLOCK.label if by == AT_CEILING else by
    u.entry(unit.Draft("disposal.stopped", actor, codes={"run": str(run.id), "by": by, **_sums(run)}))


def _wait(u: unit.Unit, run: DisposalRun, wanted: int, total: int, now: datetime) -> None:
    """The ceiling: nothing has gone yet, and nothing does before a second person says so (D3)."""
    oldest = Record.objects.filter(archived_until__lte=now).aggregate(at=Min("sent_at"))["at"]
    codes: dict[str, str | int | bool] = {"due": wanted, "total": total, "allowed": run.allowed}
    if oldest is not None:
        codes["oldest"] = oldest.date().isoformat()
    run.state, run.due = State.WAITING, wanted
    u.entry(_draft("disposal.stopped", run, by=AT_CEILING, **codes))
    reason = f"A run would dispose of up to {wanted} of {total} records; {run.allowed} may go without asking."
    asker = _asker(run)
    run.approval_id = approval.ask(actor=asker, now=now, kind=CEILING, target=run.id, codes=codes, reason=reason).id


def _asker(run: DisposalRun) -> Actor:
    """Whoever began the run, so that it is somebody else who decides; the clock where it did, or where they left."""
    kind, _, raw = run.asked_by.partition(":")
    person = ids.parse_uuid(raw) if kind == "staff" else None
    found = colleagues.people.actor_of(person) if person else None
    return found if found and found.may("disposal.manage") else CLOCK


def _ceiling(total: int) -> int:
    row = DisposalPolicy.objects.filter(id=1).first() or DisposalPolicy()
    return rules.ceiling(total, percent=row.ceiling_percent, count=row.ceiling_count)


def _at_most(now: datetime) -> int:
    """An upper bound of what would go, in one statement."""
    could = Record.objects.filter(archived_until__lte=now) | Record.objects.filter(disposal_bucket=rules.KEEP)
    waiting = Review.objects.filter(is_approved=False).values("message_id")
    return could.exclude(holds.held()).exclude(message_id__in=waiting).count()


def _count_goers(now: datetime, enough: int) -> int:
    """What a run would dispose of; stops counting once it is more than `enough`. A forecast: no guard is held."""
    place, goers = due.Place(), 0
    while goers <= enough:
        found, place = due.next_slice(place, now, SLICE)
        if not found:
            break
        goers += len(disposing.judge(found, now).goes)
    return goers


def _sums(run: DisposalRun) -> dict[str, str | int | bool]:
    return {
        "disposed": run.disposed, "moved": run.moved, "held": run.held, "waiting": run.waiting, "stuck": run.stuck,
    }  # fmt: skip


def _draft(kind: str, run: DisposalRun, **codes: str | int | bool) -> unit.Draft:
    by = run.asked_by if kind == "disposal.started" else CLOCK.label
    return unit.Draft(kind, by, codes={"run": str(run.id), **codes})
