"""Audit: what staff did, in sentences. Looking is an entry, at most one a minute (I9)."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from archive.flows import listing as flow
from archive.pages import shared
from archive.queries import audit as query
from archive.queries import entries, proofs
from archive.rules import deeds
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal
from portal.web import guards, names, pages
from portal.web import listing as lists

COLUMNS = ("index", "at", "sentence", "kind", "actor", "customer_id", "message_id", "leaf_hash")
FILTERS = ("who", "group", "customer", "after", "before")
LONGEST_INDEX = 17


@sensitive_post_parameters("customer")
@guards.staff("archive.list")
@require_http_methods(["GET", "HEAD", "POST"])
def audit(request: HttpRequest) -> HttpResponseBase:
    """A reference or an address is posted and becomes an id: no address of a page names a person."""
    if request.method == "POST":
        return _filter(request)
    filters = lists.chosen(request, *FILTERS)
    wants_csv = request.GET.get("format") == "csv"
    flow.tell(actor=request.actor, now=clock.now(), kind="archive.listed", what="audit")
    found = query.list_for(
        request.actor, _asked(filters), limit=lists.MOST_IN_CSV if wants_csv else lists.SIZE, cursor=_cursor(request)
    )
    rows = _shown(request.actor, found.results)
    if wants_csv:
        more = (
            [{"index": "There are more entries than this list holds. Narrow the dates."}]
            if found.next is not None
            else []
        )
        return lists.as_csv("audit", COLUMNS, [*rows, *more])
    return _page(request, filters, {"page": lists.Page(rows, "" if found.next is None else str(found.next))})


def _filter(request: HttpRequest) -> HttpResponseBase:
    given = {name: request.POST.get(name, "").strip()[:200].replace("\x00", "") for name in FILTERS}
    try:
        given["customer"] = _customer(request, given["customer"])
    except Refusal as refusal:
        filters = {**given, "customer": ""}
        told = {"errors": {"customer": refusal.message}, "typed": given["customer"]}
        if refusal.fields.get("field") != "customer":
            told = {"refusal": pages.words(refusal)}
        return _page(request, filters, {"page": lists.Page([], ""), **told}, status=422)
    chosen = urlencode({name: value for name, value in given.items() if value})
    return HttpResponseRedirect(f"{reverse('console:archive_audit')}?{chosen}")


def _customer(request: HttpRequest, typed: str) -> str:
    if not typed or ids.parse_uuid(typed):
        return typed
    found = names.identify_customer(request.actor, typed) if request.actor.may("customer.view") else set()
    if not found:
        raise Refusal("unknown_customer", "No customer has this reference, e-mail or phone.", field="customer")
    if len(found) > 1:
        raise Refusal(
            "ambiguous_customer", "Several customers share this address. Give the reference.", field="customer"
        )
    return str(next(iter(found)))


def _asked(filters: dict[str, str]) -> query.Filter:
    return query.Filter(
        who=filters["who"], group=filters["group"], customer=ids.parse_uuid(filters["customer"]),
        after=lists.day(filters["after"]), before=lists.day(filters["before"], end=True),
    )  # fmt: skip


def _shown(actor: Actor, found: list[entries.Header]) -> list[dict[str, Any]]:
    rows = shared.shown(actor, found, proofs.published_size())
    return [{**row, "sentence": deeds.sentence(row["kind"], row["actor"])} for row in rows]


def _page(request: HttpRequest, filters: dict[str, str], extra: dict[str, Any], status: int = 200) -> HttpResponseBase:
    customer = ids.parse_uuid(filters["customer"]) if request.actor.may("customer.view") else None
    people = names.staff()
    context = {
        "filters": filters, "groups": [(code, name) for code, (name, _) in deeds.GROUPS.items()],
        "people": sorted(people.items(), key=lambda one: one[1].casefold()),
        "customer_name": names.customers([customer]).get(customer, "") if customer else "",
        "shows_sending": filters["group"] == query.SENDING, "unlock": shared.lock_of(request, clock.now()), **extra,
    }  # fmt: skip
    return shared.draw(request, "archive_audit", context, here="Audit", status=status)


def _cursor(request: HttpRequest) -> int | None:
    raw = request.GET.get("cursor", "")
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= LONGEST_INDEX else None
