"""Templates: the business's own reusable text, by language and version."""

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import template
from messaging.queries import templates
from messaging.rules import wording
from portal.kernel import clock
from portal.kernel.errors import Refusal


def shown(one: templates.Shown) -> dict[str, object]:
    stored = wording.to_json(one.text)
    return {
        "id": str(one.id), "name": one.name, "quick_answer": one.is_quick_answer, "format": stored["format"],
        "language": stored["default"], "texts": stored["texts"], "variables": stored["variables"],
        "asks_for": list(wording.asked(one.text)), "version": one.version, "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
    }  # fmt: skip


def wording_of(data: dict[str, Any], before: wording.Wording | None = None) -> wording.Wording:
    """The text that a body describes; what it leaves out is as before."""
    texts = {
        tag: wording.Text(one["subject"], one["body"], tuple(one["answers"]))
        for tag, one in data.get("texts", {}).items()
    }
    known = before or wording.Wording({})
    language = data.get("language", known.default)
    if {"body", "subject", "answers"} & set(data):
        if texts:
            raise Refusal(
                "body_or_texts", "A template has one text in one language, or texts by language.", field="texts"
            )
        was = known.texts.get(language, wording.Text("", ""))
        one = wording.Text(
            data.get("subject", was.subject), data.get("body", was.body), tuple(data.get("answers", was.answers))
        )
        texts = {**known.texts, language: one}
    variables = tuple(data.get("variables", known.variables))
    return wording.Wording(texts or known.texts, language, data.get("format", known.format), variables)


class Templates(View):
    @extend_schema(
        responses=answers.TemplateList, tags=["templates"],
        parameters=[OpenApiParameter(name, str) for name in ("quick_answer", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = templates.get_templates_for(self.actor(), quick_answer=_yes_or_no(request))
        return Response(paging.page(request, rows, lambda found: [shown(one) for one in templates.open_all(found)]))

    @extend_schema(request=serializers.TemplateInput, responses={201: answers.Template}, tags=["templates"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        data = given(serializers.TemplateInput, request)
        made = template.create(
            actor=self.actor(), now=now, name=data["name"], text=wording_of(data), is_quick_answer=data["quick_answer"]
        )
        return Response(shown(templates.get_template_for(self.actor(), made)), status=201)


class OneTemplate(View):
    @extend_schema(
        responses=answers.OneTemplate, tags=["templates"], parameters=[OpenApiParameter("version", int)]
    )  # fmt: skip
    def get(self, request: Request, template_id: UUID) -> Response:
        """Its newest text, or that of `?version=`, and when it changed."""
        one = templates.get_template_for(self.actor(), template_id, _number(request))
        versions = [
            {"number": row.number, "at": iso(row.at), "author": row.author}
            for row in templates.get_versions_for(self.actor(), template_id)
        ]
        return Response({**shown(one), "number": one.number, "versions": versions})

    @extend_schema(request=serializers.TemplateChange, responses=answers.Template, tags=["templates"])
    def patch(self, request: Request, template_id: UUID) -> Response:
        data = given(serializers.TemplateChange, request)
        before = templates.get_template_for(self.actor(), template_id)
        changes = template.Changes(
            name=data.get("name"), is_quick_answer=data.get("quick_answer"), text=wording_of(data, before.text),
            version=data.get("version"),
        )  # fmt: skip
        template.change(actor=self.actor(), now=clock.now(), template_id=template_id, changes=changes)
        return Response(shown(templates.get_template_for(self.actor(), template_id)))

    @extend_schema(responses={204: None}, tags=["templates"])
    def delete(self, request: Request, template_id: UUID) -> Response:
        template.delete(actor=self.actor(), now=clock.now(), template_id=template_id)
        return Response(status=204)


def _yes_or_no(request: Request) -> bool | None:
    raw = request.query_params.get("quick_answer")
    if raw not in {None, "true", "false"}:
        raise Refusal("bad_quick_answer", "quick_answer is true or false.", field="quick_answer")
    return None if raw is None else raw == "true"


def _number(request: Request) -> int | None:
    raw = request.query_params.get("version")
    if raw is None:
        return None
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9:
        raise Refusal("bad_version", "A version is a whole number from 1 on.", field="version")
    return int(raw)
