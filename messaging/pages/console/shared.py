"""What the console's pages share: one way to draw, to answer a form, and to say how long something lasts."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

LIVES = ((60, "1 minute"), (3600, "1 hour"), (86400, "1 day"), (7 * 86400, "1 week"), (30 * 86400, "30 days"))
READ_LIVES = ((30, "30 seconds"), (60, "1 minute"), (300, "5 minutes"), (3600, "1 hour"))
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def draw(
    request: HttpRequest, name: str, section: str, context: dict[str, Any], *, trail: tuple[tuple[str, str], ...] = (),
    status: int = 200,
) -> HttpResponse:  # fmt: skip
    """A page of the console. `trail` is ((title, url name or ""), …); the last is this page."""
    crumbs = [{"title": title, "url": reverse(f"console:{url}") if url else ""} for title, url in trail]
    return render(request, f"console/{name}.html", {"section": section, "crumbs": crumbs, **context}, status=status)


def go(name: str, *args: object) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"console:{name}", args=args))


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
