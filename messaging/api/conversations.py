"""Conversations: the business's own mail. Reading the customer's words is an entry."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.messages import shown as message_shown
from messaging.api.views import View, given, iso
from messaging.flows import conversation, words
from messaging.models import Conversation
from messaging.queries import conversations
from portal.kernel import clock


def shown(row: Conversation) -> dict[str, object]:
    return {
        "id": str(row.id), "customer": str(row.customer_id), "state": row.state,
        "assignee": str(row.assignee_id) if row.assignee_id else None, "opened_at": iso(row.opened_at),
        "waiting_since": iso(row.waiting_since), "last_at": iso(row.last_at), "closed_at": iso(row.closed_at),
    }  # fmt: skip


class Conversations(View):
    @extend_schema(
        responses=answers.ConversationList, tags=["conversations"],
        parameters=[OpenApiParameter(name, str) for name in ("customer", "state", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = conversations.get_conversations_for(
            self.actor(), customer=paging.uuid_of(request, "customer"), state=request.query_params.get("state", "")
        )
        return Response(paging.page(request, rows, lambda found: [shown(row) for row in found]))


class OneConversation(View):
    @extend_schema(responses=answers.Conversation, tags=["conversations"])
    def get(self, request: Request, conversation_id: UUID) -> Response:
        now = clock.now()
        thread = words.read_conversation(actor=self.actor(), now=now, conversation_id=conversation_id)
        listed = [
            {
                **message_shown(one.message, now),
                "body": one.body,
                "subject": one.subject,
                "attachments": list(one.files),
            }
            for one in thread.said
        ]
        return Response({**shown(thread.talk), "messages": listed})


class Assign(View):
    @extend_schema(request=serializers.AssignInput, responses=answers.Conversation, tags=["conversations"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        staff = given(serializers.AssignInput, request)["staff"]
        pk = kwargs["conversation_id"]
        conversation.assign(actor=self.actor(), now=now, conversation_id=pk, staff_id=staff)
        return Response(shown(conversations.get_conversation_for(self.actor(), pk)))


class Close(View):
    @extend_schema(request=None, responses=answers.Conversation, tags=["conversations"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        pk = kwargs["conversation_id"]
        conversation.close(actor=self.actor(), now=now, conversation_id=pk)
        return Response(shown(conversations.get_conversation_for(self.actor(), pk)))
