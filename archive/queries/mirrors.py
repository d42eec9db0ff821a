"""Mirrors as people see them, and what a receipt must say to be believed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from archive.ledger import LedgerError, encoding, entry, note
from archive.models import Entry, Mirror
from archive.queries import bundle, exports, proofs
from portal.kernel import errors
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal

NAME = "mirror.name"
FORMAT = "ebb-mirror-receipt@v1"
MOST_IN_RECEIPT = 100_000  # entries
PIECE = 2000
REASONS = frozenset({"altered", "disposed", "gone", "mirrored"})


@dataclass(frozen=True, slots=True)
class Stated:
    """A receipt's text: this mirror holds every record of entries `first` to `last`, with its files, but those in `missing`, and
    nothing that a disposal in them names. `digest` is SHA-256 over each record it holds, in order: its `sealed_sha256`, and
    behind it the `files_sha256` of one that came with files, 32 bytes each."""

    origin: str
    first: int
    last: int
    size: int
    root: bytes
    records: int
    digest: str
    missing: frozenset[int]


def get_mirrors_for(actor: Actor) -> "QuerySet[Mirror]":
    actor.require("archive.export")
    return Mirror.objects.all()


def get_mirror_for(actor: Actor, mirror_id: UUID) -> Mirror:
    found = get_mirrors_for(actor).filter(id=mirror_id, removed_at=None).first()
    if found is None:
        raise errors.not_found("mirror")
    return found


def shown(row: Mirror) -> dict[str, Any]:
    """For pages: with its name, and how many entries it is behind."""
    signed = proofs.published_size()
    return {
        "id": row.id, "name": exports.open_words(NAME, row.id, bytes(row.sealed_name)), "vkey": row.vkey, "drops": row.drops,
        "added_at": row.added_at, "removed_at": row.removed_at, "last_at": row.last_at, "signed_to": row.signed_to,
        "dropped_to": row.dropped_to, "behind": max(0, signed - row.signed_to),
    }  # fmt: skip


def followed(index: int) -> list[dict[str, Any]]:
    """Of each mirror there ever was: whether it has signed that nothing is left of what entries up to `index` disposed of. One that
    was removed signs for nothing more."""
    rows = Mirror.objects.order_by("id").values_list("id", "signed_to", "removed_at")
    return [{"mirror": str(pk), "followed": to > index, "removed": gone is not None} for pk, to, gone in rows]


def parse_receipt(text: str, vkey: str) -> Stated:
    """What a mirror signed. Refuses `receipt_invalid` for another form or another key."""
    try:
        lines = note.open_(text, vkey).text.split("\n")
        return _stated(lines[:-1])
    except (LedgerError, ValueError, IndexError):
        raise invalid("it is not a receipt, or not signed with this mirror's key") from None


def invalid(why: str) -> Refusal:
    return Refusal("receipt_invalid", f"This receipt cannot be taken: {why}.", field="receipt")


def held_by(stated: Stated) -> tuple[int, str]:
    """How many records a mirror holds that has all of the range but what it names, and their digest, from our own leaves."""
    digest, count, with_record = sha256(), 0, set[int]()
    for index, leaf in records_in(stated.first, stated.last):
        with_record.add(index)
        if index not in stated.missing:
            digest.update(bytes.fromhex(f"{leaf.sealed_sha256}{(leaf.codes or {}).get(entry.FILES, '')}"))
            count += 1
    if not stated.missing <= with_record:
        raise invalid("it names as missing what is no record of its range")
    return count, digest.hexdigest()


def records_in(first: int, last: int) -> Iterator[tuple[int, entry.Leaf]]:
    """The leaves of a range that have a record."""
    for start in range(first, last + 1, PIECE):
        rows = Entry.objects.filter(
            index__gte=start, index__lte=min(last, start + PIECE - 1), kind__in=bundle.WITH_RECORD
        )
        for index, leaf in rows.order_by("index").values_list("index", "leaf"):
            yield index, entry.decode(bytes(leaf))


def lag_of(row: Mirror, now: datetime) -> float | None:
    """Seconds since it signed last; None before its first receipt."""
    return (now - row.last_at).total_seconds() if row.last_at else None


def _stated(lines: list[str]) -> Stated:
    if lines[0] != FORMAT:
        raise ValueError
    first, last, size, records = (encoding.decode_decimal(lines[at]) for at in (2, 3, 4, 6))
    missing = [_missing(line) for line in lines[8:]]
    if len(bytes.fromhex(lines[7])) != 32 or missing != sorted(set(missing)):
        raise ValueError
    return Stated(lines[1], first, last, size, encoding.decode_hash(lines[5]), records, lines[7], frozenset(missing))


def _missing(line: str) -> int:
    word, index, reason = line.split(" ")
    if word != "missing" or reason not in REASONS:
        raise ValueError
    return encoding.decode_decimal(index)
