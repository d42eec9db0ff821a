"""M: a message as a device gets it. The one place where a live body becomes a frame (I1).

`direction` is told from the device's side: "in" came from the business, "out" was written by the customer.
Every M is opened and compared with the clock here; whoever sends one later compares `gone_at` again at that instant.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from django.db.models import Q

from messaging.flows import body, message
from messaging.models import Body, Message
from messaging.rules import files, markdown, state
from portal.kernel import clock, planned, tenancy

M = dict[str, object]


_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TIME = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class Row(NamedTuple):
    """A message with its body and its devices, as the hub's one query reads it: a model would cost more than the socket.
    Times that are only shown come as text."""

    id: UUID
    customer_id: UUID
    direction: str
    format: str
    in_reply_to: UUID | None
    tap_to_reveal: bool
    was_extended: bool
    gone_after_read: int | None
    rule: str
    gone_at: datetime | None
    sent_at: str
    archived_until: str | None
    delivered_at: str | None
    revealed_at: str | None
    read_at: str | None
    wrap: bytes
    sealed: bytes
    devices: list[UUID]
    ended_at: None = None
    ended_reason: str = ""
    outcome: str = ""


_FOR_PUSH = f"""
    SELECT m.id, m.customer_id, m.direction, m.format, m.in_reply_to, m.tap_to_reveal, m.was_extended,
           m.gone_after_read, m.rule, m.gone_at, {_TIME.format("m.sent_at")}, {_TIME.format("m.archived_until")},
           {_TIME.format("m.delivered_at")}, {_TIME.format("m.revealed_at")}, {_TIME.format("m.read_at")},
           b.wrap, b.sealed,
           ARRAY(SELECT s.device_id FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id
                  WHERE s.customer_id = m.customer_id AND d.state = 'active'
                    AND (s.until IS NULL OR s.until > %s) AND (d.ends_at IS NULL OR d.ends_at > %s))
      FROM messaging_message m
      JOIN messaging_body b ON b.message_id = m.id
      JOIN messaging_customer c ON c.id = m.customer_id AND c.state = 'active'
     WHERE m.id = ANY(%s) AND m.sent_at IS NOT NULL AND m.ended_at IS NULL
       AND (m.gone_at > %s OR (m.gone_at IS NULL AND m.direction = 'in'))
     ORDER BY m.id
"""  # noqa: S608 - the only thing put in is the name of a column, here


@dataclass(frozen=True, slots=True)
class Push:
    """A frame ready to be written: to these devices, unless it is `gone_at` (seconds) by then."""

    id: UUID
    customer: UUID
    devices: frozenset[UUID]
    gone_at: float
    text: str


def messages(rows: Iterable[Message], now: datetime) -> list[M]:
    """The live ones among the rows, opened, in their order. What can no longer be opened is absent."""
    live = [row for row in rows if row.sent_at and not state.has_ended(row, now)]
    opened = body.open_many(_bodies(live))
    after = clock.now()  # opening takes time: what ended meanwhile does not leave
    return [_m(row, opened[row.id], now) for row in live if row.id in opened and not state.has_ended(row, after)]


def for_push(message_ids: Iterable[UUID], now: datetime) -> list[Push]:
    """The frames of these messages with the devices that may have them: active, serving the customer, in a ready
    business. Checked in the same query that reads the message."""
    if tenancy.directory().by_id(tenancy.here().id) is None:
        return []
    rows = [Row(*columns) for columns in planned.fetch(_FOR_PUSH, [now, now, list(message_ids), now])]
    opened = body.open_many(body.Row(row.id, row.customer_id, row.wrap, row.sealed) for row in rows)
    return [_push(row, opened[row.id], now) for row in rows if row.id in opened]


def is_live(now: datetime) -> Q:
    """What a device may show: before its end; a customer's own words have none while their conversation is open."""
    endless = Q(gone_at__isnull=True, direction=Message.Direction.IN)
    return Q(sent_at__isnull=False, ended_at__isnull=True) & (Q(gone_at__gt=now) | endless)


def _push(row: "Row", content: body.Content, now: datetime) -> Push:
    text = _write({"type": "message", "message": _m(cast("Message", row), content, now)})  # it has all that M reads
    return Push(
        row.id, row.customer_id, frozenset(row.devices), row.gone_at.timestamp() if row.gone_at else math.inf, text
    )


def _bodies(rows: list[Message]) -> Iterable[body.Row]:
    owners = {row.id: row.customer_id for row in rows}
    stored = Body.objects.filter(message_id__in=list(owners)).values_list("message_id", "wrap", "sealed")
    return (body.Row(pk, owners[pk], wrap, sealed) for pk, wrap, sealed in stored)


def is_covered(row: Message) -> bool:
    """Waits for a tap: the body stays here until the reveal."""
    return row.tap_to_reveal and row.revealed_at is None and row.direction == Message.Direction.OUT


def _m(row: Message, content: body.Content, now: datetime) -> M:
    covered = is_covered(row)
    from_business = row.direction == Message.Direction.OUT
    return {
        "id": str(row.id),
        "for": str(row.customer_id),
        "direction": "in" if from_business else "out",
        "from": tenancy.here().name if from_business else "",
        "subject": None if covered else content.get("subject", ""),
        "format": row.format,
        "sent_at": _time(row.sent_at),
        "gone_at": _time(row.gone_at),
        "gone_after_read": row.gone_after_read,
        "archived_until": _time(row.archived_until),
        "rule": row.rule,
        "in_reply_to": str(row.in_reply_to) if row.in_reply_to else None,
        "state": state.of(row, now),
        "tap_to_reveal": row.tap_to_reveal,
        "revealed_at": _time(row.revealed_at),
        "body": None if covered else content.get("body", ""),
        "html": markdown.to_html(str(content.get("body", ""))) if row.format == "markdown" and not covered else None,
        "attachments": [] if covered else files.shown(content.get("attachments")),
        "answers": [] if covered else content.get("answers", []),
        "can_extend": message.may_extend(row),
    }


def _time(at: datetime | str | None) -> str | None:
    return clock.text(at) if isinstance(at, datetime) else at
