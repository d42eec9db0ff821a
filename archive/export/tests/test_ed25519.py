"""Ed25519 in Python alone: RFC 8032's vectors, agreement with OpenSSL, and what a lax verifier would let through."""

import random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from archive.export.ed25519 import _L, ed25519_holds

# RFC 8032 section 7.1: public key, message, signature.
VECTORS = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc_hold(public: str, message: str, signature: str) -> None:
    assert ed25519_holds(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_openssl_signs_and_a_flipped_bit_does_not_hold() -> None:
    rng = random.Random(8032)
    for length in range(0, 60, 3):
        message = rng.randbytes(length)
        good = KEY.sign(message)
        assert ed25519_holds(PUBLIC, message, good)
        bad = bytearray(good)
        bad[rng.randrange(64)] ^= 1 << rng.randrange(8)
        assert not ed25519_holds(PUBLIC, message, bytes(bad))
        assert not ed25519_holds(PUBLIC, message + b"x", good)


def test_a_second_spelling_of_s_does_not_hold() -> None:
    good = KEY.sign(b"words")
    s = int.from_bytes(good[32:], "little") + _L
    assert s < 2**256
    assert not ed25519_holds(PUBLIC, b"words", good[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "point", ["01" + "00" * 31, "00" * 32, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f", "01" + "00" * 30 + "80"]
)
def test_keys_of_small_order_and_points_spelled_otherwise_are_refused(point: str) -> None:
    """With the neutral element as key, R = [S]B would hold for every message."""
    base = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")
    assert not ed25519_holds(bytes.fromhex(point), b"anything", base + (1).to_bytes(32, "little"))


def test_odd_lengths_are_refused() -> None:
    assert not ed25519_holds(PUBLIC[:-1], b"", bytes(64))
    assert not ed25519_holds(PUBLIC, b"", bytes(63))
