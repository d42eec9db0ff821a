from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from portal.kernel import actors, ids, roles


class Users(BaseUserManager["User"]):
    use_in_migrations = False

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """One member of a business's staff. Never a customer. Kept, inactive, after they leave: entries name their id."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        AUTHOR = "author"
        APPROVER = "approver"
        OFFICER = "officer"
        REVIEWER = "reviewer"
        AUDITOR = "auditor"
        SUPPORT = "support"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=16, choices=Role.choices)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    # By the one link that still opens; empty once it was used. Of who is in: when a way back opens (`flows.wayback`).
    invited_at = models.DateTimeField(null=True)
    provider_subject = models.BinaryField(max_length=16, null=True, unique=True)  # keyed hash of who they are there
    # The provider's program brought them or looks after them (`flows.provisioning`), and what it calls them.
    is_provisioned = models.BooleanField(default=False)
    external_id = models.CharField(max_length=200, default="")
    given_name = models.CharField(max_length=100, default="")  # the parts of a name, where the provider says them
    family_name = models.CharField(max_length=100, default="")
    news_seen_at = models.DateTimeField(null=True)  # what is newer in their list of notifications is unread

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = Users()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=sorted(roles.MATRIX)),
                name="a_member_of_staff_has_a_known_role",
            )
        ]

    @property
    def actor(self) -> actors.Actor:
        return actors.staff(self.id, self.role if self.is_active else "")

    def get_full_name(self) -> str:
        return self.name
