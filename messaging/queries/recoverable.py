"""Who is behind an address that somebody gave: for a link to it, and for nothing else. Asked by the keyed hash of the address."""

from datetime import datetime, timedelta

from django.db.models import Q

from messaging.models import Customer
from messaging.queries import profiles, reach
from messaging.rules import telling

PAUSE = timedelta(days=1)  # after contact data changed: whoever changed it may not be the customer
MOST = 5  # families share an address; a town does not


def key_of(kind: str, address: str) -> bytes:
    """16 bytes under the business key: of an e-mail address never those of a phone number."""
    return profiles.find_by(kind, address)


def at(key: bytes, now: datetime) -> tuple[list[Customer], str]:
    """Each customer there whom it can be written to, and by which way."""
    rows = Customer.objects.filter(Q(email_hash=key) | Q(phone_hash=key), state=Customer.State.ACTIVE).order_by("id")
    found = list(rows[:MOST])
    way = telling.SMS if found and found[0].phone_hash and bytes(found[0].phone_hash) == key else telling.EMAIL
    settled = [row for row in found if not row.contact_changed_at or row.contact_changed_at <= now - PAUSE]
    reached, offered = reach.of([row.id for row in settled]), reach.offered()
    return [row for row in settled if row.id in reached and way in reached[row.id].ways(offered, reach.ASKED)], way
