"""HPKE with X-Wing: a published vector of the KEM, the key schedule of RFC 9180 computed here, and tampering."""

import hmac
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.sealing import errors, hpke
from portal.sealing.tests import xwing_vector as vector

KEY = hpke.generate()
OTHER = hpke.generate()


def labeled_extract(salt: bytes, label: bytes, ikm: bytes, suite: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labeled_expand(prk: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    block = struct.pack(">H", length) + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.digest(prk, block, "sha256")[:length]


def schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9180 section 5.1, base mode: AEAD key and base nonce."""
    suite = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)
    context = b"\0" + labeled_extract(b"", b"psk_id_hash", b"", suite) + labeled_extract(b"", b"info_hash", info, suite)
    secret = labeled_extract(shared_secret, b"secret", b"", suite)
    return labeled_expand(secret, b"key", context, 32, suite), labeled_expand(secret, b"base_nonce", context, 12, suite)


def test_a_seed_expands_to_the_published_public_key():
    public = hpke.public_of(vector.SEED)
    assert public.startswith(vector.PUBLIC_START)
    assert public.endswith(vector.PUBLIC_END)
    assert len(public) == hpke.PUBLIC_BYTES


def test_it_opens_what_an_independent_sender_sealed():
    """The published X-Wing ciphertext and shared secret, under a key schedule that is written out above."""
    key, nonce = schedule(vector.SHARED_SECRET, b"where")
    sealed = b"\x01" + vector.CIPHERTEXT + AESGCM(key).encrypt(nonce, b"what", b"")
    assert hpke.open_(vector.SEED, sealed, b"where") == b"what"


def test_round_trip_and_sizes():
    sealed = hpke.seal(KEY.public, b"secret", b"info")
    assert hpke.open_(KEY.private, sealed, b"info") == b"secret"
    assert len(sealed) == hpke.OVERHEAD_BYTES + 6
    assert (len(KEY.private), len(KEY.public)) == (32, 1216)
    assert hpke.seal(KEY.public, b"secret", b"info") != sealed


def test_another_key_or_place_refuses():
    sealed = hpke.seal(KEY.public, b"secret", b"info")
    for private, info in ((OTHER.private, b"info"), (KEY.private, b"inf0"), (KEY.private, b"")):
        with pytest.raises(errors.Unsealable):
            hpke.open_(private, sealed, info)


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, hpke.OVERHEAD_BYTES + 5), bit=st.integers(0, 7))
def test_any_flipped_bit_refuses(at, bit):
    sealed = bytearray(hpke.seal(KEY.public, b"secret", b"info"))
    sealed[at] ^= 1 << bit
    with pytest.raises(errors.Unsealable):
        hpke.open_(KEY.private, bytes(sealed), b"info")


def test_a_shortened_box_or_key_refuses():
    sealed = hpke.seal(KEY.public, b"", b"")
    for broken in (b"", sealed[:1], sealed[:1000], sealed[:-1]):
        with pytest.raises(errors.Unsealable):
            hpke.open_(KEY.private, broken, b"")
    with pytest.raises(errors.Unsealable):
        hpke.open_(KEY.private[:-1], sealed, b"")
    for public in (KEY.public[:-1], b"\xff" * hpke.PUBLIC_BYTES):
        with pytest.raises(errors.Unsealable):
            hpke.seal(public, b"", b"")
