"""What every page's frame shows: the business, who is signed in, the time. Apps add an accent and counts."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from portal.kernel import clock, roles, tenancy
from portal.kernel.actors import Actor
from portal.web import guards, help  # noqa: A004 - named as its pages are

Part = Callable[[HttpRequest], dict[str, Any]]
_business_parts: list[Part] = []
_count_parts: list[Part] = []


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Nothing is asked of the database until a template shows it."""
    context: dict[str, Any] = {"now": clock.now(), "demo": settings.EBB_DEMO}
    if not tenancy.is_anywhere():
        return context
    context["business"] = SimpleLazyObject(lambda: _business(request))
    context["help_url"] = help.link_for(request.path)
    actor = getattr(request, "actor", None)
    if actor is not None and actor.kind == "staff":
        context["actor"] = actor
        context["may"] = SimpleLazyObject(lambda: _may(actor))
        name = request.user.get_full_name()  # type: ignore[union-attr]
        context["staff"] = {"name": name, "role": actor.role, "role_label": actor.role.capitalize()}
        context["proof_is_old"] = not guards.is_fresh(request)
        context["counts"] = SimpleLazyObject(lambda: _gather(_count_parts, request))
    return context


def _may(actor: Actor) -> dict[str, bool]:
    """Every permission as a template can name it: `may.archive_list`. Links that lead nowhere are not drawn."""
    return {name.replace(".", "_"): actor.may(name) for name in roles.PERMISSIONS}


def add_business(part: Part) -> None:
    """`part(request)` adds to `business`: accent_name, accent_css_url."""
    _business_parts.append(part)


def add_counts(part: Part) -> None:
    """`part(request)` adds to `counts`: conversations_waiting, devices_attention."""
    _count_parts.append(part)


def _business(request: HttpRequest) -> dict[str, Any]:
    place = tenancy.here()
    return {"name": place.name, "slug": place.slug} | _gather(_business_parts, request)


def _gather(parts: list[Part], request: HttpRequest) -> dict[str, Any]:
    gathered: dict[str, Any] = {}
    for part in parts:
        gathered |= part(request)
    return gathered
