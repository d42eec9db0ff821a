from django.db import models

from messaging.models.customer import Customer
from portal.kernel import ids


class Policy(models.Model):
    """The business's own limits: one row. Lifetimes in seconds."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    gone_after = models.PositiveIntegerField(default=7 * 86400)
    maximum_gone_after = models.PositiveIntegerField(default=366 * 86400)
    replies_live_days = models.PositiveSmallIntegerField(default=30)
    time_zone = models.CharField(max_length=60, default="UTC")
    accent = models.CharField(max_length=7, default="")
    undo_for = models.PositiveSmallIntegerField(default=10)  # seconds in which a campaign can be taken back unsent
    second_person_from = models.PositiveIntegerField(null=True)  # recipients of a campaign; null: never
    missed = models.CharField(
        max_length=4, default="send"
    )  # what becomes of a campaign whose time passed: send, skip, ask
    missed_after = models.PositiveIntegerField(default=600)  # seconds
    second_factor = models.CharField(max_length=10, default="", blank=True)  # of an enrolment: none, passphrase, code
    app_lock = models.CharField(max_length=8, default="offered")  # or required
    app_lock_after = models.PositiveSmallIntegerField(default=300)  # seconds of rest
    idle_days = models.PositiveSmallIntegerField(default=90)  # a device unseen for so long ends; 0: never
    ends_an_hour = models.PositiveSmallIntegerField(
        default=10
    )  # devices that staff end before a second person is asked
    tells_holds = models.BooleanField(default=False)  # may a customer see that a hold keeps copies longer
    # the front desk, see rules/frontdesk.py
    opening = models.CharField(max_length=90, default="")
    emergency_number = models.CharField(max_length=20, default="")
    answers = models.BooleanField(default=False)
    sealed_answer = models.BinaryField(default=b"")  # the automatic answer's own text, under the business key
    lets_extend = models.BooleanField(default=True)
    watermark = models.BooleanField(default=False)
    # notices: minutes after midnight in the recipient's zone, and seconds
    quiet_from = models.PositiveSmallIntegerField(null=True)
    quiet_until = models.PositiveSmallIntegerField(null=True)
    ways = models.CharField(max_length=30, default="push,email,sms")
    sender_name = models.CharField(max_length=40, default="")
    fall_back_after = models.PositiveIntegerField(null=True)
    remind_before = models.PositiveIntegerField(null=True, default=6 * 3600)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="a_business_has_one_policy"),
            models.CheckConstraint(
                condition=models.Q(second_factor__in=["", "passphrase", "code"]),
                name="a_policy_asks_for_a_known_factor",
            ),
            models.CheckConstraint(
                condition=models.Q(app_lock__in=["offered", "required"]), name="a_policy_offers_or_requires_an_app_lock"
            ),
            models.CheckConstraint(
                condition=models.Q(missed__in=["send", "skip", "ask"]), name="a_policy_says_what_when_it_is_late"
            ),
        ]


class Category(models.Model):
    """A kind of message with its purpose and usual life. Kept while messages name it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    purpose = models.CharField(max_length=16, default="service")
    gone_after = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField()


class Conversation(models.Model):
    """What one customer and the business write to each other until it is closed; the customer's bodies outlive the close by
    the policy's days, for staff."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="conversations")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    assignee_id = models.UUIDField(null=True)
    opened_at = models.DateTimeField()
    waiting_since = models.DateTimeField(null=True)  # the oldest words of the customer that nobody answered
    door_answered_at = models.DateTimeField(null=True)  # when a closed door last gave its automatic answer
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=models.Q(state="open"), name="a_customer_has_one_open_conversation"
            )
        ]
        indexes = [models.Index(fields=["state", "waiting_since"], name="conversation_queue")]
