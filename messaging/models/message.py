"""A message's metadata and its body stand apart: the body dies, the metadata tells what became of it (I3)."""

from datetime import datetime

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from portal.kernel import ids


class Messages(models.QuerySet["Message"]):
    def live(self, now: datetime) -> "Messages":
        """Sent, not ended early, not yet gone. The one meaning of *live* (I1)."""
        ends_later = models.Q(gone_at__gt=now) | models.Q(gone_at__isnull=True)  # a customer's words: no end while open
        return self.filter(ends_later, sent_at__isnull=False, ended_at__isnull=True)

    def ending(self, now: datetime) -> "Messages":
        """Live, and with an end: found by the index of ends alone, however many have ended before."""
        return self.filter(gone_at__gt=now, sent_at__isnull=False, ended_at__isnull=True)

    def unended(self, now: datetime) -> "Messages":
        """Live or still to be sent."""
        return self.filter(models.Q(gone_at__gt=now) | models.Q(gone_at__isnull=True), ended_at__isnull=True)

    def due(self, now: datetime) -> "Messages":
        return self.filter(sent_at__isnull=True, ended_at__isnull=True, send_at__lte=now)

    def undecided(self) -> "Messages":
        return self.filter(outcome="")


class Message(models.Model):
    """One message to or from one customer, without its words. Its state follows from its times and `now`.

    Kept as the account of what was sent and what became of it; holds no content."""

    class Direction(models.TextChoices):
        OUT = "out"  # the business to the customer
        IN = "in"  # the customer to the business

    class Outcome(models.TextChoices):
        PENDING = ""
        DELIVERED = "delivered"
        EXPIRED_UNREAD = "expired_unread"
        RECALLED = "recalled"
        SUPPRESSED = "suppressed"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    customer_id = models.UUIDField()
    conversation_id = models.UUIDField(null=True)
    direction = models.CharField(max_length=3, choices=Direction.choices, default=Direction.OUT)
    author = models.CharField(max_length=60)  # actor label: staff:…, key:…, device:…
    category = models.CharField(max_length=40, default="")
    in_reply_to = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)  # the run of a campaign that sent it
    format = models.CharField(max_length=10, default="text")
    tap_to_reveal = models.BooleanField(default=False)
    gone_after = models.PositiveIntegerField(null=True)  # seconds from sending
    gone_after_read = models.PositiveIntegerField(null=True)
    was_extended = models.BooleanField(default=False)
    composed_at = models.DateTimeField()
    send_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    revealed_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    notify_at = models.DateTimeField(null=True)  # when a content-free notice goes out if nobody received it by then
    ended_at = models.DateTimeField(null=True)  # an early end: recalled, read timer, erased, failed
    ended_reason = models.CharField(max_length=20, default="")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default="", blank=True)
    outcome_at = models.DateTimeField(null=True)
    archived_until = models.DateTimeField(null=True)
    rule = models.CharField(max_length=60, default="")

    objects = Messages.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(gone_at__isnull=True) | models.Q(gone_at__gt=models.F("composed_at")),
                name="a_message_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["", "delivered", "expired_unread", "recalled", "suppressed", "failed"]),
                name="a_message_has_a_known_outcome",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="", outcome_at__isnull=True)
                | (~models.Q(outcome="") & models.Q(outcome_at__isnull=False)),
                name="an_outcome_has_its_time",
            ),
            # I4: one run of a campaign reaches one customer once, whatever dies in between.
            models.UniqueConstraint(
                fields=["run_id", "customer_id"],
                condition=models.Q(run_id__isnull=False),
                name="a_run_writes_to_a_customer_once",
            ),
        ]
        indexes = [
            models.Index(fields=["customer_id", "-id"], name="message_of_customer"),
            # read by queries.account: the messages of a day; costs a sending next to nothing
            BrinIndex(fields=["composed_at"], pages_per_range=32, autosummarize=True, name="message_by_composition"),
            # read by flows.expiry and the hub: what ended a moment ago
            models.Index(fields=["gone_at"], condition=models.Q(gone_at__isnull=False), name="message_by_end"),
            # read by queries.unreached
            models.Index(
                fields=["-id"],
                condition=models.Q(outcome__in=["expired_unread", "failed", "suppressed"]),
                name="message_unreached",
            ),
            # read by flows.lookout: whom it is time to tell
            models.Index(fields=["notify_at"], condition=models.Q(notify_at__isnull=False), name="message_to_notify"),
            # read by flows.schedule: what is due
            models.Index(
                fields=["send_at"],
                condition=models.Q(sent_at__isnull=True, ended_at__isnull=True),
                name="message_due",
            ),
        ]


class Bodies(models.QuerySet["Body"]):
    def unended(self, now: datetime) -> "Bodies":
        """What may be opened. Of a message that was scheduled and slept through only this says that its end has come."""
        return self.filter(models.Q(gone_at__gt=now) | models.Q(gone_at__isnull=True))


class Body(models.Model):
    """The only live words of a message: sealed under its own key, which the wheel wraps. Deleted at the end; unreadable
    before that, once the bucket's key is destroyed."""

    message_id = models.UUIDField(primary_key=True)
    bucket = models.BigIntegerField()
    gone_at = models.DateTimeField(null=True)  # null: a customer's words in an open conversation
    wrap = models.BinaryField()
    sealed = models.BinaryField()

    objects = Bodies.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["gone_at"], name="body_by_end"),
            # read by flows.expiry.carry_forward: what has no end yet and must move to a later bucket
            models.Index(fields=["bucket"], condition=models.Q(gone_at__isnull=True), name="body_without_end"),
        ]


class Idempotency(models.Model):
    """An answer that may be asked for again: sealed for its 24 hours, its request known by a keyed hash only."""

    digest = models.BinaryField(max_length=32, primary_key=True)  # HMAC(business key, actor | method | path | key)
    body_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    sealed_answer = models.BinaryField(null=True)
    expires_at = models.DateTimeField(db_index=True)
