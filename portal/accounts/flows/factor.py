"""Second factors of staff: an app's codes, passkeys, recovery codes. Enrolled, used, removed.

A code is used once: its period, its row or its moment is taken by one conditional UPDATE under the person's row lock, so of ten
calls with one code nine are refused. A wrong one is counted before it is looked at, by a statement that no refusal takes back.
"""

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.accounts.flows import attempt
from portal.accounts.models import Factor, StaffPolicy, User
from portal.accounts.rules import codes
from portal.kernel import ids, keys, unit, webauthn
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal, not_found
from portal.sealing import blind

SECRET, PASSKEY, RECOVERY = "staff.factor.app", "staff.factor.passkey", "staff.factor.recovery"
MOST_PASSKEYS = 10


@dataclass(frozen=True)
class Offer:
    """An app's secret before it is confirmed: to be shown to its owner, once."""

    secret: bytes = field(repr=False)


def wrong_code() -> Refusal:
    return Refusal(
        "wrong_code", "That code is wrong, too old, or was used already.", Kind.UNAUTHENTICATED, field="code"
    )


def offer_app(*, actor: Actor, now: datetime) -> Offer:
    """A secret for a new app. It counts for nothing until a code of it was given back; the app in use stays until then."""
    with unit.work():
        user = _locked(actor)
        if Factor.objects.filter(user=user, kind=Factor.Kind.APP, confirmed_at__isnull=False).exists():
            raise Refusal("app_enrolled", "An app is set up already. Remove it first.", Kind.CONFLICT)
        Factor.objects.filter(user=user, kind=Factor.Kind.APP).delete()
        row = Factor(user=user, kind=Factor.Kind.APP, created_at=now)
        secret = os.urandom(codes.SECRET_BYTES)
        row.sealed = keys.seal_field(SECRET, row.id, secret)
        row.save(force_insert=True)
    return Offer(secret)


def pending_secret(*, actor: Actor) -> bytes:
    """What was offered and waits for its first code."""
    row = Factor.objects.filter(user_id=actor.own_id("staff"), kind=Factor.Kind.APP, confirmed_at__isnull=True).first()
    if row is None:
        raise not_found("app")
    return _secret(row)


def confirm_app(*, actor: Actor, now: datetime, code: str) -> list[str]:
    """The app works. → recovery codes, if these are the first."""
    attempt.take_proof(staff_id=actor.own_id("staff"), now=now)
    with unit.work() as u:
        user = _locked(actor)
        row = Factor.objects.filter(user=user, kind=Factor.Kind.APP, confirmed_at__isnull=True).first()
        if row is None:
            raise not_found("app")
        period = codes.period_of(_secret(row), ids.normalise_code(code), now.timestamp())
        if period is None:
            raise wrong_code()
        row.uses, row.confirmed_at, row.used_at = period, now, now
        row.save(update_fields=["uses", "confirmed_at", "used_at"])
        u.entry(_draft("staff.factor_added", actor, user, row.kind))
        made = _first_codes(u, actor, user, now)
    attempt.forgive_proof(staff_id=user.id)
    return made


def add_passkey(*, actor: Actor, now: datetime, passkey: webauthn.Passkey, name: str) -> list[str]:
    """→ recovery codes, if these are the first. The caller has checked the answer of the browser."""
    with unit.work() as u:
        user = _locked(actor)
        own = Factor.objects.filter(user=user, kind=Factor.Kind.PASSKEY)
        if own.count() >= MOST_PASSKEYS:
            raise Refusal("too_many_passkeys", f"That is more than {MOST_PASSKEYS} passkeys.", Kind.CONFLICT)
        if Factor.objects.filter(handle=passkey.id).exists():
            raise Refusal("passkey_known", "This passkey is enrolled already.", Kind.CONFLICT)
        row = Factor(user=user, kind=Factor.Kind.PASSKEY, handle=passkey.id, uses=passkey.uses)
        row.created_at = row.confirmed_at = row.used_at = now
        kept = {"name": name.strip()[:60] or "Passkey", "key": base64.b64encode(passkey.public_key).decode()}
        row.sealed = keys.seal_field(PASSKEY, row.id, json.dumps(kept).encode())
        row.save(force_insert=True)
        u.entry(_draft("staff.factor_added", actor, user, row.kind))
        return _first_codes(u, actor, user, now)


def renew_codes(*, actor: Actor, now: datetime) -> list[str]:
    """Ten new recovery codes; the old ones open nothing any more."""
    with unit.work() as u:
        user = _locked(actor)
        if not user.factors.in_force().exists():
            raise Refusal("no_factor", "Set up an app or a passkey first.", Kind.CONFLICT)
        return _new_codes(u, actor, user, now)


def remove(*, actor: Actor, now: datetime, factor_id: UUID) -> None:
    """One's own. With the last one the recovery codes go; where the business wants a second factor the last one stays."""
    with unit.work() as u:
        user = _locked(actor)
        row = user.factors.in_force().filter(id=factor_id).first()
        if row is None:
            raise not_found("second factor")
        others = user.factors.in_force().exclude(id=row.id).exists()
        if not others and StaffPolicy.objects.filter(second_factor=True).exists():
            raise Refusal(
                "factor_required", "This business wants a second factor. Set up another one first.", Kind.CONFLICT
            )
        row.delete()
        if not others:
            Factor.objects.filter(user=user).delete()
        u.entry(_draft("staff.factor_removed", actor, user, row.kind))


