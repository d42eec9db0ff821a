"""Search: the line and the form in step, results with facets and a histogram, searches that are kept. A query is posted and
kept sealed; addresses hold its id, codes and dates."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import asked as flow
from archive.flows import search as searching
from archive.pages import shared
from archive.queries import asked, found
from archive.rules import histogram, searchform
from archive.rules import query as language
from archive.rules.query import Query
from portal.kernel import clock, ids
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, names, pages
from portal.web import listing as lists

COLUMNS = (
    "index", "kind", "direction", "category", "customer_id", "message_id", "sent_at", "gone_at", "archived_until", "subject",
    "text", "closed",
)  # fmt: skip
KINDS = (("message.sent", "Sent"), ("message.received", "Received"))
DIRECTIONS = (("out", "To a customer"), ("in", "From a customer"))
LABELS = {"message.sent": "Sent", "message.received": "Received", "out": "To a customer", "in": "From a customer"}


@sensitive_post_parameters("q", "words", "customer", "reason")
@guards.staff("archive.search")
@require_http_methods(["GET", "POST"])
def search(request: HttpRequest) -> HttpResponseBase:
    """The empty page, a search to begin from (`?again=`, `?customer=`), or what was posted: remembered, then shown under its id."""
    if request.method == "GET":
        return _page(request, _begin(request), {})
    line = request.POST.get("q", "")
    try:
        query = searchform.combined(line, request.POST, request.POST.get("was", ""))
        search_id = flow.ask(
            actor=request.actor, now=clock.now(), query=query.to_text(), reason=request.POST.get("reason", ""),
            with_text=request.POST.get("text") == "1",
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            raise
        return _page(request, _typed(request), _told(refusal), status=422)
    return HttpResponseRedirect(reverse("console:archive_found", args=[search_id]))


@guards.staff("archive.search")
@require_safe
def results(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    now, one = clock.now(), asked.get_asked_for(request.actor, search_id)
    values: dict[str, Any] = {"line": one.query, "reason": one.reason, "text": one.with_text}
    try:
        query = searchform.narrowed(language.parse(one.query), lists.chosen(request, *searchform.NARROWING))
        values["line"] = query.to_text()
        wants_csv = request.GET.get("format") == "csv"
        got = searching.search(
            actor=request.actor, now=now, query=query.to_text(), reason=one.reason, browser=shared.browser_of(request),
            cursor=request.GET.get("cursor", ""), size=lists.MOST_IN_CSV if wants_csv else searching.PAGE, with_text=one.with_text,
        )  # fmt: skip
        rows = _rows(got)
        if wants_csv:
            return _csv(got, rows)
        figures = searching.count(
            actor=request.actor, now=now, query=query.to_text(), browser=shared.browser_of(request)
        )
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID and refusal.code != "archive_locked":
            raise
        return _page(request, values, {"asked": one, **_told(refusal)}, status=422)
    return _page(request, values, {"asked": one, "page": lists.Page(rows, got.next), **_figures(figures, query, got)})


@sensitive_post_parameters("name")
@guards.staff("archive.search")
@require_POST
def keep(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    try:
        flow.keep(actor=request.actor, now=clock.now(), search_id=search_id, name=request.POST.get("name", ""))
        messages.success(request, "The search is kept.")
    except Refusal as refusal:
        if refusal.kind is Kind.NOT_FOUND:
            raise
        pages.tell(request, refusal)
    return HttpResponseRedirect(reverse("console:archive_found", args=[search_id]))


@guards.staff("archive.search")
@require_POST
def delete(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    flow.delete(actor=request.actor, now=clock.now(), search_id=search_id)
    messages.success(request, "The search is deleted.")
    return HttpResponseRedirect(reverse("console:archive_search"))


def _begin(request: HttpRequest) -> dict[str, Any]:
    again = ids.parse_uuid(request.GET.get("again", ""))
    if again is None:
        customer = ids.parse_uuid(request.GET.get("customer", ""))
        return {"line": f"customer:{customer}" if customer else "", "reason": "", "text": False}
    one = asked.get_asked_for(request.actor, again)
    return {"line": one.query, "reason": "", "text": one.with_text}


def _typed(request: HttpRequest) -> dict[str, Any]:
    return {
        "line": request.POST.get("q", "")[: language.LONGEST], "reason": request.POST.get("reason", "")[: flow.LONGEST_REASON],
        "text": request.POST.get("text") == "1",
    }  # fmt: skip


def _told(refusal: Refusal) -> dict[str, Any]:
    """Beside the field it speaks of; what locks the whole page, above."""
    place = {"query": "q", "reason": "reason", "cursor": "q"}.get(str(refusal.fields.get("field", "")))
    if place:
        return {"errors": {place: refusal.message}}
    if refusal.code == "archive_locked":
        return {"is_locked": True}
    return {"refusal": pages.words(refusal)}


def _page(request: HttpRequest, values: dict[str, Any], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    now: datetime = clock.now()
    kept, recent = asked.list_all_for(request.actor)
    listed = [] if "page" in extra else [*kept, *recent]  # they stand on the empty page only
    called = shared.called(request.actor, values["line"], *(one.query for one in listed))
    context = {
        "values": values, "form": _form(values["line"]), "kinds": KINDS,
        "directions": DIRECTIONS, "kept": _lines(kept, called), "recent": _lines(recent, called),
        "who": shared.who(values["line"], called),
        "unlock": shared.lock_of(request, now), **extra,
    }  # fmt: skip
    return shared.draw(request, "archive_search", context, here="Search", status=status)


def _lines(rows: list[asked.Asked], called: dict[UUID, str]) -> list[dict[str, Any]]:
    return [
        {"id": row.id, "name": row.name, "words": shared.in_words(row.query, called), "asked_at": row.asked_at}
        for row in rows
    ]


def _form(line: str) -> dict[str, str]:
    try:
        return searchform.fields_of(language.parse(line))
    except Refusal:
        return dict.fromkeys(searchform.FIELDS, "")


def _rows(got: searching.Results) -> list[dict[str, Any]]:
    called = names.customers(one.hit.customer_id for one in got.shown)
    return [
        {
            "index": one.hit.index, "kind": one.hit.kind, "direction": one.hit.direction, "category": one.hit.category,
            "customer_id": one.hit.customer_id, "message_id": one.hit.message_id, "sent_at": one.hit.sent_at,
            "gone_at": one.hit.gone_at, "archived_until": one.hit.archived_until, "subject": one.subject, "text": one.text,
            "closed": one.closed,
            "kind_label": LABELS.get(one.hit.kind, one.hit.kind),
            "customer_name": called.get(one.hit.customer_id, "") if one.hit.customer_id else "",
        }
        for one in got.shown
    ]  # fmt: skip


def _csv(got: searching.Results, rows: list[dict[str, Any]]) -> HttpResponseBase:
    """A list that was cut says so in its last row: nobody must take a part for the whole."""
    more = [{"index": "There are more records than this list holds. Narrow the search."}] if got.next else []
    missed = [{"index": f"The words of {month} could not be searched."} for month in got.unsearched]
    return lists.as_csv("search", COLUMNS, [*rows, *more, *missed])


def _figures(figures: found.Figures, query: Query, got: searching.Results) -> dict[str, Any]:
    return {
        "figures": figures, "bars": histogram.bars(figures.days), "width": histogram.WIDTH, "height": histogram.HEIGHT,
        "facets": [(name, _labelled(figures.facets.get(name, [])), searchform.fields_of(query)[name]) for name in found.COUNTED],
        "has_phrase": bool(query.of(language.PHRASE)), "has_words": query.needs_key, "got": got,
    }  # fmt: skip


def _labelled(counts: list[tuple[str, int]]) -> list[tuple[str, str, int]]:
    return [(value, LABELS.get(value, value), count) for value, count in counts]
