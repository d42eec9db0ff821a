"""Is a fresh, verified backup on record? What `/readyz` and `doctor` tell; a warning, never a reason to stop serving."""

from datetime import datetime, timedelta

from django.conf import settings

from archive.flows import backupkey
from portal.kernel import clock, tenancy
from portal.web.health import Finding
from tenants.queries import backups

HOUR = 3600.0


def find() -> Finding:
    """The value is the age of the newest backup in seconds."""
    limit = timedelta(hours=settings.EBB_BACKUP_HOURS)
    if not limit:
        return Finding()
    now, places = clock.now(), tenancy.directory().all_ready()
    if not places:
        return Finding(about="No business yet, so nothing to back up.")
    newest = backups.newest_verified()
    if newest is None:
        return Finding("warning", _never())
    age = (now - newest.as_of).total_seconds()
    missing = [place for place in places if place.id.hex not in newest.ledgers]
    return Finding("warning" if (about := _about(now, newest.as_of, limit, len(missing))) else "ok", about, age)


def _never() -> str:
    what = "Nothing is backed up yet: losing the keyring loses the archive."
    if settings.EBB_DEMO:
        return f"{what} Fine for a demo."
    first = "" if backupkey.is_made() else " First make a key: manage.py backup --init FILE."
    return f"{what}{first} Then run manage.py backup --to DIR, by a timer."


def _about(now: datetime, as_of: datetime, limit: timedelta, missing: int) -> str:
    if now - as_of > limit:
        return (
            f"The newest backup is {(now - as_of).total_seconds() / HOUR:.0f} hours old. Run manage.py backup --to DIR."
        )
    if missing:
        return f"{missing} businesses are newer than the newest backup. Run manage.py backup --to DIR."
    return ""
