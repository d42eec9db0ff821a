"""Audiences: kept, changed, deleted. Names and filters are sealed; entries name ids only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from messaging.models import Audience
from messaging.queries import audiences
from messaging.rules import compose, filters
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Refusal, not_found


def create(*, actor: Actor, now: datetime, name: str, wanted: dict[str, Any]) -> UUID:
    actor.require("customer.manage")
    sealed_under = ids.uuid7()
    sealed = audiences.seal(sealed_under, _named(name), filters.check(wanted))
    with unit.work() as u:
        Audience.objects.create(id=sealed_under, sealed=sealed, created_at=now, updated_at=now)
        u.entry(_draft("audience.created", actor, sealed_under))
    return sealed_under


def change(
    *, actor: Actor, now: datetime, audience_id: UUID, name: str | None = None, wanted: dict[str, Any] | None = None
) -> None:
    """What is None stays. A campaign that runs already keeps those whom it named at its start."""
    actor.require("customer.manage")
    with unit.work() as u:
        row = _locked(audience_id)
        before = audiences.open_(row)
        kept = before.filter if wanted is None else filters.check(wanted)
        row.sealed = audiences.seal(row.id, before.name if name is None else _named(name), kept)
        row.updated_at = now
        row.save()
        u.entry(_draft("audience.changed", actor, row.id))


def delete(*, actor: Actor, now: datetime, audience_id: UUID) -> None:
    actor.require("customer.manage")
    with unit.work() as u:
        _locked(audience_id).delete()
        u.entry(_draft("audience.deleted", actor, audience_id))


def _locked(audience_id: UUID) -> Audience:
    row = Audience.objects.select_for_update().filter(id=audience_id).first()
    if row is None:
        raise not_found("audience")
    return row


def _named(name: str) -> str:
    if not 1 <= len(name.strip()) <= 100 or "\n" in name or compose.FORBIDDEN.search(name):
        raise Refusal("bad_name", "A name has 1 to 100 characters.", field="name")
    return name.strip()


def _draft(kind: str, actor: Actor, audience_id: UUID) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"audience": str(audience_id)})
