"""Mirrors behind the business's own firewall."""

from django.db import models

from portal.kernel import ids


class Mirror(models.Model):
    """A machine of the business that pulls sealed records and signs for them. Its receipts stand in the ledger: the text
    is the sealed detail of `mirror.signed`. Kept, removed or not."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_name = models.BinaryField()
    vkey = models.CharField(max_length=200)  # its own Ed25519 key, as a C2SP verifier key
    drops = models.BooleanField(default=False)  # whether the portal drops its copy of what this mirror signed for
    added_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    signed_to = models.BigIntegerField(default=0)  # it holds every entry below this
    dropped_to = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    last_sha256 = models.CharField(max_length=64, default="")  # of its last receipt
    waiting = models.JSONField(default=list)  # signed for and still to be dropped: [[last index, [missing indexes]], …]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["vkey"], condition=models.Q(removed_at__isnull=True), name="a_mirrors_key_stands_once"
            )
        ]
