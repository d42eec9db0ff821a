"""Fields under the business key, and the keyed hashes that find them."""

import hmac
import os
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import blind, errors, field
from portal.sealing.tests.test_aead import hkdf

KEY = bytes(range(32))
OWNER = uuid.UUID(int=5)


def test_a_field_is_what_the_docs_draw(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda n: bytes(range(n)))
    sealed = field.seal(KEY, "customer.profile", OWNER, b"Ada")
    subkey = hkdf(KEY, salt=bytes(32), info=b"ebb/v1/field")
    aad = b"\x01customer.profile" + OWNER.bytes
    assert sealed == b"\x01" + bytes(range(12)) + AESGCM(subkey).encrypt(bytes(range(12)), b"Ada", aad)
    assert sealed.hex() == "01000102030405060708090a0b2777f1e535d06e55d0fea1a5e12393bb5d9845"


def test_a_field_opens_in_its_own_place_only():
    sealed = field.seal(KEY, "profile", OWNER, b"Ada")
    assert field.open_(KEY, "profile", OWNER, sealed) == b"Ada"
    for key, context, owner in (
        (bytes(32), "profile", OWNER), (KEY, "profilE", OWNER), (KEY, "profile", uuid.UUID(int=6)),
    ):  # fmt: skip
        with pytest.raises(errors.Unsealable):
            field.open_(key, context, owner, sealed)


def test_a_changed_or_shortened_field_refuses():
    sealed = field.seal(KEY, "profile", OWNER, b"Ada")
    flipped = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    for broken in [*flipped, *(sealed[:i] for i in range(len(sealed)))]:
        with pytest.raises(errors.Unsealable):
            field.open_(KEY, "profile", OWNER, broken)


def test_an_index_is_a_keyed_hash_by_label():
    subkey = hkdf(KEY, salt=bytes(32), info=b"ebb/v1/blind/phone")
    assert blind.index(KEY, "phone", "+491") == hmac.digest(subkey, b"+491", "sha256")[:16]
    assert blind.index(KEY, "phone", "+491").hex() == "fd96e5538267ce6f32cc0508c88a340c"


def test_an_index_differs_by_business_label_and_value():
    found = {
        blind.index(KEY, "phone", "a"), blind.index(KEY, "email", "a"), blind.index(bytes(32), "phone", "a"),
        blind.index(KEY, "phone", "A"), blind.index(KEY, "phone", " a"),
    }  # fmt: skip
    assert len(found) == 5


def test_words_are_sorted_unique_and_fit_a_bigint():
    hashed = blind.words(KEY, ["tide", "ebb", "tide", "flood", *map(str, range(200))])
    assert hashed == sorted(set(hashed))
    assert len(hashed) == 203
    assert all(-(2**63) <= word < 2**63 for word in hashed)
    assert any(word < 0 for word in hashed)
    assert any(word > 0 for word in hashed)


def test_a_word_is_a_keyed_hash():
    digest = hmac.digest(KEY, b"ebb/v1/word/ebb", "sha256")
    assert blind.words(KEY, ["ebb"]) == [int.from_bytes(digest[:8], "big", signed=True)]
    assert blind.words(KEY, ["ebb"]) != blind.words(bytes(32), ["ebb"])


def test_a_word_index_remembers_and_agrees():
    index = blind.WordIndex(KEY)
    for _ in range(2):
        assert index.hash(["ebb", "tide"]) == blind.words(KEY, ["tide", "ebb"])
    assert len(index) == 2


def test_an_opener_opens_what_open_opens_and_nothing_else():
    opener = field.Opener(KEY, "profile")
    for plaintext in (b"", b"Ada"):
        assert opener.open_(OWNER.bytes, field.seal(KEY, "profile", OWNER, plaintext)) == plaintext
    sealed = field.seal(KEY, "profile", OWNER, b"Ada")
    flipped = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    strange = [field.seal(bytes(32), "profile", OWNER, b"Ada"), field.seal(KEY, "profilE", OWNER, b"Ada")]
    for broken in [*flipped, *(sealed[:i] for i in range(len(sealed))), *strange]:
        with pytest.raises(errors.Unsealable):
            opener.open_(OWNER.bytes, broken)
    with pytest.raises(errors.Unsealable):
        opener.open_(uuid.UUID(int=6).bytes, sealed)


def test_an_opener_refuses_what_is_too_short_as_a_field_it_does_not_know():
    """Before it is cut into a nonce and a rest that are none."""
    with pytest.raises(errors.Unsealable, match="version"):
        field.Opener(KEY, "profile").open_(OWNER.bytes, b"\x01" + bytes(27))
    with pytest.raises(errors.Unsealable, match="version"):
        field.Opener(KEY, "profile").open_(OWNER.bytes, b"\x02" + bytes(40))
