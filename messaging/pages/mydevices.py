"""The devices of the customers that a device serves: listed, and ended from afar ("I lost this one"). And the evidence of a
wipe over HTTP, for where sockets do not work."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from messaging.flows import device
from messaging.flows import wipe as wiping
from messaging.pages import proved
from messaging.queries import devices, mydevices
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found


@proved.proved("GET")
def listing(request: HttpRequest, actor: Actor) -> HttpResponse:
    return JsonResponse({"devices": mydevices.rows(actor, clock.now())})


@proved.proved("POST")
def lock(request: HttpRequest, actor: Actor, device_id: UUID) -> HttpResponse:
    device.lock(actor=actor, now=clock.now(), device_id=device_id)
    return JsonResponse({"id": str(device_id), "state": "locked"})


@proved.proved("POST")
def sign_out(request: HttpRequest, actor: Actor, device_id: UUID) -> HttpResponse:
    device.sign_out(actor=actor, now=clock.now(), device_id=device_id)
    return JsonResponse({"id": str(device_id), "state": "revoked"})


@proved.proved("POST")
def wipe(request: HttpRequest, actor: Actor, device_id: UUID) -> HttpResponse:
    asked = wiping.request(actor=actor, now=clock.now(), device_id=device_id)
    return JsonResponse({"id": str(device_id), "state": "wiping", "wipe": str(asked.id)})


@proved.same_origin_post
def wiped(request: HttpRequest) -> HttpResponse:
    """The signature over the wipe is the proof: the device may do nothing else any more."""
    body = proved.body_of(request)
    now, wipe_id = clock.now(), ids.parse_uuid(body.get("wipe"))
    standing = devices.get_by_cookie(proved.cookie_of(request), now)
    if standing is None or wipe_id is None:
        raise not_found("wipe")
    wiping.acknowledge(
        device_id=standing.id, now=now, host=proved.host_of(request), wipe_id=wipe_id,
        signature=proved.text_of(body, "signature"),
    )  # fmt: skip
    return JsonResponse({})
