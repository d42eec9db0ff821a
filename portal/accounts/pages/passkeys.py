"""What a page and a browser say to each other about passkeys: a challenge that is signed for one person and one purpose, and the
answer to it, in the hidden fields of an ordinary form."""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from datetime import UTC, datetime, timedelta

from django.core import signing
from django.http import HttpRequest

from portal.accounts.flows import factor
from portal.kernel import clock, tenancy, webauthn
from portal.kernel.actors import Actor

LIVES_FOR = timedelta(minutes=15)  # as long as a page may stand open before its button is pressed
MAKE, USE = "make", "use"


def challenge(actor: Actor, purpose: str) -> str:
    """Good for this person, this purpose and this business. That it serves once is the passkey's row to say."""
    told = [str(actor.id), int(clock.now().timestamp() * 1000), secrets.token_urlsafe(16)]
    return _text(signing.dumps(told, salt=_salt(purpose)).encode())


def read_new(request: HttpRequest, actor: Actor) -> webauthn.Passkey:
    asked = request.POST.get("challenge", "")
    _asked_at(asked, actor, MAKE)
    made = {name: _bytes(request, name) for name in ("client_data", "data", "credential", "public_key")}
    return webauthn.registered(site=site(request), challenge=asked, **made)


def use(request: HttpRequest, actor: Actor) -> str:
    """→ the kind of factor, if this person's passkey answered."""
    asked = request.POST.get("challenge", "")
    answer = {name: _bytes(request, name) for name in ("client_data", "data", "signature")}
    return factor.use_passkey(
        actor=actor, now=clock.now(), site=site(request), challenge=asked, asked_at=_asked_at(asked, actor, USE),
        handle=_bytes(request, "credential"), answer=answer,
    )  # fmt: skip


def for_page(actor: Actor, handles: list[bytes], purpose: str) -> dict[str, str]:
    """The data of a form that speaks to an authenticator: challenge and the passkeys that may (or must not) answer."""
    return {"challenge": challenge(actor, purpose), "known": " ".join(_text(handle) for handle in handles)}


def site(request: HttpRequest) -> webauthn.Site:
    host = request.get_host().lower()
    return webauthn.Site(host.rsplit(":", 1)[0], f"{request.scheme}://{host}")


def _asked_at(asked: str, actor: Actor, purpose: str) -> datetime:
    try:
        person, millis, _ = signing.loads(_binary(asked).decode(), salt=_salt(purpose))
    except (signing.BadSignature, ValueError, Error) as error:
        raise webauthn.bad_passkey() from error
    at = datetime.fromtimestamp(millis / 1000, UTC)
    if person != str(actor.id) or not at <= clock.now() < at + LIVES_FOR:
        raise webauthn.bad_passkey()
    return at


def _salt(purpose: str) -> str:
    return tenancy.salt(f"accounts.passkey.{purpose}")


def _bytes(request: HttpRequest, name: str) -> bytes:
    try:
        return _binary(request.POST.get(name, ""))
    except (ValueError, Error) as error:
        raise webauthn.bad_passkey() from error


def _binary(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
