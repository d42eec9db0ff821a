"""The account: by day of composition, what was composed and what became of it (I3, I5)."""

from django.db import models


class AccountDay(models.Model):
    """One day (UTC) as it was last reckoned. Numbers only; kept, so that a later change of a day's messages shows."""

    day = models.DateField(primary_key=True)
    composed = models.IntegerField(default=0)
    pending = models.IntegerField(default=0)
    delivered = models.IntegerField(default=0)
    expired_unread = models.IntegerField(default=0)
    recalled = models.IntegerField(default=0)
    suppressed = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    received = models.IntegerField(default=0)
    sent = models.IntegerField(default=0)  # and received: what must be in the archive
    archived = models.IntegerField(default=0)
    overdue = models.IntegerField(default=0)  # over, and without an outcome
    orphaned = models.IntegerField(default=0)  # in the ledger, and not here: by the day of the entry
    changed = models.IntegerField(default=0)  # how much a day that was settled has changed since
    reckoned_at = models.DateTimeField()
    entered_at = models.DateTimeField(null=True)  # when its `reconciled` was written
    entries_upto = models.BigIntegerField(null=True)  # the ledger was compared with the messages up to here

    class Meta:
        indexes = [
            # read by flows.account: days that are not settled
            models.Index(
                fields=["day"],
                condition=models.Q(pending__gt=0) | models.Q(overdue__gt=0) | ~models.Q(sent=models.F("archived")),
                name="account_open",
            )
        ]
