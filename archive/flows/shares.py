"""Who can open what officers can open. Three steps, so that taking a key from one needs nothing from the others:

    passphrase (scrypt, mixed with a keyring secret) → the officer's own private key → the officers' private key, of every
    generation. Batches and index keys are sealed to the newest generation's public key.

A new generation (rotation) is made with public keys alone: its private half is sealed at once to every holder (each officer
and the recovery key) and forgotten. Whoever remains opens old batches with the older generations' shares; whoever left
has no share left, and of later generations never had one. A private key is in memory here for a moment, and at rest never.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from archive.flows import batch
from archive.models import OfficerKey, OfficerShare, Recipient
from archive.queries import recipients
from portal.kernel import ids, keys, tenancy, unit
from portal.kernel.errors import Kind, Refusal
from portal.sealing import envelope, errors, hpke, passphrase

RING_NAME = "officers"  # name in the business's keyring: mixed into every passphrase
PURPOSE = "officers"
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class Pair:
    """An officer's own key pair, its private half locked."""

    id: UUID
    public: bytes
    locked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opener:
    """What a holder of `private` can open. Each generation's key is opened when it is asked for, once."""

    holder_id: UUID
    private: bytes = field(repr=False)
    shares: Mapping[UUID, bytes] = field(repr=False)
    _opened: dict[UUID, bytes] = field(default_factory=dict, repr=False)

    def key_of(self, recipient_id: UUID) -> bytes:
        """The officers' private key of one generation. Raises `Unsealable`."""
        if recipient_id not in self._opened:
            sealed = self.shares.get(recipient_id, b"")
            self._opened[recipient_id] = envelope.open_(
                sealed,
                str(self.holder_id),
                self.private,
                purpose=PURPOSE,
                business=tenancy.here().id,
                subject=recipient_id,
            )
        return self._opened[recipient_id]

    def for_envelope(self, sealed: bytes) -> tuple[str, bytes]:
        """Key id and private key that open this envelope, of whichever generation it is sealed to. Raises `Unsealable`."""
        held = {str(recipient_id): recipient_id for recipient_id in self.shares}
        key_id = next((name for name in envelope.recipients_of(sealed) if name in held), None)
        if key_id is None:
            raise errors.Unsealable("This is sealed to none of the keys that this officer holds.")
        return key_id, self.key_of(held[key_id])


def opener(holder_id: UUID, private: bytes) -> Opener:
    rows = OfficerShare.objects.filter(holder_id=holder_id).values_list("recipient_id", "sealed")
    return Opener(holder_id, private, {recipient_id: bytes(sealed) for recipient_id, sealed in rows})


def all_of(held: Opener) -> dict[UUID, bytes]:
    """Every generation that a holder has, opened: to hand them on."""
    return {recipient_id: held.key_of(recipient_id) for recipient_id in held.shares}


def make_pair(words: str, cost: passphrase.Cost) -> Pair:
    """A new officer's key under passphrase or code. Half a second and 128 MiB: outside any transaction."""
    made, row_id = hpke.generate(), ids.uuid7()
    return Pair(row_id, made.public, passphrase.lock(made.private, words, _secret(), aad=_aad(row_id), cost=cost))


def try_words(row: OfficerKey, words: str) -> bytes | None:
    """The officer's own private key, or None for a wrong passphrase. Half a second: outside any transaction."""
    try:
        return passphrase.unlock(bytes(row.locked_private), words, _secret(), aad=_aad(row.id))
    except errors.Unsealable:
        return None


def hand_to(holder_id: UUID, public: bytes, generations: Mapping[UUID, bytes]) -> None:
    """Seal these generations' private keys to a holder, in place of what it has of them. Runs in the caller's transaction."""
    business = tenancy.here().id
    OfficerShare.objects.filter(holder_id=holder_id, recipient_id__in=list(generations)).delete()
    OfficerShare.objects.bulk_create(
        OfficerShare(
            holder_id=holder_id, recipient_id=recipient_id,
            sealed=envelope.seal(private, {str(holder_id): public}, purpose=PURPOSE, business=business, subject=recipient_id),
        )
        for recipient_id, private in generations.items()
    )  # fmt: skip


def take_from(row: OfficerKey) -> None:
    """Nothing opens with this officer's key any more. Runs in the caller's transaction."""
    OfficerShare.objects.filter(holder_id=row.id).delete()
    row.delete()


def new_generation(*, now: datetime, number: int) -> Recipient:
    """The officers' next key pair, its private half in the hands of every holder there is. The caller's transaction."""
    made = hpke.generate()
    row = Recipient.objects.create(
        id=ids.uuid4(), kind=Recipient.Kind.OFFICERS, public=made.public, generation=number, created_at=now
    )
    for holder_id, public in _holders():
        hand_to(holder_id, public, {row.id: made.private})
    return row


def rotate(u: unit.Unit, *, now: datetime) -> Recipient:
    """Replace the officers' key; needs nobody's passphrase. Runs in the unit of `u`, which writes the entry. What other
    processes still seal to the old key is refused at their commit (`batch.check`)."""
    live = Recipient.objects.select_for_update().filter(kind=Recipient.Kind.OFFICERS, retired_at=None).first()
    if live is None:
        raise Refusal("archive_not_ready", "This archive has no keys yet.", Kind.UNAVAILABLE)
    live.retired_at = now
    live.save(update_fields=["retired_at"])
    business = tenancy.here().id
    u.after_commit(lambda: batch.forget(business))
    return new_generation(now=now, number=live.generation + 1)


def check_words(words: str) -> None:
    if len(words.strip()) < SHORTEST_PASSPHRASE:
        raise Refusal(
            "weak_passphrase", f"Take a passphrase of at least {SHORTEST_PASSPHRASE} characters: four words do well.",
            field="passphrase",
        )  # fmt: skip


def _holders() -> Iterator[tuple[UUID, bytes]]:
    for holder_id, public in OfficerKey.objects.values_list("id", "public"):
        yield holder_id, bytes(public)
    if (spare := recipients.recovery()) is not None:
        yield spare.id, bytes(spare.public)


def _secret() -> bytes:
    try:
        return keys.business().get(RING_NAME)
    except errors.SealingError as error:
        raise keys.unwritable(error) from error


def _aad(row_id: UUID) -> bytes:
    return tenancy.here().id.bytes + row_id.bytes
