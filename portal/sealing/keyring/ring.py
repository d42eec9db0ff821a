"""The keyring of an installation: a folder (0700) with the live file and one file for each business (0600).

    <root>/live.ring                 live buckets; no long-lived backup
    <root>/business/<uuid hex>.ring  keys of one business; backed up, sealed to its recovery recipient
    <root>/business/<uuid hex>.closed  of a business that was closed: it gets no ring again. Holds no key

`slots` says how a file is written, `live` and `business` what it means.
"""

import os
from pathlib import Path
from uuid import UUID

from portal.sealing import aead, errors
from portal.sealing.keyring import business as business_file
from portal.sealing.keyring import disk, live, slots

LIVE_FILE = "live.ring"
BUSINESS_FOLDER = "business"
TOMBSTONE = ".closed"
BUSINESS_ID_LABEL = b"business/"

_LOOSE = 0o077


class Keyring:
    """Opened once a process; cheap to share between its threads. Opening scrubs what a crash left behind.

    Raises `KeyringUnwritable`, `KeyringCorrupt` (damaged, or another master key); ValueError for a master key that is
    not 32 bytes. `io` is the crash tests' way in.
    """

    def __init__(self, root: Path, master_key: bytes, *, io: disk.Disk = disk.DISK) -> None:
        if len(master_key) != aead.KEY_BYTES:
            raise ValueError(f"The master key has {aead.KEY_BYTES} bytes.")
        self._root, self._master_key, self._io = Path(root), master_key, io
        self._businesses: dict[UUID, business_file.BusinessKeyring] = {}
        _make_private(self._root)
        _make_private(self._root / BUSINESS_FOLDER)
        self._live_file = self._slot_file(self._root / LIVE_FILE, live.FILE_ID, live.CAPACITY)
        self._live = live.LiveKeyring(self._live_file)

    @property
    def live(self) -> live.LiveKeyring:
        return self._live

    def business(self, business_id: UUID) -> business_file.BusinessKeyring:
        """The keys of one business; the same object each time. Whether it exists shows at the first use (`KeyGone`)."""
        found = self._businesses.get(business_id)
        if found is None:
            made = business_file.BusinessKeyring(self._business_file(business_id))
            found = self._businesses.setdefault(business_id, made)
        return found

    def birth(self, business_id: UUID) -> business_file.BusinessKeyring:
        """Make the file of a new business, durable and empty; one that exists is scrubbed and kept as it is. Raises `KeyTaken` for
        one that was closed."""
        self._check_unburied(business_id)
        file = self._business_file(business_id)
        file.birth(business_file.encode({}))
        file.settle()
        return self.business(business_id)

    def rebirth(self, business_id: UUID, payload: bytes) -> None:
        """Make the file of a restored business, whole or not at all. Raises `KeyTaken` where there is one, since what it holds
        may be newer than any copy, and where the business was closed."""
        self._check_unburied(business_id)
        file = self._business_file(business_id)
        if file.path.exists():
            raise errors.KeyTaken("The keyring holds this business already.")
        file.birth(payload)

    def holds(self, business_id: UUID) -> bool:
        """Whether there is a file for this business; it may still be damaged, or sealed under another master key."""
        return self._business_file(business_id).path.exists()

    def remove(self, business_id: UUID) -> None:
        """Overwrite and delete the file of a business: its archive and profiles are unreadable from here on, but for
        backups of the file. Asking again is fine."""
        self._business_file(business_id).remove()
        self._businesses.pop(business_id, None)

    def bury(self, business_id: UUID, told: str) -> None:
        """Keep in mind that this business was closed, durably, and then `remove` its file. `told` is what others may read of it;
        the first stays. Asking again is fine."""
        try:
            disk.place_new(self._tombstone(business_id), told.encode(), self._io)
        except OSError as error:
            raise errors.KeyringUnwritable(f"The keyring folder cannot be used: {error.strerror}.") from error
        self.remove(business_id)

    def buried(self) -> dict[UUID, str]:
        """What was told of each business that was closed."""
        found = (self._root / BUSINESS_FOLDER).glob(f"*{TOMBSTONE}")
        return {UUID(path.stem): path.read_text() for path in sorted(found) if len(path.stem) == 32}

    def probe(self) -> None:
        """Writes nothing, but proves that the next write would find its way. Raises `KeyringUnwritable` or
        `KeyringCorrupt`. A failing disk still shows only at a write."""
        for folder in (self._root, self._root / BUSINESS_FOLDER):
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise errors.KeyringUnwritable("The keyring folder is not writable.")
        try:
            self._live_file.probe()
        except errors.KeyGone:
            raise errors.KeyringUnwritable("The live keyring file has disappeared.") from None

    def _check_unburied(self, business_id: UUID) -> None:
        if self._tombstone(business_id).exists():
            raise errors.KeyTaken("This business was closed: its keys are not made again.")

    def _tombstone(self, business_id: UUID) -> Path:
        return self._root / BUSINESS_FOLDER / f"{business_id.hex}{TOMBSTONE}"

    def _business_file(self, business_id: UUID) -> slots.SlotFile:
        path = self._root / BUSINESS_FOLDER / f"{business_id.hex}.ring"
        return self._slot_file(path, BUSINESS_ID_LABEL + business_id.bytes, business_file.CAPACITY)

    def _slot_file(self, path: Path, file_id: bytes, capacity: int) -> slots.SlotFile:
        return slots.SlotFile(path, file_id, self._master_key, capacity=capacity, io=self._io)


def _make_private(folder: Path) -> None:
    """A folder of mode 0700. One that others can enter is tightened if it is empty or ours, else refused: a wrong
    setting must not lock people out of somebody else's folder."""
    try:
        folder.mkdir(mode=disk.FOLDER_MODE, parents=True, exist_ok=True)
        if folder.stat().st_mode & _LOOSE:
            _tighten(folder)
    except OSError as error:
        raise errors.KeyringUnwritable(f"The keyring folder cannot be used: {error.strerror}.") from error


def _tighten(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()}
    if names and LIVE_FILE not in names and folder.name != BUSINESS_FOLDER:
        raise errors.KeyringUnwritable("The keyring folder holds other things and is open to others: give it its own.")
    folder.chmod(disk.FOLDER_MODE)
