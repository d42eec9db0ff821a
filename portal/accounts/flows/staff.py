"""Members of staff: added, signed in and out. Every one of these is an entry."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from portal.accounts.models import User
from portal.kernel import unit
from portal.kernel.actors import Actor, staff
from portal.kernel.errors import Kind, Refusal

SHORTEST_PASSWORD = 12


def add(*, actor: Actor, now: datetime, email: str, name: str, role: str, password: str) -> UUID:
    """A new member of staff. The password has at least twelve characters."""
    actor.require("staff.manage")
    if role not in User.Role.values:
        raise Refusal("unknown_role", "There is no such role.", field="role")
    if len(password) < SHORTEST_PASSWORD:
        raise Refusal("weak_password", "Take a password of at least 12 characters.", field="password")
    try:
        with unit.work() as u, transaction.atomic():
            user = User(email=email.strip().lower(), name=name.strip()[:100], role=role, created_at=now)
            user.set_password(password)
            user.save(force_insert=True)
            u.entry(unit.Draft("staff.added", actor.label, codes={"staff": str(user.id), "role": role}))
    except IntegrityError as error:
        raise Refusal("email_taken", "Somebody here has this e-mail address.", Kind.CONFLICT, field="email") from error
    return user.id


def note_sign_in(*, user: User) -> None:
    """After the password was right."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.signed_in", staff(user.id, user.role).label, codes={"role": user.role}))


def note_sign_out(*, user: User) -> None:
    with unit.work() as u:
        u.entry(unit.Draft("staff.signed_out", staff(user.id, user.role).label))


def note_failed_sign_in(*, user_id: UUID | None) -> None:
    """`user_id` where the address is known here; the address itself is never written down."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.sign_in_failed", f"staff:{user_id}" if user_id else "system"))
