"""The archive's part of the clock's slow round, for one business. Everything here may be late and may run twice."""

from datetime import datetime

from archive.flows import indexkey, unlock


def sweep(*, now: datetime) -> None:
    """Lock what timed out; seal away the index keys of months that are over."""
    unlock.sweep(now=now)
    indexkey.seal_past(now=now)
