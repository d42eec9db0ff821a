from django.db import models

from messaging.models.device import Device


class AppLock(models.Model):
    """What opens a device's page after a rest: a PIN or a passkey. Dies with the device's key, or when it is taken off."""

    class Kind(models.TextChoices):
        PIN = "pin"
        PASSKEY = "passkey"

    device = models.OneToOneField(Device, primary_key=True, on_delete=models.CASCADE, related_name="applock")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    secret = models.BinaryField()  # of a PIN a keyed hash, of a passkey its public key (SubjectPublicKeyInfo)
    credential = models.BinaryField(default=b"")  # the passkey's id
    uses = models.BigIntegerField(default=0)  # the passkey's own counter: one that goes back is a copy
    tries = models.PositiveSmallIntegerField(default=0)  # wrong PINs since the last right one
    set_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["pin", "passkey"]), name="an_app_lock_is_of_a_known_kind"
            )
        ]


class Pass(models.Model):
    """An opened page: its secret is in that page's memory and nowhere else. Dies when the page rests, and with its device's key."""

    secret_hash = models.BinaryField(max_length=32, primary_key=True)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="passes")
    used_at = models.DateTimeField(db_index=True)  # the last act of a person
