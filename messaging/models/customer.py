from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from portal.kernel import ids


class Customer(models.Model):
    """A person the business writes to. The profile (reference, name, phone, e-mail, tags, fields) is sealed under the business
    key; the hashes find it, `marks` are those of its tags and fields. `agreed` and `refused` are what the consents add up to.
    Erasure empties the profile and cuts `subject_id`, the only tie between a person and the ledger."""

    class State(models.TextChoices):
        ACTIVE = "active"
        CLOSED = "closed"
        ERASED = "erased"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    subject_id = models.UUIDField(default=ids.uuid4, unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    sealed_profile = models.BinaryField()
    reference_hash = models.BinaryField(max_length=16, null=True, unique=True)
    phone_hash = models.BinaryField(max_length=16, null=True, db_index=True)
    email_hash = models.BinaryField(max_length=16, null=True, db_index=True)
    marks = ArrayField(models.BigIntegerField(), default=list)
    agreed = ArrayField(models.CharField(max_length=40), default=list)
    refused = ArrayField(models.CharField(max_length=40), default=list)
    language = models.CharField(max_length=12, default="en")
    time_zone = models.CharField(max_length=60, default="")
    # By which a notice goes to them, in their own order; "": the business's. COPY leaves it out.
    ways = models.CharField(max_length=30, default="", db_default="")
    is_discreet = models.BooleanField(default=False, db_default=False)  # notices do not name the business
    passphrase_digest = models.BinaryField(max_length=32, null=True)  # keyed: what was agreed on for an enrolment
    contact_changed_at = models.DateTimeField(null=True)
    # What the customer asked of the business: to be erased; "": asked and not answered, or never asked. COPY leaves it out.
    erasure_asked_at = models.DateTimeField(null=True)
    erasure_answered_at = models.DateTimeField(null=True)
    erasure_answer = models.CharField(max_length=12, default="", db_default="")  # why not: a code
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)  # closed or erased: some retention rules count from here

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "closed", "erased"]), name="a_customer_is_in_a_known_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="erased")
                | models.Q(reference_hash__isnull=True, phone_hash__isnull=True, email_hash__isnull=True),
                name="an_erased_customer_cannot_be_found_by_contact",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="erased") | models.Q(marks=[], agreed=[], refused=[]),
                name="an_erased_customer_is_in_no_audience",
            ),
            models.CheckConstraint(
                condition=models.Q(erasure_answered_at__isnull=True) | models.Q(erasure_asked_at__isnull=False),
                name="an_erasure_is_asked_before_it_is_answered",
            ),
        ]
        indexes = [
            GinIndex(fields=["marks"], name="customer_by_mark"),  # read by queries.audiences
            models.Index(fields=["state"], name="customer_by_state"),  # read where all are counted
            # read by the list of customers: who asked to be erased and has no answer
            models.Index(
                fields=["erasure_asked_at"],
                condition=models.Q(erasure_asked_at__isnull=False, erasure_answered_at__isnull=True),
                name="customer_asks_erasure",
            ),
        ]

    @property
    def asks_erasure(self) -> bool:
        """Asked, and nobody has answered yet."""
        return self.erasure_asked_at is not None and self.erasure_answered_at is None


class Consent(models.Model):
    """What a customer agreed to or took back: a row an event, never changed. What is taken back may name `all` purposes or
    channels. Dies with the customer."""

    class Purpose(models.TextChoices):
        SERVICE = "service"
        MARKETING = "marketing"
        ALL = "all"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    channel = models.CharField(max_length=16)
    sealed_words = models.BinaryField()  # source and wording, under the business key
    is_given = models.BooleanField(default=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(purpose__in=["service", "marketing", "all"]), name="a_consent_has_a_known_purpose"
            )
        ]


class Audience(models.Model):
    """A saved filter of customers; its members are found anew at each look. Dies when staff delete it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed = models.BinaryField()  # name and filter, under the business key
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()


class Relation(models.TextChoices):
    """What a customer is to whoever holds the device."""

    SELF = "self"
    CHILD = "child"
    CARE = "care"


class Enrolment(models.Model):
    """A one-time way in: a link (7 days) or a code (15 minutes). Only the hash of its secret is kept. Dies a month after use."""

    class Kind(models.TextChoices):
        LINK = "link"
        CODE = "code"

    class SendBy(models.TextChoices):
        EMAIL = "email"
        SMS = "sms"
        SHOW = "show"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="enrolments")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    send_by = models.CharField(max_length=8, choices=SendBy.choices)
    is_recovery = models.BooleanField(default=False)
    relation = models.CharField(max_length=8, choices=Relation.choices, default=Relation.SELF)
    grant_until = models.DateTimeField(null=True)  # what comes in by it serves the customer until then
    issued_by = models.CharField(max_length=60, default="")
    factor_tries = models.PositiveSmallIntegerField(default=0)  # wrong answers to what was asked beside the link
    secret_hash = models.BinaryField(max_length=32, unique=True)
    sealed_secret = models.BinaryField(null=True)  # for the job that sends it; emptied when it was sent
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)
    device_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(kind="code", used_at__isnull=True, cancelled_at__isnull=True),
                name="a_customer_has_one_open_code",
            )
        ]


class FactorCode(models.Model):
    """A code that was sent by another channel than its link. Dies with the enrolment; the code is emptied once sent."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="codes")
    digest = models.BinaryField(max_length=32)
    sealed_code = models.BinaryField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
