"""The end of a disposal bucket: its key, and with it every copy that any backup still holds of what was in it.

    open ── over ── deciding ── empty ── decided ── a verified backup past that entry ── destroyed ── certificate

Irreversible: `destroy`. From then on nobody opens what was sealed under that month, from no copy of any row, officers and
recovery key included.

B1  A bucket is decided only when its month has passed, a day with it, and no record is left in it; asked under the guard,
    in the transaction that writes `bucket.decided`.
B2  Its key is destroyed only when a backup that was read back holds the entry `bucket.decided`: no restore of that backup
    can bring back a row of this bucket, nor lose a record that was moved out of it.
B3  Emptiness is asked again at that moment, under the guard. A record that stands there by whatever error keeps the key,
    and the bucket goes back to deciding.
B4  The key goes first and the entry says so after: an entry never says what has not happened. Killed in between, the next
    round finds the key gone and writes the entry.
B5  Nothing is sealed into a month that is over (`record.keep`), so a destroyed key's name is never made again.

Never done: a key destroyed on a clock alone; while no backup exists, all of this waits and the page says for what.
"""

from datetime import datetime

from archive.flows import guard, ledger, monthkey
from archive.models import Bucket, Record
from archive.rules import disposal
from portal.kernel import keys, tenancy, unit
from portal.kernel.actors import CLOCK
from portal.sealing import errors
from tenants.queries import backups

State = Bucket.State


def sweep(*, now: datetime) -> None:
    """For the clock: decide what is empty, destroy what a backup is past. What is decided is asked of the table: the key of
    a bucket whose entry is still missing may be gone already (B4)."""
    decided = set(Bucket.objects.filter(state=State.DECIDED).values_list("month", flat=True))
    for month in _months():
        if month not in decided and disposal.is_over(month, now) and decide(month=month, now=now):
            decided.add(month)
    for month in sorted(decided):
        destroy(month=month, now=now)


def decide(*, month: str, now: datetime) -> bool:
    """B1. True once it is decided, by this call or an earlier one."""
    if not disposal.is_over(month, now):
        return False
    with unit.work() as u:
        guard.lock()
        row, _ = Bucket.objects.select_for_update().get_or_create(month=month)
        if row.state in {State.DECIDED, State.DESTROYED}:
            return True
        if _is_empty(month):
            row.state, row.decided_at = State.DECIDED, now
            row.decided_index = _next_index(u)
            u.entry(_draft("bucket.decided", row, moved=row.moved))
        else:
            row.state = State.DECIDING
        row.save()
        return row.state == State.DECIDED


def destroy(*, month: str, now: datetime) -> bool:
    """B2 to B4. True once the key is gone and the entry says so; False while it waits for a backup."""
    with unit.work() as u:
        guard.lock()
        row = Bucket.objects.select_for_update().get(month=month)
        if row.state != State.DECIDED or row.decided_index is None:
            return row.state == State.DESTROYED
        if not _is_empty(month):
            row.state, row.decided_at, row.decided_index = State.DECIDING, None, None
            row.save()
            return False
        if not backups.is_past(tenancy.here().id, row.decided_index):
            return False
        _destroy_key(month)
        row.state, row.destroyed_at = State.DESTROYED, now
        row.destroyed_index = _next_index(u)
        u.entry(_draft("bucket.destroyed", row, decided=row.decided_index))
        row.save()
        return True


def _destroy_key(month: str) -> None:
    try:
        keys.business().destroy(monthkey.DISPOSAL + month)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _months() -> list[str]:
    """The months whose key exists: no record can stand in another."""
    found = keys.business().names(monthkey.DISPOSAL)
    return [name.removeprefix(monthkey.DISPOSAL) for name in found if not name.endswith(disposal.KEEP)]


def _is_empty(month: str) -> bool:
    return not Record.objects.filter(disposal_bucket=month).exists()


def _next_index(u: unit.Unit) -> int:
    """The place of the entry that is handed in next: the head is held until COMMIT."""
    return ledger.lock_head() + 1 + len(u.drafts)


def _draft(kind: str, row: Bucket, **codes: int) -> unit.Draft:
    return unit.Draft(kind, CLOCK.label, codes={"bucket": row.month, "disposed": row.disposed, **codes})
