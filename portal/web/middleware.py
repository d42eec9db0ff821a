"""Host → business, refusal → answer, headers on everything. Synchronous: the whole chain runs in the thread of the view
(see `handler.py`), so the schema is set in the thread that queries and in no other."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from portal.kernel import tenancy
from portal.kernel.errors import Kind, Refusal
from portal.web import closed, headers, pages, problems

Next = Callable[[HttpRequest], HttpResponseBase]


class BusinessMiddleware:
    """The Host header names the business; nothing else does. An unknown one learns nothing about those that exist."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            place = _place(request)
            if isinstance(place, tenancy.Closed):
                return closed.answer(request, place)
        except Exception as error:  # noqa: BLE001 (what is not a refusal is raised again)
            return _refuse(request, error)
        if place is None:
            request.urlconf = settings.PUBLIC_URLCONF  # type: ignore[attr-defined]
            return self.get_response(request)
        request.place = place  # type: ignore[attr-defined]
        with tenancy.tenant_scope(place):
            response = self.get_response(request)
        return _inside(place, response) if response.streaming else response


class RefusalMiddleware:
    """A refusal raised in any view becomes a problem document or a page; anything else stays a fault of ours."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        refusal = problems.refusal_for(error)
        return None if refusal is None else pages.refused(request, refusal)


class HeadersMiddleware:
    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return headers.dress(self.get_response(request))


def _place(request: HttpRequest) -> tenancy.Place | tenancy.Closed | None:
    """The business of this host, or what is left of it; None at the installation's own name."""
    try:
        host = request.get_host().lower()
    except DisallowedHost:
        raise unknown_business() from None
    if host.rsplit(":", 1)[0] == settings.BASE_NAME:
        return None
    place = tenancy.directory().by_host(host)
    if place is None:
        gone = tenancy.directory().closed_at(host)
        if gone is None:
            raise unknown_business()
        return gone
    if not closed.is_open(request, place):
        raise closed.gone(place.name)
    return place


def unknown_business() -> Refusal:
    return Refusal("unknown_business", "There is no business at this address.", Kind.NOT_FOUND)


def _refuse(request: HttpRequest, error: Exception) -> HttpResponseBase:
    refusal = problems.refusal_for(error)
    if refusal is None:
        raise error
    return headers.dress(pages.refused(request, refusal))


def _inside(place: tenancy.Place, response: HttpResponseBase) -> HttpResponseBase:
    """A stream goes on after the scope has ended, in whatever thread: each piece is made inside the scope again."""
    if isinstance(response, StreamingHttpResponse) and not response.is_async:
        source = iter(cast("Iterable[bytes]", response.streaming_content))
        response.streaming_content = _pieces(place, source)
    return response


def _pieces(place: tenancy.Place, source: Iterator[bytes]) -> Iterator[bytes]:
    while True:
        with tenancy.tenant_scope(place):
            try:
                piece = next(source)
            except StopIteration:
                return
        yield piece
