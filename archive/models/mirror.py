"""Mirrors behind the business's own firewall, and what they signed for."""

from django.db import models

from portal.kernel import ids


class Mirror(models.Model):
    """A machine of the business that pulls sealed records and signs for them. Kept, removed or not: its receipts name it."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_name = models.BinaryField()
    vkey = models.CharField(max_length=200)  # its own Ed25519 key, as a C2SP verifier key
    drops = models.BooleanField(default=False)  # whether the portal drops its copy of what this mirror signed for
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    signed_to = models.BigIntegerField(default=0)  # it holds every entry below this
    dropped_to = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["vkey"], condition=models.Q(removed_at__isnull=True), name="a_mirrors_key_stands_once"
            )
        ]


class Receipt(models.Model):
    """A mirror's signature for a range of entries and the sealed records in it. Kept."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    mirror_id = models.UUIDField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    size = models.BigIntegerField()
    records = models.BigIntegerField()
    note = models.TextField()  # indexes, hashes and reasons, signed
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mirror_id", "first"], name="a_mirror_signs_a_range_once")]
        indexes = [models.Index(fields=["mirror_id", "last"], name="receipt_of_mirror")]
