"""What the archive's API views share: who asks, checked parameters, and text or bytes as an answer."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.http import HttpResponse
from django.utils.dateparse import parse_datetime
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from archive.flows import listing
from archive.queries import entries
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

T = TypeVar("T")
LIMIT = 100


class OneForm(BaseContentNegotiation):
    """Each address has one form, whatever `Accept` says: a note is text, a tile is bytes."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class View(APIView):
    content_negotiation_class = OneForm
    schema_tags: list[str] = ["archive"]

    def actor(self) -> Actor:
        actor = getattr(self.request.user, "actor", self.request.user)
        if not isinstance(actor, Actor):
            raise Refusal("no_key", "This call needs a key. Send it as Authorization: Bearer.", Kind.UNAUTHENTICATED)
        return actor

    def tell(self, what: str, kind: str = "archive.listed") -> Actor:
        """The actor, after the entry that it fetched `what` (at most one a minute)."""
        actor = self.actor()
        actor.require("archive.list")
        listing.tell(actor=actor, now=clock.now(), kind=kind, what=what)
        return actor


def text(body: str) -> HttpResponse:
    return HttpResponse(body, content_type="text/plain; charset=utf-8")


def octets(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/octet-stream")


def filter_of(request: Request) -> entries.Filter:
    """`from` and `to`: indexes, both included. `after` (included) and `before` (not): RFC 3339 times or dates."""
    return entries.Filter(
        start=_given(request, "from", _index), end=_given(request, "to", _index),
        after=_given(request, "after", _time), before=_given(request, "before", _time),
        kind=request.query_params.get("kind", ""),
        customer=_given(request, "customer", ids.parse_uuid), campaign=_given(request, "campaign", ids.parse_uuid),
    )  # fmt: skip


def limit_of(request: Request) -> int:
    found = _given(request, "limit", _index)
    if found is None:
        return LIMIT
    if not 1 <= found <= entries.MOST:
        raise Refusal("bad_limit", f"limit is a whole number from 1 to {entries.MOST}.", field="limit")
    return found


def cursor_of(request: Request) -> int | None:
    return _given(request, "cursor", _decode_cursor)


def encode_cursor(index: int | None) -> str | None:
    return None if index is None else urlsafe_b64encode(b"e%d" % index).rstrip(b"=").decode()


def _given(request: Request, name: str, parse: Callable[[str], T | None]) -> T | None:
    """A parameter, None where it is absent; what cannot be read is told."""
    raw = request.query_params.get(name)
    if raw is None:
        return None
    found = parse(raw)
    if found is None:
        raise Refusal(f"bad_{name}", f"The parameter {name} cannot be read.", field=name)
    return found


def _index(raw: str) -> int | None:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 19 else None


def _time(raw: str) -> datetime | None:
    try:
        found = parse_datetime(raw if len(raw) > 10 else f"{raw}T00:00:00Z")
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _decode_cursor(raw: str) -> int | None:
    try:
        plain = urlsafe_b64decode(raw.encode("ascii") + b"==").decode("ascii")
    except ValueError:
        return None
    return _index(plain[1:]) if plain.startswith("e") else None
