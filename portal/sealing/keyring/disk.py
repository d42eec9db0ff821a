"""The few system calls under a keyring file: whole writes, fsync, and a lock that processes and threads share.

`Disk` is the injection point of the crash tests: they hand a `SlotFile` another one that stops after the Nth call.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from portal.sealing import errors

FILE_MODE = 0o600
FOLDER_MODE = 0o700


class Disk:
    """Every byte that a keyring writes goes through these two."""

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data`; a short write goes on where it stopped."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(fd, rest, offset)
            rest, offset = rest[written:], offset + written

    def fsync(self, fd: int) -> None:
        os.fsync(fd)


DISK = Disk()


@contextmanager
def opened(path: Path, *, write: bool) -> Iterator[int]:
    """A descriptor for one operation: nothing stays open across a fork, or over 2,000 businesses."""
    try:
        fd = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise errors.KeyGone("This keyring does not exist, or was removed.") from None
    except OSError as error:
        raise errors.KeyringUnwritable(f"The keyring file {path.name} cannot be opened: {error.strerror}.") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def locked(path: Path, *, write: bool) -> Iterator[int]:
    """A descriptor under an exclusive (`write`) or shared lock of the file itself.

    flock belongs to the open file description, so it holds between threads too. It is released by name, not by closing:
    a fork in another thread would else carry it on.
    """
    with opened(path, write=write) as fd:
        fcntl.flock(fd, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        try:
            if os.fstat(fd).st_nlink == 0:
                raise errors.KeyGone("This keyring was removed.")
            yield fd
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)


def place_new(path: Path, content: bytes, disk: Disk) -> None:
    """Make a file appear whole or not at all; one that is there already stays as it is. May raise OSError.

    The only write beside the in-place protocol: a newborn file holds no key yet, so its blocks are nobody's secret.
    """
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        disk.pwrite(fd, content, 0)
        disk.fsync(fd)
        os.link(draft, path)
    except FileExistsError:
        return  # another process was first; its file counts
    finally:
        os.close(fd)
        draft.unlink()
    sync_folder(path.parent, disk)


def sync_folder(folder: Path, disk: Disk) -> None:
    """Make names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.fsync(fd)
    finally:
        os.close(fd)
