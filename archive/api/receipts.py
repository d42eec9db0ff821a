"""`POST archive/receipts`: a mirror signs for a range of entries and the sealed records in it."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.flows import mirror


class ReceiptAsked(s.Serializer):  # type: ignore[type-arg]
    mirror = s.UUIDField()
    receipt = s.CharField(
        trim_whitespace=False, max_length=4_000_000, help_text="ebb-mirror-receipt@v1 as a C2SP signed note"
    )


class ReceiptAnswer(s.Serializer):  # type: ignore[type-arg]
    mirror = s.UUIDField()
    first = s.IntegerField()
    last = s.IntegerField()
    records = s.IntegerField()


class Receipts(acts.View):
    @extend_schema(request=ReceiptAsked, responses={201: ReceiptAnswer}, tags=["archive"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        actor = self.actor()
        actor.require("archive.mirror")
        asked = acts.given(ReceiptAsked, request)
        made = mirror.sign(actor=actor, now=now, mirror_id=asked["mirror"], receipt=asked["receipt"])
        told = {"mirror": str(asked["mirror"]), "first": made.first, "last": made.last, "records": made.records}
        return Response(told, status=201)
