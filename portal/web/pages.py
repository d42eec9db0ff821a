"""Pages that no app owns: what went wrong, said plainly, with the way on."""

import logging
import sys

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template import loader
from django.views.decorators.csrf import requires_csrf_token

from portal.kernel import tenancy, tongues
from portal.kernel.errors import Kind, Refusal
from portal.web import problems, spoken

log = logging.getLogger("ebb.web")

TITLES = {
    Kind.MALFORMED: "That request cannot be read",
    Kind.INVALID: "Something is missing or wrong",
    Kind.UNAUTHENTICATED: "Sign in first",
    Kind.FORBIDDEN: "There is nothing here for you",
    Kind.NOT_FOUND: "There is nothing here",
    Kind.CONFLICT: "That is not possible any more",
    Kind.GONE: "That is over",
    Kind.TOO_LARGE: "That is too large",
    Kind.TOO_MANY: "Too many tries",
    Kind.UNAVAILABLE: "Not right now",
}
REMEDIES = {
    Kind.UNAVAILABLE: "Nothing was lost. Try again in a moment.",
    Kind.TOO_MANY: "Wait a few minutes and try again.",
    Kind.NOT_FOUND: "Check the address, or go back to where you came from.",
}


def index(request: HttpRequest) -> HttpResponse:
    """The installation's own name: what Ebb is. It lists no business."""
    return render(request, "site/index.html", {"demo": settings.EBB_DEMO, "signup": settings.EBB_SIGNUP})


def refused(request: HttpRequest, refusal: Refusal) -> HttpResponseBase:
    """A refusal as the caller can read it."""
    if problems.wants_json(request):
        return problems.problem(refusal)
    status = problems.status_of(refusal)
    return HttpResponse(_page(request, refusal, status), status=status, headers=problems.headers(refusal))


def words(refusal: Refusal) -> dict[str, str]:
    """What `_errors.html` shows as `refusal`."""
    return {"title": TITLES[refusal.kind], "message": refusal.message, "remedy": REMEDIES.get(refusal.kind, "")}


def tell(request: HttpRequest, refusal: Refusal) -> None:
    """A refusal as a toast on the page the person is sent back to."""
    messages.error(request, refusal.message)


@requires_csrf_token
def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return refused(
        request,
        Refusal(
            "csrf_failed", "This form was open for too long or came from another page. Open it again.", Kind.FORBIDDEN
        ),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return refused(request, Refusal("not_found", "There is nothing at this address.", Kind.NOT_FOUND))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return refused(request, Refusal("malformed_request", "The request cannot be read.", Kind.MALFORMED))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return refused(request, Refusal("not_allowed", "This is not allowed.", Kind.FORBIDDEN))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django calls this while the exception is being handled: what escaped a middleware is told as what it is."""
    error = sys.exc_info()[1]
    refusal = problems.refusal_for(error) if error else None
    if refusal is None:
        log.error("request_failed", extra={"method": request.method}, exc_info=error)
        refusal = Refusal("fault", "Something broke on our side. It has been written down.", Kind.UNAVAILABLE)
    return refused(request, refusal)


def _page(request: HttpRequest, refusal: Refusal, status: int) -> str:
    """Without a context processor and without a query: the database may be what is away."""
    business = {"name": tenancy.here().name} if tenancy.is_anywhere() else None
    is_staffs = request.path.startswith("/console/") and business is not None
    said = {**words(refusal), "back": "/console/"} if is_staffs else _to_customer(request, refusal)
    context = {**said, "status": status, "code": refusal.code, "business": business}
    return loader.render_to_string("errors/refusal.html", context)


def _to_customer(request: HttpRequest, refusal: Refusal) -> dict[str, str]:
    """In the language of the inbox: whoever is not of the business is spoken to as its customers are."""
    tongue = spoken.tongue(request)
    is_nobody = refusal.code in {"unknown_business", "business_closed"}
    frame = {name: spoken.say(tongue, name) for name in ("skip", "reference", "go_back")}
    return {
        **spoken.refused(tongue, refusal), **frame, "back": "" if is_nobody else "/",
        "language": tongue, "direction": tongues.direction(tongue),
    }  # fmt: skip
