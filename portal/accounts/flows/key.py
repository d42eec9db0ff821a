"""API keys: made, shown once, revoked. Only a key's SHA-256 is stored."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.accounts.models import ApiKey
from portal.kernel import ids, roles, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

PREFIX = "ebb_"


@dataclass(frozen=True)
class Created:
    """The secret is in this answer and nowhere else."""

    id: UUID
    secret: str = field(repr=False)


def create(*, actor: Actor, now: datetime, name: str, scopes: list[str], expires_at: datetime | None = None) -> Created:
    """A key may do what its scopes say and nothing its maker may not."""
    actor.require("key.manage")
    if not 1 <= len(name.strip()) <= 100:
        raise Refusal("bad_name", "A key's name has 1 to 100 characters.", field="name")
    if unknown := sorted(set(scopes) - roles.SCOPES):
        raise Refusal("unknown_scope", "There is no such scope for keys.", field="scopes", scopes=unknown)
    secret = PREFIX + ids.token()
    with unit.work() as u:
        row = ApiKey.objects.create(
            name=name.strip(), prefix=secret[:12], digest=digest_of(secret), scopes=sorted(set(scopes)), created_at=now,
            created_by=actor.id, expires_at=expires_at,
        )  # fmt: skip
        u.entry(unit.Draft("key.created", actor.label, codes={"key": str(row.id), "scopes": len(set(scopes))}))
    return Created(row.id, secret)


def revoke(*, actor: Actor, now: datetime, key_id: UUID) -> None:
    actor.require("key.manage")
    with unit.work() as u:
        if not ApiKey.objects.filter(id=key_id, revoked_at__isnull=True).update(revoked_at=now):
            raise not_found("key")
        u.entry(unit.Draft("key.revoked", actor.label, codes={"key": str(key_id)}))


def digest_of(secret: str) -> bytes:
    """A key is 256 random bits, so a plain hash hides it as well as a slow one."""
    return hashlib.sha256(secret.encode()).digest()
