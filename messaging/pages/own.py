"""A customer's own page (`queries.own`): seen, consent given and taken back, a copy of live messages, the wish to be erased."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse

from messaging.flows import consent, erasure, owncopy
from messaging.pages import proved
from messaging.queries import own
from portal.kernel import clock, ids
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found

SOURCE = "inbox"


@proved.proved("GET")
def page(request: HttpRequest, actor: Actor) -> HttpResponse:
    return JsonResponse(own.page(actor, clock.now()))


@proved.proved("POST")
def say(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`{"for", "purpose", "channel", "given", "wording"}`: the wording is what stood beside the button."""
    body, now = proved.body_of(request), clock.now()
    said = consent.Given(
        proved.text_of(body, "purpose"), proved.text_of(body, "channel"), SOURCE, wording=proved.text_of(body, "wording", ""),
        given=body.get("given") is True,
    )  # fmt: skip
    consent.note(actor=actor, now=now, customer_id=_whose(actor, body), given=[said])
    return JsonResponse(own.page(actor, now))


@proved.proved("POST")
def copy(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`{"for", "cursor"?}` → `{"now", "messages": [M], "covered", "more"?}`."""
    body, now = proved.body_of(request), clock.now()
    cursor = proved.text_of(body, "cursor", "") or None
    taken = owncopy.take(actor=actor, now=now, customer_id=_whose(actor, body), cursor=cursor)
    told = {"now": clock.text(now), "messages": taken.messages, "covered": taken.covered}
    return JsonResponse(told | ({"more": taken.more} if taken.more else {}))


@proved.proved("POST")
def ask_erasure(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`{"for", "asked"}`: false takes the wish back."""
    body, now = proved.body_of(request), clock.now()
    act = erasure.ask if body.get("asked") is True else erasure.take_back
    act(actor=actor, now=now, customer_id=_whose(actor, body))
    return JsonResponse(own.page(actor, now))


def _whose(actor: Actor, body: dict[str, object]) -> UUID:
    """One of those whom this device serves; nobody else is there."""
    found = ids.parse_uuid(body.get("for"))
    if found is None or found not in actor.customers:
        raise not_found("customer")
    return found
