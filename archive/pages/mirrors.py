"""Mirrors: which there are, how far each has signed, and how one is set up."""

from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.flows import mirror as flow
from archive.models import Mirror
from archive.pages import shared
from archive.queries import mirrors, proofs
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

COLUMNS = ("id", "name", "vkey", "drops", "added_at", "removed_at", "last_at", "signed_to", "dropped_to", "behind")
PROGRAM = Path(settings.BASE_DIR) / "deploy" / "mirror" / "ebb_mirror.py"


@guards.staff("archive.export")
@require_http_methods(["GET", "POST"])
def listing(request: HttpRequest) -> HttpResponseBase:
    if request.method == "GET":
        if request.GET.get("format") == "csv":
            rows = mirrors.get_mirrors_for(request.actor).order_by("-id")[: lists.MOST_IN_CSV]
            return lists.as_csv("mirrors", COLUMNS, [mirrors.shown(row) for row in rows])
        return _page(request, {}, {})
    values = {name: request.POST.get(name, "").strip() for name in ("name", "vkey", "drops")}
    try:
        flow.add(
            actor=request.actor, now=clock.now(), name=values["name"], vkey=values["vkey"], drops=bool(values["drops"])
        )
    except Refusal as refusal:
        return _page(request, values, acting.told(refusal), status=422)
    return HttpResponseRedirect(reverse("console:archive_mirrors"))


@guards.staff("archive.export")
@require_safe
def program(request: HttpRequest) -> HttpResponse:
    """The mirror itself, one file, for whoever sets one up and has nothing else of this installation."""
    headers = {"Content-Disposition": f'attachment; filename="{PROGRAM.name}"'}
    return HttpResponse(PROGRAM.read_bytes(), content_type="text/x-python; charset=utf-8", headers=headers)


@guards.staff("archive.export")
@require_safe
def log_key(request: HttpRequest) -> HttpResponse:
    """The log's key as the file that the mirror and the verifier of an export ask for."""
    headers = {"Content-Disposition": 'attachment; filename="log.vkey"'}
    return HttpResponse(
        f"{proofs.get_key_for(request.actor)}\n", content_type="text/plain; charset=utf-8", headers=headers
    )


@guards.staff("archive.export")
@require_POST
def remove(request: HttpRequest, mirror_id: UUID) -> HttpResponseBase:
    return acting.act(
        request, "console:archive_mirrors", "The mirror is removed. What it holds stays where it is.",
        lambda: flow.remove(actor=request.actor, now=clock.now(), mirror_id=mirror_id),
    )  # fmt: skip


def _page(
    request: HttpRequest, values: dict[str, str], extra: dict[str, object], status: int = 200
) -> HttpResponseBase:
    rows = mirrors.get_mirrors_for(request.actor)

    def show(found: list[Mirror]) -> list[dict[str, object]]:
        return [mirrors.shown(row) for row in found]

    context = {
        "page": lists.page(request, rows, show), "values": values, "vkey": proofs.get_key_for(request.actor),
        "url": f"{request.scheme}://{request.get_host()}",
        "new_id": rows.filter(last_at=None, removed_at=None).order_by("-id").values_list("id", flat=True).first(), **extra,
    }  # fmt: skip
    return shared.draw(request, "mirrors", context, here="Mirror", status=status)
