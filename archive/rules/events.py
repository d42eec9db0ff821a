"""What a retention rule counts from. `sent` and `ended` are columns of a record; whoever knows another event registers its
source at start, so that the archive asks without importing it. Pure: a source gets ids and an instant.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

SENT, ENDED = "sent", "ended"
CONVERSATION_CLOSED, CUSTOMER_CLOSED = "conversation.closed", "customer.closed"
FIELD = "field:"
PLAIN = (SENT, ENDED, CONVERSATION_CLOSED, CUSTOMER_CLOSED)
# A code: it stands in leaves. A field of another spelling cannot be counted from.
_FIELD = re.compile(r"field:[A-Za-z0-9_.-]{1,40}")

Instants = Mapping[UUID, datetime | None]
Source = Callable[[Sequence[UUID], datetime], Instants]  # of these messages, as known at that instant; absent: unknown
FieldSource = Callable[[str, Sequence[UUID], datetime], Instants]
Moved = Callable[[Sequence[tuple[UUID, datetime | None, str]]], None]  # message, its new end, the rule's code

_sources: dict[str, Source] = {}
_fields: list[FieldSource] = []
_listeners: list[Moved] = []


def register(event: str, source: Source) -> None:
    _sources[event] = source


def register_fields(source: FieldSource) -> None:
    """Date fields of a customer: `field:<name>`."""
    _fields[:] = [source]


def register_moved(listener: Moved) -> None:
    """Who shows ends elsewhere, and hears of those that a retroactive rule moved. Runs in the same transaction."""
    _listeners[:] = [listener]


def is_event(text: str) -> bool:
    return text in PLAIN or _FIELD.fullmatch(text) is not None


def instants(event: str, message_ids: Sequence[UUID], now: datetime) -> Instants:
    """When it happened for each message; None, or absent, where nobody knows (yet)."""
    if event.startswith(FIELD):
        return _fields[0](event.removeprefix(FIELD), message_ids, now) if _fields else {}
    source = _sources.get(event)
    return source(message_ids, now) if source else {}


def tell_moved(moved: Sequence[tuple[UUID, datetime | None, str]]) -> None:
    for listener in _listeners:
        listener(moved)
