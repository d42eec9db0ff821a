from django.contrib.postgres.fields import ArrayField
from django.db import models

from portal.kernel import ids


class ImportJob(models.Model):
    """A file of customers on its way in: uploaded, understood, tried, applied. Dies a week after the upload, whatever became
    of it; the customers it made stay."""

    class State(models.TextChoices):
        UPLOADED = "uploaded"  # waits for somebody to say what its columns mean
        CHECKING = "checking"
        CHECKED = "checked"  # the difference is known, nothing was changed
        APPLYING = "applying"
        STOPPED = "stopped"
        DONE = "done"

    class Inviting(models.TextChoices):
        NOT_ASKED = ""
        RUNNING = "running"
        STOPPED = "stopped"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.UPLOADED)
    inviting = models.CharField(max_length=12, choices=Inviting.choices, default="", blank=True)
    sealed = models.BinaryField()  # the file's name, its header and first rows, what the columns mean; business key
    sealed_found = models.BinaryField(null=True)  # samples of the difference; business key
    asked_by = models.CharField(max_length=60)  # actor label
    rows = models.IntegerField()
    created_at = models.DateTimeField()
    began_at = models.DateTimeField()  # the upload, or the last time somebody set it to work
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["uploaded", "checking", "checked", "applying", "stopped", "done"]),
                name="an_import_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=models.Q(inviting="") | models.Q(state="done"), name="an_import_invites_once_it_is_done"
            ),
        ]
        indexes = [
            # read by flows.importing.sweep
            models.Index(
                fields=["began_at"],
                condition=models.Q(state__in=["checking", "applying"]) | models.Q(inviting="running"),
                name="import_at_work",
            )
        ]


class ImportSlice(models.Model):
    """Some rows of an import's file: the unit of its work, each in one transaction. Dies with the import."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    job = models.ForeignKey(ImportJob, on_delete=models.CASCADE, related_name="slices")
    number = models.IntegerField()
    rows = models.IntegerField()
    sealed_rows = models.BinaryField()  # [[number, [cells]]], business key
    sealed_wrong = models.BinaryField(null=True)  # {number: [[column, code]]}, business key
    checked_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    wrong = models.IntegerField(default=0)
    kept_out = models.IntegerField(default=0)  # consents that an opt-out of before outweighs
    customers = ArrayField(models.UUIDField(), default=list)  # whom its rows made or named, once it is applied
    looked_at = models.IntegerField(default=0)  # how many of these were looked at for an invitation
    invited = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "number"], name="an_import_has_each_slice_once")]
