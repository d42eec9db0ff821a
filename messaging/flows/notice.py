"""Content-free notices: "you have a message at …". Chosen by state, sent by a job; at least once, and a repeat says no more."""

from datetime import datetime

from messaging.models import Message
from portal.kernel import jobs, unit

SLICE = 200


def queue_due(*, now: datetime) -> int:
    """Queue a notice for each message that no device received in time; its `notify_at` is cleared in the same unit."""
    with unit.work():
        rows = list(
            Message.objects.undecided()
            .live(now)
            .filter(notify_at__lte=now)
            .select_for_update(skip_locked=True)
            .order_by("notify_at")
            .values_list("id", flat=True)[:SLICE]
        )
        Message.objects.filter(id__in=rows).update(notify_at=None)
        for message_id in rows:
            jobs.enqueue("messaging.jobs.send_notice", message_id)
    return len(rows)
