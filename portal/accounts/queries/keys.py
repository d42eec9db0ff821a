"""Reading API keys."""

from dataclasses import dataclass
from datetime import datetime

from portal.accounts.flows import key as flow
from portal.accounts.models import ApiKey
from portal.kernel.actors import Actor


@dataclass(frozen=True)
class Found:
    """A key that opens: whose calls it makes, until when, and from where (no range is everywhere)."""

    actor: Actor
    expires_at: datetime | None
    networks: tuple[str, ...]


def get_key_for_secret(secret: str, now: datetime) -> Found | None:
    """None for unknown, revoked and expired ones alike."""
    row = ApiKey.objects.filter(digest=flow.digest(secret), revoked_at__isnull=True).first()
    if row is None or (row.expires_at and row.expires_at <= now):
        return None
    if row.used_on != now.date():
        flow.mark_used(key_id=row.id, now=now)
    return Found(row.actor, row.expires_at, tuple(row.networks))


def get_list_for(actor: Actor) -> list[ApiKey]:
    actor.require("key.manage")
    return list(ApiKey.objects.order_by("-id"))
