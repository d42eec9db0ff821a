"""A live message: a random key seals the body, the wheel key of its bucket wraps that key.

    header = version u8 = 1 | suite u8 = 1 (AES-256-GCM) | bucket u64 | business-key generation u32      14 bytes, BE
    wrap   = header || nonce (12) || sealed message key (32) || tag (16)                                 74 bytes
             AAD = "ebb/v1/wrap" || header || message id (16)
    body   = nonce (12) || ciphertext || tag (16)
             AAD = "ebb/v1/body" || business (16) || message (16) || recipient (16) || version u32 BE

Keys are not cached here: building a cipher costs 1 µs, and a cached one would outlive the destruction of its bucket.
"""

import os
import struct
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import aead, errors

FORMAT_VERSION = 1
SUITE_AES_256_GCM = 1
HEADER = struct.Struct(">BBQI")
WRAP_BYTES = HEADER.size + aead.OVERHEAD_BYTES + aead.KEY_BYTES

WRAP_LABEL = b"ebb/v1/wrap"
BODY_LABEL = b"ebb/v1/body"

_KEY_END = aead.KEY_BYTES
_FIRST_NONCE_END = _KEY_END + aead.NONCE_BYTES
_RANDOM_BYTES = _FIRST_NONCE_END + aead.NONCE_BYTES
_VERSION = struct.Struct(">I")


class Header(NamedTuple):
    """What a wrap says about itself; `bucket` in Unix seconds. Authentic only once the wrap was opened."""

    version: int
    suite: int
    bucket: int
    generation: int


class Sealed(NamedTuple):
    """The two columns of a live message."""

    wrap: bytes
    body: bytes


def seal(
    wheel_key: bytes, plaintext: bytes, *,
    bucket: int, generation: int, business: UUID, message: UUID, recipient: UUID, version: int = 1,
) -> Sealed:  # fmt: skip
    """Seal one body for one recipient. `version` counts the versions of the text, not of the format."""
    random = os.urandom(_RANDOM_BYTES)  # one system call for key and both nonces
    key, body_nonce, wrap_nonce = random[:_KEY_END], random[_KEY_END:_FIRST_NONCE_END], random[_FIRST_NONCE_END:]
    head = HEADER.pack(FORMAT_VERSION, SUITE_AES_256_GCM, bucket, generation)
    body = AESGCM(key).encrypt(body_nonce, plaintext, _body_aad(business, message, recipient, version))
    wrapped = AESGCM(wheel_key).encrypt(wrap_nonce, key, WRAP_LABEL + head + message.bytes)
    return Sealed(head + wrap_nonce + wrapped, body_nonce + body)


class Sealer:
    """Seals up to `count` bodies of one bucket: the same boxes as `seal`, with the wheel's cipher built once and all randomness
    drawn at once. For one transaction; drop it with that, or the wheel key would outlive its bucket."""

    def __init__(self, wheel_key: bytes, *, bucket: int, generation: int, business: UUID, count: int) -> None:
        self._wrap = AESGCM(wheel_key).encrypt
        self._head = HEADER.pack(FORMAT_VERSION, SUITE_AES_256_GCM, bucket, generation)
        self._wrap_aad, self._body_aad = WRAP_LABEL + self._head, BODY_LABEL + business.bytes
        self._random, self._at = os.urandom(_RANDOM_BYTES * count), 0

    def seal(self, plaintext: bytes, message: bytes, recipient: bytes, version: bytes = _VERSION.pack(1)) -> Sealed:
        """Ids by their 16 bytes."""
        at = self._at
        self._at = end = at + _RANDOM_BYTES
        if end > len(self._random):
            raise ValueError("more bodies than this sealer was made for")
        key, body_nonce = self._random[at : at + _KEY_END], self._random[at + _KEY_END : at + _FIRST_NONCE_END]
        wrap_nonce = self._random[at + _FIRST_NONCE_END : end]
        body = AESGCM(key).encrypt(body_nonce, plaintext, self._body_aad + message + recipient + version)
        return Sealed(
            self._head + wrap_nonce + self._wrap(wrap_nonce, key, self._wrap_aad + message), body_nonce + body
        )


def open_(
    wheel_key: bytes, sealed_wrap: bytes, sealed_body: bytes, *,
    business: UUID, message: UUID, recipient: UUID, version: int = 1,
) -> bytes:  # fmt: skip
    """The body. Raises `Unsealable` when anything at all differs from what was sealed."""
    key = _unwrap(wheel_key, sealed_wrap, message)
    return aead.open_(key, sealed_body, _body_aad(business, message, recipient, version))


def header(wrap: bytes) -> Header:
    """Which bucket key and business-key generation open this wrap. Raises `Unsealable` for an unknown format."""
    if len(wrap) != WRAP_BYTES:
        raise errors.Unsealable("The wrap has the wrong length.")
    parsed = Header(*HEADER.unpack_from(wrap))
    if (parsed.version, parsed.suite) != (FORMAT_VERSION, SUITE_AES_256_GCM):
        raise errors.Unsealable("The wrap is of a format that this release does not know.")
    return parsed


def rewrap(
    old_wheel_key: bytes, new_wheel_key: bytes, wrap: bytes, *, message: UUID, bucket: int, generation: int
) -> bytes:
    """Move a message to another bucket (or business-key generation); its body stays as it is."""
    key = _unwrap(old_wheel_key, wrap, message)
    head = HEADER.pack(FORMAT_VERSION, SUITE_AES_256_GCM, bucket, generation)
    return head + aead.seal(new_wheel_key, key, WRAP_LABEL + head + message.bytes)


def _unwrap(wheel_key: bytes, wrap: bytes, message: UUID) -> bytes:
    header(wrap)
    head = wrap[: HEADER.size]
    return aead.open_(wheel_key, wrap[HEADER.size :], WRAP_LABEL + head + message.bytes)


def _body_aad(business: UUID, message: UUID, recipient: UUID, version: int) -> bytes:
    return BODY_LABEL + business.bytes + message.bytes + recipient.bytes + _VERSION.pack(version)
