"""Campaigns: one text for many. A campaign has runs, a run has a ledger of recipients, cut into chunks.

The ledger's rows are written once, when a run starts, and hold no words. Of what went well nothing is written into them: who has
a message of the run was sent it, and its state is that message's (`UNIQUE(run, customer)` on messages, I4)."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from portal.kernel import ids


class Campaign(models.Model):
    """A text for many, when it goes out, and what became of it. The text is on the wheel: carried forward while it waits, gone
    with the last message of its last run. The row is kept."""

    class State(models.TextChoices):
        DRAFT = "draft"
        APPROVING = "approving"
        SCHEDULED = "scheduled"
        RUNNING = "running"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    revision = models.IntegerField(default=1)  # of the draft: who saves an older one is told
    sealed_name = models.BinaryField()
    audience_id = models.UUIDField(null=True)  # a saved filter; or the filter itself:
    sealed_filter = models.BinaryField(null=True)
    # The text: sealed like a message's, under a key that the wheel wraps. Empty once it is gone.
    bucket = models.BigIntegerField(null=True)
    wrap = models.BinaryField(default=b"")
    sealed = models.BinaryField(default=b"")
    text_until = models.DateTimeField(null=True)  # known once nothing of it waits any more
    category = models.CharField(max_length=40, default="")
    format = models.CharField(max_length=10, default="text")
    gone_after = models.PositiveIntegerField(null=True)
    gone_after_read = models.PositiveIntegerField(null=True)
    tap_to_reveal = models.BooleanField(default=False)
    send_at = models.DateTimeField(null=True)
    send_at_local = models.CharField(max_length=19, default="")  # a wall time, in each recipient's own zone
    repeat = models.CharField(max_length=200, default="")  # `rules.recurrence`
    missed = models.CharField(max_length=4, default="")  # what to do when it is late; '' is the business's policy
    author = models.CharField(max_length=60)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "draft",
                        "approving",
                        "scheduled",
                        "running",
                        "paused",
                        "cancelled",
                        "finished",
                        "failed",
                    ]
                ),
                name="a_campaign_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=Q(send_at__isnull=True) | Q(send_at_local=""), name="a_campaign_has_one_time_to_send"
            ),
            models.CheckConstraint(
                condition=Q(missed__in=["", "send", "skip", "ask"]), name="a_campaign_says_what_when_it_is_late"
            ),
            models.CheckConstraint(
                condition=Q(bucket__isnull=True, wrap=b"") | Q(bucket__isnull=False) & ~Q(wrap=b""),
                name="a_campaigns_text_stands_in_a_bucket",
            ),
        ]
        indexes = [
            # read by flows.campaigntext: what must move to a later bucket, and what is over
            models.Index(fields=["bucket"], condition=Q(bucket__isnull=False), name="campaign_with_text"),
        ]


class Runs(models.QuerySet["Run"]):
    def due(self, now: datetime) -> "Runs":
        return self.filter(state=Run.State.WAITING, due_at__lte=now)

    def active(self) -> "Runs":
        return self.filter(state__in=["waiting", "running", "paused"])


class Run(models.Model):
    """One sending of a campaign. Kept: with its recipients it is the account of who was written to."""

    class State(models.TextChoices):
        WAITING = "waiting"  # planned; its audience is not written down yet
        RUNNING = "running"
        PAUSED = "paused"
        CANCELLED = "cancelled"
        FINISHED = "finished"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()  # of the first recipient
    wall = models.CharField(max_length=19, default="")  # the wall time of a run that is local, or repeats
    recipients = models.PositiveIntegerField(default=0)
    excluded = models.PositiveIntegerField(default=0)
    passed_over = models.PositiveIntegerField(default=0)  # occurrences before this one that nobody could start
    queued_at = models.DateTimeField(null=True)  # when somebody was last asked to work on it: a hint
    started_at = models.DateTimeField(null=True)  # its audience was written down
    finished_at = models.DateTimeField(null=True)

    objects = Runs.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="a_campaigns_runs_are_numbered"),
            models.UniqueConstraint(
                fields=["campaign"], condition=Q(state="waiting"), name="a_campaign_waits_for_one_run_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "paused", "cancelled", "finished", "failed"]),
                name="a_campaigns_run_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=Q(started_at__isnull=False) | Q(state__in=["waiting", "paused", "cancelled"]),
                name="a_run_runs_once_its_audience_is_written_down",
            ),
        ]
        indexes = [
            # read by flows.run and the clock: what is planned, what goes on
            models.Index(
                fields=["due_at"], condition=Q(state__in=["waiting", "running", "paused"]), name="run_that_is_not_over"
            ),
        ]


class RunRecipient(models.Model):
    """One customer in the ledger of a run, with why nothing was sent where nothing was. Kept, like the messages it is about."""

    class Outcome(models.TextChoices):
        NONE = ""  # to be sent, or sent: the message says
        EXCLUDED = "excluded"  # when the audience was written down
        SUPPRESSED = "suppressed"  # when their chunk was sent
        FAILED = "failed"

    pk = models.CompositePrimaryKey("run_id", "customer_id")
    run_id = models.UUIDField()
    customer_id = models.UUIDField()
    chunk = models.IntegerField()  # -1: in none
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default="", blank=True)
    reason = models.CharField(max_length=20, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["", "excluded", "suppressed", "failed"]),
                name="a_recipient_has_a_known_outcome",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", reason="") | (~Q(outcome="") & ~Q(reason="")),
                name="an_outcome_of_a_run_has_its_reason",
            ),
        ]
        # read by queries.campaigns: a run's ledger, counted
        indexes = [models.Index(fields=["run_id"], condition=~Q(outcome=""), name="recipient_left_out")]


class RunChunk(models.Model):
    """A slice of a run's ledger: one transaction sends it. Its customers are those between two ids who have its number."""

    class State(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        ASKING = "asking"
        DONE = "done"
        SKIPPED = "skipped"
        FAILED = "failed"

    pk = models.CompositePrimaryKey("run_id", "number")
    run_id = models.UUIDField()
    number = models.IntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    due_at = models.DateTimeField()
    first_id = models.UUIDField()
    last_id = models.UUIDField()
    size = models.PositiveIntegerField()
    sent = models.PositiveIntegerField(default=0)
    suppressed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)  # when its messages end

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "ready", "asking", "done", "skipped", "failed"]),
                name="a_chunk_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(size=models.F("sent") + models.F("suppressed") + models.F("failed")),
                name="a_chunk_that_is_done_adds_up",
            ),
        ]
        indexes = [
            # read by flows.run: whose time comes next
            models.Index(
                fields=["due_at"], condition=Q(state__in=["waiting", "ready", "asking"]), name="chunk_that_is_open"
            ),
        ]
