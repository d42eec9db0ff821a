from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from portal.kernel import ids, tenancy


class Business(TenantMixin):
    """A business: its schema, its name and whether it is served. Lives until the business is closed and its keys destroyed."""

    class State(models.TextChoices):
        PROVISIONING = "provisioning"
        READY = "ready"
        WINDING = "winding"  # being closed: its staff get in, its customers do not (decision 18)
        CLOSED = "closed"
        FAILED = "failed"

    auto_create_schema = False  # a job provisions, never the request (design 4)
    auto_drop_schema = False

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PROVISIONING)
    is_operators = models.BooleanField(default=False)
    fingerprint = models.CharField(max_length=64, default="")
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["provisioning", "ready", "winding", "closed", "failed"]),
                name="a_business_is_in_a_known_state",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="ready") | models.Q(ready_at__isnull=False),
                name="a_ready_business_knows_since_when",
            ),
        ]

    @property
    def place(self) -> tenancy.Place:
        is_winding = self.state == self.State.WINDING
        return tenancy.Place(self.id, self.schema_name, self.slug, self.name, is_winding=is_winding)


class Domain(DomainMixin):
    """A host name, without port, at which a business is served."""
