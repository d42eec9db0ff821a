"""Which backups there are. A backup counts once it was read back whole (`verified_at`).

*Past an entry* is said by the ledger, not by a clock: a backup is past entry `index` of a business if it holds that entry.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from portal.kernel import tenancy
from tenants.models import Backup


@dataclass(frozen=True, slots=True)
class Kept:
    """A verified backup that was not removed. `as_of` is the instant it is consistent at."""

    id: UUID
    as_of: datetime
    verified_at: datetime
    size: int
    ledgers: dict[str, dict[str, object]]

    def is_past(self, business_id: UUID, index: int) -> bool:
        """Whether entry `index` of that business stands in it."""
        held = self.ledgers.get(business_id.hex, {})
        return int(str(held.get("size", 0))) > index


def newest_verified() -> Kept | None:
    """The newest backup that was read back and still exists."""
    return _kept(_rows().order_by("-as_of").first())


def oldest_kept() -> Kept | None:
    """The oldest backup that still exists: what was destroyed after it can still be read by whoever has it and its key."""
    return _kept(_rows().order_by("as_of").first())


def holding(business_id: UUID) -> list[Kept]:
    """Those that hold something of that business, the oldest first."""
    found = (_kept(row) for row in _rows().filter(ledgers__has_key=business_id.hex).order_by("as_of"))
    return [one for one in found if one is not None]


def is_past(business_id: UUID, index: int) -> bool:
    """Whether the newest verified backup holds entry `index` of that business."""
    newest = newest_verified()
    return newest is not None and newest.is_past(business_id, index)


def _rows():  # type: ignore[no-untyped-def]
    if not tenancy.is_anywhere():  # the table stands in `public`, which every search path ends with
        connection.set_schema_to_public()
    return Backup.objects.filter(removed_at=None, verified_at__isnull=False)


def _kept(row: Backup | None) -> Kept | None:
    if row is None or row.verified_at is None:
        return None
    return Kept(row.id, row.as_of, row.verified_at, row.size, row.ledgers)
