from django.db import models
from django.db.models import Q

from portal.kernel import ids


class Approval(models.Model):
    """An act that waits for a second person, or for its cool-off where there is none. Kept: what was asked and decided."""

    class State(models.TextChoices):
        OPEN = "open"
        COOLING = "cooling"
        DONE = "done"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"
        FAILED = "failed"

    WAITING = (State.OPEN, State.COOLING)

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    kind = models.CharField(max_length=40)  # the code under which the act is registered
    target_id = models.UUIDField()
    codes = models.JSONField(default=dict)  # ids, numbers and codes that the act needs; never words
    reason = models.BinaryField()  # sealed under the business key
    state = models.CharField(max_length=10, choices=State.choices)
    asked_by = models.CharField(max_length=60)
    person_id = models.UUIDField(null=True)  # who asked, or who made the key that asked: never the one who approves
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    acts_at = models.DateTimeField(null=True)  # the end of the cool-off
    decided_by = models.CharField(max_length=60, default="")
    decided_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=60, default="")  # the code of the refusal that stopped an approved act

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "cooling", "done", "refused", "withdrawn", "expired", "failed"]),
                name="an_approval_has_a_known_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="cooling") | Q(acts_at__isnull=False), name="a_cooling_approval_knows_when_it_acts"
            ),
            models.UniqueConstraint(
                fields=["kind", "target_id"],
                condition=Q(state__in=["open", "cooling"]),
                name="an_act_is_asked_for_once",
            ),
        ]
        indexes = [  # read by the sweep and by the count in the rail
            models.Index(fields=["expires_at"], condition=Q(state__in=["open", "cooling"]), name="approval_that_waits")
        ]
