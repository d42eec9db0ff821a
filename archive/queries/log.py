"""What everybody may know of the log: its names, its public keys, its newest checkpoint. No entry, no content."""

from datetime import datetime
from typing import Any

from archive.models import Checkpoint, Epoch


def epochs() -> list[dict[str, Any]]:
    """The newest first; `until` is how many entries stood when the next began."""
    rows = list(Epoch.objects.order_by("-number"))
    ends = [None, *(row.first_index for row in rows)]
    return [
        {
            "number": row.number, "origin": row.origin, "vkey": row.vkey, "started_at": row.started_at,
            "first_index": row.first_index, "until": end,
        }
        for row, end in zip(rows, ends, strict=False)
    ]  # fmt: skip


def newest_note() -> str:
    """The signed note; "" before the first."""
    found = _newest()
    return found.note if found else ""


def newest_size() -> int:
    found = _newest()
    return found.size if found else 0


def newest_at() -> datetime | None:
    found = _newest()
    return found.signed_at if found else None


def _newest() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-epoch", "-size").first()
