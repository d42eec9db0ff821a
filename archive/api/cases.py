"""Cases by API: listed with their progress, opened, and filled by a metadata query. Reviewing is for people, in the console."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.flows import case
from archive.models import Case
from archive.queries import cases


class CaseInput(s.Serializer):
    name = s.CharField(max_length=120, allow_blank=True)
    query = s.CharField(required=False, max_length=1000, help_text="the archive's language, without words")


class CaseAnswer(s.Serializer):
    id = s.UUIDField()
    name = s.CharField()
    state = s.ChoiceField(Case.State.choices)
    standing = s.BooleanField(help_text="the queue of supervision")
    opened_at = s.DateTimeField()
    closed_at = s.DateTimeField(allow_null=True)
    records = s.IntegerField()
    decided = s.IntegerField()
    left = s.IntegerField(help_text="still to review")
    decisions = s.DictField(child=s.IntegerField())
    collecting = s.BooleanField(help_text="more records come in by themselves")


class CaseList(s.Serializer):
    results = CaseAnswer(many=True)
    next = s.CharField(allow_null=True)


class Cases(acts.View):
    @extend_schema(responses=CaseList, tags=["cases"])
    def get(self, request: Request) -> Response:
        actor = self.actor()
        actor.require("case.manage")
        found = acts.page(request, cases.get_cases_for(actor), lambda row: {"row": row})
        return Response({"results": _shown([one["row"] for one in found["results"]]), "next": found["next"]})

    @extend_schema(request=CaseInput, responses={201: CaseAnswer}, tags=["cases"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        asked = acts.given(CaseInput, request)
        made = case.open_with(actor=self.actor(), now=now, name=asked["name"], query=asked.get("query", ""))
        return Response(_shown([Case.objects.get(id=made)])[0], status=201)


def _shown(rows: list[Case]) -> list[dict[str, Any]]:
    chosen = [row.id for row in rows]
    done, running = cases.progress_of(chosen), cases.collecting(chosen)
    return [cases.to_json(row, done[row.id], is_collecting=row.id in running) for row in rows]
