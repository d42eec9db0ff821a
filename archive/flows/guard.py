"""The one lock between keeping and destroying (I8).

Placing a hold, a retroactive rule, erasing a customer and each slice of a disposal take it first, before any other row
and long before the head of the ledger; it is held until COMMIT. Whoever gets it reads, in the next statement, everything
that whoever held it before has committed: a slice sees each hold that was placed before it, and a hold that waits for a
slice is evaluated against what is left. Nobody waits longer than one slice.

The row is never updated, and a business without it can dispose of nothing.
"""

from django.db import connection

from portal.kernel.errors import Kind, Refusal

LOCK = "SELECT id FROM archive_disposalguard WHERE id = 1 FOR UPDATE"


def lock() -> None:
    """Hold the guard until COMMIT. Runs in the caller's unit; taken again in the same one it costs nothing."""
    if not connection.in_atomic_block:
        raise RuntimeError("the guard lasts as long as a transaction, and there is none")
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
        if cursor.fetchone() is None:
            raise Refusal("no_archive", "The archive is not there, so nothing can be written.", Kind.UNAVAILABLE)
