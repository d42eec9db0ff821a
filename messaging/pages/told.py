"""How the customer is told that there is a message: on this device by its browser's push service, and by which other ways."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from messaging.flows import choice, subscription
from messaging.pages import proved
from messaging.queries import told
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


@proved.proved("GET")
def page(request: HttpRequest, actor: Actor) -> HttpResponse:
    return _answer(actor)


@proved.proved("POST")
def choices(request: HttpRequest, actor: Actor) -> HttpResponse:
    body = proved.body_of(request)
    customer_id = ids.parse_uuid(body.get("for"))
    if customer_id is None:
        raise not_found("customer")
    wanted = choice.Wanted(
        _ways(body, "ways"), _ways(body, "off"), body.get("is_discreet") is True, proved.text_of(body, "language", "")
    )
    choice.change(actor=actor, now=clock.now(), customer_id=customer_id, wanted=wanted)
    return _answer(actor)


@proved.proved("POST")
def push(request: HttpRequest, actor: Actor) -> HttpResponse:
    subscription.begin(actor=actor, now=clock.now(), given=proved.body_of(request))
    return _answer(actor)


@proved.proved("POST")
def no_push(request: HttpRequest, actor: Actor) -> HttpResponse:
    subscription.end(actor=actor)
    return _answer(actor)


def _answer(actor: Actor) -> HttpResponse:
    return JsonResponse(told.of(actor))


def _ways(body: dict[str, object], name: str) -> tuple[str, ...]:
    """A list of names; what is none of ours is refused by the flow."""
    given = body.get(name, [])
    if not isinstance(given, list):
        raise Refusal("malformed_request", "A field is missing or is not a list.", Kind.MALFORMED, field=name)
    return tuple(str(one) for one in given)
