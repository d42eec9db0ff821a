"""Events on their way to a webhook: claimed by a worker, sent outside any transaction, settled by what the receiver said.

At least once, always under the same `webhook-id`: a worker that dies in between leaves a row that says *sending*, and past its
lease it is sent again. A webhook that fails is tried with one delivery, and what is behind it waits: one that hangs costs a worker
one time-out a round.

Never done here: a byte sent inside a transaction; an answer kept; a body that holds more than ids, states and counts.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from messaging.flows import telling, webhook
from messaging.models import Delivery, Webhook
from messaging.notices.hook import Answer, Parcel
from messaging.rules import webhook as rules
from portal.kernel import ids, jobs, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal, not_found

LEASE = timedelta(minutes=2)
KEPT_FOR = timedelta(days=30)
ASKED_AGAIN_AFTER = timedelta(minutes=1)  # a job that was lost, or a worker that died
SWEPT = 5000
GONE = 410
State = Delivery.State


def claim(*, now: datetime, webhook_id: UUID, limit: int) -> list[Parcel]:
    """Take what is due: several workers never take the same."""
    with unit.work():
        hook = Webhook.objects.filter(id=webhook_id, off="").first()
        if hook is None:
            return []
        Webhook.objects.filter(id=webhook_id).update(queued_at=None)
        due = Delivery.objects.select_for_update(skip_locked=True).filter(webhook_id=webhook_id, due_at__lte=now)
        rows = list(_turn(due, webhook_id) if hook.failing_since else due.order_by("due_at", "id")[:limit])
        for row in rows:
            row.state, row.tried_at, row.due_at, row.attempts = State.SENDING, now, now + LEASE, row.attempts + 1
        Delivery.objects.bulk_update(rows, ["state", "tried_at", "due_at", "attempts"])
    return [_parcel(hook, row, now) for row in rows]


def settle(*, now: datetime, webhook_id: UUID, answers: Sequence[tuple[Parcel, Answer]]) -> None:
    """What became of those that were tried. A claim whose lease ran out is whoever's who took it over."""
    told = {parcel.id: (parcel, answer) for parcel, answer in answers}
    with unit.work() as u:
        hook = Webhook.objects.select_for_update(no_key=True).filter(id=webhook_id).first()
        held = Delivery.objects.select_for_update().filter(id__in=told, state=State.SENDING).order_by("id")
        rows = [row for row in held if row.attempts == told[row.id][0].attempt]
        for row in rows:
            _became(row, told[row.id][1], now)
        Delivery.objects.bulk_update(rows, ["state", "due_at", "settled_at", "status", "why"])
        if hook is not None and rows:
            _look_at(u, hook, rows, now)


def replay(*, actor: Actor, now: datetime, webhook_id: UUID, delivery_id: UUID) -> None:
    """Send one that is settled once more, from the beginning, under its own id."""
    actor.require(webhook.MANAGE)
    with unit.work():
        _is_on(webhook_id)
        found = Delivery.objects.select_for_update().filter(id=delivery_id, webhook_id=webhook_id).first()
        if found is None:
            raise not_found("delivery")
        if found.due_at is not None:
            raise Refusal("delivery_waits", "It is on its way already.", Kind.CONFLICT)
        found.state, found.attempts, found.due_at, found.settled_at = State.WAITING, 0, now, None
        found.save(update_fields=["state", "attempts", "due_at", "settled_at"])
        jobs.enqueue(telling.JOB, webhook_id, queue="hooks")


def probe(*, actor: Actor, now: datetime, webhook_id: UUID) -> UUID:
    """Send an event that says nothing, to see whether it arrives."""
    actor.require(webhook.MANAGE)
    with unit.work():
        _is_on(webhook_id)
        row = Delivery(
            id=ids.uuid7(), webhook_id=webhook_id, event=rules.TEST, data={"webhook": str(webhook_id)}, created_at=now, due_at=now
        )  # fmt: skip
        row.save(force_insert=True)
        jobs.enqueue(telling.JOB, webhook_id, queue="hooks")
    return row.id


