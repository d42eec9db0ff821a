"""Bearer keys. What a key may do is the actor's to say (`actor.require` in the flow), not the door's."""

import time
from dataclasses import dataclass
from typing import Any

from rest_framework import authentication, permissions
from rest_framework.request import Request

from portal.accounts.flows import key
from portal.accounts.queries import keys
from portal.kernel import clock, tenancy
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

FRESH_FOR = 2.0  # seconds that a revoked key may still work
MOST = 2000
_known: dict[tuple[str, bytes], tuple[float, Actor]] = {}


@dataclass(frozen=True)
class Caller:
    """What DRF calls a user."""

    actor: Actor
    is_authenticated: bool = True


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer ebb_…` → `request.user.actor`. A key opens the business of its host only."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        actor = get_actor(secret.strip()) if scheme.lower() == "bearer" else None
        if actor is None:
            raise no_key()
        return Caller(actor), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasKey(permissions.BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.user, Caller):
            raise no_key()
        return True


def get_actor(secret: str) -> Actor | None:
    """Remembered for two seconds in the process, by business: hundreds of calls a second come with one key."""
    name = (tenancy.here().schema, key.digest(secret))
    known = _known.get(name)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    actor = keys.get_key_for_secret(secret, clock.now())
    if actor is None:
        _known.pop(name, None)
        return None
    if len(_known) >= MOST:
        _known.clear()
    _known[name] = (time.monotonic() + FRESH_FOR, actor)
    return actor


def forget() -> None:
    """For tests that revoke a key and look at once."""
    _known.clear()


def no_key() -> Refusal:
    return Refusal("no_key", "This call needs a valid key: Authorization: Bearer <key>.", Kind.UNAUTHENTICATED)
