"""Who outside keeps the log's checkpoints."""

from django.db import models

from portal.kernel import ids


class Keeper(models.Model):
    """An address that gets the newest checkpoint by e-mail once a day. Dies when it is removed."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_address = models.BinaryField()  # under the business key
    created_at = models.DateTimeField()
    queued_on = models.DateField(null=True)  # the last day for which a job was queued
    sent_at = models.DateTimeField(null=True)
    sent_size = models.BigIntegerField(null=True)  # how many entries the checkpoint covered that went last