def ask_due(*, now: datetime) -> int:
    """For the clock: webhooks where something is due, unless a worker was asked a moment ago. → how many were asked for."""
    due = Delivery.objects.filter(due_at__lte=now).values("webhook_id").distinct()
    unasked = Q(queued_at__isnull=True) | Q(queued_at__lte=now - ASKED_AGAIN_AFTER)
    asked = 0
    for hook_id in list(Webhook.objects.filter(unasked, off="", id__in=due).values_list("id", flat=True)):
        with unit.work():
            if Webhook.objects.filter(unasked, id=hook_id).update(queued_at=now):
                jobs.enqueue(telling.JOB, hook_id, queue="hooks")
                asked += 1
    return asked


def sweep(*, now: datetime) -> None:
    old = Delivery.objects.filter(created_at__lt=now - KEPT_FOR).order_by("created_at").values_list("id", flat=True)
    Delivery.objects.filter(id__in=list(old[:SWEPT])).delete()
    Webhook.objects.filter(old_until__lte=now).update(old_secret="", old_until=None)


def _turn(due: QuerySet[Delivery], webhook_id: UUID) -> QuerySet[Delivery]:
    """Of one that fails: the oldest, at its time, or a test that somebody asked for. What happened since is due at once, and would
    begin the waiting times anew with each event."""
    oldest = Delivery.objects.filter(webhook_id=webhook_id, due_at__isnull=False).order_by("id")
    return due.filter(Q(id=oldest.values_list("id", flat=True).first()) | Q(event=rules.TEST)).order_by("id")[:1]


def _is_on(webhook_id: UUID) -> None:
    row = Webhook.objects.filter(id=webhook_id).first()
    if row is None:
        raise not_found("webhook")
    if row.off:
        raise Refusal("webhook_off", "This webhook is off. Switch it on first.", Kind.CONFLICT)


def _parcel(hook: Webhook, row: Delivery, now: datetime) -> Parcel:
    old = (hook.old_secret,) if hook.old_until and hook.old_until > now else ()
    body = rules.payload(event=row.event, at=row.created_at, data=row.data)
    return Parcel(row.id, hook.url, (hook.secret, *old), body, row.attempts)


def _became(row: Delivery, answer: Answer, now: datetime) -> None:
    row.status, row.why = answer.status, answer.why
    if not answer.why:
        row.state, row.due_at, row.settled_at = State.DELIVERED, None, now
        return
    again = rules.again_at(
        now=now, attempts=row.attempts, chance=random.random(), wait=timedelta(seconds=answer.wait)  # noqa: S311 - spreads load
    )  # fmt: skip
    row.state, row.due_at = (State.WAITING, again) if again else (State.FAILED, None)
    row.settled_at = None if again else now


def _look_at(u: unit.Unit, hook: Webhook, rows: Sequence[Delivery], now: datetime) -> None:
    """One that takes is well; one that does not keeps what is behind waiting; one that is gone, or failed for days, is given up."""
    if any(row.state == State.DELIVERED for row in rows):
        Webhook.objects.filter(id=hook.id, failing_since__isnull=False).update(failing_since=None)
        return
    hook.failing_since = hook.failing_since or now
    hook.save(update_fields=["failing_since"])
    if any(row.status == GONE for row in rows):
        _give_up(u, hook, Webhook.Off.GONE, now)
    elif now - hook.failing_since >= rules.GIVEN_UP_AFTER:
        _give_up(u, hook, Webhook.Off.FAILING, now)
    elif later := min((row.due_at for row in rows if row.due_at), default=None):
        behind = Delivery.objects.filter(webhook_id=hook.id, state=State.WAITING, due_at__lt=later)
        behind.update(due_at=later)


def _give_up(u: unit.Unit, hook: Webhook, why: Webhook.Off, now: datetime) -> None:
    if hook.off:
        return
    webhook.switch_off(hook, why, now)
    hook.save(update_fields=["off"])
    u.entry(unit.Draft("webhook.disabled", CLOCK.label, codes={"webhook": str(hook.id), "why": why.value}))
    jobs.enqueue("messaging.jobs.tell_of_webhook", hook.id)
