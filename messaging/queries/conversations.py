"""Finding conversations and what was said in them."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from messaging.models import Conversation, Message
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found


def get_conversation_for(actor: Actor, conversation_id: UUID) -> Conversation:
    actor.require("conversation.view")
    found = Conversation.objects.filter(id=conversation_id).first()
    if found is None:
        raise not_found("conversation")
    return found


def get_conversations_for(actor: Actor, *, customer: UUID | None = None, state: str = "") -> QuerySet[Conversation]:
    actor.require("conversation.view")
    rows = Conversation.objects.all()
    if customer:
        rows = rows.filter(customer_id=customer)
    if state:
        if state not in Conversation.State.values:
            raise Refusal("unknown_state", "A conversation is open or closed.", field="state")
        rows = rows.filter(state=state)
    return rows


def get_messages_of(row: Conversation, now: datetime) -> list[Message]:
    """The customer's words in this conversation, and what the business wrote to them since it was opened: the newest 500,
    oldest first."""
    rows = Message.objects.filter(customer_id=row.customer_id, composed_at__gte=row.opened_at, sent_at__isnull=False)
    if row.closed_at:
        rows = rows.filter(composed_at__lte=row.closed_at)
    return list(rows.order_by("-id")[:500])[::-1]
