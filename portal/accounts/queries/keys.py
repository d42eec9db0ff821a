"""Finding the key of a call. Remembered for a moment in the process: every call asks."""

import time
from datetime import datetime
from uuid import UUID

from portal.accounts.flows import key
from portal.accounts.models import ApiKey
from portal.kernel import tenancy
from portal.kernel.actors import Actor

FRESH_FOR = 2.0

_known: dict[tuple[UUID, bytes], tuple[float, ApiKey | None]] = {}


def get_actor_for_secret(secret: str, now: datetime) -> Actor | None:
    """Who calls with this secret; None for unknown, expired and revoked alike."""
    name = (tenancy.here().id, key.digest_of(secret))
    known = _known.get(name)
    if known is None or known[0] < time.monotonic():
        if len(_known) > 1000:
            _known.clear()
        known = _known[name] = (time.monotonic() + FRESH_FOR, ApiKey.objects.filter(digest=name[1]).first())
    row = known[1]
    if row is None or row.revoked_at is not None or (row.expires_at and row.expires_at <= now):
        return None
    return row.actor


def get_keys_for(actor: Actor) -> list[ApiKey]:
    actor.require("settings.view")
    return list(ApiKey.objects.order_by("-created_at"))
