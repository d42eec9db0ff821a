"""HPKE (RFC 9180), base mode, single shot: KEM X-Wing (0x647a), KDF HKDF-SHA256 (1), AEAD AES-256-GCM (2).

    public  = ML-KEM-768 encapsulation key (1184) || X25519 public key (32)                              1216 bytes
    private = the X-Wing seed                                                                              32 bytes
    sealed  = suite u8 = 1 || enc (1120) || ciphertext || tag (16)

Keys are raw, as in draft-connolly-cfrg-xwing-kem section 5.2: SHAKE256(seed, 96) = ML-KEM d || z (64) || X25519 (32).
The library offers no AAD: whatever a box must be bound to goes into `info`, which the key schedule takes in.
"""

import hashlib
import os
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from portal.sealing import errors

SUITE_ID = "xwing-hkdf-sha256-aes256gcm"
SUITE = b"\x01"
PRIVATE_BYTES = 32
PUBLIC_BYTES = 1216
OVERHEAD_BYTES = 1 + 1120 + 16

_MLKEM_SEED_BYTES = 64
_MLKEM_PUBLIC_BYTES = 1184
_CIPHERS = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class KeyPair(NamedTuple):
    """Raw bytes: `private` 32 (a seed), `public` 1216."""

    private: bytes
    public: bytes


def generate() -> KeyPair:
    private = os.urandom(PRIVATE_BYTES)
    return KeyPair(private, public_of(private))


def public_of(private: bytes) -> bytes:
    """The public key that belongs to a private one, 1216 bytes."""
    mlkem_key, x25519_key = _expand(private)
    return mlkem_key.public_key().public_bytes_raw() + x25519_key.public_key().public_bytes_raw()


def seal(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seal to a public key (about 130 µs). The result is `OVERHEAD_BYTES` longer than the plaintext."""
    return SUITE + _CIPHERS.encrypt(plaintext, _public_key(public), info)


def open_(private: bytes, sealed: bytes, info: bytes) -> bytes:
    """Raises `Unsealable` for another key or info, an unknown suite, a changed or shortened box."""
    if sealed[:1] != SUITE or len(sealed) < OVERHEAD_BYTES:
        raise errors.Unsealable("The envelope is of a suite that this release does not know, or cut short.")
    key = hpke.MLKEM768X25519PrivateKey(*_expand(private))
    try:
        return _CIPHERS.decrypt(sealed[1:], key, info)
    except (InvalidTag, ValueError):
        raise errors.Unsealable("The envelope does not open with this key in this place.") from None


def _expand(private: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
    if len(private) != PRIVATE_BYTES:
        raise errors.Unsealable(f"A private key of {SUITE_ID} has {PRIVATE_BYTES} bytes.")
    expanded = hashlib.shake_256(private).digest(_MLKEM_SEED_BYTES + 32)
    return (
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:]),
    )


@lru_cache(maxsize=1024)
def _public_key(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    if len(public) != PUBLIC_BYTES:
        raise errors.Unsealable(f"A public key of {SUITE_ID} has {PUBLIC_BYTES} bytes.")
    try:
        mlkem_key = mlkem.MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_BYTES])
    except ValueError:
        raise errors.Unsealable(f"This is not a public key of {SUITE_ID}.") from None
    return hpke.MLKEM768X25519PublicKey(
        mlkem_key, x25519.X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_BYTES:])
    )
