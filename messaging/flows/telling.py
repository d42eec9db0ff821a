"""What happened, for the business's own programs: queued in the unit of what happened, so that there is no event without its
commit and none is lost by a crash. Ids, states and counts; what happens at once is told at once, some hundred messages a
payload."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from messaging.models import Delivery, Webhook
from messaging.rules import webhook as rules
from portal.kernel import ids, jobs

JOB = "messaging.jobs.send_events"
Told = dict[str, object]


def are_heard(event: str) -> bool:
    """Does any webhook listen? For callers to whom gathering what they would tell is work."""
    return bool(_listening(event))


def messages(event: str, now: datetime, told: Sequence[tuple[UUID, UUID]], **more: str) -> None:
    """`told`: message and customer. In the caller's unit."""

    def show() -> list[Told]:
        named = [{"id": str(message), "customer": str(customer), **more} for message, customer in told]
        return [{"messages": named[at : at + rules.MOST_TOLD]} for at in range(0, len(named), rules.MOST_TOLD)]

    happened(event, now, show)


def happened(event: str, now: datetime, show: Callable[[], Sequence[Told]]) -> None:
    """In the caller's unit. `show` is asked only where somebody listens."""
    hooks = _listening(event)
    data = show() if hooks else ()
    if not data:
        return
    idle = [hook_id for hook_id, failing in hooks if failing is None and not _is_queued(hook_id, now)]
    Delivery.objects.bulk_create(
        Delivery(id=ids.uuid7(), webhook_id=hook_id, event=event, data=one, created_at=now, due_at=now)
        for hook_id, _ in hooks
        for one in data
    )
    for hook_id in idle:
        jobs.enqueue(JOB, hook_id, queue="hooks")


def _listening(event: str) -> list[tuple[UUID, datetime | None]]:
    found = Webhook.objects.filter(off="", events__contains=[event])
    return list(found.order_by("id").values_list("id", "failing_since"))


def _is_queued(hook_id: UUID, now: datetime) -> bool:
    """Something waits there already, so a worker was asked. A hint: what it may miss, the clock asks for."""
    return Delivery.objects.filter(webhook_id=hook_id, due_at__lte=now, state=Delivery.State.WAITING).exists()
