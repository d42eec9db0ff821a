"""Sign-in by the business's own provider: set up, tried, used, refused.

A provider opens the door only to people who are staff already, or were invited: found the first time by an e-mail address that it
vouches for, and by its own id of them (`sub`) from then on, of which a keyed hash is kept. Nobody is made by a token.
"""

from datetime import datetime
from uuid import UUID

from portal.accounts.flows import staff
from portal.accounts.models import StaffPolicy, User
from portal.accounts.rules import oidc
from portal.kernel import actors, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import blind


def change(*, actor: Actor, now: datetime, issuer: str, client_id: str, secret: str | None) -> None:
    """`secret`: None keeps the one that is there. Another issuer or client is off until it was tried; with another issuer, who is
    who there is learnt anew."""
    actor.require("business.govern")
    _check_client(client_id, secret)
    with unit.work() as u:
        row = _locked()
        is_other_issuer, is_other = row.issuer != issuer, (row.issuer, row.client_id) != (issuer, client_id)
        row.issuer, row.client_id = issuer, client_id
        if secret is not None:
            row.client_secret = secret
        if is_other:
            row.provider_use, row.provider_tried_at = StaffPolicy.Use.OFF, None
        if is_other_issuer:
            User.objects.filter(provider_subject__isnull=False).update(provider_subject=None)
        row.save()
        u.entry(_changed(actor, row, secret=secret is not None, issuer=is_other_issuer))


def use(*, actor: Actor, now: datetime, wanted: str, trusts_factor: bool) -> None:
    """Off, beside passwords, or alone. Owners keep a password in any case: whoever switches it on alone has one."""
    actor.require("business.govern")
    if wanted not in StaffPolicy.Use.values:
        raise Refusal("unknown_use", "There is no such choice.", field="use")
    with unit.work() as u:
        row = _locked()
        if wanted != StaffPolicy.Use.OFF and row.provider_tried_at is None:
            raise Refusal("provider_untried", "Try it first: what never worked is not switched on.", Kind.CONFLICT)
        if wanted == StaffPolicy.Use.ONLY and not _has_password(actor):
            raise Refusal(
                "password_missing", "Set a password of your own first: it is the way in when the provider fails.", Kind.CONFLICT
            )  # fmt: skip
        row.provider_use, row.trusts_provider = wanted, trusts_factor
        row.save()
        u.entry(_changed(actor, row, secret=False, issuer=False))


def tried(*, actor: Actor, now: datetime, issuer: str, client_id: str) -> None:
    """A try came back whole. It counts for the settings that it was made with."""
    actor.require("business.govern")
    with unit.work() as u:
        StaffPolicy.objects.filter(id=1, issuer=issuer, client_id=client_id).update(provider_tried_at=now)
        u.entry(unit.Draft("staff.provider_tried", actor.label, codes={"why": "worked"}))


def try_failed(*, actor: Actor, why: str) -> None:
    actor.require("business.govern")
    with unit.work() as u:
        u.entry(unit.Draft("staff.provider_tried", actor.label, codes={"why": why}))


def come(*, now: datetime, person: oidc.Person) -> User:
    """Whom the provider vouches for, as staff. The first time they are bound to its id of them; who was invited joins."""
    subject = _subject(person)
    with unit.work() as u:
        user = User.objects.select_for_update().filter(provider_subject=subject).first()
        if user is None:
            user = _first_time(u, now, person, subject)
        if not user.is_active:
            raise oidc.not_taken("nobody_here")
    return user


def check_same(*, actor: Actor, person: oidc.Person) -> None:
    """Before something dangerous: it is who is signed in, and nobody else."""
    same = User.objects.filter(id=actor.own_id("staff"), is_active=True, provider_subject=_subject(person))
    if not same.exists():
        raise oidc.not_taken("another_person")


def refused(*, why: str, person: oidc.Person | None = None, actor: Actor | None = None) -> None:
    """The entry names who is meant, if that is anybody; never what the provider said of them."""
    label = actor.label if actor else _label_of(person)
    with unit.work() as u:
        u.entry(unit.Draft("staff.sign_in_refused", label, codes={"by": "provider", "why": why}))


def password_refused(*, staff_id: UUID) -> None:
    """The right password, of somebody who has to come by the provider."""
    with unit.work() as u:
        u.entry(unit.Draft(
            "staff.sign_in_refused", Actor("staff", staff_id).label, codes={"by": "password", "why": "provider_only"}
        ))  # fmt: skip


def _first_time(u: unit.Unit, now: datetime, person: oidc.Person, subject: bytes) -> User:
    if not person.email:
        raise oidc.not_taken("email_missing")
    if not person.has_verified_email:
        raise oidc.not_taken("email_unverified")
    user = User.objects.select_for_update().filter(email=person.email).first()
    if user is None or not (user.is_active or staff.is_invited(user, now)):
        raise oidc.not_taken("nobody_here")
    if user.provider_subject is not None and bytes(user.provider_subject) != subject:
        raise oidc.not_taken("bound_elsewhere")
    if not user.is_active:
        staff.join_by_provider(u, user)
    user.provider_subject = subject
    user.save(update_fields=["provider_subject"])
    u.entry(unit.Draft("staff.provider_bound", Actor("staff", user.id).label))
    return user


def _label_of(person: oidc.Person | None) -> str:
    if person is None:
        return actors.SYSTEM.label
    known = User.objects.filter(provider_subject=_subject(person)).first()
    if known is None and person.has_verified_email:
        known = User.objects.filter(email=person.email).first()
    return Actor("staff", known.id).label if known else actors.SYSTEM.label


def _subject(person: oidc.Person) -> bytes:
    return blind.index(keys.business_key(), "staff/provider", f"{person.issuer}\n{person.subject}")


def _locked() -> StaffPolicy:
    StaffPolicy.objects.get_or_create(id=1)
    return StaffPolicy.objects.select_for_update().get(id=1)


def _has_password(actor: Actor) -> bool:
    return User.objects.get(id=actor.own_id("staff")).has_usable_password()


def _check_client(client_id: str, secret: str | None) -> None:
    if not 0 < len(client_id) <= oidc.LONGEST or not client_id.isprintable():
        raise Refusal(
            "client_missing", "Give the client id that the provider shows, up to 200 characters.", field="client_id"
        )
    if secret is not None and (len(secret) > 500 or not secret.isprintable()):
        raise Refusal("bad_secret", "A client secret has up to 500 characters, all on one line.", field="secret")


def _changed(actor: Actor, row: StaffPolicy, *, secret: bool, issuer: bool) -> unit.Draft:
    return unit.Draft("staff.provider_changed", actor.label, codes={
        "use": row.provider_use, "trusts_factor": row.trusts_provider, "issuer_changed": issuer, "secret_changed": secret,
    })  # fmt: skip
