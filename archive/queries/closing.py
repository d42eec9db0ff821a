"""What keeps a business from being closed, as the archive sees it, and what proves that the archive is kept elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from archive.ledger import canonical, note
from archive.models import Entry, Export, Hold, Mirror, Record
from portal.kernel.actors import Actor
from tenants.queries.closings import Standing

FORMAT = "ebb-closing-certificate@v1"
# What an export may lack and still be complete: it was disposed of, or had gone before. What a mirror alone holds is not here.
GONE = frozenset({"disposed", "gone"})
DRAWN = (Export.State.READY, Export.State.STREAMED, Export.State.ENDED)


@dataclass(frozen=True, slots=True)
class Whole:
    """A complete export that reaches as far as asked."""

    id: object
    asked_at: datetime
    sha256: str
    entries: int


def holds_in_force() -> int:
    return Hold.objects.in_force().count()


def size_of(standing: Standing) -> int:
    """How many entries stood when the closing came to *proving*: what has to be proved."""
    return int(standing.codes["head"]["size"])


def proof_of(standing: Standing) -> dict[str, Any] | None:
    """What proves that the archive is elsewhere: an export that an officer confirmed, or a mirror's receipt."""
    return standing.codes.get("proof") or mirror_past(size_of(standing))


def mirror_past(size: int) -> dict[str, Any] | None:
    """A mirror that stands and has signed for every entry below `size`."""
    found = Mirror.objects.filter(removed_at=None, signed_to__gte=size, last_at__isnull=False).order_by("id").first()
    return (
        {"mirror": str(found.id), "signed_to": found.signed_to, "receipt_sha256": found.last_sha256} if found else None
    )


def get_whole_exports_for(actor: Actor, size: int) -> list[Whole]:
    """Complete exports of every entry below `size`, the newest first."""
    actor.require("archive.export")
    return [Whole(row.id, row.asked_at, row.sha256, row.entries) for row in _drawn(size) if set(row.missing) <= GONE]


def counts() -> dict[str, int]:
    """Of what is destroyed with the archive."""
    return {"entries": Entry.objects.count(), "records": Record.objects.count()}


def read(signed: str, *vkeys: str) -> dict[str, Any]:
    """What a certificate says, if one of these keys signed it; with none given, unverified. NoteError for anything else."""
    text = note.open_(signed, *vkeys).text if vkeys else note.parse(signed).text
    first, _, rest = text.partition("\n")
    if first != FORMAT:
        raise note.NoteError("not a certificate of closing")
    content: dict[str, Any] = canonical.parse(rest.removesuffix("\n").encode())
    return content


def _drawn(size: int) -> "QuerySet[Export]":
    whole = Export.objects.filter(by=Export.By.INDEXES, first=0, last=None, state__in=DRAWN, entries__gte=size)
    return whole.exclude(sha256="").order_by("-id")
