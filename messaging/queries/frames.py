"""M: a message as a device gets it. The one place where a live body becomes a frame (I1).

`direction` is told from the device's side: "in" came from the business, "out" was written by the customer.
Every M is opened and compared with the clock here; whoever sends one later compares `gone_at` again at that instant.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q

from messaging.flows import body, message
from messaging.models import Body, DeviceCustomer, Message
from messaging.rules import state
from portal.kernel import clock, tenancy

M = dict[str, object]


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
    rows = {row.id: row for row in _with_devices(list(message_ids), now)}
    return [_push(rows[UUID(str(m["id"]))], m) for m in messages(rows.values(), now)]


def _with_devices(message_ids: list[UUID], now: datetime) -> Iterable[Message]:
    allowed = DeviceCustomer.objects.filter(
        Q(until__isnull=True) | Q(until__gt=now),
        customer_id=OuterRef("customer_id"), device__state="active", customer__state="active",
    )  # fmt: skip
    rows = Message.objects.filter(is_live(now), id__in=message_ids)
    return rows.annotate(devices=ArraySubquery(allowed.values("device_id")))


def is_live(now: datetime) -> Q:
    """What a device may show: before its end; a customer's own words have none while their conversation is open."""
    endless = Q(gone_at__isnull=True, direction=Message.Direction.IN)
    return Q(sent_at__isnull=False, ended_at__isnull=True) & (Q(gone_at__gt=now) | endless)


def _push(row: Message, m: M) -> Push:
    text = json.dumps({"type": "message", "message": m}, ensure_ascii=False, separators=(",", ":"))
    devices: list[UUID] = row.devices  # type: ignore[attr-defined]
    return Push(row.id, row.customer_id, frozenset(devices), row.gone_at.timestamp() if row.gone_at else math.inf, text)


def _bodies(rows: list[Message]) -> Iterable[body.Row]:
    owners = {row.id: row.customer_id for row in rows}
    stored = Body.objects.filter(message_id__in=list(owners)).values_list("message_id", "wrap", "sealed")
    return (body.Row(pk, owners[pk], wrap, sealed) for pk, wrap, sealed in stored)


def _is_covered(row: Message) -> bool:
    """Waits for a tap: the body stays here until the reveal."""
    return row.tap_to_reveal and row.revealed_at is None and row.direction == Message.Direction.OUT


def _m(row: Message, content: body.Content, now: datetime) -> M:
    covered = _is_covered(row)
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
        "attachments": [] if covered else content.get("attachments", []),
        "can_extend": message.may_extend(row),
    }


def _time(at: datetime | None) -> str | None:
    return clock.text(at) if at else None
