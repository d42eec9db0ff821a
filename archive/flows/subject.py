"""Cutting a customer's tie to the ledger: the erasure of a person, as far as an archive may forget.

Leaves name a random subject id and never the customer; the mapping is in columns, and these are emptied here. What stays:
the leaves, and sealed records for as long as their rules and holds say, which no word and no customer id finds any more.
"""

from uuid import UUID

from archive.models import Entry, Record


def cut(*, customer_id: UUID) -> bool:
    """Runs in the caller's unit. True if the archive keeps records of this customer. Again is fine."""
    kept = Record.objects.filter(customer_id=customer_id).update(customer_id=None, words=[])
    Entry.objects.filter(customer_id=customer_id).update(customer_id=None)
    return kept > 0
