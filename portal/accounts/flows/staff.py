"""Staff: added, given another role, let go. An account is never deleted, since entries name its id.

Nobody reaches above themself: a role is given, taken away and let in again only by who may give it (`roles.given_by`), and each
act looks at the role the person has *under their row's lock* as well as at the one they are to get.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q

from archive.flows import officer, unlock
from portal.accounts.flows import attempt, factor, key, session, wayback
from portal.accounts.models import User
from portal.kernel import ids, roles, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found

INVITED_FOR = timedelta(days=7)


def add(*, actor: Actor, now: datetime, email: str, name: str, role: str, password: str) -> UUID:
    """A new member of staff who signs in with this password at once."""
    actor.require("staff.manage")
    user = User(id=ids.uuid7(), email=email.strip().lower(), name=name.strip(), role=role, created_at=now)
    _check(user, password)
    may_give(actor, role)
    user.set_password(password)
    with unit.work() as u:
        if User.objects.filter(email=user.email).exists():
            raise is_there()
        user.save(force_insert=True)
        u.entry(draft("staff.added", actor, user))
    return user.id


def change_role(*, actor: Actor, now: datetime, user_id: UUID, role: str) -> None:
    actor.require("staff.manage")
    check_role(role)
    may_give(actor, role)
    with unit.work() as u:
        user = _locked(user_id)
        may_give(actor, user.role)
        if role != User.Role.OWNER:
            _keep_an_owner(user)
        give_role(u, actor=actor, now=now, user=user, role=role)


def give_role(u: unit.Unit, *, actor: Actor, now: datetime, user: User, role: str) -> None:
    """Within the caller's unit, which holds the row and has looked whether it may be. What the new role does not allow ends."""
    user.role = role
    user.save(update_fields=["role"])
    wayback.void(actor=actor, user_id=user.id)
    unlock.close_all(actor=actor, now=now, staff_id=user.id)
    u.entry(draft("staff.changed", actor, user))
    may = user.actor.permissions if user.actor.may("key.manage") else frozenset()
    key.revoke_all_of(u, actor=actor, now=now, staff_id=user.id, but_within=may)
    if not user.actor.may("archive.open"):
        officer.dismiss(actor=actor, now=now, staff_id=user.id)


