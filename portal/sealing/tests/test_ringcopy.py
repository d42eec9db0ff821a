"""A copy of a keyring opens with either of two keys, for its own business, backup and manifest, and with nothing else."""

from hashlib import sha256

import pytest

from portal.kernel import ids
from portal.sealing import errors, hpke, ringcopy

BUSINESS, BACKUP = ids.uuid7(), ids.uuid7()
TOLD = sha256(b"manifest").digest()
OURS, THEIRS = hpke.generate(), hpke.generate()
COPY = ringcopy.seal(
    b"the ring" * 8000, {ringcopy.INSTALLATION: OURS.public, ringcopy.RECOVERY: THEIRS.public},
    business=BUSINESS, backup=BACKUP, told_sha256=TOLD,
)  # fmt: skip


def opened(copy: bytes = COPY, private: bytes = OURS.private, **other: object) -> bytes:
    place: dict[str, object] = {"business": BUSINESS, "backup": BACKUP, "told_sha256": TOLD, **other}
    return ringcopy.open_(copy, private, **place)  # type: ignore[arg-type]


@pytest.mark.parametrize("pair", [OURS, THEIRS])
def test_each_of_the_two_keys_opens_it_alone(pair):
    assert opened(private=pair.private) == b"the ring" * 8000


def test_another_key_does_not():
    with pytest.raises(errors.Unsealable):
        opened(private=hpke.generate().private)


@pytest.mark.parametrize(
    "other", [{"business": ids.uuid7()}, {"backup": ids.uuid7()}, {"told_sha256": sha256(b"another").digest()}]
)
def test_nor_in_another_place(other):
    with pytest.raises(errors.Unsealable):
        opened(**other)


@pytest.mark.parametrize("at", [0, 9, 12, 40, 1100, 2600, len(COPY) - 1])
def test_a_changed_byte_is_found(at):
    with pytest.raises(errors.Unsealable):
        opened(COPY[:at] + bytes([COPY[at] ^ 1]) + COPY[at + 1 :])


@pytest.mark.parametrize("length", [0, 8, 11, 13, 1000, len(COPY) - 1])
def test_one_cut_short_is_found(length):
    with pytest.raises(errors.Unsealable):
        opened(COPY[:length])
