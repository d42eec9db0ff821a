"""An archive record in three layers, so that three different acts end it or keep it.

    content ── nonce (32) || content ── sealed under a random record key            sealed       stored
    record key ────────────────────── wrapped under the batch key                   inner wrap   never stored bare
    inner wrap ────────────────────── wrapped under the disposal bucket's key       outer wrap   stored
    batch key ─────────────────────── HPKE to each archive recipient                envelope     stored, once a batch

    every box = version u8 = 1 || nonce (12) || ciphertext || tag (16)
    AAD       = label || business (16) || record (16) || batch (16)     the outer wrap adds the disposal bucket (UTF-8)

Destroying the disposal key ends the record for everyone. A hold re-wraps only the outer layer and needs no private key.
The ledger's leaf carries `commitment` and SHA-256 of sealed, inner wrap and envelope; the outer wrap may change.
"""

import hashlib
import hmac
import os
import struct
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import aead, envelope, errors

VERSION = b"\x01"
COMMITMENT_NONCE_BYTES = 32
CONTENT_LABEL = b"ebb/v1/record"
INNER_LABEL = b"ebb/v1/record-inner"
OUTER_LABEL = b"ebb/v1/record-outer"
BATCH_PURPOSE = "batch"

# Record key, commitment nonce, and a nonce for each of the three boxes.
_RANDOM = struct.Struct(f"{aead.KEY_BYTES}s{COMMITMENT_NONCE_BYTES}s" + f"{aead.NONCE_BYTES}s" * 3)


class SealedRecord(NamedTuple):
    """Store `sealed` and `outer_wrap` only. The rest is for the leaf (32 bytes each) and must not be kept beside them:
    `inner_wrap` at rest would survive the destruction of its disposal bucket."""

    sealed: bytes
    outer_wrap: bytes
    inner_wrap: bytes
    commitment: bytes
    sealed_sha256: bytes
    inner_sha256: bytes


class Opened(NamedTuple):
    """`commit(nonce, content)` equals the leaf's commitment: whoever gets both can check it."""

    content: bytes
    nonce: bytes


def commit(nonce: bytes, content: bytes) -> bytes:
    """HMAC-SHA256(nonce, content): binding, and blind to whoever lacks the 32-byte nonce."""
    return hmac.digest(nonce, content, "sha256")


def seal(
    batch_key: bytes, disposal_key: bytes, content: bytes, *,
    business: UUID, record: UUID, batch: UUID, disposal_bucket: str,
) -> SealedRecord:  # fmt: skip
    """Seal a record and everything its leaf needs."""
    # One system call: each lets another thread in, which in a busy process costs more than all the sealing.
    record_key, nonce, *boxes = _RANDOM.unpack(os.urandom(_RANDOM.size))
    place = _place(business, record, batch)
    sealed = _box(record_key, boxes[0], nonce + content, CONTENT_LABEL + place)
    inner = _box(batch_key, boxes[1], record_key, INNER_LABEL + place)
    return SealedRecord(
        sealed=sealed,
        outer_wrap=_box(disposal_key, boxes[2], inner, OUTER_LABEL + place + disposal_bucket.encode()),
        inner_wrap=inner,
        commitment=commit(nonce, content),
        sealed_sha256=hashlib.sha256(sealed).digest(),
        inner_sha256=hashlib.sha256(inner).digest(),
    )


