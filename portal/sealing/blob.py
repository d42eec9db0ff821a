"""A file, sealed once for everybody who may open it: in chunks, under a random key that seals nothing else.

    blob  = version u8 = 1 | chunk*        each chunk seals 65,536 bytes, the last one 0 to 65,536 (0 only if it is alone)
    chunk = ciphertext | tag (16)          AES-256-GCM
            nonce = 0 (7) | number of the chunk, from 0, u32 BE | 1 if it is the last, else 0, u8
            AAD   = "ebb/v1/blob" | version | business (16) | blob (16)

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, 2015), as age has it: no chunk can be taken out, moved, cut off or put behind. Nonces count, because the key
is made here, for this one blob, and given back: nobody can seal a second one under it.
"""

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import aead, errors

VERSION = b"\x01"
LABEL = b"ebb/v1/blob"
CHUNK_BYTES = 64 * 1024
_SEALED_CHUNK = CHUNK_BYTES + aead.TAG_BYTES
_NONCE = struct.Struct(">7xIB")


class Sealed(NamedTuple):
    """`key` goes into what is sealed itself (a message, a record), and nowhere else."""

    key: bytes
    sealed: bytes


def seal(plaintext: bytes, *, business: UUID, blob: UUID) -> Sealed:
    key = os.urandom(aead.KEY_BYTES)
    return Sealed(key, _seal(key, plaintext, business, blob))


def open_(key: bytes, sealed: bytes, *, business: UUID, blob: UUID) -> Iterator[bytes]:
    """Chunk by chunk, each authentic before it is given. Raises `Unsealable` at the first that differs from what was sealed in
    any way; what is missing shows at the end."""
    if sealed[:1] != VERSION or len(sealed) < 1 + aead.TAG_BYTES:
        raise errors.Unsealable("The file is of a version that this release does not know, or cut short.")
    cipher, aad, view = AESGCM(key), _aad(business, blob), memoryview(sealed)
    last = (len(sealed) - 2) // _SEALED_CHUNK
    for number in range(last + 1):
        start = 1 + number * _SEALED_CHUNK
        chunk = bytes(view[start : start + _SEALED_CHUNK])
        try:
            plain = cipher.decrypt(_NONCE.pack(number, number == last), chunk, aad)
        except (InvalidTag, ValueError):
            raise errors.Unsealable("The file does not open with this key in this place.") from None
        if not plain and number:
            raise errors.Unsealable("The file ends in an empty part.")
        yield plain


def _seal(key: bytes, plaintext: bytes, business: UUID, blob: UUID) -> bytes:
    cipher, aad, view = AESGCM(key), _aad(business, blob), memoryview(plaintext)
    starts = range(0, max(len(plaintext), 1), CHUNK_BYTES)
    chunks = (
        cipher.encrypt(_NONCE.pack(number, number == len(starts) - 1), view[start : start + CHUNK_BYTES], aad)
        for number, start in enumerate(starts)
    )
    return VERSION + b"".join(chunks)


def _aad(business: UUID, blob: UUID) -> bytes:
    return LABEL + VERSION + business.bytes + blob.bytes
