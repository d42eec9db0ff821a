"""Identifiers and tokens. Keys are made here, never by the database, so that every step of growth keeps them."""

import os
import secrets
import time
from uuid import UUID

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 10


def uuid7() -> UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits. No order of commits."""
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def uuid7s(count: int) -> list[bytes]:
    """As `uuid7`, many at once, as their 16 bytes: one call of the system, and no object for each."""
    head, random = (time.time_ns() // 1_000_000).to_bytes(6, "big"), os.urandom(10 * count)
    return [
        head
        + bytes((0x70 | random[at] & 0x0F, random[at + 1], 0x80 | random[at + 2] & 0x3F))
        + random[at + 3 : at + 10]
        for at in range(0, 10 * count, 10)
    ]


def text_of(uuid: bytes) -> str:
    """The text of a UUID from its 16 bytes.

    >>> text_of(UUID("01a20b77-40b6-7000-8000-000000000001").bytes)
    '01a20b77-40b6-7000-8000-000000000001'
    """
    digits = uuid.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid4() -> UUID:
    """A random UUID, for what must not tell when it was made (subject ids)."""
    return UUID(bytes=os.urandom(16), version=4)


def token() -> str:
    """32 random bytes, base64url: links, cookies, API keys."""
    return secrets.token_urlsafe(32)


def code() -> str:
    """Ten characters of Crockford's base32 (50 bits), for reading aloud."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(CODE_LENGTH))


def normalise_code(typed: str) -> str:
    """What a person typed, as Crockford's base32 reads it: no spaces or dashes, O is 0, I and L are 1."""
    plain = typed.strip().upper().replace("-", "").replace(" ", "")
    return plain.translate(str.maketrans("OIL", "011"))


def parse_uuid(raw: object) -> UUID | None:
    """A UUID from outside, or None. Never an exception: absent and malformed look the same."""
    try:
        return UUID(str(raw))
    except ValueError:
        return None
