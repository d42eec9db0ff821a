"""AES-256-GCM with a random nonce (NIST SP 800-38D, RFC 5116 section 5.2).

    sealed = nonce (12) || ciphertext (as long as the plaintext) || tag (16)

One key seals at most 2^32 boxes (SP 800-38D section 8.3). AES-GCM does not commit to its key: where that matters, the
archive's HMAC commitment does (`record.commit`).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.sealing import errors

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES


def seal(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal under a 32-byte key. The result is `OVERHEAD_BYTES` longer than the plaintext."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def open_(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    """Open what `seal` made. Raises `Unsealable` for another key or AAD, a changed or a shortened box."""
    if len(sealed) < OVERHEAD_BYTES:
        raise errors.Unsealable("The box is shorter than an empty one.")
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except InvalidTag:
        raise errors.Unsealable("The box does not open with this key in this place.") from None


def derive(key: bytes, info: bytes, *, salt: bytes | None = None) -> bytes:
    """A 32-byte subkey: HKDF-SHA256 (RFC 5869) with a label in `info`."""
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key)
