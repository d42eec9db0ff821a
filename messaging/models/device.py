from typing import ClassVar

from django.db import models

from messaging.models.customer import Customer, Relation
from portal.kernel import ids


class Device(models.Model):
    """A browser that was enrolled: its public key and nothing it could read. Kept, revoked, after its end: entries name it."""

    class State(models.TextChoices):
        ACTIVE = "active"
        LOCKED = "locked"
        WIPING = "wiping"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    public_key = models.BinaryField()  # P-256, uncompressed point (65 bytes)
    sealed_name = models.BinaryField()
    cookie_hash = models.BinaryField(max_length=32, unique=True)
    revoked_reason = models.CharField(max_length=20, default="")
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)
    sealed_place = models.BinaryField(null=True)  # where it was used last, coarsely
    ends_at = models.DateTimeField(null=True)  # of a device that is not its customer's own: it ends by itself
    revoked_at = models.DateTimeField(null=True)
    # Where its browser is pushed to, while the customer wants that. Gone with its key, and when its service knows it no more.
    sealed_push = models.BinaryField(null=True)  # address and keys
    push_hash = models.BinaryField(
        max_length=16, null=True, unique=True
    )  # keyed: a browser that enrols anew is told once
    push_for = models.CharField(
        max_length=16, default=""
    )  # which key of the installation it takes pushes from, and no other
    push_since = models.DateTimeField(null=True)

    NO_PUSH: ClassVar[dict[str, object]] = {"sealed_push": None, "push_hash": None, "push_for": "", "push_since": None}

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "locked", "wiping", "revoked"]),
                name="a_device_is_in_a_known_state",
            )
        ]
        indexes = [  # read by the sweep
            models.Index(fields=["ends_at"], condition=models.Q(ends_at__isnull=False), name="device_that_ends")
        ]


class DeviceCustomer(models.Model):
    """Whom a device serves: oneself, a child, a person in care. Dies with the grant."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="serves")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="devices")
    relation = models.CharField(max_length=8, choices=Relation.choices, default=Relation.SELF)
    granted_by = models.CharField(max_length=60)
    granted_at = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["device", "customer"], name="a_device_serves_a_customer_once"),
            models.CheckConstraint(
                condition=models.Q(relation__in=["self", "child", "care"]), name="a_grant_has_a_known_relation"
            ),
        ]
        indexes = [  # read by the sweep
            models.Index(fields=["until"], condition=models.Q(until__isnull=False), name="grant_that_ends")
        ]


class Wipe(models.Model):
    """A wipe and its evidence: (held →) requested → sent → acknowledged (signed by the device key) or dark. Kept."""

    class State(models.TextChoices):
        HELD = "held"  # for a second person; the device is locked meanwhile
        REQUESTED = "requested"
        SENT = "sent"
        ACKNOWLEDGED = "acknowledged"
        DARK = "dark"
        REFUSED = "refused"

    ORDERED = (State.REQUESTED, State.SENT)
    OPEN = (State.HELD, *ORDERED)

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="wipes")
    state = models.CharField(max_length=16, choices=State.choices, default=State.REQUESTED)
    requested_by = models.CharField(max_length=60)
    requested_at = models.DateTimeField()
    ordered_at = models.DateTimeField(null=True)  # from here on the device waits for nobody's consent
    sent_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    dark_at = models.DateTimeField(null=True)
    signature = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(state__in=["held", "requested", "sent"]),
                name="a_device_has_one_open_wipe",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["held", "requested", "sent", "acknowledged", "dark", "refused"]),
                name="a_wipe_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["held", "refused"]) | models.Q(ordered_at__isnull=False),
                name="an_ordered_wipe_knows_since_when",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="acknowledged") | models.Q(signature__isnull=False),
                name="an_acknowledged_wipe_is_signed",
            ),
        ]


class Nonce(models.Model):
    """A single-use nonce of a device's HTTP proofs, for 60 seconds. Deleted when used; the clock sweeps the rest."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    device_id = models.UUIDField()
    secret_hash = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField(db_index=True)


class Attempt(models.Model):
    """A count of guesses from one source in one window of time: a row, not a cache, so that parallel calls cannot slip by.
    Swept by the clock after `expires_at`."""

    digest = models.BinaryField(max_length=32, primary_key=True)  # hash of business, use, source and window
    count = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)
