"""Exports by API: always sealed. What was drawn is fetched at `url`; opening it takes a key, in the console or by `open_export`."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.flows import export
from archive.models import Export
from archive.queries import exports
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import streams

PATH = "/api/v1/exports"


class ExportAsked(s.Serializer):  # type: ignore[type-arg]
    query = s.CharField(required=False, allow_blank=True, max_length=1000, help_text="metadata language; no words")
    # Named `from` and `to` in the body: an index of the ledger, or an RFC 3339 time or date.
    sealed = s.BooleanField(required=False, default=True)
    reason = s.CharField(required=False, allow_blank=True, max_length=export.LONGEST_REASON, default="")

    def get_fields(self) -> dict[str, s.Field]:  # type: ignore[type-arg]
        bound = "an index of the ledger, or an RFC 3339 time or date"
        return {
            **super().get_fields(),
            **{name: s.JSONField(required=False, help_text=bound) for name in ("from", "to")},
        }


class ExportAnswer(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    state = s.ChoiceField(choices=Export.State.values)
    sealed = s.BooleanField()
    url = s.CharField(allow_null=True)
    asked_at = s.DateTimeField()
    ready_at = s.DateTimeField(allow_null=True)
    ends_at = s.DateTimeField(allow_null=True)
    entries = s.IntegerField()
    records = s.IntegerField()
    missing = s.DictField(child=s.IntegerField())
    bytes = s.IntegerField()
    sha256 = s.CharField(allow_null=True)
    failure = s.CharField(allow_null=True)
    done = s.IntegerField()
    total = s.IntegerField()


class ExportList(s.Serializer):  # type: ignore[type-arg]
    results = ExportAnswer(many=True)
    next = s.CharField(allow_null=True)


class Exports(acts.View):
    @extend_schema(
        responses=ExportList, tags=["archive"], parameters=[OpenApiParameter(name, str) for name in ("limit", "cursor")]
    )
    def get(self, request: Request) -> Response:
        return Response(acts.page(request, exports.get_exports_for(self.actor()), _shown))

    @extend_schema(request=ExportAsked, responses={202: ExportAnswer}, tags=["archive"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        actor = self.actor()
        actor.require("archive.export")
        asked = acts.given(ExportAsked, request)
        if not asked["sealed"]:
            raise Refusal(
                "export_is_sealed", "Over the API a bundle is always sealed. Open it with open_export, or in the console.",
                field="sealed",
            )  # fmt: skip
        found = export.ask(actor=actor, now=now, selection=_selection(asked), reason=asked["reason"])
        return Response(_shown(exports.get_export_for(actor, found)), status=202)


class OneExport(acts.View):
    @extend_schema(responses=ExportAnswer, tags=["archive"])
    def get(self, request: Request, export_id: UUID) -> Response:
        return Response(_shown(exports.get_export_for(self.actor(), export_id)))


class ExportFile(acts.View):
    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        tags=["archive"],
        summary="The bundle; 409 until it is ready",
    )
    def get(self, request: Request, export_id: UUID) -> HttpResponseBase:
        file = export.fetch(actor=self.actor(), now=clock.now(), export_id=export_id)
        return streams.download(request, streams.read(file.path), name=file.name, size=file.size)


def _shown(row: Export) -> dict[str, Any]:
    ready = row.state == Export.State.READY
    return {**exports.to_json(row), "url": f"{PATH}/{row.id}/download" if ready else None}


def _selection(asked: dict[str, Any]) -> export.Selection:
    """`query`, or `from` and `to`: both indexes, or both times."""
    low, high = (_bound(name, asked.get(name)) for name in ("from", "to"))
    if "query" in asked and (low is not None or high is not None):
        raise Refusal("query_or_range", "Give a query, or from and to, not both.", field="query")
    if "query" in asked:
        return export.Selection(query=asked["query"])
    if isinstance(low, datetime) or isinstance(high, datetime):
        if isinstance(low, int) or isinstance(high, int):
            raise _unreadable("to")
        return export.Selection(after=low, before=high)
    return export.Selection(first=low, last=high)  # type: ignore[arg-type]


def _bound(name: str, raw: object) -> int | datetime | None:
    if raw is None or (type(raw) is int and 0 <= raw < 10**18):
        return raw  # type: ignore[return-value]
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 19:
        return int(raw)
    found = _time(raw) if isinstance(raw, str) else None
    if found is None:
        raise _unreadable(name)
    return found


def _time(raw: str) -> datetime | None:
    try:
        found = parse_datetime(raw if len(raw) > 10 else f"{raw}T00:00:00Z")
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _unreadable(name: str) -> Refusal:
    return Refusal(
        f"bad_{name}", f"{name} is an index of the ledger, or an RFC 3339 time or date, like the other one.", field=name
    )
