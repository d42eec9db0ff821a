"""What devices tell about messages. *Delivered* is an outcome and set once (I3); *revealed* and *read* are times.

Deliveries come in floods, so they are written in batches: one UPDATE, one mass entry with the count and the hash of
the ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from archive.ledger import entry
from messaging import push
from messaging.flows import message, telling
from messaging.models import Body, Message
from messaging.queries import policy
from messaging.rules import state
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found

# A device counts for the customers it serves and only while the message lives; whoever came first decided the outcome. What a
# device has may still be unread before its end: the clock looks at it again then (`telling.remind_at`; no interval, no look).
_DELIVER = """
    UPDATE messaging_message AS m
       SET delivered_at = a.at, outcome = 'delivered', outcome_at = a.at,
           notify_at = CASE WHEN m.gone_at - m.sent_at >= 2 * r.before AND m.gone_at - r.before > a.at
                            THEN m.gone_at - r.before END
      FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[]) AS a (message, device, at),
           (SELECT %s::interval AS before) AS r, messaging_devicecustomer AS s, messaging_device AS d
     WHERE m.id = a.message AND m.direction = 'out' AND m.outcome = ''
       AND m.sent_at IS NOT NULL AND m.ended_at IS NULL AND m.gone_at > a.at
       AND s.device_id = a.device AND s.customer_id = m.customer_id AND (s.until IS NULL OR s.until > a.at)
       AND d.id = a.device AND d.state = 'active'
 RETURNING m.id, m.customer_id
"""


@dataclass(frozen=True, slots=True)
class Ack:
    """A device says that it has a message; `at` is when the server heard it."""

    message_id: UUID
    device_id: UUID
    at: datetime


def delivered(*, acks: Sequence[Ack]) -> int:
    """Set the outcome of each message that had none. Unknown, foreign, ended and repeated ones are left alone. → how
    many."""
    first = {ack.message_id: ack for ack in reversed(acks)}
    ordered = [first[key] for key in sorted(first)]  # one order for all, so that two batches cannot wait for each other
    if not ordered:
        return 0
    with unit.work() as u:
        changed = _deliver(ordered)
        if changed:
            u.entry(_mass([message_id for message_id, _ in changed]))
            telling.messages("message.delivered", acks[-1].at, changed, state="delivered")
    return len(changed)


def reveal(*, actor: Actor, now: datetime, message_id: UUID) -> None:
    """After a human act on a device. Starts the read timer on the server: an early end, which keeps its bucket (I2)."""
    with unit.work() as u:
        row = _live(actor, now, message_id)
        if row.revealed_at is not None:
            return
        row.revealed_at = now
        _count_as_delivered(row, now)
        _start_timer(row, now)
        row.save(update_fields=["revealed_at", "gone_at", "delivered_at", "outcome", "outcome_at", "notify_at"])
        u.entry(message.draft_of("message.revealed", actor, row, gone_at=row.gone_at))
        push.arrived(u, [(row.id, row.customer_id)])


def read(*, actor: Actor, now: datetime, message_id: UUID) -> None:
    """A person has read it. What waits for a tap must have been revealed first."""
    with unit.work() as u:
        row = _live(actor, now, message_id)
        if row.read_at is not None or (row.tap_to_reveal and row.revealed_at is None):
            return
        row.read_at = now
        _count_as_delivered(row, now)
        row.save(update_fields=["read_at", "delivered_at", "outcome", "outcome_at", "notify_at"])
        u.entry(message.draft_of("message.read", actor, row))


def extend(*, actor: Actor, now: datetime, message_id: UUID) -> None:
    message.extend_from_device(actor=actor, now=now, message_id=message_id)


def _deliver(acks: list[Ack]) -> list[tuple[UUID, UUID]]:
    """→ message and customer of each that had no outcome before."""
    before = policy.get_policy().notices.remind_before
    rows: list[Any] = [
        [ack.message_id for ack in acks],
        [ack.device_id for ack in acks],
        [ack.at for ack in acks],
        before,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_DELIVER, rows)
        return cursor.fetchall()


def _mass(changed: list[UUID]) -> unit.Draft:
    count, digest = entry.digest_ids(changed)
    return unit.Draft(
        "receipts", "system", codes={"receipt": "delivered"}, count=count, ids_sha256=digest,
        detail={"ids": [str(one) for one in sorted(changed)]},
    )  # fmt: skip


def _live(actor: Actor, now: datetime, message_id: UUID) -> Message:
    row = Message.objects.select_for_update().filter(id=message_id, direction=Message.Direction.OUT).first()
    if row is None or row.customer_id not in actor.customers or row.sent_at is None or state.has_ended(row, now):
        raise not_found("message")
    return row


def _count_as_delivered(row: Message, now: datetime) -> None:
    """Whoever revealed or read it has it, even if the acknowledgement was lost."""
    row.notify_at = None
    if row.outcome == "":
        row.delivered_at, row.outcome, row.outcome_at = now, Message.Outcome.DELIVERED, now
        telling.messages("message.delivered", now, [(row.id, row.customer_id)], state="delivered")


def _start_timer(row: Message, now: datetime) -> None:
    if row.gone_after_read is None or row.gone_at is None:
        return
    # A clock that went back with a restart starts it no earlier than the message was sent.
    starts_at = max(now, row.sent_at or now)
    row.gone_at = min(row.gone_at, starts_at + timedelta(seconds=row.gone_after_read))
    Body.objects.filter(message_id=row.id).update(gone_at=row.gone_at)
