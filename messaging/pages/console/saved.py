"""Views of lists: the filters that stand in an address, kept under a name. Only who kept one sees it."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from archive.flows import asked as flow
from archive.queries import asked
from portal.kernel import clock
from portal.kernel.errors import not_found
from portal.web import acting, guards

# Which permission a list wants, and what its address may hold.
LISTS = {
    "customers": ("customer.view", ("q", "has", "tag", "audience", "asks")),
    "messages": ("message.view", ("q", "state", "category", "customer", "after", "before")),
    "campaigns": ("message.view", ("q", "state")),
    "conversations": ("conversation.view", ("q", "state", "assignee")),
    "devices": ("device.view", ("q", "state", "customer")),
}


def shown(request: HttpRequest, of: str, filters: dict[str, str]) -> dict[str, Any]:
    """What `console/_views.html` draws: the views of a list, the one that is open, and what could be kept now."""
    now = _query(of, filters)
    kept = [
        {"id": one.id, "name": one.name, "query": one.query, "is_open": one.query == now}
        for one in asked.list_views_for(request.actor, of)
    ]
    can_keep = bool(now) and not any(one["is_open"] for one in kept)
    return {
        "of": of,
        "kept": kept,
        "filters": {name: text for name, text in filters.items() if text},
        "can_keep": can_keep,
    }


@sensitive_post_parameters("name", "q")
@guards.staff()
@require_POST
def keep(request: HttpRequest, of: str) -> HttpResponseBase:
    query = _query(_list(request, of), request.POST.dict())
    name = request.POST.get("name", "")
    return acting.act(request, _back(of, query), "The view is kept.", lambda: (
        flow.keep_view(actor=request.actor, now=clock.now(), of=of, name=name, query=query)
    ))  # fmt: skip


@guards.staff()
@require_POST
def delete(request: HttpRequest, of: str, view_id: UUID) -> HttpResponseBase:
    of = _list(request, of)
    return acting.act(request, _back(of, ""), "The view is gone. What it showed stays.", lambda: (
        flow.delete_view(actor=request.actor, now=clock.now(), of=of, view_id=view_id)
    ))  # fmt: skip


def _list(request: HttpRequest, of: str) -> str:
    """Absent and forbidden look the same."""
    if of not in LISTS or not request.actor.may(LISTS[of][0]):
        raise not_found("list")
    return of


def _query(of: str, given: dict[str, str]) -> str:
    """The same filters are always the same text; a cursor is no filter."""
    return urlencode([(name, text) for name in LISTS[of][1] if (text := given.get(name, "").strip())])


def _back(of: str, query: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"console:{of}") + (f"?{query}" if query else ""))
