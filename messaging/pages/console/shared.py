"""What the console's pages share: one way to draw, to answer a form, and to say how long something lasts."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from portal.kernel.errors import Kind, Refusal
from portal.web import pages

LIVES = ((60, "1 minute"), (3600, "1 hour"), (86400, "1 day"), (7 * 86400, "1 week"), (30 * 86400, "30 days"))
READ_LIVES = ((30, "30 seconds"), (60, "1 minute"), (300, "5 minutes"), (3600, "1 hour"))
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
# Not about what was typed: these are told as what they are, never as an error of a field.
_NOT_OF_A_FORM = frozenset({Kind.UNAVAILABLE, Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND})


def draw(
    request: HttpRequest, name: str, section: str, context: dict[str, Any], *, trail: tuple[tuple[str, str], ...] = (),
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """A page of the console. `trail` is ((title, url name or ""), …); the last is this page."""
    crumbs = [{"title": title, "url": reverse(f"console:{url}") if url else ""} for title, url in trail]
    return render(request, f"console/{name}.html", {"section": section, "crumbs": crumbs, **context}, status=status)


def go(name: str, *args: object) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"console:{name}", args=args))


def act(
    request: HttpRequest, back: HttpResponseBase, done: str | Callable[[Any], str], flow: Callable[[], object]
) -> HttpResponseBase:  # fmt: skip
    """One button: one flow, then back to the page with a word about what happened, which may depend on what it returned."""
    try:
        made = flow()
    except Refusal as refusal:
        if refusal.kind in _NOT_OF_A_FORM:
            raise
        pages.tell(request, refusal)
    else:
        messages.success(request, done if isinstance(done, str) else done(made))
    return back


def errors_of(refusal: Refusal) -> dict[str, Any]:
    """`errors` for the field it is about; else `refusal` for the top of the form. What is no fault of a form goes on."""
    if refusal.kind in _NOT_OF_A_FORM:
        raise refusal
    field = refusal.fields.get("field")
    return {"errors": {str(field): refusal.message}} if field else {"refusal": pages.words(refusal)}


def may(request: HttpRequest, **asked: str) -> dict[str, bool]:
    return {name: request.actor.may(permission) for name, permission in asked.items()}


def lives(maximum: int) -> list[dict[str, Any]]:
    return [{"seconds": seconds, "label": label, "disabled": seconds > maximum} for seconds, label in LIVES]


def read_lives() -> list[dict[str, Any]]:
    return [{"seconds": seconds, "label": label} for seconds, label in READ_LIVES]


def words_for(seconds: int | None) -> str:
    """A length of time as people say it: "2 days", "90 minutes"."""
    if not seconds:
        return ""
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def number(raw: str) -> int | None:
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 12 else None


def lines(typed: str) -> tuple[str, ...]:
    """A field that takes one thing a line."""
    return tuple(line.strip() for line in typed.splitlines() if line.strip())
