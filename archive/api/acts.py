"""What the API views of the archive's nouns share (rules, holds, cases, exports): who asks, a checked body, a POST whose answer
may be asked for again, and lists by cursor."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.web import once

LIMIT, MOST = 50, 200


class View(APIView):
    """A door of the API. A POST goes through `portal.web.once`, so that a repeat gets the same answer."""

    def actor(self) -> Actor:
        actor = getattr(self.request.user, "actor", None)
        if not isinstance(actor, Actor):
            raise Refusal("no_key", "This call needs a key. Send it as Authorization: Bearer.", Kind.UNAUTHENTICATED)
        return actor

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        act: Callable[[], Response] = lambda: self.act(request, clock.now(), *args, **kwargs)  # noqa: E731
        return once.answer_once(request, self.actor(), act)  # type: ignore[no-any-return]

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        """What a POST does."""
        raise NotImplementedError

    def __init_subclass__(cls) -> None:
        """A noun that says nothing of a POST takes none: so it answers, and so the schema says."""
        super().__init_subclass__()
        is_silent = cls.act is View.act and cls.post is View.post
        cls.http_method_names = [name for name in APIView.http_method_names if name != "post" or not is_silent]


def given(serializer: type[s.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The checked body: an object that names nothing unknown. An empty one is an empty object."""
    data = request.data if request.data not in ("", None) else {}
    if not isinstance(data, dict):
        raise Refusal("not_an_object", "The body must be a JSON object.", Kind.MALFORMED)
    asked = serializer(data=data)
    refuse_unknown(asked, data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def refuse_unknown(asked: s.Serializer[Any], data: dict[str, Any]) -> None:
    """A typing mistake is told, not ignored; a name of another alphabet is not repeated."""
    if unknown := sorted(set(data) - set(asked.fields)):
        name = str(unknown[0])
        shown = name if name.isascii() and name.isidentifier() and len(name) < 60 else "(another name)"
        raise Refusal("unknown_field", "The body has a field that this call does not know.", field=shown)


def page(request: Request, rows: "QuerySet[Any]", show: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """`{"results", "next"}`, keyset by id, newest first."""
    limit = _limit(request)
    if raw := request.query_params.get("cursor"):
        rows = rows.filter(id__lt=_after(raw))
    found = list(rows.order_by("-id")[: limit + 1])
    more = _cursor(found[limit - 1].id) if len(found) > limit else None
    return {"results": [show(row) for row in found[:limit]], "next": more}


def approving(approval_id: UUID) -> Response:
    """A second person decides, in the console."""
    return Response({"state": "approving", "approval": str(approval_id)}, status=202)


def _limit(request: Request) -> int:
    raw = request.query_params.get("limit", str(LIMIT))
    if not raw.isascii() or not raw.isdigit() or len(raw) > 9 or not 1 <= int(raw) <= MOST:
        raise Refusal("bad_limit", f"limit is a whole number from 1 to {MOST}.", field="limit")
    return int(raw)


def _cursor(last: UUID) -> str:
    return urlsafe_b64encode(last.bytes).rstrip(b"=").decode()


def _after(raw: str) -> UUID:
    try:
        return UUID(bytes=urlsafe_b64decode(raw + "=="))
    except ValueError as error:
        raise Refusal("bad_cursor", "That cursor is not one of ours.", field="cursor") from error
