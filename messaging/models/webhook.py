"""What a business's own programs are told of, and what became of each telling. Ids, states and codes only."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_cryptography.fields import encrypt

from portal.kernel import ids


class Webhook(models.Model):
    """An address of the business's that is told of events. Address and secrets are encrypted fields; dies when it is deleted."""

    class Off(models.TextChoices):
        STAFF = "staff"  # switched off by hand
        GONE = "gone"  # the address said that it is gone for good
        FAILING = "failing"  # nothing arrived there for days

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    url = encrypt(models.CharField(max_length=500))  # people put tokens into them
    events = ArrayField(models.CharField(max_length=40))
    secret = encrypt(models.CharField(max_length=80))
    old_secret = encrypt(models.CharField(max_length=80, default=""))  # signs, too, until `old_until`
    old_until = models.DateTimeField(null=True)
    off = models.CharField(max_length=8, choices=Off.choices, default="")  # why it is off; "": it is on
    failing_since = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(null=True)  # the clock asked the workers to look at it
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=60)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(off__in=["", "staff", "gone", "failing"]),
                name="a_webhook_is_on_or_off_for_a_known_reason",
            )
        ]


class Delivery(models.Model):
    """One event on its way to one webhook. Its id is the `webhook-id` by which the receiver knows a repeat. Swept after 30 days."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"  # claimed; past its lease it is sent again, under the same id
        DELIVERED = "delivered"
        FAILED = "failed"  # no more tries
        WITHDRAWN = "withdrawn"  # its webhook was switched off or given up

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    webhook_id = models.UUIDField()
    event = models.CharField(max_length=40)
    data = models.JSONField()  # ids, states and counts
    created_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True)  # next try, or the end of a lease; null: no more tries
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)  # what the receiver last answered
    why = models.CharField(max_length=24, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "sending", "delivered", "failed", "withdrawn"]),
                name="a_delivery_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "sending"], due_at__isnull=False)
                | models.Q(state__in=["delivered", "failed", "withdrawn"], due_at__isnull=True),
                name="a_delivery_that_waits_is_due",
            ),
        ]
        indexes = [
            # read by flows.delivery: what is due at a webhook
            models.Index(
                fields=["webhook_id", "due_at"], condition=models.Q(due_at__isnull=False), name="delivery_due"
            ),
            # read by the log of a webhook
            models.Index(fields=["webhook_id", "-id"], name="delivery_of_webhook"),
            models.Index(fields=["created_at"], name="delivery_by_age"),
        ]
