"""Cases: the list, a new one, and what is done to a case as a whole. Its three panes are in `casefile`."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import case as flow
from archive.flows import caseitem, casesearch
from archive.models import Case
from archive.pages import casefile, shared
from archive.queries import cases, supervision
from archive.rules import query as language
from portal.kernel import clock, ids
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages
from portal.web import listing as lists

COLUMNS = ("id", "name", "state", "records", "decided", "left", "opened_at", "closed_at")
STATES = [("open", "Open"), ("closed", "Closed")]
TOLD = {Kind.INVALID, Kind.CONFLICT}


@guards.staff("archive.review")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "state")
    rows = cases.get_cases_for(request.actor)
    if filters["state"]:
        rows = rows.filter(state=filters["state"])
    if request.GET.get("format") == "csv":
        return lists.as_csv("cases", COLUMNS, _shown(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
    context = {
        "page": lists.page(request, rows, _shown), "filters": filters, "states": STATES,
        "has_supervision": supervision.get_standing_for(request.actor) is not None,
    }  # fmt: skip
    return shared.draw(request, "archive_cases", context, here="Cases")


@sensitive_post_parameters("name", "query")
@guards.staff("case.manage")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """A name, and a first query if there is one. A query that cannot be read opens no case."""
    if request.method == "GET":
        values = {"query": shared.brought(request)}
        return shared.draw(request, "archive_case_new", {"values": values}, here="New case", under="Cases")
    values = {name: request.POST.get(name, "") for name in ("name", "query")}
    try:
        if values["query"].strip():
            language.parse(values["query"])
        made = flow.open_(actor=request.actor, now=clock.now(), name=values["name"])
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            raise
        context = {"values": values, "errors": {str(refusal.fields.get("field")): refusal.message}}
        return shared.draw(request, "archive_case_new", context, here="New case", under="Cases", status=422)
    if values["query"].strip():
        return _collect(request, made, values["query"])
    return _to(made)


@sensitive_post_parameters("query")
@guards.staff("case.manage")
@require_POST
def collect(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    return _collect(request, case_id, request.POST.get("query", ""))


@guards.staff("case.manage")
@require_POST
def assign(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    def act() -> str:
        number = caseitem.assign(
            actor=request.actor, now=clock.now(), case_id=case_id,
            staff_id=ids.parse_uuid(request.POST.get("staff")) or case_id, most=_number(request, "most"),
            sampled=request.POST.get("sampled") == "1",
        )  # fmt: skip
        return f"Assigned: {number}."

    return _act(request, case_id, "assign", act)


@guards.staff("case.manage")
@require_POST
def sample(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    def act() -> str:
        drawn = flow.sample(
            actor=request.actor, now=clock.now(), case_id=case_id, share=share_of(request.POST.get("share", "")),
            stratum=request.POST.get("stratum", ""),
        )  # fmt: skip
        return f"Drawn: {drawn.drawn} of {drawn.population}. Its entry holds the method and the seed."

    return _act(request, case_id, "sample", act)


@guards.staff("case.manage")
@require_POST
def close(request: HttpRequest, case_id: UUID) -> HttpResponseBase:
    def act() -> str:
        flow.close(actor=request.actor, now=clock.now(), case_id=case_id)
        return "The case is closed. Its records and decisions stay."

    return _act(request, case_id, "close", act)


def share_of(typed: str) -> int:
    """A percentage as it is typed, in hundredths of a percent; 0 for nothing. Refuses what is no number."""
    try:
        return round(float(typed.strip().rstrip("%").replace(",", ".") or "0") * 100)
    except (ValueError, OverflowError):
        raise Refusal("bad_share", "Write a percentage, such as 5 or 0.5.", field="share") from None


def _collect(request: HttpRequest, case_id: UUID, query: str) -> HttpResponseBase:
    def act() -> str:
        done = casesearch.collect(
            actor=request.actor, now=clock.now(), case_id=case_id, query=query, browser=shared.browser_of(request)
        )  # fmt: skip
        more = " The rest follows by itself." * done.goes_on + " There is more: collect again." * done.is_cut
        missed = f" Not searched, since their key is not here: {', '.join(done.unsearched)}." if done.unsearched else ""
        found = (
            f"Collected: {done.count}." if done.count else "No record was added: none that is not here already fits."
        )
        return f"{found}{more}{missed}"

    return _act(request, case_id, "collect", act, {"query": query})


def _act(
    request: HttpRequest, case_id: UUID, form: str, act: Callable[[], str], values: dict[str, str] | None = None
) -> HttpResponseBase:  # fmt: skip
    """Back to the case with what was done in words; what was wrong with a form stands beside its field."""
    try:
        told = act()
    except Refusal as refusal:
        if refusal.code == "archive_locked":
            return casefile.draw(
                request, case_id, {"locked": refusal.message, "form": form, **(values or {})}, status=422
            )
        if refusal.kind is Kind.INVALID:
            errors = {f"{form}_{refusal.fields.get('field')}": refusal.message}
            return casefile.draw(request, case_id, {"errors": errors, "form": form, **(values or {})}, status=422)
        if refusal.kind not in TOLD:
            raise
        pages.tell(request, refusal)
    else:
        messages.success(request, told)
    return _to(case_id)


def _to(case_id: UUID) -> HttpResponseBase:
    return HttpResponseRedirect(reverse("console:archive_case", args=[case_id]))


def _number(request: HttpRequest, name: str) -> int:
    raw = request.POST.get(name, "")
    if not raw.isascii() or not raw.isdigit() or not 1 <= int(raw[:9]) <= caseitem.MOST_AT_ONCE:
        raise Refusal("bad_number", f"Write a number from 1 to {caseitem.MOST_AT_ONCE}.", field=name)
    return int(raw)


def _shown(found: list[Case]) -> list[dict[str, Any]]:
    done = cases.progress_of([one.id for one in found])
    return [
        {
            "id": one.id, "name": cases.name_of(one), "state": one.state, "is_standing": one.is_standing,
            "opened_at": one.opened_at, "closed_at": one.closed_at, "records": done[one.id].size,
            "decided": done[one.id].decided, "left": done[one.id].left, "percent": done[one.id].percent,
        }
        for one in found
    ]  # fmt: skip
