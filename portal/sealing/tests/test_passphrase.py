"""The officers' key under a passphrase, its two halves, and the recovery key on paper."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.sealing import errors, hpke, passphrase, recovery
from portal.sealing.tests.test_aead import hkdf

CHEAP = passphrase.Cost(log2_n=4, r=8, p=1)
SECRET = bytes(range(32))
PRIVATE = bytes(range(100, 132))


def lock(words: str = "low tide at noon") -> bytes:
    return passphrase.lock(PRIVATE, words, SECRET, aad=b"acme", cost=CHEAP)


def test_the_blob_is_what_the_docs_draw(monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda n: bytes(range(n)))
    blob = lock()
    salt, head = bytes(range(16)), bytes([1, 4, 8, 1]) + bytes(range(16))
    stretched = hashlib.scrypt(b"low tide at noon", salt=salt, n=16, r=8, p=1, dklen=32)
    key = hkdf(stretched, salt=SECRET, info=b"ebb/v1/passphrase")
    nonce = bytes(range(12))
    assert blob == head + nonce + AESGCM(key).encrypt(nonce, PRIVATE, b"ebb/v1/passphrase" + head + b"acme")
    assert blob.hex() == (
        "01040801000102030405060708090a0b0c0d0e0f000102030405060708090a0bcd4553f8c78b6bce85d32991dfc2ce5e"
        "c5329b1ba5fe1597517bc91351c3d484d7576785f159c9c074ccff653e407752"
    )


def test_unlock_needs_passphrase_secret_and_place():
    blob = lock()
    assert passphrase.unlock(blob, "low tide at noon", SECRET, aad=b"acme") == PRIVATE
    for words, secret, aad in (
        ("low tide at noon ", SECRET, b"acme"), ("low tide at noon", bytes(32), b"acme"),
        ("low tide at noon", SECRET, b"globex"),
    ):  # fmt: skip
        with pytest.raises(errors.Unsealable):
            passphrase.unlock(blob, words, secret, aad=aad)


def test_the_same_words_from_another_keyboard_open():
    """The letter é as one code point and as two (NFC and NFD)."""
    assert passphrase.unlock(lock("mar\u00e9e"), "mare\u0301e", SECRET, aad=b"acme") == PRIVATE


def test_words_that_only_look_alike_stay_apart():
    """NFC, not NFKC: a ligature is not its letters."""
    with pytest.raises(errors.Unsealable):
        passphrase.unlock(lock("\ufb01n"), "fin", SECRET, aad=b"acme")


def test_any_change_refuses():
    blob = lock()
    for at in range(len(blob)):
        with pytest.raises(errors.Unsealable):
            passphrase.unlock(
                blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], "low tide at noon", SECRET, aad=b"acme"
            )
        with pytest.raises(errors.Unsealable):
            passphrase.unlock(blob[:at], "low tide at noon", SECRET, aad=b"acme")


@pytest.mark.parametrize("cost", [(30, 8, 1), (17, 200, 1), (17, 8, 99), (0, 8, 1), (17, 0, 1)])
def test_an_unbearable_cost_is_refused_before_it_is_paid(cost):
    blob = bytes([1, *cost]) + bytes(16 + 60)
    with pytest.raises(errors.Unsealable):
        passphrase.unlock(blob, "x", SECRET, aad=b"")
    with pytest.raises(ValueError, match="out of bounds"):
        passphrase.lock(PRIVATE, "x", SECRET, aad=b"", cost=passphrase.Cost(*cost))


def test_the_default_cost_is_what_the_docs_say():
    assert passphrase.DEFAULT_COST == (17, 8, 1)
    assert passphrase.lock(PRIVATE, "x", SECRET, aad=b"")[:4] == bytes([1, 17, 8, 1])


def test_either_half_alone_is_random():
    halves = [passphrase.split(PRIVATE) for _ in range(50)]
    for a, b in halves:
        assert passphrase.join(a, b) == passphrase.join(b, a) == PRIVATE
        assert PRIVATE not in (a, b)
    assert len({a for a, _ in halves}) == len({b for _, b in halves}) == 50
    with pytest.raises(errors.Unsealable):
        passphrase.join(b"12", b"1")


def test_a_recovery_key_survives_paper():
    text = recovery.encode(PRIVATE, "Acme Clinic\n2026")
    comment, line = text.splitlines()
    assert comment == "# Acme Clinic 2026"
    assert line == ("EBB-RECOVERY-1:xwing-hkdf-sha256-aes256gcm:ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM:c5e46cbb")
    for copied in (text, line, "\ufeff" + text.replace("\n", "\r\n"), f"\n  {line}  \n\n"):
        assert recovery.decode(copied) == PRIVATE


def test_a_wrong_character_is_found():
    line = recovery.encode(PRIVATE, "x").splitlines()[1]
    for at in range(len(line)):
        broken = line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]
        with pytest.raises(errors.RecoveryKeyUnreadable) as caught:
            recovery.decode(broken)
        assert line.split(":")[2] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "hello", "# only a comment", "EBB-RECOVERY-1:x", "EBB-RECOVERY-1:::"])
def test_something_else_is_told_apart(text):
    with pytest.raises(errors.RecoveryKeyUnreadable):
        recovery.decode(text)


def test_two_keys_in_one_file_are_refused():
    line = recovery.encode(PRIVATE, "x").splitlines()[1]
    with pytest.raises(errors.RecoveryKeyUnreadable):
        recovery.decode(f"{line}\n{line}")


def test_a_recovery_key_opens_what_was_sealed_to_it():
    pair = hpke.generate()
    kept = recovery.decode(recovery.encode(pair.private, "kept"))
    assert hpke.open_(kept, hpke.seal(pair.public, b"batch key", b""), b"") == b"batch key"
