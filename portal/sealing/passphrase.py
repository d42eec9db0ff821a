"""The officers' private key, locked by a passphrase AND a secret of the business's keyring file.

    blob = version u8 = 1 | log2(n) u8 | r u8 | p u8 | salt (16) || nonce (12) || ciphertext || tag (16)
    key  = HKDF-SHA256(ikm = scrypt(passphrase, salt, n, r, p), salt = keyring secret, info = "ebb/v1/passphrase")
    AAD  = "ebb/v1/passphrase" || the 20 bytes before the nonce || the caller's aad

scrypt: RFC 7914; n = 2^17, r = 8 takes 128 MiB and about half a second. A stolen database cannot be guessed at without
the keyring; a stolen keyring not without the passphrase. The passphrase is taken as NFC (RFC 8265, OpaqueString), or
the same words typed on another system would not open it.
"""

import os
import struct
import unicodedata
from typing import NamedTuple

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from portal.sealing import aead, errors

VERSION = 1
SALT_BYTES = 16
LABEL = b"ebb/v1/passphrase"

_HEADER = struct.Struct(">BBBB16s")


class Cost(NamedTuple):
    """scrypt's parameters; memory = 128 * r * 2^log2_n bytes."""

    log2_n: int = 17
    r: int = 8
    p: int = 1


DEFAULT_COST = Cost()
# A blob comes from the database: what it asks for is bounded before it is done (1 GiB).
MOST_LOG2_N, MOST_R, MOST_P = 20, 8, 4


def lock(private: bytes, passphrase: str, secret: bytes, *, aad: bytes, cost: Cost = DEFAULT_COST) -> bytes:
    """Lock `private` under passphrase and keyring secret (32 bytes). ValueError for a cost out of bounds."""
    if not _is_bearable(cost):
        raise ValueError("The cost of scrypt is out of bounds.")
    header = _HEADER.pack(VERSION, *cost, os.urandom(SALT_BYTES))
    return header + aead.seal(_key(passphrase, secret, header), private, LABEL + header + aad)


def unlock(blob: bytes, passphrase: str, secret: bytes, *, aad: bytes) -> bytes:
    """The private key. Raises `Unsealable` for a wrong passphrase, secret or aad, a changed or shortened blob."""
    header, sealed = blob[: _HEADER.size], blob[_HEADER.size :]
    if len(sealed) < aead.OVERHEAD_BYTES or header[0] != VERSION or not _is_bearable(Cost(*header[1:4])):
        raise errors.Unsealable("The locked key is damaged, or of a version that this release does not know.")
    return aead.open_(_key(passphrase, secret, header), sealed, LABEL + header + aad)


def split(private: bytes) -> tuple[bytes, bytes]:
    """Two halves by XOR; either alone is random. One for the session row, one for the cookie."""
    half = os.urandom(len(private))
    return half, _xor(half, private)


def join(half_a: bytes, half_b: bytes) -> bytes:
    """The key from its halves, in either order. Halves of two keys give noise: whatever it opens will refuse."""
    if len(half_a) != len(half_b):
        raise errors.Unsealable("The halves do not belong together.")
    return _xor(half_a, half_b)


def _key(passphrase: str, secret: bytes, header: bytes) -> bytes:
    _, log2_n, r, p, salt = _HEADER.unpack(header)
    words = unicodedata.normalize("NFC", passphrase).encode()
    stretched = Scrypt(salt=salt, length=aead.KEY_BYTES, n=1 << log2_n, r=r, p=p).derive(words)
    return aead.derive(stretched, LABEL, salt=secret)


def _is_bearable(cost: Cost) -> bool:
    return 1 <= cost.log2_n <= MOST_LOG2_N and 1 <= cost.r <= MOST_R and 1 <= cost.p <= MOST_P


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
