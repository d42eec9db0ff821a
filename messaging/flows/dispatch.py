"""Scheduled messages leave: opened, their keys moved to the bucket of their end, archived; hundreds in one unit."""

from datetime import datetime
from uuid import UUID

from archive.flows import record
from messaging import push
from messaging.flows import body, lookout, message, recipient, snapshot, terms
from messaging.models import Body, Message
from messaging.queries import customers
from portal.kernel import ids, planned, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

_DISPATCH_BODIES = """
    UPDATE messaging_body AS b SET wrap = n.wrap, bucket = n.bucket, gone_at = n.gone_at
      FROM unnest(%s::uuid[], %s::bytea[], %s::bigint[], %s::timestamptz[]) AS n (id, wrap, bucket, gone_at)
     WHERE b.message_id = n.id
"""
_DISPATCH = """
    UPDATE messaging_message AS m
       SET sent_at = %s, gone_at = n.gone_at, archived_until = n.until, rule = n.rule, notify_at = n.look
      FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::timestamptz[])
           AS n (id, gone_at, until, rule, look)
     WHERE m.id = n.id
"""


def send(u: unit.Unit, *, rows: list[tuple[Message, Body]], now: datetime) -> None:
    """Scheduled messages whose time has come, claimed and locked by the caller: checked again, then sent, all in few statements."""
    found = customers.get_recipients([row.customer_id for row, _ in rows])
    contents = body.open_many(body.Row(row.id, row.customer_id, one.wrap, one.sealed) for row, one in rows)
    sending = _Sending(now)
    for row, stored in rows:
        if reason := recipient.why_not(found.get(row.customer_id), row.category):
            message.end_early(row, now, reason, outcome="suppressed")
            u.entry(message.draft_of("message.suppressed", _author(row), row))
        elif stored.gone_at is not None and stored.gone_at <= now:  # the clock was away for longer than it had to live
            _fail(u, row, now, "missed")
        elif not sending.add(row, stored, found[row.customer_id], contents.get(row.id)):
            # Its words cannot be opened any more (a lost live keyring): it fails alone, those behind it are sent.
            _fail(u, row, now, "unreadable")
    sending.store()
    record.keep(u, sending.snapshots)
    push.arrived(u, [(shot.message_id, shot.customer_id) for shot in sending.snapshots])


def _fail(u: unit.Unit, row: Message, now: datetime, reason: str) -> None:
    message.end_early(row, now, reason, outcome="failed")
    u.entry(message.draft_of("message.failed", _author(row), row))


class _Sending:
    """Scheduled messages on their way out at one instant: their keys move to the bucket of their end, which begins now."""

    def __init__(self, now: datetime) -> None:
        self._now, self._mover = now, body.Mover()
        self._terms: dict[tuple[str, int], terms.Terms] = {}
        self._bodies: list[tuple[object, ...]] = []
        self._rows: list[tuple[object, ...]] = []
        self.snapshots: list[record.Snapshot] = []

    def add(self, row: Message, stored: Body, to: customers.Recipient, content: body.Content | None) -> bool:
        """False where its words cannot be opened any more."""
        its = self._terms_of(row)
        if content is None or (wrap := self._move(row.id, stored.wrap, its.bucket)) is None:
            return False
        self._bodies.append((row.id, wrap, its.bucket, its.gone_at))
        look = lookout.first_look(self._now, has_device=to.has_device)
        self._rows.append((row.id, its.gone_at, its.keep.until, its.keep.rule, look))
        self.snapshots.append(
            snapshot.take(
                "message.sent", _author(row), to, row.id, "out", row.category, row.format, self._now, its.gone_at, its.keep,
                content,
            )
        )  # fmt: skip
        return True

    def store(self) -> None:
        if self._rows:
            planned.run(_DISPATCH_BODIES, [list(column) for column in zip(*self._bodies, strict=True)])
            planned.run(_DISPATCH, [self._now, *[list(column) for column in zip(*self._rows, strict=True)]])

    def _move(self, message_id: UUID, wrap: bytes, bucket: int) -> bytes | None:
        try:
            return self._mover.rewrap(message_id=message_id, wrap=wrap, bucket=bucket)
        except Refusal as refusal:
            if refusal.kind is not Kind.GONE:
                raise
            return None

    def _terms_of(self, row: Message) -> terms.Terms:
        life = row.gone_after or 1
        found = self._terms.get((row.category, life))
        if found is None:
            found = terms.of(category=row.category, life=life, at=self._now, now=self._now)
            self._terms[row.category, life] = found
        return found


def _author(row: Message) -> Actor:
    """Who composed it, for the entry of its sending: the clock only opened the door."""
    kind, _, author_id = row.author.partition(":")
    return Actor(kind, ids.parse_uuid(author_id) if author_id else None)
