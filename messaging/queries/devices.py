"""Finding devices. `get_…_for(actor)` for people and programs; `get_by_cookie` and `standing_of` for a device's own
doors."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from messaging.models import Device, DeviceCustomer, Wipe
from messaging.queries import policy
from messaging.rules import place, secrets
from portal.kernel import actors, keys, planned, tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

NAME = "device.name"
PLACE = "device.place"


@dataclass(frozen=True, slots=True)
class Standing:
    """A device as its doors need it: may it speak, for whom, and which wipe waits for it."""

    id: UUID
    state: str
    public_key: bytes
    customers: frozenset[UUID]
    wipe_id: UUID | None
    seen_at: datetime | None = None
    ends_at: datetime | None = None  # when it, or the first of its grants, ends by itself
    reason: str = ""  # why it is revoked

    @property
    def actor(self) -> Actor:
        return actors.device(self.id, self.customers)

    @property
    def is_active(self) -> bool:
        return self.state == Device.State.ACTIVE

    def require_active(self) -> None:
        if not self.is_active:
            raise refused(self)


class _Row(NamedTuple):
    """What `_state` reads. After a restart every device asks three times within seconds: a model would cost more than the row."""

    id: UUID
    state: str
    seen_at: datetime | None
    ends_at: datetime | None
    revoked_reason: str


_SERVES = """
    FROM messaging_devicecustomer s JOIN messaging_customer c ON c.id = s.customer_id AND c.state = 'active'
   WHERE s.device_id = d.id AND (s.until IS NULL OR s.until > %s)
"""
_STANDING = f"""
    SELECT d.id, d.state, d.seen_at, d.ends_at, d.revoked_reason, d.public_key,
           ARRAY(SELECT s.customer_id {_SERVES}), (SELECT min(s.until) {_SERVES})
      FROM messaging_device d
"""  # noqa: S608 - the only thing put in stands above
_BY_ID = f"{_STANDING} WHERE d.id = %s"
_BY_COOKIE = f"{_STANDING} WHERE d.cookie_hash = %s"


def refused(standing: Standing) -> Refusal:
    """Codes `device_locked`, `device_wiping` (with the wipe that it may sign for), `device_revoked` (with why)."""
    told = {"wipe": str(standing.wipe_id)} if standing.wipe_id else {}
    if standing.reason:
        told["reason"] = standing.reason
    return Refusal(f"device_{standing.state}", "This device may not see messages now.", Kind.FORBIDDEN, **told)


def unknown() -> Refusal:
    return Refusal("unknown_device", "This browser is not enrolled here.", Kind.UNAUTHENTICATED)


def get_by_cookie(cookie: str, now: datetime) -> Standing | None:
    """The device a cookie names, in whatever state. A cookie alone opens nothing: the key must sign."""
    if not cookie or len(cookie) > 200:
        return None
    digest = secrets.digest(tenancy.here().id, secrets.COOKIE, cookie)
    return _standing(planned.fetch(_BY_COOKIE, [now, now, digest]), now)


def get_standing(device_id: UUID, now: datetime) -> Standing | None:
    return _standing(planned.fetch(_BY_ID, [now, now, device_id]), now)


def standings(device_ids: Iterable[UUID], now: datetime) -> dict[UUID, tuple[str, frozenset[UUID]]]:
    """State and customers of many devices, in two queries: the minute's check of every open socket."""
    wanted = list(device_ids)
    rows = Device.objects.filter(id__in=wanted).only("id", "state", "ends_at", "seen_at", "revoked_reason")
    states = {row.id: _state(row, now)[0] for row in rows}
    customers: dict[UUID, set[UUID]] = {device_id: set() for device_id in states}
    for device_id, customer_id in _serving(now).filter(device_id__in=wanted).values_list("device_id", "customer_id"):
        customers.setdefault(device_id, set()).add(customer_id)
    return {device_id: (state, frozenset(customers[device_id])) for device_id, state in states.items()}


def get_device_for(actor: Actor, device_id: UUID) -> Device:
    """For staff and keys with `device.view`; a device finds itself only."""
    if actor.kind == "device":
        found = Device.objects.filter(id=device_id).first() if actor.id == device_id else None
    else:
        actor.require("device.view")
        found = Device.objects.prefetch_related("serves", "wipes").filter(id=device_id).first()
    if found is None:
        raise not_found("device")
    return found


def get_devices_for(actor: Actor, *, customer: UUID | None = None) -> QuerySet[Device]:
    """Newest first. A device sees the devices of the customers it serves, a link those of whom it is for."""
    rows = Device.objects.prefetch_related("serves", "wipes").order_by("-id")
    if actor.is_customer:
        rows = rows.filter(serves__customer_id__in=actor.customers).distinct()
    else:
        actor.require("device.view")
    return rows.filter(serves__customer_id=customer).distinct() if customer else rows


def is_within(device_id: UUID, customers: frozenset[UUID], now: datetime) -> bool:
    """Whether a device serves somebody, and nobody but these: then another of their devices may end it."""
    served = set(_serving(now).filter(device_id=device_id).values_list("customer_id", flat=True))
    return bool(served) and served <= customers


def thumbprint(row: Device) -> str:
    """SHA-256 of the key's uncompressed point: to tell two devices apart, aloud."""
    return hashlib.sha256(bytes(row.public_key)).hexdigest()


def name_of(row: Device) -> str:
    return keys.open_field(NAME, row.id, row.sealed_name).decode()


def wipes_of(row: Device) -> list[Wipe]:
    """Newest first: a wipe is its own evidence."""
    return sorted(row.wipes.all(), key=lambda wipe: wipe.id, reverse=True)


def _serving(now: datetime) -> QuerySet[DeviceCustomer]:
    return DeviceCustomer.objects.filter(Q(until__isnull=True) | Q(until__gt=now), customer__state="active")


def _standing(rows: list[tuple[Any, ...]], now: datetime) -> Standing | None:
    if not rows:
        return None
    row, key, customers, grant_ends_at = _Row(*rows[0][:5]), *rows[0][5:]
    state, reason = _state(row, now)
    wipe_id = None
    if state == Device.State.WIPING:
        wipe_id = Wipe.objects.filter(device_id=row.id, state__in=Wipe.ORDERED).values_list("id", flat=True).first()
    ends_at = min((at for at in (row.ends_at, grant_ends_at) if at), default=None)
    return Standing(row.id, state, bytes(key), frozenset(customers), wipe_id, row.seen_at, ends_at, reason)


def _state(row: "Device | _Row", now: datetime) -> tuple[str, str]:
    """State and reason as they are at this instant: what ends by itself has ended, whether the clock has written it or not."""
    if row.state in {Device.State.ACTIVE, Device.State.LOCKED}:
        if row.ends_at is not None and row.ends_at <= now:
            return Device.State.REVOKED, "brief"
        if policy.get_policy().demands.is_idle(row.seen_at, now):
            return Device.State.REVOKED, "idle"
    return row.state, row.revoked_reason


def place_of(row: Device) -> place.Place:
    return place.decode(keys.open_field(PLACE, row.id, row.sealed_place)) if row.sealed_place else place.Place()
