"""The files of a message, to who may see them. Never: a file at or after the end of its message (I1), or in silence (I9).

to_device   the message was given to it; what waits for a tap gives nothing before it was revealed
to_staff    whoever may read the words; for anybody but the author and the conversation's assignee it is an entry
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import blob
from messaging.flows import body, words
from messaging.models import Body, Message
from messaging.queries import frames
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


@dataclass(frozen=True, slots=True)
class File:
    """A file on its way to a reader. `parts` breaks off when its message ends meanwhile."""

    name: str
    type: str
    size: int
    parts: Iterator[bytes] = field(repr=False)


def to_device(*, actor: Actor, now: datetime, message_id: UUID, file_id: UUID) -> File:
    """To a device that may show the message now. What waits for a tap gives nothing before it was revealed."""
    row = Message.objects.filter(frames.is_live(now), id=message_id, customer_id__in=actor.customers).first()
    if row is None or frames.is_covered(row):
        raise not_found("attachment")
    return _file(row, file_id)


def to_staff(*, actor: Actor, now: datetime, message_id: UUID, file_id: UUID) -> File:
    """To staff. Whoever may not read the words may not see the files."""
    said = words.read(actor=actor, now=now, message_id=message_id)
    if said.body is None:
        raise not_found("attachment")
    return _file(said.message, file_id)


def _file(row: Message, file_id: UUID) -> File:
    stored = Body.objects.filter(message_id=row.id).first()
    if stored is None:
        raise not_found("attachment")
    content = body.open_(body.Row(row.id, row.customer_id, bytes(stored.wrap), bytes(stored.sealed)))
    entry = _entry(content, file_id)
    return File(
        str(entry["name"]), str(entry["type"]), int(entry["bytes"]), _while_it_lives(stored.gone_at, blob.open_(entry))
    )


def _entry(content: body.Content, file_id: UUID) -> Mapping[str, Any]:
    listed = content.get("attachments")
    for one in listed if isinstance(listed, list) else []:
        if one["id"] == str(file_id):
            return dict(one)
    raise not_found("attachment")


def _while_it_lives(gone_at: datetime | None, parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        if gone_at is not None and gone_at <= clock.now():
            raise Refusal("gone", "This message has ended.", Kind.GONE)
        yield part
