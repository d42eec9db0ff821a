"""Fields that live as long as their row: profiles, device names. Sealed under the business key, bound to their owner.

sealed = version u8 = 1 || nonce (12) || ciphertext || tag (16)
         key = HKDF-SHA256(business key, info = "ebb/v1/field")
         AAD = version || context (UTF-8) || owner (16)       the owner is of fixed length: no two contexts collide
"""

from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import aead, errors

VERSION = b"\x01"
LABEL = b"ebb/v1/field"
_NONCE_END = 1 + aead.NONCE_BYTES


def seal(business_key: bytes, context: str, owner: UUID, plaintext: bytes) -> bytes:
    """Seal `plaintext` for one column (`context`, such as "customer.profile") of one row (`owner`)."""
    return VERSION + aead.seal(_subkey(business_key), plaintext, _aad(context, owner))


def open_(business_key: bytes, context: str, owner: UUID, sealed: bytes) -> bytes:
    """Raises `Unsealable` for another business, column or row, an unknown version, a changed or shortened box."""
    if sealed[:1] != VERSION:
        raise errors.Unsealable("The field is of a version that this release does not know.")
    return aead.open_(_subkey(business_key), sealed[1:], _aad(context, owner))


class Opener:
    """Opens many fields of one column under a cipher built once. For a chunk of work; drop it with that."""

    def __init__(self, business_key: bytes, context: str) -> None:
        self._decrypt = AESGCM(_subkey(business_key)).decrypt
        self._context = VERSION + context.encode()

    def open_(self, owner: bytes, sealed: bytes) -> bytes:
        """As `open_`; the owner by its 16 bytes."""
        if sealed[:1] != VERSION or len(sealed) <= aead.OVERHEAD_BYTES:
            raise errors.Unsealable("The field is of a version that this release does not know.")
        try:
            return self._decrypt(sealed[1:_NONCE_END], sealed[_NONCE_END:], self._context + owner)
        except InvalidTag:
            raise errors.Unsealable("The box does not open with this key in this place.") from None


# A business key lives as long as its business, so remembering its subkey outlives nothing.
@lru_cache(maxsize=512)
def _subkey(business_key: bytes) -> bytes:
    return aead.derive(business_key, LABEL)


def _aad(context: str, owner: UUID) -> bytes:
    return VERSION + context.encode() + owner.bytes
