"""Legal holds: what must stay, whatever any rule says."""

from django.db import models

from portal.kernel import ids


class DisposalGuard(models.Model):
    """One row, locked by whoever places a hold, erases a customer or disposes of records, and never updated (I8)."""

    id = models.SmallIntegerField(primary_key=True, default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_business_has_one_guard")]


class HoldQuerySet(models.QuerySet["Hold"]):
    def in_force(self) -> "HoldQuerySet":
        """A hold holds until it is released: through its release's approval and its cool-off."""
        return self.exclude(state=Hold.State.RELEASED)


class Hold(models.Model):
    """A predicate over records, those to come included, that no disposal may touch. Kept for ever, released or not."""

    class State(models.TextChoices):
        ACTIVE = "active"
        RELEASING = "releasing"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    sealed_name = models.BinaryField()
    sealed_reason = models.BinaryField()
    query = models.TextField(blank=True)  # ids and codes only; empty holds everything
    case_id = models.UUIDField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    placed_by = models.CharField(max_length=60)
    placed_at = models.DateTimeField()
    releases_at = models.DateTimeField(null=True)  # the end of the cool-off
    released_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["active", "releasing", "released"]), name="a_hold_is_in_a_known_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="releasing") | models.Q(releases_at__isnull=False),
                name="a_hold_that_is_released_knows_when",
            ),
        ]
        indexes = [
            # Every slice of a disposal asks which holds are in force.
            models.Index(fields=["id"], condition=~models.Q(state="released"), name="hold_in_force"),
        ]
