"""Devices: their state, the state machine of a wipe and its evidence."""

from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from messaging.api import answers, paging
from messaging.api.views import View, iso
from messaging.flows import device
from messaging.models import Device, Wipe
from messaging.queries import devices
from portal.kernel import clock


def shown(row: Device) -> dict[str, object]:
    return {
        "id": str(row.id), "name": devices.name_of(row), "state": row.state,
        "customers": [str(one.customer_id) for one in row.serves.all()], "created_at": iso(row.created_at),
        "seen_at": iso(row.seen_at), "revoked_at": iso(row.revoked_at), "reason": row.revoked_reason or None,
        "wipes": [_wipe(one) for one in devices.wipes_of(row)],
    }  # fmt: skip


def _wipe(one: Wipe) -> dict[str, object]:
    signature = urlsafe_b64encode(bytes(one.signature)).rstrip(b"=").decode() if one.signature else None
    return {
        "id": str(one.id), "state": one.state, "requested_at": iso(one.requested_at), "sent_at": iso(one.sent_at),
        "acknowledged_at": iso(one.acknowledged_at), "dark_at": iso(one.dark_at), "signature": signature,
    }  # fmt: skip


class Devices(View):
    @extend_schema(
        responses=answers.DeviceList, tags=["devices"],
        parameters=[OpenApiParameter(name, str) for name in ("customer", "limit", "cursor")],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = devices.get_devices_for(self.actor(), customer=paging.uuid_of(request, "customer"))
        return Response(paging.page(request, rows, lambda found: [shown(row) for row in found]))


class OneDevice(View):
    @extend_schema(responses=answers.Device, tags=["devices"])
    def get(self, request: Request, device_id: UUID) -> Response:
        return Response(shown(devices.get_device_for(self.actor(), device_id)))

    @extend_schema(responses=answers.Device, tags=["devices"])
    def delete(self, request: Request, device_id: UUID) -> Response:
        device.revoke(actor=self.actor(), now=clock.now(), device_id=device_id)
        return Response(shown(devices.get_device_for(self.actor(), device_id)))


class _Act(View):
    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        self.do(now, kwargs["device_id"])
        return Response(shown(devices.get_device_for(self.actor(), kwargs["device_id"])))

    def do(self, now: datetime, device_id: UUID) -> None:
        raise NotImplementedError


class Lock(_Act):
    @extend_schema(request=None, responses=answers.Device, tags=["devices"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def do(self, now: datetime, device_id: UUID) -> None:
        device.lock(actor=self.actor(), now=now, device_id=device_id)


class Unlock(_Act):
    @extend_schema(request=None, responses=answers.Device, tags=["devices"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def do(self, now: datetime, device_id: UUID) -> None:
        device.unlock(actor=self.actor(), now=now, device_id=device_id)


class WipeDevice(_Act):
    @extend_schema(request=None, responses=answers.Device, tags=["devices"])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def do(self, now: datetime, device_id: UUID) -> None:
        device.request_wipe(actor=self.actor(), now=now, device_id=device_id)
