"""Categories of messages."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given
from messaging.flows import category
from messaging.models import Category


def shown(row: Category) -> dict[str, object]:
    return {"key": row.key, "name": row.name, "purpose": row.purpose, "gone_after": row.gone_after}


class Categories(View):
    @extend_schema(responses=answers.CategoryList, tags=["categories"])
    def get(self, request: Request) -> Response:
        self.actor().require("message.view")
        return Response(paging.page(request, Category.objects.all(), lambda found: [shown(row) for row in found]))

    @extend_schema(request=serializers.CategoryInput, responses={201: answers.Category}, tags=["categories"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(serializers.CategoryInput, request)
        return Response(shown(category.create(actor=self.actor(), now=now, **data)), status=201)
