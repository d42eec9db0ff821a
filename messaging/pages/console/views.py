"""Rows as the console's templates show them. Ids, states and times; names of people; words only where they are one's own."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from messaging.models import Conversation, Customer, Device, Message
from messaging.queries import desk, profiles
from messaging.queries import devices as device_queries
from messaging.queries.customers import Recipient
from messaging.rules import consent, markdown, state
from portal.accounts.queries import staff
from portal.kernel.actors import Actor

ONLINE_FOR = timedelta(seconds=90)  # a socket is seen every minute


def messages(actor: Actor, rows: list[Message], now: datetime) -> list[dict[str, Any]]:
    return named_messages(actor, rows, desk.names_of(row.customer_id for row in rows), now)


def named_messages(actor: Actor, rows: list[Message], names: dict[Any, str], now: datetime) -> list[dict[str, Any]]:
    labels = desk.labels_of_messages(actor, rows, now)
    return [_message(row, names, labels[row.id], now) for row in rows]


def _message(row: Message, names: dict[Any, str], label: str, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id, "subject": label, "state": state.of(row, now), "badge": _badge(row, now),
        "customer_id": row.customer_id,
        "customer_name": names.get(row.customer_id, "Erased customer"), "category": row.category,
        "direction": row.direction, "sent_at": row.sent_at, "send_at": row.send_at, "gone_at": row.gone_at,
        "ended_at": ended_at(row, now), "archived_until": row.archived_until,
    }  # fmt: skip


def _badge(row: Message, now: datetime) -> str:
    """The state as the pages say it: what a customer wrote was received; what was never sent is not taken back."""
    said = state.of(row, now)
    if row.direction == Message.Direction.IN and ended_at(row, now) is None:
        return "received"
    return "cancelled" if said == "recalled" and row.sent_at is None else str(said)


def ended_at(row: Message, now: datetime) -> datetime | None:
    """When it ended, early or by the clock."""
    return row.ended_at or (row.gone_at if state.has_ended(row, now) else None)


def formatted(row: Message, body: str | None) -> SafeString | None:
    """The words of a message in Markdown, as its customer sees them; None for plain text, and where there are none."""
    return mark_safe(markdown.to_html(body)) if body and row.format == "markdown" else None  # noqa: S308 - sanitised there


def customers(rows: list[Customer], now: datetime) -> list[dict[str, Any]]:
    figures = desk.figures_of([row.id for row in rows], now)
    return [_customer(row, figures) for row in rows]


def _customer(row: Customer, figures: desk.Figures) -> dict[str, Any]:
    profile = profiles.open_(row.id, row.sealed_profile)
    return {
        "id": row.id, "name": profile.name, "reference": profile.reference, "contact": profile.email or profile.phone,
        "tags": profile.tags, "opted_out": _opted_out(row),
        "language": row.language, "devices": figures.devices.get(row.id, 0), "live_messages": figures.live.get(row.id, 0),
        "last_seen_at": figures.seen_at.get(row.id), "invited_at": figures.invited_at.get(row.id), "erased_at": None,
    }  # fmt: skip


def _opted_out(row: Customer) -> str:
    """What the customer does not want, in a word."""
    if consent.why_not("service", row.agreed, row.refused) == consent.OPTED_OUT:
        return "Wants no messages"
    return "Opted out" if row.refused else ""


def devices(rows: list[Device], now: datetime) -> list[dict[str, Any]]:
    return named_devices(rows, desk.names_of(one.customer_id for row in rows for one in row.serves.all()), now)


def named_devices(rows: list[Device], names: dict[Any, str], now: datetime) -> list[dict[str, Any]]:
    return [_device(row, names, now) for row in rows]


def _device(row: Device, names: dict[Any, str], now: datetime) -> dict[str, Any]:
    wipes = device_queries.wipes_of(row)
    return {
        "id": row.id, "name": device_queries.name_of(row), "browser": "", "state": device_state(row),
        "customer_names": [names[one.customer_id] for one in row.serves.all() if one.customer_id in names],
        "online": is_online(row, now), "enrolled_at": row.created_at, "last_seen_at": row.seen_at,
        "wipe_state": wipes[0].state if wipes and wipes[0].state != "refused" else None,
    }  # fmt: skip


def device_state(row: Device) -> str:
    """The state in the words of the pages: a revoked device by why it was."""
    if row.state != Device.State.REVOKED:
        return str(row.state)
    return row.revoked_reason if row.revoked_reason in {"wiped", "dark"} else "signed_out"


def is_online(row: Device, now: datetime) -> bool:
    return row.state == Device.State.ACTIVE and row.seen_at is not None and now - row.seen_at < ONLINE_FOR


def conversations(rows: list[Conversation]) -> list[dict[str, Any]]:
    names = desk.names_of(row.customer_id for row in rows)
    people = staff.get_names(f"staff:{row.assignee_id}" for row in rows if row.assignee_id)
    unread = desk.count_unread([row.id for row in rows])
    return [_conversation(row, names, people, unread) for row in rows]


def conversation(row: Conversation, people: dict[str, str], to: Recipient | None) -> dict[str, Any]:
    """One, on its own page: whoever reads it has read all of it. `people` names its assignee; `to` is its customer, if they can
    be written to."""
    names = {row.customer_id: desk.called(to.profile)} if to else desk.names_of([row.customer_id])
    return _conversation(row, names, people, {})


def _conversation(
    row: Conversation, names: dict[Any, str], people: dict[str, str], unread: dict[Any, int]
) -> dict[str, Any]:
    return {
        "id": row.id, "customer_id": row.customer_id, "customer_name": names.get(row.customer_id, "Erased customer"),
        "subject": "Written by the customer", "state": conversation_state(row), "waiting_since": row.waiting_since,
        "last_at": row.last_at, "assignee_id": row.assignee_id,
        "assignee_name": people.get(f"staff:{row.assignee_id}", ""), "unread": unread.get(row.id, 0), "closed_at": row.closed_at,
    }  # fmt: skip


def conversation_state(row: Conversation) -> str:
    if row.waiting_since:
        return "waiting"
    return "closed" if row.state == Conversation.State.CLOSED else "open"
