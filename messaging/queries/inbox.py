"""A device's inbox: what is live, newest first, and what ended lately. State, not history (design 7)."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from messaging.models import Message
from messaging.queries import covers, frames, frontdesk, served
from portal.kernel import clock, ids, planned
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
        "desk": frontdesk.told(now),
        "lock": covers.settings_of(actor),
        "messages": frames.messages(page, now),
        "ended": [] if cursor else _ended(actor, now),
    }
    if len(rows) > PAGE:
        found["more"] = _write(page[-1])
    return found


def page_of(actor: Actor, customer_id: UUID, now: datetime, cursor: str | None) -> tuple[list[frames.M], str | None]:
    """The live messages of one customer whom the device serves, newest first; and where to go on."""
    live = _live(actor, now, _parse(cursor) if cursor else None).filter(customer_id=customer_id)
    rows = list(live[: PAGE + 1])
    return frames.messages(rows[:PAGE], now), _write(rows[PAGE - 1]) if len(rows) > PAGE else None


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


class _Over(NamedTuple):
    """What ended, without its words."""

    id: UUID
    customer_id: UUID
    direction: str
    sent_at: datetime
    gone_at: datetime | None
    ended_at: datetime | None
    ended_reason: str
    revealed_at: datetime | None
    gone_after_read: int | None


_ENDED = """
    SELECT id, customer_id, direction, sent_at, gone_at, ended_at, ended_reason, revealed_at, gone_after_read
      FROM messaging_message
     WHERE customer_id = ANY(%s) AND sent_at IS NOT NULL
       AND (ended_at > %s OR (ended_at IS NULL AND gone_at <= %s AND gone_at > %s))
     ORDER BY sent_at DESC, id DESC LIMIT %s
"""


def _ended(actor: Actor, now: datetime) -> list[dict[str, object]]:
    since = now - ENDED_FOR
    rows = planned.fetch(_ENDED, [list(actor.customers), since, now, since, ENDED_PAGE])
    return [_end(_Over(*columns)) for columns in rows]


def _end(row: _Over) -> dict[str, object]:
    at = row.ended_at or row.gone_at
    assert at is not None
    return {
        "id": str(row.id), "ended_at": clock.text(at), "reason": reason(row), "for": str(row.customer_id),
        "sent_at": clock.text(row.sent_at), "direction": "in" if row.direction == Message.Direction.OUT else "out",
    }  # fmt: skip


def reason(row: _Over) -> str:
    """`recalled`, `erased`, … as it was ended; `read` when its read timer ran out; else `expired`."""
    if row.ended_reason:
        return row.ended_reason
    if row.gone_after_read and row.revealed_at and row.gone_at:
        is_timed = row.gone_at == row.revealed_at + timedelta(seconds=row.gone_after_read)
        return "read" if is_timed else "expired"
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
