"""The devices of the customers that a device serves, as their owner knows them: a name, when it was used last, what became of
it."""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db.models import Q

from messaging.models import Device
from messaging.queries import devices
from portal.kernel import clock
from portal.kernel.actors import Actor

ENDED_FOR = timedelta(days=30)  # how long one that ended is still shown
MOST = 100


def rows(actor: Actor, now: datetime) -> list[dict[str, object]]:
    """Newest first: {"id", "name", "state", "this", "customers", "enrolled_at", "seen_at", "ended_at", "ends_at", "place":
    {"zone", "network"}, "wipe", "can_end"}."""
    is_told = ~Q(state=Device.State.REVOKED) | Q(revoked_at__gt=now - ENDED_FOR)
    return [_row(row, actor, now) for row in devices.get_devices_for(actor).filter(is_told)[:MOST]]


def _row(row: Device, actor: Actor, now: datetime) -> dict[str, object]:
    wipes = devices.wipes_of(row)
    return {
        "id": str(row.id), "name": devices.name_of(row), "state": row.state, "this": row.id == actor.id,
        "customers": [str(one.customer_id) for one in row.serves.all() if one.customer_id in actor.customers],
        "enrolled_at": clock.text(row.created_at), "seen_at": clock.text(row.seen_at) if row.seen_at else None,
        "ended_at": clock.text(row.revoked_at) if row.revoked_at else None,
        "ends_at": clock.text(row.ends_at) if row.ends_at else None, "place": asdict(devices.place_of(row)),
        "wipe": wipes[0].state if wipes else None,
        "can_end": row.state != Device.State.REVOKED and devices.is_within(row.id, actor.customers, now),
    }  # fmt: skip
