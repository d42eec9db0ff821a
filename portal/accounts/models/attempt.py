from django.db import models


class Attempt(models.Model):
    """How often somebody tried to sign in, at one person or from one address of the network: a keyed hash and a count.
    Dies with its window."""

    digest = models.BinaryField(max_length=16, primary_key=True)
    started_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=1)
