"""Who was not reached and why, and what was done about it."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import followup
from messaging.models import Message, Notice
from messaging.queries import messages, unreached
from messaging.rules import unreached as rules


class Unreached(View):
    @extend_schema(
        responses=answers.UnreachedList, tags=["messages"],
        parameters=[
            OpenApiParameter(name, str) for name in ("customer", "why", "followed", "after", "before", "limit", "cursor")
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = unreached.get_unreached_for(
            self.actor(), customer=paging.uuid_of(request, "customer"), why=request.query_params.get("why", ""),
            followed=request.query_params.get("followed", ""), after=_time(request, "after"),
            before=_time(request, "before"),
        )  # fmt: skip
        return Response(paging.page(request, rows, _shown))


class FollowUps(View):
    @extend_schema(request=serializers.FollowUpInput, responses={201: answers.FollowedUp}, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: Any, *args: Any, **kwargs: Any) -> Response:
        pk, data = kwargs["message_id"], given(serializers.FollowUpInput, request)
        made = followup.note(actor=self.actor(), now=now, message_id=pk, by=data["by"], words=data["note"])
        return Response({"id": str(made), "message": str(pk), "by": data["by"]}, status=201)


def _time(request: Request, name: str) -> datetime | None:
    raw = request.query_params.get(name)
    return messages.instant(raw, name) if raw else None


def _shown(rows: list[Message]) -> list[dict[str, object]]:
    known = unreached.stories([row.id for row in rows])
    return [_one(row, known[row.id]) for row in rows]


def _one(row: Message, story: unreached.Story) -> dict[str, object]:
    why = str(getattr(row, "why", ""))
    return {
        "id": str(row.id), "customer": str(row.customer_id), "outcome": row.outcome, "why": why, "words": rules.WORDS[why],
        "sent_at": iso(row.sent_at), "outcome_at": iso(row.outcome_at), "told": [told(one) for one in story.told],
        "followed_up": [{"by": one.by, "author": one.author, "at": iso(one.at)} for one in story.followed_up],
    }  # fmt: skip


def told(row: Notice) -> dict[str, object]:
    return {
        "purpose": row.purpose, "channel": row.channel, "state": row.state, "reason": row.reason or None,
        "at": iso(row.settled_at or row.tried_at),
    }  # fmt: skip
