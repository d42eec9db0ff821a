"""Reading how the business signs in by its provider. The secret goes to the provider, and to nobody who looks."""

from dataclasses import dataclass
from datetime import datetime

from portal.accounts.models import StaffPolicy, User
from portal.accounts.provider import Client
from portal.accounts.rules import oidc
from portal.kernel.actors import Actor


@dataclass(frozen=True)
class Shown:
    issuer: str
    client_id: str
    has_secret: bool
    use: str
    tried_at: datetime | None
    trusts_factor: bool
    brought: int  # staff whom its program looks after


def get_for(actor: Actor) -> Shown:
    actor.require("settings.view")
    row = _row()
    return Shown(
        row.issuer, row.client_id, bool(row.client_secret), row.provider_use, row.provider_tried_at, row.trusts_provider,
        User.objects.filter(is_active=True, is_provisioned=True).count(),
    )  # fmt: skip


def use() -> str:
    """off, beside or only: what the sign-in page offers."""
    found = StaffPolicy.objects.filter(id=1).values_list("provider_use", flat=True).first()
    return found or StaffPolicy.Use.OFF


def client(*, is_try: bool = False) -> Client:
    """What the business is known by. A try asks before it is switched on."""
    row = _row()
    if not row.issuer or (row.provider_use == StaffPolicy.Use.OFF and not is_try):
        raise oidc.not_taken("provider_off")
    return Client(row.issuer, row.client_id, row.client_secret)


def trusts_factor() -> bool:
    return StaffPolicy.objects.filter(trusts_provider=True).exclude(provider_use=StaffPolicy.Use.OFF).exists()


def is_shut_out(user: User) -> bool:
    """From signing in by password: the provider is the only way for all but owners."""
    return user.role != User.Role.OWNER and use() == StaffPolicy.Use.ONLY


def _row() -> StaffPolicy:
    return StaffPolicy.objects.filter(id=1).first() or StaffPolicy()
