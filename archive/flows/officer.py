"""The officers and their keys: given, taken up, changed, taken away; and the officers' key itself, rotated.

    give      an officer whose archive is unlocked makes a key for a colleague, locked under a one-time code (100 bits, a
              day) that is told in person; nobody tells a passphrase
    take_up   the colleague types the code and sets a passphrase; the key that the code opened is replaced by a new one
    change    another passphrase, and a new key with it: the old one in a backup opens no later generation
    recover   the recovery key stands in for an officer's own, forgotten or lost with its last holder
    dismiss   the officer left: their shares die, and the officers' key is rotated at once, with public keys alone
    rotate    the same without anybody leaving

Irreversible: a share that is gone. What stays true in each: at least the recovery key opens every generation.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from archive.flows import birth, shares, unlock
from archive.models import OfficerKey, Recipient, Unlock
from archive.queries import colleagues, recipients
from portal.kernel import ids, unit
from portal.kernel.actors import CLOCK, Actor
from portal.kernel.errors import Kind, Refusal, not_found
from portal.sealing import errors, hpke, recovery

CODE_LENGTH = 20  # of Crockford's base32: 100 bits
CODE_LIVES_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Given:
    """`code` is shown once, in groups of five, and stored nowhere."""

    code: str = field(repr=False)
    ends_at: datetime


def give(*, actor: Actor, now: datetime, staff_id: UUID, session_key: str, half: str) -> Given:
    """Make a key for a colleague. Needs an unlocked archive. A hand-over that was not taken up is replaced."""
    actor.require("archive.open")
    code = "".join(secrets.choice(ids.CROCKFORD) for _ in range(CODE_LENGTH))
    _check_colleague(staff_id)
    pair = shares.make_pair(code, birth.COST)
    with unit.work() as u:
        session = unlock.use(actor=actor, now=now, session_key=session_key, half=half)
        _drop(OfficerKey.objects.select_for_update().filter(staff_id=staff_id, ends_at__isnull=False).first())
        if OfficerKey.objects.filter(staff_id=staff_id).exists():
            raise Refusal("has_officer_key", "They have a key already.", Kind.CONFLICT)
        _keep(pair, staff_id, actor, now, ends_at=now + CODE_LIVES_FOR)
        shares.hand_to(pair.id, pair.public, shares.all_of(session.opener))
        u.entry(unit.Draft("officer.key_offered", actor.label, codes={"staff": str(staff_id)}))
    return Given("-".join(code[n : n + 5] for n in range(0, CODE_LENGTH, 5)), now + CODE_LIVES_FOR)


def take_up(*, actor: Actor, now: datetime, code: str, passphrase: str) -> None:
    """The one-time code and a passphrase of one's own. Tries are counted like those at a passphrase."""
    actor.require("archive.open")
    shares.check_words(passphrase)
    attempt, row = unlock.count_try(actor, now, handed_over=True)
    private = shares.try_words(row, ids.normalise_code(code))
    if private is None:
        raise unlock.failed(actor, "code", "That is not the code, or it was replaced. Ask for a new one.")
    with unit.work() as u:
        unlock.was_right(attempt)
        _renew(row, private, passphrase, now)
        u.entry(_given(actor, row.given_by.partition(":")[2]))


def change(*, actor: Actor, now: datetime, passphrase: str, new: str) -> None:
    """Another passphrase for one's own key. Every session that it opened is locked."""
    actor.require("archive.open")
    shares.check_words(new)
    attempt, row = unlock.count_try(actor, now)
    private = shares.try_words(row, passphrase)
    if private is None:
        raise unlock.failed(actor)
    with unit.work() as u:
        unlock.was_right(attempt)
        _renew(row, private, new, now)
        u.entry(unit.Draft("officer.key_changed", actor.label))


def recover(*, actor: Actor, now: datetime, recovery_text: str, passphrase: str) -> None:
    """A key of one's own by the recovery key: after a forgotten passphrase, or when nobody else is left to give one."""
    actor.require("archive.open")
    shares.check_words(passphrase)
    if actor.id is None:
        raise not_found("officer")
    private, spare = _recovery_private(recovery_text), recipients.recovery()
    if spare is None or hpke.public_of(private) != bytes(spare.public):
        raise Refusal(
            "recovery_key_differs",
            "This is the recovery key of another archive, or of an earlier try.",
            field="recovery_key",
        )
    pair = shares.make_pair(passphrase, birth.COST)
    with unit.work() as u:
        _drop(OfficerKey.objects.select_for_update().filter(staff_id=actor.id).first())
        Unlock.objects.filter(staff_id=actor.id).delete()
        _keep(pair, actor.id, actor, now)
        shares.hand_to(pair.id, pair.public, shares.all_of(shares.opener(spare.id, private)))
        u.entry(_given(actor, "recovery"))


