"""Reading the archive: nobody does it in silence (I9). The entry of an opening commits before the words are returned."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from archive.flows import blob, detail, unlock
from archive.ledger import LedgerError, entry
from archive.models import Batch, Entry, Record
from archive.queries import proofs, sealed
from portal.kernel import errors, tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors as sealing_errors
from portal.sealing import record as sealing


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened entry. `content` is the snapshot of a message, `detail` the free text of any other entry; what is here was
    verified against the leaf's commitment and hashes."""

    index: int
    kind: str
    time: datetime
    actor: str
    message_id: UUID | None
    customer_id: UUID | None
    leaf: bytes
    content: dict[str, Any] | None = field(default=None, repr=False)
    detail: dict[str, Any] | None = field(default=None, repr=False)
    sent_at: datetime | None = None
    gone_at: datetime | None = None
    archived_until: datetime | None = None


def open_record(
    *, actor: Actor, now: datetime, index: int, session_key: str, half: str, reason: str = "", case: UUID | None = None
) -> Opened:  # fmt: skip
    """Open one entry with an unlocked archive, under a case or none. Refuses `archive_locked`, `record_altered`,
    `record_disposed`."""
    actor.require("archive.open")
    with unit.work() as u:
        session = unlock.use(actor=actor, now=now, session_key=session_key, half=half)
        found = Entry.objects.filter(index=index).first()
        if found is None:
            raise errors.not_found("entry")
        opened = _open(found, session)
        u.entry(_draft("archive.opened", actor, found, reason, case))
    return opened


@dataclass(frozen=True, slots=True)
class File:
    """A file of an opened record, whole and as it was archived."""

    name: str
    type: str
    data: bytes = field(repr=False)


def open_file(*, actor: Actor, now: datetime, index: int, file_id: UUID, session_key: str, half: str) -> File:
    """A file of a record, with an unlocked archive: an opening of its own, with its own entry. Refuses what `open_record` does,
    and `attachment_lost`."""
    actor.require("archive.open")
    with unit.work() as u:
        found = Entry.objects.filter(index=index).first()
        if found is None:
            raise errors.not_found("entry")
        session = unlock.use(actor=actor, now=now, session_key=session_key, half=half)
        content = content_of(found, session) or {}
        listed = [one for one in content.get("attachments") or () if one["id"] == str(file_id)]
        if not listed:
            raise errors.not_found("file")
        file = File(str(listed[0]["name"]), str(listed[0]["type"]), blob.read(listed[0]))
        u.entry(_draft("archive.opened", actor, found, "", None, file=str(file_id)))
    return file


def content_of(found: Entry, session: unlock.Session) -> dict[str, Any] | None:
    """The verified content of an entry's record, for a flow that writes an entry of its own. Runs in the caller's unit."""
    return _open(found, session).content


def prove(*, actor: Actor, now: datetime, index: int) -> str:
    """The proof file of an entry, for a person; an entry says that it was drawn."""
    with unit.work() as u:
        text = proofs.get_proof_for(actor, index)
        u.entry(unit.Draft("archive.proved", actor.label, codes={"index": index}))
    return text


def _draft(kind: str, actor: Actor, found: Entry, reason: str, case: UUID | None, **more: str) -> unit.Draft:
    words: dict[str, object] | None = {"reason": reason} if reason.strip() else None
    under: dict[str, str | int | bool] = {**({"case": str(case)} if case else {}), **more}
    return unit.Draft(
        kind, actor.label, subject=found.subject_id, customer=found.customer_id, message=found.message_id,
        codes={"index": found.index, **under}, detail=words,
    )  # fmt: skip


def _open(found: Entry, session: unlock.Session) -> Opened:
    row = Record.objects.filter(entry_id=found.id).first()
    content = _content(found.index, session) if row else None
    words = _detail(found, session) if found.detail is not None else None
    if content is None and words is None and sealed.disposed_at([found.message_id]):
        raise sealed.disposed()
    if content is None and words is None:
        raise Refusal("nothing_sealed", "This entry holds no words: its codes say everything.", Kind.CONFLICT)
    return Opened(
        found.index, found.kind, found.time, found.actor, found.message_id, found.customer_id, bytes(found.leaf),
        content, words, row.sent_at if row else None, row.gone_at if row else None, row.archived_until if row else None,
    )  # fmt: skip


def _content(index: int, session: unlock.Session) -> dict[str, Any]:
    parts = sealed.load(index)
    business = tenancy.here().id
    try:
        batch_key = _batch_key(parts.envelope, parts.batch_id, session)
        opened = sealing.open_(
            batch_key, parts.inner_wrap, parts.sealed, business=business, record=parts.message_id, batch=parts.batch_id
        )
    except sealing_errors.SealingError as error:
        raise sealed.altered(index) from error
    if sealing.commit(opened.nonce, opened.content).hex() != entry.decode(parts.leaf).commitment:
        raise sealed.altered(index)
    return dict(json.loads(opened.content))


def _detail(found: Entry, session: unlock.Session) -> dict[str, Any]:
    business, box = tenancy.here().id, bytes(found.detail)
    batch_id = detail.batch_of(box)
    envelope = bytes(Batch.objects.filter(id=batch_id).values_list("envelope", flat=True).first() or b"")
    try:
        key = _batch_key(envelope, batch_id, session)
        words, commitment = detail.open_(box, key, business=business, entry=found.id)
    except (sealing_errors.SealingError, LedgerError) as error:
        raise sealed.altered(found.index) from error
    if commitment != entry.decode(bytes(found.leaf)).detail_commitment:
        raise sealed.altered(found.index)
    return words


def _batch_key(envelope: bytes, batch_id: UUID, session: unlock.Session) -> bytes:
    """By the officers' key of the generation that the batch is sealed to."""
    key_id, private = session.for_envelope(envelope)
    return sealing.open_batch_key(envelope, key_id, private, business=tenancy.here().id, batch=batch_id)
