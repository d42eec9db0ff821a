"""Cases: records that people look through together, what they decided, and the standing queue that supervision feeds."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.kernel import ids

DECISIONS = ["", "responsive", "not_responsive", "privileged", "escalate", "no_issue"]


class Case(models.Model):
    """A matter under which records are collected and reviewed. Kept for ever, closed or not."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_name = models.BinaryField()
    is_standing = models.BooleanField(default=False)  # the one that supervision feeds
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    size = models.BigIntegerField(default=0)  # the number of its last item; locked by whoever collects
    opened_by = models.CharField(max_length=60)
    opened_at = models.DateTimeField()
    closed_by = models.CharField(max_length=60, default="", blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(state__in=["open", "closed"]), name="a_case_is_open_or_closed"),
            models.CheckConstraint(
                condition=models.Q(state="open") | models.Q(closed_at__isnull=False), name="a_closed_case_knows_when"
            ),
            models.UniqueConstraint(
                fields=["is_standing"], condition=models.Q(is_standing=True), name="supervision_has_one_case"
            ),
        ]


class CaseItem(models.Model):
    """A record in a case, and what its reviewer made of it. It is never taken out, since a hold may rest on the case; it
    outlives its record and then says so. Its codes are copies, so that a sample can be drawn again when records are gone."""

    pk = models.CompositePrimaryKey("case_id", "message_id")
    case_id = models.UUIDField()
    message_id = models.UUIDField()
    number = models.BigIntegerField()  # 1, 2, 3 … in its case
    entry_index = models.BigIntegerField()
    kind = models.CharField(max_length=40)
    direction = models.CharField(max_length=3)
    category = models.CharField(max_length=40, default="", blank=True)
    sent_at = models.DateTimeField()
    added_at = models.DateTimeField()
    matched = ArrayField(models.CharField(max_length=40), default=list)  # rule codes with `:words` or `:sample`
    assignee_id = models.UUIDField(null=True)  # the one reviewer who holds it
    assigned_at = models.DateTimeField(null=True)
    decision = models.CharField(max_length=16, default="", blank=True)
    decided_by = models.CharField(max_length=60, default="", blank=True)
    decided_at = models.DateTimeField(null=True)
    is_sampled = models.BooleanField(default=False)  # by the newest sample of its case

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case_id", "number"], name="an_item_has_its_own_number"),
            models.CheckConstraint(condition=models.Q(decision__in=DECISIONS), name="an_item_has_a_known_decision"),
            models.CheckConstraint(
                condition=models.Q(decision="") | models.Q(decided_at__isnull=False), name="a_decision_knows_when"
            ),
        ]
        indexes = [  # read by whoever takes the next one
            models.Index(fields=["case_id", "number"], condition=models.Q(decision=""), name="item_to_review")
        ]


class Collection(models.Model):
    """One walk of a query into a case, in slices; its place is committed with each. Kept: how a case came to what it has."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        STOPPED = "stopped"  # its case was closed meanwhile

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    case_id = models.UUIDField()
    query = models.TextField(blank=True)  # ids and codes only: never words
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    count = models.BigIntegerField(default=0)
    after_at = models.DateTimeField(null=True)
    after_message = models.UUIDField(null=True)
    asked_by = models.CharField(max_length=60)
    asked_at = models.DateTimeField()  # what is sent later is not collected

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "done", "stopped"]), name="a_collection_is_in_a_known_state"
            )
        ]
        indexes = [  # read by the clock, which goes on where a worker died
            models.Index(fields=["id"], condition=models.Q(state="running"), name="collection_that_runs"),
            models.Index(fields=["case_id"], name="collection_of_case"),
        ]


class RecordTag(models.Model):
    """A tag on a record: a short code, never words. Goes with its record."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    message_id = models.UUIDField()
    tag = models.CharField(max_length=40)
    added_by = models.CharField(max_length=60)
    added_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message_id", "tag"], name="a_record_has_a_tag_once")]
        indexes = [models.Index(fields=["tag", "message_id"], name="record_of_tag")]


class Supervision(models.Model):
    """A rule that looks at every new record once: words, and a share at random. Never changed, only retired. Kept."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    code = models.CharField(max_length=16, unique=True)  # what leaves and items call it
    sealed_name = models.BinaryField()
    sealed_words = models.BinaryField()  # a JSON list of lines
    has_words = models.BooleanField(default=False)
    share = models.PositiveSmallIntegerField(default=0)  # of 10,000
    seed = models.CharField(max_length=32)  # hex
    from_index = models.BigIntegerField()  # records of entries from here on
    until_index = models.BigIntegerField(null=True)  # and below here, once it is retired
    created_by = models.CharField(max_length=60)
    created_at = models.DateTimeField()
    retired_by = models.CharField(max_length=60, default="", blank=True)
    retired_at = models.DateTimeField(null=True)
    by_words = models.BigIntegerField(default=0)  # records it fed to the queue
    by_sample = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(share__lte=10_000), name="a_share_is_at_most_everything"),
            models.CheckConstraint(
                condition=models.Q(has_words=True) | models.Q(share__gt=0),
                name="a_rule_of_supervision_looks_for_something",
            ),
            models.CheckConstraint(
                condition=models.Q(retired_at__isnull=True) | models.Q(until_index__isnull=False),
                name="a_retired_rule_knows_where_it_ended",
            ),
        ]


class SupervisionState(models.Model):
    """One row: every entry below `upto` was looked at, once. Locked by the slice that looks."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    upto = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="supervision_has_one_state")]


class SupervisionGap(models.Model):
    """Records of a month whose words nobody compared: its key had been sealed away before they were looked at. Kept."""

    month = models.CharField(max_length=7, primary_key=True)
    count = models.BigIntegerField(default=0)
    first_index = models.BigIntegerField()
    last_index = models.BigIntegerField()
    found_at = models.DateTimeField()