def remove_all(u: unit.Unit, *, actor: Actor, user: User) -> None:
    """Within the caller's unit: they left, or lost everything and are invited anew."""
    if Factor.objects.filter(user=user).delete()[0]:
        u.entry(_draft("staff.factor_removed", actor, user, "all"))


def use_code(*, actor: Actor, now: datetime, code: str) -> str:
    """A code of the app, or a recovery code. → which it was."""
    staff_id = actor.own_id("staff")
    attempt.take_proof(staff_id=staff_id, now=now)
    with unit.work():
        user, given = _locked(actor), ids.normalise_code(code)[:32]
        used = _use_app(user, given, now) if codes.CODE.fullmatch(given) else _use_recovery(user, given, now)
    if not used:
        failed(actor=actor, factor="code")
        raise wrong_code()
    attempt.forgive_proof(staff_id=staff_id)
    return used


def use_passkey(
    *, actor: Actor, now: datetime, site: webauthn.Site, challenge: str, asked_at: datetime, handle: bytes,
    answer: dict[str, bytes],
) -> str:  # fmt: skip
    """`challenge` was made for this person at `asked_at`; what was used since then was used with it, or with a later one."""
    try:
        with unit.work():
            user = _locked(actor)
            row = Factor.objects.filter(user=user, kind=Factor.Kind.PASSKEY, handle=handle).first()
            if row is None or (row.used_at is not None and asked_at <= row.used_at):
                raise webauthn.bad_passkey()
            row.uses = webauthn.asserted(
                site=site, challenge=challenge, public_key=_public_key(row), uses=row.uses, **answer
            )
            row.used_at = now
            row.save(update_fields=["uses", "used_at"])
    except Refusal:
        failed(actor=actor, factor="passkey")
        raise
    return Factor.Kind.PASSKEY.value


def failed(*, actor: Actor, factor: str) -> None:
    """Somebody who knows the password, or sits at an open page, could not go on."""
    with unit.work() as u:
        u.entry(unit.Draft("staff.proof_failed", actor.label, codes={"factor": factor}))


def name_of(row: Factor) -> str:
    if row.kind != Factor.Kind.PASSKEY:
        return "App that makes codes"
    return str(_kept(row)["name"])


def _use_app(user: User, code: str, now: datetime) -> str:
    row = Factor.objects.filter(user=user, kind=Factor.Kind.APP, confirmed_at__isnull=False).first()
    period = codes.period_of(_secret(row), code, now.timestamp()) if row else None
    if row is None or period is None:
        return ""
    fresh = Factor.objects.filter(id=row.id, uses__lt=period).update(uses=period, used_at=now)
    return Factor.Kind.APP.value if fresh else ""


def _use_recovery(user: User, code: str, now: datetime) -> str:
    unused = Factor.objects.filter(user=user, kind=Factor.Kind.RECOVERY, used_at__isnull=True)
    return Factor.Kind.RECOVERY.value if unused.filter(handle=_digest(user, code)).update(used_at=now) else ""


def _first_codes(u: unit.Unit, actor: Actor, user: User, now: datetime) -> list[str]:
    has_some = Factor.objects.filter(user=user, kind=Factor.Kind.RECOVERY).exists()
    return [] if has_some else _new_codes(u, actor, user, now)


def _new_codes(u: unit.Unit, actor: Actor, user: User, now: datetime) -> list[str]:
    made = [ids.code() for _ in range(codes.RECOVERY_CODES)]
    Factor.objects.filter(user=user, kind=Factor.Kind.RECOVERY).delete()
    Factor.objects.bulk_create(
        Factor(user=user, kind=Factor.Kind.RECOVERY, handle=_digest(user, code), created_at=now, confirmed_at=now)
        for code in made
    )
    u.entry(_draft("staff.factor_added", actor, user, "recovery"))
    return made


def _draft(kind: str, actor: Actor, user: User, factor: str) -> unit.Draft:
    return unit.Draft(kind, actor.label, codes={"staff": str(user.id), "factor": factor})


def _locked(actor: Actor) -> User:
    """The person's row: of two uses at once the second sees what the first took."""
    user = User.objects.select_for_update().filter(id=actor.own_id("staff"), is_active=True).first()
    if user is None:
        raise not_found("member of staff")
    return user


def _secret(row: Factor) -> bytes:
    return keys.open_field(SECRET, row.id, row.sealed)


def _kept(row: Factor) -> dict[str, str]:
    return dict(json.loads(keys.open_field(PASSKEY, row.id, row.sealed)))


def _public_key(row: Factor) -> bytes:
    return base64.b64decode(_kept(row)["key"])


def _digest(user: User, code: str) -> bytes:
    return blind.index(keys.business_key(), RECOVERY, f"{user.id}:{code}")
