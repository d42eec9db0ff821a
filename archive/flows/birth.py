"""Birth of an archive: keys, the empty ledger and its first leaf; then the officers' ceremony.

    prepare   rows and keyring names; may run again and then changes nothing
    offer     officers' key and the first officer's own, under their passphrase mixed with a secret of the keyring
              (`shares`); recovery key, whose private half exists in the returned text and nowhere else
    prove     the text is given back once: only a business that shows it kept the key is served

Until `prove`, an offer may be made again and replaces the last one: nothing was ever sealed to its keys.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction

from archive.flows import batch, monthkey, shares, signing
from archive.models import DisposalGuard, Entry, Epoch, Head, IndexKey, OfficerKey, OfficerShare, Recipient, Rule
from archive.queries import recipients
from archive.rules import retention
from portal.kernel import keys, tenancy, unit
from portal.kernel.errors import Kind, Refusal
from portal.sealing import errors, hpke, passphrase, recovery

SHORTEST_PASSPHRASE = shares.SHORTEST_PASSPHRASE
DEFAULT_KEEP_FOR = "P7Y"
COST = passphrase.DEFAULT_COST


@dataclass(frozen=True, slots=True)
class Offer:
    """The recovery key as the text of a file; shown once, stored nowhere."""

    recovery_text: str = field(repr=False)


def prepare(*, now: datetime) -> None:
    """Everything an archive needs but its recipients. Idempotent."""
    _make_keys(now)
    with unit.work() as u:
        Head.objects.get_or_create(id=1)
        DisposalGuard.objects.get_or_create(id=1)
        epoch = _first_epoch(now)
        Rule.objects.get_or_create(
            is_default=True, state=Rule.State.ACTIVE,
            defaults={"code": "default", "name": "Default", "keep_for": DEFAULT_KEEP_FOR, "created_at": now,
                      "activated_at": now, "activated_by": "system"},
        )  # fmt: skip
        IndexKey.objects.get_or_create(month=retention.month_of(now))
        if not Entry.objects.exists():
            u.entry(unit.Draft("log.opened", "system", codes={"epoch": 1, "origin": epoch.origin}))
    batch.forget(tenancy.here().id)


def offer(*, now: datetime, passphrase: str, staff_id: UUID | None = None) -> Offer:
    """Make the officers' and the recovery key. The passphrase has at least twelve characters and is `staff_id`'s own; without
    one it is that of the first officer who unlocks with it."""
    shares.check_words(passphrase)
    spare, own = hpke.generate(), shares.make_pair(passphrase, COST)
    with transaction.atomic():
        _clear_unproved()
        Recipient.objects.create(kind=Recipient.Kind.RECOVERY, public=spare.public, created_at=now)
        OfficerKey.objects.create(
            id=own.id, staff_id=staff_id, public=own.public, locked_private=own.locked, given_by="system", given_at=now
        )
        shares.new_generation(now=now, number=1)
    comment = (
        f"{tenancy.here().name}: recovery key of the archive, {now:%Y-%m-%d}. Keep it offline, print it, tell nobody."
    )
    return Offer(recovery.encode(spare.private, comment))


def prove(*, now: datetime, recovery_text: str) -> None:
    """The recovery key was kept: the text given back belongs to the public key on record."""
    expected = recipients.recovery()
    if expected is None:
        raise Refusal("no_offer", "There is no recovery key to prove yet. Set the passphrase first.", Kind.CONFLICT)
    if _public_of(recovery_text) != bytes(expected.public):
        raise Refusal("recovery_key_differs", "This is the recovery key of another archive, or of an earlier try.")
    Recipient.objects.filter(id=expected.id, proved_at=None).update(proved_at=now)


def is_complete() -> bool:
    """Whether this archive can seal: both recipients, and the recovery key proved."""
    return len(recipients.publics()) == 2


def _public_of(text: str) -> bytes:
    try:
        return hpke.public_of(recovery.decode(text))
    except errors.SealingError as error:
        raise Refusal(error.code, str(error), field="recovery_text") from error


def _make_keys(now: datetime) -> None:
    try:
        ring = keys.keyring().birth(tenancy.here().id)
        ring.create(keys.BUSINESS_KEY)
        ring.create(shares.RING_NAME)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error
    monthkey.index(retention.month_of(now))


def _first_epoch(now: datetime) -> Epoch:
    found = Epoch.objects.order_by("number").first()
    if found:
        return found
    origin = f"ebb.log/{secrets.token_hex(16)}/1"
    key = signing.make_key(1, origin)
    return Epoch.objects.create(number=1, origin=origin, vkey=key.verifier.encode(), started_at=now, first_index=0)


def _clear_unproved() -> None:
    """Make room for a new offer; refuses once an archive has its keys."""
    if is_complete():
        raise Refusal("already_offered", "This archive has its keys. They are rotated, not made again.", Kind.CONFLICT)
    Recipient.objects.filter(retired_at=None).delete()
    OfficerShare.objects.all().delete()
    OfficerKey.objects.all().delete()
