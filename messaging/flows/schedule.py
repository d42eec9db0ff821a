"""Scheduled sends: claimed with SKIP LOCKED, checked again at the moment of acting, sent in one unit."""

from datetime import datetime

from messaging.flows import dispatch, recipient, run
from messaging.models import Body, Message
from portal.kernel import unit

SLICE = 500


def send_due(*, now: datetime, slice_rows: int = SLICE) -> int:
    """Send one slice of what is due; call again until it answers zero. Several clocks at once never send one twice."""
    with unit.work() as u:
        rows = list(Message.objects.due(now).select_for_update(skip_locked=True).order_by("send_at")[:slice_rows])
        bodies = Body.objects.in_bulk([row.id for row in rows])
        dispatch.send(u, rows=[(row, bodies[row.id]) for row in rows if row.id in bodies], now=now)
    if len(rows) < slice_rows:
        _wake_for_next(now)
    return len(rows)


def _wake_for_next(now: datetime) -> None:
    """The hint was taken: put the next one back."""
    later = Message.objects.filter(sent_at__isnull=True, ended_at__isnull=True, send_at__isnull=False)
    due_at = later.order_by("send_at").values_list("send_at", flat=True).first()
    for at in filter(None, (due_at, run.next_due_at(now))):
        recipient.wake_at(at)
