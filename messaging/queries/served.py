"""Whom a device serves, by name: what its page shows beside the messages."""

from datetime import datetime
from uuid import UUID

from messaging.models import Relation
from messaging.queries import profiles
from portal.kernel import clock, planned
from portal.kernel.actors import Actor

_SERVED = """
    SELECT c.id, c.sealed_profile, c.language, s.relation, s.until
      FROM messaging_customer c
      LEFT JOIN messaging_devicecustomer s ON s.customer_id = c.id AND s.device_id = %s
     WHERE c.id = ANY(%s) AND c.state = 'active'
     ORDER BY c.id
"""


def customers(actor: Actor) -> list[dict[str, str]]:
    """[{"id", "name", "language"}]; of somebody else's with "relation" (child, care), and "until" where that has an end."""
    return [_row(*columns) for columns in planned.fetch(_SERVED, [actor.id, list(actor.customers)])]


def _row(pk: UUID, sealed: bytes, language: str, relation: str | None, until: datetime | None) -> dict[str, str]:
    told = {"id": str(pk), "name": profiles.open_(pk, sealed).name, "language": language}
    if relation not in (None, Relation.SELF):
        told["relation"] = str(relation)
    if until is not None:
        told["until"] = clock.text(until)
    return told
