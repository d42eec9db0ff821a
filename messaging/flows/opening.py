"""Opening a business in one go: address, schema, keys, staff, the officers' ceremony, and `ready` last.

For the command line and the demo. Each step may be taken again; a business that stopped half-way is not served."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from archive.flows import birth
from portal.accounts.flows import staff
from portal.accounts.queries import staff as known_staff
from portal.kernel import actors, tenancy
from tenants.flows import provision


@dataclass(frozen=True)
class Person:
    """A first member of staff."""

    email: str
    name: str
    role: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Opened:
    """`recovery_text` is shown once and kept nowhere."""

    place: tenancy.Place
    recovery_text: str = field(repr=False)
    staff: dict[str, UUID] = field(default_factory=dict)


def begin(*, now: datetime, slug: str, name: str, people: list[Person], passphrase: str) -> Opened:
    """Everything up to the proof that the recovery key was kept. Not yet served. One that stopped half-way is taken up
    under the same address and name; the keys and passwords of this time count."""
    host = f"{slug}.{settings.BASE_NAME}"
    business_id = provision.unfinished(slug=slug, name=name)
    if business_id is None:
        business_id = provision.create(slug=slug, name=name, hosts=[host], now=now)
    place = provision.build(business_id=business_id, now=now)
    return equip(now=now, place=place, people=people, passphrase=passphrase)


def equip(*, now: datetime, place: tenancy.Place, people: list[Person], passphrase: str) -> Opened:
    """First staff and the archive's keys, of a business that is built. Again gives other keys and passwords, until `finish`.
    Without an officer among the people, the passphrase is that of the first one who unlocks with it."""
    with tenancy.tenant_scope(place):
        added = {one.email: _add(one, now) for one in people}
        officer = next((added[one.email] for one in people if one.role == "officer"), None)
        offer = birth.offer(now=now, passphrase=passphrase, staff_id=officer)
    return Opened(place, offer.recovery_text, added)


def finish(*, now: datetime, place: tenancy.Place, recovery_text: str) -> None:
    """The recovery key given back once, and ready: both or neither, so that a death in between can be taken up."""
    with transaction.atomic():
        with tenancy.tenant_scope(place):
            birth.prove(now=now, recovery_text=recovery_text)
        provision.mark_ready(business_id=place.id, now=now)


def _add(one: Person, now: datetime) -> UUID:
    known = known_staff.get_id_by_email(one.email)
    if known is not None:
        staff.set_password(actor=actors.SYSTEM, now=now, user_id=known, password=one.password)
        return known
    return staff.add(actor=actors.SYSTEM, now=now, email=one.email, name=one.name, role=one.role, password=one.password)
