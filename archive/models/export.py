"""Exports: what left the archive, for whom, and what was missing in it."""

from django.db import models

from portal.kernel import ids


class Export(models.Model):
    """A bundle: asked for, drawn, fetched. Its file ends after a week; the row stays, to say what left and why."""

    class State(models.TextChoices):
        BUILDING = "building"
        READY = "ready"  # sealed: a file that waits to be fetched
        STREAMED = "streamed"  # open: went to its officer and nowhere else
        FAILED = "failed"
        ENDED = "ended"  # the file of a sealed one is gone

    class By(models.TextChoices):
        INDEXES = "indexes"
        TIME = "time"
        QUERY = "query"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    is_sealed = models.BooleanField(default=True)
    by = models.CharField(max_length=10, choices=By.choices)
    first = models.BigIntegerField(null=True)
    last = models.BigIntegerField(null=True)  # None: to the newest
    after = models.DateTimeField(null=True)
    before = models.DateTimeField(null=True)
    sealed_query = models.BinaryField(null=True)
    sealed_reason = models.BinaryField(null=True)
    asked_by = models.CharField(max_length=60)
    asked_at = models.DateTimeField()
    asked_index = models.BigIntegerField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    ready_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="")
    entries = models.BigIntegerField(default=0)
    records = models.BigIntegerField(default=0)
    missing = models.JSONField(default=dict)  # reason → how many
    failure = models.CharField(max_length=40, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["building", "ready", "streamed", "failed", "ended"]),
                name="an_export_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=models.Q(by__in=["indexes", "time", "query"]), name="an_export_selects_in_a_known_way"
            ),
        ]
        indexes = [
            # The clock asks what is unfinished and what is to end.
            models.Index(fields=["id"], condition=models.Q(state__in=["building", "ready"]), name="export_at_work"),
        ]
