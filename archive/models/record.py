"""Records: what was said, sealed so that the portal itself cannot open it again."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Batch(models.Model):
    """A batch key's envelope: the key sealed by HPKE to every archive recipient. The portal forgets the key itself
    when the batch is full or a minute old."""

    id = models.UUIDField(primary_key=True)
    envelope = models.BinaryField()
    sha256 = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()


class Record(models.Model):
    """A self-contained snapshot of one message, sealed in three layers. Dies by disposal, never by a message's end."""

    message_id = models.UUIDField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    customer_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=40)
    category = models.CharField(max_length=40, default="")
    purpose = models.CharField(max_length=16, default="service")  # its category's, as it was then
    rule = models.CharField(max_length=64, default="")  # the code of the retention rule that promised its end
    direction = models.CharField(max_length=3)
    run_id = models.UUIDField(null=True)
    sent_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True)
    archived_until = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)  # its customer was erased; the tie waits for the last hold to end
    batch_id = models.UUIDField()
    disposal_bucket = models.CharField(max_length=7)  # YYYY-MM
    sealed = models.BinaryField()  # empty once a mirror holds it and the portal dropped its copy
    mirrored_at = models.DateTimeField(null=True)
    outer_wrap = models.BinaryField()
    index_month = models.CharField(max_length=7)
    words = ArrayField(models.BigIntegerField())  # HMAC of stems under the month's index key
    blobs = ArrayField(models.UUIDField(), null=True)  # the files it came with; null: none

    class Meta:
        indexes = [
            # Disposal walks a bucket in this order, and asks whether it is empty.
            models.Index(fields=["disposal_bucket", "archived_until", "message_id"], name="record_of_bucket"),
            models.Index(fields=["batch_id"], name="record_of_batch"),  # does anybody still need this envelope?
            models.Index(fields=["message_id"], condition=models.Q(erased_at__isnull=False), name="record_of_erased"),
            models.Index(fields=["customer_id", "sent_at"], name="record_of_customer"),
            models.Index(
                fields=["sent_at", "message_id"], name="record_in_order"
            ),  # search: newest first, page by page
            models.Index(fields=["run_id"], condition=models.Q(run_id__isnull=False), name="record_of_run"),
            # does anybody still need this file?
            GinIndex(fields=["blobs"], condition=models.Q(blobs__isnull=False), name="record_of_blob"),
        ]


class IndexKey(models.Model):
    """A month's index key, sealed to the archive recipients once the month is over (then the keyring forgets it)."""

    month = models.CharField(max_length=7, primary_key=True)
    envelope = models.BinaryField(null=True)
    sealed_at = models.DateTimeField(null=True)