class Sealer:
    """Seals up to `count` records of one batch and one disposal bucket: the same boxes as `seal`, with both ciphers built once
    and all randomness drawn at once. For one transaction."""

    def __init__(
        self, batch_key: bytes, disposal_key: bytes, *, business: UUID, batch: UUID, disposal_bucket: str, count: int
    ) -> None:  # fmt: skip
        self._inner, self._outer = AESGCM(batch_key).encrypt, AESGCM(disposal_key).encrypt
        labels = (CONTENT_LABEL, INNER_LABEL, OUTER_LABEL)
        self._content_aad, self._inner_aad, self._outer_aad = (VERSION + label + business.bytes for label in labels)
        self._batch, self._outer_end = batch.bytes, batch.bytes + disposal_bucket.encode()
        self._draws = _RANDOM.iter_unpack(os.urandom(_RANDOM.size * count))

    def seal(self, content: bytes, record: bytes) -> SealedRecord:
        """The record's id by its 16 bytes. StopIteration beyond `count`."""
        record_key, nonce, content_nonce, inner_nonce, outer_nonce = next(self._draws)
        place = record + self._batch
        sealed = b"".join((
            VERSION, content_nonce, AESGCM(record_key).encrypt(content_nonce, nonce + content, self._content_aad + place),
        ))  # fmt: skip
        inner = VERSION + inner_nonce + self._inner(inner_nonce, record_key, self._inner_aad + place)
        outer = self._outer(outer_nonce, inner, self._outer_aad + record + self._outer_end)
        return SealedRecord(
            sealed=sealed, outer_wrap=VERSION + outer_nonce + outer, inner_wrap=inner,
            commitment=hmac.digest(nonce, content, "sha256"), sealed_sha256=hashlib.sha256(sealed).digest(),
            inner_sha256=hashlib.sha256(inner).digest(),
        )  # fmt: skip


def peel(
    disposal_key: bytes, outer_wrap: bytes, *, business: UUID, record: UUID, batch: UUID, disposal_bucket: str
) -> bytes:
    """The inner wrap. Raises `Unsealable` for another disposal key, bucket, record, batch or business."""
    return _unbox(disposal_key, outer_wrap, OUTER_LABEL + _place(business, record, batch) + disposal_bucket.encode())


def rewrap_outer(
    old_disposal_key: bytes, new_disposal_key: bytes, outer_wrap: bytes, *,
    business: UUID, record: UUID, batch: UUID, old_bucket: str, new_bucket: str,
) -> bytes:  # fmt: skip
    """Move a record to a later disposal bucket (a hold, a survivor). The inner wrap keeps its hash."""
    inner = peel(
        old_disposal_key, outer_wrap, business=business, record=record, batch=batch, disposal_bucket=old_bucket
    )
    nonce = os.urandom(aead.NONCE_BYTES)
    return _box(new_disposal_key, nonce, inner, OUTER_LABEL + _place(business, record, batch) + new_bucket.encode())


def open_(batch_key: bytes, inner_wrap: bytes, sealed: bytes, *, business: UUID, record: UUID, batch: UUID) -> Opened:
    """Content and commitment nonce. Raises `Unsealable` when anything differs from what was sealed."""
    place = _place(business, record, batch)
    record_key = _unbox(batch_key, inner_wrap, INNER_LABEL + place)
    opened = _unbox(record_key, sealed, CONTENT_LABEL + place)
    return Opened(opened[COMMITMENT_NONCE_BYTES:], opened[:COMMITMENT_NONCE_BYTES])


def seal_batch_key(batch_key: bytes, recipients: Mapping[str, bytes], *, business: UUID, batch: UUID) -> bytes:
    """The batch's envelope: one HPKE box for each archive recipient (key id → public key)."""
    return envelope.seal(batch_key, recipients, purpose=BATCH_PURPOSE, business=business, subject=batch)


def open_batch_key(sealed: bytes, key_id: str, private: bytes, *, business: UUID, batch: UUID) -> bytes:
    """The batch key, by one recipient's private key. Raises `Unsealable`."""
    return envelope.open_(sealed, key_id, private, purpose=BATCH_PURPOSE, business=business, subject=batch)


def _place(business: UUID, record: UUID, batch: UUID) -> bytes:
    return business.bytes + record.bytes + batch.bytes


def _box(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """`nonce` is fresh and random for every box."""
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plaintext, VERSION + aad)


def _unbox(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    if sealed[:1] != VERSION:
        raise errors.Unsealable("The record is of a version that this release does not know.")
    return aead.open_(key, sealed[1:], VERSION + aad)
