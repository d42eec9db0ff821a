"""Whom a device serves, by name: what its page shows beside the messages."""

from messaging.models import Customer
from messaging.queries import profiles
from portal.kernel.actors import Actor


def customers(actor: Actor) -> list[dict[str, str]]:
    """[{"id", "name", "language"}]."""
    rows = Customer.objects.filter(id__in=actor.customers, state=Customer.State.ACTIVE).order_by("id")
    return [
        {"id": str(row.id), "name": profiles.open_(row.id, row.sealed_profile).name, "language": row.language}
        for row in rows
    ]
