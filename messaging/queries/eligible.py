"""Who of an audience may be written to, and why the others may not: as SQL over `messaging_customer c`, for a whole audience at
once when a run writes its ledger down, and for each customer again when their chunk is sent."""

from messaging.models import Customer
from messaging.queries import audiences

CLOSED = "closed"


def reason(purpose: str) -> audiences.Condition:
    """An expression: '' for who may be written to with this purpose, else why not: closed, opted_out, no_consent."""
    sql, values = audiences.why_not(purpose)
    return f"CASE WHEN c.state <> '{Customer.State.ACTIVE}' THEN '{CLOSED}' ELSE ({sql}) END", values
