"""Mirrors: named by an officer, they sign for what they hold; by policy the portal then drops its own sealed copy.

M1  A receipt is taken only if the mirror's key signed it, its root is the one we compute, its range follows the last one, and
    its digest is that of the very leaves, with what they say of files: whoever signs has seen what we have.
M2 to M5: `archive.flows.dropping`.
"""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from archive.flows import dropping
from archive.ledger import LedgerError, note
from archive.models import Epoch, Mirror
from archive.queries import mirrors, proofs, tree
from portal.kernel import errors, ids, keys, unit
from portal.kernel.actors import Actor
from portal.kernel.errors import Kind, Refusal

SLICES_A_ROUND = 50
LONGEST_NAME = 60


def add(*, actor: Actor, now: datetime, name: str, vkey: str, drops: bool = False) -> UUID:
    """Name a mirror by the public key that it made for itself."""
    actor.require("archive.export")
    name = name.strip()
    if not name or len(name) > LONGEST_NAME:
        raise Refusal("bad_mirror_name", f"Give the mirror a name of 1 to {LONGEST_NAME} characters.", field="name")
    key = _key(vkey)
    row = Mirror(id=ids.uuid7(), vkey=key, drops=drops, added_at=now)
    row.sealed_name = keys.seal_field(mirrors.NAME, row.id, name.encode())
    with unit.work() as u:
        if Mirror.objects.filter(vkey=key, removed_at=None).exists():
            raise Refusal(
                "mirror_known", "This key belongs to a mirror that is there already.", Kind.CONFLICT, field="vkey"
            )
        row.save(force_insert=True)
        codes: dict[str, str | int | bool] = {"mirror": str(row.id), "drops": drops}
        u.entry(unit.Draft("mirror.added", actor.label, codes=codes, detail={"name": name, "vkey": key}))
    return row.id


def remove(*, actor: Actor, now: datetime, mirror_id: UUID) -> None:
    """It signs for nothing more, and nothing more is dropped for it."""
    row = mirrors.get_mirror_for(actor, mirror_id)
    with unit.work() as u:
        if Mirror.objects.filter(id=row.id, removed_at=None).update(removed_at=now):
            u.entry(unit.Draft("mirror.removed", actor.label, codes={"mirror": str(row.id)}))


def sign(*, actor: Actor, now: datetime, mirror_id: UUID, receipt: str) -> mirrors.Stated:
    """Take a receipt. The last one again is fine."""
    actor.require("archive.mirror")
    with unit.work() as u:
        row = Mirror.objects.select_for_update().filter(id=mirror_id, removed_at=None).first()
        if row is None:
            raise errors.not_found("mirror")
        digest = sha256(receipt.encode("utf-8", "replace")).hexdigest()
        stated = mirrors.parse_receipt(receipt, row.vkey)
        if digest == row.last_sha256:
            return stated
        _check(row, stated)
        waiting = [*row.waiting, [stated.last, sorted(stated.missing)]] if row.drops else []
        Mirror.objects.filter(id=row.id).update(
            signed_to=stated.last + 1, last_at=now, last_sha256=digest, waiting=waiting
        )
        codes: dict[str, str | int | bool] = {
            "mirror": str(row.id), "first": stated.first, "last": stated.last, "size": stated.size, "records": stated.records,
            "missing": len(stated.missing), "sha256": digest,
        }  # fmt: skip
        u.entry(unit.Draft("mirror.signed", actor.label, codes=codes, detail={"receipt": receipt}))
    return stated


def sweep(*, now: datetime) -> None:
    """For the clock: what mirrors signed for goes here, some slices a round."""
    for row in Mirror.objects.filter(drops=True, removed_at=None):
        for _ in range(SLICES_A_ROUND):
            if not dropping.drop_slice(now=now, mirror_id=row.id):
                break
    for _ in range(SLICES_A_ROUND):
        if not dropping.drop_files(now=now):
            break


def _key(vkey: str) -> str:
    try:
        return note.parse_vkey(vkey.strip()).encode()
    except LedgerError:
        raise Refusal(
            "bad_mirror_key",
            "That is no mirror's key. Copy the whole line that `ebb_mirror.py init` printed.",
            field="vkey",
        ) from None


def _check(row: Mirror, stated: mirrors.Stated) -> None:
    """M1. What does not fit is refused with the reason; nothing is guessed."""
    if not Epoch.objects.filter(origin=stated.origin).exists():
        raise mirrors.invalid("it is of another log")
    if stated.first != row.signed_to:
        raise Refusal(
            "receipt_not_next", f"The next receipt of this mirror begins at entry {row.signed_to}.", Kind.CONFLICT,
            next=row.signed_to,
        )  # fmt: skip
    if not stated.first <= stated.last < stated.size <= proofs.published_size():
        raise mirrors.invalid("its range is none, or reaches beyond what is signed")
    if stated.last - stated.first >= mirrors.MOST_IN_RECEIPT:
        raise mirrors.invalid(f"it is for more than {mirrors.MOST_IN_RECEIPT:,} entries")
    if tree.root_at(stated.size) != stated.root:
        raise mirrors.invalid("its root is not ours: the mirror and this portal hold different histories")
    if mirrors.held_by(stated) != (stated.records, stated.digest):
        raise mirrors.invalid("it does not sign for the records of its range")
