"""Staff: added, given another role, let go. An account is never deleted, since entries name its id."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from archive.flows import officer, unlock
from portal.accounts.models import User
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found


def add(*, actor: Actor, now: datetime, email: str, name: str, role: str, password: str) -> UUID:
    """A new member of staff who signs in with this password at once."""
    actor.require("staff.manage")
    user = User(id=ids.uuid7(), email=email.strip().lower(), name=name.strip(), role=role, created_at=now)
    _check(user, password)
    user.set_password(password)
    with unit.work() as u:
        if User.objects.filter(email=user.email).exists():
            raise Refusal("staff_exists", "This e-mail address is staff already.", Kind.CONFLICT, field="email")
        user.save(force_insert=True)
        u.entry(_draft("staff.added", actor, user))
    return user.id


def change_role(*, actor: Actor, now: datetime, user_id: UUID, role: str) -> None:
    actor.require("staff.manage")
    _check_role(role)
    with unit.work() as u:
        user = _locked(user_id)
        if role != User.Role.OWNER:
            _keep_an_owner(user)
        user.role = role
        user.save(update_fields=["role"])
        unlock.close_all(actor=actor, now=now, staff_id=user.id)
        u.entry(_draft("staff.changed", actor, user))
        if not user.actor.may("archive.open"):
            officer.dismiss(actor=actor, now=now, staff_id=user.id)


def remove(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """They cannot sign in any more, and what they have open ends with their next request."""
    actor.require("staff.manage")
    with unit.work() as u:
        user = _locked(user_id)
        _keep_an_owner(user)
        user.is_active = False
        user.set_unusable_password()
        user.save(update_fields=["is_active", "password"])
        unlock.close_all(actor=actor, now=now, staff_id=user.id)
        u.entry(_draft("staff.removed", actor, user))
        officer.dismiss(actor=actor, now=now, staff_id=user.id)


def set_password(*, actor: Actor, now: datetime, user_id: UUID, password: str) -> None:
    """One's own, or somebody's by whoever manages staff. Every other session of theirs ends."""
    if actor.id != user_id:
        actor.require("staff.manage")
    with unit.work() as u:
        user = _locked(user_id)
        _check_password(password, user)
        user.set_password(password)
        user.save(update_fields=["password"])
        unlock.close_all(actor=actor, now=now, staff_id=user.id)
        u.entry(_draft("staff.changed", actor, user))


def _draft(kind: str, actor: Actor, user: User) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"staff": str(user.id), "role": user.role})


def _locked(user_id: UUID) -> User:
    """All owners are locked with them, in one order: two owners who remove each other at once would leave none."""
    rows = User.objects.select_for_update().order_by("id")
    owners = {owner.id: owner for owner in rows.filter(role=User.Role.OWNER, is_active=True)}
    user = owners.get(user_id) or rows.filter(id=user_id, is_active=True).first()
    if user is None:
        raise not_found("member of staff")
    return user


def _keep_an_owner(user: User) -> None:
    others = User.objects.filter(role=User.Role.OWNER, is_active=True).exclude(id=user.id)
    if user.role == User.Role.OWNER and not others.exists():
        raise Refusal(
            "last_owner", "A business keeps at least one owner. Make somebody else an owner first.", Kind.CONFLICT
        )


def _check(user: User, password: str) -> None:
    _check_role(user.role)
    if not user.name:
        raise Refusal("name_missing", "Give a name.", field="name")
    try:
        validate_email(user.email)
    except ValidationError:
        raise Refusal("invalid_email", "That is not an e-mail address.", field="email") from None
    _check_password(password, user)


def _check_role(role: str) -> None:
    if role not in User.Role.values:
        raise Refusal("unknown_role", "There is no such role.", field="role")


def _check_password(password: str, user: User) -> None:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Refusal("weak_password", " ".join(error.messages), field="password") from None
