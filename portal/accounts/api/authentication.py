"""`Authorization: Bearer <key>`: who calls, for DRF. What they may do, the flows ask."""

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.accounts.queries import keys
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal


@dataclass(frozen=True)
class Caller:
    """What DRF calls a user."""

    actor: Actor
    is_authenticated: bool = True


def no_key() -> Refusal:
    return Refusal("no_key", "This call needs a valid key: Authorization: Bearer <key>.", Kind.UNAUTHENTICATED)


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        actor = keys.get_actor_for_secret(secret.strip(), clock.now())
        if actor is None:
            raise no_key()
        return Caller(actor), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasKey(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Caller):
            raise no_key()
        return True
