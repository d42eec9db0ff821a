"""What the archive asks about staff; registered with `archive.queries.colleagues` at start."""

from uuid import UUID

from portal.accounts.models import ApiKey, User
from portal.kernel import roles
from portal.kernel.actors import Actor

DECIDE = "approval.decide"


def deciders(permission: str) -> frozenset[UUID]:
    wanted = [role for role, may in roles.MATRIX.items() if {permission, DECIDE} <= may]
    return frozenset(User.objects.filter(is_active=True, role__in=wanted).values_list("id", flat=True))


def actor_of(person: UUID) -> Actor | None:
    user = User.objects.filter(id=person, is_active=True).first()
    return user.actor if user else None


def behind(actor: Actor) -> UUID | None:
    if actor.kind == "key":
        return ApiKey.objects.filter(id=actor.id).values_list("created_by", flat=True).first()
    return actor.id if actor.kind == "staff" else None


def owner_addresses() -> list[str]:
    owners = User.objects.filter(is_active=True, role=User.Role.OWNER)
    return list(owners.order_by("id").values_list("email", flat=True))


def officers() -> dict[UUID, str]:
    return _names_of("archive.open")


def reviewers() -> dict[UUID, str]:
    return _names_of("archive.review")


def _names_of(permission: str) -> dict[UUID, str]:
    allowed = [role for role, may in roles.MATRIX.items() if permission in may]
    return dict(User.objects.filter(is_active=True, role__in=allowed).order_by("name").values_list("id", "name"))
