from django.db import models

from portal.kernel import ids


class Rule(models.Model):
    """A retention rule. From birth there is one default; scopes, versions and simulation widen it. Kept, retired."""

    class State(models.TextChoices):
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    code = models.CharField(max_length=64, unique=True)  # what leaves call it: a code, never words
    name = models.CharField(max_length=60)
    is_default = models.BooleanField(default=False)
    keep_months = models.PositiveIntegerField()
    event = models.CharField(max_length=40, default="sent")
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True, state="active"), name="one_default_rule"
            )
        ]
