from django.db import models

from portal.kernel import ids


class Recipient(models.Model):
    """A public key that every batch is sealed to: the officers' key or the offline recovery key. Kept: old batches name it."""

    class Kind(models.TextChoices):
        OFFICERS = "officers"
        RECOVERY = "recovery"

    id = models.UUIDField(primary_key=True, default=ids.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    public = models.BinaryField()
    locked_private = models.BinaryField(
        null=True
    )  # officers' only: under scrypt(passphrase) mixed with a keyring secret
    generation = models.IntegerField(default=1)
    proved_at = models.DateTimeField(null=True)  # recovery: when the downloaded key was given back once
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(retired_at__isnull=True), name="one_live_recipient_of_a_kind"
            )
        ]


class Unlock(models.Model):
    """Half of the officers' private key, for one session; the other half is in that browser's cookie. Dies at time-out."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField()
    session_digest = models.BinaryField(max_length=32, unique=True)
    half = models.BinaryField()
    recipient_id = models.UUIDField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class UnlockAttempt(models.Model):
    """A try at the passphrase, to limit them. Swept after a day."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField()
    at = models.DateTimeField()
    was_right = models.BooleanField(default=False)
