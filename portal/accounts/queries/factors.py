"""Reading second factors: one's own, by their names."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from portal.accounts.flows import factor
from portal.accounts.models import Factor, StaffPolicy
from portal.kernel.actors import Actor


@dataclass(frozen=True)
class Shown:
    id: UUID
    kind: str
    name: str
    created_at: datetime
    used_at: datetime | None


def has_any(user_id: object) -> bool:
    return Factor.objects.in_force().filter(user_id=user_id).exists()


def has_app(user_id: object) -> bool:
    return Factor.objects.in_force().filter(user_id=user_id, kind=Factor.Kind.APP).exists()


def are_required() -> bool:
    return StaffPolicy.objects.filter(second_factor=True).exists()


def get_own_for(actor: Actor) -> list[Shown]:
    rows = Factor.objects.in_force().filter(user_id=actor.id).order_by("created_at")
    return [Shown(row.id, row.kind, factor.name_of(row), row.created_at, row.used_at) for row in rows]


def codes_left(actor: Actor) -> int:
    return Factor.objects.filter(user_id=actor.id, kind=Factor.Kind.RECOVERY, used_at__isnull=True).count()


def get_passkey_ids(user_id: object) -> list[bytes]:
    rows = Factor.objects.filter(user_id=user_id, kind=Factor.Kind.PASSKEY).order_by("created_at")
    return [bytes(handle) for handle in rows.values_list("handle", flat=True)]


def who_has_one() -> frozenset[UUID]:
    return frozenset(Factor.objects.in_force().values_list("user_id", flat=True))
