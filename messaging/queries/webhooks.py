"""Reading webhooks and what became of each delivery."""

from uuid import UUID

from django.db.models import QuerySet

from messaging.flows import webhook as flow
from messaging.models import Delivery, Webhook
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found


def get_webhooks_for(actor: Actor) -> QuerySet[Webhook]:
    actor.require(flow.MANAGE)
    return Webhook.objects.all()


def get_webhook_for(actor: Actor, webhook_id: UUID) -> Webhook:
    row = get_webhooks_for(actor).filter(id=webhook_id).first()
    if row is None:
        raise not_found("webhook")
    return row


def get_deliveries_for(actor: Actor, webhook_id: UUID, *, state: str = "") -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(webhook_id=get_webhook_for(actor, webhook_id).id)
    return rows.filter(state=state) if state else rows
