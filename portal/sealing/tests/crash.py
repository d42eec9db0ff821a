"""Disks that fail on purpose: they stop at the Nth call, refuse at the Nth call, or lose what was not yet synced."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from portal.sealing.keyring import disk, layout


class PowerCut(BaseException):
    """The machine is gone: nothing may handle this."""


class Counting(disk.Disk):
    """Counts the calls and acts at number `at`, counted from 0."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.calls = at, 0

    def _is_due(self) -> bool:
        self.calls += 1
        return self.at is not None and self.calls > self.at


class Stopping(Counting):
    """Dies at call `at`, having written half of it; every later call dies too."""

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        if self._is_due():
            # Half of a slot, but a header sector whole or not at all: that is what a disk promises.
            if len(data) > layout.SECTOR_BYTES:
                super().pwrite(fd, data[: len(data) // 2], offset)
            raise PowerCut
        super().pwrite(fd, data, offset)

    def fsync(self, fd: int) -> None:
        if self._is_due():
            raise PowerCut
        super().fsync(fd)


class Refusing(Counting):
    """The disk says no at call `at` (and at every later one if `forever`), as a full or read-only one does."""

    def __init__(self, at: int | None = None, *, code: int = errno.EIO, forever: bool = True) -> None:
        super().__init__(at)
        self._code, self._forever = code, forever

    def _refuse(self) -> None:
        if self._is_due() and (self._forever or self.calls == (self.at or 0) + 1):
            raise OSError(self._code, os.strerror(self._code))

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        self._refuse()
        super().pwrite(fd, data, offset)

    def fsync(self, fd: int) -> None:
        self._refuse()
        super().fsync(fd)


class Recording(disk.Disk):
    """Keeps every write since the last fsync apart, to build each image that a power cut could leave behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.durable = bytearray(path.read_bytes())
        self.pending: list[tuple[int, bytes]] = []
        self.images: list[bytes] = []
        self.written: list[bytes] = []

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        super().pwrite(fd, data, offset)
        self.pending.append((offset, bytes(data)))
        self.written.append(bytes(data))
        self.images.extend(self._possible())

    def fsync(self, fd: int) -> None:
        super().fsync(fd)
        for offset, data in self.pending:
            self.durable[offset : offset + len(data)] = data
        self.pending.clear()
        self.images.append(bytes(self.durable))

    def _possible(self) -> Iterator[bytes]:
        """Any subset of the sectors in flight may have reached the disk: none, all, each half, each other one."""
        sectors = [
            (offset + at, data[at : at + layout.SECTOR_BYTES])
            for offset, data in self.pending
            for at in range(0, len(data), layout.SECTOR_BYTES)
        ]
        half = len(sectors) // 2
        for chosen in ([], sectors, sectors[:half], sectors[half:], sectors[::2], sectors[1::2]):
            image = bytearray(self.durable)
            for offset, data in chosen:
                image[offset : offset + len(data)] = data
            yield bytes(image)
