"""The three layers of an archive record, its envelope, and what ends it."""

import hashlib
import hmac
import os
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import envelope, errors, hpke, record

BATCH_KEY, DISPOSAL_KEY = bytes(range(32)), bytes(range(32, 64))
BUSINESS, RECORD, BATCH = (uuid.UUID(int=n) for n in (1, 2, 3))
PLACE = {"business": BUSINESS, "record": RECORD, "batch": BATCH}
OFFICERS, RECOVERY, STRANGER = hpke.generate(), hpke.generate(), hpke.generate()
RECIPIENTS = {"recovery-1": RECOVERY.public, "officers-1": OFFICERS.public}
OTHER = uuid.UUID(int=9)


def seal(content: bytes = b"content") -> record.SealedRecord:
    return record.seal(BATCH_KEY, DISPOSAL_KEY, content, **PLACE, disposal_bucket="2026-11")


def test_the_layers_are_what_the_docs_draw(monkeypatch):
    drawn = b"".join([b"\1" * 32, b"\2" * 32, b"\3" * 12, b"\4" * 12, b"\5" * 12])
    monkeypatch.setattr(os, "urandom", lambda n: drawn if n == len(drawn) else pytest.fail(f"{n} bytes"))
    sealed = seal()
    place = BUSINESS.bytes + RECORD.bytes + BATCH.bytes
    record_key, nonce = b"\1" * 32, b"\2" * 32

    def box(key, fill, plaintext, aad):
        return b"\1" + fill * 12 + AESGCM(key).encrypt(fill * 12, plaintext, b"\1" + aad + place)

    assert sealed.sealed == box(record_key, b"\3", nonce + b"content", b"ebb/v1/record")
    assert sealed.inner_wrap == box(BATCH_KEY, b"\4", record_key, b"ebb/v1/record-inner")
    assert sealed.outer_wrap == b"\1" + b"\5" * 12 + AESGCM(DISPOSAL_KEY).encrypt(
        b"\5" * 12, sealed.inner_wrap, b"\1ebb/v1/record-outer" + place + b"2026-11"
    )
    assert sealed.commitment == hmac.digest(nonce, b"content", "sha256")
    assert sealed.sealed_sha256 == hashlib.sha256(sealed.sealed).digest()
    assert sealed.inner_sha256 == hashlib.sha256(sealed.inner_wrap).digest()
    assert sealed.outer_wrap.hex() == (
        "01050505050505050505050505f9ca78526a4ead267f9ae095d4147e1f8944e657dba7ed9830fbea92c42c12837ef171"
        "0a91b04ca21d3ee3920383583efbeb5632c86c9b32eecb178567d0d4527274d152f54e3ba7127d0aeba0"
    )


def test_peel_then_open_gives_content_and_nonce():
    sealed = seal()
    inner = record.peel(DISPOSAL_KEY, sealed.outer_wrap, **PLACE, disposal_bucket="2026-11")
    assert inner == sealed.inner_wrap
    opened = record.open_(BATCH_KEY, inner, sealed.sealed, **PLACE)
    assert opened.content == b"content"
    assert record.commit(opened.nonce, opened.content) == sealed.commitment


def test_without_the_disposal_key_nothing_opens():
    sealed = seal()
    with pytest.raises(errors.Unsealable):
        record.peel(bytes(32), sealed.outer_wrap, **PLACE, disposal_bucket="2026-11")
    with pytest.raises(errors.Unsealable):
        record.open_(BATCH_KEY, sealed.outer_wrap, sealed.sealed, **PLACE)


@pytest.mark.parametrize("name", ["business", "record", "batch"])
def test_another_place_refuses(name):
    sealed, elsewhere = seal(), PLACE | {name: OTHER}
    with pytest.raises(errors.Unsealable):
        record.peel(DISPOSAL_KEY, sealed.outer_wrap, **elsewhere, disposal_bucket="2026-11")
    with pytest.raises(errors.Unsealable):
        record.open_(BATCH_KEY, sealed.inner_wrap, sealed.sealed, **elsewhere)


def test_another_disposal_bucket_refuses():
    with pytest.raises(errors.Unsealable):
        record.peel(DISPOSAL_KEY, seal().outer_wrap, **PLACE, disposal_bucket="2026-12")


def test_a_hold_moves_the_outer_layer_only():
    sealed, later = seal(), bytes(range(64, 96))
    moved = record.rewrap_outer(
        DISPOSAL_KEY, later, sealed.outer_wrap, **PLACE, old_bucket="2026-11", new_bucket="hold"
    )
    assert record.peel(later, moved, **PLACE, disposal_bucket="hold") == sealed.inner_wrap
    with pytest.raises(errors.Unsealable):
        record.peel(DISPOSAL_KEY, moved, **PLACE, disposal_bucket="2026-11")


