"""The two shapes a bundle comes in: the ZIP as it was drawn, and the folder it unpacks to.

The ZIP has one form: members in one order, one time for all, short ones stored, long ones deflated with their sizes
behind them (ZIP64), the directory at the end exactly what the members say, nothing before, between or after. Whoever
packs it anew gets another ZIP: unpack it and verify the folder. `size` and `sha256` are of all bytes before manifest.json.
"""

import hashlib
import struct
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from archive.export.signed import NotVerified

ZIP_LOCAL = struct.Struct("<4s5H3L2H")
ZIP_DESCRIPTOR = struct.Struct("<4sLQQ")
ZIP_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL_MARK, _DESCRIPTOR_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_STAMP, _SIZES = struct.Struct("<2H"), struct.Struct("<L4xL")  # of a local header, from 10 and from 14
_FULL = 0xFFFFFFFF
_CHUNK = 256 * 1024
LONGEST_MEMBER = 512 * 1024 * 1024  # of those that are held in memory whole


def zip_local(name: bytes, stamp: tuple[int, int], crc: int, size: int, is_stream: bool) -> bytes:
    if is_stream:
        extra = struct.pack("<2H2Q", 1, 16, 0, 0)
        return ZIP_LOCAL.pack(_LOCAL_MARK, 45, 8, 8, *stamp, 0, _FULL, _FULL, len(name), len(extra)) + name + extra
    return ZIP_LOCAL.pack(_LOCAL_MARK, 20, 0, 0, *stamp, crc, size, size, len(name), 0) + name


def zip_descriptor(crc: int, packed: int, size: int) -> bytes:
    return ZIP_DESCRIPTOR.pack(_DESCRIPTOR_MARK, crc, packed, size)


def zip_central(
    name: bytes, stamp: tuple[int, int], crc: int, packed: int, size: int, offset: int, is_stream: bool
) -> bytes:
    large = [value for value in (size, packed, offset) if value >= _FULL]
    extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    version, flags, method = (45, 8, 8) if is_stream else (45 if large else 20, 0, 0)
    sizes = (min(packed, _FULL), min(size, _FULL))
    return (
        ZIP_CENTRAL.pack(
            _CENTRAL_MARK, 3 << 8 | 45, version, flags, method, *stamp, crc, *sizes, len(name), len(extra), 0, 0, 0,
            0o100600 << 16, min(offset, _FULL),
        ) + name + extra
    )  # fmt: skip


def zip_end(count: int, size: int, offset: int) -> bytes:
    large = count >= 0xFFFF or size >= _FULL or offset >= _FULL
    rest = _END.pack(_END_MARK, 0, 0, *[min(count, 0xFFFF)] * 2, min(size, _FULL), min(offset, _FULL), 0)
    if not large:
        return rest
    end64 = _END64.pack(b"PK\x06\x06", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)
    return end64 + _LOCATOR.pack(b"PK\x06\x07", 0, offset + size, 1) + rest


