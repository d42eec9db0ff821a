"""Opening the archive in one browser, and locking it again. The officer's half of the key lives in a cookie of its own."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from archive.flows import unlock as flow
from archive.pages import shared
from archive.queries import officers
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages

FIRST_TIME = "The first time it is the passphrase that was chosen when the business began. From then on it is yours."


@sensitive_post_parameters("passphrase")
@guards.staff("archive.list")
@require_http_methods(["GET", "POST"])
def unlock(request: HttpRequest) -> HttpResponseBase:
    back = _back(request)
    if request.method == "GET":
        return _page(request, back, {})
    try:
        opened = flow.open_(
            actor=request.actor, now=clock.now(), passphrase=request.POST.get("passphrase", ""),
            session_key=request.session.session_key or "", reason=request.POST.get("reason", "")[:200],
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.kind in {Kind.FORBIDDEN, Kind.UNAVAILABLE}:
            raise
        return _page(request, back, _told(refusal), status=422)
    return shared.hand_over(HttpResponseRedirect(back), opened.half)


@guards.staff("archive.list")
@require_POST
def lock(request: HttpRequest) -> HttpResponseBase:
    flow.close(actor=request.actor, now=clock.now(), session_key=request.session.session_key or "")
    response = HttpResponseRedirect(reverse("console:archive"))
    response.delete_cookie(shared.COOKIE, path="/", samesite="Strict")
    response.cookies[shared.COOKIE]["secure"] = True
    return response


def _back(request: HttpRequest) -> str:
    """Where they came from, on this host only."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return asked if safe else reverse("console:archive")


def _told(refusal: Refusal) -> dict[str, object]:
    if refusal.fields.get("field") == "passphrase":
        return {"errors": {"passphrase": refusal.message}}
    return {"refusal": pages.words(refusal)}


def _page(request: HttpRequest, back: str, extra: dict[str, object], status: int = 200) -> HttpResponseBase:
    own = officers.state_of(request.actor) if request.actor.may("archive.open") else ""
    minutes = int(flow.IDLE_FOR.total_seconds() // 60)
    context = {
        "next": back, "minutes": minutes, "officer": request.actor.may("archive.open"),
        "own": own,
        "first_time": FIRST_TIME if own == "unclaimed" else "", "values": {"reason": request.POST.get("reason", "")}, **extra,
    }  # fmt: skip
    return shared.draw(request, "archive_unlock", context, here="Open", status=status)
