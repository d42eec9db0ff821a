"""Who has the whole disk: keyring files, the master key, every row there ever was. Written against the formats as the
READMEs draw them, and used twice: with what he may have he must open nothing, with the live key he must open everything
(else he is a bad thief and his failure proves nothing)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from portal.sealing import errors, message, wheel
from portal.sealing.keyring import business as business_file
from portal.sealing.keyring import layout, live
from portal.sealing.tests import carve

KEY = 32
MOST_CARVED = 12_000  # bytes of a slot that could be keys; what follows in a slot is noise of the cipher


@dataclass(frozen=True)
class Stolen:
    """A body's row as it stood while the message lived: in the heap, in WAL, in a dump."""

    business: UUID
    message: UUID
    customer: UUID
    bucket: int
    wrap: bytes
    sealed: bytes


def bucket_keys(image: bytes, master_key: bytes) -> dict[int, bytes]:
    """What a live ring's image holds, by the format."""
    for plain in carve.find_plain(image, master_key, live.FILE_ID):
        found = {}
        for at in range(0, len(plain) - 40, 40):
            bucket = int.from_bytes(plain[at : at + 8], "big")
            if not 1_500_000_000 < bucket < 4_000_000_000:
                break
            found[bucket] = plain[at + 8 : at + 40]
        if found:
            return found
    return {}


def names_of(image: bytes, master_key: bytes, business: UUID) -> dict[str, bytes]:
    """The named values of a business's ring."""
    for active in (0, 1):
        start = layout.slot_offset(active, business_file.CAPACITY)
        raw = image[start : start + business_file.CAPACITY]
        file_id = b"business/" + business.bytes
        slot = layout.unpack_slot(layout.slot_key(master_key, file_id), file_id, raw)
        if slot is not None:
            return business_file.decode(slot.payload)
    return {}


def carved(images: Iterable[tuple[bytes, bytes]], master_key: bytes) -> Iterator[bytes]:
    """Every 32 bytes at every offset of what the master key makes of any slot in these (image, file id)."""
    yield master_key
    for image, file_id in images:
        for plain in carve.find_plain(image, master_key, file_id):
            rest = plain[:MOST_CARVED]
            yield from (rest[at : at + KEY] for at in range(len(rest) - KEY))


def opens(row: Stolen, candidates: Iterable[bytes], business_keys: list[bytes]) -> bytes | None:
    """The body, if any candidate is its bucket's key, its wheel key or its own key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce, sealed = row.wrap[message.HEADER.size :][:12], row.wrap[message.HEADER.size :][12:]
    aad = message.WRAP_LABEL + row.wrap[: message.HEADER.size] + row.message.bytes
    for candidate in candidates:
        for key in (candidate, *(wheel.wheel_key(candidate, salt, row.bucket) for salt in business_keys)):
            try:
                AESGCM(key).decrypt(nonce, sealed, aad)
            except InvalidTag:
                continue
            return unsealed(row, key)
    return None


def unsealed(row: Stolen, wheel_key: bytes) -> bytes | None:
    try:
        return message.open_(
            wheel_key, row.wrap, row.sealed, business=row.business, message=row.message, recipient=row.customer
        )
    except errors.Unsealable:
        return None


def copy_of(folder: Path) -> dict[str, bytes]:
    """The keyring's files as they are at this moment."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
