"""Webhooks: what a business's own programs are told of (Standard Webhooks), and what became of each delivery."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import paging
from messaging.api.serializers import Strict, Text
from messaging.api.views import View, given, iso
from messaging.flows import delivery, webhook
from messaging.models import Delivery, Webhook
from messaging.queries import webhooks
from portal.kernel import clock
from portal.kernel.errors import Refusal


class WebhookInput(Strict):
    url = Text()
    events = s.ListField(child=s.CharField())


class WebhookChange(Strict):
    url = Text(required=False)
    events = s.ListField(child=s.CharField(), required=False)
    on = s.BooleanField(required=False)


class WebhookAnswer(s.Serializer):  # type: ignore[type-arg]
    """`off` says why it is off: `staff`, `gone` or `failing`; null while it is on."""

    id = s.UUIDField()
    url = s.CharField()
    events = s.ListField(child=s.CharField())
    on = s.BooleanField()
    off = s.CharField(allow_null=True)
    failing_since = s.DateTimeField(allow_null=True)
    old_secret_until = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()


class WebhookMade(WebhookAnswer):
    """`secret` is shown by the answer that made it, and never again."""

    secret = s.CharField()


class WebhookList(s.Serializer):  # type: ignore[type-arg]
    results = WebhookAnswer(many=True)
    next = s.CharField(allow_null=True)


class DeliveryAnswer(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    event = s.CharField()
    state = s.CharField()
    attempts = s.IntegerField()
    status = s.IntegerField(allow_null=True)
    reason = s.CharField(allow_null=True)
    data = s.DictField()
    created_at = s.DateTimeField()
    tried_at = s.DateTimeField(allow_null=True)
    due_at = s.DateTimeField(allow_null=True)


class DeliveryList(s.Serializer):  # type: ignore[type-arg]
    results = DeliveryAnswer(many=True)
    next = s.CharField(allow_null=True)


def shown(row: Webhook) -> dict[str, object]:
    return {
        "id": str(row.id), "url": row.url, "events": row.events, "on": not row.off, "off": row.off or None,
        "failing_since": iso(row.failing_since), "old_secret_until": iso(row.old_until), "created_at": iso(row.created_at),
    }  # fmt: skip


def shown_delivery(row: Delivery) -> dict[str, object]:
    return {
        "id": str(row.id), "event": row.event, "state": row.state, "attempts": row.attempts, "status": row.status,
        "reason": row.why or None, "data": row.data, "created_at": iso(row.created_at), "tried_at": iso(row.tried_at),
        "due_at": iso(row.due_at),
    }  # fmt: skip


class Webhooks(View):
    @extend_schema(
        responses=WebhookList,
        tags=["webhooks"],
        parameters=[OpenApiParameter(name, str) for name in ("limit", "cursor")],
    )
    def get(self, request: Request) -> Response:
        rows = webhooks.get_webhooks_for(self.actor())
        return Response(paging.page(request, rows, lambda found: [shown(row) for row in found]))

    @extend_schema(request=WebhookInput, responses={201: WebhookMade}, tags=["webhooks"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(WebhookInput, request)
        made = webhook.create(actor=self.actor(), now=now, url=data["url"], events=data["events"])
        return Response({**shown(webhooks.get_webhook_for(self.actor(), made.id)), "secret": made.secret}, status=201)


class OneWebhook(View):
    @extend_schema(responses=WebhookAnswer, tags=["webhooks"])
    def get(self, request: Request, webhook_id: UUID) -> Response:
        return Response(shown(webhooks.get_webhook_for(self.actor(), webhook_id)))

    @extend_schema(request=WebhookChange, responses=WebhookAnswer, tags=["webhooks"])
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        data = given(WebhookChange, request)
        changes = webhook.Changes(url=data.get("url"), events=data.get("events"), is_on=data.get("on"))
        webhook.change(actor=self.actor(), now=clock.now(), webhook_id=webhook_id, changes=changes)
        return Response(shown(webhooks.get_webhook_for(self.actor(), webhook_id)))

    @extend_schema(responses={204: None}, tags=["webhooks"])
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        webhook.delete(actor=self.actor(), now=clock.now(), webhook_id=webhook_id)
        return Response(status=204)


class Rotate(View):
    """The old secret signs, too, for 24 hours."""

    @extend_schema(request=None, responses=WebhookMade, tags=["webhooks"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        made = webhook.rotate(actor=self.actor(), now=now, webhook_id=kwargs["webhook_id"])
        return Response({**shown(webhooks.get_webhook_for(self.actor(), made.id)), "secret": made.secret})


class Probe(View):
    """Send `webhook.test`."""

    @extend_schema(request=None, responses={202: DeliveryAnswer}, tags=["webhooks"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        made = delivery.probe(actor=self.actor(), now=now, webhook_id=kwargs["webhook_id"])
        return _one(self, kwargs["webhook_id"], made)


class Deliveries(View):
    @extend_schema(
        responses=DeliveryList, tags=["webhooks"],
        parameters=[OpenApiParameter(name, str) for name in ("state", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request, webhook_id: UUID) -> Response:
        rows = webhooks.get_deliveries_for(self.actor(), webhook_id, state=_state(request))
        return Response(paging.page(request, rows, lambda found: [shown_delivery(row) for row in found]))


class Replay(View):
    """The same event under the same id, from the beginning."""

    @extend_schema(request=None, responses={202: DeliveryAnswer}, tags=["webhooks"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        named = {"webhook_id": kwargs["webhook_id"], "delivery_id": kwargs["delivery_id"]}
        delivery.replay(actor=self.actor(), now=now, **named)
        return _one(self, **named)


def _one(view: View, webhook_id: UUID, delivery_id: UUID) -> Response:
    row = webhooks.get_deliveries_for(view.actor(), webhook_id).get(id=delivery_id)
    return Response(shown_delivery(row), status=202)


def _state(request: Request) -> str:
    raw = request.query_params.get("state", "")
    if raw and raw not in Delivery.State.values:
        raise Refusal("bad_state", "There is no such state of a delivery.", field="state")
    return raw
