"""What must wait until a later place in the bundle: packed and sealed in a temporary file without a name.

The key is in this process's memory only, so nothing that is left on the disk can be opened once the process is gone.
"""

import tempfile
import zlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PART = 256 * 1024  # bytes of plaintext in a box
_NONCE_BYTES = 12
_LENGTH_BYTES = 8


class Spool:
    """Written once with `add`, then read once with `parts`, in order. In constant memory. Close it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`, which the writer calls)
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._held: list[bytes] = []
        self._size, self._boxes = 0, 0

    def add(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PART:
            self._seal()

    def parts(self) -> Iterator[bytes]:
        self._seal()
        self._file.seek(0)
        for number in range(self._boxes):
            box = self._file.read(int.from_bytes(self._file.read(_LENGTH_BYTES), "big"))
            yield zlib.decompress(self._cipher.decrypt(_nonce(number), box, None))

    def close(self) -> None:
        self._file.close()

    def _seal(self) -> None:
        box = self._cipher.encrypt(_nonce(self._boxes), zlib.compress(b"".join(self._held), 1), None)
        self._file.write(len(box).to_bytes(_LENGTH_BYTES, "big") + box)
        self._held, self._size, self._boxes = [], 0, self._boxes + 1


def _nonce(number: int) -> bytes:
    """A count: each key seals one file."""
    return number.to_bytes(_NONCE_BYTES, "big")
