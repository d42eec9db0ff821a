"""Acts that wait for a second person, and records that colleagues ask to see again: asked, decided, taken back."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from archive.flows import approval as flow
from archive.flows import viewing
from archive.models import Approval, Viewing
from archive.pages import shared
from archive.queries import approvals, viewings
from archive.rules import acts
from portal.kernel import clock
from portal.kernel.errors import Refusal
from portal.web import acting, guards, names
from portal.web import listing as lists

COLUMNS = ("id", "kind", "target_id", "state", "asked_by", "asked_at", "decided_by", "decided_at", "failure")
STATES = {
    "open": "Waiting", "cooling": "Cooling off", "done": "Approved", "refused": "Refused", "withdrawn": "Taken back",
    "expired": "Ran out", "failed": "Not possible any more",
}  # fmt: skip


@guards.staff()
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    settled = approvals.get_settled_for(request.actor)
    if request.GET.get("format") == "csv":
        return lists.as_csv("approvals", COLUMNS, _shown(request, list(settled.order_by("-id")[: lists.MOST_IN_CSV])))
    waiting = _shown(request, list(approvals.get_waiting_for(request.actor).order_by("-id")[:100]))
    context: dict[str, Any] = {
        "waiting": sorted(waiting, key=lambda one: not one["can_decide"]), "viewings": _viewings(request),
        "page": lists.page(request, settled, lambda rows: _shown(request, rows)), "unlock": shared.lock_of(request, clock.now()),
        "states": STATES,
    }  # fmt: skip
    if not request.actor.may("archive.list"):  # no way up for whoever sees no archive
        context["crumbs"] = [{"title": "Approvals", "url": ""}]
    return shared.draw(request, "archive_approvals", context, here="Approvals")


@guards.staff("approval.decide")
@require_POST
def approve(request: HttpRequest, approval_id: UUID) -> HttpResponseBase:
    back = HttpResponseRedirect(reverse("console:archive_approvals"))
    try:
        decided = flow.approve(actor=request.actor, now=clock.now(), approval_id=approval_id)
    except Refusal as refusal:
        acting.told(refusal)
        messages.error(request, refusal.message)
        return back
    if decided.failure:
        messages.error(request, f"You approved it, but it is not possible any more. {decided.message}")
    else:
        messages.success(request, "Approved, and done.")
    return back


@guards.staff("approval.decide")
@require_POST
def refuse(request: HttpRequest, approval_id: UUID) -> HttpResponseBase:
    return acting.act(request, "console:archive_approvals", "Refused. Nothing was changed.", lambda: (
        flow.refuse(actor=request.actor, now=clock.now(), approval_id=approval_id)
    ))  # fmt: skip


@guards.staff()
@require_POST
def withdraw(request: HttpRequest, approval_id: UUID) -> HttpResponseBase:
    return acting.act(request, "console:archive_approvals", "Taken back. Nothing was changed.", lambda: (
        flow.withdraw(actor=request.actor, now=clock.now(), approval_id=approval_id)
    ))  # fmt: skip


@guards.staff("archive.open")
@require_POST
def grant(request: HttpRequest, viewing_id: UUID) -> HttpResponseBase:
    """Needs this browser's half of the officer's key."""
    return acting.act(request, "console:archive_approvals", "Granted: it can be opened once, within a day.", lambda: (
        viewing.grant(
            actor=request.actor, now=clock.now(), viewing_id=viewing_id,
            session_key=request.session.session_key or "", half=request.COOKIES.get(shared.COOKIE, ""),
        )
    ))  # fmt: skip


@guards.staff()
@require_POST
def decline(request: HttpRequest, viewing_id: UUID) -> HttpResponseBase:
    return acting.act(request, "console:archive_approvals", "Declined. Nothing was shown.", lambda: (
        viewing.decline(actor=request.actor, now=clock.now(), viewing_id=viewing_id)
    ))  # fmt: skip


@guards.staff("archive.ask")
@require_POST
def show(request: HttpRequest, viewing_id: UUID) -> HttpResponseBase:
    """The one opening: its entry is committed and the request deleted before the words are drawn."""
    shown = viewing.show(actor=request.actor, now=clock.now(), viewing_id=viewing_id)
    context = {
        "content": shown.content, "sent_at": parse_datetime(str(shown.content.get("sent_at", ""))),
        "message_id": shown.message_id, "section": "messages", "crumbs": [{"title": "Shown once", "url": ""}],
    }  # fmt: skip
    return shared.draw(request, "archive_shown", context)


def _shown(request: HttpRequest, rows: list[Approval]) -> list[dict[str, Any]]:
    who = names.actors(label for row in rows for label in (row.asked_by, row.decided_by) if label)
    return [
        {
            "id": row.id, "kind": row.kind, "target_id": row.target_id, "state": row.state, "state_label": STATES[row.state],
            **_told(row), "reason": approvals.reason_of(row), "asked_by": who.get(row.asked_by, row.asked_by),
            "asked_at": row.asked_at, "until": row.acts_at or row.expires_at, "decided_at": row.decided_at,
            "decided_by": who.get(row.decided_by, row.decided_by), "failure": row.failure,
            "can_decide": row.state == Approval.State.OPEN and acts.may_decide(request.actor, row),
            "can_withdraw": acts.may_withdraw(request.actor, row), "is_own": row.person_id == request.actor.id,
        }
        for row in rows
    ]  # fmt: skip


def _told(row: Approval) -> dict[str, str]:
    """What is asked for, in words, and where to look at it."""
    act = acts.get(row.kind)
    if act is None:
        return {"title": row.kind, "what": "", "url": ""}
    return {"title": act.title, "what": _words(act, row), "url": _url(act, row)}


def _words(act: acts.Act, row: Approval) -> str:
    try:
        return act.describe(row.target_id, row.codes) if act.describe else ""
    except Refusal:
        return ""


def _url(act: acts.Act, row: Approval) -> str:
    try:
        return reverse(act.page, args=[row.target_id]) if act.page else ""
    except NoReverseMatch:
        return ""


def _viewings(request: HttpRequest) -> list[dict[str, Any]]:
    rows: list[Viewing] = list(viewings.get_waiting_for(request.actor).order_by("asked_at")[:100])
    who = names.actors({f"staff:{row.person_id}" for row in rows})
    return [
        {
            "id": row.id, "message_id": row.message_id, "index": viewings.index_of(row.message_id), "asked_at": row.asked_at,
            "asked_by": who.get(f"staff:{row.person_id}", ""), "reason": viewings.reason_of(row), "ends_at": row.ends_at,
            "is_granted": bool(row.granted_by), "is_own": row.person_id == request.actor.id,
        }
        for row in rows
    ]  # fmt: skip
