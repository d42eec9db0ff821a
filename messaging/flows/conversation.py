"""Conversations: assigned, closed. Closing gives the customer's words their end: the policy's days from now."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max

from archive.flows import record
from messaging.flows import body, recipient
from messaging.models import Body, Conversation, Message
from messaging.queries import policy
from portal.kernel import unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


def assign(*, actor: Actor, now: datetime, conversation_id: UUID, staff_id: UUID | None) -> None:
    """Give the conversation to one member of staff, or to nobody."""
    actor.require("conversation.manage")
    with unit.work() as u:
        talk = _locked_open(conversation_id)
        talk.assignee_id = staff_id
        talk.save(update_fields=["assignee_id"])
        codes: dict[str, str | int | bool] = {"to": str(staff_id) if staff_id else "nobody"}
        u.entry(_draft("conversation.assigned", actor, talk, codes))


def close(*, actor: Actor, now: datetime, conversation_id: UUID) -> datetime:
    """Close it; answers when the customer's words in it end. Nothing a customer wrote goes unanswered by accident: what
    waits must have been read, which closing states."""
    actor.require("conversation.manage")
    with unit.work() as u:
        talk = _locked_open(conversation_id)
        gone_at = now + timedelta(days=policy.get_policy().replies_live_days)
        talk.state, talk.closed_at, talk.waiting_since = Conversation.State.CLOSED, now, None
        talk.save(update_fields=["state", "closed_at", "waiting_since"])
        _give_end(talk, now, gone_at)
        u.entry(_draft("conversation.closed", actor, talk, {}))
    return gone_at


def _give_end(talk: Conversation, now: datetime, gone_at: datetime) -> None:
    rows = Message.objects.filter(conversation_id=talk.id, direction="in", gone_at__isnull=True, ended_at__isnull=True)
    message_ids = list(rows.values_list("id", flat=True))
    bucket = body.bucket_for(now, gone_at)
    for stored in Body.objects.select_for_update().filter(message_id__in=message_ids):
        stored.wrap = body.rewrap(message_id=stored.message_id, wrap=stored.wrap, bucket=bucket)
        stored.bucket, stored.gone_at = bucket, gone_at
        stored.save(update_fields=["wrap", "bucket", "gone_at"])
    rows.update(gone_at=gone_at)
    record.set_end(message_ids=message_ids, gone_at=gone_at)
    longest = Message.objects.filter(id__in=message_ids).aggregate(last=Max("archived_until"))["last"]
    if longest is not None and longest < gone_at:
        Message.objects.filter(id__in=message_ids).update(archived_until=gone_at)


def _locked_open(conversation_id: UUID) -> Conversation:
    talk = Conversation.objects.select_for_update().filter(id=conversation_id).first()
    if talk is None:
        raise not_found("conversation")
    if talk.state != Conversation.State.OPEN:
        raise Refusal("already_closed", "This conversation is closed.", Kind.CONFLICT)
    return talk


def _draft(kind: str, actor: Actor, talk: Conversation, codes: dict[str, str | int | bool]) -> unit.Draft:
    return unit.Draft(
        kind, actor.label, subject=recipient.subject_of(talk.customer_id), customer=talk.customer_id, codes=codes
    )
