"""What a thief with the master key can find in a raw image: slots, whole or torn, at any offset."""

from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from portal.sealing.keyring import layout

HEAD_BYTES = layout.SLOT_OVERHEAD_BYTES - 28
MOST_SLOT_BYTES = 64 * 4096
PIECE_BYTES = 32


def find_plain(image: bytes, master_key: bytes, file_id: bytes) -> Iterator[bytes]:
    """The plain bytes after every slot magic in `image`. Decrypts without asking for the tag (GCM is CTR from 2), so
    that the torn rest of a slot counts as well."""
    key = layout.slot_key(master_key, file_id)
    at = image.find(layout.SLOT_MAGIC)
    while at >= 0:
        body = image[at + HEAD_BYTES : at + MOST_SLOT_BYTES]
        counter = body[:12] + b"\0\0\0\2"
        yield Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(body[12:])
        at = image.find(layout.SLOT_MAGIC, at + 1)


def keys_found(image: bytes, master_key: bytes, file_id: bytes, keys: set[bytes]) -> set[bytes]:
    """Those of `keys` that stand in the image, plain or in a slot that the master key opens."""
    plains = [image, *find_plain(image, master_key, file_id)]
    return {key for key in keys if any(key in plain for plain in plains)}


def pieces_found(image: bytes, ciphertexts: list[bytes]) -> int:
    """How many pieces of known dead slots stand in the image, with or without a slot head before them.

    A file system moves sectors, so a piece keeps its place within one.
    """
    phase = layout.SLOT_OVERHEAD_BYTES
    pieces = {text[at : at + PIECE_BYTES] for text in ciphertexts for at in range(0, len(text), layout.SECTOR_BYTES)}
    whole = {piece for piece in pieces if len(piece) == PIECE_BYTES}
    return sum(image[at : at + PIECE_BYTES] in whole for at in range(phase, len(image), layout.SECTOR_BYTES))
