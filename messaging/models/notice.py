"""What leaves the house to say that there is a message, and what became of it. Codes only."""

from django.db import models
from django_cryptography.fields import encrypt

from portal.kernel import ids


class Notice(models.Model):
    """One saying by one channel of what `about_id` names: a message, an enrolment, a device. Its id is the key by which a
    provider knows a repeat. Holds no address and no word; swept after 90 days."""

    class Purpose(models.TextChoices):
        ARRIVED = "arrived"  # about a message
        REMINDER = "reminder"  # about a message that ends unread
        INVITE = "invite"  # about an enrolment that staff asked for
        RECOVER = "recover"  # about an enrolment that the customer asked for
        CODE = "code"  # about a code that is asked for beside a link
        DEVICE = "device"  # about a device that reads this customer's messages from now on
        LOST = "lost"  # about a link that ends lost devices
        ENDED = "ended"  # a device of the customer was ended from afar by what only the customer should have

    class Channel(models.TextChoices):
        PUSH = "push"
        EMAIL = "email"
        SMS = "sms"
        NONE = "none"  # there was no way: the row says why

    class State(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"  # claimed; past its lease nobody knows whether it left
        SENT = "sent"  # the provider took it
        DELIVERED = "delivered"  # the provider says that it arrived
        AMBIGUOUS = "ambiguous"  # the bytes left and no answer came
        FAILED = "failed"
        WITHDRAWN = "withdrawn"  # not needed any more, or too late

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    customer_id = models.UUIDField()
    about_id = models.UUIDField()
    enrolment_id = models.UUIDField(null=True)  # the one-time link that it carries
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    channel = models.CharField(max_length=8, choices=Channel.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=24, default="")
    reference = models.CharField(max_length=80, default="")  # the provider's own id of it
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    until = models.DateTimeField()  # after this it would say something that is over
    due_at = models.DateTimeField(null=True)  # next try, or the end of a lease; null: no more tries
    tried_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)  # the link that ends lost devices was used

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["about_id", "customer_id", "purpose", "channel"],
                name="a_purpose_is_told_once_by_a_channel",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    purpose__in=["arrived", "reminder", "invite", "recover", "code", "device", "lost", "ended"]
                ),
                name="a_notice_has_a_known_purpose",
            ),
            models.CheckConstraint(
                condition=models.Q(channel__in=["push", "email", "sms", "none"]), name="a_notice_has_a_known_channel"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["waiting", "sending", "sent", "delivered", "ambiguous", "failed", "withdrawn"]
                ),
                name="a_notice_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["waiting", "sending"]) | models.Q(due_at__isnull=False),
                name="a_notice_that_waits_is_due",
            ),
        ]
        indexes = [
            # read by flows.notice: what is due by a channel
            models.Index(fields=["channel", "due_at"], condition=models.Q(due_at__isnull=False), name="notice_due"),
            # read by the lists of what was told to a customer
            models.Index(fields=["customer_id", "-id"], name="notice_of_customer"),
            # read by the doors of providers
            models.Index(fields=["reference"], condition=~models.Q(reference=""), name="notice_by_reference"),
            models.Index(fields=["created_at"], name="notice_by_age"),
        ]


class Channel(models.Model):
    """What a provider knows this business by, and whether it works. The secret is an encrypted field; dies with the setting."""

    kind = models.CharField(max_length=8, primary_key=True, choices=Notice.Channel.choices)
    is_on = models.BooleanField(default=True)
    account = models.CharField(max_length=120, default="")
    sender = models.CharField(max_length=40, default="")
    secret = encrypt(models.CharField(max_length=500, default=""))
    hook_secret = encrypt(models.CharField(max_length=80, default=""))  # signs what the provider tells us
    changed_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True)
    failing_why = models.CharField(max_length=24, default="")


class FollowUp(models.Model):
    """What staff did about a message that reached nobody. Kept, as the message's row is; words are in the sealed entry only."""

    class By(models.TextChoices):
        PHONE = "phone"
        LETTER = "letter"
        IN_PERSON = "in_person"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    message_id = models.UUIDField(db_index=True)
    by = models.CharField(max_length=10, choices=By.choices)
    author = models.CharField(max_length=60)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(by__in=["phone", "letter", "in_person"]), name="a_follow_up_went_a_known_way"
            )
        ]
