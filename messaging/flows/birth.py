"""The messaging part of a business's birth."""

from datetime import datetime

from messaging.models import Category, Policy
from portal.kernel import tenancy


def prepare(place: tenancy.Place, now: datetime) -> None:
    """One policy row and one category to begin with. May run again; then it changes nothing."""
    Policy.objects.get_or_create(id=1)
    Category.objects.get_or_create(key="service", defaults={"name": "Service", "purpose": "service", "created_at": now})