def remove(*, actor: Actor, now: datetime, staff_id: UUID) -> None:
    """Take an officer's key away; they stay staff. The last one is not taken: nobody could open the archive any more."""
    if actor.id != staff_id and not actor.may("business.govern"):
        raise not_found("officer")  # as if there were none: whose key there is, is not theirs to ask
    with unit.work():
        if not OfficerKey.objects.filter(staff_id=staff_id).exists():
            raise not_found("officer")
        keep_one(staff_id=staff_id)
        dismiss(actor=actor, now=now, staff_id=staff_id)


def keep_one(*, staff_id: UUID) -> None:
    """Refuses to take the only key to the archive. Runs in the caller's unit; all keys are locked by it."""
    taken_up = {row.staff_id for row in OfficerKey.objects.select_for_update().order_by("id") if row.ends_at is None}
    if taken_up == {staff_id}:
        raise Refusal(
            "last_officer_key", "This is the only key to the archive. Give one to somebody else first.", Kind.CONFLICT
        )


def dismiss(*, actor: Actor, now: datetime, staff_id: UUID) -> bool:
    """They are no officer any more. Runs in the caller's unit, who checked that it may be. True if they had a key."""
    with unit.work() as u:
        row = OfficerKey.objects.select_for_update().filter(staff_id=staff_id).first()
        if row is None:
            return False
        had_it = row.ends_at is None
        _drop(row)
        Unlock.objects.filter(staff_id=staff_id).delete()
        u.entry(unit.Draft("officer.key_removed", actor.label, codes={"staff": str(staff_id)}))
        if had_it:
            _rotate(u, actor, now)
    return had_it


def rotate(*, actor: Actor, now: datetime) -> int:
    """A new generation of the officers' key; its number. Everyone who has a key keeps their passphrase."""
    if not actor.may("archive.open"):
        actor.require("business.govern")
    with unit.work() as u:
        return _rotate(u, actor, now).generation


def sweep(*, now: datetime) -> int:
    """Hand-overs that nobody took up. For the clock."""
    with unit.work() as u:
        rows = list(OfficerKey.objects.select_for_update(skip_locked=True).filter(ends_at__lte=now))
        for row in rows:
            u.entry(unit.Draft("officer.key_removed", CLOCK.label, codes={"staff": str(row.staff_id), "by": "timeout"}))
            _drop(row)
    return len(rows)


def _rotate(u: unit.Unit, actor: Actor, now: datetime) -> Recipient:
    made = shares.rotate(u, now=now)
    codes: dict[str, str | int | bool] = {"generation": made.generation, "recipient": str(made.id)}
    u.entry(unit.Draft("archive.key_rotated", actor.label, codes=codes))
    return made


def _renew(row: OfficerKey, private: bytes, words: str, now: datetime) -> None:
    """A new key of the same officer under other words, with all that the old one opened. In the caller's unit: half a second
    of scrypt under a lock of this officer's own row only."""
    locked = OfficerKey.objects.select_for_update().filter(id=row.id, public=bytes(row.public)).first()
    if locked is None:
        raise Refusal(
            "officer_key_changed", "Your key was replaced or taken away meanwhile. Open this page again.", Kind.CONFLICT
        )
    pair = shares.make_pair(words, birth.COST)
    generations = shares.all_of(shares.opener(row.id, private))
    _drop(locked)
    Unlock.objects.filter(staff_id=row.staff_id).delete()
    OfficerKey.objects.create(
        id=pair.id, staff_id=row.staff_id, public=pair.public, locked_private=pair.locked, given_by=row.given_by,
        given_at=now if row.ends_at else row.given_at, changed_at=None if row.ends_at else now,
    )  # fmt: skip
    shares.hand_to(pair.id, pair.public, generations)


def _keep(pair: shares.Pair, staff_id: UUID, by: Actor, now: datetime, ends_at: datetime | None = None) -> None:
    OfficerKey.objects.create(
        id=pair.id, staff_id=staff_id, public=pair.public, locked_private=pair.locked, given_by=by.label, given_at=now,
        ends_at=ends_at,
    )  # fmt: skip


def _drop(row: OfficerKey | None) -> None:
    if row is not None:
        shares.take_from(row)


def _check_colleague(staff_id: UUID) -> None:
    if staff_id not in colleagues.people.officers():
        raise Refusal("not_an_officer", "Only somebody whose role is officer can have a key.", field="staff")


def _given(actor: Actor, by: str) -> unit.Draft:
    return unit.Draft("officer.key_given", actor.label, codes={"staff": str(actor.id), "by": by or "system"})


def _recovery_private(text: str) -> bytes:
    try:
        return recovery.decode(text)
    except errors.SealingError as error:
        raise Refusal(error.code, str(error), field="recovery_key") from error
