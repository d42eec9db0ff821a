"""Entries by API: headers with exact leaves; for a mirror sealed records, sealed files, and what was disposed of. No body ever
leaves here readable."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import log, views
from archive.flows import listing
from archive.queries import entries, sealed
from portal.kernel import clock


class EntryAnswer(s.Serializer):  # type: ignore[type-arg]
    index = s.IntegerField()
    kind = s.CharField()
    time = s.DateTimeField()
    customer = s.UUIDField(allow_null=True)
    campaign = s.UUIDField(allow_null=True)
    leaf = s.CharField(help_text="base64 of the exact bytes of the leaf")


class EntryList(s.Serializer):  # type: ignore[type-arg]
    results = EntryAnswer(many=True)
    next = s.CharField(allow_null=True)


class SealedBatchAnswer(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    envelope = s.CharField()


class SealedFileAnswer(s.Serializer):  # type: ignore[type-arg]
    id = s.UUIDField()
    sha256 = s.CharField(help_text="of the file as it is sealed, hex")


class SealedAnswer(s.Serializer):  # type: ignore[type-arg]
    format = s.CharField()
    business = s.UUIDField()
    index = s.IntegerField()
    entry = s.UUIDField()
    message = s.UUIDField()
    leaf = s.CharField()
    sealed = s.CharField()
    wrap = s.CharField()
    batch = SealedBatchAnswer()
    blobs = SealedFileAnswer(many=True, required=False, help_text="the files it came with; absent where there are none")


class DisposedAnswer(s.Serializer):  # type: ignore[type-arg]
    index = s.IntegerField()
    messages = s.ListField(
        child=s.UUIDField(), help_text="in order: 16 bytes each, joined, they hash to the leaf's ids_sha256"
    )


class Entries(views.View):
    @extend_schema(
        responses=EntryList, tags=["archive"],
        parameters=[
            OpenApiParameter(name, str)
            for name in ("from", "to", "kind", "customer", "campaign", "after", "before", "limit", "cursor")
        ],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        asked, limit, cursor = views.filter_of(request), views.limit_of(request), views.cursor_of(request)
        page = listing.list_entries(actor=self.actor(), now=clock.now(), asked=asked, limit=limit, cursor=cursor)
        return Response({"results": [one.to_json() for one in page.results], "next": views.encode_cursor(page.next)})


class OneEntry(views.View):
    @extend_schema(responses=EntryAnswer, tags=["archive"])
    def get(self, request: Request, index: int) -> Response:
        return Response(entries.get_entry_for(self.tell("entry"), index).to_json())


class Sealed(views.View):
    @extend_schema(responses=SealedAnswer, tags=["archive"], summary="The record as sealed, for a mirror")
    def get(self, request: Request, index: int) -> Response:
        actor = self.actor()
        actor.require("archive.mirror")
        listing.tell(actor=actor, now=clock.now(), kind="archive.exported", what="sealed")
        answer: dict[str, Any] = sealed.get_sealed_for(actor, index)
        return Response(answer)


class File(views.View):
    @extend_schema(responses=log.BYTES, tags=["archive"], summary="A file of records as sealed, for a mirror")
    def get(self, request: Request, file_id: UUID) -> HttpResponse:
        actor = self.actor()
        actor.require("archive.mirror")
        listing.tell(actor=actor, now=clock.now(), kind="archive.exported", what="file")
        return views.octets(sealed.get_file_for(actor, file_id))


class Disposed(views.View):
    @extend_schema(
        responses=DisposedAnswer, tags=["archive"], summary="Which records an entry archive.disposed is about"
    )
    def get(self, request: Request, index: int) -> Response:
        actor = self.actor()
        actor.require("archive.mirror")
        listing.tell(actor=actor, now=clock.now(), kind="archive.listed", what="disposed")
        return Response({"index": index, "messages": list(map(str, sealed.get_disposed_for(actor, index)))})
