"""Messages: one, a batch, their state. Never a body: what was said is the customer's to read and the archive's to keep."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import lane, message
from messaging.queries import messages, templates
from messaging.rules import compose, state
from portal.kernel import clock, ids
from portal.kernel.errors import Kind, Refusal
from portal.web import problems


def compose_of(data: dict[str, Any]) -> compose.Compose:
    """A checked body as the flow takes it. A template is named by its id; what is none names nothing."""
    named = data.get("template")
    if named is None and data.get("body") is None:
        raise Refusal("empty_body", "The message is empty. Write something.", field="body")
    found = ids.parse_uuid(named) if named is not None else None
    if named is not None and found is None:
        raise templates.unknown()
    known = {**data, "template": found, "body": data.get("body") or ""}
    known["attachments"] = tuple(known.get("attachments", ()))
    known["answers"] = tuple(known.get("answers", ()))
    return compose.Compose(**known)


def accepted(sent: message.Sent) -> dict[str, object]:
    return {
        "id": str(sent.id), "state": sent.state, "customer": str(sent.customer_id), "gone_at": iso(sent.gone_at),
        "archived_until": iso(sent.archived_until), "rule": sent.rule, "entry": {"index": sent.index},
    }  # fmt: skip


def shown(row: Any, now: datetime) -> dict[str, object]:
    """State and timeline. A scheduled message has no end yet: it begins when it is sent."""
    return {
        "id": str(row.id), "customer": str(row.customer_id), "direction": row.direction, "state": state.of(row, now),
        "outcome": row.outcome or None, "reason": row.ended_reason or None, "category": row.category,
        "in_reply_to": str(row.in_reply_to) if row.in_reply_to else None, "tap_to_reveal": row.tap_to_reveal,
        "gone_after_read": row.gone_after_read, "composed_at": iso(row.composed_at), "send_at": iso(row.send_at),
        "sent_at": iso(row.sent_at), "delivered_at": iso(row.delivered_at), "revealed_at": iso(row.revealed_at),
        "read_at": iso(row.read_at), "gone_at": iso(row.gone_at), "ended_at": iso(row.ended_at),
        "archived_until": iso(row.archived_until), "rule": row.rule,
    }  # fmt: skip


class Messages(View):
    @extend_schema(
        responses=answers.MessageList, tags=["messages"],
        parameters=[OpenApiParameter(name, str) for name in ("customer", "state", "after", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        now = clock.now()
        rows = messages.get_messages_for(
            self.actor(), now=now, customer=paging.uuid_of(request, "customer"),
            state=request.query_params.get("state", ""), after=request.query_params.get("after", ""),
        )  # fmt: skip
        return Response(paging.page(request, rows, lambda found: [shown(row, now) for row in found]))

    @extend_schema(request=serializers.MessageInput, responses={201: answers.Accepted}, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        asked = compose_of(given(serializers.MessageInput, request))
        return Response(accepted(lane.send(actor=self.actor(), now=now, asked=asked)), status=201)


class Batch(View):
    @extend_schema(request=answers.BatchInput, responses=answers.BatchAnswer, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        """Each accepted or refused on its own; the accepted ones in one transaction."""
        asked = _asked(request.data)
        good = [one for one in asked if isinstance(one, compose.Compose)]
        sent = iter(message.send_many(actor=self.actor(), now=now, composed=good) if good else [])
        results = [next(sent) if isinstance(one, compose.Compose) else one for one in asked]
        return Response({"results": [_result(one) for one in results]})


def _asked(data: object) -> list[compose.Compose | Refusal]:
    listed = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(listed, list) or (isinstance(data, dict) and set(data) != {"messages"}):
        raise Refusal("not_an_object", "The body must be an object with a list `messages`.", Kind.MALFORMED)
    if not 1 <= len(listed) <= message.BATCH_LIMIT:
        raise Refusal("bad_batch", "A batch has 1 to 1,000 messages.", field="messages")
    return [_one(data) for data in listed]


def _one(data: object) -> compose.Compose | Refusal:
    try:
        return compose_of(serializers.MessageInput.checked(data))
    except Exception as error:
        refusal = problems.refusal_of_api(error)
        if refusal is None:
            raise
        return refusal


def _result(one: message.Sent | Refusal) -> dict[str, object]:
    return problems.body(one) if isinstance(one, Refusal) else accepted(one)


class OneMessage(View):
    @extend_schema(responses=answers.Message, tags=["messages"])
    def get(self, request: Request, message_id: UUID) -> Response:
        return Response(shown(messages.get_message_for(self.actor(), message_id), clock.now()))


class Recall(View):
    @extend_schema(request=None, responses=answers.Message, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        message.recall(actor=self.actor(), now=now, message_id=kwargs["message_id"])
        return Response(shown(messages.get_message_for(self.actor(), kwargs["message_id"]), now))


class Extend(View):
    @extend_schema(request=serializers.ExtendInput, responses=answers.Message, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        seconds = given(serializers.ExtendInput, request)["gone_after"]
        message.extend(actor=self.actor(), now=now, message_id=kwargs["message_id"], seconds=seconds)
        return Response(shown(messages.get_message_for(self.actor(), kwargs["message_id"]), now))
