"""Devices: locked, signed out and wiped from afar, with the evidence in honest words."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from messaging.flows import device as flow
from messaging.flows import wipe as wiping
from messaging.models import Device, Wipe
from messaging.pages.console import saved, shared, timeline, views
from messaging.queries import desk, devices, following
from portal.accounts.queries import staff
from portal.kernel import clock, ids
from portal.web import acting, guards
from portal.web import listing as lists

HELD = "Many devices were ended within an hour: this one is locked, and a second person decides under Approvals."
TRAIL = ("Devices", "devices")
RELATIONS = {"self": "Their own", "child": "A child's", "care": "Of a person in care"}
STATES = [("active", "Active"), ("locked", "Locked"), ("wiping", "Being wiped"), ("revoked", "Ended")]


@guards.staff("device.view")
@require_safe
def listing(request: HttpRequest) -> HttpResponseBase:
    now = clock.now()
    filters = lists.chosen(request, "q", "state", "customer")
    page = lists.page(request, _filtered(request, filters), lambda found: views.devices(found, now))
    kept = saved.shown(request, "devices", filters)
    context = {"page": page, "filters": filters, "states": STATES, "views": kept}
    return shared.draw(request, "devices", "devices", context)


def _filtered(request: HttpRequest, filters: dict[str, str]) -> QuerySet[Device]:
    rows = devices.get_devices_for(request.actor, customer=ids.parse_uuid(filters["customer"]))
    if filters["state"]:
        rows = rows.filter(state=filters["state"])
    if filters["q"]:
        found = desk.find_customers(request.actor, filters["q"])
        rows = rows.filter(serves__customer_id__in=found.values("id")).distinct()
    return rows


@guards.staff("device.view")
@require_safe
def device(request: HttpRequest, device_id: UUID) -> HttpResponseBase:
    now = clock.now()
    row = devices.get_device_for(request.actor, device_id)
    wipes = devices.wipes_of(row)
    shown = views.devices([row], now)[0]
    context = {
        "device": {
            **shown,
            **_abilities(request, row, wipes),
            "key_thumbprint": devices.thumbprint(row),
            "place": devices.place_of(row),
            "ends_at": row.ends_at,
        },
        "serves": _serves(row),
        "live": following.state_of_device(row, wipes),
        "wipe": _wipe(wipes[0]) if wipes else None,
        "events": timeline.of_device(row, wipes),
        "live_messages": desk.count_live_of((one.customer_id for one in row.serves.all()), now),
    }
    return shared.draw(request, "device", "devices", context, trail=(TRAIL, (shown["name"] or "Device", "")))


@guards.staff("device.manage")
@require_POST
def lock(request: HttpRequest, device_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("device", device_id), "Locked: it shows nothing until it is unlocked.", lambda: (
        flow.lock(actor=request.actor, now=clock.now(), device_id=device_id)
    ))  # fmt: skip


@guards.staff("device.manage")
@require_POST
def unlock(request: HttpRequest, device_id: UUID) -> HttpResponseBase:
    return acting.act(request, shared.go("device", device_id), "Unlocked.", lambda: (
        flow.unlock(actor=request.actor, now=clock.now(), device_id=device_id)
    ))  # fmt: skip


@guards.staff("device.manage")
@require_POST
def sign_out(request: HttpRequest, device_id: UUID) -> HttpResponseBase:
    done = _unless_held("Signed out: its key opens nothing any more.")
    return acting.act(request, shared.go("device", device_id), done, lambda: (
        flow.revoke(actor=request.actor, now=clock.now(), device_id=device_id)
    ))  # fmt: skip


@guards.staff("device.manage")
@require_POST
def wipe(request: HttpRequest, device_id: UUID) -> HttpResponseBase:
    done = _unless_held("Asked. From now on the server shows it nothing.")
    return acting.act(request, shared.go("device", device_id), done, lambda: (
        wiping.request(
            actor=request.actor, now=clock.now(), device_id=device_id, reason=request.POST.get("reason", "")[:200]
        )
    ))  # fmt: skip


def _unless_held(done: str) -> Callable[[flow.Ended | wiping.Wiping], str]:
    """One of many waits for a second person, and is locked meanwhile."""
    return lambda made: HELD if made.approval else done


def _abilities(request: HttpRequest, row: Device, wipes: list[Wipe]) -> dict[str, bool]:
    may = request.actor.may("device.manage")
    is_held = bool(wipes) and wipes[0].state == Wipe.State.HELD
    return {
        "can_show": row.state == Device.State.ACTIVE,
        "can_lock": may and row.state == Device.State.ACTIVE,
        "can_unlock": may and row.state == Device.State.LOCKED and not is_held,
        "can_sign_out": may and row.state != Device.State.REVOKED,
        "can_wipe": may and row.state in {Device.State.ACTIVE, Device.State.LOCKED} and not is_held,
    }


def _serves(row: Device) -> list[dict[str, Any]]:
    served = list(row.serves.all())
    names = desk.names_of(one.customer_id for one in served)
    names_of_staff = staff.get_names(one.granted_by for one in served if one.granted_by.startswith("staff:"))
    return [
        {
            "customer_id": one.customer_id, "customer_name": names.get(one.customer_id, "Erased customer"),
            "relation": RELATIONS[one.relation], "until": one.until, "granted_at": one.granted_at,
            "granted_by": names_of_staff.get(one.granted_by, ""),
        }
        for one in served
    ]  # fmt: skip


def _wipe(row: Wipe) -> dict[str, Any]:
    signature = base64.urlsafe_b64encode(bytes(row.signature)).decode().rstrip("=") if row.signature else ""
    names = staff.get_names([row.requested_by])
    return {
        "id": row.id, "state": row.state, "requested_at": row.requested_at, "requested_by": names[row.requested_by],
        "sent_at": row.sent_at, "acknowledged_at": row.acknowledged_at, "dark_at": row.dark_at,
        "signature": signature, "entry_index": None,
    }  # fmt: skip
