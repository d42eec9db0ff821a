from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.kernel import ids


class FactorQuerySet(models.QuerySet["Factor"]):
    def in_force(self) -> "FactorQuerySet":
        """What is asked for beside a password: confirmed, and no recovery code."""
        return self.filter(confirmed_at__isnull=False).exclude(kind=Factor.Kind.RECOVERY)


class Factor(models.Model):
    """What a member of staff signs in with besides the password: an app that makes codes, a passkey, a recovery code.

    `sealed` is the app's secret, or the passkey's public key and name; of a recovery code only a keyed hash is kept, in `handle`,
    where a passkey has its credential id. `uses` is the last period whose code was used, or the passkey's counter. Dies when it is
    removed, with the person's leaving, and (an app never confirmed) with the next offer."""

    class Kind(models.TextChoices):
        APP = "app"
        PASSKEY = "passkey"
        RECOVERY = "recovery"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="factors")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    sealed = models.BinaryField(default=b"")
    handle = models.BinaryField(null=True)
    uses = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = FactorQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["app", "passkey", "recovery"]), name="a_factor_is_of_a_known_kind"
            ),
            models.UniqueConstraint(fields=["user"], condition=Q(kind="app"), name="a_member_of_staff_has_one_app"),
            models.UniqueConstraint(fields=["handle"], name="a_passkey_or_recovery_code_is_known_once"),
        ]
