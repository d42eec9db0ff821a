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


class OfficerKey(models.Model):
    """An officer's own key pair: its private half under their passphrase, mixed with a keyring secret. Dies when they leave.

    While `ends_at` is set it is a hand-over: locked under a one-time code instead, and no key yet. Without a `staff_id` it
    is the one of the birth, and belongs to the first officer who knows its passphrase.
    """

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField(null=True, unique=True)
    public = models.BinaryField()
    locked_private = models.BinaryField()
    given_by = models.CharField(max_length=60)
    given_at = models.DateTimeField()
    changed_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)


class OfficerShare(models.Model):
    """The officers' private key of one generation, sealed to one holder: an officer's own key, or the recovery key. Dies with
    the officer's key."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    holder_id = models.UUIDField()  # of an OfficerKey, or of the recovery recipient
    recipient_id = models.UUIDField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holder_id", "recipient_id"], name="a_holder_has_a_key_of_a_generation_once"
            )
        ]


class Unlock(models.Model):
    """Half of an officer's own private key, for one session; the other half is in that browser's cookie. Dies at time-out."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField()
    session_digest = models.BinaryField(max_length=32, unique=True)
    half = models.BinaryField()
    officer_id = models.UUIDField()
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()


class UnlockAttempt(models.Model):
    """A try at the passphrase, to limit them. Swept after a day."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    staff_id = models.UUIDField()
    at = models.DateTimeField()
    was_right = models.BooleanField(default=False)
