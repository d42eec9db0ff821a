"""The log: does it sign, its epochs, its newest checkpoint and who outside keeps it; and the page of its key for everybody."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from archive.flows import epoch as epochs
from archive.flows import keeper, logstate
from archive.pages import shared
from archive.queries import keepers, log
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, pages

PLAIN = "text/plain; charset=utf-8"


@guards.staff("archive.list")
@require_safe
def page(request: HttpRequest) -> HttpResponseBase:
    return _draw(request, {})


@guards.staff("archive.open")
@require_POST
def begin(request: HttpRequest) -> HttpResponseBase:
    """A new epoch: an officer's act, and there is no way back."""
    known = request.POST.get("known", "")
    try:
        if not request.POST.get("understood"):
            raise Refusal("not_confirmed", "Tick that you have read what it does.", field="understood")
        begun = epochs.begin(actor=request.actor, now=clock.now(), known=known)
    except Refusal as refusal:
        return _draw(request, {"known": known, **_errors(refusal)}, status=422)
    messages.success(request, f"Epoch {begun.number} is open: the log signs again, from entry {begun.first_index} on.")
    return HttpResponseRedirect(reverse("console:archive_log"))


@guards.staff("archive.export")
@require_POST
def add(request: HttpRequest) -> HttpResponseBase:
    address = request.POST.get("address", "")
    try:
        keeper.add(actor=request.actor, now=clock.now(), to=address)
    except Refusal as refusal:
        return _draw(request, {"address": address, **_errors(refusal)}, status=422)
    messages.success(request, "Added. The first checkpoint goes out within a minute, then one a day.")
    return HttpResponseRedirect(reverse("console:archive_log"))


@guards.staff("archive.export")
@require_POST
def remove(request: HttpRequest, keeper_id: UUID) -> HttpResponseBase:
    keeper.remove(actor=request.actor, now=clock.now(), keeper_id=keeper_id)
    messages.success(request, "Removed. No more checkpoints go there.")
    return HttpResponseRedirect(reverse("console:archive_log"))


@guards.staff("archive.list")
@require_safe
def checkpoint(request: HttpRequest) -> HttpResponseBase:
    note = log.newest_note()
    if not note:
        raise Refusal("not_integrated", "Nothing is signed yet. Ask again in a moment.", Kind.CONFLICT)
    if request.method == "GET":
        keeper.tell_download(actor=request.actor, now=clock.now())
    headers = {"Content-Disposition": f'attachment; filename="checkpoint-{log.newest_size()}.txt"'}
    return HttpResponse(note, content_type=PLAIN, headers=headers)


@require_safe
def public(request: HttpRequest) -> HttpResponseBase:
    """For anybody: the log's name, its keys, its newest checkpoint, how to check."""
    context = {"epochs": log.epochs(), "note": log.newest_note(), "newest": log.newest_size(), "at": log.newest_at()}
    return render(request, "archive/log.html", {**context, "now": clock.now()})


@require_safe
def public_checkpoint(request: HttpRequest) -> HttpResponseBase:
    """The newest checkpoint as text, for whoever keeps them by a program."""
    return HttpResponse(log.newest_note(), content_type=PLAIN, status=200 if log.newest_note() else 404)


def _draw(request: HttpRequest, more: dict[str, Any], *, status: int = 200) -> HttpResponse:
    kept = [{"id": row.id, "address": plain, "sent_at": row.sent_at, "sent_size": row.sent_size}
            for row, plain in keepers.get_keepers_for(request.actor)]  # fmt: skip
    context = {
        "broken": logstate.look(request.actor), "epochs": log.epochs(), "newest": log.newest_size(),
        "signed_at": log.newest_at(), "keepers": kept, "most": keeper.MOST,
        "can_begin": request.actor.may("archive.open"), "can_keep": request.actor.may("archive.export"), **more,
    }  # fmt: skip
    return shared.draw(request, "archive_log", context, here="Log", status=status)


def _errors(refusal: Refusal) -> dict[str, Any]:
    if refusal.kind in {Kind.FORBIDDEN, Kind.UNAVAILABLE}:
        raise refusal
    field = refusal.fields.get("field")
    return {"errors": {str(field): refusal.message}} if field else {"refusal": pages.words(refusal)}