class Zipped:
    """A ZIP read from its first byte to its last, in the order in which it was written."""

    is_zip = True

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()
        self._buffer, self._at, self._hashed = b"", 0, 0  # what was read; how far it was taken, and hashed
        self._stamp: tuple[int, int] | None = None
        self._directory, self._directory_size, self._count, self.offset = hashlib.sha256(), 0, 0, 0

    @property
    def sha256(self) -> str:
        """Of all bytes so far."""
        self._hash()
        return self._digest.copy().hexdigest()

    def read(self, name: str) -> bytes:
        """The next member, which must be of that name, whole."""
        start, raw, crc, size, is_stream = self._enter(name)
        if not is_stream:
            data = self._stored(name, crc, size)
            self._list(raw, (crc, size, size), start, is_stream=False)
            return data
        parts, length = [], 0
        for part in self._rest_of_stream(name, raw, start):
            length += len(part)
            if length > LONGEST_MEMBER:
                raise NotVerified(f"{name} is larger than any bundle has it.")
            parts.append(part)
        return b"".join(parts)

    def stream(self, name: str) -> Iterator[bytes]:
        """The next member in pieces. Nothing else may be read before its end."""
        start, raw, crc, size, is_stream = self._enter(name)
        if is_stream:
            yield from self._rest_of_stream(name, raw, start)
        else:
            yield self._stored(name, crc, size)
            self._list(raw, (crc, size, size), start, is_stream=False)

    def _enter(self, name: str) -> tuple[int, bytes, int, int, bool]:
        """The header of the next member, which must be the one of that name. → start, name, CRC, size, is it a stream."""
        start, raw = self.offset, name.encode("ascii")
        head = self._take(ZIP_LOCAL.size)
        crc, size = _SIZES.unpack_from(head, 14)
        if self._stamp is None:
            self._stamp = _STAMP.unpack_from(head, 10)
        is_stream = head[6] == 8
        wanted = zip_local(raw, self._stamp, crc, size, is_stream)
        if head + self._take(len(wanted) - len(head)) != wanted:
            raise NotVerified(f"{name} is not where it should be in the ZIP, or its header was changed.")
        return start, raw, crc, size, is_stream

    def _rest_of_stream(self, name: str, raw: bytes, start: int) -> Iterator[bytes]:
        found = yield from self._inflate(name)
        self._list(raw, found, start, is_stream=True)

    def finish(self) -> None:
        """The directory and the end, exactly as they follow from the members; then nothing more."""
        offset, directory = self.offset, hashlib.sha256()
        left = self._directory_size
        while left:
            part = self._take(min(left, _CHUNK))
            directory.update(part)
            left -= len(part)
        end = zip_end(self._count, self._directory_size, offset)
        if directory.digest() != self._directory.digest() or self._take(len(end)) != end:
            raise NotVerified(
                "The directory of the ZIP is not that of its members: files were added, taken out or renamed."
            )
        if self._at < len(self._buffer) or self._file.read(1):
            raise NotVerified("Something was appended to the ZIP.")

    def _stored(self, name: str, crc: int, size: int) -> bytes:
        if size > LONGEST_MEMBER:
            raise NotVerified(f"{name} is larger than any bundle has it.")
        data = self._take(size)
        if zlib.crc32(data) != crc:
            raise NotVerified(f"{name} was changed: its CRC differs.")
        return data

    def _inflate(self, name: str) -> Generator[bytes, None, tuple[int, int, int]]:
        inflater, crc, size, start = zlib.decompressobj(-15), 0, 0, self.offset
        packed = b""
        while not inflater.eof:
            packed = inflater.unconsumed_tail or self._rest(name)
            part = self._inflated(inflater, packed, name)
            # At the end of a stream Python may give what is left of the input under both names.
            self._skip(len(packed) - len(inflater.unused_data if inflater.eof else inflater.unconsumed_tail))
            crc, size = zlib.crc32(part, crc), size + len(part)
            yield part
        packed_size = self.offset - start
        if self._take(ZIP_DESCRIPTOR.size) != zip_descriptor(crc, packed_size, size):
            raise NotVerified(f"{name} was changed: its size or CRC differs.")
        return crc, packed_size, size

    def _inflated(self, inflater: "zlib._Decompress", packed: bytes, name: str) -> bytes:
        try:
            return inflater.decompress(packed, _CHUNK * 4)
        except zlib.error:
            raise NotVerified(f"{name} is damaged: it cannot be unpacked.") from None

    def _take(self, count: int) -> bytes:
        if len(self._buffer) - self._at < count:
            self._fill(count)
            if len(self._buffer) < count:
                raise NotVerified("The ZIP is cut short, or is none.")
        data = self._buffer[self._at : self._at + count]
        self._skip(count)
        return data

    def _rest(self, name: str) -> bytes:
        """Everything that was read and not taken, and at least something."""
        if self._at == len(self._buffer):
            self._fill(1)
            if not self._buffer:
                raise NotVerified(f"The ZIP is cut short, in {name}.")
        return self._buffer[self._at :]

    def _skip(self, count: int) -> None:
        self._at += count
        self.offset += count

    def _fill(self, count: int) -> None:
        self._hash()
        parts, held = [self._buffer[self._at :]], len(self._buffer) - self._at
        while held < count and (more := self._file.read(max(_CHUNK, count - held))):
            parts.append(more)
            held += len(more)
        self._buffer, self._at, self._hashed = b"".join(parts), 0, 0

    def _hash(self) -> None:
        self._digest.update(self._buffer[self._hashed : self._at])
        self._hashed = self._at

    def _list(self, raw: bytes, found: tuple[int, int, int], start: int, *, is_stream: bool) -> None:
        """`found`: CRC, packed size, size."""
        assert self._stamp is not None, "a member was entered before it is listed"
        central = zip_central(raw, self._stamp, *found, start, is_stream)
        self._directory.update(central)
        self._directory_size += len(central)
        self._count += 1


class Unpacked:
    """The folder a bundle unpacks to. Knows no order, so what nobody asked for is found at the end."""

    is_zip = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: set[str] = set()

    def read(self, name: str) -> bytes:
        return b"".join(self.stream(name))

    def stream(self, name: str) -> Iterator[bytes]:
        path = self._folder / name
        self._asked.add(name)
        if path.is_symlink() or not path.is_file():
            raise NotVerified(f"{name} is missing.")
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                yield part

    def finish(self) -> None:
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder).as_posix()
            if path.is_symlink() or (not path.is_dir() and name not in self._asked):
                raise NotVerified(f"{name} does not belong to the bundle.")


def blocks_of(parts: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Whole lines, many at a time; the last must have its newline too."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        head, newline, rest = part.rpartition(b"\n")
        if newline:
            yield b"".join([*held, head, newline])
            held, size = [], 0
        held.append(rest)
        size += len(rest)
        if size > LONGEST_MEMBER:
            raise NotVerified(f"{name} holds a line that is longer than any bundle has it.")
    if size:
        raise NotVerified(f"{name} ends within a line.")
