"""One secret sealed to several recipients, each of whom can open it alone.

    envelope = "EBBE" | version u8 = 1 | count u8 | count x ( id length u8 | key id (UTF-8) | length u16 | HPKE box )
               recipients in the order of their key ids; integers big endian
    info     = "ebb/v1/envelope/<purpose>" || 0 || business (16) || subject (16) || key id

A box cannot be moved to another purpose, business, subject or recipient: the info differs.
"""

import struct
from collections.abc import Iterator, Mapping
from uuid import UUID

from portal.sealing import errors, hpke

MAGIC = b"EBBE\x01"
LABEL = b"ebb/v1/envelope/"
MOST_RECIPIENTS = 255

_LENGTH = struct.Struct(">H")


def seal(secret: bytes, recipients: Mapping[str, bytes], *, purpose: str, business: UUID, subject: UUID) -> bytes:
    """Seal `secret` to every public key of `recipients` (key id → 1216 raw bytes). ValueError when there is none."""
    if not 0 < len(recipients) <= MOST_RECIPIENTS:
        raise ValueError("An envelope has between one and 255 recipients.")
    boxes = (
        _entry(key_id, hpke.seal(public, secret, _info(purpose, business, subject, key_id)))
        for key_id, public in sorted(recipients.items())
    )
    return MAGIC + bytes([len(recipients)]) + b"".join(boxes)


def open_(envelope: bytes, key_id: str, private: bytes, *, purpose: str, business: UUID, subject: UUID) -> bytes:
    """The secret. Raises `Unsealable` when `key_id` is no recipient or anything differs from what was sealed."""
    box = dict(_entries(envelope)).get(key_id)
    if box is None:
        raise errors.Unsealable("This key is not among the recipients of the envelope.")
    return hpke.open_(private, box, _info(purpose, business, subject, key_id))


def recipients_of(envelope: bytes) -> list[str]:
    """The key ids an envelope is sealed to, sorted. Needs no key; authentic only through the ledger's hash of it."""
    return [key_id for key_id, _ in _entries(envelope)]


def _entry(key_id: str, box: bytes) -> bytes:
    name = key_id.encode()
    if not 0 < len(name) < 256:
        raise ValueError("A key id has between 1 and 255 bytes.")
    return bytes([len(name)]) + name + _LENGTH.pack(len(box)) + box


def _entries(envelope: bytes) -> Iterator[tuple[str, bytes]]:
    """Strict: an envelope with bytes to spare, or too few, is refused as a whole."""
    if envelope[: len(MAGIC)] != MAGIC:
        raise errors.Unsealable("This is not an envelope of a version that this release knows.")
    try:
        parsed = list(_parse(memoryview(envelope)[len(MAGIC) :]))
    except (IndexError, struct.error, UnicodeDecodeError):
        raise errors.Unsealable("The envelope is damaged.") from None
    return iter(parsed)


def _parse(rest: memoryview) -> Iterator[tuple[str, bytes]]:
    count, rest = rest[0], rest[1:]
    for _ in range(count):
        name, rest = _cut(rest[1:], rest[0])
        (length,) = _LENGTH.unpack_from(rest)
        box, rest = _cut(rest[_LENGTH.size :], length)
        yield name.decode(), box
    if rest:
        raise IndexError("bytes to spare")


def _cut(rest: memoryview, length: int) -> tuple[bytes, memoryview]:
    if len(rest) < length:
        raise IndexError("bytes missing")
    return bytes(rest[:length]), rest[length:]


def _info(purpose: str, business: UUID, subject: UUID, key_id: str) -> bytes:
    return LABEL + purpose.encode() + b"\0" + business.bytes + subject.bytes + key_id.encode()
