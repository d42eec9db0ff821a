"""Legal holds: the list, a form that shows what a hold would keep before it stands, and what each one keeps."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import hold as flow
from archive.models import Approval, Hold
from archive.pages import shared
from archive.queries import holds
from archive.rules import months, searchform
from archive.rules import query as language
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import acting, guards, names, pages
from portal.web import listing as lists

STATES = [("active", "In force"), ("releasing", "Being released"), ("released", "Released")]
KINDS = [("message.sent", "Sent to customers"), ("message.received", "Received from customers")]
COLUMNS = ("id", "name", "state", "query", "placed_by", "placed_at", "releases_at", "released_at")


@guards.staff("hold.manage")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "state")
    rows = holds.get_holds_for(request.actor)
    if filters["state"]:
        rows = rows.filter(state=filters["state"])
    if request.GET.get("format") == "csv":
        return lists.as_csv("holds", COLUMNS, _shown(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
    return shared.draw(
        request,
        "holds",
        {"page": lists.page(request, rows, _shown), "filters": filters, "states": STATES},
        here="Holds",
    )


@sensitive_post_parameters("name", "reason", "query", "customer")
@guards.staff("hold.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """`look` shows what it would keep; anything else places it."""
    if request.method == "GET":
        return _form(request, {"query": shared.brought(request)}, {})
    values = {name: request.POST.get(name, "") for name in ("name", "reason", "query", "everything")}
    try:
        asked = searchform.combined(values["query"], request.POST, request.POST.get("was", ""))
        values["query"] = asked.to_text()
        if request.POST.get("step") == "look":
            return _form(
                request, values, {"kept": _kept(holds.matching(flow.understand(request.actor, values["query"])))}
            )
        placed = flow.place(
            actor=request.actor, now=clock.now(), name=values["name"], reason=values["reason"], query=values["query"],
            everything=bool(values["everything"]),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            raise
        return _form(request, values, _told(request, refusal, values["query"]), status=422)
    messages.success(request, "The hold is in force.")
    return _back(placed.id)


@guards.staff("hold.manage")
@require_safe
def hold(request: HttpRequest, hold_id: UUID) -> HttpResponseBase:
    now = clock.now()
    row = holds.get_hold_for(request.actor, hold_id)
    asked = Approval.objects.filter(kind=flow.RELEASE, target_id=row.id, state__in=Approval.WAITING).first()
    context = {
        "hold": _shown([row])[0] | {"reason": holds.reason_of(row)}, "kept": _kept(holds.kept_by(row)),
        "freed": _kept(holds.freed_by(row, now=now)), "asked": asked, "cool_off_from": _cooling_since(row),
    }  # fmt: skip
    return shared.draw(request, "hold", context, here=holds.name_of(row) or "Hold", under="Holds")


@sensitive_post_parameters("reason")
@guards.staff("hold.manage")
@require_POST
def release(request: HttpRequest, hold_id: UUID) -> HttpResponseBase:
    reason = request.POST.get("reason", "")
    done = "Asked. Until another person agrees, and a day after that, the hold holds."
    return acting.act(request, _back(hold_id), done, lambda: (
        flow.ask_release(actor=request.actor, now=clock.now(), hold_id=hold_id, reason=reason)
    ))  # fmt: skip


@guards.staff("hold.manage")
@require_POST
def keep(request: HttpRequest, hold_id: UUID) -> HttpResponseBase:
    return acting.act(request, _back(hold_id), "The release is cancelled. The hold holds as before.", lambda: (
        flow.keep(actor=request.actor, now=clock.now(), hold_id=hold_id)
    ))  # fmt: skip


def _back(hold_id: UUID) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("console:archive_hold", args=[hold_id]))


def _shown(found: list[Hold]) -> list[dict[str, Any]]:
    actors = names.actors(one.placed_by for one in found)
    people = {one.id: shared.people_of(one.query) for one in found}
    named = names.customers(pk for listed in people.values() for pk in listed)
    return [
        {
            "id": one.id, "name": holds.name_of(one), "state": one.state, "query": one.query, "case_id": one.case_id,
            "words": shared.in_words(one.query, named),
            "placed_by": actors.get(one.placed_by, one.placed_by), "placed_at": one.placed_at,
            "releases_at": one.releases_at, "released_at": one.released_at,
            "customers": [{"id": pk, "name": named.get(pk) or "Erased customer"} for pk in people[one.id]],
        }
        for one in found
    ]  # fmt: skip


def _kept(found: holds.Kept) -> dict[str, Any]:
    drawn = months.bars([(f"{day:%Y-%m}", count, "open") for day, count in found.months][-120:])
    return {
        "count": found.count, "size": found.size, "oldest": found.oldest, "newest": found.newest, "bars": drawn,
        "width": months.WIDTH, "height": months.HEIGHT,
    }  # fmt: skip


def _cooling_since(row: Hold) -> Any:
    return row.releases_at - flow.COOL_OFF if row.releases_at else clock.now() - timedelta(days=1)


def _form(request: HttpRequest, values: dict[str, str], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    try:
        form = searchform.fields_of(language.parse(values.get("query", "")))
    except Refusal:
        form = {name: request.POST.get(name, "") for name in searchform.FIELDS}
    line = values.get("query", "")
    who = shared.who(line, shared.called(request.actor, line))
    context = {"values": values, "form": form, "kinds": KINDS, "who": who, **extra}
    return shared.draw(request, "hold_new", context, here="New hold", under="Holds", status=status)


def _told(request: HttpRequest, refusal: Refusal, line: str) -> dict[str, Any]:
    """Beside the field that shows what is wrong; beside the line, which is folded away, only where no field does."""
    shown = searchform.field_at(line, refusal.fields.get("position"))
    if refusal.code == "range_upside_down" and request.POST.get("until"):
        shown = "until"
    if shown:
        return {"errors": {shown: language.beside(refusal)}}
    field = refusal.fields.get("field")
    return {"errors": {str(field): refusal.message}} if field else {"refusal": pages.words(refusal)}
