"""What ends by itself: a device that was not its customer's own, one that nobody used for too long, a grant with an end.

Every read looks at the times already (`queries.devices`); here the clock writes it down, as an entry each.
"""

from datetime import datetime, timedelta

from messaging import push
from messaging.flows import attempt, device
from messaging.models import Device, DeviceCustomer
from messaging.queries import policy
from portal.kernel import unit
from portal.kernel.actors import CLOCK

SLICE = 200
IDLE_LOOKED_FOR_EVERY = timedelta(hours=1)  # no index tells of it: it would be written with every word of every device


def end_due(*, now: datetime) -> int:
    """For the clock. → how many devices and grants ended."""
    return _end_brief(now) + _end_idle(now) + _end_grants(now)


def _end_brief(now: datetime) -> int:
    with unit.work() as u:
        return _retire(u, list(_standing().filter(ends_at__lte=now)[:SLICE]), now, "brief")


def _end_idle(now: datetime) -> int:
    days = policy.get_policy().demands.idle_days
    if not days or attempt.add(now=now, use="idle", source="*", window=IDLE_LOOKED_FOR_EVERY) > 1:
        return 0
    with unit.work() as u:
        return _retire(u, list(_standing().filter(seen_at__lte=now - timedelta(days=days))), now, "idle")


def _end_grants(now: datetime) -> int:
    """A device that then serves nobody is ended with its last grant."""
    with unit.work() as u:
        due = DeviceCustomer.objects.select_for_update(skip_locked=True, of=("self",)).select_related("customer")
        rows = list(due.filter(until__lte=now).order_by("id")[:SLICE])
        for row in rows:
            codes: dict[str, str | int | bool] = {"device": str(row.device_id), "relation": row.relation}
            subject = row.customer.subject_id
            u.entry(
                unit.Draft("device.grant_ended", CLOCK.label, subject=subject, customer=row.customer_id, codes=codes)
            )
            row.delete()
            push.device(u, row.device_id, "refresh")
            device.end_unserved(
                u, actor=CLOCK, now=now, device_id=row.device_id, subject_id=subject, reason="unserved"
            )  # fmt: skip
    return len(rows)


def _standing():  # type: ignore[no-untyped-def]
    states = [Device.State.ACTIVE, Device.State.LOCKED]
    return Device.objects.select_for_update(skip_locked=True).filter(state__in=states).order_by("id")


def _retire(u: unit.Unit, rows: list[Device], now: datetime, reason: str) -> int:
    for row in rows:
        device.end_within(u, actor=CLOCK, now=now, row=row, reason=reason)
    return len(rows)
