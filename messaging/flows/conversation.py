"""Conversations: assigned, closed. Closing gives the customer's words their end: the policy's days from now.

Nothing a customer wrote disappears unread. What nobody had opened when its conversation was closed has no end: it goes on
waiting in the queue, and gets its end once somebody has read it."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Min

from archive.flows import record
from messaging import push
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
    """Close it; answers when the customer's words in it end. What nobody has read yet goes on waiting."""
    actor.require("conversation.manage")
    with unit.work() as u:
        talk = _locked_open(conversation_id)
        gone_at = now + timedelta(days=policy.get_policy().replies_live_days)
        talk.state, talk.closed_at = Conversation.State.CLOSED, now
        talk.save(update_fields=["state", "closed_at"])
        _give_end(talk, now, gone_at)
        u.entry(_draft("conversation.closed", actor, talk, {}))
    return gone_at


def open_for(*, customer_id: UUID, now: datetime) -> Conversation:
    """The customer's open conversation, or a new one, in the caller's unit. Locked until the commit: words must not arrive
    in a conversation that is being closed, where nobody looks any more."""
    talk, _ = Conversation.objects.get_or_create(
        customer_id=customer_id, state="open", defaults={"opened_at": now, "last_at": now}
    )
    if Conversation.objects.select_for_update().filter(id=talk.id, state="open").first() is None:
        return open_for(customer_id=customer_id, now=now)
    Conversation.objects.filter(id=talk.id).update(last_at=now)
    Conversation.objects.filter(id=talk.id, waiting_since__isnull=True).update(waiting_since=now)
    return talk


def answered(*, now: datetime, customer_id: UUID, upto: UUID) -> None:
    """In the caller's unit: an answer to these words, and so to those before them. What came later goes on waiting."""
    talk = Conversation.objects.select_for_update().filter(customer_id=customer_id, state="open").first()
    if talk is None:
        return
    said = Message.objects.filter(conversation_id=talk.id, direction="in", ended_at__isnull=True, read_at__isnull=True)
    said.filter(id__lte=upto).update(read_at=now)
    talk.waiting_since = said.aggregate(first=Min("sent_at"))["first"]
    talk.save(update_fields=["waiting_since"])


def see(u: unit.Unit, *, now: datetime, conversation_id: UUID, message_ids: list[UUID]) -> None:
    """Somebody of the business has these words of a customer before them. In the caller's unit; locks the conversation, so
    that words read while it is being closed get their end from one of the two."""
    talk = Conversation.objects.select_for_update().get(id=conversation_id)
    unread = Message.objects.filter(id__in=message_ids, direction="in", read_at__isnull=True, ended_at__isnull=True)
    seen = list(unread.values_list("id", "customer_id"))
    Message.objects.filter(id__in=[message_id for message_id, _ in seen]).update(read_at=now)
    if talk.state == Conversation.State.CLOSED:
        _give_end(talk, now, now + timedelta(days=policy.get_policy().replies_live_days))
    push.arrived(u, seen)


def _give_end(talk: Conversation, now: datetime, gone_at: datetime) -> None:
    """To what was read. The queue lets go of the conversation once nothing is left unread."""
    said = Message.objects.filter(conversation_id=talk.id, direction="in", gone_at__isnull=True, ended_at__isnull=True)
    if not said.filter(read_at__isnull=True).exists():
        Conversation.objects.filter(id=talk.id).update(waiting_since=None)
    rows = said.filter(read_at__isnull=False)
    message_ids = list(rows.values_list("id", flat=True))
    bucket = body.bucket_for(now, gone_at)
    for stored in Body.objects.select_for_update().filter(message_id__in=message_ids):
        stored.wrap = body.rewrap(message_id=stored.message_id, wrap=stored.wrap, bucket=bucket)
        stored.bucket, stored.gone_at = bucket, gone_at
        stored.save(update_fields=["wrap", "bucket", "gone_at"])
    Message.objects.filter(id__in=message_ids).update(gone_at=gone_at)
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
