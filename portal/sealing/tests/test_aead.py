"""AES-GCM boxes and HKDF, against foreign vectors and an independent computation."""

import hmac
import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from portal.sealing import aead, errors

KEY = bytes(range(32))


def hkdf(ikm: bytes, *, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """RFC 5869, written out with HMAC alone."""
    prk = hmac.digest(salt, ikm, "sha256")
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        out, counter = out + block, counter + 1
    return out[:length]


# RFC 5869 appendix A.1 to A.3: ikm, salt, info, length, okm
RFC_5869 = [
    (
        b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)), bytes(range(0x60, 0xB0)), bytes(range(0xB0, 0x100)), 82,
        ("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
    ),
    (
        b"\x0b" * 22, b"", b"", 42,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ikm", "salt", "info", "length", "okm"), RFC_5869)
def test_hkdf_agrees_with_rfc_5869(ikm, salt, info, length, okm):
    ours = aead.derive(ikm, info, salt=salt)
    assert ours == bytes.fromhex(okm)[:32]
    assert hkdf(ikm, salt=salt, info=info, length=length) == bytes.fromhex(okm)


def test_no_salt_is_a_salt_of_zeros():
    assert aead.derive(KEY, b"x") == hkdf(KEY, salt=bytes(32), info=b"x")


def test_a_box_is_nonce_ciphertext_tag(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda n: bytes(range(n)))
    sealed = aead.seal(KEY, b"hello", b"here")
    cipher = Cipher(algorithms.AES(KEY), modes.GCM(bytes(range(12)))).encryptor()
    cipher.authenticate_additional_data(b"here")
    assert sealed == bytes(range(12)) + cipher.update(b"hello") + cipher.finalize() + cipher.tag


def test_open_gives_back_what_was_sealed():
    for plaintext in (b"", b"x", os.urandom(70_000)):
        assert aead.open_(KEY, aead.seal(KEY, plaintext, b"aad"), b"aad") == plaintext


def test_nonces_differ():
    assert len({aead.seal(KEY, b"x", b"")[:12] for _ in range(1000)}) == 1000


def test_any_change_refuses():
    sealed = aead.seal(KEY, b"hello", b"here")
    flipped = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    shortened = [sealed[:i] for i in range(len(sealed))]
    for broken in [*flipped, *shortened, sealed + b"\0"]:
        with pytest.raises(errors.Unsealable):
            aead.open_(KEY, broken, b"here")
    with pytest.raises(errors.Unsealable):
        aead.open_(KEY, sealed, b"there")
    with pytest.raises(errors.Unsealable):
        aead.open_(bytes(32), sealed, b"here")
