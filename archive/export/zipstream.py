"""Writing the bundle's ZIP: a stream that needs no seeking and no file, in constant memory. Its form: `container`."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime

from archive.export import container

LEVEL = 1  # base64 of hashes and of sealed boxes hardly shrinks; what is open text does at any level
_DIRECTORY_PART = 1 << 20


class ZipStream:
    """`yield from zip.add(...)` and `zip.stream(...)`, then `zip.finish()`. `sha256` and `offset` are of all bytes so far."""

    def __init__(self, made_at: datetime) -> None:
        date = (made_at.year - 1980) << 9 | made_at.month << 5 | made_at.day
        self._stamp = (made_at.hour << 11 | made_at.minute << 5 | made_at.second // 2, date)
        self._digest = hashlib.sha256()
        self._parts: list[bytes] = []  # the directory so far, packed: names and offsets shrink to a third
        self._directory, self._size, self._count = bytearray(), 0, 0
        self.offset = 0

    @property
    def sha256(self) -> str:
        return self._digest.copy().hexdigest()

    def add(self, name: str, data: bytes) -> bytes:
        """A short member, stored."""
        start, raw, crc = self.offset, name.encode("ascii"), zlib.crc32(data)
        out = self._out(container.zip_local(raw, self._stamp, crc, len(data), False) + data)
        self._list(container.zip_central(raw, self._stamp, crc, len(data), len(data), start, False))
        return out

    def stream(self, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
        """A long member, deflated as it comes."""
        start, raw = self.offset, name.encode("ascii")
        yield self._out(container.zip_local(raw, self._stamp, 0, 0, True))
        deflater, crc, size, first = zlib.compressobj(LEVEL, zlib.DEFLATED, -15), 0, 0, self.offset
        for part in parts:
            crc, size = zlib.crc32(part, crc), size + len(part)
            if packed := deflater.compress(part):
                yield self._out(packed)
        yield self._out(deflater.flush())
        packed_size = self.offset - first
        yield self._out(container.zip_descriptor(crc, packed_size, size))
        self._list(container.zip_central(raw, self._stamp, crc, packed_size, size, start, True))

    def finish(self) -> Iterator[bytes]:
        end = container.zip_end(self._count, self._size, self.offset)
        for part in self._parts:
            yield self._out(zlib.decompress(part))
        yield self._out(bytes(self._directory))
        yield self._out(end)

    def _out(self, data: bytes) -> bytes:
        self._digest.update(data)
        self.offset += len(data)
        return data

    def _list(self, central: bytes) -> None:
        self._directory += central
        self._size += len(central)
        self._count += 1
        if len(self._directory) >= _DIRECTORY_PART:
            self._parts.append(zlib.compress(bytes(self._directory), 1))
            self._directory.clear()
