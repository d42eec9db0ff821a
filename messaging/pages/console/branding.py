"""Settings, branding: the name that customers see and one colour, shown as it will be drawn before it is saved."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import branding as flow
from messaging.pages.console import shared
from messaging.queries import policy
from messaging.rules import colour
from portal.kernel import clock, tenancy
from portal.kernel.errors import Refusal
from portal.web import acting, guards

TRAIL = (("Settings", "settings"), ("Branding", ""))
NAMES = [(name, name.capitalize() or "Ebb’s own") for name in colour.NAMED]


@guards.staff("settings.view")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    """`?accent=` shows a colour without saving it, for whoever runs no scripts."""
    now = policy.get_policy().accent
    return _draw(request, {"name": tenancy.here().name, "accent": _chosen(request.GET) if request.GET else now})


@guards.staff("settings.manage")
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    given = {"name": request.POST.get("name", "")[:200], "accent": _chosen(request.POST)}
    try:
        flow.change(actor=request.actor, now=clock.now(), **given)
    except Refusal as refusal:
        return _draw(request, given, status=422, **acting.told(refusal))
    messages.success(request, "Saved. Customers see it with their next click.")
    return shared.go("settings_branding")


@guards.staff("settings.view")
@require_safe
def picture(request: HttpRequest) -> HttpResponse:
    """How a colour is drawn on light and on dark paper, and its contrast: a picture, since no page may hold a style of its own."""
    pair = colour.pair(_chosen(request.GET)) or colour.NAMED[""]
    papers = (("Light", colour.PAPER, "#ffffff"), ("Dark", colour.DARK_PAPER, "#081216"))
    panels = [
        _panel(at, name, paper, ink, on) for at, ((name, paper, on), ink) in enumerate(zip(papers, pair, strict=True))
    ]
    drawn = render_to_string("console/branding.svg", {"panels": panels})
    return HttpResponse(drawn, content_type="image/svg+xml; charset=utf-8")


def _panel(at: int, name: str, paper: colour.Colour, ink: str, on: str) -> dict[str, Any]:
    found = colour.parse(ink)
    ratio = colour.contrast(found, paper) if found else 0
    return {
        "x": at * 240, "name": name, "paper": colour.written(paper), "ink": ink, "on": on, "ratio": f"{ratio:.1f} to 1",
        "words": "#52616b" if name == "Light" else "#a7b6bf",
    }  # fmt: skip


def _chosen(given: Any) -> str:
    """A colour of one's own wins over the name beside it."""
    return str(given.get("own", "").strip() or given.get("accent", "")).strip().lower()[:20]


def _draw(request: HttpRequest, values: dict[str, str], *, status: int = 200, **more: Any) -> HttpResponseBase:
    own = "" if values["accent"] in colour.NAMED else values["accent"]
    context = {
        "values": {**values, "own": own}, "names": NAMES, "can": shared.may(request, manage="settings.manage"),
        "sender": policy.get_policy().notices.sender or tenancy.here().name, **more,
    }  # fmt: skip
    return shared.draw(request, "branding", "settings", context, trail=TRAIL, status=status)
