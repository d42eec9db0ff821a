"""A line for each request: what was asked for by the *pattern* of its address, never the address (ids and tokens stand in it),
which business is asked, what came of it and how long it took. No caller's address, no header, nothing that was sent."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponseBase

log = logging.getLogger("ebb.request")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLogMiddleware:
    """Outermost but for health, so that what middlewares refuse is told too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.EBB_REQUEST_LOG:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        log.info("request", extra=_told(request, response.status_code, time.perf_counter() - began))
        return response


def _told(request: HttpRequest, status: int, seconds: float) -> dict[str, object]:
    """A method may be any word that the caller chose; a route that is none is empty."""
    place, match = getattr(request, "place", None), request.resolver_match
    told: dict[str, object] = {
        "method": request.method if request.method in METHODS else "other",
        "route": match.route if match else "",
        "status": status,
        "ms": round(seconds * 1000, 1),
    }
    return told | {"business": place.id.hex} if place else told