def remove(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """They cannot sign in any more. What they have open ends at once: sessions, and with the entry their sockets; the keys they
    made open nothing half a second later, the time an answer about one may be remembered. An invitation that waits is void."""
    actor.require("staff.manage")
    with unit.work() as u:
        user = _locked(user_id, invited=True)
        may_give(actor, user.role)
        _keep_an_owner(user)
        let_go(u, actor=actor, now=now, user=user)


def let_go(u: unit.Unit, *, actor: Actor, now: datetime, user: User) -> None:
    """Within the caller's unit, which holds the row and has looked whether it may be."""
    _shut(u, actor, now, user, invited_at=None)
    u.entry(draft("staff.removed", actor, user))
    officer.dismiss(actor=actor, now=now, staff_id=user.id)


def invite(*, actor: Actor, now: datetime, email: str, name: str, role: str) -> UUID:
    """Somebody who chooses a password of their own by a link (`queries.invitations.token_for`). Who was let go comes back as who
    they were: entries name their id."""
    actor.require("staff.manage")
    user = User(id=ids.uuid7(), email=email.strip().lower(), name=name.strip(), role=role, created_at=now)
    check_person(user)
    may_give(actor, role)
    with unit.work() as u:
        left = User.objects.select_for_update().filter(email=user.email).first()
        if left is not None and (left.is_active or left.invited_at is not None):
            raise is_there()
        if left is not None:
            may_give(actor, left.role)  # what they wrote is theirs to read: who comes back is who they were
            user.id, user.created_at, user.last_login = left.id, left.created_at, left.last_login
        user.is_active, user.invited_at = False, now
        user.set_unusable_password()
        user.save(force_insert=left is None, force_update=left is not None)
        u.entry(draft("staff.invited", actor, user))
    return user.id


def invite_again(*, actor: Actor, now: datetime, user_id: UUID) -> None:
    """A new link; older ones are void. Who was in already lost everything: password, second factors, sessions and the keys they
    made go."""
    actor.require("staff.manage")
    if actor.id == user_id:
        raise Refusal("not_yourself", "Somebody else lets you in again.", Kind.CONFLICT)
    with unit.work() as u:
        user = _locked(user_id, invited=True)
        may_give(actor, user.role)
        _keep_an_owner(user)
        _shut(u, actor, now, user, invited_at=now)
        u.entry(draft("staff.invited", actor, user))


def join(*, now: datetime, user_id: UUID, invited_at: datetime, password: str) -> None:
    """By the link. It opens once, for a week, and only the newest one does."""
    attempt.take_invitation(staff_id=user_id, invited_at=invited_at, now=now)
    actor = Actor("staff", user_id)
    with unit.work() as u:
        user = User.objects.select_for_update().filter(id=user_id, invited_at=invited_at).first()
        is_good = user is not None and _opens(user, invited_at, now)
        if user is None or not is_good:
            u.entry(unit.Draft("staff.invitation_refused", actor.label, codes={"staff": str(user_id)}))
        else:
            _check_password(password, user)
            if user.is_active:  # a way back: what opened before opens nothing now
                _shut(u, actor, now, user, invited_at=None)
            user.is_active, user.invited_at = True, None
            user.set_password(password)
            user.save(update_fields=["is_active", "invited_at", "password"])
            u.entry(draft("staff.joined", actor, user))
    if user is not None and now < invited_at:
        raise Refusal("invitation_waits", f"This link opens {invited_at:%-d %B %Y, %H:%M} UTC.", Kind.CONFLICT)
    if not is_good:  # after the commit, so that the entry stays
        raise invitation_over()


def _opens(user: User, invited_at: datetime, now: datetime) -> bool:
    """A way back (`wayback`) lies ahead at first, and is looked at once more; an invitation is for who is not in."""
    in_time = invited_at <= now < invited_at + INVITED_FOR
    return in_time and (not user.is_active or wayback.is_still_wanted(user))


def is_invited(user: User, now: datetime) -> bool:
    return not user.is_active and user.invited_at is not None and now < user.invited_at + INVITED_FOR


def join_by_provider(u: unit.Unit, user: User) -> None:
    """Within the caller's unit, which holds the row: the business's own provider vouches for them. They have no password."""
    user.is_active, user.invited_at = True, None
    user.save(update_fields=["is_active", "invited_at"])
    u.entry(draft("staff.joined", Actor("staff", user.id), user))


def see_news(*, actor: Actor, now: datetime, upto: datetime) -> None:
    """They have seen their notifications up to that instant, never one to come. Their own matter: not an entry."""
    seen = min(upto, now)
    earlier = Q(news_seen_at__isnull=True) | Q(news_seen_at__lt=seen)
    User.objects.filter(earlier, id=actor.own_id("staff")).update(news_seen_at=seen)


def invitation_over() -> Refusal:
    return Refusal(
        "invitation_over", "This invitation was used already, or is over. Ask whoever invited you for a new one.", Kind.GONE
    )  # fmt: skip


def _shut(u: unit.Unit, actor: Actor, now: datetime, user: User, *, invited_at: datetime | None) -> None:
    """No password, no session, no second factor, no key that they made, no open archive; unknown to the provider's id of them."""
    user.is_active, user.invited_at, user.provider_subject = False, invited_at, None
    user.set_unusable_password()
    user.save(update_fields=["is_active", "invited_at", "password", "provider_subject"])
    session.end_all(staff_id=user.id)
    factor.remove_all(u, actor=actor, user=user)
    key.revoke_all_of(u, actor=actor, now=now, staff_id=user.id)
    unlock.close_all(actor=actor, now=now, staff_id=user.id)


def set_password(*, actor: Actor, now: datetime, user_id: UUID, password: str) -> None:
    """One's own, or somebody's by whoever manages staff. Every other session of theirs ends."""
    if actor.id != user_id:
        actor.require("staff.manage")
    with unit.work() as u:
        user = _locked(user_id)
        if actor.id != user_id:
            may_give(actor, user.role)
        _check_password(password, user)
        user.set_password(password)
        user.save(update_fields=["password"])
        wayback.void(actor=actor, user_id=user.id)
        unlock.close_all(actor=actor, now=now, staff_id=user.id)
        u.entry(draft("staff.changed", actor, user))


def is_there() -> Refusal:
    return Refusal("staff_exists", "This e-mail address is staff already.", Kind.CONFLICT, field="email")


def beyond_you() -> Refusal:
    return Refusal(
        "role_beyond_you", "Your role does not decide about this one. Ask an owner of this business.", Kind.FORBIDDEN, field="role"
    )  # fmt: skip


def may_give(actor: Actor, role: str) -> None:
    if role not in roles.given_by(actor.permissions):
        raise beyond_you()


def draft(kind: str, actor: Actor, user: User, **codes: bool) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"staff": str(user.id), "role": user.role, **codes})


def lock(user_ids: Iterable[UUID]) -> dict[UUID, User]:
    """Of several at once, in the order that every act takes: the owners, then the others by their id. → by id, who is there."""
    rows = User.objects.select_for_update().order_by("id")
    owners = {owner.id: owner for owner in rows.filter(role=User.Role.OWNER, is_active=True)}
    wanted = set(user_ids)
    found = owners | {user.id: user for user in rows.filter(id__in=wanted - set(owners))}
    return {user_id: user for user_id, user in found.items() if user_id in wanted}


def _locked(user_id: UUID, *, invited: bool = False) -> User:
    """All owners are locked with them: two owners who remove each other at once would leave none. `invited`: also who did not come
    yet."""
    user = lock([user_id]).get(user_id)
    if user is None or not (user.is_active or (invited and user.invited_at is not None)):
        raise not_found("member of staff")
    return user


def _keep_an_owner(user: User) -> None:
    others = User.objects.filter(role=User.Role.OWNER, is_active=True).exclude(id=user.id)
    if user.role == User.Role.OWNER and user.is_active and not others.exists():
        raise Refusal(
            "last_owner", "A business keeps at least one owner. Make somebody else an owner first.", Kind.CONFLICT
        )


def _check(user: User, password: str) -> None:
    check_person(user)
    _check_password(password, user)


def check_person(user: User) -> None:
    check_role(user.role)
    if not user.name:
        raise Refusal("name_missing", "Give a name.", field="name")
    try:
        validate_email(user.email)
    except ValidationError:
        raise Refusal("invalid_email", "That is not an e-mail address.", field="email") from None


def check_role(role: str) -> None:
    if role not in User.Role.values:
        raise Refusal("unknown_role", "There is no such role.", field="role")


def _check_password(password: str, user: User) -> None:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise Refusal("weak_password", " ".join(error.messages), field="password") from None
