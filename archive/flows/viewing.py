"""One ended record, shown once more to the colleague who asked for it.

    ask      with a reason, for a record that is still kept
    grant    an officer whose archive is unlocked: the words are sealed anew, under a random key in the live wheel's bucket
             of one day later
    show     to who asked, once: the row is deleted and the entry committed before the words leave the flow
    decline  an officer says no, who asked takes it back, or it ran out

The words are never at rest but under the wheel, as a live message's are: after the end of the bucket nothing in the
database, in WAL or in a backup opens them. What is deleted leaves nothing that a second opening could find.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from archive.flows import reading, unlock
from archive.models import Entry, Record, Viewing
from archive.queries import viewings
from portal.kernel import clock, ids, keys, tenancy, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal, not_found
from portal.sealing import errors, message, wheel

ASKED_FOR = timedelta(days=7)
SHOWN_WITHIN = timedelta(days=1)
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """The record's content, as it was archived; nothing holds it any more but this."""

    message_id: UUID
    content: dict[str, Any] = field(repr=False)


def ask(*, actor: Actor, now: datetime, message_id: UUID, reason: str) -> UUID:
    """Ask to see a record again. That its message has ended is for the caller to know."""
    actor.require("archive.ask")
    words = _checked(reason)
    if actor.id is None or not Record.objects.filter(message_id=message_id).exists():
        raise not_found("record")
    row = Viewing(id=ids.uuid7(), message_id=message_id, person_id=actor.id, asked_at=now, ends_at=now + ASKED_FOR)
    row.reason = keys.seal_field(viewings.REASON, row.id, words.encode())
    with unit.work() as u:
        _insert(row)
        u.entry(_draft("record.asked", actor, row, {"reason": words}))
    return row.id


def grant(*, actor: Actor, now: datetime, viewing_id: UUID, session_key: str, half: str) -> datetime:
    """One opening, to be used before the time that is returned. The officer need not read it themself."""
    actor.require("archive.open")
    with unit.work() as u:
        row = _waiting(viewing_id, now)
        session = unlock.use(actor=actor, now=now, session_key=session_key, half=half)
        if row.granted_by:
            raise Refusal("already_granted", "This was granted already.", Kind.CONFLICT)
        entry = Entry.objects.filter(message_id=row.message_id, id__in=_entry_of(row)).first()
        content = reading.content_of(entry, session) if entry else None
        if content is None:
            raise not_found("record")
        row.ends_at, row.granted_by = now + SHOWN_WITHIN, actor.label
        row.wrap, row.sealed = _seal(row, _without_keys(content), now)
        row.save(update_fields=["ends_at", "granted_by", "wrap", "sealed"])
        u.entry(_draft("record.granted", actor, row))
    return row.ends_at


def decline(*, actor: Actor, now: datetime, viewing_id: UUID) -> None:
    """No, by an officer; or taken back by who asked, also after it was granted."""
    with unit.work() as u:
        row = _waiting(viewing_id, now)
        if actor.id != row.person_id:
            actor.require("archive.open")
        u.entry(_draft("record.declined", actor, row, why="asker" if actor.id == row.person_id else "officer"))
        row.delete()


def show(*, actor: Actor, now: datetime, viewing_id: UUID) -> Shown:
    """The words, to who asked, once and before the end."""
    actor.require("archive.ask")
    with unit.work() as u:
        row = _waiting(viewing_id, now)
        if row.person_id != actor.id or row.sealed is None:
            raise not_found("record to show")
        shown = Shown(row.message_id, _open(row))
        u.entry(_draft("record.shown", actor, row))
        row.delete()
    return shown


def sweep(*, now: datetime) -> int:
    """Requests and grants whose time is over. For the clock."""
    with unit.work() as u:
        rows = list(Viewing.objects.select_for_update(skip_locked=True).filter(ends_at__lte=now)[:500])
        for row in rows:
            u.entry(_draft("record.declined", CLOCK, row, why="timeout"))
        Viewing.objects.filter(id__in=[row.id for row in rows]).delete()
    return len(rows)


def _waiting(viewing_id: UUID, now: datetime) -> Viewing:
    row = Viewing.objects.select_for_update().filter(id=viewing_id, ends_at__gt=now).first()
    if row is None:
        raise not_found("request")
    return row


def _entry_of(row: Viewing) -> list[UUID]:
    return list(Record.objects.filter(message_id=row.message_id).values_list("entry_id", flat=True))


def _without_keys(content: dict[str, Any]) -> dict[str, Any]:
    """A file is named, and not opened: its key stays in the record."""
    told = [{name: file[name] for name in ("name", "type", "bytes")} for file in content.get("attachments") or ()]
    return {**content, "attachments": told}


def _seal(row: Viewing, content: dict[str, Any], now: datetime) -> tuple[bytes, bytes]:
    bucket = wheel.bucket_end(now.timestamp(), row.ends_at.timestamp())
    try:
        bucket_key = keys.keyring().live.create(bucket)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    made = message.seal(
        wheel.wheel_key(bucket_key, keys.business_key(), bucket), json.dumps(content, ensure_ascii=False).encode(),
        bucket=bucket, generation=keys.GENERATION, business=tenancy.here().id, message=row.id, recipient=row.person_id,
    )  # fmt: skip
    return made.wrap, made.body


def _open(row: Viewing) -> dict[str, Any]:
    wrap = bytes(row.wrap or b"")
    try:
        bucket = message.header(wrap).bucket
        if wheel.is_over(bucket, clock.now().timestamp()):
            raise errors.KeyGone("The bucket is over.")
        key = wheel.wheel_key(keys.keyring().live.get(bucket), keys.business_key(), bucket)
        plain = message.open_(
            key, wrap, bytes(row.sealed or b""), business=tenancy.here().id, message=row.id, recipient=row.person_id
        )
    except (errors.KeyGone, errors.Unsealable) as error:
        raise Refusal("gone", "The time to look at it is over. Ask again.", Kind.GONE) from error
    content: dict[str, Any] = json.loads(plain)
    return content


def _insert(row: Viewing) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise Refusal("already_asked", "You asked for this already. An officer decides.", Kind.CONFLICT) from None


def _checked(reason: str) -> str:
    words = reason.strip()
    if not words:
        raise Refusal("reason_missing", "Say why. Whoever decides reads it.", field="reason")
    if len(words) > LONGEST_REASON:
        raise Refusal("reason_too_long", f"Say it in {LONGEST_REASON} characters.", field="reason")
    return words


def _draft(
    kind: str, actor: Actor, row: Viewing, detail: dict[str, object] | None = None, **codes: str
) -> unit.Draft:  # fmt: skip
    told: dict[str, str | int | bool] = {"viewing": str(row.id), "person": str(row.person_id), **codes}
    return unit.Draft(kind, actor.label, message=row.message_id, codes=told, detail=detail)
