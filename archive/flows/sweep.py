"""The archive's part of the clock's slow round, for one business. Everything here may be late and may run twice."""

from datetime import datetime

from archive.flows import approval, hold, indexkey, officer, subject, unlock


def sweep(*, now: datetime) -> None:
    """Lock what timed out; end what waits for a second person; seal away the index keys of months that are over."""
    unlock.sweep(now=now)
    officer.sweep(now=now)
    approval.sweep(now=now)
    hold.sweep(now=now)
    subject.finish(now=now)
    indexkey.seal_past(now=now)
