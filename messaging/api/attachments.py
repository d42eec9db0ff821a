"""Files: uploaded once, then named by the call that sends them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers
from messaging.api.views import View
from messaging.flows import attachment

UPLOAD = {
    "multipart/form-data": {
        "type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}},
    }
}  # fmt: skip


class Attachments(View):
    parser_classes = [MultiPartParser]

    @extend_schema(request=UPLOAD, responses={201: answers.Attachment}, tags=["messages"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        given = request.FILES.getlist("file")
        if len(given) != 1 or len(request.FILES) != 1:
            raise attachment.one_file()
        made = attachment.upload(actor=self.actor(), now=now, name=given[0].name or "", data=given[0].read())
        return Response({"id": str(made.id), "type": made.type, "bytes": made.size}, status=201)
