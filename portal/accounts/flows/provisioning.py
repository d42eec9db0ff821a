"""Staff brought, changed and let go by the program of the business's own provider (SCIM, RFC 7644; decision 20).

Whom it brings has no password and comes in by the provider, so all of it holds only while sign-in by the provider is on. It looks
after everybody but owners: a leaked key of it shuts no owner out, and makes none. Nor does it take the only key to the archive, or
the address of somebody who signs in with a password. Letting go is what a colleague would do by hand (`staff.let_go`): sessions,
sockets and keys end at once, and the row stays, since entries name its id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from archive.flows import officer
from portal.accounts.flows import staff
from portal.accounts.models import StaffPolicy, User
from portal.accounts.queries import provisioned, signon
from portal.accounts.rules import scim
from portal.kernel import actors, ids, unit
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
    with _one_address(), unit.work() as u:
        left = User.objects.select_for_update().filter(email=asked.email).first()
        if left is not None and provisioned.is_known(left):
            raise staff.is_there()
        user = left or User(id=ids.uuid7(), created_at=now)
        if left is not None:
            staff.may_give(actor, left.role)
        user.email, user.name = asked.email, asked.name or asked.email.split("@")[0]
        user.role = asked.role or scim.LEAST
        user.given_name, user.family_name = asked.given_name or "", asked.family_name or ""
        user.is_active, user.invited_at = asked.is_active is not False, None
        user.is_provisioned, user.external_id = True, asked.external_id or ""
        user.set_unusable_password()
        staff.check_person(user)
        staff.may_give(actor, user.role)
        user.save(force_insert=left is None, force_update=left is not None)
        u.entry(staff.draft("staff.added" if user.is_active else "staff.changed", actor, user))
    return user.id


def change(*, actor: Actor, now: datetime, user_id: UUID, asked: scim.Asked) -> None:
    """What is so already changes nothing, writes no entry, and is refused to nobody: providers say all of it again and again."""
    check(actor)
    with _one_address(), unit.work() as u:
        user = _held(user_id)
        _change(u, actor, now, user, asked)


def let_go(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """Gone for the provider. Whoever has this address may be brought again, and is who they were."""
    check(actor)
    with unit.work() as u:
        user = _held(user_id)
        if provisioned.is_here(user):
            _end(u, actor, now, user)
        user.is_provisioned, user.external_id = False, ""
        user.save(update_fields=["is_provisioned", "external_id"])


def move(*, actor: Actor, now: datetime, role: str, moves: scim.Moves) -> None:
    """People into a role and out of it, all or none. Who is taken out has the least role. Where it should be `only` these, it moves
    out whom the provider looks after, and nobody who was invited by hand. Whom nobody knows is out of it already."""
    check(actor)
    staff.check_role(role)
    into, out_of = moves.into, set(moves.out_of)
    if moves.only is not None:
        into = moves.only
        here = User.objects.filter(role=role, is_provisioned=True).values_list("id", flat=True)
        out_of = set(here) - moves.only
    with unit.work() as u:
        known = {pk: user for pk, user in staff.lock(into | out_of).items() if provisioned.is_known(user)}
        if not moves.into <= set(known):
            raise scim.nobody()
        for pk, user in sorted(known.items()):
            asked = scim.Asked(role=role) if pk in into else scim.Asked(not_role=role)
            _change(u, actor, now, user, asked)


def _held(user_id: UUID) -> User:
    user = staff.lock([user_id]).get(user_id)
    if user is None or not provisioned.is_known(user):
        raise not_found("member of staff")
    return user


def _change(u: unit.Unit, actor: Actor, now: datetime, user: User, asked: scim.Asked) -> None:
    """Of somebody whose row is held: what is said and is not so yet."""
    _rename(u, actor, user, asked)
    if asked.external_id is not None or user.role != User.Role.OWNER:
        user.external_id = user.external_id if asked.external_id is None else asked.external_id
        user.is_provisioned = user.role != User.Role.OWNER
        user.save(update_fields=["external_id", "is_provisioned"])
    role = asked.role or (scim.LEAST if asked.not_role == user.role else user.role)
    if role != user.role:
        _may(actor, user, role)
        if not actors.staff(user.id, role).may("archive.open"):
            officer.keep_one(staff_id=user.id)
        staff.give_role(u, actor=actor, now=now, user=user, role=role)
    if asked.is_active is False and provisioned.is_here(user):
        _end(u, actor, now, user)
    elif asked.is_active and not user.is_active:
        _may(actor, user)
        user.is_active, user.invited_at = True, None
        user.save(update_fields=["is_active", "invited_at"])
        u.entry(staff.draft("staff.added", actor, user))


def _rename(u: unit.Unit, actor: Actor, user: User, asked: scim.Asked) -> None:
    """Address and name. A new part of a name makes a new whole where the old one was made of the parts, and no whole is said."""
    before = (user.email, user.name, user.given_name, user.family_name)
    was_of_parts = user.name == f"{user.given_name} {user.family_name}"
    if user.role != User.Role.OWNER:  # of whom the name as a whole alone is compared
        user.given_name = user.given_name if asked.given_name is None else asked.given_name
        user.family_name = user.family_name if asked.family_name is None else asked.family_name
    if asked.name and asked.name != user.name:
        user.name = asked.name
    elif was_of_parts and user.given_name and user.family_name:
        user.name = f"{user.given_name} {user.family_name}"[: scim.LONGEST_NAME]
    user.email = asked.email or user.email
    if (user.email, user.name, user.given_name, user.family_name) == before:
        return
    _may(actor, user)
    is_other = user.email != before[0]
    if is_other and user.has_usable_password() and user.provider_subject is None:
        raise Refusal(
            "address_by_hand", "They sign in with a password under their address, and never came by the provider: it stays theirs.",
            Kind.FORBIDDEN, field="email",
        )  # fmt: skip
    staff.check_person(user)
    user.save(update_fields=["email", "name", "given_name", "family_name"])
    u.entry(staff.draft("staff.changed", actor, user, address=is_other))


def _end(u: unit.Unit, actor: Actor, now: datetime, user: User) -> None:
    _may(actor, user)
    officer.keep_one(staff_id=user.id)
    staff.let_go(u, actor=actor, now=now, user=user)


def _may(actor: Actor, user: User, role: str | None = None) -> None:
    for one in {user.role, role or user.role}:
        staff.may_give(actor, one)


@contextmanager
def _one_address() -> Iterator[None]:
    """Two at once who take one address: the second is refused like one who came later."""
    try:
        yield
    except IntegrityError as error:
        raise staff.is_there() from error
