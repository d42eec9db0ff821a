"""The business's own colour, served as a style sheet: no inline style stands in any page. Contrast is corrected here."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from messaging.queries import policy
from messaging.rules import colour


def business(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame learns: the name of a colour of ours, or the address of the sheet."""
    chosen = policy.get_policy().accent
    if chosen in colour.NAMED:
        return {"accent_name": chosen} if chosen else {}
    return {"accent_css_url": reverse("console:accent")} if colour.parse(chosen) else {}


@require_safe
def stylesheet(request: HttpRequest) -> HttpResponse:
    """Open to anybody who may see the sign-in page."""
    found = colour.parse(policy.get_policy().accent)
    sheet = ""
    if found:
        sheet = f":root {{ --accent-light: {colour.for_light(found)}; --accent-dark: {colour.for_dark(found)}; }}\n"
    return HttpResponse(sheet, content_type="text/css; charset=utf-8")
