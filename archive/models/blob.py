from django.db import models

from portal.kernel import ids


class Blob(models.Model):
    """A file: sealed once, under a key of its own that stands only inside what was sealed with it (messages, records, the text
    of a campaign). Until it is used, the key and the name stand in the live wheel, in a bucket minutes ahead, carried forward
    for a day. Dies with the last record that names it, once nothing holds it any more; or when mirrors hold every such record."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    type = models.CharField(max_length=40)
    size = models.PositiveIntegerField()  # bytes of the file, not of its seal
    sealed = models.BinaryField()
    sha256 = models.BinaryField(max_length=32)  # of `sealed`; what leaves of its records commit to
    author = models.CharField(max_length=60)
    created_at = models.DateTimeField()
    held_until = models.DateTimeField()  # unused: when it dies; used: until when somebody may still send it
    bucket = models.BigIntegerField(null=True)
    wrap = models.BinaryField(null=True)
    entry = models.BinaryField(null=True)  # name, key, size, digests: what becomes a part of the message
    look_at = models.DateTimeField(
        null=True
    )  # when to ask again whether mirrors hold all that name it; null: none does

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(bucket__isnull=True, wrap__isnull=True, entry__isnull=True)
                | models.Q(bucket__isnull=False, wrap__isnull=False, entry__isnull=False),
                name="a_file_is_waiting_or_used",
            )
        ]
        indexes = [
            # read by flows.blob: what waits, and must be carried to a later bucket
            models.Index(fields=["bucket"], condition=models.Q(bucket__isnull=False), name="blob_waiting"),
            models.Index(fields=["held_until"], name="blob_held"),  # read by the sweep
            # read by flows.mirror: what it may be able to drop
            models.Index(fields=["look_at"], condition=models.Q(look_at__isnull=False), name="blob_mirrored"),
        ]
