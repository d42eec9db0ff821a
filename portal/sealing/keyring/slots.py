"""One keyring file: two fixed slots written in place, so that what was destroyed is overwritten where it lay.

A commit, under an exclusive lock, is six calls; `layout` draws the bytes:

    1 fill the idle slot   2 fsync   3 flip the header   4 fsync   5 zero the old slot   6 fsync

What is irreversible: step 4 on a destruction. What is never done: rename, append, truncate, copy, back up, fall back to
an older slot while the header is whole.

S1  Before step 4 a crash leaves the old state, after it the new one; never a mixture, never an older one.
S2  A call that returned left the idle slot all zeros. A call that was killed did not return: the next writer, and the
    next start, scrub first.
S3  What a reader was given is durable: it loads under the shared lock, which a writer holds until step 6, and settles
    (fsync, scrub) what a killed writer left.
S4  A cached state is used only while the header on disk says the same generation.
S5  A header that is torn is rebuilt from the newest slot that opens. A whole header whose slot does not open is
    `KeyringCorrupt`: a guess could resurrect.
S6  An OSError before step 4 puts the old state back. After it the change stands and only the scrub is owed.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import randbits
from typing import NamedTuple

from portal.sealing import errors
from portal.sealing.keyring import disk, layout


class Snapshot(NamedTuple):
    """A state that was durable when it was read. `payload` is the same object as long as the generation is the same."""

    mark: float
    payload: bytes


class _Held(NamedTuple):
    sector: bytes
    header: layout.Header
    payload: bytes


class _Examined(NamedTuple):
    header: layout.Header
    payload: bytes
    is_torn: bool
    is_dirty: bool


Change = Callable[[Snapshot], bytes | None]
"""Given the state under the lock: the new payload, or None to leave it."""


class SlotFile:
    """A small map of bytes on disk. Safe for several processes and threads; holds no descriptor between calls."""

    def __init__(
        self, path: Path, file_id: bytes, master_key: bytes, *, capacity: int, io: disk.Disk = disk.DISK
    ) -> None:
        self.path = path
        self._file_id = file_id
        self._key = layout.slot_key(master_key, file_id)
        self._capacity = capacity
        self._io = io
        self._held: _Held | None = None

    def birth(self, payload: bytes) -> None:
        """Make the file if it is not there, whole and all zeros but one slot, so that a full disk cannot stop a
        destruction later. Raises `KeyringUnwritable`."""
        if self.path.exists():
            return
        # A random start: a file reborn under the same name never looks like the generation that a process cached.
        header, slot = self._packed(payload, generation=randbits(56), mark=0.0, active=0)
        image = layout.pack_header(header).ljust(layout.PAGE_BYTES, b"\0") + slot
        try:
            disk.place_new(self.path, image.ljust(layout.file_bytes(self._capacity), b"\0"), self._io)
        except OSError as error:
            raise self._unwritable(error) from error

    def read(self) -> Snapshot:
        """The state; a pread of one sector while nothing changed. Raises `KeyGone`, `KeyringCorrupt`."""
        with disk.opened(self.path, write=False) as fd:
            sector = os.pread(fd, layout.SECTOR_BYTES, 0)
        held = self._held
        if held is not None and held.sector != sector:
            held = self._held = self._remarked(held, sector)
        if held is None:
            held = self._load()
        return Snapshot(held.header.mark, held.payload)

    def update(self, change: Change, *, mark: float = 0.0, durable: bool = True) -> Snapshot:
        """Apply `change` under the lock, durably, and raise the mark to at least `mark`.

        The answer is the state of this very update, whatever others did since. A mere raise of the mark writes the
        header only, and waits for the disk if `durable`. Raises `KeyringUnwritable`, `KeyringFull`, `KeyringCorrupt`,
        `KeyGone`, and whatever `change` raises; nothing is written then.
        """
        with disk.locked(self.path, write=True) as fd:
            now = self._settled(fd)
            payload = change(Snapshot(now.header.mark, now.payload))
            mark = max(mark, now.header.mark)
            if payload is None or payload == now.payload:
                header, payload = self._raise_mark(fd, now.header, mark, durable=durable), now.payload
            else:
                header = self._commit(fd, now.header, payload, mark)
            self._hold(header, payload)
        return Snapshot(header.mark, payload)

    def settle(self) -> None:
        """Scrub what a killed writer left. Raises `KeyringUnwritable` if there is something and the disk refuses."""
        with disk.locked(self.path, write=False) as fd:
            if not self._examine(fd).is_dirty:
                return
        with disk.locked(self.path, write=True) as fd:
            self._settled(fd)

    def remove(self) -> None:
        """Overwrite with zeros, fsync, unlink, fsync the folder. Absent is done. Raises `KeyringUnwritable`."""
        with suppress(errors.KeyGone), disk.locked(self.path, write=True) as fd:
            try:
                self._write(fd, bytes(layout.file_bytes(self._capacity)), 0)
                self.path.unlink()
                disk.sync_folder(self.path.parent, self._io)
            except OSError as error:
                raise self._unwritable(error) from error
        self._held = None

    def probe(self) -> None:
        """Prove that the next write would find its way, without writing: readable, ours, and open for writing."""
        with disk.locked(self.path, write=True) as fd:
            self._examine(fd)

    # Reading

    def _remarked(self, held: _Held, sector: bytes) -> _Held | None:
        """The held state under a header that differs in its mark only; None when there is more to load."""
        header = layout.unpack_header(sector)
        if header is None or header.generation != held.header.generation:
            return None
        return _Held(sector, header, held.payload)

    def _load(self) -> _Held:
        with disk.locked(self.path, write=False) as fd:
            found = self._examine(fd)
        if found.is_dirty:
            # Best effort: a reader on a read-only disk still gets the state that counts. Writers and starts insist.
            with suppress(errors.KeyringUnwritable), disk.locked(self.path, write=True) as fd:
                found = self._settled(fd)
        return self._hold(found.header, found.payload)

    def _hold(self, header: layout.Header, payload: bytes) -> _Held:
        self._held = held = _Held(layout.pack_header(header), header, payload)
        return held

    def _examine(self, fd: int) -> _Examined:
        """The state that counts, and whether a killed writer left something. The caller holds a lock."""
        image = os.pread(fd, layout.file_bytes(self._capacity), 0)
        header = layout.unpack_header(image[: layout.SECTOR_BYTES])
        is_torn = header is None
        if header is None:
            header = self._newest(image)
        elif header.capacity != self._capacity:
            raise errors.KeyringCorrupt(f"The keyring file {self.path.name} was made with slots of another size.")
        slot = self._slot(image, header.active)
        if slot is None or slot.generation != header.generation:
            raise self._corrupt()
        is_dirty = is_torn or self._region(image, header.idle) != bytes(self._capacity)
        return _Examined(header, slot.payload, is_torn, is_dirty)

    def _newest(self, image: bytes) -> layout.Header:
        found = [(slot, active) for active in (0, 1) if (slot := self._slot(image, active)) is not None]
        if not found:
            raise self._corrupt()
        slot, active = max(found, key=lambda pair: pair[0].generation)
        return layout.Header(slot.generation, slot.mark, self._capacity, slot.length, active)

    def _slot(self, image: bytes, index: int) -> layout.Slot | None:
        return layout.unpack_slot(self._key, self._file_id, self._region(image, index))

    def _region(self, image: bytes, index: int) -> bytes:
        start = layout.slot_offset(index, self._capacity)
        return image[start : start + self._capacity]

    # Writing; the caller holds the exclusive lock

    def _settled(self, fd: int) -> _Examined:
        """The state that counts, after making it durable and zeroing what a killed writer left (S2, S3, S5)."""
        found = self._examine(fd)
        if not found.is_dirty:
            return found
        try:
            if found.is_torn:
                self._io.pwrite(fd, layout.pack_header(found.header), 0)
            self._io.fsync(fd)
            self._zero(fd, found.header.idle, self._capacity)
        except OSError as error:
            raise self._unwritable(error) from error
        return found._replace(is_torn=False, is_dirty=False)

    def _commit(self, fd: int, old: layout.Header, payload: bytes, mark: float) -> layout.Header:
        new, slot = self._packed(payload, generation=old.generation + 1, mark=mark, active=old.idle)
        try:
            self._write(fd, slot, layout.slot_offset(new.active, self._capacity))
            self._write(fd, layout.pack_header(new), 0)
        except OSError as error:
            self._step_back(fd, old)
            raise self._unwritable(error) from error
        try:
            self._zero(fd, old.active, old.length)
        except OSError as error:
            raise self._unwritable(error) from error
        return new

    def _step_back(self, fd: int, old: layout.Header) -> None:
        """Put the old state back after a refused write. In this order: the new slot goes only once the old header
        is durable, else a crash could find neither. What cannot be done now is owed to the next writer (S2)."""
        with suppress(OSError):
            self._write(fd, layout.pack_header(old), 0)
            self._zero(fd, old.idle, self._capacity)

    def _raise_mark(self, fd: int, old: layout.Header, mark: float, *, durable: bool) -> layout.Header:
        if mark == old.mark:
            return old
        new = old._replace(mark=mark)
        try:
            self._io.pwrite(fd, layout.pack_header(new), 0)
            if durable:
                self._io.fsync(fd)
        except OSError as error:
            raise self._unwritable(error) from error
        return new

    def _packed(self, payload: bytes, *, generation: int, mark: float, active: int) -> tuple[layout.Header, bytes]:
        slot = layout.pack_slot(self._key, self._file_id, generation=generation, mark=mark, payload=payload)
        if len(slot) > self._capacity:
            raise errors.KeyringFull(f"The keyring file {self.path.name} is full ({self._capacity} bytes).")
        return layout.Header(generation, mark, self._capacity, len(slot), active), slot

    def _zero(self, fd: int, slot: int, length: int) -> None:
        self._write(fd, bytes(length), layout.slot_offset(slot, self._capacity))

    def _write(self, fd: int, data: bytes, offset: int) -> None:
        self._io.pwrite(fd, data, offset)
        self._io.fsync(fd)

    def _unwritable(self, error: OSError) -> errors.KeyringUnwritable:
        return errors.KeyringUnwritable(f"The keyring file {self.path.name} cannot be written: {error.strerror}.")

    def _corrupt(self) -> errors.KeyringCorrupt:
        return errors.KeyringCorrupt(
            f"The keyring file {self.path.name} does not open: it is damaged, or EBB_MASTER_KEY is not the one it was "
            "sealed under."
        )
