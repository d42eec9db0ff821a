"""A lost device, from a public page: a link is asked for, then used once, then its page ends devices. It reads nothing."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET

from messaging.flows import inquiry, lost
from messaging.pages import inbox, proved
from messaging.queries import mydevices
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found


def door(request: HttpRequest) -> HttpResponseBase:
    """GET is the page, POST the act."""
    return inbox.page(request, "inbox/lost.html") if request.method in {"GET", "HEAD"} else _ask(request)


door.csrf_exempt = True  # type: ignore[attr-defined]  # `_ask` has the guard, with its reason


@require_GET
def link_page(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a link: looks whether it would work, uses nothing up."""
    usable = token if lost.is_open(now=clock.now(), token=token) else None
    return inbox.page(request, "inbox/lost_link.html", token=usable)


@proved.same_origin_post
def use(request: HttpRequest) -> HttpResponse:
    """`{"token"}` → `{"pass", "devices"}`."""
    now, token = clock.now(), proved.text_of(proved.body_of(request), "token")
    opened = lost.use(now=now, token=token, source=proved.source_of(request))
    return JsonResponse({"pass": opened.secret, "devices": _devices(opened.actor)})


@proved.same_origin_post
def act(request: HttpRequest) -> HttpResponse:
    """`{"pass", "device", "act": "lock" "sign-out" "wipe"}` → `{"devices"}`."""
    body, now = proved.body_of(request), clock.now()
    device_id = ids.parse_uuid(body.get("device"))
    if device_id is None:
        raise not_found("device")
    actor = lost.act(
        now=now, secret=proved.text_of(body, "pass"), device_id=device_id, what=proved.text_of(body, "act")
    )
    return JsonResponse({"devices": _devices(actor)})


def _devices(actor: Actor) -> list[dict[str, object]]:
    """As their owner knows them, without where they were: whoever reads the mail need not learn that."""
    return [{**one, "place": None} for one in mydevices.rows(actor, clock.now())]


@proved.same_origin_post
def _ask(request: HttpRequest) -> HttpResponse:
    """202 and the same words, whoever asks and whatever is known."""
    to = proved.text_of(proved.body_of(request), "to")
    inquiry.ask(now=clock.now(), kind=inquiry.LOST, to=to, source=proved.source_of(request))
    return JsonResponse({"state": "accepted"}, status=202)
