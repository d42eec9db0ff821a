"""A record as it is sealed, with its files, and the checks that bind both to its leaf. Needs no archive key: a mirror runs the
same ones."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from archive.ledger import entry
from archive.models import Batch, Blob, Disposed, Entry, Record
from portal.kernel import errors, keys, tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors as sealing_errors
from portal.sealing import record as sealing

FORMAT = "ebb-sealed-record@v1"
MISSING = "This record was disposed of under its retention rule. Its entry and its proof stay."


@dataclass(frozen=True, slots=True)
class Parts:
    """A record without its outer layer. `inner_wrap` opens with the batch key, which `envelope` holds for the recipients."""

    index: int
    entry_id: UUID
    message_id: UUID
    batch_id: UUID
    leaf: bytes
    sealed: bytes
    inner_wrap: bytes
    envelope: bytes
    files: tuple[UUID, ...] = ()


def get_sealed_for(actor: Actor, index: int) -> dict[str, Any]:
    """What `GET …/sealed` answers a mirror (`archive.mirror`). Refuses `record_altered` for what does not match its leaf."""
    actor.require("archive.mirror")
    parts = load(index)
    files = stored_files(parts.files)
    if not states_files(entry.decode(parts.leaf).codes, files):
        raise altered(index)
    return to_json(parts, files)


def get_file_for(actor: Actor, file_id: UUID) -> bytes:
    """A file as it is sealed, for a mirror: one that a record here names, no upload that waits. Refuses `file_altered`."""
    actor.require("archive.mirror")
    row = Blob.objects.filter(id=file_id).first()
    if row is None or not Record.objects.filter(blobs__contains=[file_id], mirrored_at=None).exists():
        raise errors.not_found("file")
    if not is_whole(row):
        raise Refusal("file_altered", "This file was changed after it was archived.", Kind.CONFLICT, file=str(file_id))
    return bytes(row.sealed)


def get_disposed_for(actor: Actor, index: int) -> list[UUID]:
    """The messages whose records went by an entry `archive.disposed`, in order: their ids hash to its leaf's `ids_sha256`."""
    actor.require("archive.mirror")
    found = Entry.objects.filter(index=index, kind="archive.disposed").values_list("id", flat=True).first()
    if found is None:
        raise errors.not_found("disposal")
    return list(Disposed.objects.filter(entry_id=found).order_by("message_id").values_list("message_id", flat=True))


def is_whole(row: Blob) -> bool:
    return sha256(bytes(row.sealed)).digest() == bytes(row.sha256)


def stored_files(wanted: Iterable[UUID]) -> dict[UUID, bytes]:
    """SHA-256 of each of these files as it is sealed, of those that are here."""
    listed = list(wanted)
    rows = Blob.objects.filter(id__in=listed).values_list("id", "sha256") if listed else ()
    return {pk: bytes(digest) for pk, digest in rows}


def states_files(codes: entry.Codes | None, files: Mapping[UUID, bytes]) -> bool:
    """Whether a leaf's codes commit to these files and to no others."""
    return (codes or {}).get(entry.FILES) == (entry.digest_files(files.items()) if files else None)


def load(index: int) -> Parts:
    """The parts of the record of an entry, checked against its leaf. For callers that have checked the actor."""
    found = Entry.objects.filter(index=index).first()
    row = Record.objects.filter(entry_id=found.id).first() if found else None
    if found is not None and row is None and disposed_at([found.message_id]):
        raise disposed()
    if found is None or row is None:
        raise errors.not_found("record")
    envelope = Batch.objects.filter(id=row.batch_id).values_list("envelope", flat=True).first()
    parts = Parts(
        found.index, found.id, row.message_id, row.batch_id, bytes(found.leaf), bytes(row.sealed), peel(row),
        bytes(envelope or b""), tuple(row.blobs or ()),
    )  # fmt: skip
    if faults(parts):
        raise altered(index)
    return parts


def peel(row: Record) -> bytes:
    """The inner wrap, by the disposal bucket's key. Refuses `record_disposed` once that key is destroyed, `record_mirrored`
    where the sealed copy is behind the business's own firewall only."""
    if row.mirrored_at is not None:
        raise mirrored()
    try:
        return sealing.peel(
            keys.business().get(f"disposal/{row.disposal_bucket}"), bytes(row.outer_wrap), business=tenancy.here().id,
            record=row.message_id, batch=row.batch_id, disposal_bucket=row.disposal_bucket,
        )  # fmt: skip
    except sealing_errors.KeyGone as error:
        raise disposed() from error
    except sealing_errors.Unsealable as error:
        raise altered(row.message_id) from error


def faults(parts: Parts) -> list[str]:
    """Which of the leaf's hashes do not fit."""
    leaf = entry.decode(parts.leaf)
    stated = {"sealed": leaf.sealed_sha256, "wrap": leaf.wrap_sha256, "batch": leaf.batch_sha256}
    found = {"sealed": parts.sealed, "wrap": parts.inner_wrap, "batch": parts.envelope}
    wrong = [name for name, value in found.items() if sha256(value).hexdigest() != stated[name]]
    return wrong + (["id"] if leaf.id != str(parts.entry_id) or leaf.message != str(parts.message_id) else [])


def to_json(parts: Parts, files: Mapping[UUID, bytes]) -> dict[str, Any]:
    """What `GET …/sealed` answers; bytes in base64. A mirror checks SHA-256 of `sealed`, `wrap` and `batch.envelope`, and of the
    files, against the leaf, and opens: envelope → batch key → `wrap` → record key → `sealed` = nonce (32) || content."""
    return {
        **named_files(files),
        "format": FORMAT, "business": str(tenancy.here().id), "index": parts.index, "entry": str(parts.entry_id),
        "message": str(parts.message_id), "leaf": _base64(parts.leaf), "sealed": _base64(parts.sealed),
        "wrap": _base64(parts.inner_wrap), "batch": {"id": str(parts.batch_id), "envelope": _base64(parts.envelope)},
    }  # fmt: skip


def named_files(files: Mapping[UUID, bytes]) -> dict[str, Any]:
    """The part of a sealed record that names its files; absent where it has none."""
    listed = [{"id": str(pk), "sha256": digest.hex()} for pk, digest in sorted(files.items())]
    return {"blobs": listed} if listed else {}


def disposed_at(message_ids: Iterable[UUID | None]) -> dict[UUID, datetime]:
    """Which of these messages' records were disposed of, and when."""
    wanted = [pk for pk in message_ids if pk is not None]
    return dict(Disposed.objects.filter(message_id__in=wanted).values_list("message_id", "at")) if wanted else {}


def is_mirrored(message_id: UUID | None) -> bool:
    """Whether the sealed copy of this message is kept by a mirror and no longer here."""
    return message_id is not None and Record.objects.filter(message_id=message_id).exclude(mirrored_at=None).exists()


def disposed() -> Refusal:
    return Refusal("record_disposed", MISSING, Kind.GONE)


def mirrored() -> Refusal:
    return Refusal(
        "record_mirrored", "The sealed copy of this record is kept by the business's mirror and no longer by the portal. Open it "
        "there: ebb_mirror.py open.", Kind.GONE,
    )  # fmt: skip


def altered(which: object) -> Refusal:
    return Refusal(
        "record_altered", "This record does not match its entry. It was changed after it was archived.", Kind.CONFLICT,
        record=str(which),
    )  # fmt: skip


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
