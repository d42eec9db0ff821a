"""How a keyring file looks on disk. Pure: bytes in, bytes out.

    0       header, one 512-byte sector of a 4096-byte page (a disk writes a sector whole or not at all)
    4096    slot 0                  capacity bytes, a multiple of 4096
    +cap    slot 1                  capacity bytes; the idle slot is all zeros

    header  = "EBBRING1" | generation u64 | mark f64 | capacity u32 | length u32 | active u8 | zeros | SHA-256 (32)
    slot    = "EBBSLOT1" | generation u64 | mark f64 | length u32 || nonce (12) || sealed payload || tag (16)
              key = HKDF-SHA256(master key, info = "ebb/v1/keyring/" || file id)
              AAD = "ebb/v1/keyring-slot/" || file id || the slot's own 28-byte head

Integers and floats are big endian. `length` counts a slot's bytes with its head; `mark` is Unix seconds. A slot says
its own generation, so that the newest can be told when the header is torn.
"""

import hashlib
import struct
from typing import NamedTuple

from portal.sealing import aead, errors

PAGE_BYTES = 4096
SECTOR_BYTES = 512
HEADER_MAGIC = b"EBBRING1"
SLOT_MAGIC = b"EBBSLOT1"
KEY_LABEL = b"ebb/v1/keyring/"
SLOT_LABEL = b"ebb/v1/keyring-slot/"

_DIGEST_BYTES = 32
_HEADER = struct.Struct(">8sQdIIB")
_SLOT = struct.Struct(">8sQdI")
SLOT_OVERHEAD_BYTES = _SLOT.size + aead.OVERHEAD_BYTES


class Header(NamedTuple):
    """Which slot counts. `mark` is the high-water time in Unix seconds."""

    generation: int
    mark: float
    capacity: int
    length: int
    active: int

    @property
    def idle(self) -> int:
        return 1 - self.active


class Slot(NamedTuple):
    """What a slot held when it was filled, and how many bytes of it were used."""

    generation: int
    mark: float
    payload: bytes
    length: int


def slot_key(master_key: bytes, file_id: bytes) -> bytes:
    return aead.derive(master_key, KEY_LABEL + file_id)


def slot_offset(slot: int, capacity: int) -> int:
    return PAGE_BYTES + slot * capacity


def file_bytes(capacity: int) -> int:
    return slot_offset(2, capacity)


def pack_header(header: Header) -> bytes:
    """One sector, with its checksum at the end."""
    fields = _HEADER.pack(HEADER_MAGIC, header.generation, header.mark, header.capacity, header.length, header.active)
    body = fields.ljust(SECTOR_BYTES - _DIGEST_BYTES, b"\0")
    return body + hashlib.sha256(body).digest()


def unpack_header(sector: bytes) -> Header | None:
    """None when the sector is torn, blank or foreign."""
    body, digest = sector[:-_DIGEST_BYTES], sector[-_DIGEST_BYTES:]
    if len(sector) != SECTOR_BYTES or hashlib.sha256(body).digest() != digest:
        return None
    magic, *fields = _HEADER.unpack_from(body)
    return Header(*fields) if magic == HEADER_MAGIC else None


def pack_slot(key: bytes, file_id: bytes, *, generation: int, mark: float, payload: bytes) -> bytes:
    length = SLOT_OVERHEAD_BYTES + len(payload)
    head = _SLOT.pack(SLOT_MAGIC, generation, mark, length)
    return head + aead.seal(key, payload, SLOT_LABEL + file_id + head)


def unpack_slot(key: bytes, file_id: bytes, raw: bytes) -> Slot | None:
    """None when the slot is blank, half written, damaged, of another file, or sealed under another master key."""
    head = raw[: _SLOT.size]
    if len(head) < _SLOT.size or head[: len(SLOT_MAGIC)] != SLOT_MAGIC:
        return None
    _, generation, mark, length = _SLOT.unpack(head)
    try:
        payload = aead.open_(key, raw[_SLOT.size : length], SLOT_LABEL + file_id + head)
    except errors.Unsealable:
        return None
    return Slot(generation, mark, payload, length)
