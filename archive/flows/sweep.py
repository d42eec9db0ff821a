"""The archive's part of the clock's slow round, for one business. Everything here may be late and may run twice."""

from datetime import datetime

from archive.flows import (
    approval,
    asked,
    blob,
    bucket,
    certificate,
    collecting,
    disposal,
    export,
    hold,
    indexkey,
    keeper,
    mirror,
    officer,
    ruleapply,
    subject,
    supervision,
    unlock,
    viewing,
)


def sweep(*, now: datetime) -> None:
    """Lock what timed out; end what waits for a second person; seal away the index keys of months that are over; last, what
    destroys: the day's disposal, buckets that are empty, keys that a backup is past."""
    unlock.sweep(now=now)
    officer.sweep(now=now)
    approval.sweep(now=now)
    viewing.sweep(now=now)
    collecting.sweep(now=now)
    supervision.sweep(now=now)  # before the keys that it compares words with are sealed away
    indexkey.seal_past(now=now)
    hold.sweep(now=now)
    ruleapply.apply_due(now=now)
    subject.finish(now=now)
    disposal.sweep(now=now)
    bucket.sweep(now=now)
    certificate.sweep(now=now)
    export.sweep(now=now)
    mirror.sweep(now=now)
    asked.sweep(now=now)
    keeper.sweep(now=now)
    blob.sweep(now=now)
