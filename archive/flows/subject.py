"""The tie between a person and their entries: the only personal thing in the ledger's rows, and the only one that is cut."""

from uuid import UUID

from archive.models import Entry, Record


def cut(*, customer_id: UUID) -> bool:
    """Erase who the subject was; leaves and sealed records stay as they are. True when sealed records remain.

    Runs in the caller's unit."""
    kept = Record.objects.filter(customer_id=customer_id).update(customer_id=None)
    Entry.objects.filter(customer_id=customer_id).update(customer_id=None)
    return kept > 0
