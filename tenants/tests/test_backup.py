"""A backup counts once it was read back, is forgotten once its files are gone, and is past an entry only if it holds it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from portal.kernel import ids
from portal.kernel.errors import Refusal
from tenants.flows import backup
from tenants.models import Backup
from tenants.queries import backups

NOON = datetime(2031, 5, 5, 12, tzinfo=UTC)
SOMEBODY = ids.uuid7()


@pytest.fixture(autouse=True)
def empty(house):
    Backup.objects.all().delete()
    yield
    Backup.objects.all().delete()


def made(hours: int, size: int = 10) -> UUID:
    at, backup_id = NOON + timedelta(hours=hours), ids.uuid7()
    ledgers: backup.Ledgers = {SOMEBODY.hex: {"size": size, "root": "00" * 32, "decided": -1}}
    backup.record(now=at, backup_id=backup_id, started_at=at, as_of=at, lsn="0/16B3748", ledgers=ledgers)
    return backup_id


def verified(hours: int, size: int = 10) -> UUID:
    backup_id = made(hours, size)
    backup.verify(now=NOON, backup_id=backup_id, size=7, manifest_sha256="00" * 32)
    return backup_id


def test_one_that_was_not_read_back_counts_for_nothing():
    made(1)
    assert backups.newest_verified() is None
    assert backups.oldest_kept() is None
    assert not backups.is_past(SOMEBODY, 0)


def test_newest_and_oldest():
    middle, newest, oldest = verified(2), verified(3), verified(1)
    assert [one.id for one in (backups.newest_verified(), backups.oldest_kept()) if one] == [newest, oldest]
    backup.forget(now=NOON + timedelta(hours=9), backup_id=oldest)
    backup.forget(now=NOON + timedelta(hours=9), backup_id=oldest)
    found = backups.oldest_kept()
    assert found
    assert found.id == middle


def test_past_an_entry_is_said_by_the_ledger():
    verified(1, size=10)
    assert backups.is_past(SOMEBODY, 9)
    assert not backups.is_past(SOMEBODY, 10)
    assert not backups.is_past(ids.uuid7(), 0), "another business's entries say nothing"


def test_it_is_verified_once():
    backup_id = verified(1)
    with pytest.raises(Refusal, match="backup_unknown"):
        backup.verify(now=NOON, backup_id=backup_id, size=1, manifest_sha256="11" * 32)
    with pytest.raises(Refusal, match="backup_unknown"):
        backup.verify(now=NOON, backup_id=ids.uuid7(), size=1, manifest_sha256="11" * 32)
