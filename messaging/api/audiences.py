"""Audiences: saved filters with a live count."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import audience
from messaging.models import Audience
from messaging.queries import audiences
from portal.kernel import clock


def shown(one: audiences.Opened, count: int | None = None) -> dict[str, object]:
    """`count`: how many they are, where that is known already."""
    return {
        "id": str(one.id), "name": one.name, "filter": one.filter,
        "count": audiences.count(one.filter) if count is None else count,
        "created_at": iso(one.created_at), "updated_at": iso(one.updated_at),
    }  # fmt: skip


def with_sample(one: audiences.Opened) -> dict[str, object]:
    count, opened = audiences.look(one.filter)
    sample = [{"id": str(pk), "reference": found.reference, "name": found.name} for pk, found in opened]
    return {**shown(one, count), "sample": sample}


class Audiences(View):
    @extend_schema(responses=answers.AudienceList, tags=["audiences"])
    def get(self, request: Request) -> Response:
        self.actor().require("customer.view")
        rows = Audience.objects.all()
        return Response(paging.page(request, rows, lambda found: [shown(audiences.open_(row)) for row in found]))

    @extend_schema(request=serializers.AudienceInput, responses={201: answers.AudienceSampled}, tags=["audiences"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        asked = given(serializers.AudienceInput, request)
        made = audience.create(actor=self.actor(), now=now, name=asked["name"], wanted=asked["filter"])
        return Response(with_sample(audiences.get_audience_for(self.actor(), made)), status=201)


class OneAudience(View):
    @extend_schema(responses=answers.AudienceSampled, tags=["audiences"])
    def get(self, request: Request, audience_id: UUID) -> Response:
        return Response(with_sample(audiences.get_audience_for(self.actor(), audience_id)))

    @extend_schema(request=serializers.AudienceChange, responses=answers.AudienceSampled, tags=["audiences"])
    def patch(self, request: Request, audience_id: UUID) -> Response:
        asked = given(serializers.AudienceChange, request)
        audience.change(
            actor=self.actor(),
            now=clock.now(),
            audience_id=audience_id,
            name=asked.get("name"),
            wanted=asked.get("filter"),
        )
        return Response(with_sample(audiences.get_audience_for(self.actor(), audience_id)))

    @extend_schema(responses={204: None}, tags=["audiences"])
    def delete(self, request: Request, audience_id: UUID) -> Response:
        audience.delete(actor=self.actor(), now=clock.now(), audience_id=audience_id)
        return Response(status=204)
