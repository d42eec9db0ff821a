"""Unlocking the archive: an officer's passphrase → their own private key, which then lives in two halves.

One half in the session's row, one in a `__Host-` cookie of that browser; either alone is random. It times out after
fifteen idle minutes. Nothing of the key or the passphrase is ever written, logged or put into a message. What the officer's
own key opens is in `shares`: the officers' private key of every generation.

Guessing: every try is a row that commits BEFORE the passphrase is tried, counted under a lock, so that parallel tries and
killed requests count too. At most five wrong ones in a quarter of an hour for one member of staff.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from archive.flows import shares
from archive.models import OfficerKey, Unlock, UnlockAttempt
from archive.queries import recipients
from portal.kernel import tenancy, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, hpke, passphrase

IDLE_FOR = timedelta(minutes=15)
MOST_TRIES = 5
TRIES_WITHIN = timedelta(minutes=15)
ATTEMPTS_KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Unlocked:
    """`half` (base64url) goes into the cookie and nowhere else."""

    half: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """An unlocked archive in use. An envelope is opened with what `for_envelope` gives: key id and private key, of the
    generation that it is sealed to. Raises `Unsealable` for one that this officer has no key for."""

    opener: shares.Opener = field(repr=False)
    expires_at: datetime

    def for_envelope(self, sealed: bytes) -> tuple[str, bytes]:
        return self.opener.for_envelope(sealed)


def open_(*, actor: Actor, now: datetime, passphrase: str, session_key: str, reason: str = "") -> Unlocked:
    """Unlock for one session. `session_key` is whatever names the browser's session; only its hash is kept. The reason is
    sealed with the entry."""
    actor.require("archive.open")
    attempt, row = count_try(actor, now)
    private = shares.try_words(row, passphrase)
    if private is None:
        raise failed(actor)
    return _remember(actor, now, attempt, row, private, session_key, reason)


def close(*, actor: Actor, now: datetime, session_key: str) -> bool:
    """Lock again. True if it was unlocked."""
    with unit.work() as u:
        gone, _ = Unlock.objects.filter(session_digest=_digest(session_key), staff_id=actor.id).delete()
        if gone:
            u.entry(unit.Draft("archive.locked", actor.label, codes={"by": "officer"}))
    return bool(gone)


def close_all(*, actor: Actor, now: datetime, staff_id: UUID) -> int:
    """Lock every session of one member of staff: signed out everywhere, removed, another role."""
    with unit.work() as u:
        gone, _ = Unlock.objects.filter(staff_id=staff_id).delete()
        if gone:
            u.entry(unit.Draft("archive.locked", actor.label, codes={"by": "admin", "staff": str(staff_id)}))
    return gone


def follow(*, session_key: str, renewed_key: str) -> None:
    """In the caller's unit: the session has another name from now on, and stays as open as it was."""
    Unlock.objects.filter(session_digest=_digest(session_key)).update(session_digest=_digest(renewed_key))


def is_open(*, actor: Actor, now: datetime, session_key: str) -> datetime | None:
    """Until when this session is unlocked, if it is. For pages; does not prolong it."""
    row = Unlock.objects.filter(session_digest=_digest(session_key), staff_id=actor.id, expires_at__gt=now).first()
    return row.expires_at if row else None


def use(*, actor: Actor, now: datetime, session_key: str, half: str) -> Session:
    """What the officer can open, for one act, in the caller's unit. Each use begins the idle time anew."""
    actor.require("archive.open")
    row = Unlock.objects.filter(session_digest=_digest(session_key), staff_id=actor.id, expires_at__gt=now).first()
    if row is None:
        raise _locked()
    private = _join(row, half)
    until = now + IDLE_FOR
    Unlock.objects.filter(id=row.id).update(expires_at=until)
    return Session(shares.opener(row.officer_id, private), until)


def sweep(*, now: datetime) -> int:
    """Timed-out halves go, each with an entry; tries older than a day go without. For the clock."""
    with unit.work() as u:
        rows = list(Unlock.objects.select_for_update(skip_locked=True).filter(expires_at__lte=now))
        for row in rows:
            u.entry(unit.Draft("archive.locked", f"staff:{row.staff_id}", codes={"by": "timeout"}))
        Unlock.objects.filter(id__in=[row.id for row in rows]).delete()
        UnlockAttempt.objects.filter(at__lt=now - ATTEMPTS_KEPT_FOR).delete()
    return len(rows)


