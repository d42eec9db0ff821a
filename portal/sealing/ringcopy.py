"""The copy of a business's keyring that a backup carries: sealed, so that whoever holds the backup holds no key.

    copy = "EBBRCPY1" | length u32 | envelope of a random key (purpose "ring-copy", subject = the backup) | box
    box  = nonce (12) | the ring's payload sealed | tag (16)    under the random key
           AAD "ebb/v1/ring-copy" || business (16) || backup (16) || SHA-256 of what the manifest tells (32)

Sealed to the installation's backup key (`INSTALLATION`) and to the business's own recovery key (`RECOVERY`). The AAD ties
it to the manifest, and so to the dump: nobody who cannot open the copy can put another beside it.
"""

import os
import struct
from collections.abc import Mapping
from uuid import UUID

from portal.sealing import aead, envelope, errors

MAGIC = b"EBBRCPY1"
LABEL = b"ebb/v1/ring-copy"
PURPOSE = "ring-copy"
INSTALLATION = "backup"
RECOVERY = "recovery"

_LENGTH = struct.Struct(">I")


def seal(payload: bytes, recipients: Mapping[str, bytes], *, business: UUID, backup: UUID, told_sha256: bytes) -> bytes:
    """The copy, for the key ids of `recipients` (raw public keys)."""
    key = os.urandom(aead.KEY_BYTES)
    sealed_key = envelope.seal(key, recipients, purpose=PURPOSE, business=business, subject=backup)
    box = aead.seal(key, payload, _aad(business, backup, told_sha256))
    return MAGIC + _LENGTH.pack(len(sealed_key)) + sealed_key + box


def open_(copy: bytes, private: bytes, *, business: UUID, backup: UUID, told_sha256: bytes) -> bytes:
    """The ring's payload, by either recipient's private key. Raises `Unsealable` for any other, or when anything differs."""
    sealed_key, box = _parted(copy)
    key = _key(sealed_key, private, business, backup)
    return aead.open_(key, box, _aad(business, backup, told_sha256))


def _key(sealed: bytes, private: bytes, business: UUID, backup: UUID) -> bytes:
    for key_id in (INSTALLATION, RECOVERY):
        try:
            return envelope.open_(sealed, key_id, private, purpose=PURPOSE, business=business, subject=backup)
        except errors.Unsealable:
            continue
    raise errors.Unsealable("This key opens no copy of this keyring.")


def _parted(copy: bytes) -> tuple[bytes, bytes]:
    start = len(MAGIC) + _LENGTH.size
    if copy[: len(MAGIC)] != MAGIC or len(copy) < start:
        raise errors.Unsealable("This is no copy of a keyring of a version that this release knows.")
    end = start + int(_LENGTH.unpack_from(copy, len(MAGIC))[0])
    return copy[start:end], copy[end:]


def _aad(business: UUID, backup: UUID, told_sha256: bytes) -> bytes:
    return LABEL + business.bytes + backup.bytes + told_sha256
