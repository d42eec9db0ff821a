"""Who was not reached, why, and what was done about it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import followup
from messaging.models import Message, Notice
from messaging.pages.console import shared
from messaging.queries import desk, unreached
from messaging.rules import unreached as rules
from portal.accounts.queries import staff
from portal.kernel import clock, ids
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = (("Messages", "messages"), ("Not reached", ""))
COLUMNS = ("id", "customer_id", "customer_name", "outcome_at", "why", "words", "told", "followed_up")
CHANNELS = {"push": "web push", "email": "e-mail", "sms": "text message", "none": "no way"}
STATES = {
    "waiting": "waits", "sending": "on its way", "sent": "sent", "delivered": "arrived", "ambiguous": "not certain",
    "failed": "failed", "withdrawn": "not needed",
}  # fmt: skip
WHY = [(code, words) for code, words in rules.WORDS.items()]


@guards.staff("message.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "why", "followed", "customer", "after", "before")
    rows = unreached.get_unreached_for(
        request.actor, customer=ids.parse_uuid(filters["customer"]), why=filters["why"], followed=filters["followed"],
        after=lists.day(filters["after"]), before=lists.day(filters["before"], end=True),
    )  # fmt: skip
    if request.GET.get("format") == "csv":
        request.actor.require("customer.manage")
        return lists.as_csv(
            "not-reached", COLUMNS, map(_plain, _shown(list(rows.order_by("-id")[: lists.MOST_IN_CSV])))
        )
    context = {
        "page": lists.page(request, rows, _shown), "filters": filters, "reasons": WHY, "ways": list(rules.WAYS.items()),
        "can": shared.may(request, send="message.send", csv="customer.manage"),
    }  # fmt: skip
    return shared.draw(request, "unreached", "messages", context, trail=TRAIL)


@guards.staff("message.send")
@require_POST
def follow_up(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    by, words = request.POST.get("by", ""), request.POST.get("note", "").replace("\r\n", "\n")
    return acting.act(request, shared.go("unreached"), "Written down.", lambda: (
        followup.note(actor=request.actor, now=clock.now(), message_id=message_id, by=by, words=words)
    ))  # fmt: skip


def _shown(rows: list[Message]) -> list[dict[str, Any]]:
    names, known = desk.names_of(row.customer_id for row in rows), unreached.stories([row.id for row in rows])
    authors = staff.get_names(one.author for story in known.values() for one in story.followed_up)
    return [
        {
            "id": row.id, "customer_id": row.customer_id, "customer_name": names.get(row.customer_id, "Erased customer"),
            "category": row.category, "sent_at": row.sent_at, "outcome_at": row.outcome_at, "why": getattr(row, "why", ""),
            "words": rules.WORDS[getattr(row, "why", "")], "told": [said(one) for one in known[row.id].told],
            "followed_up": [
                {"words": rules.WAYS[one.by], "at": one.at, "author": authors[one.author]} for one in known[row.id].followed_up
            ],
        }
        for row in rows
    ]  # fmt: skip


def said(row: Notice) -> dict[str, Any]:
    """One telling, as a line of a page."""
    words = f"{CHANNELS[row.channel].capitalize()}: {STATES[row.state]}"
    return {
        "words": words,
        "reason": row.reason.replace("_", " "),
        "at": row.settled_at or row.tried_at or row.created_at,
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """For a cell of a spreadsheet."""
    return {
        **row, "told": [f"{one['words']} {one['at']:%Y-%m-%d %H:%M} {one['reason']}".strip() for one in row["told"]],
        "followed_up": [f"{one['words']} {one['at']:%Y-%m-%d %H:%M}" for one in row["followed_up"]],
    }  # fmt: skip
