"""The memory of backups, in `public`: recorded when the dump is written, verified when it was read back, forgotten when its
files are gone. Files and keys are `archive.flows.backup`'s; here are rows only, codes only, and never a path."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from portal.kernel.errors import Kind, Refusal
from tenants.models import Backup, PlatformEvent

Ledgers = dict[str, dict[str, object]]


def record(
    *, now: datetime, backup_id: UUID, started_at: datetime, as_of: datetime, lsn: str, ledgers: Ledgers
) -> None:
    """A backup was written and not yet read back: it counts for nothing."""
    Backup.objects.create(id=backup_id, started_at=started_at, as_of=as_of, lsn=lsn, ledgers=ledgers)
    _event("backup.recorded", now, backup_id)


def verify(
    *, now: datetime, backup_id: UUID, size: int, manifest_sha256: str, drilled_at: datetime | None = None
) -> None:
    """It was read back whole, once; from here on disposal may rely on it."""
    values = {"verified_at": now, "size": size, "manifest_sha256": manifest_sha256, "drilled_at": drilled_at}
    with transaction.atomic():
        rows = Backup.objects.filter(id=backup_id, verified_at=None, removed_at=None)
        if rows.update(**values) != 1:
            raise Refusal("backup_unknown", "No backup of this number waits to be verified.", Kind.CONFLICT)
        _event("backup.verified", now, backup_id)


def forget(*, now: datetime, backup_id: UUID) -> None:
    """Its files are gone. Asking again, or for one that was never recorded, changes nothing."""
    with transaction.atomic():
        if Backup.objects.filter(id=backup_id, removed_at=None).update(removed_at=now):
            _event("backup.removed", now, backup_id)


def _event(kind: str, now: datetime, backup_id: UUID) -> None:
    PlatformEvent.objects.create(kind=kind, at=now, codes={"backup": str(backup_id)})
