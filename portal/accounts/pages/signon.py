"""To the business's own provider, and back. One address takes what comes back, so that a provider has one to know.

Going there is a GET, and a link: a form would be held by our own policy (`form-action`) from leading out of the house. It changes
nothing but this browser's session; another site cannot begin it. Coming back signs in only the browser that went.
"""

import secrets
from dataclasses import asdict
from typing import Any, cast

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from portal.accounts import provider
from portal.accounts.flows import attempt as tries
from portal.accounts.flows import session
from portal.accounts.flows import signon as flow
from portal.accounts.pages import proof, sign_in, signon_settings
from portal.accounts.queries import signon
from portal.accounts.rules import oidc
from portal.kernel import clock
from portal.kernel.errors import Kind, Refusal
from portal.web import guards, problems

KEPT = "provider"  # in the session: what was begun, until it comes back


@require_GET
def begin(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return HttpResponseRedirect(settings.LOGIN_REDIRECT_URL)
    return _leave(request, "sign_in", get_next_redirect_url(request) or "")


@guards.staff(early=True)
@require_GET
def confirm(request: HttpRequest) -> HttpResponseBase:
    """For who has no second factor here: who has one gives that."""
    if cast("Any", request.user).has_factor:
        return guards.to_confirm(request)
    return _leave(request, "confirm", proof.back_of(request))


@guards.staff("business.govern")
@require_GET
def attempt(request: HttpRequest) -> HttpResponseBase:
    """The whole way with the settings as they are saved, but for signing in."""
    return _leave(request, "try", "")


@require_GET
def back(request: HttpRequest) -> HttpResponseBase:
    answer = {name: str(value)[:4000] for name, value in request.GET.items()}
    begun = _take(request, answer.get("state", ""))
    person = None
    try:
        if (
            not tries.take_answer(address=_network(request), state=answer.get("state", ""), now=clock.now())
            or begun is None
        ):
            raise oidc.not_taken("state_unknown")
        person = _person(request, answer, begun)
        done = _DONE[begun.purpose](request, person, begun)
    except Refusal as refusal:
        return _refused(request, begun, person, refusal)
    tries.forgive_answer(address=_network(request))
    return done


def _leave(request: HttpRequest, purpose: str, back: str) -> HttpResponseBase:
    """Only by somebody's own click here: `Sec-Fetch-Site` is the browser's own word on who sent it."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return HttpResponseRedirect(settings.LOGIN_URL)
    begun = oidc.Begun(
        purpose, secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48),
        int(clock.now().timestamp()), back,
    )  # fmt: skip
    try:
        tries.take_begin(address=_network(request), now=clock.now())
        client = signon.client(is_try=purpose == "try")
        found = provider.discover(client.issuer)
    except Refusal as refusal:
        return _refused(request, begun, None, refusal)
    request.session[KEPT] = asdict(begun)
    return HttpResponseRedirect(
        oidc.address(found, client_id=client.client_id, redirect_uri=_redirect_uri(request), begun=begun)
    )


def _take(request: HttpRequest, state: str) -> oidc.Begun | None:
    """What this browser began, taken out: it serves once."""
    kept = request.session.get(KEPT)
    if not isinstance(kept, dict) or not secrets.compare_digest(str(kept["state"]).encode(), state.encode()):
        return None
    del request.session[KEPT]
    begun = oidc.Begun(**kept)
    age = clock.now().timestamp() - begun.at
    return begun if age < oidc.BEGUN_FOR.total_seconds() else None


def _person(request: HttpRequest, answer: dict[str, str], begun: oidc.Begun) -> oidc.Person:
    client = signon.client(is_try=begun.purpose == "try")
    return provider.person_of(client, answer, begun=begun, redirect_uri=_redirect_uri(request), now=clock.now)


def _signed_in(request: HttpRequest, person: oidc.Person, begun: oidc.Begun) -> HttpResponseBase:
    user = flow.come(now=clock.now(), person=person)
    door = cast("Any", request)
    door.signed_in_by = "provider"
    if person.is_strong and signon.trusts_factor():
        door.second_factor = guards.PROVIDER
    return cast("HttpResponseBase", perform_login(request, Login(user=user, redirect_url=begun.back or None)))


def _confirmed(request: HttpRequest, person: oidc.Person, begun: oidc.Begun) -> HttpResponseBase:
    actor = _signed_in_actor(request)
    flow.check_same(actor=actor, person=person)
    session.confirmed(actor=actor, now=clock.now(), by=guards.PROVIDER)
    request.session.cycle_key()
    guards.proved(request, guards.PROVIDER if person.is_strong and signon.trusts_factor() else "")
    return HttpResponseRedirect(begun.back)


def _tried(request: HttpRequest, person: oidc.Person, begun: oidc.Begun) -> HttpResponseBase:
    actor = _signed_in_actor(request)
    client = signon.client(is_try=True)
    if not person.email or not person.has_verified_email:
        raise oidc.not_taken("email_unverified" if person.email else "email_missing")
    flow.tried(actor=actor, now=clock.now(), issuer=client.issuer, client_id=client.client_id)
    request.actor = actor
    return signon_settings.draw(request, found=person)


_DONE = {"sign_in": _signed_in, "confirm": _confirmed, "try": _tried}


def _signed_in_actor(request: HttpRequest) -> Any:
    """Who began it is still signed in, and still who they were."""
    if not request.user.is_authenticated:
        raise oidc.not_taken("state_unknown")
    return session.actor_of(request.user)


def _refused(
    request: HttpRequest, begun: oidc.Begun | None, person: oidc.Person | None, refusal: Refusal
) -> HttpResponseBase:
    """An entry with a code, and the page that it was begun on, which says what is wrong to whom it concerns."""
    why = str(refusal.fields.get("why", refusal.code))
    purpose, is_in = begun.purpose if begun else "sign_in", request.user.is_authenticated
    actor = session.actor_of(request.user) if is_in else None
    status = problems.status_of(refusal)
    if purpose == "try" and actor is not None and actor.may("business.govern"):
        flow.try_failed(actor=actor, why=why)
        request.actor = actor
        return signon_settings.draw(
            request, status=422, refusal={"title": "It did not work", "message": refusal.message}
        )
    if refusal.kind is not Kind.TOO_MANY:  # what is not looked at is no entry: a flood writes a handful
        flow.refused(why=why, person=person, actor=actor)
    words = oidc.for_the_door(why) if "why" in refusal.fields else refusal.message
    if purpose == "confirm" and actor is not None:
        request.actor = actor
        return proof.draw(request, "confirm", actor, status=status, error=words, next=begun.back if begun else "")
    return sign_in.draw(request, status=status, error=words)


def _redirect_uri(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("account_provider_back"))


def _network(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
