"""Cutting a customer's tie to the ledger: the erasure of a person, as far as an archive may forget. Irreversible.

Leaves name a random subject id and never the customer; the mapping is in columns, and these are emptied here. What stays:
the leaves, and sealed records for as long as their rules and holds say, which no word and no customer id finds any more.

A record under a hold keeps its customer and its words until the last hold on it ends: a hold that names the customer
would lose it otherwise (I8). It only remembers that it waits (`erased_at`), and `finish` cuts it then. Both take the guard,
so that no hold is placed between the question and the cut.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from archive.flows import guard, searchindex
from archive.models import Entry, Record
from archive.queries import holds
from portal.kernel import unit

SLICE = 5000


@dataclass(frozen=True, slots=True)
class Cut:
    """`kept` records stay in the archive; of these, `held` still name the customer until their last hold ends."""

    kept: int
    held: int


def cut(*, customer_id: UUID, now: datetime) -> Cut:
    """Runs in the caller's unit. Again is fine."""
    guard.lock()
    held = holds.held()
    theirs = Record.objects.filter(customer_id=customer_id)
    waiting = theirs.filter(held)
    waiting.filter(erased_at=None).update(erased_at=now)
    still_held = waiting.count()
    searchindex.blank(theirs.exclude(held))
    free = theirs.exclude(held).update(customer_id=None, words=[], erased_at=None)
    Entry.objects.filter(customer_id=customer_id).update(customer_id=None)
    return Cut(free + still_held, still_held)


def finish(*, now: datetime, slice_rows: int = SLICE) -> int:
    """For the clock: cut what was erased under a hold that has ended since. → how many records."""
    if not Record.objects.filter(erased_at__isnull=False).exists():
        return 0
    with unit.work():
        guard.lock()
        free = Record.objects.filter(Q(erased_at__isnull=False) & ~holds.held()).order_by("message_id")
        chosen = list(free.values_list("message_id", flat=True)[:slice_rows])
        rows = Record.objects.filter(message_id__in=chosen)
        searchindex.blank(rows)
        return rows.update(customer_id=None, words=[], erased_at=None)
