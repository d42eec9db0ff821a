"""Signing in and out, as the ledger sees it."""

from datetime import datetime

from archive.flows import unlock
from portal.accounts.models import User
from portal.kernel import actors, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import not_found


def signed_in(*, actor: Actor, now: datetime, by: str = "password") -> None:
    """Written before the session exists: nobody is signed in without an entry that says so."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.signed_in", actor.label, codes={"by": by}))


def signed_out(*, actor: Actor, now: datetime, session_key: str = "") -> None:
    """The archive that was open in this session is locked with it."""
    with unit.work() as u:
        if session_key:
            unlock.close(actor=actor, now=now, session_key=session_key)
        u.entry(unit.Draft("staff.signed_out", actor.label))


def failed(*, email: str, now: datetime) -> None:
    """A wrong password, or nobody of that name. The entry names who was meant, if anybody, not what was typed."""
    found = User.objects.filter(email__iexact=email).values_list("id", flat=True).first()
    with unit.work() as u:
        label = Actor("staff", found).label if found else actors.SYSTEM.label
        u.entry(unit.Draft("staff.sign_in_failed", label, codes={"known": found is not None}))


def actor_of(user: object) -> Actor:
    """Whoever Django says is signed in: here only ever a User."""
    if not isinstance(user, User):
        raise not_found("member of staff")
    return actors.staff(user.id, user.role)
