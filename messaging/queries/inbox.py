"""A device's inbox: what is live, newest first, and what ended lately. State, not history (design 7)."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from messaging.models import Message
from messaging.queries import covers, frames, served
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

PAGE = 100
ENDED_FOR = timedelta(days=2)  # how long a line "expired at …" stands in the place of a message
ENDED_PAGE = 100


@dataclass(frozen=True)
class Place:
    """Where a page of the inbox stopped: opaque outside."""

    sent_at: datetime
    id: UUID


def state(actor: Actor, now: datetime, cursor: str | None = None) -> dict[str, object]:
    """`{"now", "customers", "messages": [M], "ended": […], "more"?}`. Reads only; never reveals, never marks read."""
    rows = list(_live(actor, now, _parse(cursor) if cursor else None)[: PAGE + 1])
    page = rows[:PAGE]
    found: dict[str, object] = {
        "now": clock.text(now),
        "customers": served.customers(actor),
        "lock": covers.settings_of(actor),
        "messages": frames.messages(page, now),
        "ended": [] if cursor else _ended(actor, now),
    }
    if len(rows) > PAGE:
        found["more"] = _write(page[-1])
    return found


def get_message_for(actor: Actor, message_id: UUID, now: datetime) -> frames.M:
    """One live message of a customer this device serves, as M."""
    found = frames.messages(_live(actor, now, None).filter(id=message_id), now)
    if not found:
        raise not_found("message")
    return found[0]


def _live(actor: Actor, now: datetime, after: Place | None) -> QuerySet[Message]:
    rows = Message.objects.filter(frames.is_live(now), customer_id__in=actor.customers).order_by("-sent_at", "-id")
    return rows.filter(_before(after)) if after else rows


def _before(place: Place) -> Q:
    return Q(sent_at__lt=place.sent_at) | Q(sent_at=place.sent_at, id__lt=place.id)


def _ended(actor: Actor, now: datetime) -> list[dict[str, object]]:
    since = now - ENDED_FOR
    over = Q(ended_at__gt=since) | Q(ended_at__isnull=True, gone_at__lte=now, gone_at__gt=since)
    rows = Message.objects.filter(over, customer_id__in=actor.customers, sent_at__isnull=False).order_by(
        "-sent_at", "-id"
    )
    return [_end(row) for row in rows[:ENDED_PAGE]]


def _end(row: Message) -> dict[str, object]:
    at = row.ended_at or row.gone_at
    assert at is not None
    assert row.sent_at is not None
    return {
        "id": str(row.id), "ended_at": clock.text(at), "reason": reason(row), "for": str(row.customer_id),
        "sent_at": clock.text(row.sent_at), "direction": "in" if row.direction == Message.Direction.OUT else "out",
    }  # fmt: skip


def reason(row: Message) -> str:
    """`recalled`, `erased`, … as it was ended; `read` when its read timer ran out; else `expired`."""
    if row.ended_reason:
        return row.ended_reason
    timed = row.gone_after_read and row.revealed_at and row.gone_at
    if timed and row.gone_at == row.revealed_at + timedelta(seconds=row.gone_after_read or 0):
        return "read"
    return "expired"


def _write(row: Message) -> str:
    assert row.sent_at is not None
    return base64.urlsafe_b64encode(f"{row.sent_at.isoformat()} {row.id}".encode()).decode().rstrip("=")


def _parse(cursor: str) -> Place:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, pk = raw.partition(" ")
        sent_at, message_id = datetime.fromisoformat(at), ids.parse_uuid(pk)
    except ValueError as error:
        raise bad_cursor() from error
    if message_id is None or sent_at.tzinfo is None:
        raise bad_cursor()
    return Place(sent_at, message_id)


def bad_cursor() -> Refusal:
    return Refusal("bad_cursor", "That place in the list is not known. Begin again.", Kind.MALFORMED)


def instant(text: object) -> float:
    """The seconds of a time as M carries it."""
    return datetime.fromisoformat(str(text)).timestamp()
