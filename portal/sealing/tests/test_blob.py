"""A blob opens whole, in its place, with its key; and whatever is done to its chunks is seen."""

import hashlib
import secrets
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import blob, errors

BUSINESS, ID = UUID(int=1), UUID(int=2)
CHUNK = 64 * 1024
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17]


def opened(key, sealed, business=BUSINESS, blob_id=ID):
    return b"".join(blob.open_(key, sealed, business=business, blob=blob_id))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens(size):
    plain = secrets.token_bytes(size)
    key, sealed = blob.seal(plain, business=BUSINESS, blob=ID)
    assert opened(key, sealed) == plain
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed) == 1 + size + 16 * chunks
    parts = list(blob.open_(key, sealed, business=BUSINESS, blob=ID))
    assert [len(part) for part in parts[:-1]] == [CHUNK] * (chunks - 1)


@pytest.mark.parametrize(("size", "digest"), [
    (0, "8a4c6efb88398604"), (5, "823f242f2559d6b2"), (CHUNK + 5, "a73015a66de59356"),
])  # fmt: skip
def test_the_bytes_are_those_of_the_format(size, digest):
    """Drawn a second time from the words at the head of the module, and fixed."""
    key, plain = bytes(range(32)), bytes(n % 251 for n in range(size))
    aad = b"ebb/v1/blob" + b"\x01" + BUSINESS.bytes + ID.bytes
    pieces = [plain[at : at + CHUNK] for at in range(0, size, CHUNK)] or [b""]
    drawn = b"\x01"
    for number, piece in enumerate(pieces):
        nonce = b"\0" * 7 + number.to_bytes(4, "big") + (b"\x01" if number == len(pieces) - 1 else b"\0")
        drawn += AESGCM(key).encrypt(nonce, piece, aad)
    assert blob._seal(key, plain, BUSINESS, ID) == drawn
    assert hashlib.sha256(drawn).hexdigest()[:16] == digest
    assert opened(key, drawn) == plain


def test_two_blobs_share_no_key():
    first, second = (blob.seal(b"same", business=BUSINESS, blob=ID) for _ in range(2))
    assert first.key != second.key
    assert first.sealed != second.sealed


def test_another_place_or_key_opens_nothing():
    key, sealed = blob.seal(b"words", business=BUSINESS, blob=ID)
    for given in (
        (bytes(32), sealed, BUSINESS, ID), (key, sealed, UUID(int=9), ID), (key, sealed, BUSINESS, UUID(int=9)),
        (key, b"\x02" + sealed[1:], BUSINESS, ID), (key, b"", BUSINESS, ID), (key, b"\x01", BUSINESS, ID),
    ):  # fmt: skip
        with pytest.raises(errors.Unsealable):
            opened(*given)


@pytest.mark.parametrize("size", [CHUNK, 3 * CHUNK, 3 * CHUNK + 17])
def test_no_chunk_can_be_lost_moved_repeated_or_changed(size):
    key, sealed = blob.seal(secrets.token_bytes(size), business=BUSINESS, blob=ID)
    whole = CHUNK + 16
    chunks = [sealed[at : at + whole] for at in range(1, len(sealed), whole)]
    wrong = {
        "cut at a chunk": chunks[:-1], "swapped": [*chunks[1:2], *chunks[:1], *chunks[2:]], "twice": [*chunks, chunks[-1]],
        "first lost": chunks[1:], "cut within": [*chunks[:-1], chunks[-1][:-1]], "a byte more": [*chunks, b"x"],
        "an empty one more": [*chunks, AESGCM(key).encrypt(b"\0" * 7 + len(chunks).to_bytes(4, "big") + b"\x01", b"", b"")],
    }  # fmt: skip
    for name, parts in wrong.items():
        if len(chunks) == 1 and name == "swapped":
            continue
        with pytest.raises(errors.Unsealable):
            opened(key, b"\x01" + b"".join(parts))
    for at in (1, len(sealed) // 2, len(sealed) - 1):
        with pytest.raises(errors.Unsealable):
            opened(key, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])


def test_nothing_unauthentic_is_given_before_it_is_found():
    key, sealed = blob.seal(secrets.token_bytes(2 * CHUNK), business=BUSINESS, blob=ID)
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    given = []
    with pytest.raises(errors.Unsealable):
        given.extend(blob.open_(key, broken, business=BUSINESS, blob=ID))
    assert [len(part) for part in given] == [CHUNK]


def test_a_file_that_ends_in_an_empty_part_is_refused_though_it_is_authentic():
    """One text has one blob: 65,536 bytes are one chunk, never one and an empty one."""
    key, aad = bytes(32), blob._aad(BUSINESS, ID)
    chunks = [(0, b"x" * CHUNK), (1, b"")]
    parts = [AESGCM(key).encrypt(blob._NONCE.pack(number, number == 1), text, aad) for number, text in chunks]
    with pytest.raises(errors.Unsealable):
        opened(key, b"\x01" + b"".join(parts))
