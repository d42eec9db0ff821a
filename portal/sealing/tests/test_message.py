"""The format of a live message: pinned bytes, and every context bound."""

import os
import uuid
from itertools import count

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import aead, errors, message

WHEEL_KEY = bytes(range(32))
BUSINESS, MESSAGE, RECIPIENT = (uuid.UUID(int=n) for n in (1, 2, 3))
IDS = {"business": BUSINESS, "message": MESSAGE, "recipient": RECIPIENT}
BUCKET = 1_800_000_000


def seal(plaintext: bytes = b"hello", **changes) -> message.Sealed:
    return message.seal(WHEEL_KEY, plaintext, **{"bucket": BUCKET, "generation": 7, **IDS} | changes)


def test_the_format_is_what_the_docs_draw(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda n: bytes(range(100, 100 + n)))
    sealed = seal()
    key, body_nonce, wrap_nonce = bytes(range(100, 132)), bytes(range(132, 144)), bytes(range(144, 156))
    head = bytes.fromhex("0101000000006b49d20000000007")
    assert sealed.wrap == head + wrap_nonce + AESGCM(WHEEL_KEY).encrypt(
        wrap_nonce, key, b"ebb/v1/wrap" + head + MESSAGE.bytes
    )
    assert sealed.body == body_nonce + AESGCM(key).encrypt(
        body_nonce, b"hello", b"ebb/v1/body" + BUSINESS.bytes + MESSAGE.bytes + RECIPIENT.bytes + b"\0\0\0\1"
    )
    assert sealed.wrap.hex() == (
        "0101000000006b49d20000000007909192939495969798999a9b92af935850f0949423912e4c1a089d2d1e6cc37b5ac7"
        "e478f0643e896e3368375d03f3d163ad5a1433dcc0266cab724c"
    )
    assert sealed.body.hex() == "8485868788898a8b8c8d8e8f8f1da76bbbac8d6731b21d31e637e9b6b4d83ef607"


def test_open_gives_back_what_was_sealed():
    for plaintext in (b"", b"x", os.urandom(10_000)):
        sealed = seal(plaintext, version=3)
        assert message.open_(WHEEL_KEY, sealed.wrap, sealed.body, **IDS, version=3) == plaintext


def test_every_message_has_its_own_key():
    first, second = seal(), seal()
    with pytest.raises(errors.Unsealable):
        message.open_(WHEEL_KEY, first.wrap, second.body, **IDS)
    assert first.body != second.body


@pytest.mark.parametrize("name", ["business", "message", "recipient"])
def test_another_context_refuses(name):
    sealed = seal()
    with pytest.raises(errors.Unsealable):
        message.open_(WHEEL_KEY, sealed.wrap, sealed.body, **IDS | {name: uuid.UUID(int=9)})


def test_another_version_of_the_text_refuses():
    sealed = seal()
    with pytest.raises(errors.Unsealable):
        message.open_(WHEEL_KEY, sealed.wrap, sealed.body, **IDS, version=2)


def test_another_wheel_key_refuses():
    sealed = seal()
    with pytest.raises(errors.Unsealable):
        message.open_(bytes(32), sealed.wrap, sealed.body, **IDS)


def test_any_changed_byte_refuses():
    sealed = seal()
    for which, box in enumerate(sealed):
        for at in range(len(box)):
            parts = list(sealed)
            parts[which] = box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]
            with pytest.raises(errors.Unsealable):
                message.open_(WHEEL_KEY, *parts, **IDS)


def test_a_shortened_box_refuses():
    sealed = seal()
    for at in range(len(sealed.wrap)):
        with pytest.raises(errors.Unsealable):
            message.header(sealed.wrap[:at])
    for at in range(len(sealed.body)):
        with pytest.raises(errors.Unsealable):
            message.open_(WHEEL_KEY, sealed.wrap, sealed.body[:at], **IDS)


def test_the_header_names_bucket_and_generation():
    assert message.header(seal().wrap) == message.Header(version=1, suite=1, bucket=BUCKET, generation=7)
    assert len(seal().wrap) == message.WRAP_BYTES == 74


