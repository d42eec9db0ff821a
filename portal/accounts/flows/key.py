"""API keys: made, shown once, revoked, and marked with the day of their last use; an entry when one is used from elsewhere."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.accounts.models import ApiKey
from portal.accounts.rules import network
from portal.kernel import actors, ids, roles, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found

MARK = "ebb_"  # lets scanners of leaked secrets recognise one
PREFIX_LENGTH = 12
TOLD_EVERY = timedelta(hours=1)  # a flood of refused calls cannot fill the ledger


@dataclass(frozen=True)
class Created:
    """`secret` exists here and in the caller's hands only."""

    id: UUID
    secret: str = field(repr=False)


def already_over() -> Refusal:
    return Refusal("expiry_past", "A key must end in the future.", field="expires_at")


def create(
    *, actor: Actor, now: datetime, name: str, scopes: list[str], expires_at: datetime | None = None,
    networks: Sequence[str] = (),
) -> Created:  # fmt: skip
    """A key for a program. It can do what its scopes say: never what only people may, nor more than whoever makes it."""
    actor.require("key.manage")
    _check(name, scopes)
    if beyond := sorted(set(scopes) - actor.permissions):
        raise Refusal("scope_beyond_you", "A key cannot do what you may not.", field="scopes", scopes=beyond)
    if expires_at is not None and expires_at <= now:
        raise already_over()
    secret = MARK + ids.token()
    row = ApiKey(
        name=name.strip(), prefix=secret[:PREFIX_LENGTH], digest=digest(secret), scopes=sorted(set(scopes)),
        created_at=now, created_by=actor.id, expires_at=expires_at, networks=network.check(networks),
    )  # fmt: skip
    with unit.work() as u:
        row.save(force_insert=True)
        u.entry(unit.Draft("key.created", actor.label, codes=_codes(row)))
    return Created(row.id, secret)


def revoke(*, actor: Actor, now: datetime, key_id: UUID) -> None:
    """It opens nothing any more within half a second, the time an answer about it may be remembered."""
    actor.require("key.manage")
    with unit.work() as u:
        row = _standing().filter(id=key_id).first()
        if row is None:
            raise not_found("key")
        _revoke(u, actor, now, row)


def revoke_all(*, actor: Actor, now: datetime) -> int:
    """Every key of the business, whoever made it. → how many"""
    actor.require("key.manage")
    with unit.work() as u:
        found = list(_standing())
        for row in found:
            _revoke(u, actor, now, row)
    return len(found)


def revoke_all_of(
    u: unit.Unit, *, actor: Actor, now: datetime, staff_id: UUID, but_within: frozenset[str] = frozenset()
) -> None:  # fmt: skip
    """Within the caller's unit: whoever made them left, may make none any more, or may do less than they can (`but_within` is
    what their maker may do now), and may have kept the secrets."""
    for row in _standing().filter(created_by=staff_id):
        if not set(row.scopes) <= but_within:
            _revoke(u, actor, now, row)


def _standing() -> QuerySet[ApiKey]:
    return ApiKey.objects.select_for_update().filter(revoked_at__isnull=True).order_by("id")


def _revoke(u: unit.Unit, actor: Actor, now: datetime, row: ApiKey) -> None:
    ApiKey.objects.filter(id=row.id).update(revoked_at=now)
    u.entry(unit.Draft("key.revoked", actor.label, codes={"key": str(row.id)}))


def mark_used(*, key_id: UUID, now: datetime) -> None:
    """By day only, so that a busy key costs one write a day."""
    ApiKey.objects.filter(id=key_id).exclude(used_on=now.date()).update(used_on=now.date())


def refused(*, key_id: UUID, now: datetime) -> None:
    """Somebody has the key and calls from outside its ranges: it may have leaked. Told once an hour."""
    untold = Q(refused_at__isnull=True) | Q(refused_at__lte=now - TOLD_EVERY)
    with unit.work() as u:
        if ApiKey.objects.filter(untold, id=key_id).update(refused_at=now):
            u.entry(unit.Draft("key.refused", actors.key(key_id, frozenset()).label, codes={"key": str(key_id)}))


def digest(secret: str) -> bytes:
    """A plain hash is enough: the secret has 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _codes(row: ApiKey) -> dict[str, str | int | bool]:
    ends = {"expires_at": int(row.expires_at.timestamp())} if row.expires_at else {}
    return {"key": str(row.id), "scopes": len(row.scopes), "ranges": len(row.networks), **ends}


def _check(name: str, scopes: list[str]) -> None:
    if not 0 < len(name.strip()) <= 100:
        raise Refusal("name_missing", "Give the key a name of up to 100 characters.", field="name")
    if not scopes:
        raise Refusal("scope_missing", "Give the key at least one scope.", field="scopes")
    if unknown := sorted(set(scopes) - roles.SCOPES):
        raise Refusal("unknown_scope", "A key cannot have that scope.", field="scopes", scopes=unknown)
