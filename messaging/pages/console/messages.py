"""Messages: what was sent and what became of it. Their words only to their author, or as an entry (I9)."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from archive.queries import sealed, viewings
from messaging.flows import message as flow
from messaging.flows import words
from messaging.models import Message
from messaging.pages.console import saved, shared, timeline, views
from messaging.queries import conversations, desk, messages, unreached
from messaging.rules import state
from portal.accounts.queries import staff
from portal.kernel import clock, ids
from portal.web import acting, guards
from portal.web import listing as lists

TRAIL = ("Messages", "messages")
COLUMNS = (
    "id", "state", "customer_id", "category", "direction", "sent_at", "send_at", "gone_at", "ended_at", "archived_until"
)  # fmt: skip
STATES = [(value, value.replace("_", " ").capitalize()) for value in state.STATES]
REASONS = {
    "suppressed": "It was not sent: when its time came, the customer could not be written to.",
    "failed": "It could not be sent.",
}


@guards.staff("message.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    now = clock.now()
    filters = lists.chosen(request, "q", "state", "category", "customer", "after", "before")
    rows = _filtered(request, filters, now)
    if request.GET.get("format") == "csv":
        newest = list(rows.order_by("-id")[: lists.MOST_IN_CSV])
        return lists.as_csv("messages", COLUMNS, views.messages(request.actor, newest, now))
    context = {
        "page": lists.page(request, rows, lambda found: views.messages(request.actor, found, now)),
        "filters": filters, "views": saved.shown(request, "messages", filters), "states": STATES, "categories": desk.categories(),
        "can": shared.may(request, send="message.send"),
    }  # fmt: skip
    return shared.draw(request, "messages", "messages", context)


def _filtered(request: HttpRequest, filters: dict[str, str], now: datetime) -> QuerySet[Message]:
    rows = messages.get_messages_for(
        request.actor, now=now, customer=ids.parse_uuid(filters["customer"]), state=filters["state"]
    )
    if filters["category"]:
        rows = rows.filter(category=filters["category"])
    if after := lists.day(filters["after"]):
        rows = rows.filter(composed_at__gte=after)
    if before := lists.day(filters["before"], end=True):
        rows = rows.filter(composed_at__lt=before)
    return desk.find_messages(request.actor, filters["q"], rows)


@guards.staff("message.view")
@require_safe
def message(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    """The words show at once to their author and to the conversation's assignee; to others after a POST."""
    row = messages.get_message_for(request.actor, message_id)
    now = clock.now()
    said = None
    if _is_own(request, row) and not state.has_ended(row, now):
        said = words.read(actor=request.actor, now=now, message_id=row.id)
    return _page(request, row, said)


@guards.staff("message.view")
@require_POST
def read(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    """Reading what somebody else wrote: an entry says so before the page does."""
    row = messages.get_message_for(request.actor, message_id)
    return _page(request, row, words.read(actor=request.actor, now=clock.now(), message_id=row.id))


@guards.staff("archive.ask")
@require_POST
def ask(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    """Of a message that has ended: an officer may let whoever asks see it once more."""
    messages.get_message_for(request.actor, message_id)
    return acting.act(request, shared.go("message", message_id), "Asked. An officer decides; you find the answer here.", lambda: (
        words.ask_again(
            actor=request.actor, now=clock.now(), message_id=message_id, reason=request.POST.get("reason", "")
        )
    ))  # fmt: skip


@guards.staff("message.recall")
@require_POST
def recall(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    was_sent = messages.get_message_for(request.actor, message_id).sent_at
    done = "It is gone from every device." if was_sent else "Cancelled: it will not be sent."
    return acting.act(request, shared.go("message", message_id), done, lambda: (
        flow.recall(actor=request.actor, now=clock.now(), message_id=message_id)
    ))  # fmt: skip


@guards.staff("message.extend")
@require_POST
def extend(request: HttpRequest, message_id: UUID) -> HttpResponseBase:
    """`by`: seconds after the end it has now."""
    now = clock.now()
    row = messages.get_message_for(request.actor, message_id)
    by = shared.number(request.POST.get("by", "")) or 0
    left = int((row.gone_at - now).total_seconds()) if row.gone_at else 0
    return acting.act(request, shared.go("message", message_id), "It has more time now.", lambda: (
        flow.extend(actor=request.actor, now=now, message_id=message_id, seconds=left + by)
    ))  # fmt: skip


def _page(request: HttpRequest, row: Message, said: words.Said | None) -> HttpResponseBase:
    now = clock.now()
    shown = views.messages(request.actor, [row], now)[0]
    names = staff.get_names([row.author])
    listed = timeline.entries_of(request.actor, row.id, now)
    context = {
        "message": {
            **shown, **_abilities(request, row, now), "author_name": names[row.author] if row.direction == "out" else "",
            "gone_after_read": row.gone_after_read, "read_words": shared.words_for(row.gone_after_read),
            "tap_to_reveal": row.tap_to_reveal, "revealed_at": row.revealed_at,
            "ended_reason": row.ended_reason, "rule": row.rule,
            "why": REASONS.get(row.outcome, ""), "conversation_id": row.conversation_id,
            "entry_index": listed[0].index if listed else None, "disposed_at": sealed.disposed_at([row.id]).get(row.id),
            "subject": (said.subject or "") if said and said.body is not None else "",
            "body": said.body if said else None, "html": views.formatted(row, said.body if said else None),
        },
        "events": timeline.of_message(row, listed, now, unreached.stories([row.id])[row.id]),
        "extend_presets": shared.lives(2**31)[:4],
        "attachments": said.files if said else (), "answers": said.answers if said else (),
        "again": _again(request, row, now),
        "read_url": f"{request.path.removesuffix('read')}read",
    }  # fmt: skip
    return shared.draw(request, "message", "messages", context, trail=(TRAIL, (shown["customer_name"], "")))


def _abilities(request: HttpRequest, row: Message, now: datetime) -> dict[str, bool]:
    lives = row.direction == Message.Direction.OUT and not state.has_ended(row, now) and row.outcome != "suppressed"
    reads = "conversation.view" if row.direction == Message.Direction.IN else "message.read_live"
    can = shared.may(request, can_recall="message.recall", can_extend="message.extend", can_read=reads)
    return {
        "can_recall": can["can_recall"] and lives,
        "can_extend": can["can_extend"] and lives and row.sent_at is not None,
        "can_read": (can["can_read"] or _is_own(request, row)) and not state.has_ended(row, now),
    }


def _again(request: HttpRequest, row: Message, now: datetime) -> dict[str, object] | None:
    """Seeing an ended message once more: {state, viewing}, state ask, asked or granted. None where there is nothing to ask."""
    if not request.actor.may("archive.ask") or not state.has_ended(row, now):
        return None
    own = viewings.get_own_for(request.actor, row.id)
    if own is not None:
        return {"state": "granted" if own.granted_by else "asked", "viewing": own.id, "until": own.ends_at}
    return {"state": "ask"} if viewings.is_kept(row.id) else None


def _is_own(request: HttpRequest, row: Message) -> bool:
    """The author's, or of a conversation that this person has taken over."""
    if row.author == request.actor.label:
        return True
    if row.conversation_id is None or not request.actor.may("conversation.view"):
        return False
    return conversations.get_conversation_for(request.actor, row.conversation_id).assignee_id == request.actor.id
