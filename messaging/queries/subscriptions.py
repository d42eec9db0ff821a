"""Which devices can be pushed to: active ones of their own that serve the customer, subscribed for the key that we push with."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import connection

from messaging.models import Device
from messaging.notices import Target
from messaging.rules import pushing
from portal.kernel import keys
from portal.sealing import blind, webpush

CONTEXT = "device.push"
MOST = 10  # devices of one customer that are told of one message, the newest first

# Of the business at hand, by customer; for `queries.reach`, which asks for a whole slice of people.
_TAKES = "d.state = 'active' AND d.ends_at IS NULL AND d.sealed_push IS NOT NULL AND d.push_for = %s"
HAS_ONE = f"""
    EXISTS (SELECT 1 FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id AND {_TAKES}
             WHERE s.customer_id = c.id)
"""  # noqa: S608 - the only thing put in is a constant
_OF = f"""
    SELECT s.customer_id, d.id, d.sealed_push
      FROM messaging_devicecustomer s JOIN messaging_device d ON d.id = s.device_id AND {_TAKES}
     WHERE s.customer_id = ANY(%s) AND (s.until IS NULL OR s.until > %s)
     ORDER BY d.push_since DESC
"""  # noqa: S608 - as above


def sender() -> webpush.Sender | None:
    """None: this installation does not push."""
    return _sender(settings.EBB_PUSH_KEY) if settings.EBB_PUSH_KEY else None


def made_for() -> str:
    """The name of the key that we push with; "" where we do not."""
    ours = sender()
    return ours.name if ours else ""


def targets_of(customer_ids: Iterable[UUID], now: datetime) -> dict[UUID, tuple[Target, ...]]:
    found = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_OF, [made_for(), list(customer_ids), now])
        for customer_id, device_id, sealed in cursor.fetchall():
            if len(found[customer_id]) < MOST:
                told = open_(device_id, sealed)
                found[customer_id].append(Target(device_id, told.endpoint, told.browser))
    return {customer_id: tuple(targets) for customer_id, targets in found.items()}


def count() -> int:
    return Device.objects.filter(sealed_push__isnull=False, push_for=made_for(), state=Device.State.ACTIVE).count()


def of_device(device_id: UUID) -> pushing.Subscription | None:
    """The one that counts: made for another key it is worth nothing."""
    row = Device.objects.filter(id=device_id, push_for=made_for(), sealed_push__isnull=False).first()
    return open_(device_id, row.sealed_push) if row and row.sealed_push else None


def seal(device_id: UUID, given: pushing.Subscription) -> bytes:
    return keys.seal_field(CONTEXT, device_id, given.encode())


def open_(device_id: UUID, sealed: bytes) -> pushing.Subscription:
    return pushing.decode(keys.open_field(CONTEXT, device_id, sealed))


def find_by(endpoint: str) -> bytes:
    return blind.index(keys.business_key(), CONTEXT, endpoint)


@lru_cache(maxsize=2)
def _sender(private: bytes) -> webpush.Sender:
    return webpush.sender(private)
