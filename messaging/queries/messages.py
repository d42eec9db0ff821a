"""Finding messages by their metadata. What they say is opened by `get_words_for`, under its own rule."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime

from messaging.models import Body, Message
from messaging.rules import state as states
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found


def get_message_for(actor: Actor, message_id: UUID) -> Message:
    actor.require("message.view")
    found = Message.objects.filter(id=message_id).first()
    if found is None:
        raise not_found("message")
    return found


def get_messages_for(
    actor: Actor, *, now: datetime, customer: UUID | None = None, state: str = "", after: str = ""
) -> QuerySet[Message]:  # fmt: skip
    actor.require("message.view")
    rows = Message.objects.all()
    if customer:
        rows = rows.filter(customer_id=customer)
    if state:
        rows = rows.filter(in_state(state, now))
    if after:
        rows = rows.filter(composed_at__gt=instant(after))
    return rows


def get_body(message_id: UUID) -> Body | None:
    return Body.objects.filter(message_id=message_id).first()


def get_ended(customer_ids: list[UUID], since: datetime, until: datetime) -> list[tuple[UUID, UUID]]:
    """(message, customer) of what came to its end by the clock after `since`, up to `until`, among these customers."""
    rows = Message.objects.filter(gone_at__gt=since, gone_at__lte=until, ended_at__isnull=True, sent_at__isnull=False)
    wanted = set(customer_ids)
    return [pair for pair in rows.values_list("id", "customer_id") if pair[1] in wanted]


def get_in_run(run: object, customer_ids: list[UUID], first: object, last: object) -> list[UUID]:
    """The messages of one chunk of a run to these customers."""
    rows = Message.objects.filter(run_id=run, customer_id__in=customer_ids, id__gte=first, id__lte=last)
    return list(rows.values_list("id", flat=True))


def in_state(state: str, now: datetime) -> Q:
    """The same meaning as `rules.state.of`, for the database."""
    if state not in states.STATES:
        raise Refusal("unknown_state", "There is no such state.", field="state", states=list(states.STATES))
    decided = Q(outcome__in=["suppressed", "failed", "recalled"]) | Q(ended_reason="recalled")
    ended = Q(ended_at__isnull=False) | Q(gone_at__lte=now)
    live = Q(sent_at__isnull=False) & ~ended & ~decided
    seen = {
        "read": Q(read_at__isnull=False),
        "revealed": Q(read_at__isnull=True, revealed_at__isnull=False),
        "delivered": Q(read_at__isnull=True, revealed_at__isnull=True, delivered_at__isnull=False),
        "sent": Q(read_at__isnull=True, revealed_at__isnull=True, delivered_at__isnull=True),
    }
    if state in seen:
        return live & seen[state]
    return {
        "suppressed": Q(outcome="suppressed"),
        "failed": Q(outcome="failed"),
        "recalled": decided & ~Q(outcome__in=["suppressed", "failed"]),
        "scheduled": Q(sent_at__isnull=True) & ~decided,
        "expired_unread": Q(sent_at__isnull=False) & ended & ~decided & Q(delivered_at__isnull=True),
        "ended": Q(sent_at__isnull=False) & ended & ~decided & Q(delivered_at__isnull=False),
    }[state]


def instant(raw: str, name: str = "after") -> datetime:
    try:
        at = parse_datetime(raw)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refusal("bad_time", "A time is written as in RFC 3339, with its zone.", field=name)
    return at
