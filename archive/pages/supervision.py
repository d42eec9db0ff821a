"""Rules of supervision: what they look for, how far the looking is, and what could not be looked at."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from archive.flows import supervision as flow
from archive.models import Supervision
from archive.pages import cases as cases_page
from archive.pages import shared
from archive.queries import cases, supervision
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, names, pages
from portal.web import listing as lists

COLUMNS = ("id", "code", "name", "lines", "percent", "by_words", "by_sample", "created_by", "created_at", "retired_at")


@sensitive_post_parameters("name", "words")
@guards.staff("case.manage")
@require_http_methods(["GET", "POST"])
def rules(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        return _page(request, {}, {})
    values = {name: request.POST.get(name, "") for name in ("name", "words", "share")}
    try:
        flow.write(
            actor=request.actor, now=clock.now(), name=values["name"], lines=values["words"].splitlines(),
            share=cases_page.share_of(values["share"]),
        )  # fmt: skip
    except Refusal as refusal:
        if refusal.kind is not Kind.INVALID:
            raise
        return _page(request, values, {"errors": {str(refusal.fields.get("field")): refusal.message}}, status=422)
    messages.success(request, "The rule looks at every record from now on.")
    return HttpResponseRedirect(reverse("console:archive_supervision"))


@guards.staff("case.manage")
@require_POST
def retire(request: HttpRequest, supervision_id: UUID) -> HttpResponseBase:
    try:
        flow.retire(actor=request.actor, now=clock.now(), rule_id=supervision_id)
    except Refusal as refusal:
        if refusal.kind is not Kind.CONFLICT:
            raise
        pages.tell(request, refusal)
    else:
        messages.success(request, "The rule looks at nothing that comes from now on.")
    return HttpResponseRedirect(reverse("console:archive_supervision"))


def _page(
    request: HttpRequest, values: dict[str, str], extra: dict[str, Any], status: int = 200
) -> HttpResponseBase:  # fmt: skip
    rows = supervision.get_rules_for(request.actor)
    if request.GET.get("format") == "csv":
        return lists.as_csv("supervision", COLUMNS, _shown(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
    standing = supervision.get_standing_for(request.actor)
    context = {
        "page": lists.page(request, rows, _shown), "reach": supervision.reach(),
        "gaps": supervision.get_gaps_for(request.actor), "standing": standing, "values": values,
        "waiting": cases.progress_of([standing])[standing].left if standing else 0, **extra,
    }  # fmt: skip
    return shared.draw(request, "archive_supervision", context, here="Supervision", under="Cases", status=status)


def _shown(found: list[Supervision]) -> list[dict[str, Any]]:
    actors = names.actors(one.created_by for one in found)
    return [
        {
            "id": one.id, "code": one.code, "name": supervision.name_of(one), "lines": supervision.lines_of(one),
            "percent": f"{one.share / 100:g}", "share": one.share, "by_words": one.by_words, "by_sample": one.by_sample,
            "created_by": actors.get(one.created_by, one.created_by), "created_at": one.created_at,
            "retired_at": one.retired_at,
        }
        for one in found
    ]  # fmt: skip
