"""Free text of entries, sealed: reasons, queries, names. A leaf holds codes only and commits to this.

box       = batch id (16) || version u8 = 1 || nonce (12) || ciphertext || tag (16)    in archive_entry.detail
plaintext = commitment nonce (32) || canonical JSON (RFC 8785)
AAD       = "ebb/v1/detail" || version || business (16) || entry (16) || batch (16)
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from archive.flows import batch
from archive.ledger import canonical
from portal.kernel import clock, tenancy, unit
from portal.sealing import aead, errors
from portal.sealing import record as sealing

VERSION = b"\x01"
LABEL = b"ebb/v1/detail"
ID_BYTES = 16
NONCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """A box to store; hex digests for the leaf and for the batch that must be saved with it."""

    box: bytes
    commitment: str
    batch_sha256: str


def seal(drafts: Sequence[unit.Draft]) -> list[Sealed | None]:
    """The sealed detail of each draft, None for one without. Runs before the head is locked."""
    result: list[Sealed | None] = [None] * len(drafts)
    wanting = [number for number, draft in enumerate(drafts) if draft.detail]
    if not wanting:
        return result
    numbers = iter(wanting)
    for taken, granted in batch.take(count=len(wanting), now=clock.now()):
        for _ in range(granted):
            number = next(numbers)
            result[number] = _seal(drafts[number], taken)
    return result


def open_(box: bytes, batch_key: bytes, *, business: UUID, entry: UUID) -> tuple[dict[str, Any], str]:
    """The text and its commitment in hex. Raises `Unsealable` when anything differs."""
    batch_id, version, sealed = box[:ID_BYTES], box[ID_BYTES : ID_BYTES + 1], box[ID_BYTES + 1 :]
    if version != VERSION:
        raise errors.Unsealable("The detail is of a version that this release does not know.")
    opened = aead.open_(batch_key, sealed, _aad(business, entry, batch_id))
    nonce, text = opened[:NONCE_BYTES], opened[NONCE_BYTES:]
    return canonical.parse(text), sealing.commit(nonce, text).hex()


def batch_of(box: bytes) -> UUID:
    return UUID(bytes=bytes(box[:ID_BYTES]))


def _seal(draft: unit.Draft, taken: batch.Batch) -> Sealed:
    nonce, text = os.urandom(NONCE_BYTES), canonical.encode(draft.detail)
    aad = _aad(tenancy.here().id, draft.id, taken.id.bytes)
    box = taken.id.bytes + VERSION + aead.seal(taken.key, nonce + text, aad)
    return Sealed(box, sealing.commit(nonce, text).hex(), taken.sha256)


def _aad(business: UUID, entry: UUID, batch_id: bytes) -> bytes:
    return LABEL + VERSION + business.bytes + entry.bytes + batch_id
