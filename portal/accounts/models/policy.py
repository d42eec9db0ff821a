from django.db import models


class StaffPolicy(models.Model):
    """What the business asks of its staff: one row, or none where nothing was ever asked."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    second_factor = models.BooleanField(default=False)  # nobody goes on without one

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="a_business_has_one_policy_for_its_staff")]
