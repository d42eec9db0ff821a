"""Whom a device serves, by name: what its page shows beside the messages."""

from messaging.models import Customer, DeviceCustomer, Relation
from messaging.queries import profiles
from portal.kernel import clock
from portal.kernel.actors import Actor


def customers(actor: Actor) -> list[dict[str, str]]:
    """[{"id", "name", "language"}]; of somebody else's with "relation" (child, care), and "until" where that has an end."""
    rows = Customer.objects.filter(id__in=actor.customers, state=Customer.State.ACTIVE).order_by("id")
    grants = {row.customer_id: row for row in DeviceCustomer.objects.filter(device_id=actor.id)}
    return [_row(row, grants.get(row.id)) for row in rows]


def _row(row: Customer, grant: DeviceCustomer | None) -> dict[str, str]:
    name = profiles.open_(row.id, row.sealed_profile).name
    told = {"id": str(row.id), "name": name, "language": row.language}
    if grant is not None and grant.relation != Relation.SELF:
        told["relation"] = grant.relation
    if grant is not None and grant.until is not None:
        told["until"] = clock.text(grant.until)
    return told
