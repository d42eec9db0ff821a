from django.db import models
from django_cryptography.fields import encrypt


class StaffPolicy(models.Model):
    """What the business asks of its staff, and the provider that it signs in by: one row, or none where nothing was ever asked.

    The provider's secret is an encrypted field. `provider_tried_at` is empty until a try with these settings came back whole:
    what was never tried is not switched on."""

    class Use(models.TextChoices):
        OFF = "off"
        BESIDE = "beside"  # the provider or a password
        ONLY = "only"  # the provider; owners keep their passwords, in case it fails

    id = models.SmallIntegerField(primary_key=True, default=1)
    second_factor = models.BooleanField(default=False)  # nobody goes on without one
    issuer = models.CharField(max_length=200, default="")
    client_id = models.CharField(max_length=200, default="")
    client_secret = encrypt(models.CharField(max_length=500, default=""))
    provider_use = models.CharField(max_length=8, choices=Use.choices, default=Use.OFF)
    provider_tried_at = models.DateTimeField(null=True)
    trusts_provider = models.BooleanField(default=False)  # a second factor that it asked for counts as one of ours

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="a_business_has_one_policy_for_its_staff"),
            models.CheckConstraint(
                condition=models.Q(provider_use__in=["off", "beside", "only"]), name="a_provider_has_a_known_use"
            ),
            models.CheckConstraint(
                condition=models.Q(provider_use="off") | models.Q(provider_tried_at__isnull=False),
                name="a_provider_in_use_was_tried",
            ),
        ]
