"""What every API view shares: who asks, the instant, a checked body, and answers that may be asked for again."""

from datetime import datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from messaging.api import idempotency
from messaging.api.serializers import Strict
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal


class View(APIView):
    """A door of the API. A POST goes through `idempotency`, so that a repeat gets the same answer."""

    schema_tags: list[str] = []

    def actor(self) -> Actor:
        actor = getattr(self.request.user, "actor", None)
        if actor is None:
            raise Refusal("no_key", "This call needs a key. Send it as Authorization: Bearer.", Kind.UNAUTHENTICATED)
        return actor  # type: ignore[no-any-return]

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return idempotency.answer_once(request, self.actor(), lambda: self.act(request, clock.now(), *args, **kwargs))

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        """What a POST does."""
        raise NotImplementedError

    def __init_subclass__(cls) -> None:
        """A noun that says nothing of a POST takes none: so it answers, and so the schema says."""
        super().__init_subclass__()
        is_silent = cls.act is View.act and cls.post is View.post
        cls.http_method_names = [name for name in APIView.http_method_names if name != "post" or not is_silent]


def given(serializer: type[Strict], request: Request) -> dict[str, Any]:
    """The checked body. An empty one is an empty object."""
    return serializer.checked(request.data if request.data not in ("", None) else {})


def iso(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
