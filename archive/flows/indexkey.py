"""The end of a month's index key: sealed to the archive recipients, then forgotten by the keyring. Irreversible.

From then on searching that month's words needs an unlocked officer. Order: the envelope commits first and is read back,
the key dies after; a crash in between finds the envelope at the next run and only destroys. A month is over for good a
day after its end: a transaction that began before midnight still hashes under it.
"""

from datetime import datetime

from archive.flows import monthkey, wordindex
from archive.models import IndexKey
from archive.queries import recipients
from archive.rules import retention
from portal.kernel import keys, tenancy, unit
from portal.sealing import envelope, errors

PURPOSE = "index/"  # and the month: an envelope of one month opens no other


def seal_past(*, now: datetime) -> list[str]:
    """The months that were sealed away by this call. For the clock; waits where the archive has no recipients yet."""
    current = retention.month_of(now - retention.GRACE)
    ring = keys.business()
    months = [name.removeprefix(monthkey.INDEX) for name in ring.names(monthkey.INDEX)]
    past = [month for month in months if month < current]
    done = [month for month in past if recipients.publics() and _seal(month, now)]
    if done:
        wordindex.forget()
    return done


def _seal(month: str, now: datetime) -> bool:
    ring = keys.business()
    try:
        key = ring.get(monthkey.INDEX + month)
    except errors.KeyGone:
        return False
    with unit.work() as u:
        row, _ = IndexKey.objects.select_for_update().get_or_create(month=month)
        if row.envelope is None:
            business = tenancy.here().id
            publics = recipients.locked_publics()  # no rotation of the officers' key comes in between
            row.envelope = envelope.seal(key, publics, purpose=PURPOSE + month, business=business, subject=business)
            row.sealed_at = now
            row.save(update_fields=["envelope", "sealed_at"])
            u.entry(unit.Draft("index.sealed", "clock", codes={"month": month}))
    return ring.destroy(monthkey.INDEX + month)