@pytest.mark.parametrize("head", [b"\x02\x01", b"\x01\x02", b"\0\0"])
def test_an_unknown_format_refuses(head):
    with pytest.raises(errors.Unsealable):
        message.header(head + seal().wrap[2:])


def test_rewrap_moves_the_key_and_not_the_body():
    sealed, new_key = seal(), bytes(range(32, 64))
    moved = message.rewrap(WHEEL_KEY, new_key, sealed.wrap, message=MESSAGE, bucket=BUCKET + 60, generation=8)
    assert message.header(moved) == message.Header(1, 1, BUCKET + 60, 8)
    assert message.open_(new_key, moved, sealed.body, **IDS) == b"hello"
    with pytest.raises(errors.Unsealable):
        message.open_(WHEEL_KEY, moved, sealed.body, **IDS)


def test_rewrap_refuses_the_wrong_message_or_key():
    wrap = seal().wrap
    for key, owner in ((bytes(32), MESSAGE), (WHEEL_KEY, BUSINESS)):
        with pytest.raises(errors.Unsealable):
            message.rewrap(key, WHEEL_KEY, wrap, message=owner, bucket=BUCKET, generation=7)


def test_the_random_bytes_of_a_message_do_not_overlap(monkeypatch):
    """Key, body nonce and wrap nonce are cut from one read: each byte is used once."""
    fresh = count()
    monkeypatch.setattr(os, "urandom", lambda n: bytes(next(fresh) for _ in range(n)))
    sealed = seal()
    assert next(fresh) == 56
    assert (sealed.body[:12], sealed.wrap[14:26]) == (bytes(range(32, 44)), bytes(range(44, 56)))


def test_a_format_of_another_release_is_refused_even_if_it_was_sealed_so():
    key = bytes(32)
    for version, suite in ((2, 1), (1, 2)):
        head = message.HEADER.pack(version, suite, BUCKET, 7)
        wrap = head + aead.seal(WHEEL_KEY, key, message.WRAP_LABEL + head + MESSAGE.bytes)
        body = aead.seal(key, b"hello", message._body_aad(BUSINESS, MESSAGE, RECIPIENT, 1))
        with pytest.raises(errors.Unsealable):
            message.open_(WHEEL_KEY, wrap, body, **IDS)


def test_a_sealer_makes_the_boxes_of_seal(monkeypatch):
    """Two in a row from one draw: each is what `seal` would make of its own 56 bytes."""
    drawn = bytes(range(112))
    monkeypatch.setattr(os, "urandom", lambda n: drawn[:n])
    sealer = message.Sealer(WHEEL_KEY, bucket=BUCKET, generation=7, business=BUSINESS, count=2)
    for at in (0, 56):
        monkeypatch.setattr(os, "urandom", lambda n, at=at: drawn[at : at + n])
        assert sealer.seal(b"hello", MESSAGE.bytes, RECIPIENT.bytes) == seal()
    with pytest.raises(ValueError, match="more bodies"):
        sealer.seal(b"hello", MESSAGE.bytes, RECIPIENT.bytes)


def test_a_sealer_draws_no_more_than_it_was_made_for(monkeypatch):
    drawn = []
    monkeypatch.setattr(os, "urandom", lambda n: drawn.append(n) or bytes(n))
    message.Sealer(WHEEL_KEY, bucket=BUCKET, generation=7, business=BUSINESS, count=3)
    assert drawn == [3 * 56]


def test_a_sealer_binds_the_version_of_the_text():
    sealer = message.Sealer(WHEEL_KEY, bucket=BUCKET, generation=7, business=BUSINESS, count=1)
    sealed = sealer.seal(b"hello", MESSAGE.bytes, RECIPIENT.bytes, (3).to_bytes(4, "big"))
    assert message.open_(WHEEL_KEY, sealed.wrap, sealed.body, **IDS, version=3) == b"hello"
    with pytest.raises(errors.Unsealable):
        message.open_(WHEEL_KEY, sealed.wrap, sealed.body, **IDS)
