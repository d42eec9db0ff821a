"""Staff brought, changed and let go by the program of the business's own provider (SCIM, RFC 7644; decision 20).

Whom it brings has no password and comes in by the provider, so all of it holds only while sign-in by the provider is on. It looks
after everybody but owners: a leaked key of it shuts no owner out, and makes none. Letting go is what a colleague would do by hand
(`staff.let_go`): sessions, sockets and keys end at once, and the row stays, since entries name its id.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from portal.accounts.flows import staff
from portal.accounts.models import StaffPolicy, User
from portal.accounts.queries import provisioned, signon
from portal.accounts.rules import scim
from portal.kernel import ids, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

PROVISION = "staff.provision"


def check(actor: Actor) -> None:
    """Before anything is read or done."""
    actor.require(PROVISION)
    if signon.use() == StaffPolicy.Use.OFF:
        raise Refusal(
            "provider_off", "Sign-in by your provider is off. Whom it brings has no password: switch it on first.", Kind.FORBIDDEN
        )  # fmt: skip


def bring(*, actor: Actor, now: datetime, asked: scim.Asked) -> UUID:
    """Somebody new, in at once; or somebody who was let go, as who they were."""
    check(actor)
    if asked.email is None:
        raise scim.invalid("userName is missing.")
    role, name = asked.role or scim.LEAST, asked.name or asked.email.split("@")[0]
    try:
        with unit.work() as u:
            left = User.objects.select_for_update().filter(email=asked.email).first()
            if left is not None and provisioned.is_known(left):
                raise staff.is_there()
            user = left or User(id=ids.uuid7(), created_at=now)
            if left is not None:
                staff.may_give(actor, left.role)
            user.email, user.name, user.role = asked.email, name, role
            user.is_active, user.invited_at = asked.is_active is not False, None
            user.is_provisioned, user.external_id = True, asked.external_id or ""
            user.set_unusable_password()
            staff.check_person(user)
            staff.may_give(actor, role)
            user.save(force_insert=left is None, force_update=left is not None)
            u.entry(staff.draft("staff.added", actor, user))
    except IntegrityError as error:
        raise staff.is_there() from error
    return user.id


def change(*, actor: Actor, now: datetime, user_id: UUID, asked: scim.Asked) -> None:
    """What is said of them already changes nothing, and asks for nothing: also of an owner."""
    check(actor)
    try:
        with unit.work() as u:
            user = _locked(user_id)
            if _differs(user, asked):
                _may_touch(actor, user, asked)
                _change(u, actor, now, user, asked)
    except IntegrityError as error:
        raise staff.is_there() from error


def let_go(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """Gone for the provider. Whoever has this address may be brought again, and is who they were."""
    check(actor)
    with unit.work() as u:
        user = _locked(user_id)
        _may_touch(actor, user, scim.Asked())
        if provisioned.is_here(user):
            staff.let_go(u, actor=actor, now=now, user=user)
        user.is_provisioned, user.external_id = False, ""
        user.save(update_fields=["is_provisioned", "external_id"])


def move(*, actor: Actor, now: datetime, role: str, moves: scim.Moves) -> None:
    """People into a role and out of it, all or none. Who is taken out has the least role. Where it should be `only`
    these, it moves out whom the provider looks after, and nobody who was invited by hand."""
    check(actor)
    staff.check_role(role)
    into, out_of = moves.into, set(moves.out_of)
    if moves.only is not None:
        into = moves.only
        here = User.objects.filter(role=role, is_provisioned=True).values_list("id", flat=True)
        out_of = set(here) - moves.only
    with unit.work():
        for user_id in sorted(into | out_of):
            user = _locked(user_id, absent=scim.nobody())
            if user_id in into or user.role == role:
                wanted = role if user_id in into else scim.LEAST
                change(actor=actor, now=now, user_id=user_id, asked=scim.Asked(role=wanted))


def _change(u: unit.Unit, actor: Actor, now: datetime, user: User, asked: scim.Asked) -> None:
    is_renamed = bool({asked.email, asked.name} - {None, user.email, user.name})
    user.email, user.name = asked.email or user.email, asked.name or user.name
    user.is_provisioned = True
    user.external_id = user.external_id if asked.external_id is None else asked.external_id
    staff.check_person(user)
    user.save(update_fields=["email", "name", "is_provisioned", "external_id"])
    if is_renamed:
        u.entry(staff.draft("staff.changed", actor, user))
    if asked.role is not None and asked.role != user.role:
        staff.give_role(u, actor=actor, now=now, user=user, role=asked.role)
    if asked.is_active is False and provisioned.is_here(user):
        staff.let_go(u, actor=actor, now=now, user=user)
    elif asked.is_active and not user.is_active:
        user.is_active, user.invited_at = True, None
        user.save(update_fields=["is_active", "invited_at"])
        u.entry(staff.draft("staff.added", actor, user))


def _differs(user: User, asked: scim.Asked) -> bool:
    is_active = user.is_active if asked.is_active else provisioned.is_here(user)
    same = scim.Asked(user.email, user.name, user.role, user.external_id, is_active)
    said = {name: value for name, value in vars(asked).items() if value is not None}
    return replace(same, **said) != same


def _may_touch(actor: Actor, user: User, asked: scim.Asked) -> None:
    staff.may_give(actor, user.role)
    if asked.role is not None:
        staff.may_give(actor, asked.role)


def _locked(user_id: UUID, *, absent: Refusal | None = None) -> User:
    user = provisioned.known().select_for_update().filter(id=user_id).first()
    if user is None:
        raise absent or not_found("member of staff")
    return user
