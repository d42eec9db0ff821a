"""Devices: their state, the state machine of a wipe and its evidence."""

from base64 import urlsafe_b64encode
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from archive.api import acts
from archive.api.holds import ApprovingAnswer
from messaging.api import answers, paging, serializers
from messaging.api.views import View, given, iso
from messaging.flows import device, wipe
from messaging.models import Device, DeviceCustomer, Wipe
from messaging.queries import devices
from portal.kernel import clock


def shown(row: Device) -> dict[str, object]:
    return {
        "id": str(row.id), "name": devices.name_of(row), "state": row.state,
        "customers": [str(one.customer_id) for one in row.serves.all()], "serves": [_grant(one) for one in row.serves.all()],
        "place": asdict(devices.place_of(row)), "ends_at": iso(row.ends_at), "created_at": iso(row.created_at),
        "public_key": _jwk(bytes(row.public_key)), "seen_at": iso(row.seen_at), "revoked_at": iso(row.revoked_at),
        "reason": row.revoked_reason or None,
        "wipes": [_wipe(one) for one in devices.wipes_of(row)],
    }  # fmt: skip


def _grant(one: DeviceCustomer) -> dict[str, object]:
    return {
        "customer": str(one.customer_id), "relation": one.relation, "granted_by": one.granted_by,
        "granted_at": iso(one.granted_at), "until": iso(one.until),
    }  # fmt: skip


def _jwk(point: bytes) -> dict[str, str]:
    """The key that a wipe is signed with, so that its evidence can be checked elsewhere."""
    return {"kty": "EC", "crv": "P-256", "x": _text(point[1:33]), "y": _text(point[33:])}


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _wipe(one: Wipe) -> dict[str, object]:
    signature = _text(bytes(one.signature)) if one.signature else None
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

    @extend_schema(responses={200: answers.Device, 202: ApprovingAnswer}, tags=["devices"])
    def delete(self, request: Request, device_id: UUID) -> Response:
        ended = device.revoke(actor=self.actor(), now=clock.now(), device_id=device_id)
        if ended.approval is not None:
            return acts.approving(ended.approval)
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


class WipeDevice(View):
    @extend_schema(
        request=serializers.WipeInput, responses={200: answers.Device, 202: ApprovingAnswer}, tags=["devices"]
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().post(request, *args, **kwargs)

    def act(self, request: Request, now: datetime, *args: Any, **kwargs: Any) -> Response:
        reason = given(serializers.WipeInput, request)["reason"]
        asked = wipe.request(actor=self.actor(), now=now, device_id=kwargs["device_id"], reason=reason)
        if asked.approval is not None:
            return acts.approving(asked.approval)
        return Response(shown(devices.get_device_for(self.actor(), kwargs["device_id"])))
