"""The doors of the app lock. They are open to a covered page, but for changing a lock that is set."""

from base64 import urlsafe_b64decode
from binascii import Error

from django.http import HttpRequest, HttpResponse, JsonResponse

from messaging.flows import applock, nonce
from messaging.pages import proved
from messaging.queries import devices
from portal.kernel import clock, webauthn
from portal.kernel.actors import Actor


@proved.proved("POST", covered=True)
def open_(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`{"pin"}` or `{"challenge", "client_data", "data", "signature"}` → `{"pass"}`."""
    body, now = proved.body_of(request), clock.now()
    if "pin" in body:
        secret = applock.open_with_pin(actor=actor, now=now, pin=proved.text_of(body, "pin"))
    else:
        challenge = _spend(request, body)
        answer = {name: _bytes(body, name) for name in ("client_data", "data", "signature")}
        secret = applock.open_with_passkey(
            actor=actor, now=now, site=_site(request), challenge=challenge, answer=answer
        )
    return JsonResponse({"pass": secret})


@proved.proved("POST", covered=True)
def close(request: HttpRequest, actor: Actor) -> HttpResponse:
    applock.close(actor=actor, secret=proved.pass_of(request))
    return JsonResponse({})


@proved.proved("POST", covered="unset")
def set_(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`{"pin"}`, a new passkey, or `{"lock": "none"}` → `{"pass"}`, or nothing where it was taken off."""
    body, now = proved.body_of(request), clock.now()
    if body.get("lock") == "none":
        applock.take_off(actor=actor, now=now)
        return JsonResponse({})
    if "pin" in body:
        return JsonResponse({"pass": applock.set_pin(actor=actor, now=now, pin=proved.text_of(body, "pin"))})
    challenge = _spend(request, body)
    made = {name: _bytes(body, name) for name in ("client_data", "data", "credential", "public_key")}
    passkey = webauthn.registered(site=_site(request), challenge=challenge, **made)
    return JsonResponse({"pass": applock.set_passkey(actor=actor, now=now, passkey=passkey)})


def _spend(request: HttpRequest, body: dict[str, object]) -> str:
    """The challenge is a nonce of this device: single use, sixty seconds."""
    challenge, now = proved.text_of(body, "challenge"), clock.now()
    standing = devices.get_by_cookie(proved.cookie_of(request), now)
    if standing is None or not nonce.take(standing.id, challenge, now):
        raise webauthn.bad_passkey()
    return challenge


def _site(request: HttpRequest) -> webauthn.Site:
    host = proved.host_of(request)
    return webauthn.Site(host.rsplit(":", 1)[0], f"{request.scheme}://{host}")


def _bytes(body: dict[str, object], name: str) -> bytes:
    text = proved.text_of(body, name)
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, Error) as error:
        raise webauthn.bad_passkey() from error
