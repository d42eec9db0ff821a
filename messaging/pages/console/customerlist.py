"""The list of customers: found, filtered by tag and audience, tagged, taken out as CSV."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages as messages_of
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import roster, tagging
from messaging.models import Customer
from messaging.pages.console import saved, shared, views
from messaging.queries import audiences, desk, profiles
from messaging.rules import tags
from portal.kernel import clock, ids
from portal.kernel.errors import Refusal
from portal.web import guards, pages
from portal.web import listing as lists

COLUMNS = (
    "id", "reference", "name", "email", "phone", "language", "time_zone", "tags", "agreed", "refused", "created_at",
)  # fmt: skip
IN_CSV_AT_ONCE = 1000
FILTERS = ("q", "has", "tag", "audience", "asks")


@guards.staff("customer.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    """As a page, as CSV (for who manages customers; an entry) and as JSON for the recipient picker."""
    now = clock.now()
    filters = lists.chosen(request, *FILTERS)
    rows = _chosen(request, filters)
    if request.GET.get("format") == "csv":
        roster.take_out(actor=request.actor, count=rows.count())
        return lists.stream_csv(request, "customers", COLUMNS, _in_slices(rows))
    page = lists.page(request, rows, lambda found: views.customers(found, now))
    if request.GET.get("format") == "json":
        picked = [{name: str(one[name]) for name in ("id", "name", "reference", "contact")} for one in page.results[:8]]
        return JsonResponse({"results": picked})
    can = shared.may(request, create="customer.manage")
    context = {
        "page": page, "filters": filters, "views": saved.shown(request, "customers", filters), "can": can,
        "audiences": audiences.get_audiences_for(request.actor),
        "asking": desk.asking_erasure(Customer.objects.all()).count(),
    }  # fmt: skip
    return shared.draw(request, "customers", "customers", context)


@guards.staff("customer.manage")
@require_POST
def tag(request: HttpRequest) -> HttpResponseBase:
    """A tag for those who were selected, or for everyone whom the list's filters name."""
    filters = {name: request.POST.get(name, "") for name in FILTERS}
    kept = {name: value for name, value in filters.items() if value}
    back = HttpResponseRedirect(f"{reverse('console:customers')}?{urlencode(kept)}")
    act = tagging.remove if request.POST.get("act") == "remove" else tagging.add
    try:
        if request.POST.get("whom") == "all":
            chosen = list(_chosen(request, filters).values_list("id", flat=True))
        else:
            chosen = [pk for raw in request.POST.getlist("id") if (pk := ids.parse_uuid(raw))]
        count = act(actor=request.actor, now=clock.now(), customer_ids=chosen, tag=request.POST.get("tagged", ""))
    except Refusal as refusal:
        pages.tell(request, refusal)
    else:
        done = "lost the tag" if act is tagging.remove else "got the tag"
        messages_of.success(request, f"{count} of {len(chosen)} customer{'' if len(chosen) == 1 else 's'} {done}.")
    return back


def _chosen(request: HttpRequest, filters: dict[str, str]) -> QuerySet[Customer]:
    rows = desk.with_devices(desk.find_customers(request.actor, filters["q"]), filters["has"])
    if filters["asks"] == "erasure":
        rows = desk.asking_erasure(rows)
    if filters["tag"]:
        rows = rows.filter(marks__contains=[profiles.mark(tags.tag_word(filters["tag"]))])
    if (audience_id := ids.parse_uuid(filters["audience"])) is not None:
        rows = audiences.within(rows, audiences.get_audience_for(request.actor, audience_id).filter)
    return rows


def _in_slices(rows: QuerySet[Customer]) -> Iterator[list[list[Any]]]:
    """Newest first, by keyset: each slice is a query of its own, so the list may be as long as it likes."""
    last = None
    while True:
        found = list((rows.filter(id__lt=last) if last else rows).order_by("-id")[:IN_CSV_AT_ONCE])
        if not found:
            return
        last, book = found[-1].id, profiles.Book()
        yield [_cells(row, book.open_(row.id, row.sealed_profile)) for row in found]


def _cells(row: Customer, profile: profiles.Profile) -> list[Any]:
    return [
        row.id, profile.reference, profile.name, profile.email, profile.phone, row.language, row.time_zone, profile.tags,
        row.agreed, row.refused, row.created_at,
    ]  # fmt: skip