def count_try(actor: Actor, now: datetime, *, handed_over: bool = False) -> tuple[UnlockAttempt, OfficerKey]:
    """Count a try at this officer's passphrase, or at the code of a key that was handed over. Its own transaction, committed
    before anything is tried; the officer's row is the lock."""
    if actor.id is None:
        raise Refusal("not_allowed", "Only a member of staff can unlock the archive.", Kind.FORBIDDEN)
    with transaction.atomic():
        row = _handed_row(actor.id, now) if handed_over else _own_row(actor.id)
        wrong = UnlockAttempt.objects.filter(staff_id=actor.id, was_right=False, at__gt=now - TRIES_WITHIN)
        if wrong.count() >= MOST_TRIES:
            raise Refusal(
                "too_many_tries", "Too many wrong passphrases. Wait a quarter of an hour.", Kind.TOO_MANY,
                retry_after=int(TRIES_WITHIN.total_seconds()),
            )  # fmt: skip
        return UnlockAttempt.objects.create(staff_id=actor.id, at=now), row


def failed(
    actor: Actor, field: str = "passphrase", words: str = "That is not your passphrase of the archive."
) -> Refusal:
    """A wrong passphrase or code: the entry, and what to raise."""
    with unit.work() as u:
        u.entry(unit.Draft("archive.unlock_failed", actor.label, codes={"at": field}))
    return Refusal("wrong_passphrase", words, field=field)


def was_right(attempt: UnlockAttempt) -> None:
    """In the caller's unit: a right try does not count against the officer."""
    UnlockAttempt.objects.filter(id=attempt.id).update(was_right=True)


def _own_row(staff_id: UUID) -> OfficerKey:
    rows = OfficerKey.objects.select_for_update().filter(ends_at=None)
    found = rows.filter(staff_id=staff_id).first() or rows.filter(staff_id=None).first()
    if found is not None:
        return found
    if recipients.officers() is None:
        raise Refusal("archive_not_ready", "This archive has no keys yet.", Kind.UNAVAILABLE)
    raise no_key()


def _handed_row(staff_id: UUID, now: datetime) -> OfficerKey:
    found = OfficerKey.objects.select_for_update().filter(staff_id=staff_id, ends_at__gt=now).first()
    if found is None:
        raise Refusal(
            "no_hand_over", "No key waits for you, or its code ran out. Ask an officer for a new one.", Kind.CONFLICT
        )
    return found


def no_key() -> Refusal:
    return Refusal(
        "no_officer_key", "You have no key to this archive yet. An officer who has one gives it to you.", Kind.CONFLICT
    )


def _remember(
    actor: Actor, now: datetime, attempt: UnlockAttempt, row: OfficerKey, private: bytes, session_key: str, reason: str
) -> Unlocked:
    kept, given = passphrase.split(private)
    until = now + IDLE_FOR
    values = {"staff_id": actor.id, "half": kept, "officer_id": row.id, "opened_at": now, "expires_at": until}
    with unit.work() as u:
        if row.staff_id is None:
            _claim(u, row, actor)
        was_right(attempt)
        Unlock.objects.update_or_create(session_digest=_digest(session_key), defaults=values)
        detail: dict[str, object] | None = {"reason": reason.strip()} if reason.strip() else None
        u.entry(unit.Draft("archive.unlocked", actor.label, detail=detail))
    return Unlocked(base64.urlsafe_b64encode(given).decode().rstrip("="), until)


def _claim(u: unit.Unit, row: OfficerKey, actor: Actor) -> None:
    """The key of the birth gets its officer: whoever knew its passphrase first."""
    OfficerKey.objects.filter(staff_id=actor.id, ends_at__isnull=False).delete()
    if not OfficerKey.objects.filter(id=row.id, staff_id=None).update(staff_id=actor.id):
        raise no_key()
    u.entry(unit.Draft("officer.key_given", actor.label, codes={"staff": str(actor.id), "by": "birth"}))


def _join(row: Unlock, half: str) -> bytes:
    try:
        given = base64.b64decode(half + "=" * (-len(half) % 4), altchars=b"-_", validate=True)
        private = passphrase.join(bytes(row.half), given)
    except (ValueError, binascii.Error, errors.Unsealable):
        raise _locked() from None
    public = OfficerKey.objects.filter(id=row.officer_id).values_list("public", flat=True).first()
    if public is None or hpke.public_of(private) != bytes(public):
        raise _locked()
    return private


def _digest(session_key: str) -> bytes:
    return hashlib.sha256(tenancy.here().id.bytes + session_key.encode()).digest()


def _locked() -> Refusal:
    return Refusal("archive_locked", "The archive is locked. Give the passphrase.", Kind.FORBIDDEN)
