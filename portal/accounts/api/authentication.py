"""Bearer keys. What a key may do is the actor's to say (`actor.require` in the flow), not the door's."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from rest_framework import authentication, permissions
from rest_framework.request import Request

from portal.accounts.flows import key
from portal.accounts.queries import keys
from portal.accounts.rules import network
from portal.kernel import clock, tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

FRESH_FOR = 0.5  # seconds that a revoked key may still work
MOST = 2000
_known: dict[tuple[str, bytes], tuple[float, keys.Found]] = {}


@dataclass(frozen=True)
class Caller:
    """What DRF calls a user."""

    actor: Actor
    is_authenticated: bool = True


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer ebb_…` → `request.user.actor`. A key opens the business of its host only."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        caller = caller_of(request)
        return None if caller is None else (caller, None)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasKey(permissions.BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Caller):
            raise no_key()
        return True


def caller_of(request: Request | HttpRequest) -> Caller | None:
    """Whose key the request shows; None where it shows none. A key that opens nothing is refused."""
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not scheme:
        return None
    address = str(
        request.META.get("REMOTE_ADDR", "")
    )  # as the server in front reports it, no header that a caller chose
    actor = get_actor(secret.strip(), address) if scheme.lower() == "bearer" else None
    if actor is None:
        raise no_key()
    return Caller(actor)


def get_actor(secret: str, address: str) -> Actor | None:
    """Who calls. What is remembered is the key: its end and the caller's address are looked at each time."""
    now = clock.now()
    found = _find(secret, now)
    if found is None or (found.expires_at and found.expires_at <= now):
        return None
    if not network.is_within(address, found.networks):
        if found.actor.id is not None:
            key.refused(key_id=found.actor.id, now=now)
        raise elsewhere()
    return found.actor


def _find(secret: str, now: datetime) -> keys.Found | None:
    """Remembered for a moment in the process, by business: hundreds of calls a second come with one key."""
    name = (tenancy.here().schema, key.digest(secret))
    known = _known.get(name)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    found = keys.get_key_for_secret(secret, now)
    if found is None:
        _known.pop(name, None)
        return None
    if len(_known) >= MOST:
        _known.clear()
    _known[name] = (time.monotonic() + FRESH_FOR, found)
    return found


def forget() -> None:
    """For tests that revoke a key and look at once."""
    _known.clear()


def no_key() -> Refusal:
    return Refusal("no_key", "This call needs a valid key: Authorization: Bearer <key>.", Kind.UNAUTHENTICATED)


def elsewhere() -> Refusal:
    """Only who has the key hears this, so it tells nobody that there is one."""
    return Refusal(
        "address_not_allowed", "This key does not open anything from that address. Its ranges are in the console, under Settings.",
        Kind.FORBIDDEN,
    )  # fmt: skip
