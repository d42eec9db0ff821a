"""How the customers of a device are told that there is a message, as their own page shows it."""

import hashlib
from collections.abc import Iterable
from uuid import UUID

from messaging.models import Customer, Device
from messaging.queries import reach, served, subscriptions
from messaging.rules import telling
from portal.kernel.actors import Actor
from portal.sealing import webpush


def of(actor: Actor) -> dict[str, object]:
    """{"push": {"key", "known"} or null, "customers": [{"id", "name", "can", "ways", "off", "is_discreet", "language"}]}"""
    return {"push": _push(actor), "customers": [{**one, **_choices(one["id"])} for one in served.customers(actor)]}


def _push(actor: Actor) -> dict[str, object] | None:
    """`key` is what a browser subscribes with; `known` is the SHA-256 of the address that this device is pushed to, so that its
    page can tell whether that is still the browser's. None: not on this installation, or not on a device that ends by itself."""
    ours = subscriptions.sender()
    if ours is None or actor.id is None or Device.objects.filter(id=actor.id, ends_at__isnull=False).exists():
        return None
    known = subscriptions.of_device(actor.id)
    return {
        "key": webpush.text(ours.public),
        "known": hashlib.sha256(known.endpoint.encode()).hexdigest() if known else None,
    }


def _choices(customer_id: str) -> dict[str, object]:
    """`can`: the ways that there are for them, a push as soon as some device asks for it. `ways` is their own order, or empty."""
    row = Customer.objects.get(id=UUID(customer_id))
    return {
        "can": _ordered(_usable(row)), "ways": list(telling.parse_ways(row.ways)),
        "off": _ordered(set(row.refused) & set(telling.WAYS)), "is_discreet": row.is_discreet, "language": row.language,
    }  # fmt: skip


def _usable(row: Customer) -> frozenset[str]:
    has = reach.of([row.id])[row.id].addresses.keys() | {telling.PUSH}
    return reach.offered() & has


def _ordered(ways: Iterable[str]) -> list[str]:
    return [way for way in telling.WAYS if way in ways]