def test_any_changed_byte_refuses():
    sealed = seal()
    for at in range(len(sealed.sealed)):
        broken = sealed.sealed[:at] + bytes([sealed.sealed[at] ^ 1]) + sealed.sealed[at + 1 :]
        with pytest.raises(errors.Unsealable):
            record.open_(BATCH_KEY, sealed.inner_wrap, broken, **PLACE)
    for at in range(len(sealed.outer_wrap)):
        broken = sealed.outer_wrap[:at] + bytes([sealed.outer_wrap[at] ^ 1]) + sealed.outer_wrap[at + 1 :]
        with pytest.raises(errors.Unsealable):
            record.peel(DISPOSAL_KEY, broken, **PLACE, disposal_bucket="2026-11")


def test_equal_contents_have_different_commitments():
    assert seal().commitment != seal().commitment


def test_each_recipient_opens_the_batch_alone():
    sealed = record.seal_batch_key(BATCH_KEY, RECIPIENTS, business=BUSINESS, batch=BATCH)
    for key_id, pair in (("officers-1", OFFICERS), ("recovery-1", RECOVERY)):
        assert record.open_batch_key(sealed, key_id, pair.private, business=BUSINESS, batch=BATCH) == BATCH_KEY
    assert envelope.recipients_of(sealed) == ["officers-1", "recovery-1"]


@pytest.mark.parametrize(
    ("key_id", "private", "business", "batch"),
    [
        ("officers-1", STRANGER.private, BUSINESS, BATCH),
        ("recovery-1", OFFICERS.private, BUSINESS, BATCH),
        ("officers-1", OFFICERS.private, OTHER, BATCH),
        ("officers-1", OFFICERS.private, BUSINESS, OTHER),
        ("nobody", OFFICERS.private, BUSINESS, BATCH),
    ],
    ids=["stranger", "other recipient", "other business", "other batch", "nobody"],
)
def test_a_batch_refuses_strangers_and_other_places(key_id, private, business, batch):
    sealed = record.seal_batch_key(BATCH_KEY, RECIPIENTS, business=BUSINESS, batch=BATCH)
    with pytest.raises(errors.Unsealable):
        record.open_batch_key(sealed, key_id, private, business=business, batch=batch)


def test_a_box_is_bound_to_its_recipient_and_purpose():
    """Two ids with one key: swapping the boxes, or the purpose, must not go unseen."""
    pair = {"a": OFFICERS.public, "b": OFFICERS.public}
    sealed = envelope.seal(b"x" * 32, pair, purpose="batch", business=BUSINESS, subject=BATCH)
    half = (len(sealed) - 6) // 2
    first, second = sealed[6 : 6 + half], sealed[6 + half :]
    swapped = sealed[:6] + first[:2] + second[2:] + second[:2] + first[2:]
    for broken, purpose in ((swapped, "batch"), (sealed, "index")):
        with pytest.raises(errors.Unsealable):
            envelope.open_(broken, "a", OFFICERS.private, purpose=purpose, business=BUSINESS, subject=BATCH)


def test_a_damaged_envelope_refuses():
    sealed = record.seal_batch_key(BATCH_KEY, RECIPIENTS, business=BUSINESS, batch=BATCH)
    for broken in (*(sealed[:at] for at in range(0, len(sealed), 7)), sealed + b"\0", b"XXXX\1" + sealed[5:]):
        with pytest.raises(errors.Unsealable):
            record.open_batch_key(broken, "officers-1", OFFICERS.private, business=BUSINESS, batch=BATCH)


def test_an_envelope_without_recipients_is_never_made():
    with pytest.raises(ValueError, match="between one and 255"):
        record.seal_batch_key(BATCH_KEY, {}, business=BUSINESS, batch=BATCH)


def test_a_sealer_makes_the_boxes_of_seal(monkeypatch):
    """Two in a row from one draw: each is what `seal` would make of its own 100 bytes."""
    drawn = bytes(range(200))
    monkeypatch.setattr(os, "urandom", lambda n: drawn if n == len(drawn) else pytest.fail(f"{n} bytes"))
    sealer = record.Sealer(
        BATCH_KEY, DISPOSAL_KEY, business=BUSINESS, batch=BATCH, disposal_bucket="2026-11", count=2
    )  # fmt: skip
    for at in (0, 100):
        monkeypatch.setattr(os, "urandom", lambda n, at=at: drawn[at : at + n])
        assert sealer.seal(b"content", RECORD.bytes) == seal()
    with pytest.raises(StopIteration):
        sealer.seal(b"content", RECORD.bytes)


def test_an_envelope_has_one_to_255_recipients_of_one_to_255_bytes(monkeypatch):
    monkeypatch.setattr(hpke, "seal", lambda *_: b"box")

    def ids_of(*key_ids):
        return envelope.recipients_of(
            record.seal_batch_key(BATCH_KEY, dict.fromkeys(key_ids, b""), business=BUSINESS, batch=BATCH)
        )

    assert ids_of("x" * 255) == ["x" * 255]
    assert len(ids_of(*(f"{n:03d}" for n in range(255)))) == 255
    for wrong in [("",), ("x" * 256,), tuple(map(str, range(256)))]:
        with pytest.raises(ValueError, match="between"):
            ids_of(*wrong)
