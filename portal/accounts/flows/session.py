"""Signing in and out, as the ledger sees it."""

from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import unlock
from portal.accounts.flows import attempt, factor, wayback
from portal.accounts.models import Session, User
from portal.kernel import actors, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found
from portal.sealing import blind

ADDRESS = "staff.session.address"
TOUCHED_EVERY = timedelta(minutes=1)


def signed_in(*, actor: Actor, now: datetime, by: str = "password", factor: str = "") -> None:
    """Written before the session exists: nobody is signed in without an entry that says so."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.signed_in", actor.label, codes={"by": by, "factor": factor or "none"}))
        wayback.void(actor=actor, user_id=actor.own_id("staff"))


def begin(*, actor: Actor, now: datetime, key: str, address: str, browser: str) -> None:
    """Where it was signed in from, for the list that its owner looks at. `browser` is a code."""
    sealed = keys.seal_field(ADDRESS, actor.own_id("staff"), address.encode())
    Session.objects.filter(session_key=key).update(
        sealed_address=sealed, browser=browser, signed_in_at=now, used_at=now
    )


def touch(*, row: Session, now: datetime) -> None:
    """It is in use: written once a minute at most."""
    if row.used_at is not None and row.used_at <= now - TOUCHED_EVERY:
        Session.objects.filter(session_key=row.session_key).update(used_at=now)


def renew(*, key: str, renewed_key: str) -> bool:
    """The same row under another key, with the archive that is open in it: what was known of the old key opens nothing. False:
    there is no such row."""
    with unit.work():
        unlock.follow(session_key=key, renewed_key=renewed_key)
        return bool(Session.objects.filter(session_key=key).update(session_key=renewed_key))


def check_password(*, actor: Actor, now: datetime, password: str) -> str:
    """Their password once more. A try is counted before it is looked at, as a code's is."""
    staff_id = actor.own_id("staff")
    attempt.take_proof(staff_id=staff_id, now=now)
    user = User.objects.filter(id=staff_id, is_active=True).first()
    if user is None or not user.check_password(password):
        factor.failed(actor=actor, factor="password")
        raise Refusal("wrong_password", "That is not your password.", Kind.UNAUTHENTICATED, field="password")
    attempt.forgive_proof(staff_id=staff_id)
    return "password"


def confirmed(*, actor: Actor, now: datetime, by: str) -> None:
    """They gave a password or a second factor again, before something dangerous."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.confirmed", actor.label, codes={"factor": by}))


def end(*, actor: Actor, now: datetime, session_id: str, own_key: str) -> None:
    """One of one's own other sessions, named by `name_of`."""
    for row in Session.objects.filter(user_id=actor.own_id("staff")).exclude(session_key=own_key):
        if name_of(row.session_key) == session_id:
            return _end(actor, now, [row])
    raise not_found("session")


def end_others(*, actor: Actor, now: datetime, own_key: str) -> None:
    rows = list(Session.objects.filter(user_id=actor.own_id("staff")).exclude(session_key=own_key))
    if rows:
        _end(actor, now, rows)


def end_everybody(*, actor: Actor, now: datetime, own_key: str) -> int:
    """Everybody's sessions but this one, with every archive that is open in them. → how many ended"""
    actor.require("business.govern")
    rows = list(Session.objects.exclude(session_key=own_key))
    if rows:
        _end(actor, now, rows)
    return len(rows)


def end_all(*, staff_id: UUID) -> int:
    """Within the caller's unit, whose entry says why."""
    return Session.objects.filter(user_id=staff_id).delete()[0]


def name_of(key: str) -> str:
    """How a page names a session: its key would be the session itself."""
    return blind.index(keys.business_key(), "session", key).hex()


def _end(actor: Actor, now: datetime, rows: list[Session]) -> None:
    with unit.work() as u:
        for row in rows:
            unlock.close(actor=actor, now=now, session_key=row.session_key)
        count = Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()[0]
        u.entry(unit.Draft("staff.sessions_ended", actor.label, codes={"sessions": count}))


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
