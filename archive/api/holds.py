"""Legal holds by API: listed, placed, and their release asked for. A second person decides on it, in the console."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.flows import hold
from archive.models import Hold
from archive.queries import holds
from portal.kernel import clock


class HoldInput(s.Serializer):
    name = s.CharField(max_length=120, allow_blank=True)
    reason = s.CharField(max_length=1000, allow_blank=True)
    query = s.CharField(allow_blank=True, max_length=1000, help_text="the archive's language, without words")
    everything = s.BooleanField(default=False, help_text="an empty query is meant")


class ReleaseInput(s.Serializer):
    reason = s.CharField(max_length=1000, allow_blank=True)


class HoldAnswer(s.Serializer):
    id = s.UUIDField()
    name = s.CharField()
    reason = s.CharField()
    query = s.CharField(help_text="with ids in place of references and addresses")
    case = s.UUIDField(allow_null=True)
    state = s.ChoiceField(Hold.State.choices)
    placed_at = s.DateTimeField()
    releases_at = s.DateTimeField(allow_null=True)
    released_at = s.DateTimeField(allow_null=True)


class HoldList(s.Serializer):
    results = HoldAnswer(many=True)
    next = s.CharField(allow_null=True)


class ApprovingAnswer(s.Serializer):
    state = s.CharField(help_text="approving")
    approval = s.UUIDField()


class Holds(acts.View):
    @extend_schema(responses=HoldList, tags=["holds"])
    def get(self, request: Request) -> Response:
        return Response(acts.page(request, holds.get_holds_for(self.actor()), shown))

    @extend_schema(request=HoldInput, responses={201: HoldAnswer}, tags=["holds"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        actor = self.actor()
        placed = hold.place(actor=actor, now=now, **acts.given(HoldInput, request))
        return Response(shown(holds.get_hold_for(actor, placed.id)), status=201)


class OneHold(acts.View):
    @extend_schema(responses=HoldAnswer, tags=["holds"])
    def get(self, request: Request, hold_id: UUID) -> Response:
        return Response(shown(holds.get_hold_for(self.actor(), hold_id)))


class Release(acts.View):
    @extend_schema(request=ReleaseInput, responses={202: ApprovingAnswer}, tags=["holds"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = acts.given(ReleaseInput, request)
        asked = hold.ask_release(actor=self.actor(), now=now, hold_id=kwargs["hold_id"], reason=data["reason"])
        return acts.approving(asked.id)


def shown(row: Hold) -> dict[str, Any]:
    return {
        "id": str(row.id), "name": holds.name_of(row), "reason": holds.reason_of(row), "query": row.query,
        "case": str(row.case_id) if row.case_id else None, "state": row.state, "placed_at": clock.text(row.placed_at),
        "releases_at": _iso(row.releases_at), "released_at": _iso(row.released_at),
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
