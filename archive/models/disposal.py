"""Disposal: the months whose keys die, the runs that empty them, what waits for a person's word, and what is left to show."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.kernel import ids


class Bucket(models.Model):
    """A month in which retention ends, and what became of its key. Kept: the key is not."""

    class State(models.TextChoices):
        OPEN = "open"
        DECIDING = "deciding"  # over, and being emptied
        DECIDED = "decided"  # empty; its key waits for a backup past `decided_index`
        DESTROYED = "destroyed"

    month = models.CharField(max_length=7, primary_key=True)  # YYYY-MM
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    disposed = models.BigIntegerField(default=0)
    disposed_bytes = models.BigIntegerField(default=0)
    moved = models.BigIntegerField(default=0)
    rules = models.JSONField(default=dict)  # code of the rule that decided → how many
    decided_at = models.DateTimeField(null=True)
    decided_index = models.BigIntegerField(null=True)
    destroyed_at = models.DateTimeField(null=True)
    destroyed_index = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "deciding", "decided", "destroyed"]),
                name="a_bucket_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["open", "deciding"]) | models.Q(decided_index__isnull=False),
                name="a_decided_bucket_names_its_entry",
            ),
        ]


class DisposalRun(models.Model):
    """One walk over everything whose end has passed, in slices. Its place is committed with each slice. Kept."""

    class State(models.TextChoices):
        PLANNING = "planning"  # it counts what would go before it takes anything
        RUNNING = "running"
        WAITING = "waiting"  # it would have passed its ceiling: a second person decides
        FINISHED = "finished"
        STOPPED = "stopped"

    UNDERWAY = (State.PLANNING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNING)
    stopped_by = models.CharField(max_length=60, default="")  # ceiling, or an actor
    asked_by = models.CharField(max_length=60)
    allowed = models.BigIntegerField(default=0)  # it never disposes of more
    due = models.BigIntegerField(default=0)
    seen = models.BigIntegerField(default=0)
    disposed = models.BigIntegerField(default=0)
    disposed_bytes = models.BigIntegerField(default=0)
    moved = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    waiting = models.BigIntegerField(default=0)
    stuck = models.BigIntegerField(default=0)
    bucket = models.CharField(max_length=7, default="")
    after_until = models.DateTimeField(null=True)
    after_message = models.UUIDField(null=True)
    in_unknown = models.BooleanField(default=False)  # the part of a bucket whose ends nobody knows
    approval_id = models.UUIDField(null=True)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["planning", "running", "waiting", "finished", "stopped"]),
                name="a_run_is_in_a_known_state",
            ),
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=["planning", "running"]),
                name="one_disposal_runs_at_a_time",
            ),
        ]


class Disposed(models.Model):
    """That a record was disposed of, when, and by which entry: the ids of one entry hash to what its leaf says. Kept."""

    message_id = models.UUIDField(primary_key=True)
    entry_id = models.UUIDField()  # of archive.disposed
    at = models.DateTimeField()


class Review(models.Model):
    """A record whose end has passed and whose rule wants people to look first. Goes with the record, or when it is kept longer."""

    message_id = models.UUIDField(primary_key=True)
    rule = models.CharField(max_length=64)
    month = models.CharField(max_length=7)
    since = models.DateTimeField()
    approved_by = ArrayField(models.UUIDField(), default=list)  # one person a stage
    is_approved = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["rule", "month", "message_id"], name="review_of_group")]


class Certificate(models.Model):
    """What a destroyed bucket leaves: a statement signed with the log's key. Kept."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    month = models.CharField(max_length=7, unique=True)
    note = models.TextField()  # canonical JSON as a C2SP signed note: codes, numbers and names of stores
    issued_at = models.DateTimeField()


class DisposalPolicy(models.Model):
    """What one run may dispose of without asking, and how many people review. One row; none means the defaults."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    ceiling_percent = models.PositiveSmallIntegerField(default=20)
    ceiling_count = models.PositiveIntegerField(default=100_000)
    review_stages = models.PositiveSmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="a_business_has_one_disposal_policy"),
            models.CheckConstraint(
                condition=models.Q(ceiling_percent__gte=1, ceiling_percent__lte=100), name="a_share_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=models.Q(review_stages__gte=1, review_stages__lte=3), name="a_review_has_up_to_three_stages"
            ),
        ]
