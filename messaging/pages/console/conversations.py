"""Conversations: a shared queue, the longest waiting first. Nothing a customer wrote disappears unread."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import conversation as flow
from messaging.flows import message, words
from messaging.models import Conversation
from messaging.pages.console import attachments, saved, shared, views
from messaging.queries import conversations, customers, desk, following, frontdesk, policy, templates
from messaging.rules import compose as rule
from messaging.rules import state
from portal.accounts.queries import staff
from portal.kernel import actors, clock, ids
from portal.kernel.errors import Refusal
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = ("Conversations", "conversations")


@guards.staff("conversation.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    filters = lists.chosen(request, "q", "state", "assignee")
    tab = filters["state"] if filters["state"] in {"open", "closed"} else "waiting"
    rows = desk.conversations_in(request.actor, tab=tab, assignee=filters["assignee"], q=filters["q"])
    by, newest = ("waiting_since", False) if tab == "waiting" else ("last_at", True)
    totals = desk.conversation_totals(request.actor)
    context = {
        "live": following.state_of_queue(totals, following.newest_word(request.actor)),
        "page": lists.page(request, rows, views.conversations, by=by, newest_first=newest),
        "filters": {**filters, "state": tab}, "views": saved.shown(request, "conversations", filters), "totals": totals,
        "staff_list": staff.get_assignable(), "opens_at": frontdesk.opens_at(clock.now()),
        "can": shared.may(request, see_settings="settings.view"),
    }  # fmt: skip
    return shared.draw(request, "conversations", "conversations", context)


@guards.staff("conversation.view")
@require_safe
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponseBase:
    return _page(request, conversation_id, {}, {})


@guards.staff("message.send")
@require_POST
def reply(request: HttpRequest, conversation_id: UUID) -> HttpResponseBase:
    row = conversations.get_conversation_for(request.actor, conversation_id)
    values = {**request.POST.dict(), "body": request.POST.get("body", "").replace("\r\n", "\n")}
    if quick := ids.parse_uuid(values.get("quick") or ""):
        return _page(request, conversation_id, _put_in(request, row, values, quick), {})
    now = clock.now()
    files: tuple[UUID, ...] = ()
    try:
        files = attachments.chosen(request, now)
        message.send(actor=request.actor, now=now, asked=_asked(row, values, files))
    except Refusal as refusal:
        return _page(request, conversation_id, values, _errors(refusal), files, status=422)
    return shared.go("conversation", conversation_id)


def _quick_answers(
    request: HttpRequest, row: Conversation, to: customers.Recipient | None
) -> list[templates.QuickAnswer]:
    if not request.actor.may("message.send") or row.state != Conversation.State.OPEN:
        return []
    return templates.quick_answers_for(request.actor, to)


def _put_in(request: HttpRequest, row: Conversation, values: dict[str, Any], quick: UUID) -> dict[str, Any]:
    """A quick answer is put into the reply and not sent: a person looks at it first. For pages without a script."""
    to = customers.get_recipients([row.customer_id]).get(row.customer_id)
    found = next((one for one in _quick_answers(request, row, to) if one.id == quick), None)
    if found is None:
        return values
    typed = values["body"].rstrip()
    return {**values, "body": f"{typed}\n\n{found.body}" if typed else found.body, "format": found.format}


def _errors(refusal: Refusal) -> dict[str, Any]:
    if refusal.fields.get("field") in {"file", "attachments"}:
        return {"errors": {"attachments": refusal.message}}
    return acting.told(refusal)


def _asked(row: Conversation, values: dict[str, Any], files: tuple[UUID, ...]) -> rule.Compose:
    """An answer to the last thing the customer wrote."""
    return rule.Compose(
        body=values["body"], format="markdown" if values.get("format") == "markdown" else "text",
        customer=row.customer_id, gone_after=shared.number(values.get("gone_after", "")),
        in_reply_to=desk.last_from_customer(row.id), attachments=files,
    )  # fmt: skip


@guards.staff("conversation.manage")
@require_POST
def assign(request: HttpRequest, conversation_id: UUID) -> HttpResponseBase:
    chosen = ids.parse_uuid(request.POST.get("assignee") or "")
    if chosen is not None and chosen not in {person.id for person in staff.get_assignable()}:
        raise Refusal("unknown_staff", "There is no such member of staff.", field="assignee")
    return acting.act(request, shared.go("conversation", conversation_id), "Assigned.", lambda: (
        flow.assign(actor=request.actor, now=clock.now(), conversation_id=conversation_id, staff_id=chosen)
    ))  # fmt: skip


@guards.staff("conversation.manage")
@require_POST
def close(request: HttpRequest, conversation_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("conversations"), "Closed.", lambda: (
        flow.close(actor=request.actor, now=clock.now(), conversation_id=conversation_id)
    ))  # fmt: skip


def _page(
    request: HttpRequest, conversation_id: UUID, values: dict[str, Any], extra: dict[str, Any], files: tuple[UUID, ...] = (),
    status: int = 200,
) -> HttpResponseBase:  # fmt: skip
    """Reading is an entry unless the reader is the assignee; the flow that opens the words writes it."""
    now = clock.now()
    thread = words.read_conversation(actor=request.actor, now=now, conversation_id=conversation_id)
    row, said = thread.talk, thread.said
    to = customers.get_recipients([row.customer_id]).get(row.customer_id)
    limits, staff_list = policy.get_policy().limits, staff.get_assignable()
    authors = [one.message.author for one in said]
    people = staff.get_names([*authors, *([f"staff:{row.assignee_id}"] if row.assignee_id else [])], known=staff_list)
    context = {
        "conversation": {**views.conversation(row, people, to), **_abilities(request, row)},
        "thread": _thread(said, people | {actors.SYSTEM.label: "Automatic answer"}, now),
        "staff_list": staff_list,
        "quick_answers": _quick_answers(request, row, to),
        "attached": attachments.waiting(request, now, files),
        "values": {"gone_after": str(limits.gone_after), **values},
        "presets": [preset for preset in shared.lives(limits.maximum_gone_after) if not preset["disabled"]],
        **extra,
    }
    name = context["conversation"]["customer_name"]
    return shared.draw(request, "conversation", "conversations", context, trail=(TRAIL, (name, "")), status=status)


def _thread(said: list[words.Said], names: dict[str, str], now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": one.message.id, "direction": one.message.direction, "author_name": names[one.message.author],
            "body": one.body, "html": views.formatted(one.message, one.body), "files": one.files, "at": one.message.sent_at,
            "gone_at": one.message.gone_at,
            "ended_at": views.ended_at(one.message, now), "state": state.of(one.message, now), "entry_index": None,
        }
        for one in said
    ]  # fmt: skip


def _abilities(request: HttpRequest, row: Conversation) -> dict[str, bool]:
    is_open = row.state == Conversation.State.OPEN
    can = shared.may(
        request, can_reply="message.send", can_assign="conversation.manage", can_close="conversation.manage"
    )
    return {name: allowed and is_open for name, allowed in can.items()}
