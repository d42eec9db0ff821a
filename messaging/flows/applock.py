"""The app lock: set, opened, closed. Wrong PINs are counted here, before they are looked at; after the fifth the device is locked,
and whoever holds it enrols again or asks the business.

A PIN is kept as a hash keyed by the business key, which is not in the database. What opens a page is its own pass
(`queries.covers`).
"""

import hmac
import re
from datetime import datetime
from uuid import UUID

from messaging import push
from messaging.flows import device
from messaging.models import AppLock, Device, Pass
from messaging.queries import covers, policy
from messaging.rules import secrets
from portal.kernel import ids, keys, unit, webauthn
from portal.kernel.actors import SYSTEM, Actor
from portal.kernel.errors import Kind, Refusal, not_found

PIN = re.compile(r"[0-9]{6,12}")
_RUN = "01234567890" * 2


def bad_pin() -> Refusal:
    return Refusal("bad_pin", "A PIN has 6 to 12 digits, not all the same and not in a row.", field="pin")


def required() -> Refusal:
    return Refusal("app_lock_required", "This business asks for an app lock on every device.", Kind.CONFLICT)


def set_pin(*, actor: Actor, now: datetime, pin: str) -> str:
    """→ the pass of the page that set it. Every other page of this device is closed."""
    if not PIN.fullmatch(pin) or len(set(pin)) == 1 or pin in _RUN or pin in _RUN[::-1]:
        raise bad_pin()
    return _set(actor, now, AppLock.Kind.PIN, secret=_digest(actor.own_id("device"), pin))


def set_passkey(*, actor: Actor, now: datetime, passkey: webauthn.Passkey) -> str:
    return _set(
        actor, now, AppLock.Kind.PASSKEY, secret=passkey.public_key, credential=passkey.id, uses=passkey.uses
    )  # fmt: skip


def take_off(*, actor: Actor, now: datetime) -> None:
    if policy.get_policy().demands.app_lock == "required":
        raise required()
    with unit.work() as u:
        row = _locked(actor)
        AppLock.objects.filter(device=row).delete()
        Pass.objects.filter(device=row).delete()
        device.note(u, actor, row, "device.app_lock", lock="none")


def open_with_pin(*, actor: Actor, now: datetime, pin: str) -> str:
    """→ a pass. A wrong one is counted and refused; the fifth locks the device."""
    with unit.work() as u:
        row, lock = _lock_of(actor, AppLock.Kind.PIN)
        is_right = lock.tries < covers.TRIES and hmac.compare_digest(bytes(lock.secret), _digest(row.id, pin))
        lock.tries = 0 if is_right else lock.tries + 1
        lock.save(update_fields=["tries"])
        if lock.tries >= covers.TRIES:
            device.lock_within(u, actor=SYSTEM, row=row)
        secret = _pass(row, now) if is_right else ""
    if not secret:  # after the commit, so that the try stays counted
        raise Refusal(
            "wrong_pin",
            "That is not this device's PIN.",
            Kind.UNAUTHENTICATED,
            tries_left=max(0, covers.TRIES - lock.tries),
        )
    return secret


def open_with_passkey(
    *, actor: Actor, now: datetime, site: webauthn.Site, challenge: str, answer: dict[str, bytes]
) -> str:
    """→ a pass. `challenge` was a nonce of this device, spent by the caller."""
    with unit.work():
        row, lock = _lock_of(actor, AppLock.Kind.PASSKEY)
        lock.uses = webauthn.asserted(
            site=site, challenge=challenge, public_key=bytes(lock.secret), uses=lock.uses, **answer
        )
        lock.save(update_fields=["uses"])
        return _pass(row, now)


def close(*, actor: Actor, secret: str) -> None:
    """This page rests from now on."""
    Pass.objects.filter(secret_hash=covers.digest(secret), device_id=actor.own_id("device")).delete()


def touch(*, device_id: UUID, now: datetime, secret: str) -> None:
    """A person did something on this page. A pass that rests already stays at rest."""
    live = Pass.objects.filter(secret_hash=covers.digest(secret), device_id=device_id, used_at__gt=covers.rests_at(now))
    live.update(used_at=now)


def sweep(*, now: datetime) -> int:
    return Pass.objects.filter(used_at__lte=covers.rests_at(now)).delete()[0]


def _set(actor: Actor, now: datetime, kind: str, **values: bytes | int) -> str:
    with unit.work() as u:
        row = _locked(actor)
        defaults = {"kind": kind, "set_at": now, "tries": 0, "credential": b"", "uses": 0, **values}
        AppLock.objects.update_or_create(device=row, defaults=defaults)
        Pass.objects.filter(device=row).delete()
        device.note(u, actor, row, "device.app_lock", lock=kind)
        push.device(u, row.id, "refresh")
        return _pass(row, now)


def _pass(row: Device, now: datetime) -> str:
    secret = ids.token()
    Pass.objects.create(device=row, secret_hash=covers.digest(secret), used_at=now)
    return secret


def _lock_of(actor: Actor, kind: str) -> tuple[Device, AppLock]:
    row = _locked(actor)
    lock = AppLock.objects.filter(device=row, kind=kind).first()
    if lock is None:
        raise not_found("app lock")
    return row, lock


def _locked(actor: Actor) -> Device:
    """The device itself, its row locked: of two guesses at once each is counted."""
    row = Device.objects.select_for_update().filter(id=actor.own_id("device"), state=Device.State.ACTIVE).first()
    if row is None:
        raise not_found("device")
    return row


def _digest(device_id: UUID, pin: str) -> bytes:
    return hmac.digest(keys.business_key(), b"\0".join((secrets.PIN.encode(), device_id.bytes, pin.encode())), "sha256")
